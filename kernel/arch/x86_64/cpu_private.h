/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu_private.h - what arch keeps per CPU beside struct cpu, and what the processor can do.
 *
 * One CPU's struct cpu, GDT and TSS lie in one page (union cpu_page), so that a trap or a switch touches
 * one page for all of them; the boot CPU shares it with the scheduler's and the clock's (hot_data.ld). The IST stacks are apart; each begins at its top with a pointer to
 * its CPU, by which a handler that cannot trust %gs finds it.
 */
#pragma once

#include <machine/cpu.h>
#include <stddef.h>
#include <stdint.h>

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA (0x18 | 3)
#define SELECTOR_USER_CODE (0x20 | 3)
#define SELECTOR_TSS 0x28

#define IST_STACK_BYTES 8192
enum ist { IST_NONE, IST_DOUBLE_FAULT, IST_NMI, IST_DEBUG, IST_MACHINE_CHECK, IST_COUNT };

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* ist[n - 1] is IST n */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map_base;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "APM vol. 2 12.2.5");

struct cpu_arch {
	uint64_t gdt[7];
	struct tss tss;
	struct thread *fpu_owner; /* whose state the FPU registers hold; NULL: nobody's */
	bool fpu_enabled;         /* CR0.TS is clear */
	bool fpu_saved;           /* the owner's area is as new as the registers */
	_Atomic bool stop_request; /* an NMI that comes is another CPU's panic */
	_Atomic bool pause_request; /* or its debugger, until this is false again */
	struct trap_frame *_Atomic paused; /* where it stands meanwhile */
	uint64_t nmis;             /* that were nobody's */
	struct thread *bases_of;  /* the user thread whose FS and GS bases are loaded */
	uint64_t fs_base, gs_base; /* as last loaded */
	bool debugging;           /* debug registers are on */
	uint64_t timer_deadline_ns; /* what the APIC timer is armed for; UINT64_MAX: nothing */
};

union cpu_page {
	struct cpu cpu;
	char bytes[512];
};
_Static_assert(offsetof(struct cpu, arch) + sizeof(struct cpu_arch) <= sizeof(union cpu_page), "in one page");
_Static_assert(offsetof(struct cpu, self) == 0 && offsetof(struct cpu, current) == 8, "trap_entry.S");
_Static_assert(offsetof(struct cpu, kernel_stack_top) == 16, "trap_entry.S");
_Static_assert(offsetof(struct cpu, user_rsp) == 24, "trap_entry.S");

static inline struct cpu_arch *cpu_arch(struct cpu *cpu)
{
	return (struct cpu_arch *)cpu->arch;
}

/* What the boot CPU has; the others are taken to be alike. */
struct cpu_features {
	bool smep, smap, umip, fsgsbase, pages_1g, pge, x2apic, xsave, xsaveopt;
	bool invariant_tsc, fpu_lazy_safe, pcid;
	uint32_t xsave_bytes;  /* size of an FPU state area */
	uint64_t xsave_mask;   /* XCR0 */
	uint32_t phys_bits;
	char vendor[13];
};
extern struct cpu_features cpu_features;

/* Detect features and patch the code that depends on them; once, while text is still writable. */
void cpu_detect(void);
/* Make the structure of CPU id in *page; the caller loads it. */
struct cpu *cpu_page_init(union cpu_page *page, uint32_t id, uint64_t stack_top);
/* Load GS base, GDT, TSS, IDT and the control registers of this CPU. */
void cpu_load(struct cpu *cpu);
void idt_init(void);
void idt_load(void);
/* On this CPU: the system call registers. */
void syscall_init(void);
void fpu_init_cpu(void);

extern struct cpu *cpus[MAX_CPUS];
/* Give cpu its IST stacks: IST_COUNT areas of IST_STACK_BYTES, aligned to that. */
void cpu_ist_init(struct cpu *cpu, char *stacks);
