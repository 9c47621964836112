/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paging_failures.c - default pagers that die, hang and lie while memory is short, and disks that fail under them (tests/kernel/paging_failures.t).
 * Started with the host control port and no default pager: it starts servers/default-pager itself. Halts the machine at its end.
 *
 *   paging_failures dies | hangs | lies | reads | vanishes | external | caches
 *
 * Everything that is there when it begins is wired, so that only the memory of its children is paged out: tasks that inherit its memory and
 * have an area of their own each.
 */
#include "memory_state.h"
#include "tap.h"

#include <device/device_types.h>
#include <mach/default_pager_object.h>
#include <mach/device.h>
#include <mach/host_priv.h>
#include <mach/memory_object_control.h>
#include <mach/memory_object_default_server.h>
#include <mach/memory_object_server.h>
#include <mach/processor_set.h>
#include <mach/spawn.h>
#include <mach/vm_region.h>
#include <pthread.h>
#include <servers/bootstrap.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define MIB_PAGES 256u
#define STACK (64u * 1024u)
#define JOBS 6u
#define SMALL MIB_PAGES
#define LITTLE 64u /* pages of the servers that were not there to be wired */
#define PATIENCE_MS 120000u

static mach_port_t control, raised_port;

/* ---- what is wired ---- */

static void wire_task(mach_port_t task)
{
	mach_vm_address_t at = 0;
	mach_vm_size_t size;

	for (;; at += size) {
		vm_region_basic_info_data_64_t info;
		mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
		mach_port_t name = MACH_PORT_NULL;

		if (mach_vm_region(task, &at, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count, &name) != KERN_SUCCESS)
			return;
		if (name != MACH_PORT_NULL)
			(void)mach_port_deallocate(mach_task_self(), name);
		if (info.protection != VM_PROT_NONE)
			(void)mach_vm_wire(control, task, at, size, info.protection);
	}
}

static void wire_all(void)
{
	mach_port_t name, set, *tasks;
	mach_msg_type_number_t n = 0;

	if (processor_set_default(mach_host_self(), &name) != KERN_SUCCESS || host_processor_set_priv(control, name, &set) != KERN_SUCCESS ||
	    processor_set_tasks(set, &tasks, &n) != KERN_SUCCESS)
		exit(7);
	for (mach_msg_type_number_t i = 0; i < n; i++)
		wire_task(tasks[i]);
}

/* ---- the default pager ---- */

static mach_port_t pager_start(void)
{
	const char *argv[] = { "servers/default-pager", NULL };
	struct mach_spawn what = { .argv = argv, .host = control };
	mach_msg_type_number_t bytes = 0;
	mach_port_t task = MACH_PORT_NULL;
	uint8_t *image = NULL;

	if (bootstrap_file(bootstrap_port, argv[0], &image, &bytes) != KERN_SUCCESS)
		exit(6);
	what.image = image;
	what.bytes = bytes;
	if (mach_spawn(&what, &task, NULL) != KERN_SUCCESS)
		exit(6);
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)image, bytes);
	for (uint64_t end = now_ms() + PATIENCE_MS; statistics().swap_total == 0 && now_ms() < end;)
		usleep(10000);
	wire_task(mach_task_self());
	return task;
}

/* ---- children ---- */

enum order { ORDER_WAIT, ORDER_WRITE, ORDER_READ, ORDER_END };

static struct job {
	uint64_t *at;
	uint32_t pages, salt;
	volatile uint32_t order;       /* enum order */
	volatile uint32_t orders_done; /* so many were done */
	volatile uint32_t wrong;       /* pages that were, in the last ORDER_READ */
	volatile uint32_t reached;     /* the page that it is at */
	mach_port_t task;              /* in the parent */
	uint32_t orders_given;         /* the parent's */
} *jobs;

static uint64_t word(const struct job *j, uint32_t page)
{
	return ((uint64_t)j->salt << 32 | page) * 0x9e3779b97f4a7c15ULL;
}

static void child_main(struct job *j)
{
	for (;;) {
		uint32_t order = j->order, wrong = 0;

		if (order == ORDER_WAIT) {
			(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 5);
			continue;
		}
		if (order == ORDER_END)
			break;
		for (uint32_t p = 0; p < j->pages; p++) {
			volatile uint64_t *at = j->at + p * (PAGE / 8);

			j->reached = p;
			if (order == ORDER_WRITE)
				at[0] = at[PAGE / 8 - 1] = word(j, p);
			else
				wrong += at[0] != word(j, p) || at[PAGE / 8 - 1] != word(j, p);
		}
		j->wrong = wrong;
		j->order = ORDER_WAIT;
		j->orders_done++;
	}
	for (;;)
		__asm__ volatile("syscall" : : "a"(231), "D"(0) : "rcx", "r11", "memory"); /* exit_group */
}

