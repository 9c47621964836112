/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the fast way of short calls cannot be told from the slow one: the same random programs of a client and a
 * server, run both ways, leave the same record of results, messages, names, rights and counts; so do messages in registers and those in memory.
 */
#include "fixture.h"

#include <ipc/mach_msg_private.h>
#include <stdio.h>
#include <stdlib.h>

#define ID_STOP 9999
#define BYTES_MAX 320u
#define STEPS 60u
#define SEEDS 150u
#define RECORD_BYTES (1u << 18)

/* What the server does with a request; in its first body word. */
enum action { ANSWER, ANSWER_LONG, ANSWER_SLOWLY, ANSWER_LIMITED, DROP, ANSWER_TWICE, KEEP, ACTIONS };

#define LONG_MS 600000u /* a limit that never passes */

union buffer {
	mach_msg_header_t h;
	uint32_t words[(BYTES_MAX + 80) / 4];
	uint8_t bytes[BYTES_MAX + 80];
};

struct record {
	uint32_t used;
	uint8_t bytes[RECORD_BYTES];
};

struct run {
	struct record client, server;
	struct thread *thread;
	mach_port_name_t port, set, from;   /* bob's: what is sent to, and what the server receives from */
	mach_port_name_t to, once, reply;   /* alice's */
	uint64_t random;
	uint64_t fast_sends;
	bool registers;                     /* short messages go so */
};

static _Atomic uint32_t in_registers; /* messages received so */

/* mach_msg() of lib/mach/traps.S. */
static mach_msg_return_t call(bool registers, union buffer *b, mach_msg_option_t option, mach_msg_size_t size, mach_msg_size_t limit,
			      mach_port_name_t from, mach_msg_timeout_t timeout)
{
	uint64_t words[MACH_MSG_REGISTERS] = { 0 }, result;
	static const mach_msg_trailer_t trailer = { MACH_MSG_TRAILER_FORMAT_0, sizeof trailer };

	if (!registers || size - sizeof b->h > MACH_MSG_REGISTERS_BYTES - sizeof b->h)
		return mach_msg_trap((uintptr_t)b, option, size, limit, from, timeout, NONE);
	memcpy(words, b, size);
	result = mach_msg_registers_trap((uintptr_t)b, option, size, limit, from, timeout, NONE, words);
	if (result >> 32) {
		assert_in_range(result >> 32, sizeof words, sizeof words + sizeof trailer);
		assert_int_equal((uint32_t)result, MACH_MSG_SUCCESS);
		memcpy(b, words, sizeof words);
		memcpy(&b->bytes[(result >> 32) - sizeof trailer], &trailer, sizeof trailer);
		atomic_fetch_add(&in_registers, 1);
	}
	return (mach_msg_return_t)result;
}

static void note(struct record *r, const void *data, size_t size)
{
	assert_true(r->used + size <= sizeof r->bytes);
	memcpy(r->bytes + r->used, data, size);
	r->used += (uint32_t)size;
}

static void note_word(struct record *r, uint32_t word)
{
	note(r, &word, sizeof word);
}

static uint32_t roll(struct run *run, uint32_t below)
{
	run->random = run->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(run->random >> 33) % below;
}

static void note_received(struct record *r, mach_msg_return_t mr, const union buffer *b)
{
	note_word(r, (uint32_t)mr);
	note(r, b, sizeof *b); /* every byte: also what must not have been written */
}

/* ---- the server: one thread, which does what each request says ---- */

static uint32_t answer(union buffer *b, enum action action)
{
	mach_msg_size_t size = b->h.msgh_size;
	mach_msg_type_name_t type = MACH_MSGH_BITS_REMOTE(b->h.msgh_bits);

	if (action == ANSWER_LONG)
		size = BYTES_MAX;
	b->h.msgh_bits = MACH_MSGH_BITS(type, 0);
	b->h.msgh_local_port = MACH_PORT_NULL;
	b->h.msgh_id += 100;
	return size;
}

/* The client's second word at random. */
static uint32_t roll_word(const union buffer *b)
{
	return b->words[7];
}

