/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pagers.c - the memory object protocol against pagers that are good, slow, wrong, silent and dead: each message in both directions, each
 * error, and that nothing of it stays. Prints TAP.
 *
 * The pager is a thread of this task that does to each page what the page's `script` says, and remembers what it was told.
 */
#include <mach/mach.h>
#include <mach/memory_object_server.h>
#include <mach/pager.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "residue.h"
#include "tap.h"

#define PAGE 4096ull
#define PAGES 64u
#define LIMIT_MS 400u /* of the silent pager */
#define WORD(page) (1000 + (page))

enum script { GOOD, ERROR, ZERO, SILENT, TWICE, UNALIGNED, BEYOND, OTHER_FIRST, WRITE_LOCKED, WRITE_REFUSED, PRECIOUS, SLOW, ODD_SIZE, FROM_HOLE };

static pthread_mutex_t serving = PTHREAD_MUTEX_INITIALIZER;

/* The pager, as the other side sees it while it works. */
static volatile struct {
	mach_port_t set, port, replies, control, name;
	enum script script[PAGES];
	bool holds;                   /* requests are not answered at all */
	unsigned inits, terminates, requests, unlocks, returns, syncs, copies, locked, supplied, changed;
	uint64_t offset, length;      /* of the last request, unlock or return */
	uint64_t word;                /* the last return's first */
	int access;
	bool dirty, kernel_copy, sync_confirmed, receive_rights;
	kern_return_t result;         /* of the last supply_completed that was not good, or good */
	uint64_t error_offset;
	uint64_t saved[PAGES];        /* first words of pages that came back; 0: none */
	mach_port_t copy;
} P = { .sync_confirmed = true };

static mach_port_t self;

/* ---- the pager ---- */

static void release(mach_port_t right)
{
	if (right != MACH_PORT_NULL)
		mach_port_deallocate(self, right);
}

static kern_return_t supply(uint64_t offset, uint64_t size, uint64_t word, vm_prot_t lock, boolean_t precious)
{
	static char bytes[8 * PAGE] __attribute__((aligned(4096)));

	for (uint64_t at = 0; at < size; at += PAGE)
		*(uint64_t *)(bytes + at) = word + at / PAGE;
	return memory_object_data_supply(P.control, offset, (vm_offset_t)bytes, (uint32_t)size, FALSE, lock, precious, P.replies,
					 MACH_MSG_TYPE_MAKE_SEND_ONCE);
}

static void good(uint64_t offset, uint64_t length)
{
	for (uint64_t at = offset; at < offset + length; at += PAGE) {
		uint64_t page = at / PAGE;

		supply(at, PAGE, page < PAGES && P.saved[page] != 0 ? P.saved[page] : WORD(page), VM_PROT_NONE, FALSE);
	}
}

static void do_script(uint64_t offset, uint64_t length)
{
	uint64_t page = offset / PAGE;

	switch (page < PAGES ? P.script[page] : GOOD) {
	case ERROR:
		memory_object_data_error(P.control, offset, length, KERN_FAILURE);
		return;
	case ZERO:
		memory_object_data_unavailable(P.control, offset, length);
		return;
	case SILENT:
		return;
	case TWICE:
		supply(offset, PAGE, WORD(page), VM_PROT_NONE, FALSE);
		supply(offset, PAGE, 5, VM_PROT_NONE, FALSE);
		return;
	case UNALIGNED:
		supply(offset + 8, PAGE, 5, VM_PROT_NONE, FALSE);
		break;
	case ODD_SIZE:
		supply(offset, PAGE + 8, 5, VM_PROT_NONE, FALSE);
		break;
	case BEYOND:
		supply((uint64_t)PAGES * 4 * PAGE, PAGE, 5, VM_PROT_NONE, FALSE);
		break;
	case OTHER_FIRST:
		supply(offset + PAGE, PAGE, WORD(page + 1), VM_PROT_NONE, FALSE);
		break;
	case WRITE_LOCKED:
	case WRITE_REFUSED:
		supply(offset, PAGE, WORD(page), VM_PROT_WRITE, FALSE);
		return;
	case PRECIOUS:
		supply(offset, PAGE, WORD(page), VM_PROT_NONE, TRUE);
		return;
	case SLOW:
		usleep(100 * 1000);
		break;
	case FROM_HOLE:
		memory_object_data_supply(P.control, offset, 0x10000, PAGE, FALSE, VM_PROT_NONE, FALSE, P.replies,
					  MACH_MSG_TYPE_MAKE_SEND_ONCE);
		break;
	default:
		break;
	}
	good(offset, length);
}

static kern_return_t init(memory_object_t o, mach_port_t control, mach_port_t name, memory_object_cluster_size_t page_size)
{
	if (o == P.port) {
		P.control = control;
		P.name = name;
	} else {
		release(control);
		release(name);
	}
	if (page_size == PAGE)
		P.inits++;
	return KERN_SUCCESS;
}

static kern_return_t terminate(memory_object_t o, mach_port_t control, mach_port_t name)
{
	P.receive_rights = tap_refs(control, MACH_PORT_RIGHT_RECEIVE) == 1 && tap_refs(name, MACH_PORT_RIGHT_RECEIVE) == 1;
	if (P.receive_rights) {
		mach_port_mod_refs(self, control, MACH_PORT_RIGHT_RECEIVE, -1);
		mach_port_mod_refs(self, name, MACH_PORT_RIGHT_RECEIVE, -1);
	}
	P.terminates++;
	return KERN_SUCCESS;
}

static kern_return_t copied(memory_object_t o, mach_port_t control, memory_object_offset_t offset, memory_object_size_t length,
			    mach_port_t copy)
{
	P.offset = offset;
	P.length = length;
	P.copy = copy;
	mach_port_mod_refs(self, copy, MACH_PORT_RIGHT_RECEIVE, -1); /* not wanted: its death sends readers to nothing */
	release(control);
	P.copies++;
	return KERN_SUCCESS;
}

static kern_return_t request(memory_object_t o, mach_port_t control, memory_object_offset_t offset,
			     memory_object_cluster_size_t length, vm_prot_t access)
{
	P.offset = offset;
	P.length = length;
	P.access = access;
	P.requests++;
	if (!P.holds)
		do_script(offset, length);
	release(control);
	return KERN_SUCCESS;
}

static kern_return_t unlock(memory_object_t o, mach_port_t control, memory_object_offset_t offset, memory_object_size_t length,
			    vm_prot_t access)
{
	P.offset = offset;
	P.length = length;
	P.access = access;
	P.unlocks++;
	if (P.script[offset / PAGE] == WRITE_REFUSED)
		memory_object_data_error(control, offset, length, KERN_PROTECTION_FAILURE);
	else
		memory_object_lock_request(control, offset, length, MEMORY_OBJECT_RETURN_NONE, FALSE, VM_PROT_NONE,
					   MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE);
	release(control);
	return KERN_SUCCESS;
}

static kern_return_t lock_completed(mach_port_t reply, mach_port_t control, memory_object_offset_t offset,
				    memory_object_size_t length)
{
	P.locked++;
	release(control);
	return KERN_SUCCESS;
}

static kern_return_t supply_completed(mach_port_t reply, mach_port_t control, memory_object_offset_t offset,
				      memory_object_size_t length, kern_return_t result, memory_object_offset_t error_offset)
{
	P.supplied++;
	if (result != KERN_SUCCESS) {
		P.result = result;
		P.error_offset = error_offset;
	}
	release(control);
	return KERN_SUCCESS;
}

