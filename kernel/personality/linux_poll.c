/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_poll.c - poll, ppoll and select: wait for any of many descriptors.
 *
 * The caller hangs a hook on the source of each file, looks at all of them, sleeps until a hook fires, and looks again.
 * The wait begins anew from the arguments when it is aborted (EINTR); nothing of it stays (D6).
 * Locking: a file's object lock -> waiter.lock.
 */
#include <base/string.h>
#include <kern/clock.h>
#include <kern/kalloc.h>
#include <kern/thread.h>
#include <machine/copyio.h>
#include <personality/linux_descriptor.h>
#include <sched/wait.h>

#define SELECT_WORDS (LINUX_DESCRIPTORS_MAX / 64)
#define SELECT_IN (LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLHUP | LINUX_POLLERR)
#define SELECT_OUT (LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLERR)

struct linux_pollfd {
	int32_t fd;
	int16_t events, revents;
};

struct waiter {
	struct spinlock lock;
	struct waitq waitq;
	bool fired;
};

struct interest {
	struct poll_hook hook;
	struct waiter *waiter;
	struct linux_file *file; /* +1 or NULL */
	struct spinlock *lock;   /* of the file's source; NULL: no hook */
};

static void fire(struct poll_hook *hook)
{
	struct waiter *w = container_of(hook, struct interest, hook)->waiter;

	spin_lock(&w->lock);
	w->fired = true;
	(void)waitq_wake_all(&w->waitq);
	spin_unlock(&w->lock);
}

static void attach(struct interest *i, struct waiter *w, int32_t fd)
{
	struct poll_source *source;

	*i = (struct interest){ .hook.fire = fire, .waiter = w };
	list_init(&i->hook.link);
	i->file = fd < 0 ? NULL : linux_descriptor_get((uint32_t)fd);
	if (i->file == NULL || i->file->ops->source == NULL)
		return;
	source = i->file->ops->source(i->file, &i->lock);
	spin_lock(i->lock);
	poll_source_attach(source, &i->hook);
	spin_unlock(i->lock);
}

static void detach(struct interest *i)
{
	if (i->lock != NULL) {
		spin_lock(i->lock);
		poll_source_detach(&i->hook);
		spin_unlock(i->lock);
	}
	if (i->file != NULL)
		linux_file_put(i->file);
}

/* Returns how many are ready. */
static int64_t look(const struct interest *interests, struct linux_pollfd *fds, uint64_t count)
{
	const uint32_t always = LINUX_POLLERR | LINUX_POLLHUP;
	int64_t ready = 0;

	for (uint64_t i = 0; i < count; i++) {
		uint32_t now = 0;

		if (interests[i].file != NULL)
			now = linux_file_poll(interests[i].file) & ((uint16_t)fds[i].events | always);
		else if (fds[i].fd >= 0)
			now = LINUX_POLLNVAL;
		fds[i].revents = (int16_t)now;
		ready += now != 0;
	}
	return ready;
}

/* deadline_ns: 0 do not wait, UINT64_MAX for ever. Returns how many are ready, or EINTR. */
static int64_t wait_for_any(struct interest *interests, struct linux_pollfd *fds, uint64_t count, struct waiter *w,
			    uint64_t deadline_ns)
{
	for (;;) {
		enum wait_result result = WAIT_WOKEN;
		int64_t ready = look(interests, fds, count);

		if (ready != 0 || deadline_ns == 0)
			return ready;
		spin_lock(&w->lock);
		if (w->fired)
			spin_unlock(&w->lock);
		else
			result = waitq_block(&w->waitq, &w->lock, WAIT_ABORTABLE,
					     deadline_ns == UINT64_MAX ? WAIT_FOREVER : deadline_ns);
		if (result == WAIT_INTERRUPTED)
			return -LINUX_EINTR;
		if (result == WAIT_TIMED_OUT)
			return look(interests, fds, count);
		spin_lock(&w->lock);
		w->fired = false;
		spin_unlock(&w->lock);
	}
}

/* fds is kernel memory; fills revents. */
static int64_t poll_files(struct linux_pollfd *fds, uint64_t count, uint64_t deadline_ns)
{
	struct interest *interests = kalloc((count + 1) * sizeof(*interests));
	struct waiter w = { .fired = false };
	int64_t ready;

	if (interests == NULL)
		return -LINUX_ENOMEM;
	spin_init(&w.lock, "poll waiter");
	waitq_init(&w.waitq);
	for (uint64_t i = 0; i < count; i++)
		attach(&interests[i], &w, fds[i].fd);
	ready = wait_for_any(interests, fds, count, &w, deadline_ns);
	for (uint64_t i = 0; i < count; i++)
		detach(&interests[i]);
	kfree(interests, (count + 1) * sizeof(*interests));
	return ready;
}

static int64_t poll_user(uint64_t user, uint64_t count, uint64_t deadline_ns)
{
	struct linux_pollfd *fds;
	int64_t ready;

	if (count > LINUX_DESCRIPTORS_MAX)
		return -LINUX_EINVAL;
	fds = kalloc((count + 1) * sizeof(*fds));
	if (fds == NULL)
		return -LINUX_ENOMEM;
	if (copyin(user, fds, count * sizeof(*fds)) != KERN_SUCCESS)
		ready = -LINUX_EFAULT;
	else
		ready = poll_files(fds, count, deadline_ns);
	if (ready >= 0 && copyout(fds, user, count * sizeof(*fds)) != KERN_SUCCESS)
		ready = -LINUX_EFAULT;
	kfree(fds, (count + 1) * sizeof(*fds));
	return ready;
}