static mach_msg_return_t serve_one(struct run *run, union buffer *b, enum action action)
{
	mach_msg_option_t option = MACH_SEND_MSG | MACH_RCV_MSG;
	mach_port_name_t remote = b->h.msgh_remote_port;
	mach_msg_timeout_t limit = 0;
	mach_msg_size_t size;

	if (remote == MACH_PORT_NULL || action == DROP || action == KEEP) {
		if (remote != MACH_PORT_NULL && action == DROP)
			(void)mach_port_deallocate(here(), remote);
		memset(b, 0xdd, sizeof *b);
		return mach_msg_trap((uintptr_t)b, MACH_RCV_MSG, 0, sizeof *b, run->from, 0, NONE);
	}
	size = answer(b, action);
	if (action == ANSWER_TWICE) { /* the second finds no such name, and the server goes on */
		(void)mach_msg_trap((uintptr_t)b, MACH_SEND_MSG, size, 0, NONE, 0, NONE);
		note_word(&run->server, (uint32_t)call(run->registers, b, option, size, sizeof *b, run->from, 0));
		memset(b, 0xdd, sizeof *b);
		return mach_msg_trap((uintptr_t)b, MACH_RCV_MSG, 0, sizeof *b, run->from, 0, NONE);
	}
	if (action == ANSWER_SLOWLY)
		option |= MACH_SEND_NOTIFY;
	if (action == ANSWER_LIMITED) {
		option |= MACH_RCV_TIMEOUT | (roll_word(b) & 1 ? MACH_SEND_TIMEOUT : 0);
		limit = LONG_MS;
	}
	return call(run->registers, b, option, size, sizeof *b, run->from, limit);
}

static void server(void *arg)
{
	struct run *run = arg;
	union buffer b;
	mach_msg_return_t mr;

	memset(&b, 0xdd, sizeof b);
	mr = mach_msg_trap((uintptr_t)&b, MACH_RCV_MSG, 0, sizeof b, run->from, 0, NONE);
	while (mr != MACH_MSG_SUCCESS || b.h.msgh_id != ID_STOP) {
		note_received(&run->server, mr, &b);
		if (mr != MACH_MSG_SUCCESS) {
			memset(&b, 0xdd, sizeof b);
			mr = mach_msg_trap((uintptr_t)&b, MACH_RCV_MSG, 0, sizeof b, run->from, 0, NONE);
			continue;
		}
		mr = serve_one(run, &b, b.h.msgh_size > sizeof b.h ? b.words[6] % ACTIONS : ANSWER);
	}
	run->fast_sends += current_thread()->ipc.fast_sends;
}

/* ---- the client: a random program ---- */

static void note_space(struct run *run, struct task *task)
{
	struct ipc_space *space = space_of(task);

	is_lock(space);
	for (uint32_t i = 1; i < 64; i++) {
		struct ipc_entry *e = ipc_entry_at(space, i);

		note_word(&run->client, e->ie_bits);
		if (e->ie_bits & MACH_PORT_TYPE_RECEIVE) {
			struct ipc_port *p = (struct ipc_port *)e->ie_object;
			uint32_t words[] = { p->ip_msgcount, p->ip_seqno, p->ip_srights, p->ip_sorights, p->ip_mscount };

			note(&run->client, words, sizeof words);
		}
	}
	is_unlock(space);
}

/* The server has nothing more to do: what is there now is the same in both runs. */
static void settle(struct run *run)
{
	host_wait_until_blocked(run->thread);
	note_space(run, alice);
	note_space(run, bob);
}

static void drain(struct run *run)
{
	union buffer b;
	mach_msg_return_t mr;

	do {
		memset(&b, 0xcc, sizeof b);
		mr = mach_msg_trap((uintptr_t)&b, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof b, run->reply, 0, NONE);
		note_received(&run->client, mr, &b);
		if (mr == MACH_MSG_SUCCESS && b.h.msgh_remote_port != MACH_PORT_NULL)
			destroy(b.h.msgh_remote_port);
	} while (mr == MACH_MSG_SUCCESS);
}

/* Bob keeps some reply rights: those and what else came to him goes. */
static void sweep(struct run *run)
{
	as(bob);
	for (uint32_t i = 1; i < 64; i++) {
		struct ipc_entry *e = ipc_entry_at(here(), i);

		if (e->ie_bits & MACH_PORT_TYPE_SEND_ONCE)
			destroy(MACH_PORT_MAKE(i, IE_BITS_GEN(e->ie_bits)));
	}
	as(alice);
}