static struct job *child_start(unsigned i, uint32_t pages)
{
	struct job *j = &jobs[i];
	x86_thread_state64_t regs = { .rip = (uintptr_t)child_main, .rdi = (uintptr_t)j };
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mach_vm_address_t at = 0;
	mach_port_t thread;

	*j = (struct job){ .pages = pages, .salt = i + 1 };
	regs.rsp = (uintptr_t)(stack + STACK) - 8;
	if (task_create(mach_task_self(), NULL, 0, TRUE, &j->task) != KERN_SUCCESS || thread_create(j->task, &thread) != KERN_SUCCESS)
		exit(8);
	wire_task(j->task); /* what it inherits; not its area */
	if (mach_vm_allocate(j->task, &at, pages * PAGE, VM_FLAGS_ANYWHERE) != KERN_SUCCESS)
		exit(8);
	j->at = (uint64_t *)(uintptr_t)at;
	if (thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&regs, x86_THREAD_STATE64_COUNT) != KERN_SUCCESS ||
	    task_set_exception_ports(j->task, EXC_MASK_BAD_ACCESS, raised_port, EXCEPTION_DEFAULT, 0) != KERN_SUCCESS ||
	    thread_resume(thread) != KERN_SUCCESS)
		exit(8);
	(void)mach_port_deallocate(mach_task_self(), thread);
	(void)munmap(stack, STACK);
	wire_task(mach_task_self()); /* what it has got since */
	return j;
}

static bool is_dead(const struct job *j)
{
	mach_port_type_t type = 0;

	return mach_port_type(mach_task_self(), j->task, &type) != KERN_SUCCESS || (type & MACH_PORT_TYPE_DEAD_NAME) != 0;
}

static void child_end(struct job *j)
{
	(void)task_terminate(j->task);
	while (!is_dead(j))
		usleep(5000);
	(void)mach_port_deallocate(mach_task_self(), j->task);
	j->task = MACH_PORT_NULL;
}

struct raised {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_port_descriptor_t thread, task;
	exception_type_t exception;
	uint32_t count;
	int code[2];
	mach_msg_max_trailer_t trailer;
};

/* The code of an exception of this child's that waits, which gets KERN_FAILURE and ends it; 0: there is none. */
static int take_exception(const struct job *j)
{
	struct {
		mach_msg_header_t head;
		kern_return_t result;
	} reply;
	struct raised m;
	int code;

	if (mach_msg(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), raised_port, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
		return 0;
	code = m.exception == EXC_BAD_ACCESS && m.count != 0 && m.task.name == j->task ? m.code[0] : -1;
	reply.head = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(m.head.msgh_bits), 0), .msgh_size = sizeof(reply),
					  .msgh_remote_port = m.head.msgh_remote_port, .msgh_id = m.head.msgh_id + 100 };
	reply.result = KERN_FAILURE;
	(void)mach_msg(&reply.head, MACH_SEND_MSG, sizeof(reply), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
	(void)mach_port_deallocate(mach_task_self(), m.thread.name);
	(void)mach_port_deallocate(mach_task_self(), m.task.name);
	return code;
}

static void give(struct job *j, enum order order)
{
	j->orders_given = j->orders_done + 1;
	j->order = order;
}

/* Wait for what was given: 0: done; else the code of the exception that ended it; -2: it does neither. */
static int await(struct job *j)
{
	for (uint64_t end = now_ms() + PATIENCE_MS; now_ms() < end; usleep(2000)) {
		int code = take_exception(j);

		if (code != 0)
			return code;
		if (j->orders_done == j->orders_given)
			return 0;
		if (is_dead(j))
			return -3;
	}
	return -2;
}

static int child_do(struct job *j, enum order order)
{
	give(j, order);
	return await(j);
}

static bool right(struct job *j)
{
	int code = child_do(j, ORDER_READ);

	if (code != 0 || j->wrong != 0)
		printf("# a child of %u pages: code %#x at page %u, %u pages wrong\n", j->pages, (unsigned)code, j->reached, j->wrong);
	return code == 0 && j->wrong == 0;
}

static void nothing_left(const char *id)
{
	vm_statistics64_data_t s;
	uint64_t end = now_ms() + 20000;

	do {
		s = statistics();
	} while ((s.swap_used > LITTLE || s.laundry_count != 0 || s.waiting != 0 || s.active_count + s.inactive_count > SMALL) && now_ms() < end &&
		 usleep(10000) == 0);
	tell("at the end");
	tap(s.swap_used <= LITTLE && s.laundry_count == 0 && s.waiting == 0 && s.active_count + s.inactive_count <= SMALL,
	    "%s nothing is on a disk, nothing on its way to a pager, no memory in use, nobody waits for it (%lu, %lu, %u, %lu)", id, (unsigned long)s.swap_used,
	    (unsigned long)s.laundry_count, s.active_count + s.inactive_count, (unsigned long)s.waiting);
}

