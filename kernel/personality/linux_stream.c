/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_stream.c - the standard streams, which a task has before a file server serves it: 0 is at its end, 1 and 2
 * go to the task's stdio port, or to the console if it has none.
 */
#include <base/string.h>
#include <ipc/ipc_port.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/copyio.h>
#include <personality/linux_descriptor.h>
#include <personality/linux_ports.h>

#define STREAMS 3U
#define TIOCGWINSZ 0x5413

static struct linux_file streams[STREAMS];

/* The task's stdio port with a send right more, or NULL. */
static struct ipc_port *stdio_port(struct task *t)
{
	struct ipc_port *port;

	spin_lock(&t->lock);
	port = ipc_port_copy_send(t->linux_.stdio_port);
	spin_unlock(&t->lock);
	return port;
}

static int64_t stream_put(struct linux_file *f, const char *bytes, size_t n)
{
	struct ipc_port *port;
	int64_t put = (int64_t)n;

	if (f == &streams[0])
		return -LINUX_EBADF;
	port = stdio_port(current_task());
	if (port != NULL) {
		put = linux_send_stdio(port, (uint32_t)(f - streams), bytes, (uint32_t)n);
		ipc_port_release_send(port);
	} else {
		kprint_bytes(bytes, n);
	}
	return put;
}

/* Returns how many bytes were written, or a negative errno if none. */
static int64_t stream_write(struct linux_file *f, uint64_t user, uint64_t bytes, uint64_t offset)
{
	uint64_t done = 0;
	char chunk[LINUX_STREAM_CHUNK];

	while (done < bytes) {
		size_t n = bytes - done < sizeof(chunk) ? bytes - done : sizeof(chunk);
		int64_t put = copyin(user + done, chunk, n) == KERN_SUCCESS ? stream_put(f, chunk, n) : -LINUX_EFAULT;

		if (put < 0)
			return done != 0 ? (int64_t)done : put;
		done += (uint64_t)put;
	}
	return (int64_t)done;
}

static int64_t stream_read(struct linux_file *f, uint64_t user, uint64_t bytes, uint64_t offset)
{
	return 0;
}

static void stream_stat(struct linux_file *f, struct linux_stat *st)
{
	st->mode = LINUX_S_IFCHR | 0620;
	st->nlink = 1;
	st->blksize = LINUX_STREAM_CHUNK;
}

static int64_t stream_ioctl(struct linux_file *f, uint32_t request, uint64_t argument)
{
	const uint16_t size[4] = { 24, 80, 0, 0 };
	bool piped;

	spin_lock(&current_task()->lock);
	piped = current_task()->linux_.stdio_port != NULL;
	spin_unlock(&current_task()->lock);
	if (request != TIOCGWINSZ || piped)
		return -LINUX_ENOTTY;
	return copyout(size, argument, sizeof(size)) == KERN_SUCCESS ? 0 : -LINUX_EFAULT;
}

static void stream_release(struct linux_file *f)
{
	panic("a standard stream was released");
}

static const struct linux_file_ops stream_ops = {
	.read = stream_read,
	.write = stream_write,
	.put = stream_put,
	.stat = stream_stat,
	.ioctl = stream_ioctl,
	.release = stream_release,
};

void linux_file_init_streams(void)
{
	for (uint32_t i = 0; i < STREAMS; i++)
		linux_file_init(&streams[i], &stream_ops, LINUX_O_RDWR); /* one reference that stays */
}

struct linux_file *linux_stream(uint32_t number)
{
	atomic_fetch_add(&streams[number].references, 1);
	return &streams[number];
}