static void step(struct run *run)
{
	static const mach_msg_option_t more[] = { 0, 0, MACH_RCV_LARGE, MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY,
						  MACH_SEND_INTERRUPT | MACH_RCV_INTERRUPT, MACH_RCV_VOUCHER,
						  MACH_SEND_TIMEOUT, MACH_RCV_TIMEOUT, MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT };
	mach_msg_option_t option = MACH_SEND_MSG | MACH_RCV_MSG | more[roll(run, 9)];
	mach_msg_timeout_t wait_ms = LONG_MS;
	mach_msg_type_name_t dest = COPY_SEND, reply = MAKE_ONCE;
	mach_msg_size_t size = (mach_msg_size_t)sizeof(mach_msg_header_t) + 4 * roll(run, 70), limit = sizeof(union buffer);
	mach_port_name_t to = run->to;
	union buffer b;
	enum action action = roll(run, 3) ? ANSWER : roll(run, ACTIONS);

	if (roll(run, 2))
		size = (mach_msg_size_t)sizeof(mach_msg_header_t) + 4 * roll(run, 4);
	memset(&b, 0xcc, sizeof b);
	for (uint32_t i = 6; i < size / 4; i++)
		b.words[i] = roll(run, UINT32_MAX);
	switch (roll(run, 14)) {
	case 0: /* something waits for us already */
		(void)try_send(run->reply, MAKE_ONCE, NONE, 0, 77, MACH_SEND_TIMEOUT, 0);
		break;
	case 1:
		limit = 20 + 4 * roll(run, 20);
		break;
	case 2:
		reply = MACH_MSG_TYPE_MAKE_SEND;
		break;
	case 3:
		to = roll(run, 2) ? run->to ^ (1 + roll(run, 255)) : MACH_PORT_NULL;
		break;
	case 4:
		dest = MOVE_SEND;
		as(bob);
		to = give(run->port, MAKE_SEND, alice);
		as(alice);
		break;
	case 5:
		size += 1 + roll(run, 3);
		break;
	case 6: /* a send-once right as the destination, moved, with a reply right too */
		dest = MOVE_ONCE;
		as(bob);
		to = give(run->port, MAKE_ONCE, alice);
		as(alice);
		break;
	default:
		break;
	}
	if (size < 28 || (reply != MAKE_ONCE && (action == DROP || action == KEEP)))
		action = ANSWER; /* or the client would wait for ever */
	if (size >= 28)
		b.words[6] = action;
	if (action == KEEP) { /* the wait ends by its limit: none at all, or one that passes */
		option |= MACH_RCV_TIMEOUT;
		wait_ms = roll(run, 2);
	}
	b.h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(dest, reply), .msgh_remote_port = to,
				   .msgh_local_port = run->reply, .msgh_id = 1000 + (int)roll(run, 1000) };
	if (roll(run, 2)) {
		note_received(&run->client, call(run->registers, &b, option, size, limit, run->reply, wait_ms), &b);
	} else { /* the answer into another buffer */
		union buffer in;

		memset(&in, 0xee, sizeof in);
		note_received(&run->client, mach_msg_overwrite_trap((uintptr_t)&b, option, size, limit, run->reply, wait_ms, NONE,
								    (uintptr_t)&in, 0), &in);
		note(&run->client, &b, sizeof b);
	}
	settle(run);
	drain(run);
	sweep(run);
	settle(run);
}

static struct run *run_program(uint64_t seed, bool fast)
{
	struct run *run = calloc(1, sizeof *run);

	run->random = seed * 0x9e3779b97f4a7c15ULL + 1;
	run->registers = seed % 3 != 0;
	as(bob);
	run->from = run->port = new_port();
	if (roll(run, 2)) {
		run->from = run->set = new_right(PORT_SET);
		assert_int_equal(mach_port_insert_member(here(), run->port, run->set), KERN_SUCCESS);
	}
	run->to = give(run->port, MAKE_SEND, alice);
	as(alice);
	run->reply = new_port();
	mach_msg_fast_off = !fast;
	current_thread()->ipc.fast_sends = 0;
	run->thread = ipc_thread(bob, server, run);
	settle(run);
	for (uint32_t i = 0; i < STEPS; i++)
		step(run);
	send_id(run->to, ID_STOP);
	host_thread_join(run->thread);
	run->fast_sends += current_thread()->ipc.fast_sends;
	mach_msg_fast_off = false;
	return run;
}

static bool same(const struct record *a, const struct record *b)
{
	return a->used == b->used && memcmp(a->bytes, b->bytes, a->used) == 0;
}

