/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile.c - tasks that do whatever a task can: messages made after every table of the kernel's interfaces to every kind of kernel
 * object, most of them with something wrong; traps and system calls with any arguments; their own memory changed under them.
 * They have no privileged port. Prints TAP: the node goes on, and when they are gone so is all that they made.
 *
 * The first task of a boot, whose archive's file hostile.txt holds SECONDS SEED. With arguments, SECONDS SEED: what it is hostile to is
 * on node 2, whose peer (peer.c) must hold its host control port.
 */
#include <device/device_types.h>
#include <mach/device.h>
#include <mach/mach.h>
#include <mach/mach_traps.h>
#include <mach/thread_status.h>
#include <servers/bootstrap_names.h>
#include <tests/peer.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../fuzz/any_message.h"
#include "residue.h"
#include "tap.h"

#define SECONDS_DEFAULT 10
#define PAGE 4096UL
#define CHILDREN 2
#define THREADS 2
#define STACK_BYTES 65536UL
#define ARENA_PAGES 64
#define SENT_PAGES 4   /* of them, at the start: what it sends */
#define PAGED_PAGES 16 /* of them, at the end: of a pager that is theirs to play */
#define ANSWER_MS 5000
#define LOOK_TRIES 300
#define ABORTS 6 /* in a round */
#define ABORT_US 25000
#define NAMES 40
#define GIVEN 16   /* of them, those that it is born with */
#define LEARNED 12 /* of them, at the end: those that came in messages */
#define FIRST_NAME 0x2003U
#define NAME_STEP 0x100U
#define TASKS_MAX 256
#define SETTLE_TRIES 100
#define ZONE_SLACK 16 /* objects and pages that the parent has between itself and its last children */
#define PAGES_SLACK 128
#define WORKERS_SLACK 32 /* the kernel makes workers for calls of another node, and keeps them */
#define NAMES_SLACK 1    /* the watching thread's reply port */
#define LINUX_CALLS 450
#define TRAPS 100

/* ---- the interfaces, and what their calls are sent to ---- */

/* What each task is given, at FIRST_NAME + n * NAME_STEP; then its own ports. */
enum given { TASK, THREAD, HOST, CLOCK, CALENDAR, SEMAPHORE, LOCKS, MEMORY, SET_NAME, OTHER_TASK, OTHER_THREAD, PORT, DEVICE, TASK_NAME, SET, CONTROL };

extern const struct mig_subsystem clock_subsystem, clock_priv_subsystem, device_subsystem, host_priv_subsystem, host_security_subsystem,
	lock_set_subsystem, mach4_subsystem, mach_host_subsystem, mach_port_subsystem, mach_vm_subsystem, memory_object_control_subsystem,
	mk_timer_task_subsystem, processor_subsystem, processor_set_subsystem, semaphore_subsystem, task_restartable_subsystem, task_subsystem, thread_act_subsystem,
	vm_map_subsystem;

static const struct table {
	const struct mig_subsystem *calls;
	enum given to[2];
} tables[] = {
	{ &clock_subsystem, { CLOCK, CALENDAR } },
	{ &clock_priv_subsystem, { CLOCK, CALENDAR } },
	{ &device_subsystem, { DEVICE, PORT } },
	{ &host_priv_subsystem, { HOST, HOST } },
	{ &host_security_subsystem, { HOST, HOST } },
	{ &lock_set_subsystem, { LOCKS, TASK } },
	{ &mach4_subsystem, { TASK, THREAD } },
	{ &mach_host_subsystem, { HOST, HOST } },
	{ &mach_port_subsystem, { TASK, OTHER_TASK } },
	{ &mach_vm_subsystem, { TASK, OTHER_TASK } },
	{ &memory_object_control_subsystem, { CONTROL, CONTROL } },
	{ &mk_timer_task_subsystem, { TASK, OTHER_TASK } },
	{ &processor_subsystem, { HOST, SET_NAME } },
	{ &processor_set_subsystem, { SET_NAME, SET } },
	{ &semaphore_subsystem, { SEMAPHORE, TASK } },
	{ &task_restartable_subsystem, { TASK, OTHER_TASK } },
	{ &task_subsystem, { TASK, OTHER_TASK } },
	{ &thread_act_subsystem, { THREAD, OTHER_THREAD } },
	{ &vm_map_subsystem, { TASK, OTHER_TASK } },
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))
#define ROUTINES_MAX 64

