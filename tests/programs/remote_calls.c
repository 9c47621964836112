/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remote_calls.c - the calls on a task, its threads and its host from another node, and flow control between nodes.
 * Prints TAP.
 *
 *   remote_calls SELF OTHER   only on node SELF; OTHER has a peer
 */
#define _GNU_SOURCE
#include "node.h"
#include "port_calls.h"

#include <mach/mach.h>
#include <mach/spawn.h>
#include <mach/thread_status.h>
#include <mach/zone_info.h>
#include <pthread.h>
#include <servers/bootstrap.h>
#include <tests/peer.h>

#define BIG (1u << 20)
#define QUEUE 5u       /* messages that a port takes */
#define CREDIT_MAX 64u /* more than a sender without a time limit may have on their way */

static mach_port_t peer, task, thread, host;
static unsigned self, other;

static uint64_t ms_since(uint64_t begun)
{
	return (node_now_ns() - begun) / 1000000;
}

static mach_port_t new_port(void)
{
	mach_port_t port = MACH_PORT_NULL;

	node_must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "a port");
	return port;
}

static void drop_port(mach_port_t port)
{
	node_must(mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1), "destroying a port");
}

static void free_memory(void *at, uint64_t bytes)
{
	node_must(mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)at, bytes), "deallocating");
}

/* ---- host ---- */

static void host_calls(void)
{
	host_node_info_data_t info = { 0 };
	mach_msg_type_number_t count = HOST_NODE_INFO_COUNT, names = 0, infos = 0;
	kernel_version_t version;
	vm_size_t page = 0;
	zone_name_t *name = NULL;
	zone_info_t *zone = NULL;
	bool found = false;

	tap_result(host_info(host, HOST_NODE_INFO, (host_info_t)&info, &count), KERN_SUCCESS, "REMOTE0001 host_info of the other node");
	tap((info.address & 255) == other && info.cpus > 0 && info.free_bytes > 0, "REMOTE0002 tells of the other node");
	tap(host_kernel_version(host, version) == KERN_SUCCESS && strncmp(version, "Meshach ", 8) == 0, "REMOTE0003 its kernel's name");
	tap(host_page_size(host, &page) == KERN_SUCCESS && page == 4096, "REMOTE0004 its page size");
	tap_result(host_zone_info(host, (void *)&name, &names, (void *)&zone, &infos), KERN_SUCCESS, "REMOTE0005 its zones, as memory");
	for (unsigned i = 0; i < names && names == infos; i++)
		found |= strstr(name[i].zn_name, "port") != NULL && zone[i].zi_count > 0;
	tap(found, "REMOTE0006 among them its ports");
	free_memory(name, names * sizeof(*name));
	free_memory(zone, infos * sizeof(*zone));
	count = 1;
	tap(host_info(host, HOST_NODE_INFO, (host_info_t)&info, &count) == KERN_FAILURE, "REMOTE0007 too little room is an error there as here");
}

/* ---- task and memory ---- */

/* Calls that bring something into the caller's memory: of a task elsewhere the library does them by messages. */
static void memory_into_mine(mach_vm_address_t there, const uint8_t *pattern, mach_vm_address_t none)
{
	mach_vm_read_entry_t list = { { there + 8192, 100 }, { there + 12288, 5000 } };
	mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
	vm_region_extended_info_data_t info = { 0 };
	mach_vm_address_t region = there;
	mach_vm_size_t size = 0, pages = 4;
	uint8_t bytes[300];
	int dispositions[4] = { 0 };
	mach_port_t name;

	tap_result(mach_vm_read_overwrite(task, there + 8190, sizeof(bytes), (mach_vm_address_t)(uintptr_t)bytes, &size), KERN_SUCCESS,
		   "REMOTE0220 mach_vm_read_overwrite");
	tap(size == sizeof(bytes) && memcmp(bytes, pattern + 8190, sizeof(bytes)) == 0, "REMOTE0221 brings the bytes here");
	tap(mach_vm_read_overwrite(task, none, 8, (mach_vm_address_t)(uintptr_t)bytes, &size) == KERN_INVALID_ADDRESS,
	    "REMOTE0222 unless nothing is there");
	tap_result(mach_vm_read_list(task, list, 2), KERN_SUCCESS, "REMOTE0223 mach_vm_read_list");
	tap(memcmp((void *)list[0].address, pattern + 8192, 100) == 0 && memcmp((void *)list[1].address, pattern + 12288, 5000) == 0,
	    "REMOTE0224 brings each range here");
	free_memory((void *)list[0].address, 100);
	free_memory((void *)list[1].address, 5000);
	tap_result(mach_vm_page_range_query(task, there, 4 * 4096, (mach_vm_address_t)(uintptr_t)dispositions, &pages), KERN_SUCCESS,
		   "REMOTE0225 mach_vm_page_range_query");
	tap(pages == 4 && (dispositions[3] & VM_PAGE_QUERY_PAGE_PRESENT), "REMOTE0226 tells of pages there");
	tap_result(mach_vm_region(task, &region, &size, VM_REGION_EXTENDED_INFO, (vm_region_info_t)&info, &count, &name), KERN_SUCCESS,
		   "REMOTE0227 mach_vm_region");
	tap(info.pages_resident > 0, "REMOTE0228 counts them");
	tap_result(mach_vm_behavior_set(task, there, 4096 * 4, VM_BEHAVIOR_SEQUENTIAL), KERN_SUCCESS, "REMOTE0229 mach_vm_behavior_set");
	tap_result(mach_vm_msync(task, there, 4096 * 4, VM_SYNC_SYNCHRONOUS), KERN_SUCCESS, "REMOTE0230 mach_vm_msync");
}

