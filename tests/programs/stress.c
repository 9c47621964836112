/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress.c - everything at once on all CPUs: calls between many threads, ports and rights made and destroyed, memory
 * mapped, shared, copied and unmapped, threads and tasks born and ended, forks that call and are killed in the middle of it, waits
 * aborted, memory of pagers that serve and of pagers that die, ports in several sets, notifications, pages exchanged, exceptions of
 * tasks that are killed before they are answered, priorities changed, semaphores and locks destroyed under who waits. Prints TAP; then the task has the names and the kernel the objects and pages that it had before.
 *
 *   test-stress [SECONDS [SEED [faults]]]
 *
 * faults: the same in a task whose allocations fail at random (tests/kernel/faults.t), twice; with the host's control port, and then it halts.
 */
#define _GNU_SOURCE
#include <mach/mach.h>
#include <mach/mach_traps.h>
#include <mach/host_priv.h>
#include <mach/host_special_ports.h>
#include <mach/pager.h>
#include <mach/spawn.h>
#include <mach/thread_status.h>
#include <servers/bootstrap.h>
#include <servers/task_exit_server.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "residue.h"
#include "tap.h"

#define WORKERS 8
#define SERVERS 3
#define OOL_BYTES 20000
#define SECONDS_DEFAULT 8
#define SETTLE_TRIES 100
#define REGION_PAGES 16
#define PAGE 4096UL
#define VICTIM_STACK 16384UL
#define VICTIM_MS 12
#define LOST_MS 1000
#define FAULTY_PATIENCE_S 40
#define FAULTY_RUNS_MAX 5
#define FAULTY_SHORT_MIN 10
#define ZONE_SLACK 8 /* objects that caches of threads and CPUs keep */

struct request {
	mach_msg_base_t base;
	mach_msg_port_descriptor_t right;
	mach_msg_ool_descriptor_t memory;
	uint64_t number, seed;
};

struct reply {
	mach_msg_header_t head;
	uint64_t number, sum;
};

static mach_port_t service;
static atomic_bool over;
static atomic_uint wrong;
static _Atomic uint64_t calls, tasks, threads, ports, maps, forks, paged, dead_pagers, told, exchanged, raised, broken;
static struct pager *pager;
static int scratch; /* a file of memory: the kernel reads what is written to it */

static uint64_t draw(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/*
 * As the task "faulty" (fault.alloc= and fault.task=faulty on the kernel's command line) one allocation in so many fails for us: then a call may say
 * that there is no memory, and what it was part of ends there; whatever must be undone is tried until it is.
 */
static bool faulty;
static _Atomic uint64_t short_of; /* calls that failed so */

static bool is_short(kern_return_t kr)
{
	if (!faulty)
		return false;
	switch (kr) {
	case KERN_RESOURCE_SHORTAGE:
	case MACH_SEND_NO_BUFFER:
	case MACH_SEND_INVALID_MEMORY | MACH_MSG_VM_KERNEL:
	case MACH_SEND_INVALID_RIGHT | MACH_MSG_IPC_KERNEL:
	case MACH_RCV_TIMED_OUT: /* the answer was not sent */
	case MIG_SERVER_DIED: /* but a word of that */
	case KERN_MEMORY_ERROR: /* nor that of a pager */
	case MACH_RCV_INVALID_NAME: /* no port for it could be made */
		break;
	default:
		if ((kr & ~(MACH_MSG_VM_KERNEL | MACH_MSG_IPC_KERNEL | MACH_MSG_VM_SPACE | MACH_MSG_IPC_SPACE)) != MACH_RCV_BODY_ERROR &&
		    (kr & ~(MACH_MSG_VM_KERNEL | MACH_MSG_IPC_KERNEL | MACH_MSG_VM_SPACE | MACH_MSG_IPC_SPACE)) != MACH_RCV_HEADER_ERROR)
			return false;
	}
	atomic_fetch_add(&short_of, 1);
	return true;
}

/* What must be done. */
#define MUST(call)                                                                          \
	({                                                                                  \
		kern_return_t must_;                                                        \
		unsigned tries_ = 0;                                                        \
		while (is_short(must_ = (call)) && ++tries_ < 1000)                         \
			;                                                                   \
		must_;                                                                      \
	})

static void fault(const char *what, kern_return_t kr)
{
	if (is_short(kr))
		return;
	if (atomic_fetch_add(&wrong, 1) < 5)
		printf("# %s: %s (0x%x)\n", what, mach_error_string(kr), (unsigned)kr);
}

static uint64_t sum_of(const uint8_t *bytes, uint64_t n)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < n; i += 97)
		sum = sum * 31 + bytes[i];
	return sum;
}

/* ---- the servers: all receive from one port ---- */

static void answer(struct request *in)
{
	struct reply out = { .head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(in->base.header.msgh_bits), 0),
				       .msgh_size = sizeof(out), .msgh_remote_port = in->base.header.msgh_remote_port,
				       .msgh_id = 2 },
			     .number = in->number };

	if (in->memory.size != 0) {
		out.sum = sum_of(in->memory.address, in->memory.size);
		(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)in->memory.address,
					 in->memory.size);
	}
	if (MACH_PORT_VALID(in->right.name))
		(void)mach_port_deallocate(mach_task_self(), in->right.name);
	(void)MUST(mach_msg(&out.head, MACH_SEND_MSG, sizeof(out), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL));
}