/* Written by all, in memory that they share. */
struct tally {
	_Atomic uint32_t sent[TABLES][ROUTINES_MAX], good[TABLES][ROUTINES_MAX];
	_Atomic uint64_t messages, answers, traps, calls, learned;
};

static struct tally *tally;

/* ---- a hostile thread: no thread pointer, so nothing of the C library but what only computes ---- */

struct attacker {
	struct any_source source;
	mach_port_name_t names[NAMES], reply;
	uint32_t learned;
	union any_message out, in;
};

static struct attacker attackers[THREADS];
static mach_vm_address_t arena;

/* Ends or stops the caller, or cuts off what it is watched by: seldom. */
static bool is_an_end(const char *name)
{
	static const char *const ends[] = { "task_terminate", "thread_terminate", "task_suspend", "task_suspend2", "thread_suspend",
					    "task_set_exception_ports", "thread_set_exception_ports", "thread_set_state", "act_set_state",
					    "_task_swap_exception_ports", "_thread_swap_exception_ports", "mach_port_destroy" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(name, ends[i]) == 0)
			return true;
	return false;
}

static void learn(struct attacker *a, mach_port_name_t name)
{
	mach_port_name_t *slot = &a->names[NAMES - LEARNED + a->learned++ % LEARNED];

	(void)_kernelrpc_mach_port_deallocate_trap(a->names[0], *slot);
	*slot = name;
	atomic_fetch_add(&tally->learned, 1);
}

/* Keep some rights of what came, and give its memory back. */
static void look_at(struct attacker *a)
{
	const mach_msg_base_t *base = (const mach_msg_base_t *)&a->in;
	const mach_msg_descriptor_t *d = (const void *)(base + 1);

	if ((a->in.head.msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0)
		return;
	for (uint32_t i = 0; i < base->body.msgh_descriptor_count; i++) {
		if (d->type.type == MACH_MSG_PORT_DESCRIPTOR) {
			if (MACH_PORT_VALID(d->port.name))
				learn(a, d->port.name);
			d = (const void *)((const char *)d + sizeof(d->port));
		} else if (d->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
			if (d->ool_ports.count != 0)
				learn(a, ((const mach_port_name_t *)d->ool_ports.address)[0]);
			d = (const void *)((const char *)d + sizeof(d->ool_ports));
		} else {
			if (d->out_of_line.size != 0 && !any_one_in(&a->source, 4))
				(void)_kernelrpc_mach_vm_deallocate_trap(a->names[0], (mach_vm_address_t)(uintptr_t)d->out_of_line.address,
									 d->out_of_line.size);
			d = (const void *)((const char *)d + sizeof(d->out_of_line));
		}
	}
}

static mach_msg_return_t take(struct attacker *a, mach_port_name_t from, mach_msg_timeout_t ms)
{
	mach_msg_return_t mr = mach_msg_trap(&a->in.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(a->in), from, ms, MACH_PORT_NULL);

	if (mr == MACH_MSG_SUCCESS)
		look_at(a);
	return mr;
}

/* With any options, and a receive from anywhere to anywhere; what comes is not looked at. */
static void send_strangely(struct attacker *a, uint32_t size)
{
	static const mach_msg_option_t options[] = {
		MACH_RCV_MSG, MACH_RCV_MSG, MACH_RCV_TIMEOUT, MACH_RCV_TIMEOUT, MACH_RCV_LARGE, MACH_RCV_LARGE_IDENTITY, MACH_RCV_NOTIFY,
		MACH_RCV_OVERWRITE, MACH_SEND_NOTIFY, MACH_SEND_ALWAYS, MACH_SEND_TRAILER, MACH_SEND_OVERRIDE, MACH_SEND_CANCEL,
		MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SEQNO), MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT),
		MACH_RCV_TRAILER_ELEMENTS(9), MACH_RCV_TRAILER_TYPE(3),
	};
	mach_msg_option_t option = MACH_SEND_MSG | MACH_SEND_TIMEOUT;
	mach_msg_header_t *where = any_one_in(&a->source, 4) ? (mach_msg_header_t *)(uintptr_t)any_place(&a->source) :
				   any_one_in(&a->source, 2) ? &a->in.head : NULL;

	for (uint32_t n = any_below(&a->source, 6); n > 0; n--)
		option |= options[any_below(&a->source, sizeof(options) / sizeof(options[0]))];
	(void)mach_msg_overwrite_trap(&a->out.head, option, size, any_one_in(&a->source, 3) ? any_below(&a->source, 400) : sizeof(a->in),
				      any_name(&a->source), any_below(&a->source, 3), any_name(&a->source), where,
				      any_below(&a->source, 400));
}