static void memory_calls(void)
{
	task_basic_info_64_data_t info = { 0 };
	mach_msg_type_number_t count = TASK_BASIC_INFO_64_COUNT, got = 0;
	mach_vm_address_t there = 0, at = 0, none = 0x10000;
	vm_offset_t back = 0;
	uint8_t *pattern;

	tap_result(task_info(task, TASK_BASIC_INFO_64, (task_info_t)&info, &count), KERN_SUCCESS, "REMOTE0010 task_info");
	tap(info.resident_size > 0 && info.virtual_size >= info.resident_size, "REMOTE0011 tells its size");
	node_must(mach_vm_allocate(mach_task_self(), &at, BIG, VM_FLAGS_ANYWHERE), "memory");
	pattern = (uint8_t *)at;
	node_pattern(pattern, BIG, 7);
	tap_result(mach_vm_allocate(task, &there, BIG, VM_FLAGS_ANYWHERE), KERN_SUCCESS, "REMOTE0012 memory is allocated there");
	tap_result(mach_vm_write(task, there, at, BIG), KERN_SUCCESS, "REMOTE0013 1 MiB is written there");
	tap_result(mach_vm_read(task, there, BIG, &back, &got), KERN_SUCCESS, "REMOTE0014 and read back");
	tap(got == BIG && memcmp((void *)back, pattern, BIG) == 0, "REMOTE0015 the same bytes");
	free_memory((void *)back, got);
	tap_result(mach_vm_write(task, there + 5, at + 3, 100), KERN_SUCCESS, "REMOTE0016 100 bytes at odd addresses");
	tap_result(mach_vm_read(task, there + 4, 102, &back, &got), KERN_SUCCESS, "REMOTE0017 are read back");
	tap(got == 102 && memcmp((uint8_t *)back + 1, pattern + 3, 100) == 0 && ((uint8_t *)back)[101] == pattern[105],
	    "REMOTE0018 and nothing beside them changed");
	free_memory((void *)back, got);
	tap_result(mach_vm_protect(task, there, 4096, 0, VM_PROT_READ), KERN_SUCCESS, "REMOTE0019 a page is made read-only");
	tap(mach_vm_write(task, there, at, 8) == KERN_PROTECTION_FAILURE, "REMOTE0020 a write there fails");
	tap(mach_vm_read(task, none, 8, &back, &got) == KERN_INVALID_ADDRESS, "REMOTE0021 so does a read where nothing is");
	memory_into_mine(there, pattern, none);
	tap_result(mach_vm_deallocate(task, there, BIG), KERN_SUCCESS, "REMOTE0022 the memory is given back");
	free_memory(pattern, BIG);
}