/* ---- it dies ---- */

/* Memory beyond what there is, by mib. */
static uint32_t too_many(void)
{
	vm_statistics64_data_t s = statistics();

	return s.free_count + s.active_count + s.inactive_count + 24 * MIB_PAGES;
}

static void dies(void)
{
	mach_port_t pager = pager_start();
	struct job *quiet = child_start(0, SMALL), *victim = child_start(1, too_many()), *hog;
	uint64_t start;
	int code;

	tap(statistics().swap_total != 0, "PFAIL0001 a default pager is started");
	tap(child_do(quiet, ORDER_WRITE) == 0 && child_do(victim, ORDER_WRITE) == 0, "PFAIL0002 a task writes more than there is, another a little");
	tap(right(quiet), "PFAIL0003 that one has its pages, back from the disk");
	tell("before");
	tap(statistics().swap_used > 20 * MIB_PAGES, "PFAIL0004 much is on the disk");
	(void)task_terminate(pager);
	for (start = now_ms(); (statistics().swap_used != 0 || statistics().swap_total != 0) && now_ms() < start + 20000;)
		usleep(5000);
	tell("dead");
	tap(statistics().swap_used == 0 && statistics().swap_total == 0, "PFAIL0005 when it dies nothing is stored, and nothing can be");
	start = now_ms();
	code = child_do(victim, ORDER_READ);
	tap(code == KERN_MEMORY_FAILURE, "PFAIL0006 who asks for what it had gets EXC_BAD_ACCESS, KERN_MEMORY_FAILURE (%#x)", (unsigned)code);
	tap(now_ms() - start < 60000, "PFAIL0007 at once (%lu ms)", (unsigned long)(now_ms() - start));
	child_end(victim);
	tap(right(quiet), "PFAIL0008 whose pages are in memory goes on");
	hog = child_start(2, too_many());
	code = child_do(hog, ORDER_WRITE);
	tap(code == KERN_RESOURCE_SHORTAGE, "PFAIL0009 more than there is, without a default pager, is KERN_RESOURCE_SHORTAGE (%#x)", (unsigned)code);
	child_end(hog);
	pager = pager_start();
	tap(statistics().swap_total != 0, "PFAIL0010 another default pager is started");
	tap(right(quiet), "PFAIL0011 pages that were in memory are as they were");
	hog = child_start(3, too_many());
	tap(child_do(hog, ORDER_WRITE) == 0 && right(hog), "PFAIL0012 a task writes and reads more than there is");
	tap(right(quiet), "PFAIL0013 what an older task had goes to the new default pager, and comes back");
	(void)child_do(quiet, ORDER_WRITE);
	tap(child_do(hog, ORDER_READ) == 0 && right(quiet), "PFAIL0014 and again");
	child_end(hog);
	child_end(quiet);
	nothing_left("PFAIL0015");
	(void)task_terminate(pager);
}

/* ---- it hangs: the node's pager.timeout_ms is 8000 ---- */

static bool someone_waits(void)
{
	for (uint64_t end = now_ms() + PATIENCE_MS; now_ms() < end; usleep(1000))
		if (statistics().waiting != 0)
			return true;
	return false;
}

/* Writes to new memory of another task, by a call. */
static struct caller {
	mach_port_t thread;
	struct job *job;
	kern_return_t result;
} caller;

static void *call_main(void *unused)
{
	static char page[PAGE] = "written";

	caller.thread = mach_thread_self();
	do {
		caller.result = KERN_SUCCESS;
		for (uint32_t p = 0; p < caller.job->pages && caller.result == KERN_SUCCESS; p++)
			caller.result = mach_vm_write(caller.job->task, (uintptr_t)caller.job->at + p * PAGE, (vm_offset_t)(uintptr_t)page, PAGE);
	} while (caller.result == KERN_SUCCESS);
	return NULL;
}

/* Threads that wait for memory (vm_page_wait) are aborted and terminated (D6; tests/programs/aborts.c has the other waits). */
static void aborts(struct job *hog)
{
	thread_act_t *threads = NULL;
	mach_msg_type_number_t n = 0;
	pthread_t t;
	bool waited, still;

	give(hog, ORDER_WRITE);
	waited = someone_waits() && task_threads(hog->task, &threads, &n) == KERN_SUCCESS && n == 1;
	for (unsigned i = 0; i < 10 && waited; i++) {
		waited = thread_abort(threads[0]) == KERN_SUCCESS;
		usleep(1000);
	}
	still = statistics().waiting != 0 && hog->order == ORDER_WRITE && take_exception(hog) == 0;
	tap(waited && still, "PFAIL0030 a thread that is aborted in its wait for memory touches the page again, and waits");
	(void)task_terminate(hog->task);
	for (uint64_t end = now_ms() + 4000; (!is_dead(hog) || statistics().waiting != 0) && now_ms() < end;)
		usleep(1000);
	tap(is_dead(hog) && statistics().waiting == 0, "PFAIL0031 one that is terminated in it is gone at once");
	caller.job = child_start(4, too_many());
	wire_task(mach_task_self());
	(void)pthread_create(&t, NULL, call_main, NULL);
	wire_task(mach_task_self());
	waited = someone_waits();
	if (waited)
		(void)thread_abort(caller.thread);
	(void)pthread_join(t, NULL);
	if (caller.result != KERN_ABORTED)
		printf("# the call: %#x\n", (unsigned)caller.result);
	tap(waited && (caller.result == KERN_ABORTED || caller.result == MACH_SEND_INTERRUPTED), "PFAIL0032 a call that is aborted in it says so");
	child_end(caller.job);
}

