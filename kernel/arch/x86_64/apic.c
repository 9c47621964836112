/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apic.c - the local APIC: identity, end of interrupt, interrupts to other CPUs, the timer's registers.
 *
 * In x2APIC mode the registers are MSRs, else memory at apic_base. Register numbers are the xAPIC's offsets / 16,
 * which are the x2APIC's MSR numbers less 0x800.
 * Locking: each CPU its own APIC; a command is written with interrupts off.
 * References: SDM vol. 3A 11 (APIC), 11.12 (x2APIC), 11.5.4 (timer).
 */
#include "acpi.h"
#include "apic.h"
#include "cpu_private.h"
#include "instructions.h"
#include "interrupt.h"
#include <kern/assert.h>
#include <kern/printf.h>
#include <machine/io.h>
#include <machine/pmap.h>

enum apic_register {
	APIC_ID = 0x02,
	APIC_TASK_PRIORITY = 0x08,
	APIC_EOI = 0x0b,
	APIC_DESTINATION_FORMAT = 0x0e,
	APIC_SPURIOUS = 0x0f,
	APIC_ERROR_STATUS = 0x28,
	APIC_COMMAND = 0x30,
	APIC_COMMAND_HIGH = 0x31,
	APIC_LVT_TIMER = 0x32,
	APIC_LVT_LINT0 = 0x35,
	APIC_LVT_LINT1 = 0x36,
	APIC_LVT_ERROR = 0x37,
	APIC_TIMER_INITIAL = 0x38,
	APIC_TIMER_CURRENT = 0x39,
	APIC_TIMER_DIVIDE = 0x3e,
};

#define APIC_BASE_ENABLE (1UL << 11)
#define APIC_BASE_X2APIC (1UL << 10)
#define APIC_BASE_ADDRESS 0x000ffffffffff000UL
#define SPURIOUS_ENABLE (1U << 8)
#define LVT_MASKED (1U << 16)
#define LVT_NMI (4U << 8)
#define LVT_TSC_DEADLINE (2U << 17)
#define DIVIDE_BY_16 3U
#define COMMAND_NMI (4U << 8)
#define COMMAND_INIT (5U << 8)
#define COMMAND_STARTUP (6U << 8)
#define COMMAND_ASSERT (1U << 14)
#define COMMAND_PENDING (1U << 12)
#define MSR_TSC_DEADLINE 0x6e0U

static volatile char *apic_base; /* NULL: x2APIC */
static bool tsc_deadline;

static uint32_t apic_read(enum apic_register r)
{
	if (apic_base == NULL)
		return (uint32_t)rdmsr(MSR_X2APIC_BASE + r);
	return mmio_read32(apic_base + r * 16);
}

static void apic_write(enum apic_register r, uint32_t value)
{
	if (apic_base == NULL)
		wrmsr(MSR_X2APIC_BASE + r, value);
	else
		mmio_write32(apic_base + r * 16, value);
}

void apic_init(void)
{
	uint64_t physical = rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS;

	tsc_deadline = (cpuid(1, 0).c >> 24) & 1;
	if (!cpu_features.x2apic) {
		if (acpi_info.found && acpi_info.local_apic != 0)
			physical = acpi_info.local_apic;
		apic_base = pmap_map_device(physical, PAGE_SIZE);
		VERIFY(apic_base != NULL);
	}
	apic_init_cpu();
}

void apic_init_cpu(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base);
	if (cpu_features.x2apic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	/* First: while the APIC is disabled by this register, as after INIT, entries stay masked whatever is written (SDM 11.4.7.2). */
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	apic_write(APIC_TASK_PRIORITY, 0);
	apic_write(APIC_LVT_LINT0, LVT_MASKED); /* the PIC's */
	apic_write(APIC_LVT_LINT1, LVT_NMI);
	apic_write(APIC_LVT_ERROR, VECTOR_APIC_ERROR);
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_16);
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_LVT_TIMER, tsc_deadline ? VECTOR_TIMER | LVT_TSC_DEADLINE : VECTOR_TIMER);
	apic_write(APIC_EOI, 0);
	this_cpu()->apic_id = apic_id();
}

uint32_t apic_id(void)
{
	uint32_t id = apic_read(APIC_ID);

	return apic_base == NULL ? id : id >> 24;
}

__attribute__((section(".text.warm"))) void apic_end_of_interrupt(void)
{
	apic_write(APIC_EOI, 0);
}

static void command(uint32_t destination, uint32_t low)
{
	cpu_irq_push();
	if (apic_base == NULL) {
		__asm__ volatile("mfence; lfence" : : : "memory"); /* WRMSR to x2APIC orders nothing */
		wrmsr(MSR_X2APIC_BASE + APIC_COMMAND, (uint64_t)destination << 32 | low);
	} else {
		while (apic_read(APIC_COMMAND) & COMMAND_PENDING)
			__asm__ volatile("pause");
		apic_write(APIC_COMMAND_HIGH, destination << 24);
		apic_write(APIC_COMMAND, low);
	}
	cpu_irq_pop();
}

void apic_send(uint32_t id, uint8_t vector)
{
	command(id, COMMAND_ASSERT | vector);
}

void apic_send_nmi(uint32_t id)
{
	command(id, COMMAND_ASSERT | COMMAND_NMI);
}

void apic_send_init(uint32_t id)
{
	command(id, COMMAND_ASSERT | COMMAND_INIT);
}

void apic_send_startup(uint32_t id, uint8_t page)
{
	command(id, COMMAND_ASSERT | COMMAND_STARTUP | page);
}

void apic_timer_set_ticks(uint32_t ticks)
{
	apic_write(APIC_TIMER_INITIAL, ticks);
}

uint32_t apic_timer_current(void)
{
	return apic_read(APIC_TIMER_CURRENT);
}

void apic_timer_free_run(void)
{
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | LVT_MASKED);
	apic_write(APIC_TIMER_INITIAL, UINT32_MAX);
}

bool apic_has_tsc_deadline(void)
{
	return tsc_deadline;
}

void apic_timer_set_tsc(uint64_t tsc)
{
	wrmsr(MSR_TSC_DEADLINE, tsc);
}
