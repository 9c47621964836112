/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_net.c - the network glue's middle: what kernel/ipc calls, what the engine calls up. See ipc_net_impl.h.
 */
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_net_impl.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_right.h>
#include <kern/assert.h>
#include <kern/host.h>
#include <kern/kalloc.h>
#include <kern/printf.h>
#include <kern/thread.h>
#include <mach/host_special_ports.h>

struct net net = { .lock = SPINLOCK_INIT("net") };

/* ---- exports: local ports that other nodes hold rights to ---- */

/*
 * The engine has made an export of port (its slot was NULL before): G3. A port that died between the look at
 * it and now has not told us; tell the engine.
 */
void net_export_made_locked(struct ipc_port *port)
{
	bool active;

	ip_reference(port);
	ip_lock(port);
	active = ip_active(port);
	port->ip_exported = true;
	ip_unlock(port);
	if (!active)
		netipc_export_destroyed(net.engine, *net_slot(port), clock_now_ns());
}

static void export_gone(struct ipc_port *port)
{
	spin_lock(&net.lock);
	net_move_export_gone_locked(port);
	if (*net_slot(port) == NULL) {
		ip_lock(port);
		port->ip_exported = false;
		port->ip_net_waiting = false;
		ip_unlock(port);
	}
	spin_unlock(&net.lock);
	ip_release(port);
}

static void port_died(struct ipc_port *port)
{
	spin_lock(&net.lock);
	if (*net_slot(port) != NULL)
		netipc_export_destroyed(net.engine, *net_slot(port), clock_now_ns());
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
	net_drain(false);
}

static bool has_remote_senders(struct ipc_port *port)
{
	bool has;

	spin_lock(&net.lock);
	has = *net_slot(port) != NULL && netipc_export_has_senders(*net_slot(port));
	spin_unlock(&net.lock);
	return has;
}

static void slot_freed(struct ipc_port *port)
{
	struct netipc_export *x;

	spin_lock(&net.lock);
	x = *net_slot(port);
	if (x != NULL)
		netipc_slot_freed(net.engine, x, clock_now_ns());
	if (x == NULL || !netipc_export_has_waiting(x)) {
		ip_lock(port);
		port->ip_net_waiting = false;
		ip_unlock(port);
	}
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
	net_drain(false);
}

static void want_room(struct ipc_port *port)
{
	bool full = ipc_mqueue_full(port); /* then slot_freed() comes */

	spin_lock(&net.lock);
	if (!full && *net_slot(port) != NULL)
		netipc_room(net.engine, *net_slot(port), clock_now_ns());
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
}

/* ---- proxies ---- */

/* A sender by np was turned away, and wants to know when it is worth another try. */
void net_want_room_locked(struct net_proxy *np)
{
	if (np == NULL || np->engine == NULL)
		return;
	ip_lock(np->port);
	np->port->ip_net_full = true;
	ip_unlock(np->port);
	netipc_want_room(net.engine, np->engine, clock_now_ns());
}

static void room_there(struct ipc_port *port)
{
	ip_lock(port);
	port->ip_net_full = false;
	ip_unlock(port);
	ipc_right_send_possible(port);
	ip_release(port);
}

/* The glue's side of a proxy, as yet without a port. */
struct net_proxy *net_proxy_shell(void)
{
	struct net_proxy *np = zone_alloc_zeroed(net.proxy_zone);

	if (np == NULL)
		return NULL;
	waitq_init(&np->senders);
	waitq_init(&np->moved);
	list_init(&np->idle_link);
	list_init(&np->held);
	list_init(&np->starved_link);
	list_init(&np->queue);
	return np;
}

/* A proxy port without rights, referenced once for the glue. NULL: no memory. */
struct net_proxy *net_proxy_make(void)
{
	struct net_proxy *np = net_proxy_shell();

	if (np == NULL)
		return NULL;
	np->port = ipc_port_alloc_proxy(np);
	if (np->port == NULL) {
		zone_free(net.proxy_zone, np);
		return NULL;
	}
	return np;
}

/* Never used. Any context. */
void net_proxy_unmake(struct net_proxy *spares)
{
	while (spares != NULL) {
		struct net_proxy *next = spares->spare;

		if (spares->port != NULL) {
			ip_lock(spares->port);
			spares->port->ip_object.io_active = false;
			ip_unlock(spares->port);
			ip_release(spares->port);
		}
		zone_free(net.proxy_zone, spares);
		spares = next;
	}
}

