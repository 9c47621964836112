/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remote_pager.c - the memory object protocol between nodes: the pager is this program, on node SELF; its object is mapped on node OTHER, in
 * tasks there. Each message in both directions, the errors, and the end. Prints TAP.
 *
 *   remote_pager SELF OTHER   only on node SELF; OTHER has a peer
 */
#include "node.h"

#include <device/device_types.h>
#include <mach/device.h>
#include <mach/host_priv.h>
#include <mach/memory_object_server.h>
#include <pthread.h>
#include <tests/peer.h>

#define PAGE 4096ull
#define PAGES 64ull
#define WORD(page) (5000 + (page))
#define READERS 40u

enum { ERROR_PAGE = 20, HOLE_PAGE = 21, SILENT_PAGE = 22, LOCKED_PAGE = 23 };

static mach_port_t self, peer, task, thread, host;

/* The pager, as the rest sees it while it works. */
static volatile struct {
	mach_port_t set, port, replies, control, name, copy; /* copy: the memory object of a copy by MEMORY_OBJECT_COPY_CALL */
	unsigned inits, terminates, requests, unlocks, returns, syncs, locked, supplied, changed, copies, copies_ended;
	uint64_t offset, length, word; /* of the last request, unlock or return */
	uint64_t saved[PAGES];
	bool received, plain; /* the last memory_object_terminate's rights were receive rights; no page is odd */
	unsigned pause_ms;    /* before the next request is looked at */
	kern_return_t result;
} P;

static void drop(mach_port_t right)
{
	if (right != MACH_PORT_NULL)
		(void)mach_port_deallocate(self, right);
}

static void supply(mach_port_t control, uint64_t offset, uint64_t length, vm_prot_t lock)
{
	static char bytes[16 * PAGE] __attribute__((aligned(4096)));

	for (uint64_t at = 0; at < length; at += PAGE) {
		uint64_t page = (offset + at) / PAGE;

		*(uint64_t *)(bytes + at) = P.saved[page] != 0 ? P.saved[page] : WORD(page);
	}
	(void)memory_object_data_supply(control, offset, (vm_offset_t)bytes, (uint32_t)length, FALSE, lock, FALSE, P.replies,
					MACH_MSG_TYPE_MAKE_SEND_ONCE);
}

static kern_return_t init(memory_object_t o, mach_port_t control, mach_port_t name, memory_object_cluster_size_t page_size)
{
	if (o == P.copy) {
		(void)memory_object_ready(control, FALSE, MEMORY_OBJECT_COPY_NONE);
		drop(control);
		drop(name);
		return KERN_SUCCESS;
	}
	P.control = control;
	P.name = name;
	P.inits++;
	return KERN_SUCCESS;
}

/* Is port one that we can receive from, as from any? Its receive right goes. */
static bool received_one(mach_port_t port)
{
	struct {
		mach_msg_header_t head;
		mach_msg_max_trailer_t trailer;
	} m = { .head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0), .msgh_size = sizeof(m.head), .msgh_remote_port = port,
			  .msgh_id = 4711 } };
	mach_msg_return_t mr = mach_msg(&m.head, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT, sizeof(m.head), sizeof(m), port, 20000,
					MACH_PORT_NULL);

	return mr == MACH_MSG_SUCCESS && m.head.msgh_id == 4711 && mach_port_mod_refs(self, port, MACH_PORT_RIGHT_RECEIVE, -1) == KERN_SUCCESS;
}

static kern_return_t terminate(memory_object_t o, mach_port_t control, mach_port_t name)
{
	P.received = received_one(control);
	P.received = received_one(name) && P.received;
	if (o == P.copy) {
		(void)mach_port_mod_refs(self, o, MACH_PORT_RIGHT_RECEIVE, -1);
		P.copy = MACH_PORT_NULL;
		P.copies_ended++;
	} else {
		P.terminates++;
	}
	return KERN_SUCCESS;
}

