/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.c - time from the TSC, and the one-shot timer of each CPU's local APIC.
 *
 * Interface: <machine/clock.h>. The TSC's and the APIC timer's rates are measured at boot against
 * the ACPI PM timer, or else the HPET, or else the PIT, whose rates are known. Of several short measurements the one with the least
 * doubt counts: the reference is read between two readings of the TSC, and an interruption shows as a
 * wide gap between them.
 *
 * Invariants: K1 timer_deadline_ns is what the hardware is armed for, or UINT64_MAX.
 * References: ACPI 4.8.3.3 (PM timer); Intel 8254 data sheet; IA-PC HPET Specification 1.0a; SDM vol. 3B 18.17 (TSC).
 */
#include "acpi.h"
#include "apic.h"
#include "clock_private.h"
#include "cpu_private.h"
#include "instructions.h"
#include <kern/assert.h>
#include <kern/printf.h>
#include <machine/clock.h>
#include <machine/io.h>
#include <machine/pmap.h>
#include <stddef.h>

#define PM_TIMER_HZ 3579545U
#define PIT_HZ 1193182U
#define PIT_CHANNEL_2 0x42
#define PIT_COMMAND 0x43
#define PIT_GATE 0x61
#define PIT_MODE_0 0xb0 /* channel 2, low byte then high, interrupt on terminal count */
#define HPET_BYTES 1024
#define HPET_PERIOD 4 /* upper half of the capabilities: femtoseconds per tick */
#define HPET_PERIOD_MAX 100000000U
#define HPET_CONFIGURATION 0x10
#define HPET_ENABLE 1U
#define HPET_COUNTER 0xf0
#define FEMTOSECONDS_PER_SEC 1000000000000000UL
#define MEASURE_MS 10
#define MEASURE_TRIES 4
#define MEASURE_TRIES_MAX 60
#define DOUBT_GOOD 3 /* in a thousand */
#define NS_PER_SEC 1000000000ULL

static uint64_t tsc_start;
static uint64_t ns_per_tsc;  /* times 2^32 */
static uint64_t tsc_hz, apic_hz;
static uint64_t ticks_per_ns; /* of the timer (TSC or APIC), times 2^32 */

/* One reading of a reference: its count, and the TSC around it. */
struct reading {
	uint32_t count;
	uint64_t before, after;
};

/* A clock of known rate that counts upwards. */
struct reference {
	struct reading (*read)(void);
	void (*begin)(void); /* may be NULL */
	uint32_t hz, mask;
};

static struct reading read_pm_timer(void)
{
	struct reading r;

	r.before = rdtsc();
	r.count = io_in32(acpi_info.pm_timer_port);
	r.after = rdtsc();
	return r;
}

/* Channel 2 counts down from 65535 once, upwards of 54 ms; latched reads. */
static void pit_begin(void)
{
	io_out8(PIT_GATE, (uint8_t)((io_in8(PIT_GATE) & ~2U) | 1));
	io_out8(PIT_COMMAND, PIT_MODE_0);
	io_out8(PIT_CHANNEL_2, 0xff);
	io_out8(PIT_CHANNEL_2, 0xff);
}

static struct reading read_pit(void)
{
	struct reading r;

	r.before = rdtsc();
	io_out8(PIT_COMMAND, 0x80); /* latch channel 2 */
	r.after = rdtsc();
	r.count = io_in8(PIT_CHANNEL_2);
	r.count |= (uint32_t)io_in8(PIT_CHANNEL_2) << 8;
	r.count = 0xffff - r.count; /* upwards */
	return r;
}

static volatile char *hpet;

static struct reading read_hpet(void)
{
	struct reading r;

	r.before = rdtsc();
	r.count = mmio_read32(hpet + HPET_COUNTER);
	r.after = rdtsc();
	return r;
}

/* Its rate, with its counter running; 0: there is none. */
static uint32_t hpet_begin(void)
{
	uint32_t period;

	hpet = acpi_info.hpet != 0 ? pmap_map_device(acpi_info.hpet, HPET_BYTES) : NULL;
	if (hpet == NULL)
		return 0;
	period = mmio_read32(hpet + HPET_PERIOD);
	if (period == 0 || period > HPET_PERIOD_MAX)
		return 0;
	mmio_write32(hpet + HPET_CONFIGURATION, mmio_read32(hpet + HPET_CONFIGURATION) | HPET_ENABLE);
	return (uint32_t)(FEMTOSECONDS_PER_SEC / period);
}

static struct reference reference_choose(void)
{
	uint32_t hpet_hz;