/* Let go of a detached one, now or when the last waiting sender has left it. */
void net_proxy_put_locked(struct net_proxy *np)
{
	if (np->engine != NULL || np->waiters > 0 || np->outstanding > 0 || np->moving || !list_empty(&np->held))
		return;
	list_remove(&np->idle_link);
	list_remove(&np->starved_link);
	zone_free(net.proxy_zone, np);
}

/* The port of np is nobody's proxy any more; its glue reference is the caller's. */
struct ipc_port *net_proxy_detach_locked(struct net_proxy *np)
{
	struct ipc_port *port = np->port;

	netipc_proxy_detach(net.engine, np->engine, clock_now_ns());
	np->engine = NULL;
	np->port = NULL;
	port->ip_proxy = NULL;
	waitq_wake_all(&np->senders);
	net_held_flush_locked(np);
	net_proxy_put_locked(np);
	return port;
}

/* Let np go if nobody here holds a right of it. */
static void proxy_drop_locked(struct net_proxy *np)
{
	struct ipc_port *port = np->port;
	bool held;

	ip_lock(port);
	held = port->ip_srights > 0 || port->ip_sorights > 0 || port->ip_arriving;
	/* Nobody holds it: no requests, no waiters; it just is not alive any more. */
	if (!held)
		port->ip_object.io_active = false;
	ip_unlock(port);
	if (!held)
		ip_release(net_proxy_detach_locked(np));
}

void net_idle_expire_locked(void)
{
	struct list now;

	list_init(&now);
	list_splice_tail(&now, &net.idle);
	net.idle_ns = 0;
	while (!list_empty(&now)) {
		struct net_proxy *np = list_first(&now, struct net_proxy, idle_link);

		list_remove(&np->idle_link);
		if (np->engine != NULL)
			proxy_drop_locked(np);
	}
}

static void proxy_idle_locked(struct net_proxy *np)
{
	if (!list_empty(&np->idle_link))
		return;
	list_add_tail(&net.idle, &np->idle_link);
	if (net.idle_ns != 0)
		return;
	net.idle_ns = clock_now_ns() + NET_IDLE_NS;
	net_rearm_locked(net.idle_ns);
}

static void proxy_no_rights(struct ipc_port *port)
{
	struct net_proxy *np;

	spin_lock(&net.lock);
	np = port->ip_arriving ? NULL : port->ip_proxy;
	if (np != NULL && np->engine != NULL && netipc_proxy_idle(np->engine)) {
		proxy_idle_locked(np);
		spin_unlock(&net.lock);
		return;
	}
	if (np != NULL && np->engine != NULL && port->ip_srights == 0) {
		if (port->ip_sorights == 0)
			proxy_drop_locked(np);
		else
			netipc_proxy_no_sends(net.engine, np->engine, clock_now_ns());
	}
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
	net_drain(false);
}

static bool sonce_destroyed(struct ipc_port *port)
{
	bool live;

	spin_lock(&net.lock);
	live = net_is_live_proxy(port);
	if (live) {
		struct net_proxy *np = port->ip_proxy;

		netipc_proxy_destroy_once(net.engine, np->engine, clock_now_ns());
		net_rearm_locked(netipc_deadline(net.engine));
	}
	spin_unlock(&net.lock);
	net_drain(false);
	return live;
}

bool net_is_live_proxy(struct ipc_port *port)
{
	struct net_proxy *np = ip_is_away(port) ? port->ip_proxy : NULL;

	return np != NULL && np->engine != NULL;
}

/*
 * A right that came with an accepted message, as a right of this node. *spares: made proxies, linked by spare;
 * one is used if the port has none yet.
 */
struct ipc_port *net_right_take_locked(const struct netipc_right_in *in, struct net_proxy **spares)
{
	struct ipc_port *port = in->port;
	struct net_proxy *np;

	if (in->kind == NETIPC_RIGHT_NULL)
		return IP_NULL;
	if (in->kind == NETIPC_RIGHT_DEAD)
		return IP_DEAD;
	if (in->kind == NETIPC_RIGHT_RECEIVE)
		return net_move_arrive_locked(in, spares);
	if (port != NULL) {
		ip_lock(port);
		if (!ip_active(port)) {
			ip_unlock(port);
			return IP_DEAD;
		}
		if (in->kind == NETIPC_RIGHT_SEND)
			port->ip_srights++; /* a send-once right is counted already: G4 */
		ip_reference(port);
		ip_unlock(port);
		return port;
	}
	np = netipc_proxy_cookie(in->proxy);
	if (np == NULL) {
		np = *spares;
		*spares = np->spare;
		np->engine = in->proxy;
		netipc_proxy_attach(net.engine, in->proxy, np);
	}
	port = np->port;
	ip_lock(port);
	if (in->kind == NETIPC_RIGHT_SEND)
		port->ip_srights++;
	else
		port->ip_sorights++;
	ip_reference(port);
	ip_unlock(port);
	return port;
}