static kern_return_t request(memory_object_t o, mach_port_t control, memory_object_offset_t offset, memory_object_cluster_size_t length,
			     vm_prot_t access)
{
	unsigned pause = P.pause_ms;

	P.pause_ms = 0;
	node_sleep_ms(pause);
	P.offset = offset;
	P.length = length;
	P.requests++;
	switch (P.plain ? 0 : offset / PAGE) {
	case ERROR_PAGE:
		(void)memory_object_data_error(control, offset, length, KERN_FAILURE);
		break;
	case HOLE_PAGE:
		(void)memory_object_data_unavailable(control, offset, length);
		break;
	case SILENT_PAGE:
		break;
	default:
		supply(control, offset, length, !P.plain && offset / PAGE == LOCKED_PAGE ? VM_PROT_WRITE : VM_PROT_NONE);
	}
	drop(control);
	return KERN_SUCCESS;
}

static kern_return_t unlock(memory_object_t o, mach_port_t control, memory_object_offset_t offset, memory_object_size_t length, vm_prot_t access)
{
	P.unlocks++;
	(void)memory_object_lock_request(control, offset, length, MEMORY_OBJECT_RETURN_NONE, FALSE, VM_PROT_NONE, MACH_PORT_NULL,
					 MACH_MSG_TYPE_MAKE_SEND_ONCE);
	drop(control);
	return KERN_SUCCESS;
}

static kern_return_t data_return(memory_object_t o, mach_port_t control, memory_object_offset_t offset, vm_offset_t data,
				 mach_msg_type_number_t size, boolean_t dirty, boolean_t kernel_copy)
{
	P.offset = offset;
	P.length = size;
	for (uint64_t at = 0; at < size && (offset + at) / PAGE < PAGES; at += PAGE)
		P.saved[(offset + at) / PAGE] = *(uint64_t *)(data + at);
	P.word = *(uint64_t *)data;
	P.returns++;
	(void)mach_vm_deallocate(self, data, size);
	drop(control);
	return KERN_SUCCESS;
}

static kern_return_t synchronize(memory_object_t o, mach_port_t control, memory_object_offset_t offset, memory_object_size_t length,
				 vm_sync_t flags)
{
	P.syncs++;
	(void)memory_object_synchronize_completed(control, offset, length);
	drop(control);
	return KERN_SUCCESS;
}

static kern_return_t lock_completed(mach_port_t reply, mach_port_t control, memory_object_offset_t offset,
				    memory_object_size_t length)
{
	P.locked++;
	drop(control);
	return KERN_SUCCESS;
}

static kern_return_t supply_completed(mach_port_t reply, mach_port_t control, memory_object_offset_t offset,
				      memory_object_size_t length, kern_return_t result, memory_object_offset_t error_offset)
{
	P.result = result;
	P.supplied++;
	drop(control);
	return KERN_SUCCESS;
}

static kern_return_t change_completed(mach_port_t reply, mach_port_t control, memory_object_flavor_t flavor)
{
	P.changed++;
	drop(control);
	return KERN_SUCCESS;
}

static kern_return_t copied(memory_object_t o, mach_port_t control, memory_object_offset_t offset, memory_object_size_t length, mach_port_t copy)
{
	(void)mach_port_move_member(self, copy, P.set);
	P.copy = copy;
	P.copies++;
	drop(control);
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

	return memory_object_demux(&ops, in, out);
}

static void *serve(void *unused)
{
	(void)mach_msg_server(demux, 1024, P.set, MACH_MSG_OPTION_NONE);
	return NULL;
}

static bool reaches(volatile unsigned *counter, unsigned n)
{
	for (int i = 0; i < 20000 && *counter < n; i++)
		node_sleep_ms(1);
	return *counter >= n;
}

static mach_port_t new_port(void)
{
	mach_port_t port = MACH_PORT_NULL;

	node_must(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &port), "a port");
	node_must(mach_port_insert_right(self, port, port, MACH_MSG_TYPE_MAKE_SEND), "a right to it");
	node_must(mach_port_move_member(self, port, P.set), "its set");
	return port;
}

/* ---- the other side: what tasks of the other node see ---- */

static kern_return_t map_there(mach_port_t there, boolean_t copy, mach_vm_address_t *at)
{
	*at = 0;
	return mach_vm_map(there, at, PAGES * PAGE, 0, VM_FLAGS_ANYWHERE, P.port, 0, copy, VM_PROT_DEFAULT, VM_PROT_ALL, VM_INHERIT_SHARE);
}

static kern_return_t look(mach_vm_address_t at, uint64_t *word)
{
	vm_offset_t data = 0;
	mach_msg_type_number_t count = 0;
	kern_return_t kr = mach_vm_read(task, at, 8, &data, &count);

	*word = 0;
	if (kr == KERN_SUCCESS) {
		memcpy(word, (void *)data, 8);
		(void)mach_vm_deallocate(self, data, count);
	}
	return kr;
}