static void send_message(struct attacker *a)
{
	uint32_t t = any_below(&a->source, TABLES), number = any_below(&a->source, tables[t].calls->count), size;
	const struct mig_routine *r = &tables[t].calls->routines[number];
	mach_port_name_t to = a->names[tables[t].to[any_one_in(&a->source, 3)]];
	mach_msg_return_t mr;

	if (r->name == NULL || (is_an_end(r->name) && !any_one_in(&a->source, 50)))
		return;
	if (any_one_in(&a->source, 10))
		to = any_name(&a->source);
	if (any_one_in(&a->source, 6) && a->learned != 0)
		to = a->names[NAMES - LEARNED + any_below(&a->source, a->learned < LEARNED ? a->learned : LEARNED)];
	size = any_message(&a->source, tables[t].calls, number, to, a->reply, &a->out);
	atomic_fetch_add(&tally->messages, 1);
	atomic_fetch_add(&tally->sent[t][number], 1);
	if (any_one_in(&a->source, 4)) {
		send_strangely(a, size);
		return;
	}
	mr = mach_msg_trap(&a->out.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, size, 0, MACH_PORT_NULL, any_below(&a->source, 3), MACH_PORT_NULL);
	/* Before the answer may lie those of calls that were slow. */
	while (mr == MACH_MSG_SUCCESS && take(a, a->reply, 5) == MACH_MSG_SUCCESS) {
		atomic_fetch_add(&tally->answers, 1);
		if (a->in.head.msgh_id != tables[t].calls->base + (int)number + 100)
			continue;
		if ((a->in.head.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0 || ((mig_reply_error_t *)&a->in)->RetCode == KERN_SUCCESS)
			atomic_fetch_add(&tally->good[t][number], 1);
		return;
	}
}

static uint64_t argument(struct attacker *a)
{
	switch (any_below(&a->source, 5)) {
	case 0:
	case 1:
		return any_name(&a->source);
	case 2:
		return any_below(&a->source, 40);
	case 3:
		return any_place(&a->source);
	default:
		return any_one_in(&a->source, 2) ? (uint64_t)(uintptr_t)&a->out + any_below(&a->source, 64) * 8 : any_word(&a->source);
	}
}

static uint64_t system_call(uint64_t number, const uint64_t argument[9])
{
	register uint64_t r10 __asm__("r10") = argument[3], r8 __asm__("r8") = argument[4], r9 __asm__("r9") = argument[5];
	register uint64_t r12 __asm__("r12") = argument[7], r13 __asm__("r13") = argument[8];
	uint64_t result = number;

	__asm__ volatile("syscall"
			 : "+a"(result)
			 : "D"(argument[0]), "S"(argument[1]), "d"(argument[2]), "r"(r10), "r"(r8), "r"(r9), "b"(argument[6]), "r"(r12), "r"(r13)
			 : "rcx", "r11", "memory");
	return result;
}

static void trap(struct attacker *a)
{
	uint64_t arguments[9];

	for (int i = 0; i < 9; i++)
		arguments[i] = argument(a);
	if (any_one_in(&a->source, 2))
		arguments[0] = a->names[TASK];
	atomic_fetch_add(&tally->traps, 1);
	(void)system_call(0 - (uint64_t)any_below(&a->source, TRAPS), arguments);
}

/* Does this Linux call end the caller, or make a task that nobody watches? */
static bool leaves(uint32_t number)
{
	static const uint16_t leaving[] = { 56, 57, 58, 59, 60, 231, 322, 435 }; /* clone, fork, vfork, execve, exit, exit_group, execveat, clone3 */

	for (size_t i = 0; i < sizeof(leaving) / sizeof(leaving[0]); i++)
		if (number == leaving[i])
			return true;
	return false;
}

static void linux_call(struct attacker *a)
{
	uint32_t number = any_below(&a->source, LINUX_CALLS);
	uint64_t arguments[9];

	for (int i = 0; i < 9; i++)
		arguments[i] = argument(a);
	if (leaves(number))
		return;
	atomic_fetch_add(&tally->calls, 1);
	(void)system_call(number, arguments);
}

/* Until it is killed. */
static void attack(struct attacker *a)
{
	a->names[THREAD] = thread_self_trap();
	a->reply = mach_reply_port();
	for (uint32_t i = GIVEN; i < NAMES - LEARNED; i++) {
		(void)_kernelrpc_mach_port_allocate_trap(a->names[TASK], i % 6 == 0 ? MACH_PORT_RIGHT_PORT_SET : MACH_PORT_RIGHT_RECEIVE, &a->names[i]);
		(void)_kernelrpc_mach_port_insert_right_trap(a->names[TASK], a->names[i], a->names[i], MACH_MSG_TYPE_MAKE_SEND);
	}
	for (;;) {
		uint32_t what = any_below(&a->source, 16);

		if (any_one_in(&a->source, 64)) { /* it gave its memory away */
			mach_vm_address_t at = arena;

			(void)_kernelrpc_mach_vm_allocate_trap(a->names[TASK], &at, SENT_PAGES * PAGE, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE);
		}
		if (any_one_in(&a->source, 8)) { /* and its rights */
			a->names[TASK] = task_self_trap();
			a->names[THREAD] = thread_self_trap();
			a->names[HOST] = host_self_trap();
		}
		if (what < 11)
			send_message(a);
		else if (what < 13)
			trap(a);
		else if (what < 14)
			linux_call(a);
		else
			(void)take(a, a->names[GIVEN + any_below(&a->source, NAMES - LEARNED - GIVEN)], 0);
	}
}

/* ---- who starts, watches and ends them ---- */

struct child {
	mach_port_t task, other, other_thread, semaphore, locks, memory, pager;
};

static mach_port_t self, master, watched;

/* A node, with the rights to tidy it up, and those that hostile tasks get. */
struct node {
	mach_port_t host, set;
	mach_port_t host_name, set_name, clocks[2];
	mach_port_t parent; /* a task of it */
	mach_port_t known[TASKS_MAX];
	uint32_t known_count;
	struct residue before, after;
};

static struct node here, there;
static struct node *victim = &here; /* whose objects they are hostile to */

static void must(kern_return_t kr, const char *what)
{
	residue_must(kr, what);
}

static void drop(mach_port_t name)
{
	(void)mach_port_deallocate(self, name);
}

static void give(const struct child *c, enum given which, mach_port_t right)
{
	must(mach_port_insert_right(c->task, FIRST_NAME + (mach_port_name_t)which * NAME_STEP, right, MACH_MSG_TYPE_COPY_SEND), "giving a right");
}

static void start_thread(const struct child *c, struct attacker *a, uint8_t *stack)
{
	x86_thread_state64_t regs = { .rip = (uintptr_t)attack, .rdi = (uintptr_t)a, .rflags = 0x202,
				      .rsp = (uintptr_t)stack + STACK_BYTES - 8 };
	mach_port_t thread;

	/* The thread before may have ended its task by now. */
	if (thread_create_running(c->task, x86_THREAD_STATE64, (thread_state_t)&regs, x86_THREAD_STATE64_COUNT, &thread) == KERN_SUCCESS)
		drop(thread);
}

/* The end of its arena is memory of a pager that nobody serves, and it gets the right to answer in the pager's place. */
static void give_pager(struct child *c)
{
	union any_message m;
	const mach_msg_port_descriptor_t *d = (const void *)((const mach_msg_base_t *)&m + 1);
	mach_vm_address_t at = arena + (ARENA_PAGES - PAGED_PAGES) * PAGE;

	must(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &c->pager), "a port");
	must(mach_port_insert_right(self, c->pager, c->pager, MACH_MSG_TYPE_MAKE_SEND), "a port");
	must(mach_vm_map(c->task, &at, PAGED_PAGES * PAGE, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, c->pager, 0, FALSE, VM_PROT_DEFAULT,
			 VM_PROT_ALL, VM_INHERIT_SHARE),
	     "memory of a pager");
	must(mach_msg(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), c->pager, ANSWER_MS, MACH_PORT_NULL), "memory_object_init");
	give(c, CONTROL, d->name);
	give(c, PORT, c->pager);
	mach_msg_destroy(&m.head);
}