static void answer_victim(const mach_msg_header_t *in)
{
	struct reply out = { .head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(in->msgh_bits), 0), .msgh_size = sizeof(out),
				       .msgh_remote_port = in->msgh_remote_port, .msgh_id = 4 } };

	if (mach_msg(&out.head, MACH_SEND_MSG, sizeof(out), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
		mach_msg_destroy(&out.head); /* its task was killed */
}

static void *server(void *unused)
{
	union {
		struct request request;
		char room[sizeof(struct request) + MAX_TRAILER_SIZE];
	} m;

	for (;;) {
		mach_msg_return_t mr = mach_msg(&m.request.base.header, MACH_RCV_MSG, 0, sizeof(m), service, 0,
						MACH_PORT_NULL);

		if (mr != MACH_RCV_INVALID_NAME && is_short(mr))
			continue;
		if (mr != MACH_MSG_SUCCESS)
			return NULL; /* the port has gone: the end */
		if (m.request.base.header.msgh_id == 1)
			answer(&m.request);
		else if (m.request.base.header.msgh_id == 3)
			answer_victim(&m.request.base.header);
		else
			mach_msg_destroy(&m.request.base.header);
	}
}

/* ---- the workers ---- */

static void call(uint64_t *state, uint8_t *memory)
{
	union {
		struct request request;
		struct reply reply;
		char room[512];
	} m = { 0 };
	struct request *r = &m.request;
	uint64_t number = draw(state), size = draw(state) % 4 == 0 ? 1 + draw(state) % OOL_BYTES : 0, sum;
	mach_port_t reply_port = mig_get_reply_port();
	mach_msg_return_t mr;

	r->base.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) |
				   MACH_MSGH_BITS_COMPLEX;
	r->base.header.msgh_size = sizeof(*r);
	r->base.header.msgh_remote_port = service;
	r->base.header.msgh_local_port = reply_port;
	r->base.header.msgh_id = 1;
	r->base.body.msgh_descriptor_count = 2;
	r->right.name = draw(state) % 2 ? service : mach_task_self();
	r->right.disposition = MACH_MSG_TYPE_COPY_SEND;
	r->right.type = MACH_MSG_PORT_DESCRIPTOR;
	memset(memory, (int)(number & 0xff), size);
	sum = sum_of(memory, size);
	r->memory = (mach_msg_ool_descriptor_t){ .address = memory, .size = size, .copy = MACH_MSG_VIRTUAL_COPY,
						 .type = MACH_MSG_OOL_DESCRIPTOR };
	r->number = number;
	mr = mach_msg(&r->base.header, MACH_SEND_MSG | MACH_RCV_MSG | (faulty ? MACH_RCV_TIMEOUT : 0), sizeof(*r), sizeof(m), reply_port,
		      LOST_MS, MACH_PORT_NULL);
	if (mr != MACH_MSG_SUCCESS) {
		fault("a call", mr);
		if (faulty)
			mig_dealloc_reply_port(reply_port); /* an answer may come yet */
	}
	else if (m.reply.number != number || m.reply.sum != sum)
		fault("an answer is another's, or its memory was wrong", KERN_FAILURE);
	atomic_fetch_add(&calls, 1);
}

static void ports_and_sets(uint64_t *state)
{
	mach_port_t port, set;
	kern_return_t kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);

	if (kr != KERN_SUCCESS || (kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set)) != KERN_SUCCESS) {
		fault("a port", kr);
		return;
	}
	(void)mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	(void)mach_port_move_member(mach_task_self(), port, set);
	for (uint64_t i = draw(state) % 7; i > 0; i--) {
		mach_msg_header_t m = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE),
					.msgh_size = sizeof(m), .msgh_remote_port = port, .msgh_local_port = port };

		if (mach_msg(&m, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof(m), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) !=
		    MACH_MSG_SUCCESS) {
			/* It came back, with the right to the queue and the new send-once right. */
			mach_msg_destroy(&m);
			(void)mach_port_deallocate(mach_task_self(), m.msgh_local_port);
		}
	}
	if ((kr = MUST(mach_port_destroy(mach_task_self(), port))) != KERN_SUCCESS ||
	    (kr = MUST(mach_port_destroy(mach_task_self(), set))) != KERN_SUCCESS)
		fault("destroying a port", kr);
	atomic_fetch_add(&ports, 1);
}

/* Its end; the answer to a first try may have been lost, and a fault without memory or an exception's message that was lost be its end, too. */
static void end_task(mach_port_t child)
{
	kern_return_t kr = MUST(task_terminate(child));

	if (kr != KERN_SUCCESS && !(faulty && kr == MACH_SEND_INVALID_DEST))
		fault("task_terminate", kr);
	(void)mach_port_deallocate(mach_task_self(), child);
}

static void child_task(uint64_t *state)
{
	mach_vm_address_t at = 0;
	mach_port_t child;
	kern_return_t kr = task_create(mach_task_self(), NULL, 0, draw(state) % 2 == 0, &child);

	if (kr != KERN_SUCCESS) {
		fault("task_create", kr);
		return;
	}
	(void)mach_vm_allocate(child, &at, 65536, VM_FLAGS_ANYWHERE);
	(void)mach_vm_write(child, at, (vm_offset_t)state, sizeof(*state));
	end_task(child);
	atomic_fetch_add(&tasks, 1);
}