static void IPC0701_random_calls_have_the_same_record_fast_and_slow(void **state)
{
	uint64_t fast_sends = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct run *fast = run_program(seed, true), *slow;

		assert_int_equal(ipc_teardown(state), 0);
		assert_int_equal(ipc_setup(state), 0);
		slow = run_program(seed, false);
		assert_int_equal(ipc_teardown(state), 0);
		assert_int_equal(ipc_setup(state), 0);
		if (!same(&fast->client, &slow->client) || !same(&fast->server, &slow->server))
			fprintf(stderr, "# seed %llu: client %u and %u bytes, server %u and %u\n", (unsigned long long)seed,
				fast->client.used, slow->client.used, fast->server.used, slow->server.used);
		assert_true(same(&fast->client, &slow->client));
		assert_true(same(&fast->server, &slow->server));
		assert_int_equal(slow->fast_sends, 0);
		fast_sends += fast->fast_sends;
		free(fast);
		free(slow);
	}
	assert_true(fast_sends > SEEDS * STEPS / 4); /* it was the fast way that was tried */
	assert_true(in_registers > SEEDS * STEPS / 32);
}

/* ---- single cases, each both ways ---- */

struct one {
	mach_port_name_t port;
	mach_msg_size_t limit;
	uint64_t fail;        /* the receiver's n-th allocation fails once the message is there */
	const void *fault;    /* the receiver's buffer cannot be written here */
	union buffer b;
	mach_msg_return_t result;
};

static void receive_one(void *arg)
{
	struct one *o = arg;

	memset(&o->b, 0xdd, sizeof o->b);
	if (o->fail)
		host_alloc_fail_at(o->fail, false);
	o->result = mach_msg_trap((uintptr_t)&o->b, MACH_RCV_MSG, 0, o->limit, o->port, 0, NONE);
	host_alloc_fail_at(0, false);
}

/* A call whose reply nobody sends: what the receiver got. The caller's wait is ended by reply's death. */
static void call_and_leave(void *arg)
{
	struct one *o = arg;

	memset(&o->b, 0, sizeof o->b);
	o->b.h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), .msgh_remote_port = o->port,
				      .msgh_local_port = o->limit, .msgh_id = 5 };
	o->result = mach_msg_trap((uintptr_t)&o->b, MACH_SEND_MSG | MACH_RCV_MSG, 40, sizeof o->b, o->limit, 0, NONE);
	assert_int_equal(current_thread()->ipc.fast_sends, !mach_msg_fast_off);
}

static void deliver_one(struct one *o, mach_msg_return_t caller_gets)
{
	struct one caller = { .port = 0 };
	struct thread *r, *c;
	mach_port_name_t reply;

	as(alice);
	o->port = new_port();
	while (o->fail && here()->is_free != 0)
		(void)new_right(DEAD_NAME); /* a name more needs memory */
	as(bob);
	reply = new_port();
	as(alice);
	caller.port = give(o->port, MAKE_SEND, bob);
	caller.limit = reply;
	r = ipc_thread(alice, receive_one, o);
	host_wait_until_blocked(r);
	as(bob);
	c = ipc_thread(bob, call_and_leave, &caller);
	host_thread_join(r);
	if (caller_gets == MACH_RCV_PORT_DIED) {
		host_wait_until_blocked(c);
		destroy(reply);
	}
	host_thread_join(c);
	assert_int_equal(caller.result, caller_gets);
	if (caller_gets == MACH_MSG_SUCCESS)
		assert_int_equal(caller.b.h.msgh_id, MACH_NOTIFY_SEND_ONCE);
	as(alice);
}

static void both_ways(void (*test)(void))
{
	for (int fast = 0; fast < 2; fast++) {
		mach_msg_fast_off = !fast;
		test();
	}
	mach_msg_fast_off = false;
}

static void no_room_for_the_name(void)
{
	struct one o = { .limit = sizeof(union buffer), .fail = 1 };

	deliver_one(&o, MACH_MSG_SUCCESS); /* the dropped reply right answers */
	assert_int_equal(o.result, MACH_RCV_HEADER_ERROR | MACH_MSG_IPC_KERNEL);
	assert_int_equal(o.b.h.msgh_bits, MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND));
	assert_int_equal(o.b.h.msgh_local_port, o.port);
	assert_int_equal(o.b.h.msgh_remote_port, MACH_PORT_NULL);
	assert_int_equal(o.b.h.msgh_size, 40);
	assert_int_equal(o.b.words[6], 0xdddddddd); /* nothing of the body */
}

static void IPC0702_without_room_for_the_reply_name_the_header_comes_alone(void **state)
{
	both_ways(no_room_for_the_name);
}