static void ports_there(mach_port_name_t chosen)
{
	mach_port_t mine = new_port(), right = MACH_PORT_NULL;
	mach_port_name_t name = MACH_PORT_NULL;
	mach_msg_type_name_t type = 0;
	mach_port_type_t kind = 0;

	tap_result(mach_port_allocate(task, MACH_PORT_RIGHT_RECEIVE, &name), KERN_SUCCESS, "REMOTE0030 a port in the other's space");
	tap_result(mach_port_extract_right(task, name, MACH_MSG_TYPE_MAKE_SEND, &right, &type), KERN_SUCCESS, "REMOTE0031 its right comes here");
	tap(node_send(right, MACH_MSG_TYPE_COPY_SEND, 9, MACH_PORT_NULL, 0, 1000) == MACH_MSG_SUCCESS, "REMOTE0032 a message goes there");
	tap_result(mach_port_destroy(task, name), KERN_SUCCESS, "REMOTE0033 it is destroyed from here");
	for (int i = 0; i < 100 && (kind & MACH_PORT_TYPE_DEAD_NAME) == 0; i++, node_sleep_ms(10))
		(void)mach_port_type(mach_task_self(), right, &kind);
	tap((kind & MACH_PORT_TYPE_DEAD_NAME) != 0, "REMOTE0034 the right is a dead name");
	(void)mach_port_deallocate(mach_task_self(), right);
	tap_result(mach_port_insert_right(task, chosen, mine, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS, "REMOTE0035 a right of ours under a chosen name there");
	tap_result(mach_port_extract_right(task, chosen, MACH_MSG_TYPE_COPY_SEND, &right, &type), KERN_SUCCESS, "REMOTE0036 and out again");
	tap(right == mine, "REMOTE0037 is our port");
	(void)mach_port_deallocate(mach_task_self(), right);
	(void)mach_port_deallocate(task, chosen);
	drop_port(mine);
}

/* ---- threads ---- */

static bool answered;

static void *tick(void *unused)
{
	(void)peer_tick(peer, 1, 0);
	__atomic_store_n(&answered, true, __ATOMIC_RELEASE);
	return NULL;
}

static void thread_calls(void)
{
	x86_thread_state64_t state = { 0 };
	mach_msg_type_number_t count = x86_THREAD_STATE64_COUNT, threads = 0, info_count = TASK_BASIC_INFO_64_COUNT;
	task_basic_info_64_data_t info = { 0 };
	mach_port_t *list = NULL;
	pthread_t caller;
	bool among = false;

	tap_result(task_threads(task, &list, &threads), KERN_SUCCESS, "REMOTE0040 the other task's threads");
	for (unsigned i = 0; i < threads; i++) {
		among |= list[i] == thread;
		(void)mach_port_deallocate(mach_task_self(), list[i]);
	}
	tap(threads >= 4 && among, "REMOTE0041 are %u, with the one known under its name", threads);
	free_memory(list, threads * sizeof(*list));
	tap_result(thread_suspend(thread), KERN_SUCCESS, "REMOTE0042 one is suspended");
	tap_result(thread_get_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, &count), KERN_SUCCESS, "REMOTE0043 its registers are read");
	tap(state.rip >= 0x400000 && state.rip < 0x800000 && state.rsp > state.rip, "REMOTE0044 they are a program's: rip %#lx",
	    (unsigned long)state.rip);
	tap_result(thread_resume(thread), KERN_SUCCESS, "REMOTE0045 it goes on");
	tap_result(task_suspend(task), KERN_SUCCESS, "REMOTE0046 the whole task is suspended");
	(void)pthread_create(&caller, NULL, tick, NULL);
	node_sleep_ms(300);
	tap(!__atomic_load_n(&answered, __ATOMIC_ACQUIRE), "REMOTE0047 and answers nobody");
	tap(task_info(task, TASK_BASIC_INFO_64, (task_info_t)&info, &info_count) == KERN_SUCCESS && info.suspend_count == 1,
	    "REMOTE0048 its suspend count is 1");
	tap_result(task_resume(task), KERN_SUCCESS, "REMOTE0049 it is resumed");
	(void)pthread_join(caller, NULL);
	tap(answered, "REMOTE0050 and answers");
	tap(task_resume(task) == KERN_FAILURE, "REMOTE0051 once more is an error");
}

/* ---- a program is started there ---- */

static void spawn(void)
{
	static const char *const arguments[] = { "peer", "b", NULL };
	mach_port_t out = new_port(), ended = new_port(), child = MACH_PORT_NULL, its_peer, its_task, its_thread, its_host, right[2];
	host_node_info_data_t info = { 0 };
	mach_msg_type_number_t bytes = 0, count = HOST_NODE_INFO_COUNT;
	uint8_t *image = NULL;
	const char *wrong = NULL;
	char name[32];
	mach_msg_return_t mr;
	union {
		mach_msg_header_t head;
		uint8_t room[8192];
		struct {
			mach_msg_header_t head;
			uint64_t id;
			int status;
		} exit;
	} m;

	for (int i = 0; i < 2; i++) {
		right[i] = i == 0 ? out : ended;
		node_must(mach_port_insert_right(mach_task_self(), right[i], right[i], MACH_MSG_TYPE_MAKE_SEND), "a right");
	}
	node_must(bootstrap_file(bootstrap_port, "bin/peer", &image, &bytes), "bootstrap_file");
	struct mach_spawn what = { .image = image, .bytes = bytes, .argv = arguments, .parent = task, .stdio = out, .exit = ended };

	tap_result(mach_spawn(&what, &child, &wrong), KERN_SUCCESS, "REMOTE0060 a program is started, child of a task of the other node");
	free_memory(image, bytes);
	(void)snprintf(name, sizeof(name), "peer/%ub", other);
	its_peer = node_find(name, 20);
	tap(its_peer != MACH_PORT_NULL && peer_tick(its_peer, 1, 0) == KERN_SUCCESS, "REMOTE0061 it runs and answers");
	tap(peer_objects(its_peer, &its_task, &its_thread, &its_host) == KERN_SUCCESS && its_task == child && its_host == host,
	    "REMOTE0062 its task is the one that was made, its host the other node");
	tap(host_info(its_host, HOST_NODE_INFO, (host_info_t)&info, &count) == KERN_SUCCESS && (info.address & 255) == other,
	    "REMOTE0063 which says so itself");
	/* A line may come in several messages. */
	do {
		memset(&m, 0, sizeof(m));
		mr = mach_msg(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), out, 5000, MACH_PORT_NULL);
	} while (mr == MACH_MSG_SUCCESS && memmem(m.room, sizeof(m), "serving", 7) == NULL);
	tap(mr == MACH_MSG_SUCCESS, "REMOTE0064 its output comes here");
	(void)peer_quit(its_peer, 7);
	tap(mach_msg(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), ended, 5000, MACH_PORT_NULL) == MACH_MSG_SUCCESS &&
	    memmem(m.room, m.head.msgh_size, &(int){ 7 << 8 }, sizeof(int)) != NULL, "REMOTE0065 and so does its exit status");
	(void)mach_port_deallocate(mach_task_self(), its_peer);
	(void)mach_port_deallocate(mach_task_self(), its_task);
	(void)mach_port_deallocate(mach_task_self(), its_thread);
	(void)mach_port_deallocate(mach_task_self(), its_host);
	(void)mach_port_deallocate(mach_task_self(), child);
	for (int i = 0; i < 2; i++) {
		(void)mach_port_deallocate(mach_task_self(), right[i]);
		drop_port(right[i]);
	}
}