static void start(struct child *c, uint64_t seed)
{
	static uint8_t stacks[THREADS][STACK_BYTES] __attribute__((aligned(16)));
	memory_object_size_t bytes = 8 * PAGE;
	mach_vm_address_t at = 0;
	mach_port_t name;

	for (int t = 0; t < THREADS; t++) {
		struct attacker *a = &attackers[t];

		*a = (struct attacker){ .source = { .state = (seed * THREADS + (unsigned)t) * 0x9e3779b97f4a7c15ULL + 1, .names = a->names,
						    .name_count = NAMES, .memory = (uint8_t *)arena, .arena = arena, .arena_pages = ARENA_PAGES, .calm = seed % 2 == 0 } };
		for (uint32_t i = 0; i < GIVEN; i++)
			a->names[i] = FIRST_NAME + i * NAME_STEP;
	}
	must(task_create(self, NULL, 0, TRUE, &c->task), "task_create");
	must(task_set_special_port(c->task, TASK_HOST_PORT, here.host_name), "an unprivileged host port");
	must(task_set_special_port(c->task, TASK_BOOTSTRAP_PORT, MACH_PORT_NULL), "no bootstrap port");
	must(task_set_exception_ports(c->task, EXC_MASK_ALL | EXC_MASK_GUARD | EXC_MASK_RESOURCE, watched, EXCEPTION_DEFAULT | (int)MACH_EXCEPTION_CODES, THREAD_STATE_NONE),
	     "exception ports");
	must(task_create(victim == &here ? c->task : victim->parent, NULL, 0, FALSE, &c->other), "another task");
	must(thread_create(c->other, &c->other_thread), "its thread");
	must(semaphore_create(c->other, &c->semaphore, SYNC_POLICY_FIFO, 1), "a semaphore");
	must(lock_set_create(c->other, &c->locks, 3, SYNC_POLICY_FIFO), "a lock set");
	must(mach_vm_allocate(c->other, &at, bytes, VM_FLAGS_ANYWHERE), "its memory");
	must(mach_make_memory_entry_64(c->other, &bytes, at, VM_PROT_READ | VM_PROT_WRITE, &c->memory, MACH_PORT_NULL), "a named entry");
	must(task_get_special_port(c->task, TASK_NAME_PORT, &name), "a task's name");
	give(c, TASK, c->task);
	give(c, HOST, victim->host_name);
	give(c, CLOCK, victim->clocks[0]);
	give(c, CALENDAR, victim->clocks[1]);
	give(c, SEMAPHORE, c->semaphore);
	give(c, LOCKS, c->locks);
	give(c, MEMORY, c->memory);
	give(c, SET_NAME, victim->set_name);
	give(c, OTHER_TASK, c->other);
	give(c, OTHER_THREAD, c->other_thread);
	give(c, TASK_NAME, name);
	drop(name);
	must(device_open(master, D_READ, "mem", &name), "a device");
	give(c, DEVICE, name);
	drop(name);
	give_pager(c);
	for (int t = 0; t < THREADS; t++)
		start_thread(c, &attackers[t], stacks[t]);
}

