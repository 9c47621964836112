/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: send-once rights that are under way while their port's receive right moves, step by step: each is used once,
 * or lost once, where the port is then (NETIPC0021..).
 *
 * Three nodes. P, the port, is at node 0 first; each node has a mailbox, of which the others have send rights. A mailbox may
 * be held: what arrives is offered, and answered later.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../sim/netipc_sim.h"

#define NODES 3
#define MS 1000000ull
#define ADDR 0x0a4d0001u

struct port {
	struct netipc_export *slot;
	int count; /* send-once rights abroad, or in messages */
	int mine;  /* while it is elsewhere: those that are here, or in messages from here */
	uint32_t lost, came;
};

struct proxy {
	struct netipc_proxy *engine;
	bool used, moving;
};

static struct node {
	struct netipc *e;
	void *memory;
	struct port mail, p; /* p: what this node has of P */
	struct proxy proxy[16];
	struct proxy *of_mail[NODES], *of_p, *last; /* last: of the right that came last */
	void *last_port;
	struct netipc_delivery *held;
	bool holds;
	enum netipc_sent sent;
	uint32_t settled;
} node[NODES];
static struct sim_world *world;
static uint64_t now;
static uint32_t moving; /* a message with P's receive right is out: its cookie */

static struct proxy *proxy_of(struct node *n, struct netipc_proxy *engine)
{
	struct proxy *x = netipc_proxy_cookie(engine);

	for (uint32_t i = 0; x == NULL && i < 16; i++)
		if (!n->proxy[i].used)
			x = &n->proxy[i];
	assert_non_null(x);
	if (!x->used)
		netipc_proxy_attach(n->e, engine, x);
	*x = (struct proxy){ .engine = engine, .used = true, .moving = x->moving };
	return x;
}

static void accept(struct node *n, struct netipc_delivery *d)
{
	struct netipc_right_in in[8] = { 0 };

	assert_int_equal(netipc_deliver_accept(n->e, d, in, NULL, 0, NULL, now), NETIPC_OK);
	n->last = in[0].proxy ? proxy_of(n, in[0].proxy) : NULL;
	n->last_port = in[0].port;
	if (in[0].kind != NETIPC_RIGHT_RECEIVE)
		return;
	n->of_p = n->last;
	n->p.count = n->p.mine;
	n->p.mine = 0;
	netipc_arrive(n->e, in[0].proxy, &n->p, &n->p.slot);
}

static void offered(struct node *n, const struct netipc_deliver *d)
{
	if (d->port == &n->p) {
		n->p.came++;
		n->p.count -= d->once;
	}
	if (n->holds && d->port == &n->mail)
		n->held = d->delivery;
	else
		accept(n, d->delivery);
}

static void left(struct node *n)
{
	struct netipc_moving move = { .port = &n->p, .slot = &n->p.slot, .local_onces = (uint32_t)n->p.count };

	n->of_p = proxy_of(n, netipc_move(n->e, &move, now));
	n->of_p->moving = true;
	n->p.mine = n->p.count - (int)move.abroad;
	n->p.count = 0;
}

static void drain(struct node *n)
{
	struct netipc_upcall u;

	while (netipc_next_upcall(n->e, &u)) {
		struct port *port = u.cookie;
		struct proxy *x = u.cookie;

		switch (u.kind) {
		case NETIPC_UP_DELIVER:
			offered(n, &u.deliver);
			break;
		case NETIPC_UP_SENT:
			n->sent = u.sent;
			n->settled++;
			if (u.cookie == &moving && u.rights_moved)
				left(n);
			else if (u.rights_moved && n->p.mine > 0)
				n->p.mine--;
			break;
		case NETIPC_UP_EXPORT_GONE:
			if (port == &n->p && n->of_p != NULL && n->of_p->moving)
				netipc_move_end(n->e, n->of_p->engine, now);
			break;
		case NETIPC_UP_ONCE_LOST:
			port->lost++;
			port->count--;
			break;
		case NETIPC_UP_ONCES_CAME:
			port->count += u.status;
			break;
		case NETIPC_UP_ARRIVED:
		case NETIPC_UP_PROXY_DEAD:
			netipc_proxy_detach(n->e, x->engine, now);
			x->used = false;
			n->of_p = n->of_p == x ? NULL : n->of_p;
			n->last = n->last == x ? NULL : n->last;
			break;
		default:
			break;
		}
	}
}

