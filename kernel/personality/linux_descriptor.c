/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_descriptor.c - a task's table of descriptors, and the calls that change it. Interface: linux_descriptor.h.
 *
 * A file that a call took out of the table is released after the table's lock.
 */
#include <base/string.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <personality/linux_descriptor.h>

#define SLOTS_FIRST 16U
#define F_DUPFD 0
#define F_GETFD 1
#define F_SETFD 2
#define F_GETFL 3
#define F_SETFL 4
#define F_DUPFD_CLOEXEC 1030
#define FD_CLOEXEC 1

struct slot {
	struct linux_file *file; /* +1 or NULL */
	bool cloexec;
};

struct linux_descriptors {
	struct spinlock lock;
	uint32_t count; /* of slots */
	struct slot *slots;
};

static struct zone *table_zone;

void linux_descriptor_init(void)
{
	table_zone = zone_create("linux descriptors", sizeof(struct linux_descriptors), 0);
}

void linux_file_init(struct linux_file *f, const struct linux_file_ops *ops, uint32_t flags)
{
	f->ops = ops;
	atomic_store(&f->references, 1);
	atomic_store(&f->flags, flags);
	mutex_init(&f->lock, "linux file");
	f->offset = 0;
	list_init(&f->epoll_items);
}

void linux_file_put(struct linux_file *f)
{
	if (atomic_fetch_sub(&f->references, 1) != 1)
		return;
	linux_epoll_forget(f);
	f->ops->release(f);
}

uint32_t linux_file_poll(struct linux_file *f)
{
	return f->ops->poll != NULL ? f->ops->poll(f)
				    : LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLRDNORM | LINUX_POLLWRNORM;
}

static struct linux_descriptors *table_create(void)
{
	struct linux_descriptors *d = zone_alloc(table_zone);

	if (d == NULL)
		return NULL;
	spin_init(&d->lock, "linux descriptors");
	d->count = SLOTS_FIRST;
	d->slots = kalloc_zeroed(SLOTS_FIRST * sizeof(struct slot));
	if (d->slots == NULL) {
		zone_free(table_zone, d);
		return NULL;
	}
	for (uint32_t i = 0; i < 3; i++)
		d->slots[i].file = linux_stream(i);
	return d;
}

static void table_free(struct linux_descriptors *d)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (d->slots[i].file != NULL)
			linux_file_put(d->slots[i].file);
	kfree(d->slots, d->count * sizeof(struct slot));
	zone_free(table_zone, d);
}

static struct linux_descriptors *table_of(struct task *t)
{
	struct linux_descriptors *d;

	spin_lock(&t->lock);
	d = t->linux_.descriptors;
	spin_unlock(&t->lock);
	return d; /* lives as long as its task */
}

/* The calling task's table, made now if need be; NULL: no memory. */
static struct linux_descriptors *own_table(void)
{
	struct task *t = current_task();
	struct linux_descriptors *d = table_of(t), *mine;

	if (d != NULL)
		return d;
	mine = table_create();
	if (mine == NULL)
		return NULL;
	spin_lock(&t->lock);
	d = t->linux_.descriptors;
	if (d == NULL)
		d = t->linux_.descriptors = mine;
	spin_unlock(&t->lock);
	if (d != mine)
		table_free(mine);
	return d;
}

void linux_descriptors_release(struct task *t)
{
	struct linux_descriptors *d;

	spin_lock(&t->lock);
	d = t->linux_.descriptors;
	t->linux_.descriptors = NULL;
	spin_unlock(&t->lock);
	if (d != NULL)
		table_free(d);
}

struct linux_file *linux_descriptor_get(uint64_t fd)
{
	struct linux_descriptors *d = table_of(current_task());
	struct linux_file *f = NULL;

	if (d == NULL)
		return fd < 3 ? linux_stream((uint32_t)fd) : NULL;
	spin_lock(&d->lock);
	if (fd < d->count && d->slots[fd].file != NULL) {
		f = d->slots[fd].file;
		atomic_fetch_add(&f->references, 1);
	}
	spin_unlock(&d->lock);
	return f;
}

/* At least `need` slots. */
static int64_t table_grow(struct linux_descriptors *d, uint32_t need)
{
	uint32_t count, old_count;
	struct slot *slots, *old;

	for (;;) {
		spin_lock(&d->lock);
		count = d->count;
		spin_unlock(&d->lock);
		if (count >= need)
			return 0;
		while (count < need)
			count *= 2;
		slots = kalloc_zeroed(count * sizeof(struct slot));
		if (slots == NULL)
			return -LINUX_ENOMEM;
		spin_lock(&d->lock);
		old = slots;
		old_count = count;
		if (d->count < count) {
			memcpy(slots, d->slots, d->count * sizeof(struct slot));
			old = d->slots;
			old_count = d->count;
			d->slots = slots;
			d->count = count;
		}
		spin_unlock(&d->lock);
		kfree(old, old_count * sizeof(struct slot));
	}
}

