/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_port.c - the life and death of ports, their rights' counts and requests. Interface: ipc_port.h.
 *
 * Locking: a function that sends a notification does so with nothing locked; it first takes the request
 *   off the port under the lock, so each request fires once.
 * References: OSF Mach kernel principles, ch. 4; Draves, "A revised IPC interface" (1990).
 */
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_order.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_pset.h>
#include <ipc/ipc_space.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>

#include "ipc_zones.h"

void (*ipc_port_timer_died)(void *timer);
void (*ipc_port_awaited_died)(struct ipc_port *port);

struct zone *ipc_port_zone;
struct zone *ipc_request_zone;

/*
 * Guards ip_destination of all ports: the walk up a chain of messages in messages sees it at rest.
 * Receive rights in messages are rare, so one lock serves.
 */
static struct spinlock ipc_port_chain_lock = SPINLOCK_INIT("ipc port chain");

void ipc_port_init_zones(void)
{
	ipc_port_zone = zone_create("ipc ports", sizeof(struct ipc_port), 64);
	ipc_request_zone = zone_create("ipc requests", sizeof(struct ipc_request), 0);
}

static struct ipc_port *port_new(void)
{
	struct ipc_port *port = zone_alloc_zeroed(ipc_port_zone);

	if (!port)
		return NULL;
	spin_init(&port->ip_object.io_lock, "ipc port");
	port->ip_object.io_references = 1;
	port->ip_object.io_kind = IOT_PORT;
	port->ip_object.io_active = true;
	port->ip_qlimit = MACH_PORT_QLIMIT_DEFAULT;
	list_init(&port->ip_messages);
	waitq_init(&port->ip_receivers);
	waitq_init(&port->ip_senders);
	list_init(&port->ip_psets);
	list_init(&port->ip_requests);
	return port;
}

struct ipc_port *ipc_port_alloc_in_space(struct ipc_space *space, mach_port_name_t name)
{
	struct ipc_port *port = port_new();

	if (!port)
		return NULL;
	ip_lock(port);
	port->ip_receiver = space;
	port->ip_receiver_name = name;
	return port;
}

struct ipc_port *ipc_port_alloc_special(struct ipc_space *space)
{
	struct ipc_port *port = port_new();

	if (port) {
		port->ip_receiver = space;
		port->ip_receiver_name = 1;
	}
	return port;
}

struct ipc_port *ipc_port_alloc_proxy(void *net)
{
	struct ipc_port *port = port_new();

	if (port) {
		port->ip_remote = true;
		port->ip_proxy = net;
	}
	return port;
}

void ipc_port_clear_receiver(struct ipc_port *port, mach_msg_return_t why)
{
	spin_assert_held(&port->ip_object.io_lock);
	if (!list_empty(&port->ip_psets))
		ipc_pset_remove_from_all(port, NULL);
	ipc_mqueue_fail_receivers(&port->ip_receivers, why);
	port->ip_receiver = NULL;
	port->ip_receiver_name = MACH_PORT_NULL;
	port->ip_mscount = 0;
	port->ip_seqno = 0;
	port->ip_context = 0;
	port->ip_guarded = port->ip_strict_guard = port->ip_immovable_receive = false;
}

static void free_spares(struct list *spares)
{
	LIST_FOR_EACH_SAFE(l, tmp, spares)
		zone_free(ipc_request_zone, container_of(l, struct ipc_request, link));
}

struct ipc_port_reserve *ipc_port_reserve_alloc(void)
{
	struct ipc_port_reserve *reserve = kalloc_zeroed(sizeof *reserve);

	if (reserve)
		list_init(&reserve->spares);
	return reserve;
}

void ipc_port_reserve_free(struct ipc_port_reserve *reserve)
{
	if (!reserve)
		return;
	free_spares(&reserve->spares);
	if (reserve->premsg)
		ipc_kmsg_prealloc_free(reserve->premsg);
	kfree(reserve, sizeof *reserve);
}

