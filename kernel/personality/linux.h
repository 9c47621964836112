/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux.h - the Linux x86-64 personality's in-kernel fallback: what an unmodified static musl program needs of
 * a kernel. The managers in user space that will serve the rest hook in behind the same table.
 *
 * Results are Linux's: a value, or a negative errno. Numbers and meanings: Linux man-pages section 2,
 * arch/x86 system call table.
 */
#pragma once

#include <mach/port.h>
#include <personality/linux_task.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;
struct thread;
struct trap_frame;

#define LINUX_EPERM 1
#define LINUX_ENOENT 2
#define LINUX_ESRCH 3
#define LINUX_EINTR 4
#define LINUX_EIO 5
#define LINUX_EBADF 9
#define LINUX_EAGAIN 11
#define LINUX_ENOMEM 12
#define LINUX_EACCES 13
#define LINUX_EFAULT 14
#define LINUX_EEXIST 17
#define LINUX_ENODEV 19
#define LINUX_ENOTDIR 20
#define LINUX_EINVAL 22
#define LINUX_EMFILE 24
#define LINUX_ENOTTY 25
#define LINUX_EFBIG 27
#define LINUX_ENOSPC 28
#define LINUX_ESPIPE 29
#define LINUX_EROFS 30
#define LINUX_EPIPE 32
#define LINUX_ERANGE 34
#define LINUX_ENAMETOOLONG 36
#define LINUX_ENOSYS 38
#define LINUX_ELOOP 40
#define LINUX_EOPNOTSUPP 95
#define LINUX_ETIMEDOUT 110

/* A call's arguments, in order, and the caller's registers. */
struct linux_args {
	uint64_t a[6];
	struct trap_frame *frame;
};

/* Once at boot. */
void linux_init(void);
/* A new task's state: from its parent; the heap's bounds only when it inherits the memory. */
void linux_task_inherit(struct task *child, const struct task *parent, bool memory);
/* The task has ended: tell its exit port the status, drop its ports. May sleep. */
void linux_task_exit(struct task *t);
/* The calling thread was terminated: clear_child_tid and its futex, if the thread's number is there. May fault. */
void linux_thread_exit(struct thread *t);
/* Its exit code as a shell would say: 0..255, 128 + signal. */
int32_t linux_task_exit_code(struct task *t);
/* Record why the task ends, in wait(2)'s encoding, unless a reason is recorded already. */
void linux_task_set_status(struct task *t, int32_t wait_status);

/* linux_memory.c */
int64_t linux_brk(struct linux_args *);
int64_t linux_mmap(struct linux_args *);
int64_t linux_munmap(struct linux_args *);
int64_t linux_mprotect(struct linux_args *);
int64_t linux_mremap(struct linux_args *);
int64_t linux_madvise(struct linux_args *);
int64_t linux_msync(struct linux_args *);
int64_t linux_mincore(struct linux_args *);
int64_t linux_mlock(struct linux_args *);
int64_t linux_mlock2(struct linux_args *);
int64_t linux_munlock(struct linux_args *);
/* linux_descriptor.c */
int64_t linux_close(struct linux_args *);
int64_t linux_dup(struct linux_args *);
int64_t linux_dup2(struct linux_args *);
int64_t linux_dup3(struct linux_args *);
int64_t linux_fcntl(struct linux_args *);
/* linux_epoll.c */
void linux_epoll_init(void);
int64_t linux_epoll_create(struct linux_args *);
int64_t linux_epoll_create1(struct linux_args *);
int64_t linux_epoll_ctl(struct linux_args *);
int64_t linux_epoll_wait(struct linux_args *);
/* linux_eventfd.c */
int64_t linux_eventfd(struct linux_args *);
int64_t linux_eventfd2(struct linux_args *);
/* linux_memory_file.c */
int64_t linux_memfd_create(struct linux_args *);
int64_t linux_open(struct linux_args *);
int64_t linux_openat(struct linux_args *);
int64_t linux_stat(struct linux_args *);
int64_t linux_newfstatat(struct linux_args *);
int64_t linux_access(struct linux_args *);
int64_t linux_faccessat(struct linux_args *);
/* linux_poll.c */
int64_t linux_poll(struct linux_args *);
int64_t linux_ppoll(struct linux_args *);
int64_t linux_select(struct linux_args *);
int64_t linux_pselect6(struct linux_args *);
/* -1: for ever, UINT64_MAX; 0: do not wait, 0; else a time of clock_now_ns. */
uint64_t linux_poll_deadline_ms(int64_t ms);
/* linux_port_file.c: a descriptor for a receive right or port set of the calling task; flags: O_CLOEXEC. */
int64_t linux_port_descriptor(mach_port_name_t name, uint64_t flags);
/* linux_file.c */
int64_t linux_read(struct linux_args *);
int64_t linux_readv(struct linux_args *);
int64_t linux_write(struct linux_args *);
int64_t linux_writev(struct linux_args *);
int64_t linux_fstat(struct linux_args *);
int64_t linux_ioctl(struct linux_args *);
int64_t linux_lseek(struct linux_args *);
int64_t linux_pread64(struct linux_args *);
int64_t linux_pwrite64(struct linux_args *);
int64_t linux_preadv(struct linux_args *);
int64_t linux_pwritev(struct linux_args *);
int64_t linux_ftruncate(struct linux_args *);
/* linux_thread.c */
void linux_futex_init(void);
int64_t linux_clone(struct linux_args *);
int64_t linux_exit(struct linux_args *);
int64_t linux_exit_group(struct linux_args *);
int64_t linux_set_tid_address(struct linux_args *);
int64_t linux_arch_prctl(struct linux_args *);
int64_t linux_kill(struct linux_args *);
int64_t linux_tgkill(struct linux_args *);
int64_t linux_tkill(struct linux_args *);
int64_t linux_futex(struct linux_args *);
/* linux_time.c */
int64_t linux_clock_gettime(struct linux_args *);
int64_t linux_clock_getres(struct linux_args *);
int64_t linux_clock_nanosleep(struct linux_args *);
int64_t linux_gettimeofday(struct linux_args *);
int64_t linux_nanosleep(struct linux_args *);
/* Read a struct timespec: ns, or a negative errno. */
int64_t linux_timespec_in(uint64_t user, uint64_t *ns);
/* A time of the calendar clock as one of clock_now_ns(); 0 if that was before the boot. */
uint64_t linux_monotonic_of_calendar(uint64_t ns);
