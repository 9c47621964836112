/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.c - what the processor can do, and loading a CPU's own tables and registers.
 *
 * Interface: cpu_private.h; cpu_by_id() of <machine/cpu.h>.
 * Invariants: C1 kernel code runs with %gs at its struct cpu from cpu_load() on;
 *   C2 WP, NX and (where it has them) SMEP, SMAP, UMIP are on from cpu_load() on.
 * References: SDM vol. 2 CPUID, vol. 3A 2.5; APM vol. 3 appendix E.
 */
#include "cpu_private.h"
#include "instructions.h"
#include <base/string.h>
#include <kern/assert.h>
#include <machine/pmap.h>

struct cpu_features cpu_features;
struct cpu *cpus[MAX_CPUS];
uint32_t cpu_count;

struct cpu *cpu_by_id(uint32_t id)
{
	KASSERT(id < cpu_count);
	return cpus[id];
}

/* --- features ----------------------------------------------------------------------------- */

/* Places in the text where an instruction needs a feature (trap_entry.S, copyio.S). */
struct patch {
	uint64_t address;
	uint8_t kind; /* enum patch_kind */
	uint8_t bytes[7];
};
_Static_assert(sizeof(struct patch) == 16, "PATCH of patch.h");
extern const struct patch patch_start[], patch_end[];

static void patch_text(void)
{
	if (!cpu_features.smap)
		return; /* the places hold no-ops */
	for (const struct patch *p = patch_start; p < patch_end; p++)
		memcpy((void *)p->address, p->bytes, 3);
}

static void detect_xsave(uint32_t max_leaf)
{
	/* x87, SSE, AVX, AVX-512 (three parts), as far as the processor has them. */
	const uint64_t wanted = 0xe7;
	struct cpuid_result r;

	cpu_features.xsave_bytes = 512;
	if (!cpu_features.xsave || max_leaf < 0xd) {
		cpu_features.xsave = false;
		return;
	}
	r = cpuid(0xd, 0);
	cpu_features.xsave_mask = (((uint64_t)r.d << 32) | r.a) & wanted;
	/* AVX-512's parts go together and need AVX. */
	if ((cpu_features.xsave_mask & 0xe4) != 0xe4)
		cpu_features.xsave_mask &= 7;
	/* ECX: bytes for all that the processor has; at least what the mask needs. */
	cpu_features.xsave_bytes = r.c;
	if (r.c > 4096) {
		cpu_features.xsave_mask &= 7;
		cpu_features.xsave_bytes = 512 + 64 + 256;
	}
	cpu_features.xsaveopt = (cpuid(0xd, 1).a & 1) != 0;
}

void cpu_detect(void)
{
	struct cpuid_result r = cpuid(0, 0);
	uint32_t max_leaf = r.a, max_extended;

	memcpy(cpu_features.vendor, &r.b, 4);
	memcpy(cpu_features.vendor + 4, &r.d, 4);
	memcpy(cpu_features.vendor + 8, &r.c, 4);
	/* Registers of a lazily switched FPU can be read by speculation on Intel's (CVE-2018-3665). */
	cpu_features.fpu_lazy_safe = strcmp(cpu_features.vendor, "AuthenticAMD") == 0 ||
				     strcmp(cpu_features.vendor, "HygonGenuine") == 0;
	r = cpuid(1, 0);
	cpu_features.pge = (r.d >> 13) & 1;
	cpu_features.x2apic = (r.c >> 21) & 1;
	cpu_features.xsave = (r.c >> 26) & 1;
	cpu_features.pcid = ((r.c >> 17) & 1) && cpu_features.pge;
	if (max_leaf >= 7) {
		r = cpuid(7, 0);
		cpu_features.fsgsbase = r.b & 1;
		cpu_features.smep = (r.b >> 7) & 1;
		cpu_features.smap = (r.b >> 20) & 1;
		cpu_features.umip = (r.c >> 2) & 1;
	}
	max_extended = cpuid(0x80000000, 0).a;
	cpu_features.pages_1g = (cpuid(0x80000001, 0).d >> 26) & 1;
	if (max_extended >= 0x80000007)
		cpu_features.invariant_tsc = (cpuid(0x80000007, 0).d >> 8) & 1;
	cpu_features.phys_bits = max_extended >= 0x80000008 ? cpuid(0x80000008, 0).a & 0xff : 36;
	detect_xsave(max_leaf);
	patch_text();
}