static kern_return_t data_return(memory_object_t o, mach_port_t control, memory_object_offset_t offset, vm_offset_t data,
				 mach_msg_type_number_t size, boolean_t dirty, boolean_t kernel_copy)
{
	P.offset = offset;
	P.length = size;
	P.word = *(uint64_t *)data;
	P.dirty = dirty;
	P.kernel_copy = kernel_copy;
	for (uint64_t at = 0; at < size; at += PAGE)
		P.saved[(offset + at) / PAGE] = *(uint64_t *)(data + at);
	P.returns++;
	mach_vm_deallocate(self, data, size);
	release(control);
	return KERN_SUCCESS;
}

static kern_return_t change_completed(mach_port_t reply, mach_port_t control, memory_object_flavor_t flavor)
{
	P.changed++;
	release(control);
	return KERN_SUCCESS;
}

static kern_return_t synchronize(memory_object_t o, mach_port_t control, memory_object_offset_t offset,
				 memory_object_size_t length, vm_sync_t flags)
{
	P.offset = offset;
	P.length = length;
	P.syncs++;
	if (P.sync_confirmed)
		memory_object_synchronize_completed(control, offset, length);
	release(control);
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct memory_object_ops ops = {
		.memory_object_init = init,
		.memory_object_terminate = terminate,
		.memory_object_copy = copied,
		.memory_object_data_request = request,
		.memory_object_data_unlock = unlock,
		.memory_object_lock_completed = lock_completed,
		.memory_object_supply_completed = supply_completed,
		.memory_object_data_return = data_return,
		.memory_object_change_completed = change_completed,
		.memory_object_synchronize = synchronize,
	};
	boolean_t known;

	pthread_mutex_lock(&serving);
	known = memory_object_demux(&ops, in, out);
	pthread_mutex_unlock(&serving);
	return known;
}

static void *serve(void *unused)
{
	mach_msg_server(demux, 512, P.set, MACH_MSG_OPTION_NONE);
	return NULL;
}

/* ---- the other side ---- */

static mach_port_t new_port(mach_port_t set)
{
	mach_port_t port;

	if (mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS ||
	    mach_port_insert_right(self, port, port, MACH_MSG_TYPE_MAKE_SEND) != KERN_SUCCESS ||
	    mach_port_move_member(self, port, set) != KERN_SUCCESS)
		abort();
	return port;
}

static void end_port(mach_port_t port)
{
	mach_port_mod_refs(self, port, MACH_PORT_RIGHT_RECEIVE, -1);
	mach_port_deallocate(self, port);
}

/* Until *counter is n, or a long time has passed. */
static bool reaches(volatile unsigned *counter, unsigned n)
{
	for (int i = 0; i < 20000 && *counter < n; i++)
		usleep(500);
	return *counter >= n;
}

static kern_return_t map_at(mach_vm_address_t *at, uint64_t offset, uint64_t size, boolean_t copy)
{
	*at = 0;
	return mach_vm_map(self, at, size, 0, VM_FLAGS_ANYWHERE, P.port, offset, copy, VM_PROT_DEFAULT, VM_PROT_ALL,
			   VM_INHERIT_COPY);
}

static uint64_t map_whole(void)
{
	mach_vm_address_t at;

	if (map_at(&at, 0, PAGES * PAGE, FALSE) != KERN_SUCCESS)
		abort();
	return at;
}

static kern_return_t read_word(uint64_t at, uint64_t *word)
{
	mach_vm_size_t size = 0;

	*word = 0;
	return mach_vm_read_overwrite(self, at, 8, (mach_vm_address_t)(uintptr_t)word, &size);
}

static bool has_word(uint64_t at, uint64_t wanted)
{
	uint64_t word;
	kern_return_t kr = read_word(at, &word);

	if (kr != KERN_SUCCESS || word != wanted)
		printf("# at %#llx: %s, %llu, not %llu\n", (unsigned long long)at, mach_error_string(kr), (unsigned long long)word,
		       (unsigned long long)wanted);
	return kr == KERN_SUCCESS && word == wanted;
}

static kern_return_t set_attributes(memory_object_copy_strategy_t strategy, uint32_t cluster, boolean_t may_cache)
{
	memory_object_attr_info_data_t info = { strategy, cluster, may_cache, FALSE };

	return memory_object_change_attributes(P.control, MEMORY_OBJECT_ATTRIBUTE_INFO, (memory_object_info_t)&info,
					       MEMORY_OBJECT_ATTR_INFO_COUNT, P.replies, MACH_MSG_TYPE_MAKE_SEND_ONCE);
}

static kern_return_t set_limit(uint32_t ms)
{
	memory_object_timeout_info_data_t info = { ms };

	return memory_object_change_attributes(P.control, MEMORY_OBJECT_TIMEOUT_INFO, (memory_object_info_t)&info,
					       MEMORY_OBJECT_TIMEOUT_INFO_COUNT, MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE);
}

static void forget(void)
{
	for (unsigned i = 0; i < PAGES; i++) {
		P.script[i] = GOOD;
		P.saved[i] = 0;
	}
}

/* A fresh object of this pager, mapped whole, ready. */
static uint64_t fresh(memory_object_copy_strategy_t strategy, uint32_t cluster, boolean_t may_cache)
{
	unsigned inits = P.inits;
	uint64_t at;

	forget();
	P.port = new_port(P.set);
	at = map_whole();
	if (!reaches(&P.inits, inits + 1) || set_attributes(strategy, cluster, may_cache) != KERN_SUCCESS ||
	    set_limit(20000) != KERN_SUCCESS)
		abort();
	return at;
}

/* Unmap, and wait for the end. */
static void finish(uint64_t at)
{
	unsigned n = P.terminates;

	if (at != 0)
		mach_vm_deallocate(self, at, PAGES * PAGE);
	if (!reaches(&P.terminates, n + 1))
		tap(false, "PGR: the object ends");
	release(P.control);
	release(P.name);
	end_port(P.port);
}

struct access {
	uint64_t at, word;
	kern_return_t kr;
	mach_port_t thread;
	pthread_t t;
	volatile unsigned done;
};

static void *access_body(void *arg)
{
	struct access *a = arg;

	a->thread = mach_thread_self();
	a->kr = read_word(a->at, &a->word);
	a->done = 1;
	return NULL;
}

static void begin(struct access *a, uint64_t at)
{
	*a = (struct access){ .at = at };
	if (pthread_create(&a->t, NULL, access_body, a) != 0)
		abort();
}

static void end(struct access *a)
{
	pthread_join(a->t, NULL);
	release(a->thread);
}

/* ---- the cases ---- */

