/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h - what the kernel did last: a ring of typed events for each CPU.
 *
 * TRACE(SWITCH, from, to) notes an event with up to three numbers and the time. With tracing off (the default of the measured
 * kernel; boot option trace=1, ddb's `trace on`) it costs one test of a variable. Read by ddb, by tools/gdb, and printed by a panic.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* name, text for up to three numbers, as printf's with %lx or %lu */
#define TRACE_EVENTS(X)                                                                  \
	X(SWITCH, "switch: thread %lu -> %lu")                                           \
	X(WAKE, "wake: thread %lu, priority %lu")                                        \
	X(TRAP, "trap: vector %lu at %lx, error %lx")                                    \
	X(FAULT, "page fault: %lx, access %lx, result %lx")                              \
	X(SEND, "send: port %lx, id %lu, %lu bytes")                                    \
	X(RECEIVE, "receive: port %lx, id %lu, %lu bytes")                            \
	X(KOBJECT, "kernel call: port %lx, id %lu, result %lx")                          \
	X(EXCEPTION, "exception: type %lu, code %lx, subcode %lx")                       \
	X(TASK_START, "task %lu made")                                                   \
	X(TASK_END, "task %lu ends")                                                     \
	X(THREAD_START, "thread %lu made in task %lu")                                   \
	X(THREAD_END, "thread %lu ends")

enum trace_event {
#define X(name, text) TRACE_##name,
	TRACE_EVENTS(X)
#undef X
	TRACE_EVENT_COUNT
};

#define TRACE_RING 512U /* events a CPU keeps: a power of two */

struct trace_record {
	uint64_t when_ns;
	uint64_t a, b, c;
	uint32_t event; /* enum trace_event */
	uint32_t thread; /* its tid */
};

struct trace_ring {
	uint64_t next; /* events ever; the last one is at (next - 1) % TRACE_RING */
	struct trace_record records[TRACE_RING];
};

#ifdef MESHACH_HOST
#define TRACE_(event, a, b, c) ((void)(a), (void)(b), (void)(c))
#else
extern bool trace_on;
void trace_record(enum trace_event event, uint64_t a, uint64_t b, uint64_t c);
#define TRACE_(event, a, b, c)                                                                        \
	do {                                                                                          \
		if (__builtin_expect(trace_on, 0))                                                    \
			trace_record(event, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c));             \
	} while (0)
#endif

#define TRACE1(name, a) TRACE_(TRACE_##name, a, 0, 0)
#define TRACE2(name, a, b) TRACE_(TRACE_##name, a, b, 0)
#define TRACE3(name, a, b, c) TRACE_(TRACE_##name, a, b, c)

/* Print the last n events of all CPUs, oldest first. No lock is taken: for a stopped machine. */
void trace_print(uint32_t n);