static void *sleeper(void *thread)
{
	mach_port_t self;

	while ((self = mach_thread_self()) == MACH_PORT_NULL)
		;
	atomic_store((_Atomic mach_port_t *)thread, self);
	usleep(200000);
	return NULL;
}

static void child_thread(void)
{
	_Atomic mach_port_t thread = MACH_PORT_NULL;
	pthread_t t;

	if (pthread_create(&t, NULL, sleeper, (void *)&thread) != 0)
		return;
	while (atomic_load(&thread) == MACH_PORT_NULL)
		sched_yield();
	if (MUST(thread_suspend(thread)) != KERN_SUCCESS)
		fault("thread_suspend", KERN_FAILURE);
	(void)thread_abort(thread);
	while (MUST(thread_resume(thread)) == KERN_SUCCESS)
		; /* a suspension that was tried twice may have been done twice */
	pthread_join(t, NULL);
	(void)mach_port_deallocate(mach_task_self(), thread);
	atomic_fetch_add(&threads, 1);
}

/* A region, shared and copied into a second place, written, protected, cut; each byte is what it must be. */
static void maps_and_copies(uint64_t *state)
{
	mach_port_t self = mach_task_self();
	mach_vm_address_t at = 0, shared = 0, copy = 0;
	const uint64_t bytes = REGION_PAGES * PAGE;
	vm_prot_t cur, max;
	uint8_t tag = (uint8_t)draw(state);
	uint64_t hole = draw(state) % (REGION_PAGES - 2);
	kern_return_t kr = mach_vm_allocate(self, &at, bytes, VM_FLAGS_ANYWHERE);

	if (kr != KERN_SUCCESS) {
		fault("mach_vm_allocate", kr);
		return;
	}
	memset((void *)at, tag, bytes);
	if ((kr = mach_vm_remap(self, &shared, bytes, 0, VM_FLAGS_ANYWHERE, self, at, FALSE, &cur, &max, VM_INHERIT_SHARE)) != KERN_SUCCESS ||
	    (kr = mach_vm_remap(self, &copy, bytes, 0, VM_FLAGS_ANYWHERE, self, at, TRUE, &cur, &max, VM_INHERIT_COPY)) != KERN_SUCCESS) {
		fault("mach_vm_remap", kr);
		return;
	}
	for (unsigned i = 0; i < REGION_PAGES; i += 3)
		((volatile uint8_t *)shared)[i * PAGE + i] = (uint8_t)(tag + 1);
	for (unsigned i = 0; i < REGION_PAGES; i++) {
		uint8_t new = i % 3 == 0 ? (uint8_t)(tag + 1) : tag;

		if (((volatile uint8_t *)at)[i * PAGE + i] != new || ((volatile uint8_t *)copy)[i * PAGE + i] != tag)
			fault("memory that is shared or copied is wrong", KERN_MEMORY_FAILURE);
	}
	if ((kr = mach_vm_protect(self, copy + hole * PAGE, 2 * PAGE, FALSE, VM_PROT_READ)) != KERN_SUCCESS ||
	    (kr = mach_vm_deallocate(self, shared + hole * PAGE, PAGE)) != KERN_SUCCESS ||
	    (kr = mach_vm_copy(self, at, 4 * PAGE, at + 8 * PAGE)) != KERN_SUCCESS)
		fault("cutting a region", kr);
	if (kr == KERN_SUCCESS && memcmp((void *)at, (void *)(at + 8 * PAGE), 4 * PAGE) != 0)
		fault("mach_vm_copy", KERN_MEMORY_FAILURE);
	(void)mach_vm_deallocate(self, at, bytes);
	(void)mach_vm_deallocate(self, shared, hole * PAGE); /* the hole may be somebody else's by now */
	(void)mach_vm_deallocate(self, shared + (hole + 1) * PAGE, bytes - (hole + 1) * PAGE);
	(void)mach_vm_deallocate(self, copy, bytes);
	atomic_fetch_add(&maps, 1);
}

/*
 * The life of a victim: a thread in a forked task, without a C library behind it (no thread pointer). It calls the service
 * and writes to its copy of our memory until it is killed.
 */
static void victim(mach_port_name_t target, uint8_t *memory)
{
	struct {
		mach_msg_header_t head;
		uint64_t number, sum;
		mach_msg_max_trailer_t trailer;
	} m;
	mach_port_name_t reply = mach_reply_port();

	for (uint64_t n = 0;; n++) {
		memory[n % REGION_PAGES * PAGE] = (uint8_t)n;
		m.head = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE),
					      .msgh_size = sizeof(m.head) + 16, .msgh_remote_port = target,
					      .msgh_local_port = reply, .msgh_id = 3 };
		(void)mach_msg_trap(&m.head, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT, sizeof(m.head) + 16, sizeof(m), reply, 1,
				    MACH_PORT_NULL);
	}
}

static kern_return_t start_victim(mach_port_t child, uint8_t *stack, uint8_t *memory)
{
	x86_thread_state64_t regs = { .rip = (uintptr_t)victim, .rdi = 0, .rsi = (uintptr_t)memory };
	mach_port_name_t name = 0x2003;
	mach_port_t thread;
	kern_return_t kr = mach_port_insert_right(child, name, service, MACH_MSG_TYPE_COPY_SEND);

	regs.rdi = name;
	regs.rsp = (uintptr_t)(stack + VICTIM_STACK) - 8; /* as after a call */
	if (kr == KERN_SUCCESS)
		kr = thread_create(child, &thread);
	if (kr != KERN_SUCCESS)
		return kr;
	kr = thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&regs, x86_THREAD_STATE64_COUNT);
	if (kr == KERN_SUCCESS)
		kr = thread_resume(thread);
	(void)mach_port_deallocate(mach_task_self(), thread);
	return kr;
}

