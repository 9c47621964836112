/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_net_move.c - receive rights that go to other nodes, and come from there (design N5; netipc/engine/move.c).
 *
 * Going: the port is in transit with its message, as on one node, and takes messages, until the message is known to be
 *   accepted (net_ports_moved). Then, at once, it is a proxy: its queue goes after it, message by message, by a kernel
 *   worker (the mover), which holds a send right meanwhile; senders here wait for that.
 * Coming: the port, a proxy or new, is ip_arriving: it has a queue and may be received from, but is ip_remote still, so
 *   that what is sent from here waits for what was sent before it, until net_arrived().
 * Messages that were on their way when the port moved are held in order (net_proxy.held), and go again when all that
 *   were out are settled.
 *
 * Invariants: M1 a port's requests are in its message while that is out (net_out.ports), never in the port too.
 */
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_net_impl.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_order.h>
#include <kern/assert.h>
#include <kern/kalloc.h>

#define MOVE_RETRY_NS 2000000ull

/* ---- going ---- */

/* The port is in a message to another node, and its requests with it (M1). */
void net_move_take(struct ipc_port *port, struct netipc_port_state *state, struct ipc_port *requests[2])
{
	ip_lock(port);
	*state = (struct netipc_port_state){ .qlimit = port->ip_qlimit, .make_sends = port->ip_mscount,
					     .ordered = port->ip_order != NULL };
	requests[0] = port->ip_nsrequest;
	requests[1] = port->ip_pdrequest;
	port->ip_nsrequest = port->ip_pdrequest = IP_NULL;
	ip_unlock(port);
}

/* The message came to nothing. Nothing locked. */
void net_move_put_back(struct ipc_port *port, struct ipc_port *requests[2])
{
	ip_lock(port);
	if (ip_active(port)) {
		port->ip_nsrequest = requests[0];
		port->ip_pdrequest = requests[1];
		requests[0] = requests[1] = IP_NULL;
	}
	ip_unlock(port);
	ipc_port_release_right(requests[0], MACH_MSG_TYPE_PORT_SEND_ONCE);
	ipc_port_release_right(requests[1], MACH_MSG_TYPE_PORT_SEND_ONCE);
	requests[0] = requests[1] = IP_NULL;
	if (port->ip_srights == 0 && !(port->ip_exported && ipc_net->has_remote_senders(port)))
		ipc_notify_no_senders(port);
}

static void mover(struct kwork *work);

/*
 * The receive right is on the other node. False: that is dead, and the port with it. net.lock held. The reference
 * of the receive right is the glue's now (G5).
 */
static bool port_moved_locked(struct ipc_port *port, struct net_proxy *np)
{
	struct netipc_moving move = { .port = port, .slot = net_slot(port), .local_onces = port->ip_sorights };

	np->engine = netipc_move(net.engine, &move, clock_now_ns());
	if (np->engine == NULL) {
		zone_free(net.proxy_zone, np);
		return false;
	}
	np->port = np->mover_port = port;
	np->moving = true;
	np->export_there = true; /* EXPORT_GONE comes */
	netipc_proxy_attach(net.engine, np->engine, np);
	ip_lock(port);
	port->ip_remote = true;
	port->ip_proxy = port->ip_mover = np;
	list_splice_tail(&np->queue, &port->ip_messages);
	port->ip_msgcount = port->ip_net_queued = 0;
	port->ip_net_waiting = port->ip_net_full = false;
	port->ip_sorights -= move.abroad;
	port->ip_srights++; /* the mover's */
	ip_reference(port);
	ipc_mqueue_fail_senders(port); /* each sees that the port is away now */
	ip_unlock(port);
	kwork_init(&np->mover, mover, false);
	kworker_submit(&np->mover);
	return true;
}

/* out was accepted, with receive rights: their ports are away. Nothing locked, any context. */
void net_ports_moved(struct net_out *out)
{
	bool any = false;

	for (uint32_t i = 0; i < out->send.right_count; i++) {
		struct ipc_port *port = out->ports[i];
		struct net_proxy *np = out->shells;
		bool moved;

		if (out->rights[i].kind != NETIPC_RIGHT_RECEIVE)
			continue;
		out->shells = np->spare;
		np->spare = NULL;
		ip_reference(port); /* of this function */
		spin_lock(&net.lock);
		moved = port_moved_locked(port, np);
		net_rearm_locked(netipc_deadline(net.engine));
		spin_unlock(&net.lock);
		if (moved) {
			ipc_port_end_transit(port);
			out->ports[i] = IP_NULL;
			any = true;
		}
		ip_release(port);
		i += 2; /* its requests */
	}
	if (any)
		net_out_forget_moved(out);
}

