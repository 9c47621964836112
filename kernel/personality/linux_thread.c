/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_thread.c - clone (threads only), futex, exit.
 *
 * A futex is known by (map, address). A waiter reads the word, then blocks only if no wake-up of its
 * bucket came in between (the bucket's count of wakes is unchanged): so the word is never read under
 * a spin lock. A requeue wakes instead: futex waits may always end early.
 *
 * Locking: bucket.lock guards its queue and the linux_futex fields of the threads on it.
 */
#include <base/string.h>
#include <kern/exception_port.h>
#include <kern/clock.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/copyio.h>
#include <machine/pmap.h>
#include <machine/trap.h>
#include <personality/linux.h>

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_REQUEUE 3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_COMMAND_MASK 0x7f
#define FUTEX_BITSET_ANY 0xffffffffu

#define CLONE_VM 0x00000100
#define CLONE_SIGHAND 0x00000800
#define CLONE_THREAD 0x00010000
#define CLONE_SETTLS 0x00080000
#define CLONE_PARENT_SETTID 0x00100000
#define CLONE_CHILD_CLEARTID 0x00200000
#define CLONE_CHILD_SETTID 0x01000000

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

#define BUCKETS 64

static struct futex_bucket {
	struct spinlock lock;
	struct waitq waiters;
	uint64_t wakes; /* how many wake-ups were called on this bucket */
} buckets[BUCKETS];

void linux_futex_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock, "futex bucket");
		waitq_init(&buckets[i].waiters);
	}
}

static struct futex_bucket *bucket_of(const struct vm_map *map, uint64_t address)
{
	uint64_t h = ((uint64_t)(uintptr_t)map >> 6) ^ (address >> 2);

	h *= 0x9e3779b97f4a7c15ULL;
	return &buckets[h >> 58];
}

/* Wake up to max waiters on address whose bitset meets bits; returns how many. */
static int64_t futex_wake(uint64_t address, uint32_t max, uint32_t bits)
{
	const struct vm_map *map = current_task()->map;
	struct futex_bucket *b = bucket_of(map, address);
	struct thread *t, *next;
	int64_t woken = 0;

	spin_lock(&b->lock);
	b->wakes++;
	for (t = waitq_first_borrow(&b->waiters); t != NULL && woken < max; t = next) {
		next = waitq_next_borrow(&b->waiters, t);
		if (t->futex_address != address || t->task->map != map || (t->futex_bits & bits) == 0)
			continue;
		if (waitq_claim_thread(&b->waiters, t)) {
			thread_go(t);
			woken++;
		}
	}
	spin_unlock(&b->lock);
	return woken;
}

static int64_t futex_wait(uint64_t address, uint32_t expected, uint32_t bits, uint64_t deadline_ns)
{
	struct thread *self = current_thread();
	struct futex_bucket *b = bucket_of(current_task()->map, address);

	for (;;) {
		uint64_t wakes;
		uint32_t value;

		spin_lock(&b->lock);
		wakes = b->wakes;
		spin_unlock(&b->lock);
		if (copyin(address, &value, sizeof(value)) != KERN_SUCCESS)
			return -LINUX_EFAULT;
		if (value != expected)
			return -LINUX_EAGAIN;
		spin_lock(&b->lock);
		if (b->wakes == wakes)
			break;
		spin_unlock(&b->lock);
	}
	self->futex_address = address;
	self->futex_bits = bits;
	switch (waitq_block(&b->waiters, &b->lock, WAIT_ABORTABLE, deadline_ns)) {
	case WAIT_TIMED_OUT:
		return -LINUX_ETIMEDOUT;
	case WAIT_INTERRUPTED:
		return -LINUX_EINTR;
	default:
		return 0;
	}
}

int64_t linux_futex(struct linux_args *args)
{
	uint64_t address = args->a[0], ns, deadline = WAIT_FOREVER;
	uint32_t command = args->a[1] & FUTEX_COMMAND_MASK;
	int64_t err;

	if ((address & 3) != 0)
		return -LINUX_EINVAL;
	switch (command) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		if (args->a[3] != 0) {
			err = linux_timespec_in(args->a[3], &ns);
			if (err != 0)
				return err;
			if (command == FUTEX_WAIT)
				ns += clock_now_ns();
			else if ((args->a[1] & FUTEX_CLOCK_REALTIME) != 0)
				ns = linux_monotonic_of_calendar(ns);
			deadline = ns;
			if (deadline == WAIT_FOREVER)
				deadline = 1;
		}
		if (command == FUTEX_WAIT_BITSET && (uint32_t)args->a[5] == 0)
			return -LINUX_EINVAL;
		return futex_wait(address, (uint32_t)args->a[2],
				  command == FUTEX_WAIT ? FUTEX_BITSET_ANY : (uint32_t)args->a[5], deadline);
	case FUTEX_WAKE:
		return futex_wake(address, (uint32_t)args->a[2], FUTEX_BITSET_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(address, (uint32_t)args->a[2], (uint32_t)args->a[5]);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		return futex_wake(address, (uint32_t)args->a[2] + (uint32_t)args->a[3], FUTEX_BITSET_ANY);
	default:
		return -LINUX_ENOSYS;
	}
}