static bool shows(mach_vm_address_t at, uint64_t wanted)
{
	uint64_t word;
	kern_return_t kr = look(at, &word);

	if (kr != KERN_SUCCESS || word != wanted)
		printf("# %s, %llu, not %llu\n", mach_error_string(kr), (unsigned long long)word, (unsigned long long)wanted);
	return kr == KERN_SUCCESS && word == wanted;
}

static kern_return_t store(mach_vm_address_t at, uint64_t word)
{
	return mach_vm_write(task, at, (vm_offset_t)&word, sizeof(word));
}

static kern_return_t attributes(memory_object_copy_strategy_t strategy, uint32_t cluster, boolean_t may_cache)
{
	memory_object_attr_info_data_t info = { strategy, cluster, may_cache, FALSE };

	return memory_object_change_attributes(P.control, MEMORY_OBJECT_ATTRIBUTE_INFO, (memory_object_info_t)&info,
					       MEMORY_OBJECT_ATTR_INFO_COUNT, P.replies, MACH_MSG_TYPE_MAKE_SEND_ONCE);
}

static kern_return_t limit(uint32_t ms)
{
	memory_object_timeout_info_data_t info = { ms };

	return memory_object_change_attributes(P.control, MEMORY_OBJECT_TIMEOUT_INFO, (memory_object_info_t)&info,
					       MEMORY_OBJECT_TIMEOUT_INFO_COUNT, MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE);
}

static mach_vm_address_t fresh(memory_object_copy_strategy_t strategy, uint32_t cluster, boolean_t may_cache)
{
	unsigned inits = P.inits;
	mach_vm_address_t at;

	for (unsigned i = 0; i < PAGES; i++)
		P.saved[i] = 0;
	P.port = new_port();
	node_must(map_there(task, FALSE, &at), "mach_vm_map there");
	if (!reaches(&P.inits, inits + 1))
		node_must(KERN_FAILURE, "memory_object_init");
	node_must(attributes(strategy, cluster, may_cache), "memory_object_change_attributes");
	return at;
}

static void unmap(mach_vm_address_t at, const char *what)
{
	unsigned n = P.terminates;

	(void)mach_vm_deallocate(task, at, PAGES * PAGE);
	tap(reaches(&P.terminates, n + 1) && P.received, "%s", what);
	drop(P.control);
	drop(P.name);
	drop(P.port);
	(void)mach_port_mod_refs(self, P.port, MACH_PORT_RIGHT_RECEIVE, -1);
}

static void both_ways(void)
{
	mach_vm_address_t at = fresh(MEMORY_OBJECT_COPY_DELAY, 16 * PAGE, FALSE);
	memory_object_attr_info_data_t info;
	mach_msg_type_number_t count = MEMORY_OBJECT_ATTR_INFO_COUNT;
	unsigned n;

	tap(reaches(&P.changed, 1), "RPAG0001 an object of ours is mapped on the other node, and hears memory_object_init and change_completed");
	tap(memory_object_get_attributes(P.control, MEMORY_OBJECT_ATTRIBUTE_INFO, (memory_object_info_t)&info, &count) == KERN_SUCCESS &&
		    info.cluster_size == 16 * PAGE && info.copy_strategy == MEMORY_OBJECT_COPY_DELAY,
	    "RPAG0002 the other node tells its attributes");
	n = P.requests;
	tap(shows(at + 5 * PAGE, WORD(5)) && P.requests == n + 1 && P.offset == 0 && P.length == 16 * PAGE,
	    "RPAG0003 a page there is asked of us, with its cluster, and supplied");
	tap(reaches(&P.supplied, 1) && P.result == KERN_SUCCESS, "RPAG0004 memory_object_supply_completed comes back");
	tap(shows(at + 15 * PAGE, WORD(15)) && P.requests == n + 1, "RPAG0005 all of the cluster is there");
	n = P.returns;
	tap(store(at + 5 * PAGE, 77) == KERN_SUCCESS && mach_vm_msync(task, at, PAGES * PAGE, VM_SYNC_SYNCHRONOUS) == KERN_SUCCESS &&
		    P.returns == n + 1 && P.saved[5] == 77 && P.syncs == 1,
	    "RPAG0006 mach_vm_msync brings a change here, and waits for memory_object_synchronize_completed");
	tap(store(at + 6 * PAGE, 78) == KERN_SUCCESS &&
		    memory_object_lock_request(P.control, 0, PAGES * PAGE, MEMORY_OBJECT_RETURN_DIRTY, TRUE, VM_PROT_NO_CHANGE, P.replies,
					       MACH_MSG_TYPE_MAKE_SEND_ONCE) == KERN_SUCCESS &&
		    reaches(&P.locked, 1) && P.saved[6] == 78,
	    "RPAG0007 memory_object_lock_request flushes it there; the change arrives before lock_completed");
	n = P.requests;
	tap(shows(at + 6 * PAGE, 78) && P.requests == n + 1, "RPAG0008 and it is asked for again");
	unmap(at, "RPAG0009 unmapped there, memory_object_terminate comes, and the receive rights of the control and the name port with it");
}

