/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_epoll.c - epoll(7): a file that knows which of many files may be ready.
 *
 * An item watches one file for one epoll. Its hook puts it on the epoll's ready list; epoll_wait looks at what is on
 * that list only. An item leaves the list when the file turns out not to be ready; a level-triggered one that was reported
 * goes to its end and is looked at again.
 * Invariants: E1 an item is on the ready list if its file became ready since it was last looked at;
 *   E2 an item does not hold its file: a file that goes takes its items along (linux_epoll_forget).
 * An epoll is not watched by another one (ELOOP); poll may watch it.
 * Locking: items_lock (which items exist, of all epolls) -> a file's object lock -> ep->lock -> a poll waiter's lock.
 *   Key: [i] items_lock, [e] ep->lock.
 */
#include <kern/clock.h>
#include <kern/kalloc.h>
#include <kern/thread.h>
#include <machine/copyio.h>
#include <personality/linux_descriptor.h>
#include <sched/wait.h>

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3
#define EPOLLEXCLUSIVE (1U << 28)
#define EPOLLWAKEUP (1U << 29)
#define EPOLLONESHOT (1U << 30)
#define EPOLLET (1U << 31)
#define ALWAYS (LINUX_POLLERR | LINUX_POLLHUP)
#define BATCH 16U

struct epoll_event {
	uint32_t events;
	uint64_t data;
} __attribute__((packed));
_Static_assert(sizeof(struct epoll_event) == 12, "struct epoll_event of x86-64");

struct epoll {
	struct linux_file file;
	struct spinlock lock;
	struct list items;         /* [i] */
	struct list ready;         /* [e] */
	struct waitq waiters;      /* [e] */
	struct poll_source source; /* [e] */
};

struct item {
	struct poll_hook hook;
	struct epoll *epoll;     /* [I] */
	struct linux_file *file; /* [I] not referenced (E2) */
	uint64_t fd;             /* [I] with which it was added */
	struct spinlock *lock;   /* [I] of the file's source; NULL: it has none */
	struct list file_link;   /* [i] */
	struct list epoll_link;  /* [i] */
	struct list ready_link;  /* [e] */
	uint32_t events;         /* [e] */
	uint64_t data;           /* [e] */
};

static struct mutex items_lock;

static struct epoll *epoll_of(struct linux_file *f)
{
	return container_of(f, struct epoll, file);
}

static void make_ready(struct item *item)
{
	struct epoll *ep = item->epoll;

	spin_lock(&ep->lock);
	if (list_empty(&item->ready_link))
		list_add_tail(&ep->ready, &item->ready_link);
	(void)waitq_wake_all(&ep->waiters);
	poll_source_fire(&ep->source);
	spin_unlock(&ep->lock);
}

static void fire(struct poll_hook *hook)
{
	make_ready(container_of(hook, struct item, hook));
}

/* items_lock held. */
static void item_destroy(struct item *item)
{
	if (item->lock != NULL) {
		spin_lock(item->lock);
		poll_source_detach(&item->hook);
		spin_unlock(item->lock);
	}
	list_remove(&item->file_link);
	list_remove(&item->epoll_link);
	spin_lock(&item->epoll->lock);
	list_remove(&item->ready_link);
	spin_unlock(&item->epoll->lock);
	kfree(item, sizeof(*item));
}

void linux_epoll_forget(struct linux_file *f)
{
	mutex_lock(&items_lock);
	LIST_FOR_EACH_SAFE(l, next, &f->epoll_items)
		item_destroy(container_of(l, struct item, file_link));
	mutex_unlock(&items_lock);
}

static void epoll_release(struct linux_file *f)
{
	struct epoll *ep = epoll_of(f);

	mutex_lock(&items_lock);
	LIST_FOR_EACH_SAFE(l, next, &ep->items)
		item_destroy(container_of(l, struct item, epoll_link));
	mutex_unlock(&items_lock);
	kfree(ep, sizeof(*ep));
}

static void epoll_stat(struct linux_file *f, struct linux_stat *st)
{
	st->mode = 0600;
	st->nlink = 1;
}