static void first_steps(void)
{
	unsigned inits = P.inits, requests = P.requests, returns = P.returns;
	mach_vm_address_t again;
	struct access a;
	uint64_t at;

	forget();
	P.port = new_port(P.set);
	at = map_whole();
	tap(reaches(&P.inits, inits + 1), "PGR0001 the first mapping sends memory_object_init, with the page size and two ports");
	begin(&a, at);
	usleep(50 * 1000);
	tap(!a.done && P.requests == requests, "PGR0002 nothing is asked before the pager is ready");
	tap_result(memory_object_ready(P.control, FALSE, MEMORY_OBJECT_COPY_DELAY), KERN_SUCCESS, "PGR0003 memory_object_ready");
	end(&a);
	tap(a.kr == KERN_SUCCESS && a.word == WORD(0), "PGR0004 and then the access gets its page");
	tap(P.requests == requests + 1 && P.offset == 0 && P.length == PAGE && P.access == VM_PROT_READ,
	    "PGR0005 by one memory_object_data_request of the page, for reading");
	tap(map_at(&again, 2 * PAGE, PAGE, FALSE) == KERN_SUCCESS && has_word(again, WORD(2)) && has_word(at + 2 * PAGE, WORD(2)) &&
		    P.requests == requests + 2 && P.inits == inits + 1,
	    "PGR0006 a second mapping, at an offset, shares the object and its pages");
	*(volatile uint64_t *)again = 77;
	tap(has_word(at + 2 * PAGE, 77), "PGR0007 a write by one is seen by the other");
	tap(*(volatile uint64_t *)(at + 3 * PAGE) == WORD(3), "PGR0008 a fault of the program itself is served too");
	mach_vm_deallocate(self, again, PAGE);
	tap_result(map_at(&again, 0, 0, FALSE), KERN_INVALID_ARGUMENT, "PGR0011 no bytes cannot be mapped");
	tap_result(map_at(&again, 100, PAGE, FALSE), KERN_INVALID_ARGUMENT, "PGR0013 nor an offset that is not a page's");
	tap_result(map_at(&again, ~0ull & ~4095ull, 2 * PAGE, FALSE), KERN_INVALID_ARGUMENT, "PGR0014 nor one that wraps");
	finish(at);
	tap(P.receive_rights, "PGR0009 memory_object_terminate brings the receive rights of the control and the name port");
	tap(P.saved[2] == 77 && P.returns == returns + 1, "PGR0010 and before it the changed page came back");
	P.port = self;
	tap_result(map_at(&again, 0, PAGE, FALSE), KERN_INVALID_ARGUMENT, "PGR0012 nor a kernel's port");
	P.port = new_port(P.set);
	mach_port_mod_refs(self, P.port, MACH_PORT_RIGHT_RECEIVE, -1);
	tap(map_at(&again, 0, PAGE, FALSE) != KERN_SUCCESS, "PGR0015 nor a dead port");
	mach_port_deallocate(self, P.port);
}

static void attributes(void)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE);
	memory_object_perf_info_data_t perf = { 4 * PAGE, TRUE }, got_perf;
	memory_object_behave_info_data_t behave = { MEMORY_OBJECT_COPY_TEMPORARY, FALSE, FALSE, TRUE, TRUE }, got_behave;
	memory_object_attr_info_data_t got_attr;
	memory_object_timeout_info_data_t got_limit;
	mach_msg_type_number_t n = MEMORY_OBJECT_PERF_INFO_COUNT;
	unsigned changed = P.changed;

#define CHANGE(flavor, info, count) \
	memory_object_change_attributes(P.control, flavor, (memory_object_info_t)(info), count, P.replies, MACH_MSG_TYPE_MAKE_SEND_ONCE)
#define GET(flavor, info, count) memory_object_get_attributes(P.control, flavor, (memory_object_info_t)(info), count)
	tap_result(CHANGE(MEMORY_OBJECT_PERFORMANCE_INFO, &perf, MEMORY_OBJECT_PERF_INFO_COUNT), KERN_SUCCESS,
		   "PGR0020 memory_object_change_attributes of performance");
	tap(reaches(&P.changed, changed + 1), "PGR0021 which memory_object_change_completed confirms");
	tap(GET(MEMORY_OBJECT_PERFORMANCE_INFO, &got_perf, &n) == KERN_SUCCESS && n == MEMORY_OBJECT_PERF_INFO_COUNT &&
		    got_perf.cluster_size == 4 * PAGE && got_perf.may_cache,
	    "PGR0022 and memory_object_get_attributes tells");
	tap_result(CHANGE(MEMORY_OBJECT_BEHAVIOR_INFO, &behave, MEMORY_OBJECT_BEHAVE_INFO_COUNT), KERN_SUCCESS,
		   "PGR0023 change of behaviour");
	n = MEMORY_OBJECT_BEHAVE_INFO_COUNT;
	tap(GET(MEMORY_OBJECT_BEHAVIOR_INFO, &got_behave, &n) == KERN_SUCCESS && got_behave.temporary && got_behave.silent_overwrite &&
		    got_behave.copy_strategy == MEMORY_OBJECT_COPY_DELAY,
	    "PGR0024 TEMPORARY is DELAY whose changes need not be returned");
	n = MEMORY_OBJECT_ATTR_INFO_COUNT;
	tap(GET(MEMORY_OBJECT_ATTRIBUTE_INFO, &got_attr, &n) == KERN_SUCCESS && got_attr.cluster_size == 4 * PAGE &&
		    got_attr.may_cache_object && got_attr.temporary,
	    "PGR0025 the attributes in one");
	n = MEMORY_OBJECT_TIMEOUT_INFO_COUNT;
	tap(set_limit(1234) == KERN_SUCCESS && GET(MEMORY_OBJECT_TIMEOUT_INFO, &got_limit, &n) == KERN_SUCCESS &&
		    got_limit.milliseconds == 1234,
	    "PGR0026 the time limit of a fault");
	n = 1;
	tap_result(GET(MEMORY_OBJECT_PERFORMANCE_INFO, &got_perf, &n), KERN_INVALID_ARGUMENT, "PGR0027 too little room is refused");
	n = MEMORY_OBJECT_INFO_MAX;
	tap_result(GET(99, &got_perf, &n), KERN_INVALID_ARGUMENT, "PGR0028 so is a flavor that is none");
	tap_result(CHANGE(99, &perf, 2), KERN_INVALID_ARGUMENT, "PGR0029 for a change too");
	tap_result(CHANGE(MEMORY_OBJECT_PERFORMANCE_INFO, &perf, 1), KERN_INVALID_ARGUMENT, "PGR0030 and a wrong count");
	perf.cluster_size = 3 * PAGE;
	tap_result(CHANGE(MEMORY_OBJECT_PERFORMANCE_INFO, &perf, MEMORY_OBJECT_PERF_INFO_COUNT), KERN_INVALID_ARGUMENT,
		   "PGR0031 and a cluster that is no power of two");
	tap_result(set_attributes(MEMORY_OBJECT_COPY_SYMMETRIC, PAGE, FALSE), KERN_INVALID_ARGUMENT,
		   "PGR0032 and the kernel's own copy strategy");
	tap_result(set_attributes(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE), KERN_SUCCESS, "PGR0033 all attributes at once");
	n = MEMORY_OBJECT_INFO_MAX;
	tap_result(memory_object_get_attributes(self, MEMORY_OBJECT_PERFORMANCE_INFO, (memory_object_info_t)&got_perf, &n),
		   KERN_INVALID_ARGUMENT, "PGR0034 a port that is no control port");
	tap_result(memory_object_synchronize_completed(P.control, 0, PAGE), KERN_INVALID_ARGUMENT,
		   "PGR0035 a synchronize that nobody waits for");
	finish(at);
}

/* A receive right is nothing that a completion can be sent with: it ends with its message, in each of the three calls. */
static void receive_rights_as_replies(void)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE), ports;
	memory_object_perf_info_data_t perf = { PAGE, FALSE };
	static char page[PAGE];
	mach_port_t right[3];

	ports = residue_zone_count("ipc ports");
	for (int i = 0; i < 3; i++)
		(void)mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &right[i]);
	tap_result(memory_object_change_attributes(P.control, MEMORY_OBJECT_PERFORMANCE_INFO, (memory_object_info_t)&perf,
						   MEMORY_OBJECT_PERF_INFO_COUNT, right[0], MACH_MSG_TYPE_MOVE_RECEIVE),
		   KERN_INVALID_ARGUMENT, "PGR0036 a completion goes to no receive right");
	(void)memory_object_lock_request(P.control, 0, PAGE, MEMORY_OBJECT_RETURN_NONE, FALSE, VM_PROT_NO_CHANGE, right[1],
					 MACH_MSG_TYPE_MOVE_RECEIVE);
	(void)memory_object_data_supply(P.control, 0, (vm_offset_t)page, PAGE, FALSE, VM_PROT_NONE, FALSE, right[2], MACH_MSG_TYPE_MOVE_RECEIVE);
	tap(residue_zone_count("ipc ports") <= ports, "PGR0037 which ends with its message");
	tap(has_word(at, WORD(0)), "PGR0038 and what came with it was not taken");
	finish(at);
}

