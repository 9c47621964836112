/* SPDX-License-Identifier: BSD-2-Clause */
/* linux_file.c - the calls on an open file, whatever it is: read, write, seek, stat and their kin. */
#include <base/string.h>
#include <machine/copyio.h>
#include <personality/linux_descriptor.h>

#define IOV_MAX 1024
#define OFFSET_MAX ((uint64_t)INT64_MAX)

enum { SEEK_SET = 0, SEEK_CUR = 1, SEEK_END = 2 };

struct linux_iovec {
	uint64_t base, length;
};

/* One read or write at *offset, which moves by what was done. */
static int64_t transfer(struct linux_file *f, bool write, uint64_t user, uint64_t bytes, uint64_t *offset)
{
	uint32_t mode = atomic_load(&f->flags) & LINUX_O_ACCMODE;
	int64_t (*op)(struct linux_file *, uint64_t, uint64_t, uint64_t) = write ? f->ops->write : f->ops->read;
	int64_t n;

	if (mode == (write ? 0 : LINUX_O_WRONLY))
		return -LINUX_EBADF;
	if (op == NULL)
		return -LINUX_EINVAL;
	if (bytes > OFFSET_MAX - *offset)
		return -LINUX_EINVAL;
	n = op(f, user, bytes, *offset);
	if (n > 0)
		*offset += (uint64_t)n;
	return n;
}

/* What gather() has read and not yet written. */
struct gathered {
	struct linux_file *f;
	size_t filled;
	int64_t total; /* written */
	char bytes[LINUX_STREAM_CHUNK];
};

/* Returns 0, or why no more can be written: 1 if the stream took a part only, or a negative errno. */
static int64_t flush(struct gathered *g)
{
	size_t n = g->filled;
	int64_t put = n == 0 ? 0 : g->f->ops->put(g->f, g->bytes, n);

	g->filled = 0;
	if (put < 0)
		return put;
	g->total += put;
	return put < (int64_t)n;
}

/*
 * writev to a stream: its pieces reach it together, so that a line in two of them, as a C library's buffer and what it adds, stays
 * whole. Returns the bytes written, or a negative errno if none.
 */
static int64_t gather(struct linux_file *f, uint64_t vector, uint64_t count)
{
	struct gathered g = { .f = f };
	int64_t stop = 0, last;

	for (uint64_t i = 0; i < count && stop == 0; i++) {
		struct linux_iovec v;

		if (copyin(vector + i * sizeof(v), &v, sizeof(v)) != KERN_SUCCESS)
			stop = -LINUX_EFAULT;
		while (stop == 0 && v.length != 0) {
			size_t room = sizeof(g.bytes) - g.filled, n = v.length < room ? v.length : room;

			if (copyin(v.base, g.bytes + g.filled, n) != KERN_SUCCESS) {
				stop = -LINUX_EFAULT;
				break;
			}
			v.base += n;
			v.length -= n;
			g.filled += n;
			if (g.filled == sizeof(g.bytes))
				stop = flush(&g);
		}
	}
	last = flush(&g);
	if (g.total != 0)
		return g.total;
	return stop < 0 ? stop : last < 0 ? last : 0;
}

static int64_t transfer_vector(struct linux_file *f, bool write, uint64_t vector, uint64_t count, uint64_t *offset)
{
	int64_t total = 0;

	if (count > IOV_MAX)
		return -LINUX_EINVAL;
	if (write && f->ops->put != NULL)
		return gather(f, vector, count);
	for (uint64_t i = 0; i < count; i++) {
		struct linux_iovec v;
		int64_t n;

		if (copyin(vector + i * sizeof(v), &v, sizeof(v)) != KERN_SUCCESS)
			return total != 0 ? total : -LINUX_EFAULT;
		n = transfer(f, write, v.base, v.length, offset);
		if (n < 0)
			return total != 0 ? total : n;
		total += n;
		if ((uint64_t)n < v.length)
			break;
	}
	return total;
}