static void abort_threads(const struct child *c)
{
	thread_act_array_t list = NULL;
	mach_msg_type_number_t n = 0;

	if (task_threads(c->task, &list, &n) != KERN_SUCCESS)
		return;
	for (mach_msg_type_number_t i = 0; i < n; i++) {
		(void)thread_abort(list[i]);
		drop(list[i]);
	}
	(void)mach_vm_deallocate(self, (mach_vm_address_t)(uintptr_t)list, n * sizeof(*list));
}

static void end(struct child *c)
{
	(void)task_terminate(c->task);
	(void)task_terminate(c->other);
	drop(c->other_thread);
	drop(c->semaphore);
	drop(c->locks);
	drop(c->memory);
	(void)mach_port_destroy(self, c->pager);
	drop(c->other);
	drop(c->task);
}

/* Who raises an exception is not what it was: it ends. */
static void *watch(void *unused)
{
	union any_message m;

	while (mach_msg(&m.head, MACH_RCV_MSG, 0, sizeof(m), watched, 0, MACH_PORT_NULL) == MACH_MSG_SUCCESS) {
		const mach_msg_port_descriptor_t *d = (const void *)((const mach_msg_base_t *)&m + 1);

		if ((m.head.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0 && m.head.msgh_id == 2405)
			(void)task_terminate(d[1].name);
		mach_msg_destroy(&m.head);
	}
	return NULL;
}

/* Remember the tasks of a node, with their references. */
static void know_tasks(struct node *n)
{
	task_array_t tasks = NULL;
	mach_msg_type_number_t count = 0;

	must(processor_set_tasks(n->set, &tasks, &count), "processor_set_tasks");
	n->known_count = count < TASKS_MAX ? count : TASKS_MAX;
	memcpy(n->known, tasks, n->known_count * sizeof(*tasks));
	(void)mach_vm_deallocate(self, (mach_vm_address_t)(uintptr_t)tasks, count * sizeof(*tasks));
}

static bool is_known(const struct node *n, mach_port_t task)
{
	for (uint32_t i = 0; i < n->known_count; i++)
		if (n->known[i] == task)
			return true;
	return false;
}

/* The hostile ones made the tasks that are new. */
static void end_tasks(const struct node *n)
{
	task_array_t tasks = NULL;
	mach_msg_type_number_t count = 0;

	must(processor_set_tasks(n->set, &tasks, &count), "processor_set_tasks");
	for (mach_msg_type_number_t i = 0; i < count; i++) {
		if (!is_known(n, tasks[i]))
			(void)task_terminate(tasks[i]);
		drop(tasks[i]);
	}
	(void)mach_vm_deallocate(self, (mach_vm_address_t)(uintptr_t)tasks, count * sizeof(*tasks));
}

/* Sets of processors live until they are destroyed, whoever made them. */
static void end_sets(const struct node *n)
{
	processor_set_name_array_t sets = NULL;
	mach_msg_type_number_t count = 0;
	mach_port_t control;

	must(host_processor_sets(n->host, &sets, &count), "host_processor_sets");
	for (mach_msg_type_number_t i = 0; i < count; i++) {
		if (sets[i] != n->set_name && host_processor_set_priv(n->host, sets[i], &control) == KERN_SUCCESS) {
			(void)processor_set_destroy(control);
			drop(control);
		}
		drop(sets[i]);
	}
	(void)mach_vm_deallocate(self, (mach_vm_address_t)(uintptr_t)sets, count * sizeof(*sets));
}

static void tidy(const struct node *n)
{
	end_sets(n); /* their tasks are the default set's then */
	end_tasks(n);
}

static uint64_t rounds(unsigned seconds, uint64_t seed)
{
	const time_t over = time(NULL) + (time_t)seconds;
	uint64_t done = 0;

	for (; time(NULL) < over; done++) {
		struct child children[CHILDREN];

		for (unsigned i = 0; i < CHILDREN; i++)
			start(&children[i], (seed << 32) + done * CHILDREN + i);
		for (int i = 0; i < ABORTS; i++) {
			usleep(ABORT_US);
			for (unsigned k = 0; k < CHILDREN; k++)
				abort_threads(&children[k]);
		}
		for (unsigned i = 0; i < CHILDREN; i++)
			end(&children[i]);
		tidy(&here);
		if (victim != &here)
			tidy(victim);
	}
	return done;
}

/* The rights to a node, from its host control port. */
static void prepare_node(struct node *n, mach_port_t host, mach_port_t parent)
{
	n->host = host;
	n->parent = parent;
	must(host_get_special_port(host, HOST_LOCAL_NODE, HOST_PORT, &n->host_name), "the host's name port");
	must(host_get_clock_service(host, SYSTEM_CLOCK, &n->clocks[0]), "a clock");
	must(host_get_clock_service(host, CALENDAR_CLOCK, &n->clocks[1]), "a clock");
	must(processor_set_default(host, &n->set_name), "the processor set");
	must(host_processor_set_priv(host, n->set_name, &n->set), "its control port");
	know_tasks(n);
}

/* Node 2's, by its peer. */
static void prepare_victim(void)
{
	mach_port_t peer, task, thread, host;

	for (int i = 0; bootstrap_look_up(bootstrap_port, "peer/2", &peer) != KERN_SUCCESS; i++) {
		if (i == LOOK_TRIES)
			must(KERN_FAILURE, "peer/2");
		usleep(100000);
	}
	must(peer_objects(peer, &task, &thread, &host), "peer_objects");
	drop(thread);
	prepare_node(&there, host, task);
	victim = &there;
}

static void prepare(void)
{
	thread_time_constraint_policy_data_t first = { 20000000, 2000000, 10000000, TRUE };
	mach_vm_address_t shared = 0;
	pthread_t t;

	self = mach_task_self();
	prepare_node(&here, mach_host_self(), self);
	must(mach_vm_allocate(self, &shared, sizeof(*tally), VM_FLAGS_ANYWHERE), "memory");
	must(mach_vm_inherit(self, shared, sizeof(*tally), VM_INHERIT_SHARE), "that is shared");
	tally = (struct tally *)shared;
	must(mach_vm_allocate(self, &arena, ARENA_PAGES * PAGE, VM_FLAGS_ANYWHERE), "an arena");
	memset((void *)arena, 0x5a, ARENA_PAGES / 2 * PAGE);
	must(host_get_io_master(here.host, &master), "the devices' master port");
	must(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &watched), "a port");
	must(mach_port_insert_right(self, watched, watched, MACH_MSG_TYPE_MAKE_SEND), "a port");
	must(thread_policy_set(mach_thread_self(), THREAD_TIME_CONSTRAINT_POLICY, (thread_policy_t)&first, THREAD_TIME_CONSTRAINT_POLICY_COUNT),
	     "to run before them");
	pthread_create(&t, NULL, watch, NULL);
}