static void answers(void)
{
	mach_vm_address_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE);
	uint64_t word, before;

	tap_result(look(at + ERROR_PAGE * PAGE, &word), KERN_MEMORY_ERROR, "RPAG0020 memory_object_data_error fails the access there");
	tap(shows(at + HOLE_PAGE * PAGE, 0), "RPAG0021 memory_object_data_unavailable is zeros");
	tap_result(limit(300), KERN_SUCCESS, "RPAG0022 a time limit");
	before = node_now_ns();
	tap(look(at + SILENT_PAGE * PAGE, &word) == KERN_MEMORY_ERROR && node_now_ns() - before >= 300000000ull,
	    "RPAG0023 a silent pager fails the access when it is over");
	(void)limit(20000);
	tap(shows(at + LOCKED_PAGE * PAGE, WORD(LOCKED_PAGE)) && P.unlocks == 0 && store(at + LOCKED_PAGE * PAGE, 9) == KERN_SUCCESS && P.unlocks == 1,
	    "RPAG0024 a write to a page supplied locked asks memory_object_data_unlock");
	unmap(at, "RPAG0025 the end");
	tap(P.saved[LOCKED_PAGE] == 9, "RPAG0026 after the changed page");
}

/* mov (%rdi),%rax; inc %rax; mov %rax,8(%rdi); jmp itself. */
static const uint8_t code[] = { 0x48, 0x8b, 0x07, 0x48, 0xff, 0xc0, 0x48, 0x89, 0x47, 0x08, 0xeb, 0xfe };

/* A program there whose memory is here. */
static void a_program(void)
{
	mach_port_t child = MACH_PORT_NULL, its_thread = MACH_PORT_NULL, peers = task;
	mach_vm_address_t text = 0, at = 0;
	x86_thread_state64_t state = { .rflags = 0x202 };
	unsigned inits = P.inits, n;
	bool done = false;

	tap(task_create(task, NULL, 0, FALSE, &child) == KERN_SUCCESS && mach_vm_allocate(child, &text, PAGE, VM_FLAGS_ANYWHERE) == KERN_SUCCESS &&
		    mach_vm_write(child, text, (vm_offset_t)code, sizeof(code)) == KERN_SUCCESS &&
		    mach_vm_protect(child, text, PAGE, FALSE, VM_PROT_READ | VM_PROT_EXECUTE) == KERN_SUCCESS, "RPAG0030 a task there");
	task = child;
	P.port = new_port();
	tap(map_there(child, FALSE, &at) == KERN_SUCCESS && reaches(&P.inits, inits + 1) &&
		    memory_object_ready(P.control, FALSE, MEMORY_OBJECT_COPY_DELAY) == KERN_SUCCESS, "RPAG0031 our object in it");
	state.rip = text;
	state.rdi = at + 3 * PAGE;
	tap(thread_create(child, &its_thread) == KERN_SUCCESS &&
		    thread_set_state(its_thread, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT) == KERN_SUCCESS &&
		    thread_resume(its_thread) == KERN_SUCCESS, "RPAG0032 a thread that reads and writes it");
	for (int i = 0; i < 500 && !done; i++) {
		uint64_t word;

		done = look(at + 3 * PAGE + 8, &word) == KERN_SUCCESS && word == WORD(3) + 1;
		node_sleep_ms(10);
	}
	tap(done, "RPAG0033 its fault got our page, and it wrote to it");
	n = P.terminates;
	tap(task_terminate(child) == KERN_SUCCESS && reaches(&P.terminates, n + 1) && P.word == WORD(3), "RPAG0034 its end brings the page here");
	drop(its_thread);
	drop(child);
	task = peers;
	drop(P.control);
	drop(P.name);
	drop(P.port);
	(void)mach_port_mod_refs(self, P.port, MACH_PORT_RIGHT_RECEIVE, -1);
}

