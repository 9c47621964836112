/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_descriptor.h - open files of the in-kernel fallback, and a task's table of descriptors.
 *
 * A descriptor is a small number of one task; it names an open file, which several descriptors may share, with one
 * offset (open file description of POSIX). A task's table exists from its first change on: until then 0, 1 and 2 are
 * the standard streams and nothing else is open.
 * Locking: the table's lock guards its slots; [f] the file's mutex; [I] immutable; [a] atomic. The mutex comes before
 *   any lock that an operation takes.
 * References: each descriptor and each call in progress holds one on the file.
 */
#pragma once

#include <kern/poll.h>
#include <personality/linux.h>
#include <sched/mutex.h>
#include <stdatomic.h>

#define LINUX_DESCRIPTORS_MAX 1024U
#define LINUX_STREAM_CHUNK 1024U

#define LINUX_O_ACCMODE 3U
#define LINUX_O_WRONLY 1U
#define LINUX_O_RDWR 2U
#define LINUX_O_APPEND 02000U
#define LINUX_O_NONBLOCK 04000U
#define LINUX_O_CLOEXEC 02000000U

#define LINUX_POLLIN 0x001U
#define LINUX_POLLOUT 0x004U
#define LINUX_POLLERR 0x008U
#define LINUX_POLLHUP 0x010U
#define LINUX_POLLNVAL 0x020U
#define LINUX_POLLRDNORM 0x040U
#define LINUX_POLLWRNORM 0x100U

#define LINUX_S_IFCHR 0020000U
#define LINUX_S_IFREG 0100000U

struct linux_file;
struct vm_map;

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

/* Results are Linux's: a value or a negative errno. A NULL operation answers the errno beside it. */
struct linux_file_ops {
	/* Bytes between user memory and the file from offset on; streams ignore it. EINVAL. The mutex is not held. */
	int64_t (*read)(struct linux_file *, uint64_t user, uint64_t bytes, uint64_t offset);
	int64_t (*write)(struct linux_file *, uint64_t user, uint64_t bytes, uint64_t offset);
	/* Of a stream: n bytes, at most LINUX_STREAM_CHUNK, as one piece that nothing else comes between. writev gathers for it. */
	int64_t (*put)(struct linux_file *, const char *bytes, size_t n);
	void (*stat)(struct linux_file *, struct linux_stat *);
	/* Bytes, of what has an offset. ESPIPE. */
	uint64_t (*size)(struct linux_file *);
	int64_t (*truncate)(struct linux_file *, uint64_t size);                      /* EINVAL */
	int64_t (*ioctl)(struct linux_file *, uint32_t request, uint64_t argument);   /* ENOTTY */
	/* What is possible now, of LINUX_POLL*. NULL: always IN and OUT. */
	uint32_t (*poll)(struct linux_file *);
	/* Who tells of a change, and the lock that guards it. NULL: nothing ever changes. */
	struct poll_source *(*source)(struct linux_file *, struct spinlock **lock);
	/* A map whose memory from LINUX_FILE_MEMORY on is the file's, read-only or not: what mmap shows. ENODEV. */
	struct vm_map *(*memory)(struct linux_file *, bool *writable);
	/* The last reference is gone. */
	void (*release)(struct linux_file *);
};

#define LINUX_FILE_MEMORY 0x10000UL

struct linux_file {
	const struct linux_file_ops *ops; /* [I] */
	_Atomic uint32_t references;      /* [a] */
	_Atomic uint32_t flags;           /* [a] O_ACCMODE, O_APPEND, O_NONBLOCK */
	struct mutex lock;
	uint64_t offset;                  /* [f] */
	struct list epoll_items;          /* linux_epoll.c's */
};

/* One reference. */
void linux_file_init(struct linux_file *f, const struct linux_file_ops *ops, uint32_t flags);
void linux_file_put(struct linux_file *f);
uint32_t linux_file_poll(struct linux_file *f);

/* The open file of the calling task's descriptor, +1; NULL: EBADF. */
struct linux_file *linux_descriptor_get(uint64_t fd);
/*
 * Purpose: the lowest free descriptor from `from` on names f. Takes the caller's reference, always.
 * Returns the descriptor; EMFILE, ENOMEM, EINVAL (from is too large).
 */
int64_t linux_descriptor_install(struct linux_file *f, bool cloexec, uint64_t from);
/* All descriptors of a task that ends. */
void linux_descriptors_release(struct task *t);
/* Once at boot: the standard streams; zones. */
void linux_file_init_streams(void);
void linux_descriptor_init(void);

/* linux_stream.c: the standard stream of this number (0..2), +1. */
struct linux_file *linux_stream(uint32_t number);
/* linux_epoll.c: f goes, leave the epolls that watch it. */
void linux_epoll_forget(struct linux_file *f);
