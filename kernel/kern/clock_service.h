/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock_service.h - a node's clocks as ports: SYSTEM_CLOCK (since the boot), CALENDAR_CLOCK (since 1970).
 *
 * Clocks are there from the boot on and never go; a send right to the service port tells the time, one to the control port sets it.
 */
#pragma once

#include <mach/clock_types.h>
#include <mach/kern_return.h>
#include <stdint.h>

struct clock;
struct ipc_port;

/* After ipc_init. */
void clock_service_init(void);
/* NULL: not a clock's service port (control port). Nothing to release. */
struct clock *convert_port_to_clock(struct ipc_port *port);
struct clock *convert_port_to_clock_ctrl(struct ipc_port *port);
/* A send right; IP_NULL: no such clock. */
struct ipc_port *clock_service_port(clock_id_t id);
struct ipc_port *clock_control_port(clock_id_t id);
/* SYSTEM_CLOCK or CALENDAR_CLOCK. */
struct clock *clock_of_id(clock_id_t id);
/* Tell port, a send-once right (consumed on success), when the calendar is set next. KERN_RESOURCE_SHORTAGE. */
kern_return_t clock_calendar_notify(struct ipc_port *port);
/* Nanoseconds since 1970. Any context. */
uint64_t clock_calendar_ns(void);
/*
 * Purpose: sleep on a clock; *time becomes what it shows then.
 * Returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT (clock NULL); KERN_INVALID_VALUE; KERN_ABORTED.
 */
kern_return_t clock_service_sleep(struct clock *clock, sleep_type_t type, mach_timespec_t *time);
