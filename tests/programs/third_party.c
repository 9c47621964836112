/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * third_party.c - rights that go from node to node to node. Prints TAP. A is the peer of node 1, B of node 2, C of
 * node 3, which has the ports.
 */
#include "peers.h"

static mach_port_t A, B, C;

/* Drop what may have died meanwhile. */
static void drop_or_bury(mach_port_t peer, mach_port_name_t name)
{
	if (refs(peer, name, MACH_PORT_RIGHT_SEND, -1) != KERN_SUCCESS)
		node_must(refs(peer, name, MACH_PORT_RIGHT_DEAD_NAME, -1), "dropping a dead name");
}

/* A port at C with a no-senders request; *notices: where it fires. */
static mach_port_name_t watched(mach_port_name_t *notices, natural_t sync)
{
	mach_port_name_t port = make(C);

	*notices = make(C);
	notify(C, port, MACH_NOTIFY_NO_SENDERS, sync, *notices);
	return port;
}

static void bury(mach_port_name_t port, mach_port_name_t notices)
{
	kill_port(C, port);
	kill_port(C, notices);
}

/* ---- send rights ---- */

static void forgetting(void)
{
	mach_port_name_t notices, c = watched(&notices, 1), a, b, a2, home;
	natural_t count = 0;

	a = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, A);
	tap(state(A, a).type == MACH_PORT_TYPE_SEND && state(A, a).refs == 1, "TP0001 C gives A a send right");
	tap(state(C, c).mscount == 1, "TP0002 C's port counts one right made");
	tap(send_to(A, a, MACH_MSG_TYPE_COPY_SEND, 500) == 0 && next(C, c, PATIENCE, NULL) == 500, "TP0003 A sends to C");
	b = hand(A, a, MACH_MSG_TYPE_MOVE_SEND, B);
	tap(state(A, a).type == 0, "TP0004 A gave it to B and has it no more");
	tap(send_to(B, b, MACH_MSG_TYPE_COPY_SEND, 501) == 0 && next(C, c, PATIENCE, NULL) == 501, "TP0005 B's right works");
	tap(next(C, notices, SILENCE, NULL) == 0, "TP0006 no notification while B has it");
	a2 = hand(B, b, MACH_MSG_TYPE_COPY_SEND, A);
	tap(send_to(A, a2, MACH_MSG_TYPE_COPY_SEND, 502) == 0 && next(C, c, PATIENCE, NULL) == 502,
	    "TP0007 B gives A a copy, which works");
	home = hand(B, b, MACH_MSG_TYPE_COPY_SEND, C);
	tap(home == c && state(C, c).refs == 1 && state(C, c).type == MACH_PORT_TYPE_SEND_RECEIVE,
	    "TP0008 a right that comes home has the original's name");
	drop(C, c);
	drop(B, b);
	tap(next(C, notices, SILENCE, NULL) == 0, "TP0009 B drops its right: A has one yet");
	tap(send_to(A, a2, MACH_MSG_TYPE_COPY_SEND, 503) == 0 && next(C, c, PATIENCE, NULL) == 503,
	    "TP0010 A's right still works");
	drop(A, a2);
	tap(next(C, notices, PATIENCE, &count) == MACH_NOTIFY_NO_SENDERS && count == 1,
	    "TP0011 A drops the last one: no senders, of one made");
	tap(next(C, notices, SILENCE, NULL) == 0, "TP0012 once");
	notify(C, c, MACH_NOTIFY_NO_SENDERS, 2, notices);
	tap(next(C, notices, SILENCE, NULL) == 0, "TP0013 asked for the second one made: not yet");
	b = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, B);
	drop(B, b);
	tap(next(C, notices, PATIENCE, &count) == MACH_NOTIFY_NO_SENDERS && count == 2,
	    "TP0014 a second right is made, goes to B, dies: no senders, of two made");
	bury(c, notices);
}

static void references(void)
{
	mach_port_name_t notices, c = watched(&notices, 1), a, again, b;

	a = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, A);
	again = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, A);
	tap(again == a && state(A, a).refs == 2, "TP0020 the same port twice: one name, two references");
	b = hand(A, a, MACH_MSG_TYPE_MOVE_SEND, B);
	tap(state(A, a).refs == 1, "TP0021 one moved on: one is left");
	again = hand(A, a, MACH_MSG_TYPE_MOVE_SEND, B);
	tap(again == b && state(B, b).refs == 2 && state(A, a).type == 0, "TP0022 both are at B under one name");
	drop(B, b);
	tap(next(C, notices, SILENCE, NULL) == 0, "TP0023 one dropped: not yet");
	drop(B, b);
	tap(next(C, notices, PATIENCE, NULL) == MACH_NOTIFY_NO_SENDERS, "TP0024 both dropped: no senders");
	bury(c, notices);
}

