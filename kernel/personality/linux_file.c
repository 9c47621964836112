/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_file.c - the standard streams, which are all the files that a task has before a file server serves it:
 * 0 is at its end, 1 and 2 go to the task's stdio port, or to the console if it has none.
 */
#include <base/string.h>
#include <ipc/ipc_port.h>
#include <kern/lock.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/console.h>
#include <machine/copyio.h>
#include <personality/linux.h>
#include <personality/linux_ports.h>

#define STREAMS 3
#define CHUNK 1024
#define IOV_MAX 1024
#define TIOCGWINSZ 0x5413
#define F_GETFD 1
#define F_SETFD 2
#define F_GETFL 3
#define O_RDWR 2
#define S_IFCHR 0020000

struct linux_iovec {
	uint64_t base, length;
};

/* struct stat of x86-64 Linux. */
struct linux_stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad0;
	uint64_t rdev;
	int64_t size, blksize, blocks;
	uint64_t times[6];
	int64_t unused[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat");

static struct spinlock console_lock = SPINLOCK_INIT("console stream");

static void console_put(const char *bytes, size_t n)
{
	spin_lock(&console_lock);
	for (size_t i = 0; i < n; i++)
		console_putc(bytes[i]);
	spin_unlock(&console_lock);
}

/* The task's stdio port with a send right more, or NULL. */
static struct ipc_port *stdio_port(struct task *t)
{
	struct ipc_port *port;

	spin_lock(&t->lock);
	port = ipc_port_copy_send(t->linux_.stdio_port);
	spin_unlock(&t->lock);
	return port;
}

/* Write bytes of user memory to a stream. Returns how many were written, or a negative errno if none. */
static int64_t stream_write(uint32_t stream, uint64_t user, uint64_t bytes)
{
	struct ipc_port *port = stdio_port(current_task());
	uint64_t done = 0;
	int64_t err = 0;
	char chunk[CHUNK];

	while (done < bytes && err >= 0) {
		size_t n = bytes - done < CHUNK ? bytes - done : CHUNK;

		if (copyin(user + done, chunk, n) != KERN_SUCCESS) {
			err = -LINUX_EFAULT;
			break;
		}
		if (port != NULL) {
			err = linux_send_stdio(port, stream, chunk, (uint32_t)n);
		} else {
			console_put(chunk, n);
			err = (int64_t)n;
		}
		if (err > 0)
			done += (uint64_t)err;
	}
	if (port != NULL)
		ipc_port_release_send(port);
	return done != 0 || err >= 0 ? (int64_t)done : err;
}

int64_t linux_write(struct linux_args *args)
{
	if (args->a[0] == 0 || args->a[0] >= STREAMS)
		return -LINUX_EBADF;
	return stream_write((uint32_t)args->a[0], args->a[1], args->a[2]);
}

int64_t linux_writev(struct linux_args *args)
{
	int64_t total = 0;

	if (args->a[0] == 0 || args->a[0] >= STREAMS)
		return -LINUX_EBADF;
	if (args->a[2] > IOV_MAX)
		return -LINUX_EINVAL;
	for (uint64_t i = 0; i < args->a[2]; i++) {
		struct linux_iovec v;
		int64_t n;

		if (copyin(args->a[1] + i * sizeof(v), &v, sizeof(v)) != KERN_SUCCESS)
			return total != 0 ? total : -LINUX_EFAULT;
		n = stream_write((uint32_t)args->a[0], v.base, v.length);
		if (n < 0)
			return total != 0 ? total : n;
		total += n;
		if ((uint64_t)n < v.length)
			break;
	}
	return total;
}

int64_t linux_read(struct linux_args *args)
{
	return args->a[0] < STREAMS ? 0 : -LINUX_EBADF;
}

int64_t linux_readv(struct linux_args *args)
{
	return linux_read(args);
}

int64_t linux_close(struct linux_args *args)
{
	return args->a[0] < STREAMS ? 0 : -LINUX_EBADF;
}

int64_t linux_fstat(struct linux_args *args)
{
	struct linux_stat st = { .mode = S_IFCHR | 0620, .nlink = 1, .blksize = CHUNK };

	if (args->a[0] >= STREAMS)
		return -LINUX_EBADF;
	return copyout(&st, args->a[1], sizeof(st)) == KERN_SUCCESS ? 0 : -LINUX_EFAULT;
}

int64_t linux_ioctl(struct linux_args *args)
{
	const uint16_t size[4] = { 24, 80, 0, 0 };
	bool piped;

	if (args->a[0] >= STREAMS)
		return -LINUX_EBADF;
	spin_lock(&current_task()->lock);
	piped = current_task()->linux_.stdio_port != NULL;
	spin_unlock(&current_task()->lock);
	if ((uint32_t)args->a[1] != TIOCGWINSZ || piped)
		return -LINUX_ENOTTY;
	return copyout(size, args->a[2], sizeof(size)) == KERN_SUCCESS ? 0 : -LINUX_EFAULT;
}

int64_t linux_lseek(struct linux_args *args)
{
	return args->a[0] < STREAMS ? -LINUX_ESPIPE : -LINUX_EBADF;
}

int64_t linux_fcntl(struct linux_args *args)
{
	if (args->a[0] >= STREAMS)
		return -LINUX_EBADF;
	switch (args->a[1]) {
	case F_GETFD:
	case F_SETFD:
		return 0;
	case F_GETFL:
		return O_RDWR;
	default:
		return -LINUX_EINVAL;
	}
}