static struct poll_source *epoll_source(struct linux_file *f, struct spinlock **lock)
{
	*lock = &epoll_of(f)->lock;
	return &epoll_of(f)->source;
}

/*
 * Look at the ready items, at most once each, and report up to max of them (0: only whether there is one). items_lock
 * held.
 */
static uint32_t collect(struct epoll *ep, struct epoll_event *out, uint32_t max)
{
	struct list looked;
	uint32_t n = 0;

	list_init(&looked);
	for (;;) {
		struct item *item;
		uint32_t events, now;

		spin_lock(&ep->lock);
		item = n < (max != 0 ? max : 1) ? list_first(&ep->ready, struct item, ready_link) : NULL;
		if (item == NULL) {
			list_splice_tail(&ep->ready, &looked);
			spin_unlock(&ep->lock);
			return n;
		}
		list_remove(&item->ready_link); /* before the look: what fires from now on puts it back (E1) */
		events = item->events;
		spin_unlock(&ep->lock);
		now = linux_file_poll(item->file) & (events | ALWAYS);
		if (now == 0 || (events & ~(EPOLLET | EPOLLONESHOT)) == 0)
			continue;
		spin_lock(&ep->lock);
		if (max != 0)
			out[n] = (struct epoll_event){ now, item->data };
		n++;
		if (max != 0 && (events & EPOLLONESHOT) != 0)
			item->events &= EPOLLET | EPOLLONESHOT;
		if ((max == 0 || (events & (EPOLLET | EPOLLONESHOT)) == 0) && list_empty(&item->ready_link))
			list_add_tail(&looked, &item->ready_link);
		spin_unlock(&ep->lock);
	}
}

static uint32_t epoll_poll(struct linux_file *f)
{
	uint32_t n;

	mutex_lock(&items_lock);
	n = collect(epoll_of(f), NULL, 0);
	mutex_unlock(&items_lock);
	return n != 0 ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
}

static const struct linux_file_ops epoll_ops = {
	.stat = epoll_stat,
	.poll = epoll_poll,
	.source = epoll_source,
	.release = epoll_release,
};

void linux_epoll_init(void)
{
	mutex_init(&items_lock, "epoll items");
}

static int64_t create(bool cloexec)
{
	struct epoll *ep = kalloc_zeroed(sizeof(*ep));

	if (ep == NULL)
		return -LINUX_ENOMEM;
	linux_file_init(&ep->file, &epoll_ops, LINUX_O_RDWR);
	spin_init(&ep->lock, "epoll");
	list_init(&ep->items);
	list_init(&ep->ready);
	waitq_init(&ep->waiters);
	poll_source_init(&ep->source);
	return linux_descriptor_install(&ep->file, cloexec, 0);
}

int64_t linux_epoll_create(struct linux_args *args)
{
	return (int32_t)args->a[0] <= 0 ? -LINUX_EINVAL : create(false);
}

int64_t linux_epoll_create1(struct linux_args *args)
{
	return (args->a[0] & ~(uint64_t)LINUX_O_CLOEXEC) != 0 ? -LINUX_EINVAL : create(args->a[0] != 0);
}

static struct item *item_find(struct epoll *ep, const struct linux_file *f, uint64_t fd)
{
	LIST_FOR_EACH(l, &ep->items) {
		struct item *item = container_of(l, struct item, epoll_link);

		if (item->file == f && item->fd == fd)
			return item;
	}
	return NULL;
}

static int64_t item_add(struct epoll *ep, struct linux_file *f, uint64_t fd, const struct epoll_event *event)
{
	struct item *item = kalloc_zeroed(sizeof(*item));

	if (item == NULL)
		return -LINUX_ENOMEM;
	item->hook.fire = fire;
	list_init(&item->hook.link);
	list_init(&item->ready_link);
	item->epoll = ep;
	item->file = f;
	item->fd = fd;
	item->events = event->events;
	item->data = event->data;
	list_add_tail(&ep->items, &item->epoll_link);
	list_add_tail(&f->epoll_items, &item->file_link);
	if (f->ops->source != NULL) {
		struct poll_source *source = f->ops->source(f, &item->lock);

		spin_lock(item->lock);
		poll_source_attach(source, &item->hook);
		spin_unlock(item->lock);
	}
	make_ready(item); /* it may be ready already */
	return 0;
}