/* One message of the queue follows its port. */
static void follow(struct net_proxy *np, struct ipc_kmsg *kmsg)
{
	for (;;) {
		mach_msg_return_t mr = net_send_moved(kmsg);

		if (mr == MACH_MSG_SUCCESS)
			return;
		if (mr != MACH_SEND_NO_BUFFER && mr != MACH_SEND_TIMED_OUT && mr != MACH_SEND_INTERRUPTED) {
			kmsg->ikm_arrived = mr == MACH_SEND_INVALID_DEST;
			ipc_kmsg_destroy(kmsg);
			return;
		}
		spin_lock(&net.lock);
		(void)waitq_block(&np->moved, &net.lock, WAIT_UNINTERRUPTIBLE, clock_now_ns() + MOVE_RETRY_NS);
	}
}

static void mover(struct kwork *work)
{
	struct net_proxy *np = container_of(work, struct net_proxy, mover);
	struct ipc_port *port = np->mover_port; /* np->port is cleared if the proxy dies */

	spin_lock(&net.lock);
	for (;;) {
		struct ipc_kmsg *kmsg = list_first(&np->queue, struct ipc_kmsg, ikm_link);

		if (kmsg != NULL) {
			list_remove(&kmsg->ikm_link);
			spin_unlock(&net.lock);
			follow(np, kmsg);
			spin_lock(&net.lock);
		} else if (np->export_there) { /* memory of its last messages is being read yet */
			(void)waitq_block(&np->moved, &net.lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
			spin_lock(&net.lock);
		} else {
			break;
		}
	}
	np->moving = false;
	if (np->engine != NULL)
		netipc_move_end(net.engine, np->engine, clock_now_ns());
	waitq_wake_all(&np->senders);
	net_held_flush_locked(np);
	net_proxy_put_locked(np);
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
	ipc_port_release_send(port);
	net_drain(true);
}

/* The export of a port that moved away is gone: no message for it comes in any more. net.lock held. */
void net_move_export_gone_locked(struct ipc_port *port)
{
	struct net_proxy *np = port->ip_mover;

	if (np == NULL || !np->export_there)
		return;
	port->ip_mover = NULL;
	np->export_there = false;
	waitq_wake_all(&np->moved);
}

/* A message that was accepted before its port moved, and has all its memory now: it follows. False: it cannot. */
bool net_move_follow(struct ipc_kmsg *kmsg)
{
	struct ipc_port *port = kmsg->ikm_remote_port;
	struct net_proxy *np;
	bool follows;

	spin_lock(&net.lock);
	np = port->ip_mover;
	follows = np != NULL && np->export_there;
	if (follows) {
		list_add_tail(&np->queue, &kmsg->ikm_link);
		waitq_wake_all(&np->moved);
	}
	spin_unlock(&net.lock);
	return follows;
}

/* ---- coming ---- */

/* A receive right came with an accepted message; *spares as in net_right_take_locked(). Returns its port, +1. */
struct ipc_port *net_move_arrive_locked(const struct netipc_right_in *in, struct net_proxy **spares)
{
	struct net_proxy *np = netipc_proxy_cookie(in->proxy);
	struct ipc_order *order = in->state.ordered ? ipc_order_create() : NULL;
	struct ipc_port *port;

	if (np == NULL) {
		np = *spares;
		*spares = np->spare;
		np->engine = in->proxy;
		netipc_proxy_attach(net.engine, in->proxy, np);
	}
	port = np->port;
	ip_lock(port);
	port->ip_arriving = true;
	port->ip_qlimit = in->state.qlimit <= MACH_PORT_QLIMIT_MAX ? in->state.qlimit : MACH_PORT_QLIMIT_MAX;
	port->ip_mscount = in->state.make_sends;
	port->ip_order = order;
	ip_reference(port);
	ip_unlock(port);
	netipc_arrive(net.engine, in->proxy, port, net_slot(port));
	if (*net_slot(port) != NULL)
		net_export_made_locked(port);
	return port;
}

/* Its requests, send-once rights, which came behind it. */
void net_move_requests(struct ipc_port *port, struct ipc_port *requests[2])
{
	if (IP_VALID(port)) {
		ip_lock(port);
		if (ip_active(port)) {
			port->ip_nsrequest = IP_VALID(requests[0]) ? requests[0] : IP_NULL;
			port->ip_pdrequest = IP_VALID(requests[1]) ? requests[1] : IP_NULL;
			requests[0] = requests[1] = IP_NULL;
		}
		ip_unlock(port);
	}
	ipc_port_release_right(requests[0], MACH_MSG_TYPE_PORT_SEND_ONCE);
	ipc_port_release_right(requests[1], MACH_MSG_TYPE_PORT_SEND_ONCE);
}

/* All that was sent before is in the port's queue. Thread context; the engine's proxy has let go if dead. */
void net_arrived(struct net_proxy *np)
{
	struct ipc_port *port;

	spin_lock(&net.lock);
	port = np->port;
	while (!list_empty(&np->held)) {
		struct net_out *out = list_first(&np->held, struct net_out, link);

		list_remove(&out->link);
		spin_unlock(&net.lock);
		net_out_deliver_here(out);
		spin_lock(&net.lock);
	}
	ip_lock(port);
	port->ip_remote = port->ip_arriving = false;
	ip_unlock(port);
	port = net_proxy_detach_locked(np);
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
	ip_release(port);
}
