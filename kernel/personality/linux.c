/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux.c - the table of Linux system calls and the small calls that need no file of their own.
 *
 * A call that is not in the table answers ENOSYS, as Linux does for a number that it does not know.
 */
#include <base/string.h>
#include <kern/emulation.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/copyio.h>
#include <machine/cpu.h>
#include <machine/trap.h>
#include <personality/linux_descriptor.h>
#include <sched/sched.h>

typedef int64_t (*linux_call_t)(struct linux_args *);

static int64_t answer_zero(struct linux_args *args)
{
	return 0;
}

static int64_t linux_getpid(struct linux_args *args)
{
	return (int64_t)current_task()->id;
}

static int64_t linux_gettid(struct linux_args *args)
{
	return (int64_t)current_thread()->tid;
}

static int64_t linux_sched_yield(struct linux_args *args)
{
	(void)sched_yield();
	return 0;
}

static int64_t linux_uname(struct linux_args *args)
{
	static const char field[6][65] = { "Linux", "node", "6.1.0-meshach", "Meshach", "x86_64", "" };

	return copyout(field, args->a[0], sizeof(field)) == KERN_SUCCESS ? 0 : -LINUX_EFAULT;
}

static int64_t linux_sched_getaffinity(struct linux_args *args)
{
	uint64_t mask = cpu_count >= 64 ? ~0ULL : (1ULL << cpu_count) - 1;

	if (args->a[1] < sizeof(mask))
		return -LINUX_EINVAL;
	return copyout(&mask, args->a[2], sizeof(mask)) == KERN_SUCCESS ? (int64_t)sizeof(mask)
									: -LINUX_EFAULT;
}

/* Signals are made of exceptions by the process manager; until one is there, dispositions have no effect. */
static int64_t linux_rt_sigprocmask(struct linux_args *args)
{
	uint64_t none = 0;

	if (args->a[3] != sizeof(none))
		return -LINUX_EINVAL;
	if (args->a[2] != 0 && copyout(&none, args->a[2], sizeof(none)) != KERN_SUCCESS)
		return -LINUX_EFAULT;
	return 0;
}

static int64_t linux_prlimit64(struct linux_args *args)
{
	const uint64_t unlimited[2] = { ~0ULL, ~0ULL };
	const uint64_t stack[2] = { 8 << 20, 8 << 20 };
	const uint64_t RLIMIT_STACK = 3;

	if (args->a[2] != 0)
		return -LINUX_EPERM;
	if (args->a[3] != 0 && copyout(args->a[1] == RLIMIT_STACK ? stack : unlimited, args->a[3],
				       sizeof(stack)) != KERN_SUCCESS)
		return -LINUX_EFAULT;
	return 0;
}

static const linux_call_t calls[] = {
	[0] = linux_read,
	[1] = linux_write,
	[2] = linux_open,
	[3] = linux_close,
	[4] = linux_stat,
	[5] = linux_fstat,
	[6] = linux_stat, /* lstat: there are no links */
	[7] = linux_poll,
	[8] = linux_lseek,
	[9] = linux_mmap,
	[10] = linux_mprotect,
	[11] = linux_munmap,
	[12] = linux_brk,
	[13] = answer_zero, /* rt_sigaction */
	[14] = linux_rt_sigprocmask,
	[16] = linux_ioctl,
	[17] = linux_pread64,
	[18] = linux_pwrite64,
	[19] = linux_readv,
	[20] = linux_writev,
	[21] = linux_access,
	[23] = linux_select,
	[24] = linux_sched_yield,
	[25] = linux_mremap,
	[26] = linux_msync,
	[27] = linux_mincore,
	[28] = linux_madvise,
	[32] = linux_dup,
	[33] = linux_dup2,
	[35] = linux_nanosleep,
	[39] = linux_getpid,
	[56] = linux_clone,
	[60] = linux_exit,
	[62] = linux_kill,
	[63] = linux_uname,
	[72] = linux_fcntl,
	[77] = linux_ftruncate,
	[96] = linux_gettimeofday,
	[102] = answer_zero, /* getuid */
	[104] = answer_zero, /* getgid */
	[107] = answer_zero, /* geteuid */
	[108] = answer_zero, /* getegid */
	[110] = answer_zero, /* getppid */
	[131] = answer_zero, /* sigaltstack */
	[149] = linux_mlock,
	[150] = linux_munlock,
	[158] = linux_arch_prctl,
	[186] = linux_gettid,
	[200] = linux_tkill,
	[202] = linux_futex,
	[204] = linux_sched_getaffinity,
	[213] = linux_epoll_create,
	[218] = linux_set_tid_address,
	[228] = linux_clock_gettime,
	[229] = linux_clock_getres,
	[230] = linux_clock_nanosleep,
	[231] = linux_exit_group,
	[232] = linux_epoll_wait,
	[233] = linux_epoll_ctl,
	[234] = linux_tgkill,
	[257] = linux_openat,
	[262] = linux_newfstatat,
	[269] = linux_faccessat,
	[270] = linux_pselect6,
	[271] = linux_ppoll,
	[273] = answer_zero, /* set_robust_list */
	[281] = linux_epoll_wait, /* epoll_pwait: there are no signals to mask */
	[284] = linux_eventfd,
	[290] = linux_eventfd2,
	[291] = linux_epoll_create1,
	[292] = linux_dup3,
	[295] = linux_preadv,
	[296] = linux_pwritev,
	[302] = linux_prlimit64,
	[319] = linux_memfd_create,
	[324] = answer_zero, /* membarrier: every switch is one */
	[325] = linux_mlock2,
};

void linux_init(void)
{
	linux_futex_init();
	linux_file_init_streams();
	linux_descriptor_init();
	linux_epoll_init();
}

void linux_syscall(struct trap_frame *frame)
{
	struct linux_args args = { { frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9 },
				   frame };
	uint64_t number = frame->rax;
	linux_call_t call = NULL;

	if (__builtin_expect(atomic_load_explicit(&current_task()->emulation, memory_order_relaxed) != NULL, 0) && emulation_redirect(frame))
		return;
	cpu_irq_enable(); /* these calls are not short; the return path disables them again */
	if (number < sizeof(calls) / sizeof(calls[0]))
		call = calls[number];
	frame->rax = call != NULL ? (uint64_t)call(&args) : (uint64_t)-LINUX_ENOSYS;
}