static void run(uint64_t ms)
{
	for (uint64_t end = now + ms * MS; now < end;) {
		uint64_t next = sim_fake.advance(world, now);

		for (uint32_t i = 0; i < NODES; i++) {
			uint64_t due = node[i].e ? netipc_poll(node[i].e, now) : UINT64_MAX;

			next = due < next ? due : next;
			if (node[i].e)
				drain(&node[i]);
		}
		now = next <= now ? now + 1000 : next < end ? next : end;
	}
}

/* One right (a receive right: three) to `to`, which may be P's proxy: with once, by a send-once right of it. */
static void post(struct node *n, struct proxy *to, struct netipc_right_out right, bool once)
{
	struct netipc_right_out rights[3] = { right };
	struct netipc_send send = { .to = to->engine, .flags = once ? NETIPC_SEND_ONCE : 0, .rights = rights };

	send.right_count = right.kind == NETIPC_RIGHT_NULL ? 0 : right.kind == NETIPC_RIGHT_RECEIVE ? 3 : 1;
	send.cookie = right.kind == NETIPC_RIGHT_RECEIVE ? &moving : NULL;
	assert_int_equal(netipc_send(n->e, &send, NULL, now), NETIPC_OK);
	if (right.kind == NETIPC_RIGHT_SEND_ONCE && right.port == &n->p)
		n->p.count++;
}

static struct netipc_right_out local(struct port *port, enum netipc_right_kind kind)
{
	return (struct netipc_right_out){ .kind = kind, .port = port, .slot = &port->slot, .state = { .qlimit = 5 } };
}

static struct netipc_right_out of_proxy(struct proxy *x, enum netipc_right_kind kind)
{
	return (struct netipc_right_out){ .kind = kind, .proxy = x->engine };
}

static const struct netipc_right_out none;

/* P goes from one to another, and all that can settle does. */
static void move(struct node *from, uint32_t to)
{
	post(from, from->of_mail[to], local(&from->p, NETIPC_RIGHT_RECEIVE), false);
	run(50);
}

static void start(uint32_t i)
{
	struct netipc_config c = { .provider = sim_fake.provider(world, i), .self = ADDR + i, .incarnation = 7 + i, .cluster = 7,
				   .secret = { 3 + i, 4 }, .peers = 8, .no_fence = true };

	node[i].memory = aligned_alloc(16, (netipc_size(&c) + 15) / 16 * 16);
	node[i].e = netipc_init(node[i].memory, &c, now);
}

static int setup(void **state)
{
	struct netipc_right_in in;

	memset(node, 0, sizeof(node));
	now = 1000 * MS;
	world = sim_fake.create(NODES, 1, 0);
	for (uint32_t i = 0; i < NODES; i++)
		start(i);
	netipc_set_name_server(node[0].e, &node[0].mail, &node[0].mail.slot, now);
	run(1500);
	for (uint32_t i = 1; i < NODES; i++) {
		assert_int_equal(netipc_name_server(node[i].e, &in, now), NETIPC_OK);
		node[i].of_mail[0] = proxy_of(&node[i], in.proxy);
		post(&node[i], node[i].of_mail[0], local(&node[i].mail, NETIPC_RIGHT_SEND), false);
		run(20);
		node[0].of_mail[i] = node[0].last;
	}
	for (uint32_t i = 1; i < NODES; i++) {
		post(&node[0], node[0].of_mail[i], of_proxy(node[0].of_mail[3 - i], NETIPC_RIGHT_SEND), false);
		run(20);
		node[i].of_mail[3 - i] = node[i].last;
	}
	return 0;
}

