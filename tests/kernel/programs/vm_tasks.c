/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_tasks.c - a program for a node with several CPUs: more tasks than a processor keeps translations of, in each a thread that looks at a
 * place, where this task puts other pages. Who looks after a change was done must not see what was there before, on whichever
 * processor it ran meanwhile. Prints TAP.
 *
 * A page says which version it is. This task writes the next version into a page that is not in the place, puts it there (mach_vm_remap over what
 * is there), and then publishes the number; the reader takes the number first, and looks then.
 */
#include <mach/mach.h>
#include <mach/mach_traps.h>
#include <mach/mach_vm.h>
#include <mach/thread_policy.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "../../programs/tap.h"
#include "../../programs/child.h"

#define PAGE 4096UL
#define TASKS 10U
#define PAGES 4U
#define ROUNDS 20U
#define TRIES 100000

/* Seen by this task and all children. */
struct shared {
	struct {
		_Atomic uint64_t published, looks, stale;
	} of[TASKS];
	uint64_t unused[PAGE / 8 - 3 * TASKS];
	volatile uint64_t pages[TASKS][PAGES][PAGE / 8];
};

static struct shared *shared;
static volatile uint64_t *place; /* each child's own */
static unsigned refused;

/* In a child. Nothing of the library works there but traps. The next one's turn comes soon: so processors change between all of them. */
static void reader(uint64_t i)
{
	for (;;) {
		uint64_t least = atomic_load(&shared->of[i].published);

		if (*place < least)
			atomic_fetch_add(&shared->of[i].stale, 1);
		if (atomic_fetch_add(&shared->of[i].looks, 1) % 16 == 0)
			(void)swtch();
	}
}

static void put(mach_port_t task, unsigned i, uint64_t version)
{
	volatile uint64_t *page = shared->pages[i][version % PAGES];
	mach_vm_address_t at = (mach_vm_address_t)place;
	vm_prot_t current, maximum;

	page[0] = version;
	refused += mach_vm_remap(task, &at, PAGE, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, mach_task_self(), (mach_vm_address_t)page, FALSE,
				 &current, &maximum, VM_INHERIT_NONE) != KERN_SUCCESS;
	atomic_store(&shared->of[i].published, version);
}

static mach_port_t child_make(unsigned i)
{
	x86_thread_state64_t state = state_at((void (*)(void))(uintptr_t)reader, 0);
	thread_precedence_policy_data_t less = { .importance = -20 };
	mach_port_t task = MACH_PORT_NULL, thread;

	state.rdi = i;
	if (task_create(mach_task_self(), NULL, 0, TRUE, &task) != KERN_SUCCESS)
		return MACH_PORT_NULL;
	put(task, i, 1);
	refused += thread_create_running(task, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT, &thread) !=
		   KERN_SUCCESS;
	/* Below this thread, which is only one of many. */
	refused += thread_policy_set(thread, THREAD_PRECEDENCE_POLICY, (thread_policy_t)&less, THREAD_PRECEDENCE_POLICY_COUNT) != KERN_SUCCESS;
	(void)mach_port_deallocate(mach_task_self(), thread);
	return task;
}

/* Every reader has looked after the last change. */
static bool all_looked(void)
{
	uint64_t before[TASKS];

	for (unsigned i = 0; i < TASKS; i++)
		before[i] = atomic_load(&shared->of[i].looks) + 2;
	for (unsigned i = 0; i < TASKS; i++)
		for (int n = 0; atomic_load(&shared->of[i].looks) < before[i]; n++)
			if (n == TRIES || usleep(500) != 0)
				return false;
	return true;
}

int main(void)
{
	mach_vm_address_t at = 0;
	mach_port_t tasks[TASKS];
	uint64_t looks = 0, stale = 0;
	unsigned made = 0;

	tap_result(mach_vm_allocate(mach_task_self(), &at, sizeof(*shared), VM_FLAGS_ANYWHERE), KERN_SUCCESS, "VMTA0001 memory for all");
	shared = (struct shared *)at;
	(void)mach_vm_inherit(mach_task_self(), at, sizeof(*shared), VM_INHERIT_SHARE);
	at = 0;
	(void)mach_vm_allocate(mach_task_self(), &at, PAGE, VM_FLAGS_ANYWHERE);
	place = (volatile uint64_t *)at;
	for (unsigned i = 0; i < TASKS; i++)
		made += (tasks[i] = child_make(i)) != MACH_PORT_NULL;
	tap(made == TASKS && refused == 0 && all_looked(), "VMTA0002 %u tasks look at it", TASKS);
	for (uint64_t n = 2; n <= ROUNDS; n++) {
		for (unsigned i = 0; i < made; i++)
			put(tasks[i], i, n);
		if (n % 4 == 0)
			usleep(1000); /* the readers' turn on this processor, too */
	}
	tap(refused == 0 && all_looked(), "VMTA0003 it is changed %u times in each", ROUNDS);
	for (unsigned i = 0; i < made; i++) {
		looks += atomic_load(&shared->of[i].looks);
		stale += atomic_load(&shared->of[i].stale);
		(void)task_terminate(tasks[i]);
	}
	printf("# %lu looks\n", (unsigned long)looks);
	tap(stale == 0, "VMTA0004 what is seen is never older than what was published before (%lu times)", (unsigned long)stale);
	return tap_done();
}