static void fork_and_kill(uint64_t *state)
{
	mach_vm_address_t region = 0;
	mach_port_t child;
	kern_return_t kr = mach_vm_allocate(mach_task_self(), &region, VICTIM_STACK + REGION_PAGES * PAGE, VM_FLAGS_ANYWHERE);

	if (kr != KERN_SUCCESS) {
		fault("mach_vm_allocate", kr);
		return;
	}
	*(volatile uint8_t *)(region + VICTIM_STACK) = 0xee;
	kr = task_create(mach_task_self(), NULL, 0, TRUE, &child);
	if (kr == KERN_SUCCESS) {
		kr = start_victim(child, (uint8_t *)region, (uint8_t *)(region + VICTIM_STACK));
		if (kr != KERN_SUCCESS)
			fault("a victim's start", kr);
		usleep(1000 * (1 + draw(state) % VICTIM_MS));
		if (draw(state) % 4 == 0)
			(void)task_suspend(child);
		end_task(child);
		atomic_fetch_add(&forks, 1);
	} else {
		fault("task_create", kr);
	}
	if (*(volatile uint8_t *)(region + VICTIM_STACK) != 0xee)
		fault("a fork wrote to its parent's memory", KERN_MEMORY_FAILURE);
	(void)mach_vm_deallocate(mach_task_self(), region, VICTIM_STACK + REGION_PAGES * PAGE);
}

/* ---- notifications, sets, exchanges, exceptions, priorities, semaphores and locks ---- */

/* A port in several sets, with requests: its death tells each of them, once. */
static void notifications(uint64_t *state)
{
	mach_port_t self = mach_task_self(), port, set[3], told_port, previous;
	mach_msg_header_t m = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0) };
	unsigned sets = 1 + (unsigned)(draw(state) % 3), heard = 0;
	union {
		mach_dead_name_notification_t n;
		char room[256];
	} got;
	kern_return_t kr = mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &port);

	if (kr != KERN_SUCCESS || (kr = mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &told_port)) != KERN_SUCCESS) {
		fault("a port", kr);
		return;
	}
	for (unsigned i = 0; i < sets; i++) {
		(void)mach_port_allocate(self, MACH_PORT_RIGHT_PORT_SET, &set[i]);
		(void)mach_port_insert_member(self, port, set[i]);
	}
	m.msgh_remote_port = port;
	(void)mach_msg(&m, MACH_SEND_MSG, sizeof(m), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
	kr = mach_msg(&got.n.not_header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(got), set[sets - 1], 5000, MACH_PORT_NULL);
	if (kr != KERN_SUCCESS)
		fault("a message through one of several sets", kr);
	(void)mach_port_insert_right(self, port, port, MACH_MSG_TYPE_MAKE_SEND);
	(void)mach_port_request_notification(self, port, MACH_NOTIFY_DEAD_NAME, 0, told_port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
	(void)mach_port_request_notification(self, port, MACH_NOTIFY_NO_SENDERS, 1000, told_port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
	(void)mach_port_mod_refs(self, port, MACH_PORT_RIGHT_RECEIVE, -1);
	while (heard < 3 && mach_msg(&got.n.not_header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(got), told_port, heard < 2 ? 5000 : 0,
				     MACH_PORT_NULL) == MACH_MSG_SUCCESS) {
		if (got.n.not_header.msgh_id == MACH_NOTIFY_DEAD_NAME)
			(void)mach_port_deallocate(self, got.n.not_port);
		heard++;
	}
	if (heard != 2 && !faulty) /* the death, and the send-once right of the request that died with the receive right */
		fault("a dying port's notifications", KERN_FAILURE);
	(void)mach_port_deallocate(self, port); /* a dead name now */
	(void)mach_port_destroy(self, told_port);
	for (unsigned i = 0; i < sets; i++)
		(void)mach_port_destroy(self, set[i]);
	atomic_fetch_add(&told, 1);
}

/* Pages that leave one place and arrive in another; what they left reads as zeros. */
static void exchange(uint64_t *state)
{
	struct {
		mach_msg_base_t base;
		mach_msg_ool_descriptor_t memory;
		mach_msg_max_trailer_t trailer;
	} m = { .base = { { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0) | MACH_MSGH_BITS_COMPLEX }, { 1 } } };
	mach_port_t self = mach_task_self(), port;
	mach_vm_address_t from = 0;
	const uint64_t pages = 1 + draw(state) % 8, word = draw(state) | 1;
	kern_return_t kr = mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &port);

	if (kr != KERN_SUCCESS || (kr = mach_vm_allocate(self, &from, pages * PAGE, VM_FLAGS_ANYWHERE)) != KERN_SUCCESS) {
		fault("an exchange", kr);
		return;
	}
	for (uint64_t i = 0; i < pages; i++)
		*(volatile uint64_t *)(from + i * PAGE) = word + i;
	m.base.header.msgh_remote_port = port;
	m.memory = (mach_msg_ool_descriptor_t){ .address = (void *)from, .size = pages * PAGE, .copy = MACH_MSG_PAGE_EXCHANGE,
						.type = MACH_MSG_OOL_DESCRIPTOR };
	kr = mach_msg(&m.base.header, MACH_SEND_MSG | MACH_RCV_MSG, offsetof(__typeof__(m), trailer), sizeof(m), port, 0, MACH_PORT_NULL);
	if (kr != KERN_SUCCESS) {
		if (kr != MACH_SEND_INVALID_MEMORY) /* a fork of just now shares it: such pages stay */
			fault("an exchange's message", kr);
	} else {
		mach_vm_address_t to = (mach_vm_address_t)(uintptr_t)m.memory.address;

		for (uint64_t i = 0; i < pages; i++)
			if (*(volatile uint64_t *)(to + i * PAGE) != word + i || *(volatile uint64_t *)(from + i * PAGE) != 0)
				fault("exchanged pages are wrong", KERN_MEMORY_FAILURE);
		(void)mach_vm_deallocate(self, to, pages * PAGE);
	}
	(void)mach_vm_deallocate(self, from, pages * PAGE);
	(void)mach_port_destroy(self, port);
	atomic_fetch_add(&exchanged, 1);
}