/* --- a CPU's own tables ------------------------------------------------------------------- */

struct cpu *cpu_page_init(union cpu_page *page, uint32_t id, uint64_t stack_top)
{
	struct cpu *cpu = &page->cpu;
	struct cpu_arch *arch = cpu_arch(cpu);
	uint64_t tss = (uint64_t)&arch->tss;

	memset(page, 0, sizeof(*page));
	cpu->self = cpu;
	cpu->id = id;
	cpu->kernel_stack_top = stack_top;
	cpus[id] = cpu;

	arch->gdt[1] = 0x00209b0000000000; /* kernel code, 64 bit, accessed */
	arch->gdt[2] = 0x0000930000000000; /* kernel data */
	arch->gdt[3] = 0x0000f30000000000; /* user data; SYSRET wants data before code */
	arch->gdt[4] = 0x0020fb0000000000; /* user code, 64 bit */
	arch->gdt[5] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | 0x0000890000000000 |
		       (tss & 0xff000000) << 32;
	arch->gdt[6] = tss >> 32;
	arch->tss.rsp[0] = stack_top;
	arch->tss.io_map_base = sizeof(struct tss); /* none */
	arch->timer_deadline_ns = UINT64_MAX;
	return cpu;
}

void cpu_ist_init(struct cpu *cpu, char *stacks)
{
	struct cpu_arch *arch = cpu_arch(cpu);

	for (unsigned i = 1; i < IST_COUNT; i++) {
		char *top = stacks + (i + 1) * IST_STACK_BYTES;

		((struct cpu **)top)[-1] = cpu; /* trap_ist_kernel reads it */
		arch->tss.ist[i - 1] = (uint64_t)top - 16;
	}
}

static void load_segments(struct cpu_arch *arch)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(arch->gdt) - 1, (uint64_t)arch->gdt };

	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl %2, %%eax\n\t"
			 "movl %%eax, %%ss\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%fs\n\t"
			 "movl %%eax, %%gs\n\t"
			 : : "m"(pointer), "i"(SELECTOR_KERNEL_CODE), "i"(SELECTOR_KERNEL_DATA)
			 : "rax", "memory");
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS) : "memory");
}

unsigned machine_phys_bits(void)
{
	return cpu_features.phys_bits;
}

void cpu_load(struct cpu *cpu)
{
	uint64_t cr4 = read_cr4() | CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	load_segments(cpu_arch(cpu)); /* clears GS base */
	wrmsr(MSR_GS_BASE, (uint64_t)cpu); /* C1 */
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	idt_load();
	/* A BIOS may leave the caches off: Bochs's does. */
	write_cr0((read_cr0() | CR0_WP | CR0_NE | CR0_MP) & ~(CR0_EM | CR0_TS | CR0_CD | CR0_NW));
	if (cpu_features.smep)
		cr4 |= CR4_SMEP;
	if (cpu_features.smap)
		cr4 |= CR4_SMAP;
	if (cpu_features.umip)
		cr4 |= CR4_UMIP;
	if (cpu_features.pge)
		cr4 |= CR4_PGE;
	if (cpu_features.xsave)
		cr4 |= CR4_OSXSAVE;
	if (cpu_features.pcid)
		cr4 |= CR4_PCIDE; /* CR3 has PCID 0 yet, as this asks for */
	write_cr4(cr4); /* C2 */
	wrmsr(MSR_PAT, PAT_VALUE); /* nothing was mapped by entry 1 */
	fpu_init_cpu();
	syscall_init();
	cpu->online = true;
}
