/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peers.h - for test programs that have the peers of several nodes (peer.c) pass rights around: what a peer is told to do with a name of
 * its own task. A call that fails ends the test; what the peer's own call gave is the result.
 */
#pragma once

#include "node.h"

#include <tests/peer.h>

#define PATIENCE 5000u /* ms for what must come */
#define SILENCE 300u   /* ms without what must not come */

static inline mach_port_name_t make(mach_port_t peer)
{
	mach_port_name_t name = MACH_PORT_NULL;

	node_must(peer_make(peer, &name), "peer_make");
	return name;
}

static inline mach_port_name_t hand(mach_port_t from, mach_port_name_t name, mach_msg_type_name_t disposition, mach_port_t to)
{
	mach_port_name_t kept = MACH_PORT_NULL;

	node_must(peer_hand(from, name, disposition, to, &kept), "peer_hand");
	return kept;
}

static inline int send_to(mach_port_t peer, mach_port_name_t name, mach_msg_type_name_t disposition, mach_msg_id_t id)
{
	int got = -1;

	node_must(peer_send(peer, name, disposition, id, MACH_PORT_NULL, 0, 1000, &got), "peer_send");
	return got;
}

/* The id of the message that comes to a port; 0: none within ms. *number: the notification's. */
static inline mach_msg_id_t next(mach_port_t peer, mach_port_name_t name, unsigned ms, natural_t *number)
{
	natural_t unused;
	mach_msg_id_t id = 0;
	int got = 0;

	node_must(peer_receive(peer, name, ms, &got, &id, number != NULL ? number : &unused), "peer_receive");
	return got == MACH_MSG_SUCCESS ? id : 0;
}

static inline void notify(mach_port_t peer, mach_port_name_t name, mach_msg_id_t id, natural_t sync, mach_port_name_t to)
{
	int got = -1;

	node_must(peer_notify(peer, name, id, sync, to, &got), "peer_notify");
	node_must(got, "mach_port_request_notification");
}

static inline int refs(mach_port_t peer, mach_port_name_t name, mach_port_right_t right, int delta)
{
	int got = -1;

	node_must(peer_refs(peer, name, right, delta, &got), "peer_refs");
	return got;
}

static inline void drop(mach_port_t peer, mach_port_name_t name)
{
	node_must(refs(peer, name, MACH_PORT_RIGHT_SEND, -1), "dropping a send right");
}

static inline void kill_port(mach_port_t peer, mach_port_name_t name)
{
	node_must(refs(peer, name, MACH_PORT_RIGHT_RECEIVE, -1), "destroying a port");
}

struct state {
	mach_port_type_t type;
	natural_t refs, mscount, sorights, names;
};

static inline struct state state(mach_port_t peer, mach_port_name_t name)
{
	struct state s = { 0 };

	node_must(peer_state(peer, name, &s.type, &s.refs, &s.mscount, &s.sorights, &s.names), "peer_state");
	return s;
}