/* ---- flow control ---- */

static mach_port_name_t queue_name;
static mach_port_t queue;

static mach_msg_id_t next(unsigned ms)
{
	mach_msg_id_t id = 0;
	natural_t number;
	int got;

	node_must(peer_receive(peer, queue_name, ms, &got, &id, &number), "peer_receive");
	return got == MACH_MSG_SUCCESS ? id : 0;
}

/* The queue has messages first .. last in order and no other. */
static bool drained(mach_msg_id_t first, mach_msg_id_t last)
{
	bool good = true;

	for (mach_msg_id_t id = first; id <= last; id++)
		good &= next(2000) == id;
	return good && next(200) == 0;
}

static mach_msg_return_t send_id(mach_msg_id_t id, unsigned ms)
{
	return node_send(queue, MACH_MSG_TYPE_COPY_SEND, id, MACH_PORT_NULL, 0, ms);
}

static bool fill(mach_msg_id_t first)
{
	for (unsigned i = 0; i < QUEUE; i++)
		if (send_id(first + (mach_msg_id_t)i, 0) != MACH_MSG_SUCCESS)
			return false;
	return true;
}

static struct {
	mach_port_t thread;
	unsigned sent;
	mach_msg_id_t first;
	mach_msg_option_t option;
	mach_msg_return_t result;
	bool done;
} sender;

/* Sends without a time limit until it fails, or CREDIT_MAX are sent. */
static void *send_many(void *unused)
{
	mach_msg_return_t mr = MACH_MSG_SUCCESS;

	sender.thread = mach_thread_self();
	for (unsigned i = 0; i < CREDIT_MAX && mr == MACH_MSG_SUCCESS; i++) {
		mach_msg_header_t head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0), .msgh_size = sizeof(head),
					   .msgh_remote_port = queue, .msgh_id = sender.first + (mach_msg_id_t)i };

		mr = mach_msg(&head, MACH_SEND_MSG | sender.option, sizeof(head), 0, MACH_PORT_NULL, 60000, MACH_PORT_NULL);
		__atomic_fetch_add(&sender.sent, mr == MACH_MSG_SUCCESS, __ATOMIC_SEQ_CST);
	}
	sender.result = mr;
	__atomic_store_n(&sender.done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static pthread_t start_sender(mach_msg_id_t first, mach_msg_option_t option)
{
	pthread_t made;

	memset(&sender, 0, sizeof(sender));
	sender.first = first;
	sender.option = option;
	node_must(pthread_create(&made, NULL, send_many, NULL) == 0 ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE, "pthread_create");
	node_sleep_ms(500);
	return made;
}

static void join(pthread_t made)
{
	(void)pthread_join(made, NULL);
	(void)mach_port_deallocate(mach_task_self(), sender.thread);
}

static void carried_right(void)
{
	mach_port_t mine = new_port();
	struct node_message m = { .head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX,
					    .msgh_size = sizeof(m), .msgh_remote_port = queue, .msgh_id = 99 },
				  .body = { 1 }, .right = { .name = mine, .disposition = MACH_MSG_TYPE_MOVE_SEND,
							    .type = MACH_MSG_PORT_DESCRIPTOR } };
	mach_port_urefs_t refs;

	node_must(mach_port_insert_right(mach_task_self(), mine, mine, MACH_MSG_TYPE_MAKE_SEND), "a right");
	tap(mach_msg(&m.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof(m), 0, MACH_PORT_NULL, 100, MACH_PORT_NULL) ==
	    MACH_SEND_TIMED_OUT, "REMOTE0074 a message with a right times out, too");
	refs = tap_refs(mine, MACH_PORT_RIGHT_SEND);
	tap(refs == 1 && m.right.name == mine, "REMOTE0075 and the right is the sender's again");
	(void)mach_port_deallocate(mach_task_self(), mine);
	drop_port(mine);
}