static int teardown(void **state)
{
	sim_fake.destroy(world);
	for (uint32_t i = 0; i < NODES; i++)
		free(node[i].memory);
	return 0;
}

/* Node 1 is offered a send-once right of P, and P goes to node 2 before it answers. */
static void given_and_moved(void)
{
	node[1].holds = true;
	post(&node[0], node[0].of_mail[1], local(&node[0].p, NETIPC_RIGHT_SEND_ONCE), false);
	run(20);
	assert_non_null(node[1].held);
	move(&node[0], 2);
	assert_int_equal(node[2].p.count, 1); /* its giver's, in whose message it is */
}

/* Its holder destroys it: P, at node 2, hears of that once, and counts it no more. */
static void destroyed_at(struct node *holder, struct proxy *right)
{
	netipc_proxy_destroy_once(holder->e, right->engine, now);
	run(50);
	assert_int_equal(node[2].p.lost, 1);
	assert_int_equal(node[2].p.count, 0);
}

static void NETIPC0021_given_by_a_home_that_was(void **state)
{
	given_and_moved();
	accept(&node[1], node[1].held);
	run(50);
	assert_int_equal(node[2].p.count, 1);
	destroyed_at(&node[1], node[1].last);
	assert_int_equal(node[0].p.lost, 0);
}

static void NETIPC0022_given_by_a_home_that_was_and_refused(void **state)
{
	given_and_moved();
	netipc_deliver_refuse(node[1].e, node[1].held, NETIPC_REFUSE_NO_MEMORY, now);
	run(50);
	destroyed_at(&node[0], node[0].of_p);
}

/* Home again, as its holder believes; but that home is none any more. */
static void NETIPC0023_taken_home_to_a_home_that_was(void **state)
{
	post(&node[0], node[0].of_mail[1], local(&node[0].p, NETIPC_RIGHT_SEND_ONCE), false);
	run(20);
	node[0].holds = true;
	post(&node[1], node[1].of_mail[0], of_proxy(node[1].last, NETIPC_RIGHT_SEND_ONCE), false);
	run(20);
	assert_non_null(node[0].held);
	move(&node[0], 2);
	accept(&node[0], node[0].held);
	run(50);
	assert_int_equal(node[2].p.count, 1);
	destroyed_at(&node[0], node[0].of_p);
}

static void NETIPC0024_given_and_the_port_went_to_and_fro(void **state)
{
	given_and_moved();
	move(&node[2], 0);
	assert_int_equal(node[0].p.count, 1);
	accept(&node[1], node[1].held);
	run(50);
	post(&node[1], node[1].last, none, true);
	run(50);
	assert_int_equal(node[1].sent, NETIPC_SENT_ACCEPTED);
	assert_int_equal(node[0].p.came, 1);
	assert_int_equal(node[0].p.count, 0);
	assert_int_equal(node[0].p.lost + node[2].p.lost, 0);
}

/* The old home tells the new one, and dies before it can tell the holder: for that it is a dead name. */
static void NETIPC0025_the_home_that_was_dies(void **state)
{
	post(&node[0], node[0].of_mail[1], local(&node[0].p, NETIPC_RIGHT_SEND_ONCE), false);
	run(20);
	sim_fake.cut(world, 0, 1, true);
	move(&node[0], 2);
	assert_int_equal(node[2].p.count, 1);
	sim_fake.crash(world, 0);
	node[0].e = NULL;
	run(9000);
	assert_int_equal(node[2].p.lost, 1);
	assert_int_equal(node[2].p.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(NETIPC0021_given_by_a_home_that_was, setup, teardown),
		cmocka_unit_test_setup_teardown(NETIPC0022_given_by_a_home_that_was_and_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(NETIPC0023_taken_home_to_a_home_that_was, setup, teardown),
		cmocka_unit_test_setup_teardown(NETIPC0024_given_and_the_port_went_to_and_fro, setup, teardown),
		cmocka_unit_test_setup_teardown(NETIPC0025_the_home_that_was_dies, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
