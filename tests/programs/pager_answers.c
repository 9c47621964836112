/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pager_answers.c - a pager's answer of one page, sent in one trap with the next receive (the kernel's short way, vm_pager_page.c), does what it does in two traps: good
 * and bad answers, each both ways, on pages side by side; and threads that wait for pages get them. Prints TAP.
 */
#include <mach/mach.h>
#include <mach/memory_object.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define PAGE 4096ull
#define PAGES 128u
#define WORD 77000ull
#define TOUCHES 48u

struct answer {
	mach_msg_header_t h;
	mach_msg_body_t body;
	mach_msg_ool_descriptor_t data;
	mach_msg_port_descriptor_t reply_to;
	uint64_t offset;
	vm_prot_t lock_value;
	boolean_t precious;
};

union received {
	mach_msg_header_t h;
	struct {
		mach_msg_header_t h;
		mach_msg_body_t body;
		mach_msg_port_descriptor_t control, name;
	} init;
	struct {
		mach_msg_header_t h;
		mach_msg_body_t body;
		mach_msg_port_descriptor_t control;
		uint64_t offset;
		uint32_t length;
		vm_prot_t access;
	} request;
	char room[512];
};

static mach_port_t self, object, empty, replies, stranger, dead, control;
static mach_vm_address_t base;
static char source[2 * PAGE] __attribute__((aligned(4096)));

static mach_port_t new_port(void)
{
	mach_port_t port;

	if (mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS ||
	    mach_port_insert_right(self, port, port, MACH_MSG_TYPE_MAKE_SEND) != KERN_SUCCESS)
		abort();
	return port;
}

static struct answer answer_of(uint32_t page)
{
	return (struct answer){
		.h = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX,
		       .msgh_size = sizeof(struct answer), .msgh_remote_port = control, .msgh_id = MIG_ID_memory_object_data_supply },
		.body = { 2, 0 },
		.data = mig_memory_descriptor(source, PAGE, FALSE),
		.reply_to = mig_port_descriptor(MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE),
		.offset = page * PAGE,
	};
}

/* ---- what may be odd about an answer ---- */

enum oddity { GOOD, MOVED, LAST_RIGHT_STAYS, AGAIN, SOURCE_UNALIGNED, SOURCE_A_HOLE, SOURCE_UNREADABLE, SOURCE_UNTOUCHED, TWO_PAGES, NOT_A_PAGE,
	      OFFSET_UNALIGNED, BEYOND, LOCK_UNKNOWN, LOCKED, PRECIOUS, TO_STRANGER, TO_DEAD, TO_NOTHING, TO_NAME_PORT, WITH_REPLY, GOES, NO_RECEIVER, ODDITIES };

static const char *const titles[ODDITIES] = {
	"a good page", "its right moved", "a right of several moved", "a page that is there already", "bytes across two pages", "bytes of a hole",
	"bytes that may not be read", "bytes never touched", "two pages", "less than a page", "an offset within a page", "a page beyond the end",
	"a lock value that is none", "a page locked against writing", "a precious page", "a port that is no control port", "a dead name",
	"no name", "another port of the object", "a completion is wanted", "bytes that go with the message", "a receive from no right",
};

static mach_vm_address_t allocated;

static void make_odd(struct answer *m, enum oddity what)
{
	switch (what) {
	case MOVED:
	case LAST_RIGHT_STAYS:
		m->h.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
		if (mach_port_mod_refs(self, control, MACH_PORT_RIGHT_SEND, what == MOVED ? 1 : 3) != KERN_SUCCESS)
			abort();
		break;
	case SOURCE_UNALIGNED:
		m->data.address = source + 8;
		break;
	case SOURCE_A_HOLE:
		m->data.address = (void *)0x10000;
		break;
	case SOURCE_UNREADABLE:
	case SOURCE_UNTOUCHED:
	case GOES:
		allocated = 0;
		if (mach_vm_allocate(self, &allocated, PAGE, VM_FLAGS_ANYWHERE) != KERN_SUCCESS ||
		    (what == SOURCE_UNREADABLE && mach_vm_protect(self, allocated, PAGE, FALSE, VM_PROT_NONE) != KERN_SUCCESS))
			abort();
		if (what == GOES)
			*(uint64_t *)allocated = WORD;
		m->data.address = (void *)allocated;
		m->data.deallocate = what == GOES;
		break;
	case TWO_PAGES:
		m->data.size = 2 * PAGE;
		break;
	case NOT_A_PAGE:
		m->data.size = PAGE - 8;
		break;
	case OFFSET_UNALIGNED:
		m->offset += 8;
		break;
	case BEYOND:
		m->offset += 1ull << 40;
		break;
	case LOCK_UNKNOWN:
		m->lock_value = 0x100;
		break;
	case LOCKED:
		m->lock_value = VM_PROT_WRITE;
		break;
	case PRECIOUS:
		m->precious = TRUE;
		break;
	case TO_STRANGER:
		m->h.msgh_remote_port = stranger;
		break;
	case TO_DEAD:
		m->h.msgh_remote_port = dead;
		break;
	case TO_NOTHING:
		m->h.msgh_remote_port = MACH_PORT_NULL;
		break;
	case TO_NAME_PORT:
		m->h.msgh_remote_port = object;
		break;
	case WITH_REPLY:
		m->reply_to = mig_port_descriptor(replies, MACH_MSG_TYPE_MAKE_SEND_ONCE);
		break;
	default:
		break;
	}
}