	if (acpi_info.pm_timer_port != 0)
		return (struct reference){ read_pm_timer, NULL, PM_TIMER_HZ, 0xffffff };
	hpet_hz = hpet_begin();
	if (hpet_hz != 0)
		return (struct reference){ read_hpet, NULL, hpet_hz, UINT32_MAX };
	return (struct reference){ read_pit, pit_begin, PIT_HZ, 0xffff };
}

/* When the count was read, on the TSC: in the middle, as nearly as one can say. */
static uint64_t when(const struct reading *r)
{
	return r->before + (r->after - r->before) / 2;
}

/* TSC ticks per second by one measurement; *apic likewise; *doubt: by how many in a thousand it may be wrong. */
static uint64_t measure(const struct reference *ref, uint64_t *apic, uint64_t *doubt)
{
	uint32_t ticks, apic_first, apic_last;
	struct reading first, last;

	if (ref->begin != NULL)
		ref->begin();
	first = ref->read();
	apic_first = apic_timer_current();
	do
		last = ref->read();
	while (((last.count - first.count) & ref->mask) < ref->hz / 1000 * MEASURE_MS);
	apic_last = apic_timer_current();
	ticks = (last.count - first.count) & ref->mask;
	*doubt = ((first.after - first.before) + (last.after - last.before)) * 1000 / (when(&last) - when(&first) + 1);
	*apic = (uint64_t)(apic_first - apic_last) * ref->hz / ticks;
	return (when(&last) - when(&first)) * ref->hz / ticks;
}

/* numerator * 2^32 / denominator; the quotient fits. */
static uint64_t scale(uint64_t numerator, uint64_t denominator)
{
	uint64_t quotient, rest;

	__asm__("divq %4"
		: "=a"(quotient), "=d"(rest)
		: "a"(numerator << 32), "d"(numerator >> 32), "r"(denominator)
		: "cc");
	return quotient;
}

void clock_calibrate(void)
{
	struct reference ref = reference_choose();
	uint64_t best = UINT64_MAX;

	apic_timer_free_run();
	/* A host that is busy may stop us in the middle of a measurement; then it takes more of them. */
	for (int i = 0; i < MEASURE_TRIES || (best > DOUBT_GOOD && i < MEASURE_TRIES_MAX); i++) {
		uint64_t apic, doubt, hz = measure(&ref, &apic, &doubt);

		if (doubt < best) {
			best = doubt;
			tsc_hz = hz;
			apic_hz = apic;
		}
	}
	VERIFY(tsc_hz != 0 && apic_hz != 0);
	ns_per_tsc = scale(NS_PER_SEC, tsc_hz);
	ticks_per_ns = scale(apic_has_tsc_deadline() ? tsc_hz : apic_hz, NS_PER_SEC);
	tsc_start = rdtsc();
	apic_timer_set_ticks(0);
	apic_init_cpu(); /* the timer's interrupt is unmasked again */
}

__attribute__((section(".text.first"))) uint64_t machine_now_ns(void)
{
	return (uint64_t)((unsigned __int128)(rdtsc() - tsc_start) * ns_per_tsc >> 32);
}

struct machine_clock_terms machine_clock_terms(void)
{
	return (struct machine_clock_terms){ tsc_start, ns_per_tsc };
}

void machine_timer_set(uint64_t deadline_ns)
{
	struct cpu_arch *arch;
	uint64_t now, ns, ticks;

	cpu_irq_push();
	arch = cpu_arch(this_cpu());
	if (arch->timer_deadline_ns == deadline_ns) { /* K1 */
		cpu_irq_pop();
		return;
	}
	arch->timer_deadline_ns = deadline_ns;
	now = machine_now_ns();
	ns = deadline_ns > now ? deadline_ns - now : 0;
	if (ns > 4 * NS_PER_SEC)
		ns = 4 * NS_PER_SEC; /* it comes too early, and is set again by who looks at the clock */
	ticks = (uint64_t)((unsigned __int128)ns * ticks_per_ns >> 32) + 1;
	if (apic_has_tsc_deadline())
		apic_timer_set_tsc(deadline_ns == UINT64_MAX ? 0 : rdtsc() + ticks);
	else
		apic_timer_set_ticks(deadline_ns == UINT64_MAX ? 0 : ticks > UINT32_MAX ? UINT32_MAX :
				     (uint32_t)ticks);
	cpu_irq_pop();
}

void clock_delay_us(uint64_t us)
{
	uint64_t until = machine_now_ns() + us * 1000;

	while (machine_now_ns() < until)
		cpu_relax();
}

uint64_t clock_tsc_hz(void)
{
	return tsc_hz;
}