static void flow(void)
{
	uint64_t begun;
	unsigned sent;
	pthread_t made;
	mach_msg_type_name_t type;
	bool good;

	node_must(peer_make(peer, &queue_name), "peer_make");
	node_must(mach_port_extract_right(task, queue_name, MACH_MSG_TYPE_MAKE_SEND, &queue, &type), "extracting a right");
	tap(fill(1), "REMOTE0070 %u messages go without waiting", QUEUE);
	begun = node_now_ns();
	tap(send_id(6, 300) == MACH_SEND_TIMED_OUT, "REMOTE0071 the next one times out");
	tap(ms_since(begun) >= 300 && ms_since(begun) < 2000, "REMOTE0072 after its time: %lu ms", (unsigned long)ms_since(begun));
	tap(send_id(7, 0) == MACH_SEND_TIMED_OUT, "REMOTE0073 so does one that does not wait");
	carried_right();
	tap(drained(1, QUEUE), "REMOTE0076 what timed out was not delivered");
	tap(fill(11) && drained(11, 10 + QUEUE), "REMOTE0077 the queue takes %u again", QUEUE);

	made = start_sender(100, MACH_MSG_OPTION_NONE);
	sent = sender.sent;
	tap(!sender.done && sent >= QUEUE && sent < CREDIT_MAX, "REMOTE0080 a sender without a limit blocks, %u sent", sent);
	good = drained(100, 99 + (mach_msg_id_t)CREDIT_MAX);
	join(made);
	tap(good && sender.result == MACH_MSG_SUCCESS, "REMOTE0081 and goes on as its messages are received, in order");

	made = start_sender(200, MACH_SEND_TIMEOUT | MACH_SEND_INTERRUPT);
	tap(!sender.done && sender.sent == QUEUE, "REMOTE0082 one with a long limit blocks after %u", sender.sent);
	tap_result(thread_abort(sender.thread), KERN_SUCCESS, "REMOTE0083 it is aborted");
	join(made);
	tap(sender.result == MACH_SEND_INTERRUPTED, "REMOTE0084 and told so");
	tap(drained(200, 199 + QUEUE), "REMOTE0085 the aborted message was not delivered");

	made = start_sender(300, MACH_SEND_INTERRUPT);
	sent = sender.sent;
	tap_result(thread_abort(sender.thread), KERN_SUCCESS, "REMOTE0086 one without a limit is aborted");
	join(made);
	tap(sender.result == MACH_SEND_INTERRUPTED && drained(300, 299 + (mach_msg_id_t)sent),
	    "REMOTE0087 it is told, and what it had sent, %u, is delivered", sent);

	made = start_sender(400, MACH_SEND_TIMEOUT);
	tap_result(thread_abort(sender.thread), KERN_SUCCESS, "REMOTE0088 a sender that did not ask to know is aborted");
	node_sleep_ms(200);
	tap(!sender.done, "REMOTE0089 and sends again by itself");
	good = drained(400, 399 + (mach_msg_id_t)CREDIT_MAX);
	join(made);
	tap(good && sender.result == MACH_MSG_SUCCESS, "REMOTE0090 each message once and in order");
	(void)mach_port_destroy(task, queue_name);
	(void)mach_port_destroy(mach_task_self(), queue); /* each message that came back brought a reference */
}

/* ---- send-possible ---- */

static mach_port_t told;

/* A notification within ms: its id; 0: none. *name: of what. */
static mach_msg_id_t told_of(unsigned ms, mach_port_name_t *name)
{
	mach_dead_name_notification_t n;
	mach_msg_return_t mr = mach_msg(&n.not_header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(n), told, ms, MACH_PORT_NULL);

	*name = mr == MACH_MSG_SUCCESS ? n.not_port : MACH_PORT_NULL;
	return mr == MACH_MSG_SUCCESS ? n.not_header.msgh_id : 0;
}

static kern_return_t want_room(void)
{
	mach_port_t previous = MACH_PORT_NULL;

	return mach_port_request_notification(mach_task_self(), queue, MACH_NOTIFY_SEND_POSSIBLE, 0, told,
					      MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
}

static mach_msg_return_t try_send(mach_msg_id_t id)
{
	mach_msg_header_t head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0), .msgh_size = sizeof(head),
				   .msgh_remote_port = queue, .msgh_id = id };

	return mach_msg(&head, MACH_SEND_MSG | MACH_SEND_TIMEOUT | MACH_SEND_NOTIFY, sizeof(head), 0, MACH_PORT_NULL, 0,
			MACH_PORT_NULL);
}