/* Nothing more on the node than before, but for what is between the parent and its last children, and in caches. */
static bool settled(struct node *n, unsigned names)
{
	for (uint32_t i = 0; i < n->before.zones; i++)
		n->before.infos[i].zi_count += ZONE_SLACK + (strcmp(n->before.names[i].zn_name, "thread") == 0 ? WORKERS_SLACK : 0);
	n->before.node.free_bytes -= PAGES_SLACK * PAGE;
	n->before.node.threads += WORKERS_SLACK;
	for (int i = 0; i < SETTLE_TRIES; i++) {
		usleep(100000);
		residue_take_of(n->host, &n->after);
		if (residue_none(&n->before, &n->after, i == SETTLE_TRIES - 1) && tap_names() <= names + NAMES_SLACK)
			return true;
	}
	printf("# names %u %u\n", names, tap_names());
	return false;
}

/* How many routines there are, were sent, and succeeded; tells which did not. */
static void coverage(unsigned *all, unsigned *sent, unsigned *good)
{
	*all = *sent = *good = 0;
	for (size_t t = 0; t < TABLES; t++)
		for (uint32_t i = 0; i < tables[t].calls->count; i++) {
			if (tables[t].calls->routines[i].name == NULL)
				continue;
			(*all)++;
			*sent += tally->sent[t][i] != 0;
			*good += tally->good[t][i] != 0;
			if (tally->good[t][i] == 0)
				printf("# %s: %u times, never with success\n", tables[t].calls->routines[i].name, tally->sent[t][i]);
		}
}

