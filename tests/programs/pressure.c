/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pressure.c - memory beyond what there is (tests/kernel/pageout.t): tasks whose memory together is several times the
 * machine's, written and read in order and at random, each page checked; forked memory, shared memory, memory in messages under the same
 * pressure; what there is no room for gives errors, and the rest goes on.
 *
 *   pressure WHAT [MIB]: run | one (its first part) | generations | full (swap for less than that) | none (no swap)
 */
#include "memory_state.h"
#include "tap.h"

#include <mach/default_pager_object.h>
#include <mach/host_priv.h>
#include <mach/vm_behavior.h>
#include <mach/vm_region.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL

/* What the servers and this task had in memory at the beginning, and a little: it may stay on the disk. */
static uint64_t others_pages;

/* ---- pages that can be checked ---- */

struct area {
	char *at;
	uint32_t pages;
	uint32_t salt;
	uint16_t *round; /* by page: which round wrote it last; 0: none */
};

static uint64_t word(const struct area *a, uint32_t page, uint32_t i)
{
	return (((uint64_t)a->salt << 32 | page) + ((uint64_t)a->round[page] << 48) + i) * 0x9e3779b97f4a7c15ULL;
}

/* Every 64th byte of a page, and its last word. */
static void write_page(struct area *a, uint32_t page)
{
	uint64_t *at = (uint64_t *)(a->at + page * PAGE);

	a->round[page]++;
	for (uint32_t i = 0; i < PAGE / 8; i += 8)
		at[i] = word(a, page, i);
	at[PAGE / 8 - 1] = word(a, page, PAGE / 8 - 1);
}

static bool page_is_right(const struct area *a, uint32_t page)
{
	const uint64_t *at = (const uint64_t *)(a->at + page * PAGE);

	if (a->round[page] == 0)
		return at[0] == 0 && at[PAGE / 8 - 1] == 0;
	for (uint32_t i = 0; i < PAGE / 8; i += 8)
		if (at[i] != word(a, page, i))
			return false;
	return at[PAGE / 8 - 1] == word(a, page, PAGE / 8 - 1);
}

static struct area area_new(uint64_t bytes, uint32_t salt, int flags)
{
	struct area a = { .pages = (uint32_t)(bytes / PAGE), .salt = salt };

	bytes = a.pages * PAGE; /* whole pages: what is unmapped later is all of it */
	a.at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	a.round = mmap(NULL, a.pages * sizeof(*a.round), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a.at == MAP_FAILED || a.round == MAP_FAILED)
		exit(9);
	return a;
}

static void area_free(struct area *a)
{
	(void)munmap(a->at, a->pages * PAGE);
	(void)munmap(a->round, a->pages * sizeof(*a->round));
}

static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(seed >> 4) * n) >> 28);
}

static unsigned wrong_pages(struct area *a)
{
	unsigned wrong = 0;

	for (uint32_t p = 0; p < a->pages; p++)
		wrong += !page_is_right(a, p);
	return wrong;
}

/* In order twice, then at random, then all is looked at. Returns the number of wrong pages. */
static unsigned work(struct area *a, unsigned random_steps)
{
	unsigned wrong = 0;

	for (uint32_t p = 0; p < a->pages; p++)
		write_page(a, p);
	wrong += wrong_pages(a);
	for (unsigned i = 0; i < random_steps; i++) {
		uint32_t p = rnd(a->pages);

		if (!page_is_right(a, p))
			wrong++;
		if (rnd(2) == 0)
			write_page(a, p);
	}
	return wrong + wrong_pages(a);
}

/* ---- tasks that inherit our memory ---- */

#define STACK (64u * 1024u)
#define CHILDREN 8u

/* What each child's thread is to do, and what came of it: shared with the children. */
static struct job {
	unsigned (*work)(struct job *);
	struct area area;
	unsigned number;
	volatile uint32_t done; /* 1 + wrong pages */
	volatile bool go, stop; /* a hog's, a bystander's */
	volatile uint64_t rounds;
} *jobs;

/* A child's thread; there is no C library behind it. */
static void child_main(struct job *j)
{
	unsigned wrong = j->work(j);

	__atomic_store_n(&j->done, 1 + wrong, __ATOMIC_RELEASE);
	for (;;)
		__asm__ volatile("syscall" : : "a"(231), "D"(0) : "rcx", "r11", "memory"); /* exit_group */
}