static void bad_instruction(void)
{
	for (;;)
		__asm__ volatile("ud2");
}

/* A task's exception comes as a message; the task is killed with its thread waiting for the answer, or answered and killed. */
static void exceptions(uint64_t *state)
{
	union {
		mach_msg_header_t head;
		char room[512];
	} m;
	mig_reply_error_t reply = { 0 };
	bool got = false;
	mach_port_t self = mach_task_self(), port, child, thread = MACH_PORT_NULL;
	x86_thread_state64_t regs = { .rip = (uintptr_t)bad_instruction };
	kern_return_t kr = mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &port);

	if (kr != KERN_SUCCESS || (kr = task_create(self, NULL, 0, TRUE, &child)) != KERN_SUCCESS) {
		fault("a task for an exception", kr);
		return;
	}
	(void)mach_port_insert_right(self, port, port, MACH_MSG_TYPE_MAKE_SEND);
	kr = task_set_exception_ports(child, EXC_MASK_ALL, port, EXCEPTION_DEFAULT | (int)MACH_EXCEPTION_CODES, THREAD_STATE_NONE);
	if (kr == KERN_SUCCESS)
		kr = thread_create(child, &thread);
	else
		fault("task_set_exception_ports", kr);
	if (kr == KERN_SUCCESS)
		kr = thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&regs, x86_THREAD_STATE64_COUNT);
	else
		fault("thread_create", kr);
	if (kr == KERN_SUCCESS)
		kr = thread_resume(thread);
	else
		fault("thread_set_state", kr);
	for (uint64_t i = 1 + draw(state) % 3; i > 0 && kr == KERN_SUCCESS; i--) {
		kr = mach_msg(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), port, faulty ? LOST_MS : 20000, MACH_PORT_NULL);
		got = kr == KERN_SUCCESS;
		if (kr == KERN_SUCCESS && i > 1) { /* it tries again, and raises again */
			reply.Head = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(m.head.msgh_bits), 0),
							  .msgh_remote_port = m.head.msgh_remote_port, .msgh_id = m.head.msgh_id + 100 };
			m.head.msgh_remote_port = MACH_PORT_NULL;
			(void)mach_msg(&reply.Head, MACH_SEND_MSG, sizeof(reply), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
			mach_msg_destroy(&m.head);
			got = false;
		}
	}
	if (kr != KERN_SUCCESS)
		fault("an exception", kr);
	end_task(child);
	if (got)
		mach_msg_destroy(&m.head); /* with the send-once right that nobody waits for any more */
	(void)mach_port_deallocate(self, thread);
	(void)mach_port_destroy(self, port);
	atomic_fetch_add(&raised, 1);
}

struct held {
	mach_port_t semaphore, locks, thread;
	kern_return_t first, second;
	_Atomic bool there;
};

static void *hold(void *arg)
{
	struct held *h = arg;

	while ((h->thread = mach_thread_self()) == MACH_PORT_NULL)
		;
	atomic_store(&h->there, true);
	h->first = MUST(semaphore_wait(h->semaphore));
	h->second = MUST(lock_acquire(h->locks, 0));
	return NULL;
}

/*
 * Who comes too late finds that the name is dead, or that the port is no object's any more; or, when the port died between the
 * look at the name and the sending of the message, that the message is gone and its reply right with it.
 */
static bool came_too_late(kern_return_t kr)
{
	return kr == MACH_SEND_INVALID_DEST || kr == KERN_INVALID_ARGUMENT || kr == MIG_SERVER_DIED;
}