static void scripts(void)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE), word;
	unsigned n;
	struct access a;

	P.script[1] = ERROR;
	tap_result(read_word(at + PAGE, &word), KERN_MEMORY_ERROR, "PGR0040 memory_object_data_error fails the access");
	P.script[1] = GOOD;
	tap(has_word(at + PAGE, WORD(1)), "PGR0041 the next access asks again");
	P.script[2] = ZERO;
	tap(has_word(at + 2 * PAGE, 0), "PGR0042 memory_object_data_unavailable gives zeros");
	*(volatile uint64_t *)(at + 2 * PAGE) = 9;
	tap(has_word(at + 2 * PAGE, 9), "PGR0043 which can be written");
	P.script[3] = SLOW;
	tap(has_word(at + 3 * PAGE, WORD(3)), "PGR0044 a slow pager is waited for");
	P.script[4] = TWICE;
	P.result = KERN_SUCCESS;
	n = P.supplied;
	tap(has_word(at + 4 * PAGE, WORD(4)) && reaches(&P.supplied, n + 2) && has_word(at + 4 * PAGE, WORD(4)),
	    "PGR0045 of two answers the first stays");
	tap(P.result == KERN_MEMORY_PRESENT && P.error_offset == 4 * PAGE, "PGR0046 the second is told KERN_MEMORY_PRESENT");
	P.script[5] = UNALIGNED;
	n = P.supplied;
	tap(has_word(at + 5 * PAGE, WORD(5)) && reaches(&P.supplied, n + 2) && P.result == KERN_INVALID_ARGUMENT,
	    "PGR0047 data at an offset that is not a page's is refused, and harms nothing");
	P.script[6] = ODD_SIZE;
	P.result = KERN_SUCCESS;
	n = P.supplied;
	tap(has_word(at + 6 * PAGE, WORD(6)) && reaches(&P.supplied, n + 2) && P.result == KERN_INVALID_ARGUMENT,
	    "PGR0048 nor is a part of a page taken");
	P.script[7] = BEYOND;
	P.result = KERN_SUCCESS;
	n = P.supplied;
	tap(has_word(at + 7 * PAGE, WORD(7)) && reaches(&P.supplied, n + 2) && P.result == KERN_INVALID_ARGUMENT,
	    "PGR0049 nor pages beyond the object");
	P.script[8] = OTHER_FIRST;
	n = P.requests;
	tap(has_word(at + 8 * PAGE, WORD(8)) && has_word(at + 9 * PAGE, WORD(9)) && P.requests == n + 1,
	    "PGR0050 a page that nobody asked for is kept for who will");
	P.script[10] = FROM_HOLE;
	tap(has_word(at + 10 * PAGE, WORD(10)), "PGR0051 a supply from memory that is not there does not arrive");
	P.script[11] = SILENT;
	set_limit(LIMIT_MS);
	tap_result(read_word(at + 11 * PAGE, &word), KERN_MEMORY_ERROR, "PGR0052 a pager that never answers fails the access in time");
	begin(&a, at + 11 * PAGE);
	end(&a);
	tap(a.kr == KERN_MEMORY_ERROR, "PGR0053 again for the next, which asks anew");
	P.script[11] = GOOD;
	tap(has_word(at + 11 * PAGE, WORD(11)), "PGR0054 and it may answer one day");
	P.script[12] = SILENT;
	read_word(at + 12 * PAGE, &word);
	supply(12 * PAGE, PAGE, 4321, VM_PROT_NONE, FALSE);
	usleep(1000);
	tap(has_word(at + 12 * PAGE, 4321), "PGR0055 a late answer is taken");
	set_limit(20000);
	finish(at);
}

static void clusters(void)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, 4 * PAGE, FALSE), word;
	struct access a[4];
	unsigned n = P.requests;

	tap(has_word(at + 5 * PAGE, WORD(5)) && P.requests == n + 1 && P.offset == 4 * PAGE && P.length == 4 * PAGE,
	    "PGR0060 a cluster is asked for at once, around the page");
	tap(has_word(at + 4 * PAGE, WORD(4)) && has_word(at + 7 * PAGE, WORD(7)) && P.requests == n + 1,
	    "PGR0061 and all of it is here");
	tap(has_word(at + 8 * PAGE, WORD(8)) && P.offset == 8 * PAGE && P.length == 4 * PAGE, "PGR0062 going on, the next one");
	P.holds = true;
	begin(&a[0], at + 16 * PAGE);
	reaches(&P.requests, n + 3);
	supply(16 * PAGE, 2 * PAGE, WORD(16), VM_PROT_NONE, FALSE);
	end(&a[0]);
	tap(a[0].kr == KERN_SUCCESS && a[0].word == WORD(16), "PGR0063 a part of what was asked for can be supplied");
	begin(&a[0], at + 18 * PAGE);
	begin(&a[1], at + 19 * PAGE);
	usleep(20000);
	tap(P.requests == n + 3 && !a[0].done && !a[1].done, "PGR0064 the rest is not asked for again");
	memory_object_data_unavailable(P.control, 18 * PAGE, PAGE);
	memory_object_data_error(P.control, 19 * PAGE, PAGE, KERN_FAILURE);
	end(&a[0]);
	end(&a[1]);
	tap(a[0].kr == KERN_SUCCESS && a[0].word == 0 && a[1].kr == KERN_MEMORY_ERROR, "PGR0065 and can be answered otherwise");
	n = P.requests;
	for (unsigned i = 0; i < 4; i++)
		begin(&a[i], at + (24 + 4 * i) * PAGE);
	tap(reaches(&P.requests, n + 4), "PGR0066 several requests of one object are outstanding");
	for (unsigned i = 4; i-- > 0;)
		good((24 + 4 * i) * PAGE, 4 * PAGE);
	word = 0;
	for (unsigned i = 0; i < 4; i++) {
		end(&a[i]);
		word += a[i].kr == KERN_SUCCESS && a[i].word == WORD(24 + 4 * i);
	}
	tap(word == 4, "PGR0067 and may be answered in any order");
	P.holds = false;
	finish(at);
}

static uint64_t asked(vm_behavior_t behavior, uint64_t page, uint64_t *length)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, 8 * PAGE, FALSE), offset;
	bool good = mach_vm_behavior_set(self, at, PAGES * PAGE, behavior) == KERN_SUCCESS && has_word(at + page * PAGE, WORD(page));

	offset = good ? P.offset / PAGE : ~0ull;
	*length = P.length / PAGE;
	finish(at);
	return offset;
}