static void reply_dies_first(void)
{
	struct one o = { .limit = sizeof(union buffer) };

	deliver_one(&o, MACH_RCV_PORT_DIED);
	assert_int_equal(o.result, MACH_MSG_SUCCESS);
	assert_int_equal(type_of(o.b.h.msgh_remote_port), MACH_PORT_TYPE_DEAD_NAME);
	assert_int_equal(status_of(o.port).mps_seqno, 1);
}

static void IPC0703_a_caller_whose_port_dies_leaves_a_dead_name(void **state)
{
	both_ways(reply_dies_first);
}

static void buffer_cannot_be_written(void)
{
	struct one o = { .limit = sizeof(union buffer) };

	host_user_fault(&o.b.words[8], 4);
	deliver_one(&o, MACH_RCV_PORT_DIED);
	host_user_fault(NULL, 0);
	assert_int_equal(o.result, MACH_RCV_INVALID_DATA);
	assert_int_equal(status_of(o.port).mps_msgcount, 0);
}

static void IPC0704_a_buffer_that_cannot_be_written_loses_the_message(void **state)
{
	both_ways(buffer_cannot_be_written);
}

/* Many callers and servers at once, with aborts, fast: every call is answered once. */
struct storm {
	mach_port_name_t to, from;
	uint32_t calls;
	_Atomic uint32_t answered, served;
};

static void storm_server(void *arg)
{
	struct storm *s = arg;
	union buffer b;
	mach_msg_return_t mr = mach_msg_trap((uintptr_t)&b, MACH_RCV_MSG, 0, sizeof b, s->from, 0, NONE);

	while (mr == MACH_MSG_SUCCESS && b.h.msgh_id != ID_STOP) {
		atomic_fetch_add(&s->served, 1);
		b.h.msgh_bits = MACH_MSGH_BITS(MOVE_ONCE, 0);
		b.h.msgh_local_port = NONE;
		b.words[6] ^= 0x5a5a5a5a;
		mr = call(b.words[6] & 1, &b, MACH_SEND_MSG | MACH_RCV_MSG, b.h.msgh_size, sizeof b, s->from, 0);
	}
	assert_int_equal(mr, MACH_MSG_SUCCESS);
}

static void storm_client(void *arg)
{
	struct storm *s = arg;
	mach_port_name_t reply = new_port();

	for (uint32_t i = 0; i < s->calls; i++) {
		union buffer b = { .words = { [6] = i } };

		b.h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), .msgh_remote_port = s->to,
					   .msgh_local_port = reply, .msgh_id = 1 };
		assert_int_equal(call(i & 2, &b, MACH_SEND_MSG | MACH_RCV_MSG, 32, sizeof b, reply, 0), MACH_MSG_SUCCESS);
		assert_int_equal(b.words[6], i ^ 0x5a5a5a5a);
		atomic_fetch_add(&s->answered, 1);
	}
	destroy(reply);
}

static void IPC0705_calls_from_many_threads_are_answered_one_for_one(void **state)
{
	enum { CLIENTS = 3, SERVERS = 2, CALLS = 2000 };
	struct storm s = { .calls = CALLS };
	struct thread *clients[CLIENTS], *servers[SERVERS];
	mach_port_name_t port;

	port = new_port();
	s.from = new_right(PORT_SET);
	assert_int_equal(mach_port_insert_member(here(), port, s.from), KERN_SUCCESS);
	s.to = give(port, MAKE_SEND, bob);
	for (int i = 0; i < SERVERS; i++)
		servers[i] = ipc_thread(alice, storm_server, &s);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = ipc_thread(bob, storm_client, &s);
	for (int i = 0; i < CLIENTS; i++)
		host_thread_join(clients[i]);
	as(bob);
	for (int i = 0; i < SERVERS; i++)
		send_id(s.to, ID_STOP);
	for (int i = 0; i < SERVERS; i++)
		host_thread_join(servers[i]);
	assert_int_equal(s.answered, CLIENTS * CALLS);
	assert_int_equal(s.served, CLIENTS * CALLS);
	as(alice);
	assert_int_equal(status_of(port).mps_seqno, CLIENTS * CALLS + SERVERS);
	assert_int_equal(status_of(port).mps_srights, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ipc_test(IPC0701_random_calls_have_the_same_record_fast_and_slow),
		ipc_test(IPC0702_without_room_for_the_reply_name_the_header_comes_alone),
		ipc_test(IPC0703_a_caller_whose_port_dies_leaves_a_dead_name),
		ipc_test(IPC0704_a_buffer_that_cannot_be_written_loses_the_message),
		ipc_test(IPC0705_calls_from_many_threads_are_answered_one_for_one),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "ipc_fast");
}
