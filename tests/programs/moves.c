/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * moves.c - receive rights that move from node to node. Prints TAP. A is the peer of node 1, B of node 2, C of node 3.
 */
#include "peers.h"

#include <pthread.h>

static mach_port_t A, B, C;


static mach_msg_id_t take(mach_port_t peer, mach_port_name_t name, unsigned ms, mach_port_name_t *right)
{
	mach_msg_id_t id = 0;
	int got = 0;

	node_must(peer_take(peer, name, ms, &got, &id, right), "peer_take");
	return got == MACH_MSG_SUCCESS ? id : 0;
}

static int send_right(mach_port_t peer, mach_port_name_t name, mach_msg_id_t id, mach_port_name_t right,
		      mach_msg_type_name_t disposition)
{
	int got = -1;

	node_must(peer_send(peer, name, MACH_MSG_TYPE_COPY_SEND, id, right, disposition, 1000, &got), "peer_send");
	return got;
}

static natural_t limit(mach_port_t peer, mach_port_name_t name, natural_t wanted)
{
	natural_t was = 0;

	node_must(peer_limit(peer, name, wanted, &was), "peer_limit");
	return was;
}

/* Messages first .. first + count - 1 come to name in this order. */
static bool in_order(mach_port_t peer, mach_port_name_t name, mach_msg_id_t first, int count)
{
	for (int i = 0; i < count; i++) {
		mach_msg_id_t id = next(peer, name, PATIENCE, NULL);

		if (id == first + i)
			continue;
		printf("# message %d came instead of %d\n", id, first + i);
		return false;
	}
	return true;
}

/* ---- one move ---- */

static void queue_and_senders(void)
{
	mach_port_name_t c = make(C), a = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, A), b, right, home;
	mach_port_name_t mine = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, C);
	mach_port_name_t extra = make(C);

	tap(mine == c, "MV0001 its receiver's send right has its name");
	(void)limit(C, c, 7);
	for (int i = 0; i < 3; i++)
		(void)send_to(A, a, MACH_MSG_TYPE_COPY_SEND, 100 + i);
	(void)send_right(C, c, 103, extra, MACH_MSG_TYPE_MAKE_SEND);
	b = hand(C, c, MACH_MSG_TYPE_MOVE_RECEIVE, B);
	tap((state(B, b).type & MACH_PORT_TYPE_RECEIVE) != 0, "MV0002 C's receive right is B's");
	tap(state(C, c).type == MACH_PORT_TYPE_SEND && state(C, c).refs == 1, "MV0003 C keeps its send right, under its name");
	tap(limit(B, b, 0) == 7, "MV0004 the queue limit went along");
	tap(in_order(B, b, 100, 3), "MV0005 the queue went along, in order");
	tap(take(B, b, PATIENCE, &right) == 103 && state(B, right).type == MACH_PORT_TYPE_SEND,
	    "MV0006 with the right in a message");
	tap(send_to(B, right, MACH_MSG_TYPE_COPY_SEND, 9) == 0 && next(C, extra, PATIENCE, NULL) == 9, "MV0007 which works");
	tap(send_to(A, a, MACH_MSG_TYPE_COPY_SEND, 110) == 0 && next(B, b, PATIENCE, NULL) == 110, "MV0008 A's right leads to B");
	tap(send_to(C, c, MACH_MSG_TYPE_COPY_SEND, 111) == 0 && next(B, b, PATIENCE, NULL) == 111, "MV0009 and C's");
	home = hand(A, a, MACH_MSG_TYPE_COPY_SEND, B);
	tap(home == b, "MV0010 a right that comes to the new home has the port's name");
	drop(B, b);
	home = hand(A, a, MACH_MSG_TYPE_COPY_SEND, C);
	tap(home == c && state(C, c).refs == 2, "MV0011 and at the old home the name it had");
	drop(C, c);
	drop(B, right);
	kill_port(C, extra);
	kill_port(B, b);
	node_sleep_ms(SILENCE);
	tap(state(A, a).type == MACH_PORT_TYPE_DEAD_NAME && state(C, c).type == MACH_PORT_TYPE_DEAD_NAME,
	    "MV0012 it dies at B: dead names at A and at C");
	node_must(refs(A, a, MACH_PORT_RIGHT_DEAD_NAME, -1), "dead name");
	node_must(refs(C, c, MACH_PORT_RIGHT_DEAD_NAME, -1), "dead name");
}

/* ---- requests ---- */

static void no_senders(void)
{
	mach_port_name_t c = make(C), notices = make(C), a = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, A), b, a2;
	natural_t count = 99;

	notify(C, c, MACH_NOTIFY_NO_SENDERS, 1, notices);
	b = hand(C, c, MACH_MSG_TYPE_MOVE_RECEIVE, B);
	tap(next(C, notices, SILENCE, NULL) == 0, "MV0020 no notification because of a move");
	a2 = hand(A, a, MACH_MSG_TYPE_MOVE_SEND, C);
	tap(next(C, notices, SILENCE, NULL) == 0, "MV0021 nor while the old home holds the last right");
	drop(C, a2);
	tap(next(C, notices, PATIENCE, &count) == MACH_NOTIFY_NO_SENDERS, "MV0022 the last one goes: no senders, to another node (%u)",
	    count);
	tap(next(C, notices, SILENCE, NULL) == 0, "MV0023 once");
	kill_port(B, b);
	kill_port(C, notices);
}