/* What a region's user says of it, and what it tells of itself. */
static void regions(void)
{
	uint64_t at, n, length = 0;
	vm_region_basic_info_data_64_t info;
	mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
	mach_vm_address_t start;
	mach_vm_size_t size;
	mach_port_t name = MACH_PORT_NULL, control = MACH_PORT_NULL;

	tap(asked(VM_BEHAVIOR_DEFAULT, 13, &length) == 8 && length == 8, "PGR0180 by default the cluster around a page is asked for");
	tap(asked(VM_BEHAVIOR_RANDOM, 13, &length) == 13 && length == 1, "PGR0181 VM_BEHAVIOR_RANDOM: the page alone");
	tap(asked(VM_BEHAVIOR_SEQUENTIAL, 13, &length) == 13 && length == 8, "PGR0182 VM_BEHAVIOR_SEQUENTIAL: a cluster from it on");
	tap(asked(VM_BEHAVIOR_RSEQNTL, 13, &length) == 6 && length == 8, "PGR0183 VM_BEHAVIOR_RSEQNTL: a cluster up to it");
	at = fresh(MEMORY_OBJECT_COPY_DELAY, 4 * PAGE, FALSE);
	n = P.requests;
	tap(mach_vm_behavior_set(self, at + 8 * PAGE, 16 * PAGE, VM_BEHAVIOR_WILLNEED) == KERN_SUCCESS && reaches(&P.requests, (unsigned)n + 4),
	    "PGR0184 VM_BEHAVIOR_WILLNEED asks for all of it");
	tap(has_word(at + 8 * PAGE, WORD(8)) && has_word(at + 23 * PAGE, WORD(23)) && P.requests == n + 4, "PGR0185 and nobody asks again");
	*(volatile uint64_t *)(at + 9 * PAGE) = 5;
	tap(mach_vm_behavior_set(self, at + 8 * PAGE, 16 * PAGE, VM_BEHAVIOR_DONTNEED) == KERN_SUCCESS && has_word(at + 9 * PAGE, 5) &&
		    P.requests == n + 4, "PGR0186 VM_BEHAVIOR_DONTNEED loses nothing");
	tap(mach_vm_behavior_set(self, at + 8 * PAGE, 16 * PAGE, VM_BEHAVIOR_FREE) == KERN_SUCCESS && has_word(at + 9 * PAGE, 5),
	    "PGR0187 nor does VM_BEHAVIOR_FREE of a pager's memory");
	start = at;
	tap(mach_vm_region(self, &start, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count, &name) == KERN_SUCCESS && start == at &&
		    name == P.name && name != MACH_PORT_NULL, "PGR0188 mach_vm_region's object_name is the name that memory_object_init brought");
	release(name);
	tap(memory_object_get_attributes(P.name, MEMORY_OBJECT_PERFORMANCE_INFO, (memory_object_info_t)&info, &count) != KERN_SUCCESS,
	    "PGR0189 which is good for nothing but to compare");
	start = (mach_vm_address_t)(uintptr_t)&P;
	count = VM_REGION_BASIC_INFO_COUNT_64;
	tap(mach_vm_region(self, &start, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count, &name) == KERN_SUCCESS &&
		    name == MACH_PORT_NULL, "PGR0190 anonymous memory has none");
	/* wired for reading */
	P.script[40] = WRITE_REFUSED;
	(void)task_get_special_port(self, TASK_HOST_PORT, &control);
	(void)mach_vm_protect(self, at + 40 * PAGE, PAGE, FALSE, VM_PROT_READ);
	n = P.unlocks;
	tap_result(mach_vm_wire(control, self, at + 40 * PAGE, PAGE, VM_PROT_READ), KERN_SUCCESS,
		   "PGR0191 a page that may never be written is wired where it may not be written");
	tap(P.unlocks == n && has_word(at + 40 * PAGE, WORD(40)) && mach_vm_wire(control, self, at + 40 * PAGE, PAGE, VM_PROT_NONE) == KERN_SUCCESS,
	    "PGR0192 without asking the pager to write");
	(void)mach_vm_protect(self, at + 40 * PAGE, PAGE, FALSE, VM_PROT_DEFAULT);
	tap_result(mach_vm_wire(control, self, at + 40 * PAGE, PAGE, VM_PROT_READ), KERN_MEMORY_ERROR, "PGR0193 and is not where it may");
	release(control);
	finish(at);
}

static kern_return_t lock(uint64_t offset, uint64_t size, memory_object_return_t what, boolean_t flush, vm_prot_t prot)
{
	unsigned n = P.locked;
	kern_return_t kr = memory_object_lock_request(P.control, offset, size, what, flush, prot, P.replies,
						      MACH_MSG_TYPE_MAKE_SEND_ONCE);

	return kr == KERN_SUCCESS && !reaches(&P.locked, n + 1) ? KERN_FAILURE : kr;
}

static void locks(void)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE), word = 5;
	unsigned n;

	P.script[1] = WRITE_LOCKED;
	tap(has_word(at + PAGE, WORD(1)), "PGR0070 a page supplied with VM_PROT_WRITE locked can be read");
	n = P.unlocks;
	*(volatile uint64_t *)(at + PAGE) = 50;
	tap(P.unlocks == n + 1 && P.offset == PAGE && P.length == PAGE && (P.access & VM_PROT_WRITE),
	    "PGR0071 a write asks memory_object_data_unlock, and goes on");
	P.script[2] = WRITE_REFUSED;
	tap(has_word(at + 2 * PAGE, WORD(2)), "PGR0072 a page that may never be written");
	tap_result(mach_vm_write(self, at + 2 * PAGE, (vm_offset_t)&word, 8), KERN_MEMORY_ERROR, "PGR0073 fails the write");
	tap(has_word(at + 2 * PAGE, WORD(2)), "PGR0074 and stays as it was");

	n = P.returns;
	tap_result(lock(PAGE, PAGE, MEMORY_OBJECT_RETURN_DIRTY, FALSE, VM_PROT_NO_CHANGE), KERN_SUCCESS,
		   "PGR0075 memory_object_lock_request cleans, and memory_object_lock_completed says so");
	tap(P.returns == n + 1 && P.offset == PAGE && P.word == 50 && P.dirty && P.kernel_copy,
	    "PGR0076 the dirty page came back, and the kernel keeps it");
	tap(lock(PAGE, PAGE, MEMORY_OBJECT_RETURN_DIRTY, FALSE, VM_PROT_NO_CHANGE) == KERN_SUCCESS && P.returns == n + 1,
	    "PGR0077 it is clean now");
	*(volatile uint64_t *)(at + PAGE) = 51;
	tap(lock(PAGE, PAGE, MEMORY_OBJECT_RETURN_DIRTY, FALSE, VM_PROT_NO_CHANGE) == KERN_SUCCESS && P.returns == n + 2 && P.word == 51,
	    "PGR0078 and dirty again after a write");
	*(volatile uint64_t *)(at + PAGE) = 52;
	P.script[1] = GOOD;
	word = P.requests;
	tap(lock(PAGE, PAGE, MEMORY_OBJECT_RETURN_DIRTY, TRUE, VM_PROT_NO_CHANGE) == KERN_SUCCESS && P.word == 52 && !P.kernel_copy &&
		    has_word(at + PAGE, 52) && P.requests == word + 1,
	    "PGR0079 flushed, it comes back and is asked for again");
	P.script[3] = PRECIOUS;
	n = P.returns;
	tap(has_word(at + 3 * PAGE, WORD(3)) &&
		    lock(3 * PAGE, PAGE, MEMORY_OBJECT_RETURN_DIRTY, TRUE, VM_PROT_NO_CHANGE) == KERN_SUCCESS &&
		    P.returns == n + 1 && !P.dirty && P.word == WORD(3),
	    "PGR0080 a precious page comes back though nobody changed it");
	n = P.returns;
	tap(has_word(at + 4 * PAGE, WORD(4)) &&
		    lock(4 * PAGE, PAGE, MEMORY_OBJECT_RETURN_ALL, FALSE, VM_PROT_NO_CHANGE) == KERN_SUCCESS &&
		    P.returns == n + 1 && !P.dirty && P.kernel_copy,
	    "PGR0081 with RETURN_ALL so does any page");
	*(volatile uint64_t *)(at + 4 * PAGE) = 7;
	n = P.returns;
	P.saved[4] = 0;
	tap(lock(4 * PAGE, PAGE, MEMORY_OBJECT_RETURN_NONE, TRUE, VM_PROT_NO_CHANGE) == KERN_SUCCESS && P.returns == n &&
		    has_word(at + 4 * PAGE, WORD(4)),
	    "PGR0082 with RETURN_NONE and flush changes are thrown away");
	n = P.unlocks;
	tap(lock(4 * PAGE, PAGE, MEMORY_OBJECT_RETURN_NONE, FALSE, VM_PROT_READ | VM_PROT_WRITE) == KERN_SUCCESS &&
		    has_word(at + 4 * PAGE, WORD(4)) && P.unlocks == n + 1,
	    "PGR0083 a page locked against reading is unlocked by the next read");
	n = P.returns;
	for (uint64_t i = 10; i < 20; i++)
		*(volatile uint64_t *)(at + i * PAGE) = 100 + i;
	tap(lock(0, PAGES * PAGE, MEMORY_OBJECT_RETURN_DIRTY, TRUE, VM_PROT_NO_CHANGE) == KERN_SUCCESS && P.saved[10] == 110 &&
		    P.saved[19] == 119 && P.returns == n + 1 && P.length == 10 * PAGE,
	    "PGR0084 pages that lie together come back together");
	n = P.locked;
	memory_object_lock_request(P.control, 8, PAGE, 1, FALSE, VM_PROT_NO_CHANGE, P.replies, MACH_MSG_TYPE_MAKE_SEND_ONCE);
	memory_object_lock_request(P.control, 0, PAGE, 7, FALSE, VM_PROT_NO_CHANGE, P.replies, MACH_MSG_TYPE_MAKE_SEND_ONCE);
	memory_object_lock_request(P.control, 0, PAGE, 1, FALSE, 0x70, P.replies, MACH_MSG_TYPE_MAKE_SEND_ONCE);
	usleep(20000);
	tap(P.locked == n, "PGR0085 wrong lock requests are not completed");
	finish(at);
}