int64_t linux_clone(struct linux_args *args)
{
	const uint64_t flags = args->a[0], need = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
	struct thread *t;
	uint32_t tid;

	if ((flags & need) != need)
		return -LINUX_ENOSYS; /* a process is the process manager's to make */
	switch (thread_create(current_task(), &t)) {
	case KERN_SUCCESS:
		break;
	case KERN_TERMINATED:
		return -LINUX_EINTR;
	default:
		return -LINUX_EAGAIN;
	}
	tid = (uint32_t)t->tid;
	*t->machine.frame = *args->frame;
	t->machine.frame->rax = 0;
	if (args->a[1] != 0)
		t->machine.frame->rsp = args->a[1];
	t->machine.fs_base = (flags & CLONE_SETTLS) != 0 ? args->a[4] : current_thread()->machine.fs_base;
	if ((flags & CLONE_CHILD_CLEARTID) != 0)
		t->clear_child_tid = args->a[3];
	if (((flags & CLONE_PARENT_SETTID) != 0 && copyout(&tid, args->a[2], sizeof(tid)) != KERN_SUCCESS) ||
	    ((flags & CLONE_CHILD_SETTID) != 0 && copyout(&tid, args->a[3], sizeof(tid)) != KERN_SUCCESS)) {
		(void)thread_terminate(t);
		thread_deallocate(t);
		return -LINUX_EFAULT;
	}
	(void)thread_resume(t);
	thread_deallocate(t);
	return tid;
}

static void clear_child_tid(uint64_t address)
{
	uint32_t zero = 0;

	if (copyout(&zero, address, sizeof(zero)) == KERN_SUCCESS)
		(void)futex_wake(address, 1, FUTEX_BITSET_ANY);
}

/*
 * A thread that somebody else terminated. A C library may have a lock of its own there that the thread takes before it ends itself (musl's
 * list of threads): it is let go only if it is this thread's, which its number in there says.
 */
void linux_thread_exit(struct thread *t)
{
	uint64_t address = t->clear_child_tid;
	uint32_t word;

	t->clear_child_tid = 0;
	if (address != 0 && copyin(address, &word, sizeof(word)) == KERN_SUCCESS && word == (uint32_t)t->tid)
		clear_child_tid(address);
}

int64_t linux_exit(struct linux_args *args)
{
	struct task *task = current_task();
	bool last;

	spin_lock(&task->lock);
	last = task->thread_count == 1;
	spin_unlock(&task->lock);
	if (last)
		return linux_exit_group(args);
	if (current_thread()->clear_child_tid != 0)
		clear_child_tid(current_thread()->clear_child_tid);
	current_thread()->clear_child_tid = 0;
	thread_exit_self();
}

int64_t linux_exit_group(struct linux_args *args)
{
	struct task *task = current_task();

	linux_task_set_status(task, (int32_t)(args->a[0] & 0xff) << 8);
	(void)task_terminate(task);
	thread_exit_self();
}

int64_t linux_set_tid_address(struct linux_args *args)
{
	current_thread()->clear_child_tid = args->a[0];
	return (int64_t)current_thread()->tid;
}

int64_t linux_arch_prctl(struct linux_args *args)
{
	struct machine_thread *m = &current_thread()->machine;

	switch (args->a[0]) {
	case ARCH_SET_FS:
		if (args->a[1] >= VM_MAX_ADDRESS)
			return -LINUX_EPERM;
		machine_set_fs_base(args->a[1]);
		return 0;
	case ARCH_GET_FS:
		return copyout(&m->fs_base, args->a[1], sizeof(m->fs_base)) == KERN_SUCCESS ? 0
											    : -LINUX_EFAULT;
	default:
		return -LINUX_EINVAL;
	}
}

/*
 * A signal to itself is put to the exception ports, as EXC_SOFTWARE; one that nobody deals with ends the task. 0 only asks whether
 * it is there.
 */
static int64_t kill_self(uint64_t signal)
{
	if (signal > 64)
		return -LINUX_EINVAL;
	if (signal == 0)
		return 0;
	if (exception_port_ask(EXC_SOFTWARE, EXC_SOFT_SIGNAL, (int64_t)signal))
		return 0;
	(void)exception_port_ask(EXC_CRASH, EXC_CRASH_CODE(EXC_SOFTWARE, signal, EXC_SOFT_SIGNAL), 0);
	linux_task_set_status(current_task(), (int32_t)signal);
	(void)task_terminate(current_task());
	thread_exit_self();
}

int64_t linux_kill(struct linux_args *args)
{
	return args->a[0] == current_task()->id ? kill_self(args->a[1]) : -LINUX_ESRCH;
}

int64_t linux_tgkill(struct linux_args *args)
{
	return args->a[0] == current_task()->id ? kill_self(args->a[2]) : -LINUX_ESRCH;
}

int64_t linux_tkill(struct linux_args *args)
{
	return args->a[0] == current_thread()->tid ? kill_self(args->a[1]) : -LINUX_ESRCH;
}