static bool take_free_slot(struct linux_descriptors *d, struct linux_file *f, bool cloexec, uint32_t from, uint32_t *fd)
{
	spin_lock(&d->lock);
	for (*fd = from; *fd < d->count; (*fd)++) {
		if (d->slots[*fd].file == NULL) {
			d->slots[*fd] = (struct slot){ f, cloexec };
			break;
		}
	}
	spin_unlock(&d->lock);
	return *fd < d->count;
}

int64_t linux_descriptor_install(struct linux_file *f, bool cloexec, uint64_t from)
{
	struct linux_descriptors *d = own_table();
	int64_t err = d == NULL ? -LINUX_ENOMEM : from >= LINUX_DESCRIPTORS_MAX ? -LINUX_EINVAL : 0;
	uint32_t fd = (uint32_t)from;

	while (err == 0) {
		if (take_free_slot(d, f, cloexec, (uint32_t)from, &fd))
			return fd;
		err = fd >= LINUX_DESCRIPTORS_MAX ? -LINUX_EMFILE : table_grow(d, fd + 1);
	}
	linux_file_put(f);
	return err;
}

int64_t linux_close(struct linux_args *args)
{
	struct linux_descriptors *d = own_table();
	struct linux_file *f = NULL;

	if (d == NULL)
		return -LINUX_ENOMEM;
	spin_lock(&d->lock);
	if (args->a[0] < d->count) {
		f = d->slots[args->a[0]].file;
		d->slots[args->a[0]] = (struct slot){ NULL, false };
	}
	spin_unlock(&d->lock);
	if (f == NULL)
		return -LINUX_EBADF;
	linux_file_put(f);
	return 0;
}

int64_t linux_dup(struct linux_args *args)
{
	struct linux_file *f = linux_descriptor_get(args->a[0]);

	return f == NULL ? -LINUX_EBADF : linux_descriptor_install(f, false, 0);
}

/* Make fd name f, in place of what it named. Takes the reference. */
static int64_t replace(struct linux_file *f, uint64_t fd, bool cloexec)
{
	struct linux_descriptors *d = own_table();
	int64_t err = fd >= LINUX_DESCRIPTORS_MAX ? -LINUX_EBADF : d == NULL ? -LINUX_ENOMEM : table_grow(d, (uint32_t)fd + 1);

	if (err == 0) {
		struct linux_file *old;

		spin_lock(&d->lock);
		old = d->slots[fd].file;
		d->slots[fd] = (struct slot){ f, cloexec };
		spin_unlock(&d->lock);
		f = old;
	}
	if (f != NULL)
		linux_file_put(f);
	return err == 0 ? (int64_t)fd : err;
}

int64_t linux_dup2(struct linux_args *args)
{
	struct linux_file *f = linux_descriptor_get(args->a[0]);

	if (f == NULL)
		return -LINUX_EBADF;
	if (args->a[0] == args->a[1]) {
		linux_file_put(f);
		return (int64_t)args->a[1];
	}
	return replace(f, args->a[1], false);
}

int64_t linux_dup3(struct linux_args *args)
{
	struct linux_file *f;

	if (args->a[0] == args->a[1] || (args->a[2] & ~(uint64_t)LINUX_O_CLOEXEC) != 0)
		return -LINUX_EINVAL;
	f = linux_descriptor_get(args->a[0]);
	return f == NULL ? -LINUX_EBADF : replace(f, args->a[1], args->a[2] != 0);
}

/* F_GETFD and F_SETFD: of the descriptor, not the file. */
static int64_t descriptor_flag(uint64_t fd, bool set, bool cloexec)
{
	struct linux_descriptors *d = own_table();
	int64_t result = -LINUX_EBADF;

	if (d == NULL)
		return -LINUX_ENOMEM;
	spin_lock(&d->lock);
	if (fd < d->count && d->slots[fd].file != NULL) {
		result = set ? 0 : d->slots[fd].cloexec ? FD_CLOEXEC : 0;
		if (set)
			d->slots[fd].cloexec = cloexec;
	}
	spin_unlock(&d->lock);
	return result;
}

int64_t linux_fcntl(struct linux_args *args)
{
	const uint32_t changeable = LINUX_O_APPEND | LINUX_O_NONBLOCK;
	struct linux_file *f = linux_descriptor_get(args->a[0]);
	int64_t result = 0;

	if (f == NULL)
		return -LINUX_EBADF;
	switch (args->a[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return linux_descriptor_install(f, args->a[1] == F_DUPFD_CLOEXEC, args->a[2]);
	case F_GETFD:
	case F_SETFD:
		result = descriptor_flag(args->a[0], args->a[1] == F_SETFD, (args->a[2] & FD_CLOEXEC) != 0);
		break;
	case F_GETFL:
		result = atomic_load(&f->flags);
		break;
	case F_SETFL:
		atomic_store(&f->flags, (atomic_load(&f->flags) & ~changeable) | ((uint32_t)args->a[2] & changeable));
		break;
	default:
		result = -LINUX_EINVAL;
	}
	linux_file_put(f);
	return result;
}