static void *sync_body(void *arg)
{
	struct access *a = arg;

	a->thread = mach_thread_self();
	a->kr = mach_vm_msync(self, a->at, PAGE, VM_SYNC_SYNCHRONOUS);
	a->done = 1;
	return NULL;
}

static void syncs(void)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE);
	unsigned n = P.syncs, returns = P.returns;
	struct access a = { .at = at + PAGE };

	*(volatile uint64_t *)(at + PAGE) = 60;
	tap_result(mach_vm_msync(self, at + PAGE, PAGE, VM_SYNC_SYNCHRONOUS), KERN_SUCCESS, "PGR0090 mach_vm_msync");
	tap(P.syncs == n + 1 && P.returns == returns + 1 && P.saved[1] == 60,
	    "PGR0091 sends the changed page and memory_object_synchronize, and waits for the pager");
	P.sync_confirmed = false;
	pthread_create(&a.t, NULL, sync_body, &a);
	reaches(&P.syncs, n + 2);
	usleep(20000);
	tap(!a.done, "PGR0092 it waits as long as the pager does not confirm");
	tap_result(memory_object_synchronize_completed(P.control, 0, PAGE), KERN_INVALID_ARGUMENT, "PGR0093 another range is not that");
	tap_result(memory_object_synchronize_completed(P.control, PAGE, PAGE), KERN_SUCCESS, "PGR0094 this is");
	end(&a);
	tap(a.kr == KERN_SUCCESS, "PGR0095 and ends the wait");
	set_limit(LIMIT_MS);
	tap_result(mach_vm_msync(self, at, PAGE, VM_SYNC_SYNCHRONOUS), KERN_MEMORY_ERROR, "PGR0096 a pager that never confirms is not waited for for ever");
	set_limit(20000);
	P.sync_confirmed = true;
	n = P.requests;
	tap(has_word(at, WORD(0)) && mach_vm_msync(self, at, PAGE, VM_SYNC_SYNCHRONOUS | VM_SYNC_INVALIDATE) == KERN_SUCCESS &&
		    has_word(at, WORD(0)) && P.requests == n + 2,
	    "PGR0097 VM_SYNC_INVALIDATE drops the page too");
	finish(at);
}

/* VM_SYNC_INVALIDATE and nothing else. */
static void discards(void)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE);
	unsigned returns = P.returns, n = P.syncs;

	*(volatile uint64_t *)at = 70;
	tap_result(mach_vm_msync(self, at, PAGE, VM_SYNC_INVALIDATE), KERN_SUCCESS, "PGR0098 VM_SYNC_INVALIDATE alone");
	tap(has_word(at, WORD(0)) && P.returns == returns && P.syncs == n, "PGR0099 drops what was changed, and does not return it");
	P.script[1] = PRECIOUS;
	tap(has_word(at + PAGE, WORD(1)) && mach_vm_msync(self, at, 2 * PAGE, VM_SYNC_INVALIDATE) == KERN_SUCCESS &&
		    reaches(&P.returns, returns + 1) && P.offset == PAGE && P.word == WORD(1),
	    "PGR0209 but for precious pages");
	*(volatile uint64_t *)at = 72;
	returns = P.returns;
	(void)mach_vm_protect(self, at, PAGE, FALSE, VM_PROT_READ);
	tap(mach_vm_msync(self, at, PAGE, VM_SYNC_INVALIDATE) == KERN_SUCCESS && reaches(&P.returns, returns + 1) && P.saved[0] == 72,
	    "PGR0210 who may not write memory cannot undo what others wrote: it is returned");
	finish(at);
}

static void cache(void)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, TRUE);
	unsigned n, terminates = P.terminates, inits = P.inits;

	*(volatile uint64_t *)at = 5;
	mach_vm_deallocate(self, at, PAGES * PAGE);
	usleep(50000);
	n = P.requests;
	at = map_whole();
	tap(has_word(at, 5) && P.requests == n && P.terminates == terminates && P.inits == inits,
	    "PGR0100 an object that may be cached keeps its pages while nobody maps it");
	mach_vm_deallocate(self, at, PAGES * PAGE);
	tap_result(set_attributes(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE), KERN_SUCCESS, "PGR0101 uncached, it ends at once");
	tap(reaches(&P.terminates, terminates + 1) && P.saved[0] == 5, "PGR0102 after its changes were returned");
	release(P.control);
	release(P.name);
	end_port(P.port);
	at = fresh(MEMORY_OBJECT_COPY_TEMPORARY, PAGE, FALSE);
	n = P.returns;
	*(volatile uint64_t *)at = 5;
	finish(at);
	tap(P.returns == n, "PGR0103 a temporary object's changes are not returned");
}