/* ---- what came of it ---- */

struct outcome {
	mach_msg_return_t result;
	mach_port_urefs_t refs;
	int disposition, second; /* of the page, and of the one after it */
	uint64_t word;
	uint32_t completions, strange;
	bool source_gone;
};

/* Messages that wait at port. */
static uint32_t drain(mach_port_t port)
{
	union received in;
	uint32_t n = 0;

	while (mach_msg(&in.h, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof in, port, 0, MACH_PORT_NULL) == MACH_MSG_SUCCESS) {
		mach_msg_destroy(&in.h);
		n++;
	}
	return n;
}

static int disposition_of(uint32_t page)
{
	int disposition = 0, references = 0;

	if (mach_vm_page_query(self, base + page * PAGE, &disposition, &references) != KERN_SUCCESS)
		abort();
	return disposition & (VM_PAGE_QUERY_PAGE_PRESENT | VM_PAGE_QUERY_PAGE_DIRTY);
}

static struct outcome send_answer(enum oddity what, uint32_t page, bool one_trap)
{
	const mach_msg_option_t receive = MACH_RCV_MSG | MACH_RCV_TIMEOUT;
	mach_port_t from = what == NO_RECEIVER ? dead : empty;
	struct answer m = answer_of(page);
	struct outcome o = { .result = MACH_MSG_SUCCESS };
	union received in;