static void copies(void)
{
	static const memory_object_copy_strategy_t strategies[] = { MEMORY_OBJECT_COPY_DELAY, MEMORY_OBJECT_COPY_NONE, MEMORY_OBJECT_COPY_CALL,
								     MEMORY_OBJECT_COPY_TEMPORARY };
	static const char *const names[] = { "DELAY", "NONE", "CALL", "TEMPORARY" };

	P.plain = true;
	for (unsigned i = 0; i < 4; i++) {
		mach_vm_address_t at = fresh(strategies[i], 4 * PAGE, FALSE), copy = 0;
		kern_return_t kr;

		(void)shows(at, WORD(0));
		kr = map_there(task, TRUE, &copy);
		tap(kr == KERN_SUCCESS && store(at, 55) == KERN_SUCCESS && store(copy + PAGE, 66) == KERN_SUCCESS && shows(copy, WORD(0)) &&
			    shows(copy + PAGE, 66) && shows(copy + 2 * PAGE, WORD(2)) && shows(at + PAGE, WORD(1)) && shows(at, 55),
		    "RPAG0040 a copy there, with MEMORY_OBJECT_COPY_%s, is one", names[i]);
		if (strategies[i] == MEMORY_OBJECT_COPY_CALL)
			tap(P.copies == 1 && P.copy != MACH_PORT_NULL, "RPAG0042 which we page: its memory object came here, made there");
		(void)mach_vm_deallocate(task, copy, PAGES * PAGE);
		if (strategies[i] == MEMORY_OBJECT_COPY_CALL)
			tap(reaches(&P.copies_ended, 1) && P.received, "RPAG0043 until it ends");
		unmap(at, "RPAG0041 and it goes");
	}
	P.plain = false;
}

struct reader {
	mach_vm_address_t at;
	kern_return_t kr;
	pthread_t t;
};

static void *read_body(void *arg)
{
	struct reader *r = arg;
	uint64_t word;

	r->kr = look(r->at, &word);
	return NULL;
}

static void ends(void)
{
	mach_vm_address_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE);
	struct reader r = { .at = at + SILENT_PAGE * PAGE };
	unsigned n = P.requests;
	uint64_t word;

	(void)shows(at, WORD(0));
	tap_result(memory_object_destroy(P.control, KERN_FAILURE), KERN_SUCCESS, "RPAG0050 memory_object_destroy");
	tap(shows(at, WORD(0)) && look(at + PAGE, &word) == KERN_MEMORY_FAILURE, "RPAG0051 leaves what is there, and ends the rest");
	(void)mach_vm_deallocate(task, at, PAGES * PAGE);
	drop(P.control);
	drop(P.name);
	drop(P.port);
	(void)mach_port_mod_refs(self, P.port, MACH_PORT_RIGHT_RECEIVE, -1);
	/* the pager dies while somebody waits for it */
	at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE);
	(void)limit(60000);
	n = P.requests;
	r.at = at + SILENT_PAGE * PAGE;
	(void)pthread_create(&r.t, NULL, read_body, &r);
	(void)reaches(&P.requests, n + 1);
	(void)mach_port_mod_refs(self, P.port, MACH_PORT_RIGHT_RECEIVE, -1);
	(void)pthread_join(r.t, NULL);
	tap_result(r.kr, KERN_MEMORY_FAILURE, "RPAG0052 who waits when our port dies is told");
	(void)mach_vm_deallocate(task, at, PAGES * PAGE);
	drop(P.control);
	drop(P.name);
	drop(P.port);
	/* kept when nobody maps it */
	at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, TRUE);
	(void)shows(at + PAGE, WORD(1));
	n = P.requests;
	(void)mach_vm_deallocate(task, at, PAGES * PAGE);
	tap(map_there(task, FALSE, &at) == KERN_SUCCESS && shows(at + PAGE, WORD(1)) && P.requests == n, "RPAG0053 what may be cached there is");
	(void)attributes(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE);
	unmap(at, "RPAG0054 and is not, when it may not any more");
}