/* A thread waits for a semaphore and then for a lock while its priority is changed; both die under it. */
static void priorities_and_locks(uint64_t *state)
{
	struct held h = { 0 };
	mach_port_t self = mach_task_self();
	thread_time_constraint_policy_data_t rt = { 20000000, 1000000, 10000000, TRUE };
	thread_precedence_policy_data_t importance = { (integer_t)(draw(state) % 20) - 10 };
	pthread_t t;
	kern_return_t kr = semaphore_create(self, &h.semaphore, SYNC_POLICY_FIFO, 0);

	if (kr == KERN_SUCCESS)
		kr = lock_set_create(self, &h.locks, 1, SYNC_POLICY_FIFO);
	if (kr == KERN_SUCCESS)
		kr = lock_acquire(h.locks, 0);
	if (kr != KERN_SUCCESS || pthread_create(&t, NULL, hold, &h) != 0) {
		fault("a semaphore and a lock", kr != KERN_SUCCESS ? kr : KERN_RESOURCE_SHORTAGE);
		return;
	}
	while (!atomic_load(&h.there))
		sched_yield();
	if (draw(state) % 2)
		(void)thread_policy_set(h.thread, THREAD_TIME_CONSTRAINT_POLICY, (thread_policy_t)&rt, THREAD_TIME_CONSTRAINT_POLICY_COUNT);
	(void)thread_policy_set(h.thread, THREAD_PRECEDENCE_POLICY, (thread_policy_t)&importance, THREAD_PRECEDENCE_POLICY_COUNT);
	usleep((useconds_t)(draw(state) % 2000));
	(void)MUST(semaphore_destroy(self, h.semaphore));
	(void)thread_policy_set(h.thread, THREAD_STANDARD_POLICY, NULL, 0);
	usleep((useconds_t)(draw(state) % 2000));
	(void)MUST(lock_set_destroy(self, h.locks));
	pthread_join(t, NULL);
	if (h.first != KERN_TERMINATED && !came_too_late(h.first))
		fault("a semaphore that died", h.first);
	if (h.second != KERN_LOCK_SET_DESTROYED && !came_too_late(h.second))
		fault("a lock set that died", h.second);
	(void)mach_port_deallocate(self, h.thread);
	(void)mach_port_deallocate(self, h.semaphore);
	(void)mach_port_deallocate(self, h.locks);
	atomic_fetch_add(&broken, 1);
}

/* ---- pagers ---- */

static uint64_t paged_word(uint64_t tag, uint64_t offset)
{
	return tag * 1000003 + offset;
}

static kern_return_t page_in(struct pager_object *object, uint64_t offset, uint32_t length, void *buffer, vm_prot_t *lock)
{
	uint64_t tag = (uint64_t)(uintptr_t)pager_object_context(object);

	for (uint32_t i = 0; i < length; i += PAGE)
		*(uint64_t *)((char *)buffer + i) = paged_word(tag, offset + i);
	return KERN_SUCCESS;
}

/* Where allocations fail a message to or from the pager may be lost, and the page is not had in time. */
static void check_paged(mach_vm_address_t at, uint64_t word, const char *what)
{
	mach_vm_size_t n = 0;
	uint64_t got = 0;
	kern_return_t kr = KERN_SUCCESS;

	if (faulty)
		kr = mach_vm_read_overwrite(mach_task_self(), at, sizeof(got), (mach_vm_address_t)(uintptr_t)&got, &n);
	else
		got = *(volatile uint64_t *)at;
	if (kr == KERN_MEMORY_ERROR)
		kr = KERN_RESOURCE_SHORTAGE;
	if (kr != KERN_SUCCESS || got != word)
		fault(what, kr != KERN_SUCCESS ? kr : KERN_MEMORY_FAILURE);
}

/* Memory of a pager that serves: each page has its own word; a copy of it keeps it. */
static void paged_memory(uint64_t *state)
{
	static const struct pager_ops ops = { .read = page_in };
	uint64_t tag = draw(state) % 1000000, bytes = REGION_PAGES * PAGE;
	mach_port_t self = mach_task_self();
	mach_vm_address_t at = 0, copy = 0;
	struct pager_object *object;
	vm_prot_t cur, max;
	kern_return_t kr = pager_object_create(pager, &ops, bytes, (void *)(uintptr_t)tag, NULL, &object);

	if (kr != KERN_SUCCESS) {
		fault("pager_object_create", kr);
		return;
	}
	kr = mach_vm_map(self, &at, bytes, 0, VM_FLAGS_ANYWHERE, pager_object_port(object), 0, FALSE, VM_PROT_READ, VM_PROT_READ,
			 VM_INHERIT_COPY);
	if (kr == KERN_SUCCESS) {
		for (unsigned i = 0; i < 6; i++) {
			uint64_t page = draw(state) % REGION_PAGES * PAGE;

			check_paged(at + page, paged_word(tag, page), "a pager's page is wrong");
		}
		kr = mach_vm_remap(self, &copy, bytes, 0, VM_FLAGS_ANYWHERE, self, at, TRUE, &cur, &max, VM_INHERIT_COPY);
		(void)mach_vm_deallocate(self, at, bytes);
	}
	if (kr == KERN_SUCCESS) {
		uint64_t page = draw(state) % REGION_PAGES * PAGE;

		check_paged(copy + page, paged_word(tag, page), "a copy of a pager's page is wrong");
		(void)mach_vm_deallocate(self, copy, bytes);
	} else {
		fault("mapping a pager's memory", kr);
	}
	pager_object_destroy(object);
	atomic_fetch_add(&paged, 1);
}

/* The kernel reads memory whose pager never answers and then dies: an error, in the kernel's copy of our bytes. */
static void *read_of_the_dead(void *at)
{
	return (void *)(intptr_t)(pwrite(scratch, at, PAGE, 0) == -1 && errno == EFAULT);
}