static void copies(void)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE), word = 5;
	mach_msg_type_number_t size;
	vm_offset_t data, later;
	mach_vm_address_t private;
	unsigned n = P.requests;

	*(volatile uint64_t *)(at + PAGE) = 11;
	n = P.requests;
	tap(mach_vm_read(self, at, 16 * PAGE, &data, &size) == KERN_SUCCESS && P.requests == n,
	    "PGR0110 a copy of a pager's memory in a message asks for no page");
	*(volatile uint64_t *)(at + PAGE) = 12;
	*(volatile uint64_t *)(at + 2 * PAGE) = 13;
	tap(has_word(data + PAGE, 11), "PGR0111 it keeps a page that is changed here later");
	tap(has_word(data + 2 * PAGE, WORD(2)), "PGR0112 also one that was not here when it was made");
	tap(has_word(data + 3 * PAGE, WORD(3)) && has_word(at + PAGE, 12), "PGR0113 and reads others through the original");
	tap(mach_vm_read(self, at, 16 * PAGE, &later, &size) == KERN_SUCCESS, "PGR0114 a second copy");
	*(volatile uint64_t *)(at + PAGE) = 14;
	tap(has_word(later + PAGE, 12) && has_word(data + PAGE, 11) && has_word(data + 4 * PAGE, WORD(4)),
	    "PGR0115 differs from the first where the original changed between them");
	*(volatile uint64_t *)(data + PAGE) = 15;
	tap(has_word(later + PAGE, 12) && has_word(at + PAGE, 14) && has_word(data + PAGE, 15), "PGR0116 each copy is its owner's");
	n = P.returns;
	tap(map_at(&private, 0, 8 * PAGE, TRUE) == KERN_SUCCESS && (*(volatile uint64_t *)(private + 5 * PAGE) = 16) != 0 &&
		    has_word(at + 5 * PAGE, WORD(5)) && has_word(private + 2 * PAGE, 13),
	    "PGR0117 a private mapping sees the object and keeps its writes");
	mach_vm_deallocate(self, private, 8 * PAGE);
	n = P.requests;
	tap(mlock((void *)(uintptr_t)(at + 6 * PAGE), PAGE) == 0 && P.requests == n + 1 && has_word(at + 6 * PAGE, WORD(6)) &&
		    lock(6 * PAGE, PAGE, MEMORY_OBJECT_RETURN_NONE, TRUE, VM_PROT_NO_CHANGE) == KERN_SUCCESS &&
		    has_word(at + 6 * PAGE, WORD(6)) && P.requests == n + 1,
	    "PGR0118 a page of it can be wired, and is not dropped then");
	mach_vm_deallocate(self, data, 16 * PAGE);
	mach_vm_deallocate(self, later, 16 * PAGE);
	finish(at);

	at = fresh(MEMORY_OBJECT_COPY_NONE, PAGE, FALSE);
	n = P.requests;
	tap(mach_vm_read(self, at, 8 * PAGE, &data, &size) == KERN_SUCCESS && P.requests == n + 8 && has_word(data + 7 * PAGE, WORD(7)),
	    "PGR0120 with COPY_NONE all is read at once");
	mach_vm_deallocate(self, data, 8 * PAGE);
	P.script[9] = ERROR;
	tap_result(mach_vm_read(self, at, 16 * PAGE, &data, &size), KERN_MEMORY_ERROR, "PGR0121 and an error of the pager is the copy's");
	finish(at);

	at = fresh(MEMORY_OBJECT_COPY_CALL, PAGE, FALSE);
	*(volatile uint64_t *)(at + 3 * PAGE) = 21;
	n = P.copies;
	tap(mach_vm_read(self, at, 8 * PAGE, &data, &size) == KERN_SUCCESS && reaches(&P.copies, n + 1) && P.offset == 0 &&
		    P.length == 8 * PAGE,
	    "PGR0122 with COPY_CALL the pager hears memory_object_copy and gets the copy's port");
	*(volatile uint64_t *)(at + 3 * PAGE) = 22;
	tap(has_word(data + 3 * PAGE, 21), "PGR0123 a page that is here is copied before it changes");
	tap(read_word(data + 4 * PAGE, &word) == KERN_MEMORY_FAILURE, "PGR0124 the rest dies with the copy's port");
	mach_vm_deallocate(self, data, 8 * PAGE);
	finish(at);
}

static void *fault_body(void *arg)
{
	struct access *a = arg;

	a->thread = mach_thread_self();
	a->word = *(volatile uint64_t *)a->at;
	a->done = 1;
	return NULL;
}

static void deaths(void)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE), word;
	mach_msg_type_number_t size;
	struct access a[3];
	vm_offset_t data;
	unsigned n;

	tap(has_word(at, WORD(0)) && mach_vm_read(self, at, 16 * PAGE, &data, &size) == KERN_SUCCESS, "PGR0130 a copy is made");
	P.script[1] = P.script[2] = SILENT;
	begin(&a[0], at + PAGE);
	begin(&a[1], data + 2 * PAGE);
	usleep(50000);
	mach_port_mod_refs(self, P.port, MACH_PORT_RIGHT_RECEIVE, -1);
	end(&a[0]);
	end(&a[1]);
	tap(a[0].kr == KERN_MEMORY_FAILURE && a[1].kr == KERN_MEMORY_FAILURE,
	    "PGR0131 who waits when the pager's port dies fails, with the memory and with a copy of it");
	tap(has_word(at, WORD(0)) && has_word(data, WORD(0)), "PGR0132 pages that are here stay");
	tap_result(read_word(at + 3 * PAGE, &word), KERN_MEMORY_FAILURE, "PGR0133 the others are gone");
	tap_result(read_word(data + 3 * PAGE, &word), KERN_MEMORY_FAILURE, "PGR0134 for the copy's owner too, who survives");
	tap(mach_vm_deallocate(self, data, 16 * PAGE) == KERN_SUCCESS && mach_vm_deallocate(self, at, PAGES * PAGE) == KERN_SUCCESS,
	    "PGR0135 all can be unmapped");
	release(P.control);
	release(P.name);
	mach_port_deallocate(self, P.port);

	at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE);
	tap(has_word(at, WORD(0)), "PGR0140 a page of an object");
	P.script[1] = SILENT;
	begin(&a[0], at + PAGE);
	usleep(50000);
	n = P.terminates;
	tap_result(memory_object_destroy(P.control, KERN_FAILURE), KERN_SUCCESS, "PGR0141 memory_object_destroy");
	end(&a[0]);
	tap(reaches(&P.terminates, n + 1) && a[0].kr == KERN_MEMORY_FAILURE, "PGR0142 ends the waits and says memory_object_terminate");
	tap_result(read_word(at + 4 * PAGE, &word), KERN_MEMORY_FAILURE, "PGR0143 nothing more is asked");
	tap(has_word(at, WORD(0)), "PGR0144 and what is here stays");
	mach_vm_deallocate(self, at, PAGES * PAGE);
	release(P.control);
	release(P.name);
	end_port(P.port);

	at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE);
	P.script[1] = SILENT;
	a[2] = (struct access){ .at = at + PAGE };
	pthread_create(&a[2].t, NULL, fault_body, &a[2]);
	n = P.requests;
	while (a[2].thread == MACH_PORT_NULL)
		usleep(1000);
	usleep(50000);
	tap(!a[2].done, "PGR0145 a thread faults and waits");
	tap_result(thread_abort(a[2].thread), KERN_SUCCESS, "PGR0146 thread_abort gets it out; it faults again");
	usleep(20000);
	supply(PAGE, PAGE, 99, VM_PROT_NONE, FALSE);
	end(&a[2]);
	tap(a[2].word == 99, "PGR0147 and goes on when the page comes");
	finish(at);
}

/* A fault that fails is an exception: the handler is a port of this task, and the thread is ended. */
static void exceptions(void)
{
	uint64_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE);
	struct {
		mach_msg_header_t h;
		mach_msg_body_t body;
		mach_msg_port_descriptor_t thread, task;
		int exception;
		uint32_t count;
		int64_t codes[2];
		char rest[256];
	} m;
	struct access a = { .at = at + PAGE };
	mach_port_t handler;
	kern_return_t kr;

	mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &handler);
	mach_port_insert_right(self, handler, handler, MACH_MSG_TYPE_MAKE_SEND);
	P.script[1] = ERROR;
	if (task_set_exception_ports(self, EXC_MASK_BAD_ACCESS, handler, EXCEPTION_DEFAULT | MACH_EXCEPTION_CODES, 0) != KERN_SUCCESS)
		abort();
	pthread_create(&a.t, NULL, fault_body, &a);
	kr = mach_msg(&m.h, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), handler, 10000, MACH_PORT_NULL);
	tap(kr == KERN_SUCCESS && m.exception == EXC_BAD_ACCESS, "PGR0150 a fault that the pager fails is EXC_BAD_ACCESS");
	tap(m.codes[0] == KERN_MEMORY_ERROR && (uint64_t)m.codes[1] == at + PAGE, "PGR0151 with KERN_MEMORY_ERROR and the address");
	P.script[1] = GOOD;
	m.h.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
	m.h.msgh_size = sizeof(mig_reply_error_t);
	m.h.msgh_local_port = MACH_PORT_NULL;
	m.h.msgh_id += 100;
	((mig_reply_error_t *)&m)->RetCode = KERN_SUCCESS;
	release(m.thread.name);
	release(m.task.name);
	mach_msg(&m.h, MACH_SEND_MSG, m.h.msgh_size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
	pthread_join(a.t, NULL);
	tap(a.word == WORD(1), "PGR0152 which its handler may repair");
	release(a.thread);
	task_set_exception_ports(self, EXC_MASK_BAD_ACCESS, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0);
	end_port(handler);
	finish(at);
}