/* Fire the requests of a dead port, all of which ask for this; list is off the port. */
static void fire_dead_names(struct list *requests)
{
	LIST_FOR_EACH_SAFE(l, tmp, requests) {
		struct ipc_request *request = container_of(l, struct ipc_request, link);

		ipc_notify_dead_name(request->notify, request->name);
		zone_free(ipc_request_zone, request);
	}
}

/* The port, locked, dies; unlocks it. */
static void port_die(struct ipc_port *port)
{
	struct list messages, requests;
	struct ipc_port *nsrequest, *pdrequest;
	void *timer = port->ip_kotype == IKOT_TIMER ? port->ip_kobject : NULL;
	struct ipc_order *order;
	struct ipc_port_reserve *reserve;
	bool exported, awaited;

	list_init(&messages);
	list_init(&requests);
	port->ip_object.io_active = false;
	list_splice_tail(&messages, &port->ip_messages);
	list_splice_tail(&requests, &port->ip_requests);
	port->ip_request_count = 0;
	port->ip_sp_armed = 0;
	port->ip_msgcount = 0;
	port->ip_net_queued = 0;
	nsrequest = port->ip_nsrequest;
	pdrequest = port->ip_pdrequest;
	port->ip_nsrequest = port->ip_pdrequest = NULL;
	port->ip_kobject = NULL;
	port->ip_kotype = 0;
	exported = port->ip_exported;
	awaited = port->ip_awaited;
	reserve = port->ip_reserve;
	port->ip_reserve = NULL;
	order = port->ip_order;
	port->ip_order = NULL;
	ipc_mqueue_fail_senders(port);
	ip_unlock(port);
	ipc_order_free(order);

	LIST_FOR_EACH_SAFE(l, tmp, &messages) {
		list_remove(l);
		ipc_kmsg_defer(container_of(l, struct ipc_kmsg, ikm_link), false);
	}
	if (timer)
		ipc_port_timer_died(timer);
	if (awaited)
		ipc_port_awaited_died(port);
	ipc_notify_send_once(nsrequest);
	ipc_notify_send_once(pdrequest);
	fire_dead_names(&requests);
	ipc_port_reserve_free(reserve);
	if (exported && ipc_net)
		ipc_net->port_died(port);
	ipc_kmsg_run_deferred();
}

void ipc_port_destroy(struct ipc_port *port)
{
	struct ipc_port *notify;

	ip_lock(port);
	VERIFY(ip_active(port));
	KASSERT(port->ip_receiver == NULL && list_empty(&port->ip_psets));
	notify = port->ip_pdrequest;
	if (notify) {
		port->ip_pdrequest = NULL;
		ip_unlock(port);
		ipc_notify_port_destroyed(notify, port);
		return;
	}
	port_die(port);
	ip_release(port);
}

void ipc_port_dealloc_special(struct ipc_port *port)
{
	ip_lock(port);
	ipc_port_clear_receiver(port, MACH_RCV_PORT_DIED);
	port_die(port);
	ip_release(port);
}

void ipc_port_proxy_dead(struct ipc_port *proxy)
{
	ip_lock(proxy);
	if (!ip_active(proxy)) {
		ip_unlock(proxy);
		return;
	}
	VERIFY(ip_is_away(proxy));
	port_die(proxy);
}

bool ipc_port_check_circularity(struct ipc_port *port, struct ipc_port *dest)
{
	struct ipc_port *base = dest;

	spin_lock(&ipc_port_chain_lock);
	while (base != port && base->ip_destination)
		base = base->ip_destination;
	if (base == port) {
		spin_unlock(&ipc_port_chain_lock);
		return true;
	}
	KASSERT(port->ip_destination == NULL);
	ip_reference(dest);
	port->ip_destination = dest;
	spin_unlock(&ipc_port_chain_lock);
	return false;
}

void ipc_port_end_transit(struct ipc_port *port)
{
	struct ipc_port *dest;

	spin_lock(&ipc_port_chain_lock);
	dest = port->ip_destination;
	port->ip_destination = NULL;
	spin_unlock(&ipc_port_chain_lock);
	if (dest)
		ip_release(dest);
}