/* A right that went abroad with an accepted message: what it was here is over. May fire no-senders. */
void net_right_gone(struct ipc_port *port, mach_msg_type_name_t type)
{
	if (!IP_VALID(port))
		return;
	if (type == MACH_MSG_TYPE_PORT_SEND)
		ipc_port_release_send(port);
	else if (type == MACH_MSG_TYPE_PORT_RECEIVE)
		ipc_port_release_right(port, type); /* its node died: it is dead */
	else if (ip_is_away(port))
		ipc_port_release_sonce(port);
	else
		ip_release(port); /* G4 */
}

/* ---- dead messages, destroyed when a thread passes by ---- */

static void reap_soon_locked(void)
{
	if (net.reap_ns == 0)
		net.reap_ns = clock_now_ns();
	if (++net.reap_count > NET_REAP_MAX && !net.reap_submitted) {
		net.reap_submitted = true;
		kworker_submit(&net.reap_work);
	}
	net_rearm_locked(net.reap_ns + NET_REAP_NS);
}

void net_reap_out_locked(struct net_out *out)
{
	list_add_tail(&net.reap, &out->link);
	reap_soon_locked();
}

void net_reap_kmsg(struct ipc_kmsg *kmsg)
{
	spin_lock(&net.lock);
	list_add_tail(&net.reap_kmsgs, &kmsg->ikm_link);
	reap_soon_locked();
	spin_unlock(&net.lock);
}

/* Thread context, nothing locked. */
void net_reap(void)
{
	struct list outs, kmsgs;

	list_init(&outs);
	list_init(&kmsgs);
	spin_lock(&net.lock);
	list_splice_tail(&outs, &net.reap);
	list_splice_tail(&kmsgs, &net.reap_kmsgs);
	net.reap_count = 0;
	net.reap_ns = 0;
	spin_unlock(&net.lock);
	while (!list_empty(&outs)) {
		struct net_out *out = list_first(&outs, struct net_out, link);

		list_remove(&out->link);
		net_out_free(out);
	}
	while (!list_empty(&kmsgs)) {
		struct ipc_kmsg *kmsg = list_first(&kmsgs, struct ipc_kmsg, ikm_link);

		list_remove(&kmsg->ikm_link);
		ipc_kmsg_destroy(kmsg);
	}
}

/* ---- the name server ---- */

/* What the host's special port is to be: another node's name server, or none. Thread context. */
static void name_server_changed(void)
{
	struct netipc_right_in in = { .kind = NETIPC_RIGHT_NULL };
	struct net_proxy *spare = net_proxy_make();
	struct ipc_port *port = IP_NULL;
	bool own;

	spin_lock(&net.lock);
	own = net.own_name_server;
	if (spare != NULL && !own && netipc_name_server(net.engine, &in, clock_now_ns()) == NETIPC_OK)
		port = net_right_take_locked(&in, &spare);
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
	net_proxy_unmake(spare);
	if (!own)
		host_special_port_set(HOST_NAME_SERVER_PORT, port);
}

static void name_server_set(struct ipc_port *port)
{
	bool had;

	if (IP_VALID(port) && ip_is_away(port))
		return; /* learned, not ours */
	spin_lock(&net.lock);
	if (IP_VALID(port)) {
		had = *net_slot(port) != NULL;
		net.own_name_server = netipc_set_name_server(net.engine, port, net_slot(port),
							     clock_now_ns()) == NETIPC_OK;
		if (!had && *net_slot(port) != NULL)
			net_export_made_locked(port);
	} else if (net.own_name_server) {
		net.own_name_server = false;
		(void)netipc_set_name_server(net.engine, NULL, NULL, clock_now_ns());
	}
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
	net_drain(false);
}

/* ---- upcalls ---- */