int main(int argc, char **argv)
{
	unsigned seconds = SECONDS_DEFAULT, names, all, sent, good;
	uint64_t seed = 1, done;
	FILE *settings;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3) {
		seconds = (unsigned)atoi(argv[1]);
		seed = strtoull(argv[2], NULL, 10);
	} else if ((settings = fopen("/hostile.txt", "r")) == NULL || fscanf(settings, "%u %lu", &seconds, &seed) != 2) {
		printf("# no hostile.txt: %u seconds, seed %lu\n", seconds, (unsigned long)seed);
	}
	prepare();
	if (argc == 3)
		prepare_victim();
	(void)rounds(2, seed); /* fills the caches */
	usleep(500000);
	residue_take_of(here.host, &here.before);
	residue_take_of(victim->host, &victim->before);
	names = tap_names();
	done = rounds(seconds, seed + 1);
	coverage(&all, &sent, &good);
	printf("# %lu rounds, %lu messages, %lu answers, %lu traps, %lu system calls, %lu rights learned; %u routines: %u sent, %u with success; seed %lu\n",
	       (unsigned long)done, (unsigned long)tally->messages, (unsigned long)tally->answers, (unsigned long)tally->traps,
	       (unsigned long)tally->calls, (unsigned long)tally->learned, all, sent, good, (unsigned long)seed);
	tap(done > 0 && tally->answers > 0 && tally->traps > 0 && tally->calls > 0 && tally->learned > 0 && sent > all / 2 && good > all / 4,
	    "HOST0001 tasks do whatever they can, and the node goes on");
	tap(settled(&here, names), "HOST0002 when they have ended nothing of theirs is left");
	if (victim != &here)
		tap(settled(victim, names), "HOST0003 nor on the other node");
	return tap_done();
}