static void hangs(void)
{
	mach_port_t pager = pager_start();
	struct job *quiet = child_start(0, SMALL), *victim = child_start(1, too_many()), *other, *hog;
	uint64_t start;
	int code;

	tap(child_do(quiet, ORDER_WRITE) == 0 && child_do(victim, ORDER_WRITE) == 0, "PFAIL0020 a task writes more than there is, another a little");
	other = child_start(2, 8 * MIB_PAGES);
	tap(child_do(other, ORDER_WRITE) == 0 && child_do(victim, ORDER_READ) == 0 && right(quiet), "PFAIL0021 and reads it");
	(void)task_suspend(pager);
	start = now_ms();
	code = child_do(victim, ORDER_READ);
	tap(code == KERN_MEMORY_ERROR || code == KERN_RESOURCE_SHORTAGE,
	    "PFAIL0022 the default pager hangs: who asks for what it has gets EXC_BAD_ACCESS (%#x)", (unsigned)code);
	tap(now_ms() - start >= 2000 && now_ms() - start < 90000, "PFAIL0023 after the time limit (%lu ms)", (unsigned long)(now_ms() - start));
	child_end(victim);
	tap(right(quiet), "PFAIL0024 whose pages are in memory goes on");
	hog = child_start(3, too_many());
	code = child_do(hog, ORDER_WRITE);
	tap(code == KERN_RESOURCE_SHORTAGE, "PFAIL0025 who wants new memory, and there is none, gets KERN_RESOURCE_SHORTAGE (%#x)", (unsigned)code);
	child_end(hog);
	hog = child_start(5, too_many());
	aborts(hog);
	child_end(hog);
	(void)task_resume(pager);
	tap(right(other), "PFAIL0026 it goes on: what it has can be had again");
	hog = child_start(4, too_many());
	tap(child_do(hog, ORDER_WRITE) == 0 && right(hog) && right(other) && right(quiet), "PFAIL0027 and memory beyond what there is");
	child_end(hog);
	child_end(other);
	child_end(quiet);
	nothing_left("PFAIL0028");
	(void)task_terminate(pager);
}

/* ---- it lies: we are it ---- */

static enum lie { LIE_UNAVAILABLE, LIE_ERROR, LIE_ELSEWHERE, LIE_SILENT, LIE_ENDS, LIES } lie;
static const char *const lies_said[LIES] = { "says that it never had a page", "gives an error", "supplies pages that nobody asked for", "says nothing",
					     "destroys the memory object" };
static const kern_return_t lies_give[LIES] = { KERN_MEMORY_ERROR, KERN_MEMORY_ERROR, KERN_MEMORY_ERROR, KERN_MEMORY_ERROR,
					       KERN_MEMORY_FAILURE };
static mach_port_t liar_set, liar_port;
static char liar_page[PAGE] __attribute__((aligned(4096)));

static kern_return_t liar_create(mach_port_t pager, mach_port_t port, memory_object_size_t size, mach_port_t object_control, mach_port_t name,
				 memory_object_cluster_size_t page_size)
{
	(void)mach_port_move_member(mach_task_self(), port, liar_set);
	return KERN_SUCCESS; /* the rights stay: each create has its own */
}

static kern_return_t liar_take(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset, vm_offset_t data,
			       mach_msg_type_number_t count)
{
	(void)mach_port_deallocate(mach_task_self(), object_control);
	(void)mach_vm_deallocate(mach_task_self(), data, count); /* gone */
	return KERN_SUCCESS;
}

static kern_return_t liar_return(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset, vm_offset_t data,
				 mach_msg_type_number_t count, boolean_t dirty, boolean_t kernel_copy)
{
	return liar_take(port, object_control, offset, data, count);
}

static kern_return_t liar_discard(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset, memory_object_size_t length)
{
	(void)mach_port_deallocate(mach_task_self(), object_control);
	return KERN_SUCCESS;
}