static mach_port_t child_start(struct job *j)
{
	x86_thread_state64_t regs = { .rip = (uintptr_t)child_main, .rdi = (uintptr_t)j };
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mach_port_t child, thread;

	regs.rsp = (uintptr_t)(stack + STACK) - 8;
	if (task_create(mach_task_self(), NULL, 0, TRUE, &child) != KERN_SUCCESS ||
	    thread_create(child, &thread) != KERN_SUCCESS ||
	    thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&regs, x86_THREAD_STATE64_COUNT) != KERN_SUCCESS ||
	    thread_resume(thread) != KERN_SUCCESS)
		exit(8);
	(void)mach_port_deallocate(mach_task_self(), thread);
	(void)munmap(stack, STACK);
	return child;
}

/* Wait for its end; pages that were wrong, UINT32_MAX: it died before. */
static uint32_t child_end(struct job *j, mach_port_t child)
{
	mach_port_type_t type = 0;

	while ((j->done == 0 || (type & MACH_PORT_TYPE_DEAD_NAME) == 0) &&
	       mach_port_type(mach_task_self(), child, &type) == KERN_SUCCESS && (type & MACH_PORT_TYPE_DEAD_NAME) == 0)
		usleep(5000);
	(void)mach_port_deallocate(mach_task_self(), child);
	return j->done == 0 ? UINT32_MAX : j->done - 1;
}

/* ---- parts ---- */

static unsigned work_alone(struct job *j)
{
	seed = j->number + 1;
	return work(&j->area, j->area.pages / 4);
}