static int64_t control(struct epoll *ep, struct linux_file *f, uint64_t op, uint64_t fd, const struct epoll_event *event)
{
	struct item *item = item_find(ep, f, fd);

	switch (op) {
	case EPOLL_CTL_ADD:
		return item != NULL ? -LINUX_EEXIST : item_add(ep, f, fd, event);
	case EPOLL_CTL_DEL:
		if (item == NULL)
			return -LINUX_ENOENT;
		item_destroy(item);
		return 0;
	case EPOLL_CTL_MOD:
		if (item == NULL)
			return -LINUX_ENOENT;
		spin_lock(&ep->lock);
		item->events = event->events;
		item->data = event->data;
		spin_unlock(&ep->lock);
		make_ready(item);
		return 0;
	default:
		return -LINUX_EINVAL;
	}
}

int64_t linux_epoll_ctl(struct linux_args *args)
{
	struct linux_file *ep = linux_descriptor_get(args->a[0]), *f = linux_descriptor_get((uint32_t)args->a[2]);
	struct epoll_event event = { 0 };
	int64_t err;

	if (ep == NULL || f == NULL)
		err = -LINUX_EBADF;
	else if (ep->ops != &epoll_ops || ep == f)
		err = -LINUX_EINVAL;
	else if (f->ops == &epoll_ops)
		err = -LINUX_ELOOP;
	else if (f->ops->source == NULL)
		err = -LINUX_EPERM; /* always ready, as a regular file */
	else if (args->a[1] != EPOLL_CTL_DEL && copyin(args->a[3], &event, sizeof(event)) != KERN_SUCCESS)
		err = -LINUX_EFAULT;
	else {
		event.events &= ~(EPOLLWAKEUP | EPOLLEXCLUSIVE);
		mutex_lock(&items_lock);
		err = control(epoll_of(ep), f, args->a[1], args->a[2], &event);
		mutex_unlock(&items_lock);
	}
	if (f != NULL)
		linux_file_put(f);
	if (ep != NULL)
		linux_file_put(ep);
	return err;
}

static int64_t report(struct epoll *ep, uint64_t user, uint32_t max)
{
	struct epoll_event batch[BATCH];
	uint32_t n;

	mutex_lock(&items_lock);
	n = collect(ep, batch, max < BATCH ? max : BATCH);
	mutex_unlock(&items_lock);
	if (n != 0 && copyout(batch, user, n * sizeof(batch[0])) != KERN_SUCCESS)
		return -LINUX_EFAULT;
	return n;
}

static int64_t wait(struct epoll *ep, uint64_t user, uint32_t max, uint64_t deadline_ns)
{
	for (;;) {
		enum wait_result result = WAIT_WOKEN;
		int64_t n = report(ep, user, max);

		if (n != 0 || deadline_ns == 0)
			return n;
		spin_lock(&ep->lock);
		if (!list_empty(&ep->ready))
			spin_unlock(&ep->lock);
		else
			result = waitq_block(&ep->waiters, &ep->lock, WAIT_ABORTABLE,
					     deadline_ns == UINT64_MAX ? WAIT_FOREVER : deadline_ns);
		if (result == WAIT_INTERRUPTED)
			return -LINUX_EINTR;
		if (result == WAIT_TIMED_OUT)
			return report(ep, user, max);
	}
}

int64_t linux_epoll_wait(struct linux_args *args)
{
	struct linux_file *f = linux_descriptor_get(args->a[0]);
	int32_t max = (int32_t)args->a[2];
	int64_t n;

	if (f == NULL)
		return -LINUX_EBADF;
	if (f->ops != &epoll_ops || max <= 0)
		n = -LINUX_EINVAL;
	else
		n = wait(epoll_of(f), args->a[1], (uint32_t)max, linux_poll_deadline_ms((int32_t)args->a[3]));
	linux_file_put(f);
	return n;
}