/* At the file's own offset. What has no offset is not serialised: a stream's reader and writer do not wait for each other. */
static int64_t sequential(struct linux_args *args, bool write, bool vector)
{
	struct linux_file *f = linux_descriptor_get(args->a[0]);
	uint64_t none = 0, *offset = &none;
	int64_t n;

	if (f == NULL)
		return -LINUX_EBADF;
	if (f->ops->size != NULL) {
		mutex_lock(&f->lock);
		offset = &f->offset;
		if (write && (atomic_load(&f->flags) & LINUX_O_APPEND) != 0)
			*offset = f->ops->size(f);
	}
	n = vector ? transfer_vector(f, write, args->a[1], args->a[2], offset)
		   : transfer(f, write, args->a[1], args->a[2], offset);
	if (offset == &f->offset)
		mutex_unlock(&f->lock);
	linux_file_put(f);
	return n;
}

static int64_t positioned(struct linux_args *args, bool write, bool vector)
{
	struct linux_file *f = linux_descriptor_get(args->a[0]);
	uint64_t offset = args->a[3];
	int64_t n;

	if (f == NULL)
		return -LINUX_EBADF;
	if (f->ops->size == NULL)
		n = -LINUX_ESPIPE;
	else if (offset > OFFSET_MAX)
		n = -LINUX_EINVAL;
	else
		n = vector ? transfer_vector(f, write, args->a[1], args->a[2], &offset)
			   : transfer(f, write, args->a[1], args->a[2], &offset);
	linux_file_put(f);
	return n;
}

int64_t linux_read(struct linux_args *args)
{
	return sequential(args, false, false);
}

int64_t linux_write(struct linux_args *args)
{
	return sequential(args, true, false);
}

int64_t linux_readv(struct linux_args *args)
{
	return sequential(args, false, true);
}

int64_t linux_writev(struct linux_args *args)
{
	return sequential(args, true, true);
}

int64_t linux_pread64(struct linux_args *args)
{
	return positioned(args, false, false);
}

int64_t linux_pwrite64(struct linux_args *args)
{
	return positioned(args, true, false);
}

int64_t linux_preadv(struct linux_args *args)
{
	return positioned(args, false, true);
}

int64_t linux_pwritev(struct linux_args *args)
{
	return positioned(args, true, true);
}

int64_t linux_lseek(struct linux_args *args)
{
	struct linux_file *f = linux_descriptor_get(args->a[0]);
	int64_t base = 0, to;

	if (f == NULL)
		return -LINUX_EBADF;
	if (f->ops->size == NULL || args->a[2] > SEEK_END) {
		to = f->ops->size == NULL ? -LINUX_ESPIPE : -LINUX_EINVAL;
		linux_file_put(f);
		return to;
	}
	mutex_lock(&f->lock);
	if (args->a[2] == SEEK_CUR)
		base = (int64_t)f->offset;
	else if (args->a[2] == SEEK_END)
		base = (int64_t)f->ops->size(f);
	if (__builtin_add_overflow(base, (int64_t)args->a[1], &to) || to < 0)
		to = -LINUX_EINVAL;
	else
		f->offset = (uint64_t)to;
	mutex_unlock(&f->lock);
	linux_file_put(f);
	return to;
}

int64_t linux_fstat(struct linux_args *args)
{
	struct linux_file *f = linux_descriptor_get(args->a[0]);
	struct linux_stat st = { 0 };

	if (f == NULL)
		return -LINUX_EBADF;
	f->ops->stat(f, &st);
	linux_file_put(f);
	return copyout(&st, args->a[1], sizeof(st)) == KERN_SUCCESS ? 0 : -LINUX_EFAULT;
}

int64_t linux_ioctl(struct linux_args *args)
{
	struct linux_file *f = linux_descriptor_get(args->a[0]);
	int64_t result;

	if (f == NULL)
		return -LINUX_EBADF;
	result = f->ops->ioctl != NULL ? f->ops->ioctl(f, (uint32_t)args->a[1], args->a[2]) : -LINUX_ENOTTY;
	linux_file_put(f);
	return result;
}

int64_t linux_ftruncate(struct linux_args *args)
{
	struct linux_file *f = linux_descriptor_get(args->a[0]);
	int64_t result = -LINUX_EINVAL;

	if (f == NULL)
		return -LINUX_EBADF;
	if (f->ops->truncate != NULL && args->a[1] <= OFFSET_MAX && (atomic_load(&f->flags) & LINUX_O_ACCMODE) != 0) {
		mutex_lock(&f->lock);
		result = f->ops->truncate(f, args->a[1]);
		mutex_unlock(&f->lock);
	}
	linux_file_put(f);
	return result;
}
