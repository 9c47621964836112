/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_pset.c - port sets and memberships. Interface and locking: ipc_pset.h. */
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_pset.h>
#include <kern/assert.h>

#include "ipc_zones.h"

struct zone *ipc_pset_zone;
struct zone *ipc_link_zone;

void ipc_pset_init_zones(void)
{
	ipc_pset_zone = zone_create("ipc port sets", sizeof(struct ipc_pset), 64);
	ipc_link_zone = zone_create("ipc set links", sizeof(struct ipc_pset_link), 0);
}

struct ipc_pset *ipc_pset_alloc(mach_port_name_t name)
{
	struct ipc_pset *pset = zone_alloc_zeroed(ipc_pset_zone);

	if (!pset)
		return NULL;
	spin_init(&pset->ips_object.io_lock, "ipc port set");
	pset->ips_object.io_references = 1;
	pset->ips_object.io_kind = IOT_PORT_SET;
	pset->ips_object.io_active = true;
	pset->ips_name = name;
	waitq_init(&pset->ips_receivers);
	list_init(&pset->ips_members);
	list_init(&pset->ips_ready);
	poll_source_init(&pset->ips_poll);
	return pset;
}

struct ipc_pset_link *ipc_pset_find_link(struct ipc_pset *pset, struct ipc_port *port)
{
	LIST_FOR_EACH(l, &port->ip_psets) {
		struct ipc_pset_link *link = container_of(l, struct ipc_pset_link, port_link);

		if (link->pset == pset)
			return link;
	}
	return NULL;
}

/* port, not a member, becomes one. */
static kern_return_t add_locked(struct ipc_pset *pset, struct ipc_port *port)
{
	struct ipc_pset_link *link;

	link = zone_alloc(ipc_link_zone);
	if (!link)
		return KERN_RESOURCE_SHORTAGE;
	link->port = port;
	link->pset = pset;
	list_init(&link->ready_link);
	ips_lock(pset);
	if (!ips_active(pset)) {
		ips_unlock(pset);
		zone_free(ipc_link_zone, link);
		return KERN_INVALID_RIGHT;
	}
	list_add_tail(&port->ip_psets, &link->port_link);
	list_add_tail(&pset->ips_members, &link->set_link);
	pset->ips_count++;
	port->ip_pset_count++;
	ipc_mqueue_offer_to_set(port, link);
	ips_unlock(pset);
	return KERN_SUCCESS;
}

kern_return_t ipc_pset_add(struct ipc_pset *pset, struct ipc_port *port)
{
	spin_assert_held(&port->ip_object.io_lock);
	if (ipc_pset_find_link(pset, port))
		return KERN_ALREADY_IN_SET;
	return port->ip_pset_count >= IP_PSETS_MAX ? KERN_NO_SPACE : add_locked(pset, port);
}

kern_return_t ipc_pset_move(struct ipc_pset *pset, struct ipc_port *port)
{
	kern_return_t kr = KERN_SUCCESS;

	spin_assert_held(&port->ip_object.io_lock);
	if (pset && !ipc_pset_find_link(pset, port))
		kr = add_locked(pset, port);
	if (kr == KERN_SUCCESS && ipc_pset_remove_from_all(port, pset) == 0 && !pset)
		kr = KERN_NOT_IN_SET;
	return kr;
}

/* Port and set locked. */
static void unlink_locked(struct ipc_pset_link *link)
{
	list_remove(&link->port_link);
	list_remove(&link->set_link);
	list_remove(&link->ready_link);
	link->pset->ips_count--;
	link->port->ip_pset_count--;
	poll_source_fire(&link->pset->ips_poll);
	zone_free(ipc_link_zone, link);
}

kern_return_t ipc_pset_remove(struct ipc_pset *pset, struct ipc_port *port)
{
	struct ipc_pset_link *link = ipc_pset_find_link(pset, port);

	spin_assert_held(&port->ip_object.io_lock);
	if (!link)
		return KERN_NOT_IN_SET;
	ips_lock(pset);
	unlink_locked(link);
	ips_unlock(pset);
	return KERN_SUCCESS;
}

unsigned ipc_pset_remove_from_all(struct ipc_port *port, struct ipc_pset *keep)
{
	unsigned removed = 0;

	spin_assert_held(&port->ip_object.io_lock);
	LIST_FOR_EACH_SAFE(l, tmp, &port->ip_psets) {
		struct ipc_pset_link *link = container_of(l, struct ipc_pset_link, port_link);
		struct ipc_pset *pset = link->pset;

		if (pset == keep)
			continue;
		ips_lock(pset);
		unlink_locked(link);
		ips_unlock(pset);
		removed++;
	}
	return removed;
}

/* The set, dead, loses one member; false if it had none. The order is port -> set, so look twice. */
static bool drop_one_member(struct ipc_pset *pset)
{
	struct ipc_pset_link *link;
	struct ipc_port *port = NULL;

	ips_lock(pset);
	link = list_first(&pset->ips_members, struct ipc_pset_link, set_link);
	if (link) {
		port = link->port;
		ip_reference(port);
	}
	ips_unlock(pset);
	if (!port)
		return false;
	ip_lock(port);
	(void)ipc_pset_remove(pset, port);
	ip_unlock(port);
	ip_release(port);
	return true;
}

void ipc_pset_destroy(struct ipc_pset *pset)
{
	ips_lock(pset);
	pset->ips_object.io_active = false;
	ipc_mqueue_fail_receivers(&pset->ips_receivers, MACH_RCV_PORT_DIED);
	poll_source_fire(&pset->ips_poll);
	ips_unlock(pset);
	while (drop_one_member(pset))
		;
	ips_release(pset);
}

/* The first ready member, referenced; NULL. */
static struct ipc_port *first_ready(struct ipc_pset *pset)
{
	struct ipc_pset_link *link;
	struct ipc_port *port = NULL;

	ips_lock(pset);
	link = list_first(&pset->ips_ready, struct ipc_pset_link, ready_link);
	if (link) {
		port = link->port;
		ip_reference(port);
	}
	ips_unlock(pset);
	return port;
}

bool ipc_pset_has_message(struct ipc_pset *pset)
{
	bool found = false;
	struct ipc_port *port;

	while (!found && (port = first_ready(pset)) != NULL) {
		struct ipc_pset_link *link;

		ip_lock(port);
		link = ipc_pset_find_link(pset, port);
		found = link && !list_empty(&port->ip_messages);
		if (link && !found) { /* S2 */
			ips_lock(pset);
			list_remove(&link->ready_link);
			ips_unlock(pset);
		}
		ip_unlock(port);
		ip_release(port);
	}
	return found;
}

unsigned ipc_pset_members(struct ipc_pset *pset, mach_port_name_t *names, unsigned max)
{
	unsigned n = 0;

	LIST_FOR_EACH(l, &pset->ips_members) {
		if (n < max)
			names[n] = container_of(l, struct ipc_pset_link, set_link)->port->ip_receiver_name;
		n++;
	}
	return n;
}