static void dying_pager(uint64_t *state)
{
	mach_port_t self = mach_task_self(), object;
	mach_vm_address_t at = 0;
	pthread_t reader;
	void *refused = NULL;
	kern_return_t kr = mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &object);

	if (kr == KERN_SUCCESS)
		kr = mach_port_insert_right(self, object, object, MACH_MSG_TYPE_MAKE_SEND);
	if (kr == KERN_SUCCESS)
		kr = mach_vm_map(self, &at, REGION_PAGES * PAGE, 0, VM_FLAGS_ANYWHERE, object, 0, FALSE, VM_PROT_READ, VM_PROT_READ,
				 VM_INHERIT_NONE);
	if (kr != KERN_SUCCESS || pthread_create(&reader, NULL, read_of_the_dead, (void *)(at + PAGE)) != 0) {
		fault("a pager that will die", kr != KERN_SUCCESS ? kr : KERN_RESOURCE_SHORTAGE);
		return;
	}
	usleep((useconds_t)(draw(state) % 8000));
	(void)MUST(mach_port_destroy(self, object));
	pthread_join(reader, &refused);
	if (refused == NULL)
		fault("memory without a pager was read", KERN_FAILURE);
	(void)mach_vm_deallocate(self, at, REGION_PAGES * PAGE);
	atomic_fetch_add(&dead_pagers, 1);
}

static void *worker(void *seed)
{
	uint64_t state = (uint64_t)(uintptr_t)seed;
	uint8_t *memory;

	while ((memory = malloc(OOL_BYTES)) == NULL)
		;
	while (!atomic_load(&over)) {
		switch (draw(&state) % 20) {
		case 16:
			notifications(&state);
			break;
		case 17:
			exchange(&state);
			break;
		case 18:
			exceptions(&state);
			break;
		case 19:
			priorities_and_locks(&state);
			break;
		case 0:
			child_task(&state);
			break;
		case 1:
			child_thread();
			break;
		case 2:
		case 3:
			ports_and_sets(&state);
			break;
		case 4:
			maps_and_copies(&state);
			break;
		case 5:
			fork_and_kill(&state);
			break;
		case 6:
			paged_memory(&state);
			break;
		case 7:
			if (draw(&state) % 2 == 0)
				dying_pager(&state);
			break;
		default:
			call(&state, memory);
		}
	}
	free(memory);
	return NULL;
}

static void start(pthread_t *t, void *(*body)(void *), void *arg)
{
	while (pthread_create(t, NULL, body, arg) != 0)
		if (!faulty)
			abort();
}

static void run(unsigned seconds, uint64_t seed)
{
	pthread_t workers[WORKERS], servers[SERVERS];

	atomic_store(&over, false);
	if (MUST(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &service)) != KERN_SUCCESS ||
	    MUST(mach_port_insert_right(mach_task_self(), service, service, MACH_MSG_TYPE_MAKE_SEND)) != KERN_SUCCESS)
		abort();
	for (int i = 0; i < SERVERS; i++)
		start(&servers[i], server, NULL);
	for (int i = 0; i < WORKERS; i++)
		start(&workers[i], worker, (void *)(uintptr_t)(seed * 1000 + (unsigned)i));
	sleep(seconds);
	atomic_store(&over, true);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	(void)MUST(mach_port_destroy(mach_task_self(), service));
	for (int i = 0; i < SERVERS; i++)
		pthread_join(servers[i], NULL);
}

/* Nothing more than before, but for what caches keep. */
static bool settled(struct residue *before, struct residue *after, unsigned names)
{
	for (uint32_t i = 0; i < before->zones; i++)
		before->infos[i].zi_count += ZONE_SLACK;
	for (int i = 0; i < SETTLE_TRIES; i++) {
		usleep(50000);
		residue_take(after);
		if (residue_none(before, after, i == SETTLE_TRIES - 1) && tap_names() <= names + 1 /* the second pager thread's reply port */)
			return true;
	}
	printf("# names %u %u\n", names, tap_names());
	return false;
}

/* ---- with allocations that fail ---- */

static mach_port_t control;     /* of the host */
static _Atomic int exit_status; /* of the task; -1: it runs */

/* The task whose allocations fail: everything at once for a while. */
static int faulty_main(unsigned seconds, uint64_t seed)
{
	task_name_info_data_t info = { .name = "faulty" };

	if (task_set_info(mach_task_self(), TASK_NAME_INFO, (task_info_t)&info, TASK_NAME_INFO_COUNT) != KERN_SUCCESS)
		return 3;
	faulty = true;
	while (pager_create(&pager) != KERN_SUCCESS || pager_start(pager) != KERN_SUCCESS)
		;
	for (unsigned i = 0; i < FAULTY_RUNS_MAX && wrong == 0 && short_of < FAULTY_SHORT_MIN; i++) /* all may stand and wait for what was lost */
		run(seconds, seed + i * 100);
	printf("# faulty: %lu calls were short of memory of %lu\n", (unsigned long)short_of,
	       (unsigned long)(calls + tasks + threads + ports + maps + forks + paged + dead_pagers + told + exchanged + raised + broken));
	return wrong != 0 ? 1 : short_of < FAULTY_SHORT_MIN ? 2 : 0;
}

static kern_return_t take_exit(mach_port_t at, uint64_t id, int with)
{
	exit_status = with;
	return KERN_SUCCESS;
}

static boolean_t exit_demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct task_exit_ops exits = { .task_exited = take_exit };

	return task_exit_demux(&exits, in, out);
}