static kern_return_t liar_request(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset,
				  memory_object_cluster_size_t length, vm_prot_t access)
{
	switch (lie) {
	case LIE_UNAVAILABLE:
		(void)memory_object_data_unavailable(object_control, offset, length);
		break;
	case LIE_ERROR:
		(void)memory_object_data_error(object_control, offset, length, KERN_FAILURE);
		break;
	case LIE_ELSEWHERE:
		(void)memory_object_data_supply(object_control, offset + (1ULL << 40), (vm_offset_t)(uintptr_t)liar_page, PAGE, FALSE, VM_PROT_NONE,
						FALSE, MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE);
		(void)memory_object_data_supply(object_control, offset + 5, (vm_offset_t)(uintptr_t)liar_page, PAGE, FALSE, VM_PROT_NONE, FALSE,
						MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE);
		break;
	case LIE_ENDS:
		(void)memory_object_destroy(object_control, KERN_FAILURE);
		break;
	default:
		break;
	}
	(void)mach_port_deallocate(mach_task_self(), object_control);
	return KERN_SUCCESS;
}

static kern_return_t liar_terminate(mach_port_t port, mach_port_t object_control, mach_port_t name)
{
	if (name != MACH_PORT_NULL)
		(void)mach_port_mod_refs(mach_task_self(), name, MACH_PORT_RIGHT_RECEIVE, -1);
	if (object_control != MACH_PORT_NULL)
		(void)mach_port_mod_refs(mach_task_self(), object_control, MACH_PORT_RIGHT_RECEIVE, -1);
	(void)mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
	return KERN_SUCCESS;
}

static boolean_t liar_demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct memory_object_default_ops default_calls = { .memory_object_create = liar_create,
									.memory_object_data_initialize = liar_take,
									.memory_object_data_discard = liar_discard };
	static const struct memory_object_ops calls = { .memory_object_terminate = liar_terminate, .memory_object_data_request = liar_request,
							.memory_object_data_return = liar_return };

	return memory_object_demux(&calls, in, out) || memory_object_default_demux(&default_calls, in, out);
}

static void *liar_main(void *unused)
{
	(void)thread_wire(control, mach_thread_self(), TRUE);
	for (;;)
		(void)mach_msg_server(liar_demux, 4096, liar_set, MACH_MSG_OPTION_NONE);
	return NULL;
}

static void lies(void)
{
	mach_port_t manager;
	pthread_t thread;

	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &liar_set);
	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &liar_port);
	(void)mach_port_move_member(mach_task_self(), liar_port, liar_set);
	(void)mach_port_insert_right(mach_task_self(), liar_port, liar_port, MACH_MSG_TYPE_MAKE_SEND);
	manager = liar_port;
	(void)pthread_create(&thread, NULL, liar_main, NULL);
	wire_all();
	tap_result(host_default_memory_manager(control, &manager, PAGE), KERN_SUCCESS, "PFAIL0040 another task becomes the default pager");
	tap(statistics().swap_total == 0, "PFAIL0041 it can store nothing until it says so");
	tap_result(host_default_memory_space(control, 1u << 30), KERN_SUCCESS, "PFAIL0042 it says so");
	for (lie = 0; lie < LIES; lie++) {
		struct job *quiet = child_start(0, 16), *victim = child_start(1, too_many());
		bool written = child_do(victim, ORDER_WRITE) == 0 && child_do(quiet, ORDER_WRITE) == 0;
		uint64_t start = now_ms();
		int code = child_do(victim, ORDER_READ);

		tap(written && code == lies_give[lie], "PFAIL0043 a default pager that %s: EXC_BAD_ACCESS, %s (%#x)", lies_said[lie],
		    mach_error_string(lies_give[lie]), (unsigned)code);
		tap(now_ms() - start < 60000, "PFAIL0044 in time (%lu ms)", (unsigned long)(now_ms() - start));
		tap(right(quiet), "PFAIL0045 whose pages are in memory goes on");
		child_end(quiet);
		child_end(victim);
	}
	nothing_left("PFAIL0046");
}

/* ---- a pager of a program, which does not take what comes back; objects that are kept; blocks of disks ---- */

#define EXTERNAL_PAGES (64u * MIB_PAGES)
#define KEPT 100u

static mach_port_t own_set;
static atomic_bool own_stands; /* it does not receive */
static atomic_uint own_returned, own_wrong, own_ended, own_inits;
static uint64_t (*own_words)[2]; /* of each page that came back: its first and last word */
static boolean_t own_cache;

static kern_return_t own_init(mach_port_t port, mach_port_t object_control, mach_port_t name, memory_object_cluster_size_t page_size)
{
	own_inits++;
	return memory_object_ready(object_control, own_cache, MEMORY_OBJECT_COPY_NONE);
}