/* Tasks whose memory together is bytes. */
static void tasks(unsigned count, uint64_t bytes)
{
	mach_port_t child[CHILDREN];
	unsigned good = 0;
	uint64_t start = now_ms();

	for (unsigned i = 0; i < count; i++) {
		jobs[i] = (struct job){ .work = work_alone, .number = i, .area = area_new(bytes / count, 100 + i, MAP_PRIVATE) };
		child[i] = child_start(&jobs[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		good += child_end(&jobs[i], child[i]) == 0;
		area_free(&jobs[i].area);
	}
	printf("# %u tasks with %lu MiB: %lu ms\n", count, (unsigned long)(bytes >> 20), (unsigned long)(now_ms() - start));
	tell("after");
	tap(good == count, "PRES0001 %u task%s with %lu MiB in all find every byte right", count, count == 1 ? "" : "s",
	    (unsigned long)(bytes >> 20));
}

static unsigned work_as_child(struct job *j)
{
	unsigned wrong = wrong_pages(&j->area);

	for (uint32_t p = 0; p < j->area.pages; p += 3)
		write_page(&j->area, p);
	return wrong + wrong_pages(&j->area);
}

/* A child has its parent's memory as it was, though both go on writing, and most of it is on the disk. */
static void forks(uint64_t bytes)
{
	struct area a = area_new(bytes, 7, MAP_PRIVATE);
	unsigned wrong = 0;
	mach_port_t child;
	uint32_t childs;

	for (uint32_t p = 0; p < a.pages; p++)
		write_page(&a, p);
	jobs[0] = (struct job){ .work = work_as_child, .area = a };
	child = child_start(&jobs[0]);
	for (uint32_t p = 0; p < a.pages; p += 2)
		write_page(&a, p);
	wrong += wrong_pages(&a);
	childs = child_end(&jobs[0], child);
	wrong += wrong_pages(&a);
	tap(wrong == 0, "PRES0002 a parent's memory is its own after a fork (%u pages wrong)", wrong);
	tap(childs == 0, "PRES0003 and the child's is what it was (%u pages wrong)", childs);
	area_free(&a);
}

static unsigned work_shared(struct job *j)
{
	for (uint32_t p = 0; p < j->area.pages; p++)
		write_page(&j->area, p);
	return 0;
}

/* Two tasks see the same memory. */
static void shares(uint64_t bytes)
{
	struct area a = area_new(bytes, 9, MAP_SHARED);
	unsigned wrong;
	uint32_t childs;

	jobs[0] = (struct job){ .work = work_shared, .area = a };
	childs = child_end(&jobs[0], child_start(&jobs[0]));
	for (uint32_t p = 0; p < a.pages; p++)
		a.round[p] = 1;
	wrong = wrong_pages(&a);
	tap(childs == 0 && wrong == 0, "PRES0004 shared memory that was paged out is shared (%u pages wrong)", wrong);
	area_free(&a);
}

/* Memory in messages goes to the disk while it is queued, and comes back. */
static void messages(uint64_t bytes)
{
	struct {
		mach_msg_header_t head;
		mach_msg_body_t body;
		mach_msg_ool_descriptor_t data;
		mach_msg_max_trailer_t trailer;
	} m;
	unsigned sent = 0, wrong = 0;
	uint64_t each = bytes / 5 & ~(PAGE - 1);
	mach_port_t port;

	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
	for (unsigned i = 0; i < 5; i++) {
		struct area a = area_new(each, 20 + i, MAP_PRIVATE);

		for (uint32_t p = 0; p < a.pages; p++)
			write_page(&a, p);
		memset(&m, 0, sizeof(m));
		m.head.msgh_bits = MACH_MSGH_BITS_SET(MACH_MSG_TYPE_MAKE_SEND, 0, 0, MACH_MSGH_BITS_COMPLEX);
		m.head.msgh_size = sizeof(m) - sizeof(m.trailer);
		m.head.msgh_remote_port = port;
		m.body.msgh_descriptor_count = 1;
		m.data.address = a.at;
		m.data.size = a.pages * PAGE;
		m.data.deallocate = TRUE;
		m.data.copy = MACH_MSG_VIRTUAL_COPY;
		m.data.type = MACH_MSG_OOL_DESCRIPTOR;
		sent += mach_msg(&m.head, MACH_SEND_MSG, m.head.msgh_size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) ==
			MACH_MSG_SUCCESS;
		(void)munmap(a.round, a.pages * sizeof(*a.round));
	}
	for (unsigned i = 0; i < sent; i++) {
		struct area a = { .pages = (uint32_t)(each / PAGE), .salt = 20 + i };

		if (mach_msg(&m.head, MACH_RCV_MSG, 0, sizeof(m), port, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
			break;
		a.at = (char *)(uintptr_t)m.data.address;
		a.round = calloc(a.pages, sizeof(*a.round));
		for (uint32_t p = 0; p < a.pages; p++)
			a.round[p] = 1;
		wrong += wrong_pages(&a);
		free(a.round);
		(void)munmap(a.at, a.pages * PAGE);
	}
	tap(sent == 5 && wrong == 0, "PRES0005 memory in queued messages comes back from the disk (%u sent, %u pages wrong)", sent,
	    wrong);
	(void)mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
}

#define GENERATIONS 1000u
#define ALIVE 4u        /* children that live at once */
#define DEPTH_MAX 12u   /* of shadows: the kernel pulls chains to 8 (vm_object_collapse.c); living children hold some */

/* The longest chain below the area, which may be several regions. */
static uint32_t depth_of(const struct area *a)
{
	mach_vm_address_t at = (uintptr_t)a->at, end = at + a->pages * PAGE;
	mach_vm_size_t size = 0;
	uint32_t deepest = 0;

	for (; at < end; at += size) {
		vm_region_extended_info_data_t info;
		mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
		mach_port_t name;

		if (mach_vm_region(mach_task_self(), &at, &size, VM_REGION_EXTENDED_INFO, (vm_region_info_t)&info, &count, &name) != KERN_SUCCESS ||
		    at >= end)
			break;
		deepest = info.shadow_depth > deepest ? info.shadow_depth : deepest;
	}
	return deepest;
}

/* A parent that forks again and again, writes a little each time and sees its children end, while other memory presses it to the disk. */
static void generations(uint64_t bytes)
{
	struct area a = area_new(bytes / 4, 11, MAP_PRIVATE), hog = area_new(bytes, 12, MAP_PRIVATE);
	mach_port_t child[ALIVE] = { MACH_PORT_NULL };
	uint64_t swap = 0, allowed = 2 * a.pages + hog.pages + others_pages, start = now_ms();
	uint32_t deepest = 0, failed = 0;
	unsigned wrong = 0;

	(void)mach_vm_inherit(mach_task_self(), (uintptr_t)hog.at, hog.pages * PAGE, VM_INHERIT_NONE);
	for (uint32_t p = 0; p < a.pages; p++)
		write_page(&a, p);
	for (uint32_t p = 0; p < hog.pages; p++)
		write_page(&hog, p);
	for (unsigned g = 0; g < GENERATIONS; g++) {
		mach_port_t *c = &child[rnd(ALIVE)];

		if (*c != MACH_PORT_NULL) {
			(void)task_terminate(*c);
			(void)mach_port_deallocate(mach_task_self(), *c);
		}
		failed += task_create(mach_task_self(), NULL, 0, TRUE, c) != KERN_SUCCESS;
		for (unsigned i = 0; i < 4; i++) {
			write_page(&a, rnd(a.pages));
			wrong += !page_is_right(&a, rnd(a.pages));
		}
		/* What was written goes to the disk before the child that saw it before ends. */
		(void)mach_vm_behavior_set(mach_task_self(), (uintptr_t)a.at, a.pages * PAGE, VM_BEHAVIOR_DONTNEED);
		for (unsigned i = 0; i < 6; i++)
			wrong += !page_is_right(&hog, rnd(hog.pages));
		if (g % 25 == 24) {
			uint32_t depth = depth_of(&a);
			vm_statistics64_data_t s = statistics();

			deepest = depth > deepest ? depth : deepest;
			swap = s.swap_used > swap ? s.swap_used : swap;
		}
	}
	for (unsigned i = 0; i < ALIVE; i++) {
		(void)task_terminate(child[i]);
		(void)mach_port_deallocate(mach_task_self(), child[i]);
	}
	wrong += wrong_pages(&a) + wrong_pages(&hog);
	printf("# %u generations: %lu ms\n", GENERATIONS, (unsigned long)(now_ms() - start));
	tell("after");
	tap(wrong == 0 && failed == 0, "PRES0009 %u generations of fork and write: every byte right (%u pages wrong, %u forks failed)", GENERATIONS,
	    wrong, failed);
	tap(deepest <= DEPTH_MAX, "PRES0010 their chains of shadows stay short (at most %u)", deepest);
	tap(swap <= allowed, "PRES0011 and so does what they have on the disk (at most %lu pages, of %lu written)", (unsigned long)swap,
	    (unsigned long)(a.pages + hog.pages));
	area_free(&a);
	area_free(&hog);
}

static void nothing_is_left(uint64_t swap_before);

/* ---- more than there is ---- */

#define TEXT_WORDS (1u << 17) /* 1 MiB that comes from the program's file whenever it is needed */
extern const uint64_t big_text[TEXT_WORDS];
__asm__(".section .rodata\n.balign 4096\n.globl big_text\nbig_text:\n.set i, 0\n.rept 131072\n.quad i * 0x123456789abcd\n.set i, i + 1\n"
	".endr\n.previous");

static unsigned work_hog(struct job *j)
{
	while (!j->go)
		(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 10);
	for (uint32_t p = 0; p < j->area.pages; p++)
		*(volatile uint64_t *)(j->area.at + p * PAGE) = p;
	j->rounds = 1;
	while (!j->stop) /* it keeps what it has */
		(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 10);
	return 0;
}

/* Needs its text all the time, and now and then a new page. Returns how often something was wrong. */
static unsigned work_bystander(struct job *j)
{
	unsigned wrong = 0;

	while (!j->stop) {
		volatile uint64_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (uint32_t i = 0; i < TEXT_WORDS; i += 509)
			wrong += big_text[i] != i * 0x123456789abcdUL;
		wrong += page[5] != 0;
		page[5] = 6;
		(void)munmap((void *)page, PAGE);
		j->rounds++;
	}
	return wrong;
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

/* Hogs that end with an exception, which says why; each gets KERN_FAILURE for an answer. */
static unsigned hear_of(mach_port_t port, unsigned *shortages)
{
	struct {
		mach_msg_header_t head;
		kern_return_t result;
	} reply;
	struct raised m;
	unsigned n = 0;

	while (mach_msg(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), port, 0, MACH_PORT_NULL) == MACH_MSG_SUCCESS) {
		n++;
		*shortages += m.exception == EXC_BAD_ACCESS && m.count != 0 && m.code[0] == KERN_RESOURCE_SHORTAGE;
		if (m.code[0] != KERN_RESOURCE_SHORTAGE)
			printf("# exception %d, code %#x\n", m.exception, (unsigned)m.code[0]);
		reply.head = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(m.head.msgh_bits), 0),
						  .msgh_size = sizeof(reply),
						  .msgh_remote_port = m.head.msgh_remote_port,
						  .msgh_id = m.head.msgh_id + 100 };
		reply.result = KERN_FAILURE;
		(void)mach_msg(&reply.head, MACH_SEND_MSG, sizeof(reply), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
		(void)mach_port_deallocate(mach_task_self(), m.thread.name);
		(void)mach_port_deallocate(mach_task_self(), m.task.name);
	}
	return n;
}

/* count tasks that together want bytes, more than there is, beside one that wants next to nothing. */
static void hogs(unsigned count, uint64_t bytes)
{
	struct job *by = &jobs[CHILDREN - 1];
	mach_port_t child[CHILDREN], bystander, port;
	unsigned raised = 0, shortages = 0, died = 0, left = count;
	uint64_t start = now_ms(), rounds;

	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	*by = (struct job){ .work = work_bystander };
	bystander = child_start(by);
	for (unsigned i = 0; i < count; i++) {
		jobs[i] = (struct job){ .work = work_hog, .number = i };
		jobs[i].area = (struct area){ .pages = (uint32_t)(bytes / count / PAGE) };
		jobs[i].area.at = mmap(NULL, bytes / count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		child[i] = child_start(&jobs[i]);
		(void)task_set_exception_ports(child[i], EXC_MASK_BAD_ACCESS, port, EXCEPTION_DEFAULT, 0);
		jobs[i].go = true;
		(void)munmap(jobs[i].area.at, bytes / count);
	}
	while (left != 0 && now_ms() < start + 150000) {
		raised += hear_of(port, &shortages);
		left = 0;
		for (unsigned i = 0; i < count; i++) {
			mach_port_type_t type = 0;

			left += jobs[i].rounds == 0 && mach_port_type(mach_task_self(), child[i], &type) == KERN_SUCCESS &&
				(type & MACH_PORT_TYPE_DEAD_NAME) == 0;
		}
		usleep(10000);
	}
	for (unsigned i = 0; i < count; i++)
		jobs[i].stop = true;
	raised += hear_of(port, &shortages);
	for (unsigned i = 0; i < count; i++) {
		died += child_end(&jobs[i], child[i]) == UINT32_MAX;
	}
	printf("# %u tasks with %lu MiB: %lu ms, %u died, the bystander's rounds: %lu\n", count, (unsigned long)(bytes >> 20),
	       (unsigned long)(now_ms() - start), died, (unsigned long)by->rounds);
	tell("after");
	tap(left == 0 && died != 0, "PRES0020 of %u task%s with more than there is at least one ends, and none stands still", count,
	    count == 1 ? "" : "s");
	tap(raised == died && shortages == died, "PRES0021 each by an exception with KERN_RESOURCE_SHORTAGE (%u, %u, %u)", died, raised,
	    shortages);
	rounds = by->rounds;
	for (uint64_t end = now_ms() + 20000; by->rounds < rounds + 3 && now_ms() < end;)
		usleep(10000);
	tap(by->rounds >= rounds + 3, "PRES0022 a task that needs its text and a page now and then goes on");
	by->stop = true;
	tap(child_end(by, bystander) == 0, "PRES0023 and finds every byte right");
	(void)mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
	(void)mach_port_deallocate(mach_task_self(), port);
}

static void too_much(uint64_t bytes, uint64_t swap_before)
{
	hogs(1, bytes);
	hogs(3, bytes);
	tasks(1, 8 << 20);
	nothing_is_left(swap_before);
}

static void nothing_is_left(uint64_t swap_before)
{
	vm_statistics64_data_t s;
	uint64_t end = now_ms() + 10000;

	do {
		s = statistics();
	} while ((s.swap_used > swap_before + others_pages || s.laundry_count != 0) && now_ms() < end && usleep(10000) == 0);
	tap(s.swap_used <= swap_before + others_pages, "PRES0006 what tasks had on the disk is free again (%lu pages, %lu before)",
	    (unsigned long)s.swap_used, (unsigned long)swap_before);
	tap(s.laundry_count == 0, "PRES0008 nothing is on its way to a pager (%lu pages)", (unsigned long)s.laundry_count);
	tap(s.waiting == 0, "PRES0007 nobody waits for memory");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "run";
	uint64_t bytes = (argc > 2 ? strtoull(argv[2], NULL, 10) : 128) << 20;
	uint64_t swap_before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (strcmp(what, "none") != 0 && statistics().swap_total == 0)
		usleep(10000); /* the default pager starts */
	jobs = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	swap_before = statistics().swap_used;
	others_pages = statistics().active_count + statistics().inactive_count + 128;
	tell("before");
	if (strcmp(what, "run") == 0) {
		tasks(1, bytes);
		tasks(3, bytes);
		forks(bytes / 2);
		tell("after forks");
		shares(bytes / 2);
		tell("after shares");
		messages(bytes / 2);
		tell("at the end");
		nothing_is_left(swap_before);
	} else if (strcmp(what, "generations") == 0) {
		generations(bytes);
		nothing_is_left(swap_before);
	} else if (strcmp(what, "full") == 0 || strcmp(what, "none") == 0) {
		too_much(bytes, swap_before);
	} else if (strcmp(what, "one") == 0) {
		tasks(1, bytes);
		nothing_is_left(swap_before);
	}
	return tap_done();
}
