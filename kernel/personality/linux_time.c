/* SPDX-License-Identifier: BSD-2-Clause */
/* linux_time.c - clocks and sleeping. CLOCK_REALTIME and its kin are the calendar clock, all others count from the boot. */
#include <kern/clock.h>
#include <kern/clock_service.h>
#include <kern/thread.h>
#include <machine/copyio.h>
#include <personality/linux.h>

struct linux_timespec {
	int64_t sec, nsec;
};

#define LINUX_CLOCKS 12
#define LINUX_TIMER_ABSTIME 1

int64_t linux_timespec_in(uint64_t user, uint64_t *ns)
{
	struct linux_timespec ts;

	if (copyin(user, &ts, sizeof(ts)) != KERN_SUCCESS)
		return -LINUX_EFAULT;
	if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= (int64_t)NSEC_PER_SEC)
		return -LINUX_EINVAL;
	if (ts.sec > 4000000000)
		ts.sec = 4000000000; /* longer than anything runs, and it cannot overflow */
	*ns = (uint64_t)ts.sec * NSEC_PER_SEC + (uint64_t)ts.nsec;
	return 0;
}

static int64_t timespec_out(uint64_t user, uint64_t ns)
{
	struct linux_timespec ts = { (int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC) };

	return copyout(&ts, user, sizeof(ts)) == KERN_SUCCESS ? 0 : -LINUX_EFAULT;
}

/* CLOCK_REALTIME, _COARSE, _ALARM */
static bool is_calendar(uint64_t clock)
{
	return clock == 0 || clock == 5 || clock == 8;
}

uint64_t linux_monotonic_of_calendar(uint64_t ns)
{
	uint64_t offset = clock_calendar_ns() - clock_now_ns();

	return ns > offset ? ns - offset : 0;
}

int64_t linux_clock_gettime(struct linux_args *args)
{
	if (args->a[0] >= LINUX_CLOCKS)
		return -LINUX_EINVAL;
	return timespec_out(args->a[1], is_calendar(args->a[0]) ? clock_calendar_ns() : clock_now_ns());
}

int64_t linux_clock_getres(struct linux_args *args)
{
	if (args->a[0] >= LINUX_CLOCKS)
		return -LINUX_EINVAL;
	return args->a[1] == 0 ? 0 : timespec_out(args->a[1], 1);
}

int64_t linux_gettimeofday(struct linux_args *args)
{
	uint64_t now = clock_calendar_ns();
	int64_t tv[2] = { (int64_t)(now / NSEC_PER_SEC), (int64_t)(now % NSEC_PER_SEC / 1000) };

	if (args->a[0] != 0 && copyout(tv, args->a[0], sizeof(tv)) != KERN_SUCCESS)
		return -LINUX_EFAULT;
	return 0;
}

/* Sleep until deadline_ns; if aborted, the time left goes to *user_left. */
static int64_t sleep_until(uint64_t deadline_ns, uint64_t user_left)
{
	struct spinlock lock = SPINLOCK_INIT("sleep");
	struct waitq never;
	uint64_t now;

	waitq_init(&never);
	spin_lock(&lock);
	if (waitq_block(&never, &lock, WAIT_ABORTABLE, deadline_ns) == WAIT_TIMED_OUT)
		return 0;
	now = clock_now_ns();
	if (user_left != 0 && timespec_out(user_left, deadline_ns > now ? deadline_ns - now : 0) != 0)
		return -LINUX_EFAULT;
	return -LINUX_EINTR;
}

int64_t linux_nanosleep(struct linux_args *args)
{
	uint64_t ns;
	int64_t err = linux_timespec_in(args->a[0], &ns);

	return err != 0 ? err : sleep_until(clock_now_ns() + ns, args->a[1]);
}

int64_t linux_clock_nanosleep(struct linux_args *args)
{
	bool absolute = (args->a[1] & LINUX_TIMER_ABSTIME) != 0;
	uint64_t ns;
	int64_t err = linux_timespec_in(args->a[2], &ns);

	if (args->a[0] >= LINUX_CLOCKS)
		return -LINUX_EINVAL;
	if (err != 0)
		return err;
	if (absolute && is_calendar(args->a[0]))
		ns = linux_monotonic_of_calendar(ns);
	if (absolute && ns <= clock_now_ns())
		return 0;
	return sleep_until(absolute ? ns : clock_now_ns() + ns, absolute ? 0 : args->a[3]);
}