static void send_possible(void)
{
	mach_msg_type_name_t type;
	mach_port_name_t name;
	mach_msg_id_t id;

	told = new_port();
	node_must(peer_make(peer, &queue_name), "peer_make");
	node_must(mach_port_extract_right(task, queue_name, MACH_MSG_TYPE_MAKE_SEND, &queue, &type), "extracting a right");
	node_must(fill(1) ? KERN_SUCCESS : KERN_FAILURE, "filling the queue");
	tap_result(want_room(), KERN_SUCCESS, "REMOTE0200 a send-possible request on another node's port");
	tap(told_of(300, &name) == 0, "REMOTE0201 nothing is told before a send found it full");
	tap(try_send(6) == MACH_SEND_TIMED_OUT, "REMOTE0202 a send with MACH_SEND_NOTIFY does");
	tap(told_of(500, &name) == 0, "REMOTE0203 nothing is told while it stays full");
	tap(next(2000) == 1, "REMOTE0204 the other node takes a message");
	id = told_of(5000, &name);
	tap(id == MACH_NOTIFY_SEND_POSSIBLE && name == queue, "REMOTE0205 that is told");
	tap(try_send(7) == MACH_MSG_SUCCESS, "REMOTE0206 and a message goes");
	tap(told_of(200, &name) == 0, "REMOTE0207 it is told once");
	tap_result(want_room(), KERN_SUCCESS, "REMOTE0210 another request");
	tap(try_send(8) == MACH_SEND_TIMED_OUT, "REMOTE0211 finds it full again");
	(void)mach_port_destroy(task, queue_name);
	id = told_of(5000, &name);
	tap(id == MACH_NOTIFY_DEAD_NAME && name == queue, "REMOTE0212 the port's death ends the wait as a dead name");
	(void)mach_port_destroy(mach_task_self(), queue);
	drop_port(told);
}

/* ---- receive rights stay on their node ---- */

