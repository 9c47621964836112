/* SPDX-License-Identifier: BSD-2-Clause */
/* apic.h - the local APIC of each CPU, and the IOAPICs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Find and map the local APICs, on the boot CPU; then enable this CPU's. */
void apic_init(void);
void apic_init_cpu(void);
uint32_t apic_id(void);
void apic_end_of_interrupt(void);
/* Interrupt the CPU with this APIC id. */
void apic_send(uint32_t apic_id, uint8_t vector);
void apic_send_nmi(uint32_t apic_id);
/* Start-up of another CPU. */
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, uint8_t page);

/* The timer: one interrupt (VECTOR_TIMER) after so many of its ticks; 0: none. */
void apic_timer_set_ticks(uint32_t ticks);
uint32_t apic_timer_current(void);
/* Let the counter run down from the top with the interrupt masked, for calibration. */
void apic_timer_free_run(void);
/* The timer in TSC-deadline mode, where the processor has it. */
bool apic_has_tsc_deadline(void);
void apic_timer_set_tsc(uint64_t tsc);

void ioapic_init(void);
/* Send global system interrupt gsi to vector on the CPU apic_id. False: no IOAPIC has it. */
bool ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool active_low, bool level);