/* The other node's clock tells of a second from now. */
static mach_port_t alarm_there(void)
{
	mach_port_t clock = MACH_PORT_NULL, told = MACH_PORT_NULL;

	node_must(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &told), "a port");
	node_must(host_get_clock_service(host, SYSTEM_CLOCK, &clock), "host_get_clock_service");
	node_must(clock_alarm(clock, TIME_RELATIVE, (mach_timespec_t){ 1, 0 }, told), "clock_alarm");
	drop(clock);
	return told;
}

/* Threads that each read a page there: more than that kernel makes calls at a time. Our answers and its clock's come through. */
static void many_at_once(void)
{
	static struct reader readers[READERS];
	mach_vm_address_t at = fresh(MEMORY_OBJECT_COPY_DELAY, PAGE, FALSE);
	mach_port_t told;
	union {
		mach_msg_header_t head;
		char room[256];
	} m;
	unsigned good = 0, n = P.requests;
	bool first;

	P.plain = true;
	(void)limit(15000);
	told = alarm_there();
	P.pause_ms = 3000;
	for (unsigned i = 0; i < READERS; i++) {
		readers[i].at = at + i * PAGE;
		(void)pthread_create(&readers[i].t, NULL, read_body, &readers[i]);
	}
	first = mach_msg(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), told, 20000, MACH_PORT_NULL) == MACH_MSG_SUCCESS && P.requests == n;
	tap(first, "RPAG0057 while %u calls there wait for us its clock's alarm comes", READERS);
	for (unsigned i = 0; i < READERS; i++) {
		(void)pthread_join(readers[i].t, NULL);
		good += readers[i].kr == KERN_SUCCESS;
	}
	tap(good == READERS, "RPAG0058 and our answers get there: %u of them get their pages", good);
	P.plain = false;
	(void)mach_port_mod_refs(self, told, MACH_PORT_RIGHT_RECEIVE, -1);
	unmap(at, "RPAG0059 the end");
}

/* Memory of a device of this node, which no other can have. */
static void devices(void)
{
	mach_port_t control = MACH_PORT_NULL, master = MACH_PORT_NULL, device = MACH_PORT_NULL, memory = MACH_PORT_NULL;
	mach_vm_address_t at = 0;
	uint64_t word;

	tap(task_get_special_port(self, TASK_HOST_PORT, &control) == KERN_SUCCESS &&
		    host_get_special_port(control, HOST_LOCAL_NODE, HOST_IO_MASTER_PORT, &master) == KERN_SUCCESS &&
		    device_open(master, D_READ, "mem", &device) == D_SUCCESS &&
		    device_map(device, VM_PROT_READ, 0xf0000, PAGE, &memory, 0) == D_SUCCESS, "RPAG0055 device memory of this node");
	tap(mach_vm_map(task, &at, PAGE, 0, VM_FLAGS_ANYWHERE, memory, 0, FALSE, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_NONE) == KERN_SUCCESS &&
		    look(at, &word) == KERN_MEMORY_FAILURE, "RPAG0056 is no memory on another, which is told so");
	(void)mach_vm_deallocate(task, at, PAGE);
	drop(memory);
	(void)device_close(device);
	drop(device);
	drop(master);
	drop(control);
}

int main(int argc, char **argv)
{
	unsigned names;
	pthread_t t;

	if (argc != 3 || node_number() != (unsigned)atoi(argv[1]))
		return 0;
	self = mach_task_self();
	peer = node_find_peer((unsigned)atoi(argv[2]));
	tap_result(peer_objects(peer, &task, &thread, &host), KERN_SUCCESS, "RPAG0000 the other node's task");
	{
		mach_port_t set = MACH_PORT_NULL;

		node_must(mach_port_allocate(self, MACH_PORT_RIGHT_PORT_SET, &set), "a port set");
		P.set = set;
	}
	P.replies = new_port();
	if (pthread_create(&t, NULL, serve, NULL) != 0)
		return 1;
	both_ways();
	names = tap_names();
	answers();
	a_program();
	copies();
	ends();
	many_at_once();
	devices();
	for (int i = 0; i < 200 && tap_names() != names; i++)
		node_sleep_ms(10);
	tap(tap_names() == names, "RPAG0060 no right is left over (%u names, %u before)", tap_names(), names);
	return tap_done();
}