/* A message to the other node with a send right and then a receive right, or arrays of them. */
static mach_msg_return_t send_receive_right(mach_port_t to, mach_port_t send, mach_port_t receive, bool arrays)
{
	struct {
		mach_msg_header_t head;
		mach_msg_body_t body;
		union {
			mach_msg_port_descriptor_t one[2];
			mach_msg_ool_ports_descriptor_t array[2];
		};
	} m = { .head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | MACH_MSGH_BITS_COMPLEX, .msgh_remote_port = to,
			  .msgh_id = 9 },
		.body = { 2 } };
	mach_port_name_t names[2] = { send, receive };
	static const mach_msg_type_name_t how[2] = { MACH_MSG_TYPE_MOVE_SEND, MACH_MSG_TYPE_MOVE_RECEIVE };

	for (int i = 0; i < 2; i++) {
		if (arrays)
			m.array[i] = (mach_msg_ool_ports_descriptor_t){ .address = &names[i], .count = 1, .disposition = (uint8_t)how[i],
									.copy = MACH_MSG_PHYSICAL_COPY,
									.type = MACH_MSG_OOL_PORTS_DESCRIPTOR };
		else
			m.one[i] = (mach_msg_port_descriptor_t){ .name = names[i], .disposition = (uint8_t)how[i],
								 .type = MACH_MSG_PORT_DESCRIPTOR };
	}
	return mach_msg(&m.head, MACH_SEND_MSG, (mach_msg_size_t)((char *)(arrays ? (void *)&m.array[2] : (void *)&m.one[2]) - (char *)&m),
			0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static void receive_rights(void)
{
	mach_port_t here = new_port(), once = MACH_PORT_NULL, previous = MACH_PORT_NULL, got_right = MACH_PORT_NULL, port;
	struct {
		mach_msg_header_t head;
		mach_msg_body_t body;
		mach_msg_port_descriptor_t right;
		uint8_t room[128];
	} notice;
	mach_msg_type_name_t type = 0;
	mach_port_type_t what = 0;
	mach_msg_id_t id = 0;
	natural_t number;
	kern_return_t kr;

	node_must(peer_make(peer, &queue_name), "peer_make");
	node_must(mach_port_extract_right(task, queue_name, MACH_MSG_TYPE_MAKE_SEND, &queue, &type), "extracting a right");
	for (int arrays = 0; arrays < 2; arrays++) {
		port = new_port();
		for (int i = 0; i < 2; i++)
			node_must(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND), "a right");
		tap(send_receive_right(queue, port, port, arrays != 0) == MACH_MSG_SUCCESS,
		    "REMOTE0320 a receive right goes to another node%s", arrays ? ", in an array too" : "");
		tap(mach_port_type(mach_task_self(), port, &what) == KERN_SUCCESS && what == MACH_PORT_TYPE_SEND,
		    "REMOTE0321 what is left is a send right");
		tap(next(2000) == 9, "REMOTE0322 it arrives, and is dropped there");
		for (int i = 0; i < 100 && what != MACH_PORT_TYPE_DEAD_NAME; i++) {
			node_sleep_ms(20);
			(void)mach_port_type(mach_task_self(), port, &what);
		}
		tap(what == MACH_PORT_TYPE_DEAD_NAME, "REMOTE0323 so the port is dead: %#x", (unsigned)what);
		node_must(mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_DEAD_NAME, -1), "a dead name");
	}
	port = mk_timer_create();
	tap(send_receive_right(queue, MACH_PORT_NULL, port, false) == MACH_SEND_INVALID_RIGHT, "REMOTE0324 a timer's does not");
	tap(mach_port_type(mach_task_self(), port, &what) == KERN_SUCCESS && (what & MACH_PORT_TYPE_RECEIVE) != 0,
	    "REMOTE0325 it stays");
	node_must(mk_timer_destroy(port), "its end");
	port = new_port();
	node_must(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND), "a right");
	node_must(node_send(port, MACH_MSG_TYPE_COPY_SEND, 4, MACH_PORT_NULL, 0, 0), "a message to itself");
	tap_result(mach_port_insert_right(task, 0x7700, port, MACH_MSG_TYPE_MOVE_RECEIVE), KERN_SUCCESS,
		   "REMOTE0326 mach_port_insert_right into another node's space");
	{
		int got = 0;

		node_must(peer_receive(peer, 0x7700, 2000, &got, &id, &number), "peer_receive");
		tap(got == MACH_MSG_SUCCESS && id == 4, "REMOTE0327 with its queue");
	}
	tap_result(mach_port_extract_right(task, 0x7700, MACH_MSG_TYPE_MOVE_RECEIVE, &got_right, &type), KERN_SUCCESS,
		   "REMOTE0328 mach_port_extract_right fetches it");
	tap(got_right == port && node_send(port, MACH_MSG_TYPE_COPY_SEND, 5, MACH_PORT_NULL, 0, 1000) == MACH_MSG_SUCCESS &&
		    node_receive(port, 2000, &id, &number) == MACH_MSG_SUCCESS && id == 5,
	    "REMOTE0329 back under its name, and it works");
	tap_result(mach_port_request_notification(task, queue_name, MACH_NOTIFY_PORT_DESTROYED, 0, here, MACH_MSG_TYPE_MAKE_SEND_ONCE,
						  &previous),
		   KERN_SUCCESS, "REMOTE0330 a dying port's right is asked for from another node");
	node_must(mach_port_extract_right(task, queue_name, MACH_MSG_TYPE_MAKE_SEND_ONCE, &once, &type), "a send-once right");
	(void)mach_port_destroy(task, queue_name);
	tap(mach_msg(&notice.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(notice), here, 5000, MACH_PORT_NULL) ==
			    MACH_MSG_SUCCESS && notice.head.msgh_id == MACH_NOTIFY_PORT_DESTROYED && notice.right.name == queue,
	    "REMOTE0331 it comes, and has the name of the send right");
	kr = mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_PORT_DESTROYED, 0, once,
					    MACH_MSG_TYPE_MOVE_SEND_ONCE, &previous);
	tap_result(kr, KERN_SUCCESS, "REMOTE0332 a port's right is asked for by a send-once right that came home with its port");
	(void)mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
	tap(node_receive(queue, 5000, &id, &number) == MACH_MSG_SUCCESS && id == MACH_NOTIFY_PORT_DESTROYED,
	    "REMOTE0333 and comes there");
	(void)mach_port_destroy(mach_task_self(), queue);
	(void)mach_port_destroy(mach_task_self(), port);
	drop_port(here);
}

/* ---- who sent it ---- */

struct with_sender {
	mach_msg_header_t head;
	mach_msg_audit_trailer_t trailer;
};

static mach_msg_return_t receive_sender(mach_port_t port, struct with_sender *m)
{
	union {
		struct with_sender m;
		uint8_t room[sizeof(struct with_sender) + 256];
	} u = { 0 };
	mach_msg_return_t mr = mach_msg(&u.m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_RCV_TRAILER_TYPE(MACH_MSG_TRAILER_FORMAT_0) |
						MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT),
					0, sizeof(u), port, 5000, MACH_PORT_NULL);

	*m = u.m;
	return mr;
}