static kern_return_t own_terminate(mach_port_t port, mach_port_t object_control, mach_port_t name)
{
	own_ended++;
	return liar_terminate(port, object_control, name);
}

static kern_return_t own_request(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset, memory_object_cluster_size_t length,
				 vm_prot_t access)
{
	static uint64_t page[PAGE / 8] __attribute__((aligned(4096)));

	for (; length != 0; offset += PAGE, length -= PAGE) {
		page[0] = own_words[offset / PAGE][0];
		page[PAGE / 8 - 1] = own_words[offset / PAGE][1];
		while (memory_object_data_supply(object_control, offset, (vm_offset_t)(uintptr_t)page, PAGE, FALSE, VM_PROT_NONE, FALSE,
						 MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE) == MACH_SEND_NO_BUFFER)
			usleep(1000);
	}
	(void)mach_port_deallocate(mach_task_self(), object_control);
	return KERN_SUCCESS;
}

static kern_return_t own_return(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset, vm_offset_t data,
				mach_msg_type_number_t count, boolean_t dirty, boolean_t kernel_copy)
{
	const struct job *j = &jobs[0];

	for (uint64_t at = 0; at < count; at += PAGE) {
		const uint64_t *words = (uint64_t *)(data + at);
		uint32_t p = (uint32_t)((offset + at) / PAGE);

		own_wrong += words[0] != word(j, p) || words[PAGE / 8 - 1] != word(j, p);
		own_words[p][0] = words[0];
		own_words[p][1] = words[PAGE / 8 - 1];
		own_returned++;
	}
	(void)mach_port_deallocate(mach_task_self(), object_control);
	(void)mach_vm_deallocate(mach_task_self(), data, count);
	return KERN_SUCCESS;
}

static boolean_t own_demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct memory_object_ops calls = { .memory_object_init = own_init, .memory_object_terminate = own_terminate,
							.memory_object_data_request = own_request, .memory_object_data_return = own_return };

	while (own_stands)
		usleep(1000);
	return memory_object_demux(&calls, in, out);
}

static void *own_main(void *unused)
{
	for (;;)
		(void)mach_msg_server(own_demux, 4096, own_set, MACH_MSG_OPTION_NONE);
	return NULL;
}

static void own_start(void)
{
	pthread_t thread;

	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &own_set);
	own_words = mmap(NULL, EXTERNAL_PAGES * sizeof(*own_words), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)pthread_create(&thread, NULL, own_main, NULL);
	wire_task(mach_task_self());
}

static mach_port_t own_object(void)
{
	mach_port_t port = MACH_PORT_NULL;

	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	(void)mach_port_move_member(mach_task_self(), port, own_set);
	return port;
}

/* What a pager does not take within two seconds is memory of its own, and goes to the default pager. */
static void external(void)
{
	mach_port_t pager = pager_start(), object;
	mach_vm_address_t at = 0;
	struct job *writer;
	unsigned taken;
	bool written;

	own_start();
	object = own_object();
	writer = child_start(0, 1);
	tap_result(mach_vm_map(writer->task, &at, EXTERNAL_PAGES * PAGE, 0, VM_FLAGS_ANYWHERE, object, 0, FALSE, VM_PROT_READ | VM_PROT_WRITE,
			       VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_SHARE), KERN_SUCCESS, "PFAIL0100 a task maps an object of another's");
	writer->at = (uint64_t *)(uintptr_t)at;
	writer->pages = 1;
	(void)child_do(writer, ORDER_READ); /* the pager knows it */
	writer->pages = EXTERNAL_PAGES;
	give(writer, ORDER_WRITE);
	while (own_returned == 0 && writer->reached < EXTERNAL_PAGES / 2)
		usleep(1000);
	own_stands = true;
	taken = own_returned;
	tell("it stands");
	/* Each page must be brought in by it: what was asked for before is written, the rest waits. */
	for (uint64_t end = now_ms() + 15000; now_ms() < end && writer->orders_done != writer->orders_given;)
		usleep(10000);
	tell("later");
	tap(writer->orders_done != writer->orders_given && !is_dead(writer), "PFAIL0101 its pager stands still: the writer waits for a page");
	{
		struct job *other = child_start(1, too_many());

		tap(child_do(other, ORDER_WRITE) == 0 && right(other), "PFAIL0102 another task writes and reads more than there is all the same");
		tell("written");
		tap(own_returned == taken && statistics().swap_used > MIB_PAGES, "PFAIL0103 the pager has taken nothing, the default pager has (%lu pages)",
		    (unsigned long)statistics().swap_used);
		child_end(other);
	}
	own_stands = false;
	written = await(writer) == 0;
	tap(written, "PFAIL0104 the pager goes on, and so does the writer");
	tap(right(writer), "PFAIL0105 which finds every byte right");
	tap(own_returned > taken && own_wrong == 0, "PFAIL0106 and so does the pager (%u pages came back, %u wrong)", own_returned, own_wrong);
	child_end(writer);
	(void)mach_port_mod_refs(mach_task_self(), object, MACH_PORT_RIGHT_SEND, -1);
	for (uint64_t end = now_ms() + 20000; own_ended == 0 && now_ms() < end;)
		usleep(10000);
	tap(own_ended == 1, "PFAIL0107 the object ends");
	nothing_left("PFAIL0108");
	(void)task_terminate(pager);
}