static bool wants_thread(enum netipc_upcall_kind kind, bool pulls)
{
	switch (kind) {
	case NETIPC_UP_PULLED:
	case NETIPC_UP_NO_SENDERS:
	case NETIPC_UP_ONCE_LOST:
	case NETIPC_UP_PROXY_DEAD:
	case NETIPC_UP_NAME_SERVER:
	case NETIPC_UP_PROXY_ROOM:
	case NETIPC_UP_ARRIVED:
		return true;
	default:
		return pulls;
	}
}

static void log_node(const struct netipc_upcall *u, const char *what)
{
	kprintf("net: node %u.%u.%u.%u %s\n", u->node >> 24, u->node >> 16 & 255, u->node >> 8 & 255,
		u->node & 255, what);
}

static void proxy_moved(struct net_proxy *np)
{
	spin_lock(&net.lock);
	waitq_wake_all(&np->senders);
	net_held_flush_locked(np);
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
}

static void upcall(const struct netipc_upcall *u)
{
	struct ipc_port *port = u->cookie;

	switch (u->kind) {
	case NETIPC_UP_DELIVER:
		net_deliver(&u->deliver);
		break;
	case NETIPC_UP_PULLED:
		net_pulled(u->cookie, u->status);
		break;
	case NETIPC_UP_SENT:
		net_sent(u);
		break;
	case NETIPC_UP_RELEASED:
		net_released(u->cookie);
		break;
	case NETIPC_UP_NO_SENDERS:
		ipc_notify_no_senders(port);
		break;
	case NETIPC_UP_ONCE_LOST:
		ip_reference(port); /* G4 */
		ipc_notify_send_once(port);
		break;
	case NETIPC_UP_WANT_ROOM:
		want_room(port);
		break;
	case NETIPC_UP_PROXY_ROOM:
		room_there(port);
		break;
	case NETIPC_UP_EXPORT_GONE:
		export_gone(port);
		break;
	case NETIPC_UP_ONCES_CAME: /* G4 */
		port->ip_sorights += (uint32_t)u->status;
		break;
	case NETIPC_UP_PROXY_MOVED:
		proxy_moved(u->cookie);
		break;
	case NETIPC_UP_ARRIVED:
		net_arrived(u->cookie);
		break;
	case NETIPC_UP_PROXY_DEAD: /* detached already: port is its port, with the glue's reference */
		ipc_port_proxy_dead(port);
		ip_release(port);
		break;
	case NETIPC_UP_NODE_UP:
		log_node(u, "is up");
		break;
	case NETIPC_UP_NODE_DOWN:
		log_node(u, "is down");
		break;
	case NETIPC_UP_NAME_SERVER:
		name_server_changed();
		break;
	case NETIPC_UP_ROOM:
		net_room();
		break;
	case NETIPC_UP_FENCED:
		kprintf("net: the cluster went on without this node; it joins again\n");
		break;
	default:
		break;
	}
}

/* Handle the engine's upcalls, unless somebody does (G2). Nothing locked. */
void net_drain(bool in_thread)
{
	struct netipc_upcall u;
	enum netipc_upcall_kind kind;
	bool pulls;

	spin_lock(&net.lock);
	if (net.draining) {
		spin_unlock(&net.lock);
		return;
	}
	net.draining = true;
	while ((kind = netipc_peek_upcall(net.engine, &pulls)) != NETIPC_UP_NONE) {
		if (!in_thread && wants_thread(kind, pulls)) {
			if (!net.drain_submitted)
				kworker_submit(&net.drain_work);
			net.drain_submitted = true;
			break;
		}
		if (!netipc_next_upcall(net.engine, &u))
			break;
		if (u.kind == NETIPC_UP_PROXY_DEAD && ((struct net_proxy *)u.cookie)->port->ip_arriving)
			u.kind = NETIPC_UP_ARRIVED; /* it came from there in time */
		if (u.kind == NETIPC_UP_PROXY_DEAD) /* before anybody else can */
			u.cookie = net_proxy_detach_locked(u.cookie);
		if (u.kind == NETIPC_UP_PROXY_ROOM) {
			u.cookie = ((struct net_proxy *)u.cookie)->port;
			ip_reference(u.cookie);
		}
		spin_unlock(&net.lock);
		upcall(&u);
		spin_lock(&net.lock);
	}
	net.draining = false;
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
}

const struct ipc_net_ops net_ops = {
	.send = net_send,
	.proxy_no_rights = proxy_no_rights,
	.sonce_destroyed = sonce_destroyed,
	.port_died = port_died,
	.has_remote_senders = has_remote_senders,
	.slot_freed = slot_freed,
	.name_server = name_server_set,
	.info = net_info,
};