static void port_destroyed(void)
{
	mach_port_name_t c = make(C), a = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, A), at_b = make(B), notices, back, b;

	/* C asks that its port's right be returned to B. */
	notices = hand(B, at_b, MACH_MSG_TYPE_MAKE_SEND_ONCE, C);
	{
		int got = -1;

		node_must(peer_return(C, c, notices, &got), "peer_return");
		tap(got == KERN_SUCCESS, "MV0030 a port-destroyed request by a send-once right of another node");
	}
	for (int i = 0; i < 3; i++)
		(void)send_to(A, a, MACH_MSG_TYPE_COPY_SEND, 300 + i);
	kill_port(C, c);
	tap(take(B, at_b, PATIENCE, &back) == MACH_NOTIFY_PORT_DESTROYED && (state(B, back).type & MACH_PORT_TYPE_RECEIVE),
	    "MV0031 the port is destroyed at C: B has its receive right");
	tap(in_order(B, back, 300, 3), "MV0032 with its queue");
	tap(send_to(A, a, MACH_MSG_TYPE_COPY_SEND, 310) == 0 && next(B, back, PATIENCE, NULL) == 310, "MV0033 and its senders");
	/* A request that goes along. */
	notify(B, back, MACH_NOTIFY_PORT_DESTROYED, 0, at_b);
	b = hand(B, back, MACH_MSG_TYPE_MOVE_RECEIVE, C);
	kill_port(C, b);
	tap(take(B, at_b, PATIENCE, &back) == MACH_NOTIFY_PORT_DESTROYED && (state(B, back).type & MACH_PORT_TYPE_RECEIVE),
	    "MV0034 the request goes along: destroyed at C, the port comes back to B");
	tap(send_to(A, a, MACH_MSG_TYPE_COPY_SEND, 311) == 0 && next(B, back, PATIENCE, NULL) == 311, "MV0035 A's right still works");
	kill_port(B, back);
	kill_port(B, at_b);
	node_sleep_ms(SILENCE);
	node_must(refs(A, a, MACH_PORT_RIGHT_DEAD_NAME, -1), "dead name");
}

/* ---- many moves ---- */

static void ping_pong(void)
{
	mach_port_name_t at = make(A), c = hand(A, at, MACH_MSG_TYPE_MAKE_SEND, C);
	mach_port_t peers[3] = { A, B, C };
	mach_msg_id_t sent = 400, received = 400;
	bool good = true;
	int where = 0;

	(void)limit(A, at, 16);
	for (int i = 0; i < 12; i++) {
		int to = i % 4 < 2 ? !where : (where + 1) % 3; /* to and fro, and around */

		for (int j = 0; j < 2; j++)
			good &= send_to(C, c, MACH_MSG_TYPE_COPY_SEND, sent++) == 0;
		at = hand(peers[where], at, MACH_MSG_TYPE_MOVE_RECEIVE, peers[to]);
		where = to;
		if (i % 3 == 2) {
			good &= in_order(peers[where], at, received, sent - received);
			received = sent;
		}
	}
	good &= in_order(peers[where], at, received, sent - received);
	tap(good, "MV0040 twelve moves, to and fro and around: each message comes once and in order");
	drop(C, c);
	kill_port(peers[where], at);
}

/* 501, 502, 503 from A, however long each has to wait. */
static void *send_three(void *a)
{
	for (int i = 0, got; i < 3; i++)
		node_must(peer_send(A, (mach_port_name_t)(uintptr_t)a, MACH_MSG_TYPE_COPY_SEND, 501 + i, MACH_PORT_NULL, 0, 20000, &got),
			  "peer_send");
	return NULL;
}

/* A blocked sender, and a full queue. */
static void full(void)
{
	mach_port_name_t c = make(C), a = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, A), b;
	pthread_t thread;
	bool good;
	int got;

	(void)limit(C, c, 1);
	(void)send_to(A, a, MACH_MSG_TYPE_COPY_SEND, 500);
	node_must(pthread_create(&thread, NULL, send_three, (void *)(uintptr_t)a), "pthread_create");
	node_sleep_ms(SILENCE);
	b = hand(C, c, MACH_MSG_TYPE_MOVE_RECEIVE, B);
	good = in_order(B, b, 500, 4);
	(void)pthread_join(thread, NULL);
	tap(good, "MV0050 messages that waited for a slot at the old home come to the new one, in order");
	node_must(peer_send(A, a, MACH_MSG_TYPE_COPY_SEND, 504, MACH_PORT_NULL, 0, 0, &got), "peer_send");
	(void)next(B, b, SILENCE, NULL);
	(void)send_to(A, a, MACH_MSG_TYPE_COPY_SEND, 510);
	node_must(peer_send(A, a, MACH_MSG_TYPE_COPY_SEND, 511, MACH_PORT_NULL, 0, 50, &got), "peer_send");
	tap(got == MACH_SEND_TIMED_OUT, "MV0051 the limit holds at the new home: %#x", (unsigned)got);
	tap(in_order(B, b, 510, 1) && next(B, b, SILENCE, NULL) == 0, "MV0052 and what timed out is not there");
	node_must(refs(A, a, MACH_PORT_RIGHT_SEND, -(int)state(A, a).refs), "a right, and those of messages that came back");
	kill_port(B, b);
}

