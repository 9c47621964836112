/* SPDX-License-Identifier: BSD-2-Clause */
/* instructions.h - the machine instructions that C has no words for, and the numbers they take. */
#pragma once

#include <stdint.h>

/* Control register bits (SDM vol. 3A 2.5). */
#define CR0_MP (1UL << 1)
#define CR0_EM (1UL << 2)
#define CR0_TS (1UL << 3)
#define CR0_NE (1UL << 5)
#define CR0_WP (1UL << 16)
#define CR0_NW (1UL << 29)
#define CR0_CD (1UL << 30)
#define CR0_PG (1UL << 31)
#define CR4_PAE (1UL << 5)
#define CR4_PGE (1UL << 7)
#define CR4_OSFXSR (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)
#define CR4_UMIP (1UL << 11)
#define CR4_FSGSBASE (1UL << 16)
#define CR4_PCIDE (1UL << 17)
#define CR4_OSXSAVE (1UL << 18)
#define CR4_SMEP (1UL << 20)
#define CR4_SMAP (1UL << 21)

/* Model-specific registers. */
#define MSR_APIC_BASE 0x1bU
#define MSR_PAT 0x277U
#define PAT_VALUE 0x0007040600070106UL /* the reset value, but entry 1 combines writes instead of writing through (SDM vol. 3A 11.12) */
#define MSR_X2APIC_BASE 0x800U
#define MSR_EFER 0xc0000080U
#define MSR_STAR 0xc0000081U
#define MSR_LSTAR 0xc0000082U
#define MSR_SFMASK 0xc0000084U
#define MSR_FS_BASE 0xc0000100U
#define MSR_GS_BASE 0xc0000101U
#define MSR_KERNEL_GS_BASE 0xc0000102U
#define EFER_SCE (1UL << 0)
#define EFER_NXE (1UL << 11)

/* RFLAGS bits. */
#define RFLAGS_CF (1UL << 0)
#define RFLAGS_ONE (1UL << 1)
#define RFLAGS_TF (1UL << 8)
#define RFLAGS_IF (1UL << 9)
#define RFLAGS_DF (1UL << 10)
#define RFLAGS_IOPL (3UL << 12)
#define RFLAGS_NT (1UL << 14)
#define RFLAGS_RF (1UL << 16)
#define RFLAGS_AC (1UL << 18)
/* What user code may have set as it likes: CF PF AF ZF SF TF DF OF RF AC ID. */
#define RFLAGS_USER 0x250dd5UL

/* Debug registers (SDM vol. 3B 17.2). */
#define DR6_HITS 0xfUL           /* which of the four */
#define DR6_STATUS 0xe00fUL      /* and BD, BS, BT */
#define DR7_ONE 0x400UL          /* always set */
#define DR7_ENABLES 0xffUL       /* two bits for each of the four */
#define DR7_USER 0xffff03ffUL    /* enables, LE, GE, conditions and lengths */

static inline void write_dr0(uint64_t value)
{
	__asm__ volatile("movq %0, %%dr0" : : "r"(value));
}

static inline void write_dr1(uint64_t value)
{
	__asm__ volatile("movq %0, %%dr1" : : "r"(value));
}

static inline void write_dr2(uint64_t value)
{
	__asm__ volatile("movq %0, %%dr2" : : "r"(value));
}

static inline void write_dr3(uint64_t value)
{
	__asm__ volatile("movq %0, %%dr3" : : "r"(value));
}

static inline void write_dr7(uint64_t value)
{
	__asm__ volatile("movq %0, %%dr7" : : "r"(value));
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

#define DEFINE_CONTROL_REGISTER(name) \
	static inline uint64_t read_##name(void) \
	{ \
		uint64_t value; \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory"); \
		return value; \
	} \
	static inline void write_##name(uint64_t value) \
	{ \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
	}

DEFINE_CONTROL_REGISTER(cr0)
DEFINE_CONTROL_REGISTER(cr2)
DEFINE_CONTROL_REGISTER(cr3)
DEFINE_CONTROL_REGISTER(cr4)
DEFINE_CONTROL_REGISTER(dr6)

static inline void clts(void)
{
	__asm__ volatile("clts" : : : "memory");
}

static inline void invlpg(uint64_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

struct cpuid_result {
	uint32_t a, b, c, d;
};

static inline struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_result r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
	return r;
}

static inline void xsetbv(uint32_t reg, uint64_t value)
{
	__asm__ volatile("xsetbv" : : "c"(reg), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}