static void queued(void)
{
	mach_port_name_t notices, c = watched(&notices, 1), a, q = make(B), aq;
	int got = -1;

	a = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, A);
	aq = hand(B, q, MACH_MSG_TYPE_MAKE_SEND, A);
	node_must(peer_send(A, aq, MACH_MSG_TYPE_COPY_SEND, 600, a, MACH_MSG_TYPE_MOVE_SEND, 1000, &got), "peer_send");
	tap(got == 0 && state(A, a).type == 0, "TP0030 A sends C's right to a queue of B that nobody reads");
	tap(next(C, notices, SILENCE, NULL) == 0, "TP0031 it lives in the queue");
	kill_port(B, q);
	tap(next(C, notices, PATIENCE, NULL) == MACH_NOTIFY_NO_SENDERS, "TP0032 the queue is destroyed: no senders");
	drop_or_bury(A, aq);
	bury(c, notices);
}

/* Rights of one port go about at random; C must hear once, and only when the last is gone. */
static void about(uint64_t seed, unsigned steps)
{
	mach_port_t peers[3] = { A, B, C };
	mach_port_name_t notices, c = watched(&notices, 1), name[3] = { 0 };
	unsigned held[3] = { 0 }, total = 1, wrong = 0;
	natural_t made = 1, count = 0;

	name[0] = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, A);
	held[0] = 1;
	for (unsigned i = 0; i < steps; i++) {
		uint64_t r = node_random(&seed);
		unsigned from = r % 3, to = (from + 1 + (r >> 8) % 2) % 3;

		if (held[from] == 0 || (r >> 16) % 4 == 0) {
			if (to != 2) { /* C makes one more */
				name[to] = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, peers[to]);
				held[to]++;
				total++;
				made++;
			}
		} else if ((r >> 16) % 4 == 1) {
			name[to] = hand(peers[from], name[from], MACH_MSG_TYPE_COPY_SEND, peers[to]);
			held[to]++;
			total++;
		} else if ((r >> 16) % 4 == 2) {
			name[to] = hand(peers[from], name[from], MACH_MSG_TYPE_MOVE_SEND, peers[to]);
			held[from]--;
			held[to]++;
		} else if (total > 1) {
			drop(peers[from], name[from]);
			held[from]--;
			total--;
		}
		for (unsigned p = 0; p < 3; p++)
			if (held[p] > 0 && state(peers[p], name[p]).refs != held[p])
				wrong++;
	}
	tap(wrong == 0, "TP0040 %u random steps: each peer has the references it should", steps);
	tap(next(C, notices, SILENCE, NULL) == 0, "TP0041 and %u rights are left, so C has heard nothing", total);
	for (unsigned p = 0; p < 3; p++)
		for (; held[p] > 0; held[p]--)
			drop(peers[p], name[p]);
	tap(next(C, notices, PATIENCE, &count) == MACH_NOTIFY_NO_SENDERS && count == made,
	    "TP0042 all dropped: no senders, of %u made", made);
	tap(next(C, notices, SILENCE, NULL) == 0, "TP0043 once");
	bury(c, notices);
}

/* ---- send-once rights ---- */