/* ---- the library ---- */

static uint64_t kept;

static kern_return_t lib_read(struct pager_object *o, uint64_t offset, uint32_t length, void *buffer, vm_prot_t *lock)
{
	if (offset == 3 * PAGE)
		return KERN_FAILURE;
	if (offset == 4 * PAGE)
		return PAGER_ZERO;
	for (uint64_t i = 0; i < length; i += PAGE)
		*(uint64_t *)((char *)buffer + i) = WORD((offset + i) / PAGE);
	return KERN_SUCCESS;
}

static kern_return_t lib_write(struct pager_object *o, uint64_t offset, uint32_t length, const void *bytes)
{
	kept = *(const uint64_t *)bytes;
	return KERN_SUCCESS;
}

/* A memory object's pages under a name of the kernel's, for who is not to have the pager's port. */
static void named(mach_port_t object)
{
	mach_port_t host = mach_host_self(), entry = MACH_PORT_NULL, fresh = MACH_PORT_NULL, none;
	mach_vm_address_t at = 0;

	tap_result(mach_memory_object_memory_entry_64(host, FALSE, 8 * PAGE, VM_PROT_READ, object, &entry), KERN_SUCCESS, "PGR0200 an entry of a memory object");
	tap(mach_vm_map(self, &at, 2 * PAGE, 0, VM_FLAGS_ANYWHERE, entry, PAGE, FALSE, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_NONE) == KERN_SUCCESS &&
	    *(volatile uint64_t *)at == 123, "PGR0201 which is mapped as what it names");
	(void)mach_vm_deallocate(self, at, 2 * PAGE);
	tap(mach_vm_map(self, &at, PAGE, 0, VM_FLAGS_ANYWHERE, entry, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT, VM_INHERIT_NONE) == KERN_INVALID_RIGHT,
	    "PGR0202 with no more rights than it has");
	tap_result(mach_memory_object_memory_entry(host, TRUE, 2 * PAGE, VM_PROT_DEFAULT, MACH_PORT_NULL, &fresh), KERN_SUCCESS, "PGR0203 internal, without a pager");
	at = 0;
	tap(mach_vm_map(self, &at, 2 * PAGE, 0, VM_FLAGS_ANYWHERE, fresh, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT, VM_INHERIT_NONE) == KERN_SUCCESS &&
	    has_word(at, 0), "PGR0204 it is new memory");
	(void)mach_vm_deallocate(self, at, 2 * PAGE);
	tap_result(mach_memory_object_memory_entry_64(self, FALSE, PAGE, VM_PROT_READ, object, &none), KERN_INVALID_HOST, "PGR0205 a task is no host");
	tap(mach_memory_object_memory_entry_64(host, FALSE, 0, VM_PROT_READ, object, &none) == KERN_INVALID_ARGUMENT &&
	    mach_memory_object_memory_entry_64(host, FALSE, 1ull << 60, VM_PROT_READ, object, &none) == KERN_INVALID_ARGUMENT, "PGR0206 it has a size that can be");
	tap(mach_memory_object_memory_entry_64(host, FALSE, PAGE, VM_PROT_NONE, object, &none) == KERN_INVALID_ARGUMENT &&
	    mach_memory_object_memory_entry_64(host, FALSE, PAGE, 0x100, object, &none) == KERN_INVALID_ARGUMENT, "PGR0207 and a protection");
	tap(mach_memory_object_memory_entry_64(host, FALSE, PAGE, VM_PROT_READ, MACH_PORT_NULL, &none) == KERN_INVALID_ARGUMENT &&
	    mach_memory_object_memory_entry(host, FALSE, PAGE, VM_PROT_READ, self, &none) == KERN_INVALID_ARGUMENT, "PGR0208 and a pager, which no kernel object is");
	release(entry);
	release(fresh);
	release(host);
}

static void library(void)
{
	static const struct pager_ops ops = { .read = lib_read, .write = lib_write }, constant = { .read = lib_read };
	const struct pager_attributes large = { MEMORY_OBJECT_COPY_DELAY, 16 * PAGE, FALSE, 5000 };
	struct pager_object *o, *c;
	mach_vm_address_t at = 0, read_only = 0;
	struct pager *pager;
	uint64_t word = 1;

	tap(pager_create(&pager) == KERN_SUCCESS && pager_start(pager) == KERN_SUCCESS &&
		    pager_object_create(pager, &ops, 8 * PAGE, NULL, NULL, &o) == KERN_SUCCESS &&
		    pager_object_create(pager, &constant, 40 * PAGE, NULL, &large, &c) == KERN_SUCCESS,
	    "PGR0160 a pager of the library with two objects");
	tap(mach_vm_map(self, &at, 16 * PAGE, 0, VM_FLAGS_ANYWHERE, pager_object_port(o), 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT,
			VM_INHERIT_NONE) == KERN_SUCCESS && has_word(at + PAGE, WORD(1)) && has_word(at + 4 * PAGE, 0),
	    "PGR0161 its pages are what its function says");
	tap(read_word(at + 3 * PAGE, &word) == KERN_MEMORY_ERROR && read_word(at + 8 * PAGE, &word) == KERN_MEMORY_ERROR,
	    "PGR0162 errors and what lies beyond its end fail");
	*(volatile uint64_t *)(at + PAGE) = 123;
	tap(mach_vm_msync(self, at, 16 * PAGE, VM_SYNC_SYNCHRONOUS) == KERN_SUCCESS && kept == 123, "PGR0163 changes reach its other function");
	tap(mach_vm_map(self, &read_only, 40 * PAGE, 0, VM_FLAGS_ANYWHERE, pager_object_port(c), 0, FALSE, VM_PROT_DEFAULT,
			VM_PROT_DEFAULT, VM_INHERIT_NONE) == KERN_SUCCESS && has_word(read_only + 33 * PAGE, WORD(33)) &&
		    has_word(read_only + 39 * PAGE, WORD(39)),
	    "PGR0164 clusters, the last one shorter");
	tap_result(mach_vm_write(self, read_only + 33 * PAGE, (vm_offset_t)&word, 8), KERN_MEMORY_ERROR,
		   "PGR0165 an object without a write function cannot be written");
	named(pager_object_port(o));
	mach_vm_deallocate(self, at, 16 * PAGE);
	mach_vm_deallocate(self, read_only, 40 * PAGE);
	usleep(50000);
	pager_object_destroy(o);
	pager_object_destroy(c);
}

int main(void)
{
	mach_port_t set;
	unsigned names;
	pthread_t t;

	self = mach_task_self();
	if (mach_port_allocate(self, MACH_PORT_RIGHT_PORT_SET, &set) != KERN_SUCCESS)
		abort();
	P.set = set;
	P.replies = new_port(P.set);
	if (pthread_create(&t, NULL, serve, NULL) != 0)
		abort();
	scripts(); /* what libraries make on first use is made */
	(void)mach_host_self(); /* the library keeps its name */
	names = tap_names();
	first_steps();
	attributes();
	receive_rights_as_replies();
	scripts();
	clusters();
	regions();
	locks();
	syncs();
	discards();
	cache();
	copies();
	deaths();
	exceptions();
	usleep(100 * 1000);
	tap(tap_names() == names, "PGR0170 no right is left over (%u names, %u before)", tap_names(), names);
	library();
	return tap_done();
}