static void *exit_main(void *port)
{
	(void)mach_msg_server(exit_demux, 1024, (mach_port_t)(uintptr_t)port, MACH_MSG_OPTION_NONE);
	return NULL;
}

/* Tasks that were made, and whose names did not get to who asked for them. */
static void end_lost_tasks(void)
{
	mach_port_t name = MACH_PORT_NULL, set = MACH_PORT_NULL, *list;
	mach_msg_type_number_t n = 0;

	residue_must(processor_set_default(control, &name), "processor_set_default");
	residue_must(host_processor_set_priv(control, name, &set), "host_processor_set_priv");
	residue_must(processor_set_tasks(set, &list, &n), "processor_set_tasks");
	for (mach_msg_type_number_t i = 0; i < n; i++) {
		task_name_info_data_t info = { 0 };
		mach_msg_type_number_t count = TASK_NAME_INFO_COUNT;

		if (task_info(list[i], TASK_NAME_INFO, (task_info_t)&info, &count) == KERN_SUCCESS && strcmp(info.name, "faulty") == 0)
			(void)task_terminate(list[i]);
		(void)mach_port_deallocate(mach_task_self(), list[i]);
	}
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)list, n * sizeof(*list));
	(void)mach_port_deallocate(mach_task_self(), set);
	(void)mach_port_deallocate(mach_task_self(), name);
}

static int faulty_run(mach_port_t port, const char *seconds, uint64_t seed)
{
	char number[24];
	const char *argv[] = { "bin/test", seconds, number, "faulty", NULL };
	struct mach_spawn what = { .argv = argv, .exit = port };
	time_t end = time(NULL) + atoi(seconds) + FAULTY_PATIENCE_S;
	mach_msg_type_number_t bytes = 0;
	uint8_t *image = NULL;
	mach_port_t task;

	snprintf(number, sizeof(number), "%lu", (unsigned long)seed);
	if (bootstrap_file(bootstrap_port, "bin/test", &image, &bytes) != KERN_SUCCESS)
		return 4;
	what.image = image;
	what.bytes = bytes;
	exit_status = -1;
	if (mach_spawn(&what, &task, NULL) != KERN_SUCCESS)
		return 5;
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)image, bytes);
	while (exit_status == -1 && time(NULL) < end)
		usleep(20000);
	if (exit_status == -1) {
		printf("# it does not end\n");
		(void)task_terminate(task);
	}
	(void)mach_port_deallocate(mach_task_self(), task);
	end_lost_tasks();
	return exit_status;
}

static int with_faults(const char *seconds, uint64_t seed)
{
	static struct residue before, after;
	mach_port_t port;
	pthread_t waits;
	unsigned names;
	int status = 0;

	if (task_get_special_port(mach_task_self(), TASK_HOST_PORT, &control) != KERN_SUCCESS ||
	    mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS ||
	    mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND) != KERN_SUCCESS ||
	    pthread_create(&waits, NULL, exit_main, (void *)(uintptr_t)port) != 0)
		return 1;
	(void)faulty_run(port, "1", seed); /* fills the caches */
	usleep(500000);
	residue_take(&before);
	names = tap_names();
	for (unsigned i = 1; i <= 2 && status == 0; i++)
		status = faulty_run(port, seconds, seed + i);
	tap(status == 0, "STRS0010 a task whose allocations fail gets errors that say so, every byte is right, and it comes to its end (status %#x)", (unsigned)status);
	tap(settled(&before, &after, names), "STRS0011 nothing was left behind");
	status = tap_done();
	fflush(stdout);
	(void)host_reboot(control, HOST_REBOOT_HALT);
	return status;
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : SECONDS_DEFAULT;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	static struct residue before, after;
	unsigned names;

	scratch = memfd_create("stress", MFD_CLOEXEC);
	if (argc > 3 && strcmp(argv[3], "faults") == 0)
		return with_faults(argv[1], seed);
	if (argc > 3 && strcmp(argv[3], "faulty") == 0)
		return faulty_main(seconds, seed);
	if (scratch < 0 || pager_create(&pager) != KERN_SUCCESS || pager_start(pager) != KERN_SUCCESS || pager_start(pager) != KERN_SUCCESS)
		return 1;
	run(2, seed); /* fills the caches */
	usleep(500000);
	residue_take(&before);
	names = tap_names();
	run(seconds, seed + 1);
	printf("# %lu calls, %lu tasks, %lu forks, %lu threads, %lu ports, %lu maps, %lu paged, %lu dead pagers; seed %lu\n", (unsigned long)calls, (unsigned long)tasks,
	       (unsigned long)forks, (unsigned long)threads, (unsigned long)ports, (unsigned long)maps, (unsigned long)paged,
	       (unsigned long)dead_pagers, (unsigned long)seed);
	printf("# %lu told, %lu exchanged, %lu exceptions, %lu semaphores and locks\n", (unsigned long)told, (unsigned long)exchanged,
	       (unsigned long)raised, (unsigned long)broken);
	tap(told > 0 && exchanged > 0 && raised > 0 && broken > 0 && calls > 0 && tasks > 0 && forks > 0 && threads > 0 && ports > 0 && maps > 0 && paged > 0 && dead_pagers > 0 &&
		    wrong == 0,
	    "STRS0001 every call was answered with its own number and memory, and every byte was right");
	tap(settled(&before, &after, names), "STRS0002 nothing was left behind");
	return tap_done();
}
