/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.c - what the doubles of tests/unit/host leave to a test, done for real: interrupts, the
 * clock, kernel threads, random numbers.
 *
 * One thread is the interrupt of the card and of the clock: it waits for a frame or the next tick,
 * then lets the card be polled and the timers run.
 */
#include <device/nic.h>
#include <host/host.h>
#include <kern/clock.h>
#include <kern/main.h>
#include <kern/thread.h>
#include <machine/boot.h>
#include <machine/clock.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "kernel.h"

#define TICK_MS 1

static struct {
	int socket;
	struct nic *nic;
} interrupt;

static void interrupt_loop(void *unused)
{
	struct pollfd ready = {.fd = interrupt.socket, .events = POLLIN};

	for (;;) {
		if (poll(&ready, 1, TICK_MS) == 1)
			(void)nic_poll(interrupt.nic);
		(void)host_timers_run(clock_now_ns());
	}
}

void hosted_interrupts_start(int socket, struct nic *nic)
{
	interrupt.socket = socket;
	interrupt.nic = nic;
	(void)host_thread_start(NULL, interrupt_loop, NULL);
}

struct thread *kernel_thread_start(const char *name, uint32_t priority, void (*fn)(void *),
				   void *arg)
{
	return host_thread_start(NULL, fn, arg);
}

/* Of sched/sched.h, whose sched_yield() is not libc's. */
void sched_idle_poll_register(bool (*begin)(void), bool (*poll_)(void), bool (*end)(void));

/* A process that has nothing to run sleeps in the kernel of its own. */
void sched_idle_poll_register(bool (*begin)(void), bool (*poll_)(void), bool (*end)(void))
{
}

/* Processes at one address may follow each other within a second: 32 bits of it count. */
uint64_t machine_boot_stamp(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec << 32 | ((uint64_t)ts.tv_nsec << 32) / 1000000000;
}

_Noreturn void boot_stop(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

uint64_t machine_random64(void)
{
	uint64_t value;

	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		abort();
	return value;
}