uint64_t linux_poll_deadline_ms(int64_t ms)
{
	return ms < 0 ? UINT64_MAX : ms == 0 ? 0 : clock_now_ns() + (uint64_t)ms * NSEC_PER_MSEC;
}

int64_t linux_poll(struct linux_args *args)
{
	return poll_user(args->a[0], args->a[1], linux_poll_deadline_ms((int32_t)args->a[2]));
}

/* A struct timespec at user, relative; 0: for ever. */
static int64_t deadline_of(uint64_t user, uint64_t *deadline_ns)
{
	uint64_t ns;
	int64_t err;

	*deadline_ns = UINT64_MAX;
	if (user == 0)
		return 0;
	err = linux_timespec_in(user, &ns);
	if (err == 0)
		*deadline_ns = ns == 0 ? 0 : clock_now_ns() + ns;
	return err;
}

/* The signal mask has nothing to mask yet (linux.c). */
int64_t linux_ppoll(struct linux_args *args)
{
	uint64_t deadline_ns;
	int64_t err = deadline_of(args->a[2], &deadline_ns);

	return err != 0 ? err : poll_user(args->a[0], args->a[1], deadline_ns);
}

struct select_sets {
	uint64_t words[3][SELECT_WORDS]; /* read, write, except */
	struct linux_pollfd fds[LINUX_DESCRIPTORS_MAX];
};

static int64_t select_files(struct select_sets *s, uint64_t count, uint64_t deadline_ns)
{
	uint64_t used = 0;
	int64_t ready, total = 0;

	for (uint64_t fd = 0; fd < count; fd++) {
		uint64_t bit = 1UL << fd % 64;
		int16_t events = 0;

		events |= (s->words[0][fd / 64] & bit) != 0 ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
		events |= (s->words[1][fd / 64] & bit) != 0 ? LINUX_POLLOUT | LINUX_POLLWRNORM : 0;
		if (events != 0 || (s->words[2][fd / 64] & bit) != 0)
			s->fds[used++] = (struct linux_pollfd){ (int32_t)fd, events, 0 };
	}
	ready = poll_files(s->fds, used, deadline_ns);
	if (ready < 0)
		return ready;
	memset(s->words, 0, sizeof(s->words));
	for (uint64_t i = 0; i < used; i++) {
		const struct linux_pollfd *p = &s->fds[i];
		uint64_t bit = 1UL << p->fd % 64;

		if ((p->revents & (int16_t)LINUX_POLLNVAL) != 0)
			return -LINUX_EBADF;
		if ((p->events & (int16_t)LINUX_POLLIN) != 0 && (p->revents & (int16_t)SELECT_IN) != 0)
			s->words[0][p->fd / 64] |= bit, total++;
		if ((p->events & (int16_t)LINUX_POLLOUT) != 0 && (p->revents & (int16_t)SELECT_OUT) != 0)
			s->words[1][p->fd / 64] |= bit, total++;
	}
	return total;
}

static int64_t select_user(struct linux_args *args, uint64_t deadline_ns)
{
	uint64_t count = args->a[0], bytes = (count + 63) / 64 * 8;
	struct select_sets *s;
	int64_t result = 0;

	if (count > LINUX_DESCRIPTORS_MAX)
		return -LINUX_EINVAL;
	s = kalloc_zeroed(sizeof(*s));
	if (s == NULL)
		return -LINUX_ENOMEM;
	for (int i = 0; i < 3; i++)
		if (args->a[1 + i] != 0 && copyin(args->a[1 + i], s->words[i], bytes) != KERN_SUCCESS)
			result = -LINUX_EFAULT;
	if (result == 0)
		result = select_files(s, count, deadline_ns);
	for (int i = 0; i < 3 && result >= 0; i++)
		if (args->a[1 + i] != 0 && copyout(s->words[i], args->a[1 + i], bytes) != KERN_SUCCESS)
			result = -LINUX_EFAULT;
	kfree(s, sizeof(*s));
	return result;
}

int64_t linux_select(struct linux_args *args)
{
	uint64_t deadline_ns = UINT64_MAX;
	int64_t tv[2];

	if (args->a[4] != 0) {
		if (copyin(args->a[4], tv, sizeof(tv)) != KERN_SUCCESS)
			return -LINUX_EFAULT;
		if (tv[0] < 0 || tv[1] < 0 || tv[1] >= 1000000)
			return -LINUX_EINVAL;
		tv[0] = tv[0] < 1000000000 ? tv[0] : 1000000000;
		deadline_ns = (uint64_t)tv[0] * NSEC_PER_SEC + (uint64_t)tv[1] * 1000;
		deadline_ns += deadline_ns != 0 ? clock_now_ns() : 0;
	}
	return select_user(args, deadline_ns);
}

int64_t linux_pselect6(struct linux_args *args)
{
	uint64_t deadline_ns;
	int64_t err = deadline_of(args->a[4], &deadline_ns);

	return err != 0 ? err : select_user(args, deadline_ns);
}