static void once(void)
{
	mach_port_name_t r = make(C), a, b, home, q, aq;
	int got = -1;

	a = hand(C, r, MACH_MSG_TYPE_MAKE_SEND_ONCE, A);
	tap(state(A, a).type == MACH_PORT_TYPE_SEND_ONCE && state(C, r).sorights == 1, "TP0050 C gives A a send-once right");
	b = hand(A, a, MACH_MSG_TYPE_MOVE_SEND_ONCE, B);
	tap(state(B, b).type == MACH_PORT_TYPE_SEND_ONCE && state(A, a).type == 0, "TP0051 which A gives B");
	tap(send_to(B, b, MACH_MSG_TYPE_MOVE_SEND_ONCE, 700) == 0 && next(C, r, PATIENCE, NULL) == 700, "TP0052 B uses it");
	tap(state(B, b).type == 0 && state(C, r).sorights == 0, "TP0053 then it is gone, and C counts none");
	a = hand(C, r, MACH_MSG_TYPE_MAKE_SEND_ONCE, A);
	b = hand(A, a, MACH_MSG_TYPE_MOVE_SEND_ONCE, B);
	node_must(refs(B, b, MACH_PORT_RIGHT_SEND_ONCE, -1), "dropping a send-once right");
	tap(next(C, r, PATIENCE, NULL) == MACH_NOTIFY_SEND_ONCE, "TP0054 unused, it dies at B: C is told");
	tap(next(C, r, SILENCE, NULL) == 0 && state(C, r).sorights == 0, "TP0055 once, and C counts none");
	a = hand(C, r, MACH_MSG_TYPE_MAKE_SEND_ONCE, A);
	b = hand(A, a, MACH_MSG_TYPE_MOVE_SEND_ONCE, B);
	home = hand(B, b, MACH_MSG_TYPE_MOVE_SEND_ONCE, C);
	tap(home != r && state(C, home).type == MACH_PORT_TYPE_SEND_ONCE && state(C, r).sorights == 1,
	    "TP0056 one comes home through A and B");
	tap(send_to(C, home, MACH_MSG_TYPE_MOVE_SEND_ONCE, 701) == 0 && next(C, r, PATIENCE, NULL) == 701,
	    "TP0057 and C can use it");
	q = make(B);
	aq = hand(B, q, MACH_MSG_TYPE_MAKE_SEND, A);
	a = hand(C, r, MACH_MSG_TYPE_MAKE_SEND_ONCE, A);
	node_must(peer_send(A, aq, MACH_MSG_TYPE_COPY_SEND, 702, a, MACH_MSG_TYPE_MOVE_SEND_ONCE, 1000, &got), "peer_send");
	tap(got == 0 && next(C, r, SILENCE, NULL) == 0, "TP0058 one lies in a queue of B");
	kill_port(B, q);
	tap(next(C, r, PATIENCE, NULL) == MACH_NOTIFY_SEND_ONCE, "TP0059 the queue is destroyed: C is told");
	drop_or_bury(A, aq);
	a = hand(C, r, MACH_MSG_TYPE_MAKE_SEND_ONCE, A);
	kill_port(C, r);
	node_sleep_ms(SILENCE);
	tap(state(A, a).type == MACH_PORT_TYPE_DEAD_NAME, "TP0060 the port dies: A's send-once right is a dead name");
	(void)refs(A, a, MACH_PORT_RIGHT_DEAD_NAME, -1);
}

/* ---- the death of a port ---- */

static void port_dies(void)
{
	mach_port_name_t c = make(C), a, b, notices[2] = { make(A), make(B) };
	natural_t dead = 0;

	a = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, A);
	b = hand(A, a, MACH_MSG_TYPE_COPY_SEND, B);
	notify(A, a, MACH_NOTIFY_DEAD_NAME, 0, notices[0]);
	notify(B, b, MACH_NOTIFY_DEAD_NAME, 0, notices[1]);
	kill_port(C, c);
	tap(next(A, notices[0], PATIENCE, &dead) == MACH_NOTIFY_DEAD_NAME && dead == a, "TP0070 C destroys its port: A is told");
	tap(next(B, notices[1], PATIENCE, &dead) == MACH_NOTIFY_DEAD_NAME && dead == b, "TP0071 and so is B");
	tap(state(A, a).type == MACH_PORT_TYPE_DEAD_NAME && state(B, b).type == MACH_PORT_TYPE_DEAD_NAME,
	    "TP0072 both have dead names");
	tap(send_to(A, a, MACH_MSG_TYPE_COPY_SEND, 1) == MACH_SEND_INVALID_DEST, "TP0073 a message there is refused");
	node_must(refs(A, a, MACH_PORT_RIGHT_DEAD_NAME, -2), "dropping a dead name");
	node_must(refs(B, b, MACH_PORT_RIGHT_DEAD_NAME, -2), "dropping a dead name");
	kill_port(A, notices[0]);
	kill_port(B, notices[1]);
}

int main(int argc, char **argv)
{
	unsigned steps = argc > 1 ? (unsigned)atoi(argv[1]) : 100, before[3], after[3];
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

	(void)node_number();
	A = node_find_peer(1);
	B = node_find_peer(2);
	C = node_find_peer(3);
	for (int round = 0; round < 2; round++) {
		before[0] = state(A, 0).names, before[1] = state(B, 0).names, before[2] = state(C, 0).names;
		forgetting();
		references();
		queued();
		once();
		port_dies();
		about(seed + (uint64_t)round, steps);
	}
	after[0] = state(A, 0).names, after[1] = state(B, 0).names, after[2] = state(C, 0).names;
	tap(memcmp(before, after, sizeof(before)) == 0, "TP0080 no name is left over: %u %u %u before, %u %u %u after",
	    before[0], before[1], before[2], after[0], after[1], after[2]);
	return tap_done();
}