struct ipc_port *ipc_port_make_send(struct ipc_port *port)
{
	return ip_active(port) ? ipc_port_make_send_locked(port) : IP_DEAD;
}

struct ipc_port *ipc_port_make_sonce(struct ipc_port *port)
{
	return ip_active(port) ? ipc_port_make_sonce_locked(port) : IP_DEAD;
}

struct ipc_port *ipc_port_copy_send(struct ipc_port *port)
{
	if (!IP_VALID(port))
		return port;
	return ip_active(port) ? ipc_port_copy_send_held(port) : IP_DEAD;
}

ipc_kobject_no_senders_t ipc_kobject_no_senders_calls[IKOT_COUNT];

void ipc_kobject_no_senders(struct ipc_port *port)
{
	ipc_kobject_no_senders_t call;

	ip_lock(port);
	call = ip_active(port) && port->ip_srights == 0 ? ipc_kobject_no_senders_calls[port->ip_kotype] : NULL;
	ip_unlock(port);
	if (call != NULL)
		call(port);
}

/* No send right is left here: the request fires unless other nodes hold rights. A reference is held. */
static void no_senders_here(struct ipc_port *port, bool exported)
{
	if (exported && ipc_net && ipc_net->has_remote_senders(port))
		return;
	ipc_notify_no_senders(port);
}

/* The count fell to 0. It may have risen again since; then the next fall is told. A reference is held. */
static __attribute__((noinline, cold)) void last_send_right_gone(struct ipc_port *port)
{
	bool gone, exported, remote, requested;

	ip_lock(port);
	gone = ip_active(port) && port->ip_srights == 0;
	exported = port->ip_exported;
	remote = port->ip_remote;
	requested = port->ip_nsrequest != IP_NULL || ipc_kobject_no_senders_calls[port->ip_kotype] != NULL;
	ip_unlock(port);
	if (!gone)
		return;
	if (requested || exported)
		no_senders_here(port, exported);
	if (remote && ipc_net)
		ipc_net->proxy_no_rights(port);
}

void ipc_port_release_send(struct ipc_port *port)
{
	uint32_t before;

	if (!IP_VALID(port))
		return;
	before = atomic_fetch_sub(&port->ip_srights, 1);
	VERIFY(before > 0);
	if (before == 1)
		last_send_right_gone(port);
	ip_release(port);
}

void ipc_port_release_sonce(struct ipc_port *port)
{
	uint32_t before;

	if (!IP_VALID(port))
		return;
	before = atomic_fetch_sub(&port->ip_sorights, 1);
	VERIFY(before > 0);
	if (__builtin_expect(before == 1, 1) && __builtin_expect(port->ip_remote, 0) && port->ip_srights == 0 && ip_active(port) && ipc_net)
		ipc_net->proxy_no_rights(port);
	ip_release(port);
}

__attribute__((noinline)) void ipc_port_release_right(struct ipc_port *port, mach_msg_type_name_t type)
{
	if (!IP_VALID(port))
		return;
	switch (type) {
	case MACH_MSG_TYPE_PORT_SEND:
		ipc_port_release_send(port);
		break;
	case MACH_MSG_TYPE_PORT_SEND_ONCE:
		ipc_notify_send_once(port);
		break;
	case MACH_MSG_TYPE_PORT_RECEIVE:
		ipc_port_end_transit(port);
		ipc_port_destroy(port);
		break;
	default:
		panic("ipc_port_release_right: type %u", type);
	}
}

void ipc_port_nsrequest(struct ipc_port *port, mach_port_mscount_t sync, struct ipc_port *notify,
			struct ipc_port **previous)
{
	bool now, exported = port->ip_exported;

	*previous = port->ip_nsrequest;
	port->ip_nsrequest = notify;
	now = notify && port->ip_srights == 0 && sync <= port->ip_mscount;
	ip_reference(port);
	ip_unlock(port);
	if (now)
		no_senders_here(port, exported);
	ip_release(port);
}