	if (what == AGAIN) { /* with other bytes the first time */
		*(uint64_t *)source = WORD + 1;
		(void)mach_msg(&m.h, MACH_SEND_MSG, sizeof m, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
		*(uint64_t *)source = WORD;
		m = answer_of(page);
	}
	make_odd(&m, what);
	if (one_trap) {
		o.result = mach_msg_overwrite(&m.h, MACH_SEND_MSG | receive, sizeof m, sizeof in, from, 0, MACH_PORT_NULL, &in.h, 0);
	} else {
		o.result = mach_msg(&m.h, MACH_SEND_MSG, sizeof m, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
		if (o.result == MACH_MSG_SUCCESS)
			o.result = mach_msg(&in.h, receive, 0, sizeof in, from, 0, MACH_PORT_NULL);
	}
	o.refs = tap_refs(control, MACH_PORT_RIGHT_SEND);
	o.disposition = disposition_of(page);
	o.second = disposition_of(page + 1);
	if (o.disposition & VM_PAGE_QUERY_PAGE_PRESENT)
		o.word = *(volatile uint64_t *)(base + page * PAGE);
	o.completions = drain(replies);
	o.strange = drain(stranger);
	if (allocated != 0) {
		mach_vm_address_t at = allocated;
		int d, r;

		o.source_gone = mach_vm_page_query(self, at, &d, &r) != KERN_SUCCESS;
		(void)mach_vm_deallocate(self, at, PAGE);
		allocated = 0;
	}
	while (tap_refs(control, MACH_PORT_RIGHT_SEND) > 1)
		(void)mach_port_deallocate(self, control);
	return o;
}

static void both_ways(void)
{
	uint32_t page = 0;

	for (enum oddity what = GOOD; what < ODDITIES; what++, page += 4) {
		struct outcome one = send_answer(what, page, true), two = send_answer(what, page + 2, false);
		bool same = one.result == two.result && one.refs == two.refs && one.disposition == two.disposition &&
			    one.second == two.second && one.word == two.word && one.completions == two.completions &&
			    one.strange == two.strange && one.source_gone == two.source_gone;

		if (!same)
			printf("# %#x %#x, refs %u %u, page %d %d, next %d %d, word %llu %llu, completions %u %u, strange %u %u, gone %d %d\n",
			       (unsigned)one.result, (unsigned)two.result, one.refs, two.refs, one.disposition, two.disposition,
			       one.second, two.second, (unsigned long long)one.word, (unsigned long long)two.word,
			       one.completions, two.completions, one.strange, two.strange, one.source_gone, two.source_gone);
		tap(same, "PGR%04u %s: in one trap as in two", 400 + (unsigned)what, titles[what]);
		if (what == GOOD || what == MOVED || what == LAST_RIGHT_STAYS || what == AGAIN)
			tap(one.result == MACH_RCV_TIMED_OUT && one.word == (what == AGAIN ? WORD + 1 : WORD) &&
				    one.refs == (what == LAST_RIGHT_STAYS ? 3 : 1),
			    "PGR%04u and it is there, the right's count is right", 430 + (unsigned)what);
		if (what == SOURCE_A_HOLE || what == SOURCE_UNREADABLE)
			tap_result(one.result, MACH_SEND_INVALID_MEMORY, what == SOURCE_A_HOLE ? "PGR0440 a hole's are MACH_SEND_INVALID_MEMORY" :
										     "PGR0441 and so are unreadable ones");
	}
}

/* ---- threads that wait ---- */

static _Atomic uint32_t touched;

static void *touch(void *from)
{
	for (uint32_t i = (uint32_t)(uintptr_t)from; i < TOUCHES; i += 2)
		atomic_fetch_add(&touched, *(volatile uint64_t *)(base + (96 + i % 32) * PAGE + (i / 32) * 8) == WORD + i % 32);
	return NULL;
}

/* Answer each request in the trap that receives the next one, until both threads have all. */
static void serve_threads(void)
{
	mach_msg_option_t option = MACH_RCV_MSG | MACH_RCV_TIMEOUT;
	pthread_t threads[2];
	struct answer m;
	union received in;
	uint32_t requests = 0;

	for (uintptr_t i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, touch, (void *)i) != 0)
			abort();
	while (atomic_load(&touched) < TOUCHES) {
		mach_msg_return_t mr = mach_msg_overwrite(&m.h, option, option & MACH_SEND_MSG ? sizeof m : 0, sizeof in, object, 20,
							  MACH_PORT_NULL, &in.h, 0);
		uint32_t page;

		option &= ~MACH_SEND_MSG;
		if (mr != MACH_MSG_SUCCESS || in.h.msgh_id != MIG_ID_memory_object_data_request)
			continue;
		page = (uint32_t)(in.request.offset / PAGE);
		for (uint32_t word = 0; word < PAGE / 8; word++)
			((uint64_t *)source)[word] = WORD + page - 96;
		requests += in.request.length == PAGE && in.h.msgh_size == 64 && in.h.msgh_local_port == object;
		m = answer_of(page);
		m.h.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, 0) | MACH_MSGH_BITS_COMPLEX;
		m.h.msgh_remote_port = in.request.control.name;
		option |= MACH_SEND_MSG;
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	tap(requests == 32, "PGR0450 two threads' touches ask for each page once (%u of 32)", requests);
	tap(tap_refs(control, MACH_PORT_RIGHT_SEND) == 1, "PGR0451 and each request's right has gone back");
}

int main(void)
{
	union received in;

	self = mach_task_self();
	object = new_port();
	empty = new_port();
	replies = new_port();
	stranger = new_port();
	if (mach_port_allocate(self, MACH_PORT_RIGHT_DEAD_NAME, &dead) != KERN_SUCCESS)
		abort();
	*(uint64_t *)source = WORD;
	tap(mach_vm_map(self, &base, PAGES * PAGE, 0, VM_FLAGS_ANYWHERE, object, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT,
			VM_INHERIT_NONE) == KERN_SUCCESS &&
		    mach_msg(&in.h, MACH_RCV_MSG, 0, sizeof in, object, 0, MACH_PORT_NULL) == MACH_MSG_SUCCESS &&
		    in.h.msgh_id == MIG_ID_memory_object_init,
	    "PGR0399 an object of ours");
	control = in.init.control.name;
	tap(memory_object_change_attributes(control, MEMORY_OBJECT_ATTRIBUTE_INFO,
					    (memory_object_info_t) & (memory_object_attr_info_data_t){ MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE, FALSE },
					    MEMORY_OBJECT_ATTR_INFO_COUNT, MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE) == KERN_SUCCESS,
	    "PGR0398 which is ready");
	both_ways();
	serve_threads();
	return tap_done();
}
