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
#define CHUNK 1024
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

/* Returns how many bytes were written, or a negative errno if none. */
static int64_t stream_write(struct linux_file *f, uint64_t user, uint64_t bytes, uint64_t offset)
{
	struct ipc_port *port;
	uint32_t stream = (uint32_t)(f - streams);
	uint64_t done = 0;
	int64_t err = 0;
	char chunk[CHUNK];

	if (stream == 0)
		return -LINUX_EBADF;
	port = stdio_port(current_task());
	while (done < bytes && err >= 0) {
		size_t n = bytes - done < CHUNK ? bytes - done : CHUNK;

		if (copyin(user + done, chunk, n) != KERN_SUCCESS) {
			err = -LINUX_EFAULT;
			break;
		}
		if (port != NULL) {
			err = linux_send_stdio(port, stream, chunk, (uint32_t)n);
		} else {
			kprint_bytes(chunk, n);
			err = (int64_t)n;
		}
		if (err > 0)
			done += (uint64_t)err;
	}
	if (port != NULL)
		ipc_port_release_send(port);
	return done != 0 || err >= 0 ? (int64_t)done : err;
}

static int64_t stream_read(struct linux_file *f, uint64_t user, uint64_t bytes, uint64_t offset)
{
	return 0;
}

static void stream_stat(struct linux_file *f, struct linux_stat *st)
{
	st->mode = LINUX_S_IFCHR | 0620;
	st->nlink = 1;
	st->blksize = CHUNK;
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