void ipc_port_pdrequest(struct ipc_port *port, struct ipc_port *notify, struct ipc_port **previous)
{
	*previous = port->ip_pdrequest;
	port->ip_pdrequest = notify;
	ip_unlock(port);
}

struct ipc_request *ipc_port_request_alloc(struct ipc_port *port, struct ipc_space *space,
					   mach_port_name_t name, struct ipc_port *notify)
{
	struct ipc_port_reserve *reserve = port->ip_reserve;
	struct ipc_request *request;

	spin_assert_held(&port->ip_object.io_lock);
	if (!reserve || reserve->spare_count == 0) {
		request = zone_alloc(ipc_request_zone);
		if (!request)
			return NULL;
	} else {
		request = list_first(&reserve->spares, struct ipc_request, link);
		list_remove(&request->link);
		reserve->spare_count--;
	}
	*request = (struct ipc_request){ .notify = notify, .space = space, .name = name };
	list_add_tail(&port->ip_requests, &request->link);
	port->ip_request_count++;
	return request;
}

void ipc_port_request_set(struct ipc_port *port, struct ipc_request *request, bool send_possible, bool armed)
{
	spin_assert_held(&port->ip_object.io_lock);
	port->ip_sp_armed += (uint32_t)armed - (uint32_t)request->armed;
	request->send_possible = send_possible;
	request->armed = armed;
}

struct ipc_port *ipc_port_request_cancel(struct ipc_port *port, struct ipc_request *request)
{
	struct ipc_port *notify = request->notify;

	ipc_port_request_set(port, request, false, false);
	list_remove(&request->link);
	port->ip_request_count--;
	if (port->ip_reserve && ipc_port_request_room(port) < port->ip_reserve->requests) {
		list_add_tail(&port->ip_reserve->spares, &request->link);
		port->ip_reserve->spare_count++;
	} else {
		zone_free(ipc_request_zone, request);
	}
	return notify;
}

/* Take made requests until there is room for size. Port locked and active, with a reserve. */
static void take_spares(struct ipc_port *port, struct list *made, uint32_t size)
{
	struct ipc_port_reserve *reserve = port->ip_reserve;

	if (reserve->requests < size)
		reserve->requests = size;
	while (!list_empty(made) && ipc_port_request_room(port) < size) {
		struct list *spare = made->next;

		list_remove(spare);
		list_add_tail(&reserve->spares, spare);
		reserve->spare_count++;
	}
}

kern_return_t ipc_port_request_grow(struct ipc_port *port, uint32_t size)
{
	struct ipc_port_reserve *reserve;
	struct list made;
	uint32_t have = ipc_port_request_room(port);
	kern_return_t kr = KERN_SUCCESS;

	list_init(&made);
	ip_reference(port);
	ip_unlock(port);
	reserve = size <= IP_REQUEST_RESERVE_MAX ? ipc_port_reserve_alloc() : NULL;
	if (!reserve)
		kr = KERN_NO_SPACE;
	for (uint32_t n = have; kr == KERN_SUCCESS && n < size; n++) {
		struct ipc_request *request = zone_alloc(ipc_request_zone);

		if (request)
			list_add_tail(&made, &request->link);
		else
			kr = KERN_NO_SPACE;
	}
	ip_lock(port);
	if (kr == KERN_SUCCESS && ip_active(port)) {
		if (!port->ip_reserve) {
			port->ip_reserve = reserve;
			reserve = NULL;
		}
		take_spares(port, &made, size);
	}
	ip_unlock(port);
	ipc_port_reserve_free(reserve);
	free_spares(&made);
	ip_release(port);
	return kr;
}

bool ipc_port_full_locked(const struct ipc_port *port)
{
	if (ip_is_away(port))
		return port->ip_net_full;
	return port->ip_receiver != ipc_space_kernel && port->ip_msgcount >= port->ip_qlimit;
}
