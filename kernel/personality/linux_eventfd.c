/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_eventfd.c - eventfd(2): a counter that writes add to and reads take from.
 *
 * Locking: the counter's lock; hooks are fired under it.
 */
#include <kern/kalloc.h>
#include <machine/copyio.h>
#include <personality/linux_descriptor.h>
#include <sched/wait.h>

#define EFD_SEMAPHORE 1U
#define COUNT_MAX (UINT64_MAX - 1)

struct event {
	struct linux_file file;
	struct spinlock lock;
	uint64_t count;
	bool semaphore;
	struct waitq readers, writers;
	struct poll_source source;
};

static struct event *event_of(struct linux_file *f)
{
	return container_of(f, struct event, file);
}

/* The lock is held; not on return. */
static int64_t block(struct event *e, struct waitq *wq)
{
	if ((atomic_load(&e->file.flags) & LINUX_O_NONBLOCK) != 0) {
		spin_unlock(&e->lock);
		return -LINUX_EAGAIN;
	}
	return waitq_block(wq, &e->lock, WAIT_ABORTABLE, WAIT_FOREVER) == WAIT_WOKEN ? 0 : -LINUX_EINTR;
}

static int64_t event_read(struct linux_file *f, uint64_t user, uint64_t bytes, uint64_t offset)
{
	struct event *e = event_of(f);
	uint64_t value;

	if (bytes < sizeof(value))
		return -LINUX_EINVAL;
	spin_lock(&e->lock);
	while (e->count == 0) {
		int64_t err = block(e, &e->readers);

		if (err != 0)
			return err;
		spin_lock(&e->lock);
	}
	value = e->semaphore ? 1 : e->count;
	e->count -= value;
	(void)waitq_wake_all(&e->writers);
	poll_source_fire(&e->source);
	spin_unlock(&e->lock);
	return copyout(&value, user, sizeof(value)) == KERN_SUCCESS ? (int64_t)sizeof(value) : -LINUX_EFAULT;
}

static int64_t event_write(struct linux_file *f, uint64_t user, uint64_t bytes, uint64_t offset)
{
	struct event *e = event_of(f);
	uint64_t value;

	if (bytes < sizeof(value))
		return -LINUX_EINVAL;
	if (copyin(user, &value, sizeof(value)) != KERN_SUCCESS)
		return -LINUX_EFAULT;
	if (value > COUNT_MAX)
		return -LINUX_EINVAL;
	spin_lock(&e->lock);
	while (value > COUNT_MAX - e->count) {
		int64_t err = block(e, &e->writers);

		if (err != 0)
			return err;
		spin_lock(&e->lock);
	}
	e->count += value;
	(void)waitq_wake_all(&e->readers);
	poll_source_fire(&e->source);
	spin_unlock(&e->lock);
	return sizeof(value);
}

static uint32_t event_poll(struct linux_file *f)
{
	struct event *e = event_of(f);
	uint32_t now;

	spin_lock(&e->lock);
	now = (e->count != 0 ? LINUX_POLLIN | LINUX_POLLRDNORM : 0) |
	      (e->count < COUNT_MAX ? LINUX_POLLOUT | LINUX_POLLWRNORM : 0);
	spin_unlock(&e->lock);
	return now;
}

static struct poll_source *event_source(struct linux_file *f, struct spinlock **lock)
{
	*lock = &event_of(f)->lock;
	return &event_of(f)->source;
}

static void event_stat(struct linux_file *f, struct linux_stat *st)
{
	st->mode = 0600;
	st->nlink = 1;
}

static void event_release(struct linux_file *f)
{
	kfree(event_of(f), sizeof(struct event));
}

static const struct linux_file_ops event_ops = {
	.read = event_read,
	.write = event_write,
	.stat = event_stat,
	.poll = event_poll,
	.source = event_source,
	.release = event_release,
};

static int64_t create(uint64_t count, uint64_t flags)
{
	struct event *e;

	if ((flags & ~(uint64_t)(EFD_SEMAPHORE | LINUX_O_NONBLOCK | LINUX_O_CLOEXEC)) != 0)
		return -LINUX_EINVAL;
	e = kalloc_zeroed(sizeof(*e));
	if (e == NULL)
		return -LINUX_ENOMEM;
	linux_file_init(&e->file, &event_ops, LINUX_O_RDWR | ((uint32_t)flags & LINUX_O_NONBLOCK));
	spin_init(&e->lock, "eventfd");
	e->count = (uint32_t)count;
	e->semaphore = (flags & EFD_SEMAPHORE) != 0;
	waitq_init(&e->readers);
	waitq_init(&e->writers);
	poll_source_init(&e->source);
	return linux_descriptor_install(&e->file, (flags & LINUX_O_CLOEXEC) != 0, 0);
}

int64_t linux_eventfd(struct linux_args *args)
{
	return create(args->a[0], 0);
}

int64_t linux_eventfd2(struct linux_args *args)
{
	return create(args->a[0], args->a[1]);
}