/* What is kept for nobody goes when memory is short. There is no default pager. */
static void caches(void)
{
	vm_statistics64_data_t s;
	mach_port_t master = MACH_PORT_NULL, disk = MACH_PORT_NULL;
	dev_status_data_t status = { 0 }, blocks = { 0 };
	mach_msg_type_number_t count = DEV_GET_RECORDS_COUNT;
	int cached, evicted;
	unsigned kept = 0;
	struct job *hog;

	own_start();
	own_cache = TRUE;
	for (unsigned i = 0; i < KEPT; i++) {
		mach_port_t object = own_object();
		mach_vm_address_t at = 0;

		if (mach_vm_map(mach_task_self(), &at, PAGE, 0, VM_FLAGS_ANYWHERE, object, 0, FALSE, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_NONE) == KERN_SUCCESS)
			kept += *(volatile uint64_t *)(uintptr_t)at == 0;
		(void)mach_vm_deallocate(mach_task_self(), at, PAGE);
	}
	usleep(200000);
	tap(kept == KEPT && own_inits == KEPT && own_ended == 0, "PFAIL0120 objects that may be cached are kept when nobody uses them (%u, %u ended)", own_inits,
	    own_ended);
	(void)host_get_special_port(control, HOST_LOCAL_NODE, HOST_IO_MASTER_PORT, &master);
	tap(device_open(master, D_READ, "bvd0", &disk) == D_SUCCESS && device_get_status(disk, DEV_GET_RECORDS, status, &count) == D_SUCCESS,
	    "PFAIL0121 a disk");
	for (uint32_t i = 0; i < 24 * MIB_PAGES; i += 16) {
		mach_msg_type_number_t n = 0;
		char *data = NULL;

		if (device_read(disk, 0, i * (PAGE / (uint32_t)status[1]), 16 * PAGE, &data, &n) != D_SUCCESS)
			break;
		(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)data, n);
	}
	count = DEV_GET_CACHE_COUNT;
	(void)device_get_status(disk, DEV_GET_CACHE, blocks, &count);
	cached = blocks[DEV_GET_CACHE_BLOCKS];
	evicted = blocks[DEV_GET_CACHE_EVICTIONS];
	s = statistics();
	tap(cached > 2 * (int)MIB_PAGES, "PFAIL0122 blocks that were read stay in memory (%d pages)", cached);
	hog = child_start(0, s.free_count - 600 + (uint32_t)cached / 2); /* 512 frames are kept from new memory */
	tap(child_do(hog, ORDER_WRITE) == 0 && right(hog), "PFAIL0123 a task gets their memory when it needs it");
	for (uint64_t end = now_ms() + 20000; own_ended < KEPT && now_ms() < end;)
		usleep(10000);
	(void)device_get_status(disk, DEV_GET_CACHE, blocks, &count);
	tap(blocks[DEV_GET_CACHE_BLOCKS] < cached / 2 + (int)MIB_PAGES && blocks[DEV_GET_CACHE_EVICTIONS] > evicted,
	    "PFAIL0126 the blocks have gone (%d left)", blocks[DEV_GET_CACHE_BLOCKS]);
	tap(own_ended == KEPT, "PFAIL0124 and the objects that were kept have ended (%u)", own_ended);
	child_end(hog);
	nothing_left("PFAIL0125");
}

/* ---- disks ---- */

/* What there is of a child's pages, read from outside, so that it goes on: pages that cannot be had, of them with another error than is due. */
static uint32_t unreadable(struct job *j, uint32_t *odd)
{
	uint32_t bad = 0;

	*odd = 0;
	for (uint32_t p = 0; p < j->pages; p++) {
		uint64_t got = 0;
		mach_vm_size_t n = 0;
		kern_return_t result = mach_vm_read_overwrite(j->task, (uintptr_t)j->at + p * PAGE, sizeof(got), (uintptr_t)&got, &n);

		if (result != KERN_SUCCESS)
			bad++;
		if (result == KERN_SUCCESS ? got != word(j, p) : result != KERN_MEMORY_ERROR)
			++*odd;
	}
	return bad;
}