/* A receive right whose message nobody receives, and one in a queue that moves. */
static void nested(void)
{
	mach_port_name_t box = make(B), to_box = hand(B, box, MACH_MSG_TYPE_MAKE_SEND, C), c = make(C), b, right,
			 a = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, A);

	(void)send_to(A, a, MACH_MSG_TYPE_COPY_SEND, 600);
	tap(send_right(C, to_box, 601, c, MACH_MSG_TYPE_MOVE_RECEIVE) == 0, "MV0060 C sends its receive right to B's box");
	node_sleep_ms(SILENCE);
	tap(send_to(A, a, MACH_MSG_TYPE_COPY_SEND, 602) == 0, "MV0061 a port in a queue takes messages");
	b = hand(B, box, MACH_MSG_TYPE_MOVE_RECEIVE, A); /* the box moves, and what is in it */
	tap(take(A, b, PATIENCE, &right) == 601 && (state(A, right).type & MACH_PORT_TYPE_RECEIVE),
	    "MV0062 the box moves to A: the port in it too");
	tap(right == a, "MV0063 where it has the name of A's send right");
	tap(next(A, right, PATIENCE, NULL) == 600 && next(A, right, PATIENCE, NULL) == 602, "MV0064 with its queue");
	tap(send_right(C, to_box, 603, make(C), MACH_MSG_TYPE_MOVE_RECEIVE) == 0, "MV0065 another is sent there");
	kill_port(A, right);
	node_must(refs(A, a, MACH_PORT_RIGHT_DEAD_NAME, -1), "dead name");
	c = make(C);
	right = hand(C, c, MACH_MSG_TYPE_MAKE_SEND, B);
	tap(send_right(C, to_box, 604, c, MACH_MSG_TYPE_MOVE_RECEIVE) == 0, "MV0066 and a third");
	node_sleep_ms(SILENCE);
	kill_port(A, b);
	node_sleep_ms(SILENCE);
	tap(state(B, right).type == MACH_PORT_TYPE_DEAD_NAME, "MV0067 the box dies with it unreceived: it is dead, everywhere");
	node_must(refs(B, right, MACH_PORT_RIGHT_DEAD_NAME, -1), "dead name");
	node_must(refs(C, to_box, MACH_PORT_RIGHT_DEAD_NAME, -1), "dead name");
}

/* Send-once rights wherever they are when the port moves. */
static void once(void)
{
	mach_port_name_t c = make(C), a, at_b, b, spare;

	a = hand(C, c, MACH_MSG_TYPE_MAKE_SEND_ONCE, A);
	at_b = hand(C, c, MACH_MSG_TYPE_MAKE_SEND_ONCE, B);
	spare = hand(C, c, MACH_MSG_TYPE_MAKE_SEND_ONCE, A);
	b = hand(C, c, MACH_MSG_TYPE_MOVE_RECEIVE, B);
	tap(state(B, b).sorights != 0, "MV0070 the new home counts send-once rights");
	tap(send_to(A, a, MACH_MSG_TYPE_MOVE_SEND_ONCE, 700) == 0 && next(B, b, PATIENCE, NULL) == 700,
	    "MV0071 a send-once right leads to the new home");
	tap(send_to(B, at_b, MACH_MSG_TYPE_MOVE_SEND_ONCE, 701) == 0 && next(B, b, PATIENCE, NULL) == 701,
	    "MV0072 and the one that was there already");
	node_must(refs(A, spare, MACH_PORT_RIGHT_SEND_ONCE, -1), "dropping a send-once right");
	tap(next(B, b, PATIENCE, NULL) == MACH_NOTIFY_SEND_ONCE, "MV0073 one that dies unused is told there");
	tap(state(B, b).sorights == 0, "MV0074 and none is left");
	kill_port(B, b);
}

int main(int argc, char **argv)
{
	unsigned before[3], after[3];

	(void)argc;
	(void)argv;
	(void)node_number();
	A = node_find_peer(1);
	B = node_find_peer(2);
	C = node_find_peer(3);
	for (int round = 0; round < 2; round++) {
		before[0] = state(A, 0).names, before[1] = state(B, 0).names, before[2] = state(C, 0).names;
		queue_and_senders();
		no_senders();
		port_destroyed();
		ping_pong();
		full();
		nested();
		once();
	}
	node_sleep_ms(SILENCE);
	after[0] = state(A, 0).names, after[1] = state(B, 0).names, after[2] = state(C, 0).names;
	tap(memcmp(before, after, sizeof(before)) == 0, "MV0080 no name is left over: %u %u %u before, %u %u %u after",
	    before[0], before[1], before[2], after[0], after[1], after[2]);
	return tap_done();
}