static void senders(void)
{
	mach_port_t port = new_port();
	mach_port_name_t name = MACH_PORT_NULL;
	security_token_t security = { { 0 } };
	audit_token_t audit = { { 0 } };
	mach_msg_type_number_t count = TASK_SECURITY_TOKEN_COUNT, node_count = HOST_NODE_INFO_COUNT;
	host_node_info_data_t node = { 0 };
	struct with_sender m;
	int got = -1;

	node_must(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND), "a right");
	node_must(peer_keep(peer, port, MACH_MSG_TYPE_COPY_SEND, &name), "peer_keep");
	node_must(task_info(task, TASK_SECURITY_TOKEN, (task_info_t)&security, &count), "TASK_SECURITY_TOKEN");
	count = TASK_AUDIT_TOKEN_COUNT;
	node_must(task_info(task, TASK_AUDIT_TOKEN, (task_info_t)&audit, &count), "TASK_AUDIT_TOKEN");
	node_must(host_info(host, HOST_NODE_INFO, (host_info_t)&node, &node_count), "HOST_NODE_INFO");
	node_must(peer_send(peer, name, MACH_MSG_TYPE_COPY_SEND, 5, MACH_PORT_NULL, 0, 5000, &got), "peer_send");
	tap_result(receive_sender(port, &m), MACH_MSG_SUCCESS, "REMOTE0300 a message of another node's task, and its audit trailer");
	tap(m.head.msgh_id == 5 && m.head.msgh_size == sizeof(m.head) && m.trailer.msgh_trailer_size == sizeof(m.trailer),
	    "REMOTE0301 it is whole");
	tap(memcmp(&m.trailer.msgh_sender, &security, sizeof(security)) == 0, "REMOTE0302 its security token is the sending task's");
	tap(memcmp(&m.trailer.msgh_audit, &audit, 6 * sizeof(audit.val[0])) == 0 && audit.val[AUDIT_TOKEN_TASK] != 0,
	    "REMOTE0303 and so is its audit token");
	tap(m.trailer.msgh_audit.val[AUDIT_TOKEN_NODE] == node.address && (node.address & 255) == other &&
	    m.trailer.msgh_audit.val[AUDIT_TOKEN_INCARNATION] == (uint32_t)node.incarnation,
	    "REMOTE0304 which says on which boot of which node it runs");
	node_must(node_send(port, MACH_MSG_TYPE_COPY_SEND, 7, MACH_PORT_NULL, 0, 0), "sending here");
	tap(receive_sender(port, &m) == MACH_MSG_SUCCESS && m.trailer.msgh_audit.val[AUDIT_TOKEN_NODE] == 0 &&
	    m.trailer.msgh_audit.val[AUDIT_TOKEN_INCARNATION] == 0, "REMOTE0305 a message of this node has no node in it");
	/* what a kernel answers */
	{
		struct {
			mach_msg_header_t head;
			mach_msg_audit_trailer_t trailer;
			uint8_t room[512];
		} u = { .head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE),
				  .msgh_remote_port = host, .msgh_local_port = port, .msgh_id = 200, .msgh_size = sizeof(u.head) } };
		mach_msg_return_t mr = mach_msg(&u.head, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT |
							 MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT),
						sizeof(u.head), sizeof(u), port, 5000, MACH_PORT_NULL);
		const mach_msg_audit_trailer_t *t = (const void *)((const uint8_t *)&u + u.head.msgh_size);

		tap(mr == MACH_MSG_SUCCESS && t->msgh_sender.val[0] == 0 && t->msgh_sender.val[1] == 1 &&
		    t->msgh_audit.val[AUDIT_TOKEN_NODE] == node.address, "REMOTE0306 a call's answer is from that node's kernel");
	}
	node_must(peer_refs(peer, name, MACH_PORT_RIGHT_SEND, -1, &got), "peer_refs");
	(void)mach_port_deallocate(mach_task_self(), port);
	drop_port(port);
}

int main(int argc, char **argv)
{
	struct port_place there_ports = { .where = "another node's task" };
	unsigned before, there[2];
	mach_port_type_t type;
	natural_t refs, mscount, sorights;

	if (argc != 3 || (self = node_number()) != (unsigned)atoi(argv[1]))
		return 0;
	other = (unsigned)atoi(argv[2]);
	peer = node_find_peer(other);
	tap_result(peer_objects(peer, &task, &thread, &host), KERN_SUCCESS, "REMOTE0000 the other node's task, thread and host");
	there_ports.task = task;
	for (int round = 0; round < 2; round++) {
		before = tap_names();
		node_must(peer_state(peer, 0, &type, &refs, &mscount, &sorights, &there[0]), "peer_state");
		host_calls();
		memory_calls();
		ports_there((0x123u + (unsigned)round) << 8);
		if (round == 0)
			port_calls(&there_ports);
		answered = false;
		thread_calls();
		spawn();
		flow();
		send_possible();
		senders();
		receive_rights();
		node_must(peer_state(peer, 0, &type, &refs, &mscount, &sorights, &there[1]), "peer_state");
	}
	tap(there[0] == there[1], "REMOTE0098 no name is left over there: %u before, %u now", there[0], there[1]);
	tap(before == tap_names(), "REMOTE0099 nor here: %u before, %u now", before, tap_names());
	return tap_done();
}