/* One block of the disk can be written but not read, another cannot be written. */
static void reads(void)
{
	mach_port_t task = pager_start(), pager = MACH_PORT_NULL;
	struct job *victim = child_start(0, too_many()), *other = child_start(1, 4 * MIB_PAGES);
	backing_store_basic_info_data_t info = { 0 };
	mach_msg_type_number_t count = BACKING_STORE_BASIC_INFO_COUNT;
	uint32_t odd, bad;

	tap(child_do(victim, ORDER_WRITE) == 0 && child_do(other, ORDER_WRITE) == 0, "PFAIL0060 a task writes more than there is, another some");
	tell("before");
	bad = unreadable(victim, &odd);
	tap(bad == 1 && odd == 0, "PFAIL0061 the page in a block that cannot be read is KERN_MEMORY_ERROR, the others are right (%u bad, %u wrong)", bad, odd);
	bad = unreadable(victim, &odd);
	tap(bad == 1 && odd == 0, "PFAIL0062 and again (%u, %u)", bad, odd);
	tap(right(other), "PFAIL0063 the other task has its pages");
	tap(child_do(victim, ORDER_READ) == KERN_MEMORY_ERROR, "PFAIL0064 the task that touches the page has an exception with that code");
	(void)host_default_memory_manager(control, &pager, 0);
	tap(default_pager_backing_store_info(pager, "vd0", BACKING_STORE_BASIC_INFO, (backing_store_info_t)&info, &count) == KERN_SUCCESS &&
		    info.bs_pages_bad == 1 && info.bs_errors >= 3 && !info.bs_down,
	    "PFAIL0065 the block that cannot be written is out of use, that one only (%lu), and the disk is in use", (unsigned long)info.bs_pages_bad);
	child_end(victim);
	victim = child_start(2, too_many());
	tap(child_do(victim, ORDER_WRITE) == 0 && right(other), "PFAIL0066 another task has the disk");
	child_end(victim);
	child_end(other);
	nothing_left("PFAIL0067");
	(void)task_terminate(task);
}

/* The test takes vd0 away when it reads "now"; there is vd1. */
static void vanishes(void)
{
	mach_port_t task = pager_start(), pager = MACH_PORT_NULL;
	struct job *victim = child_start(0, too_many()), *other = child_start(1, 4 * MIB_PAGES), *hog;
	backing_store_basic_info_data_t info = { 0 };
	mach_msg_type_number_t count = BACKING_STORE_BASIC_INFO_COUNT;
	uint64_t total, start;
	uint32_t odd, bad = 0;

	(void)host_default_memory_manager(control, &pager, 0);
	tap(child_do(victim, ORDER_WRITE) == 0 && child_do(other, ORDER_WRITE) == 0, "PFAIL0080 a task writes more than there is, another some");
	total = statistics().swap_total;
	tell("now");
	for (start = now_ms(); bad == 0 && now_ms() < start + PATIENCE_MS; usleep(10000))
		bad = unreadable(victim, &odd);
	tap(bad != 0 && odd == 0, "PFAIL0081 the disk is gone: what was there is KERN_MEMORY_ERROR, the rest is right (%u bad, %u wrong)", bad, odd);
	tap(child_do(victim, ORDER_READ) == KERN_MEMORY_ERROR, "PFAIL0082 a task that has pages there has an exception");
	child_end(victim);
	hog = child_start(2, too_many());
	tap(child_do(hog, ORDER_WRITE) == 0 && right(hog), "PFAIL0083 a task writes and reads more than there is, on the other disk");
	tell("after");
	tap(default_pager_backing_store_info(pager, "vd0", BACKING_STORE_BASIC_INFO, (backing_store_info_t)&info, &count) == KERN_SUCCESS &&
		    info.bs_down, "PFAIL0084 the default pager uses it no more (%lu errors)", (unsigned long)info.bs_errors);
	tap(statistics().swap_total < total, "PFAIL0085 and the kernel counts on less (%lu, %lu)", (unsigned long)statistics().swap_total,
	    (unsigned long)total);
	child_end(hog);
	child_end(other);
	nothing_left("PFAIL0086");
	(void)task_terminate(task);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "dies";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (task_get_special_port(mach_task_self(), TASK_HOST_PORT, &control) != KERN_SUCCESS ||
	    mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &raised_port) != KERN_SUCCESS ||
	    mach_port_insert_right(mach_task_self(), raised_port, raised_port, MACH_MSG_TYPE_MAKE_SEND) != KERN_SUCCESS)
		return 1;
	jobs = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	wire_all();
	if (strcmp(what, "dies") == 0)
		dies();
	else if (strcmp(what, "hangs") == 0)
		hangs();
	else if (strcmp(what, "lies") == 0)
		lies();
	else if (strcmp(what, "external") == 0)
		external();
	else if (strcmp(what, "caches") == 0)
		caches();
	else if (strcmp(what, "reads") == 0)
		reads();
	else if (strcmp(what, "vanishes") == 0)
		vanishes();
	(void)tap_done();
	return host_reboot(control, HOST_REBOOT_HALT);
}
