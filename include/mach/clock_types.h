/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/clock_types.h - clocks, alarms and times. Names and values: OSF MK's and XNU's. */
#pragma once

#include <mach/port.h>
#include <stdint.h>

typedef int clock_id_t;
typedef int clock_flavor_t;
typedef int *clock_attr_t;
typedef int clock_res_t;
typedef int alarm_type_t;
typedef int sleep_type_t;

/* host_get_clock_service(), host_get_clock_control() */
#define SYSTEM_CLOCK 0   /* since the boot; cannot be set, never goes back */
#define CALENDAR_CLOCK 1 /* since 1970, UTC */
#define REALTIME_CLOCK SYSTEM_CLOCK

#ifndef MACH_TIMESPEC_T
#define MACH_TIMESPEC_T
typedef struct mach_timespec {
	unsigned int tv_sec;
	int tv_nsec; /* 0 to NSEC_PER_SEC - 1 */
} mach_timespec_t;
#endif

#define BAD_MACH_TIMESPEC(t) ((t)->tv_nsec < 0 || (t)->tv_nsec >= 1000000000)
/* -1, 0, 1 and beyond: t1 is before, at, after t2. */
#define CMP_MACH_TIMESPEC(t1, t2) \
	((t1)->tv_sec != (t2)->tv_sec ? ((t1)->tv_sec > (t2)->tv_sec) - ((t1)->tv_sec < (t2)->tv_sec) \
				      : (t1)->tv_nsec - (t2)->tv_nsec)

/* clock_get_attributes(): each one int, nanoseconds */
#define CLOCK_GET_TIME_RES 1
#define CLOCK_MAP_TIME_RES 2 /* of clock_map_time() */
#define CLOCK_ALARM_CURRES 3
#define CLOCK_ALARM_MINRES 4
#define CLOCK_ALARM_MAXRES 5

/* clock_alarm(), clock_sleep() */
#define TIME_ABSOLUTE 0
#define TIME_RELATIVE 1
#define ALRMTYPE 0xff
#define BAD_ALRMTYPE(t) (((t) & ~TIME_RELATIVE) != 0)
