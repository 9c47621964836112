/* SPDX-License-Identifier: BSD-2-Clause */
/* audit.c - the recount of rights and references. Interface: audit.h. */
#include "audit.h"

#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_pset.h>
#include <ipc/ipc_space.h>
#include <ipc/ipc_tt.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>

#define PORTS_MAX 4096

struct seen {
	struct ipc_port *port;
	uint32_t send, once, receive, other; /* rights found; other: further references */
	bool queue_done;
};

static struct seen seen[PORTS_MAX];
static unsigned seen_count;

static struct seen *look(struct ipc_port *port)
{
	for (unsigned i = 0; i < seen_count; i++)
		if (seen[i].port == port)
			return &seen[i];
	VERIFY(seen_count < PORTS_MAX);
	seen[seen_count] = (struct seen){ .port = port };
	return &seen[seen_count++];
}

static void saw(struct ipc_port *port, mach_msg_type_name_t type)
{
	struct seen *s;

	if (!IP_VALID(port))
		return;
	s = look(port);
	s->send += type == MACH_MSG_TYPE_PORT_SEND;
	s->once += type == MACH_MSG_TYPE_PORT_SEND_ONCE;
	s->receive += type == MACH_MSG_TYPE_PORT_RECEIVE;
}

static void audit_kmsg(struct ipc_kmsg *kmsg)
{
	mach_msg_bits_t bits = kmsg->ikm_header->msgh_bits;
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);

	saw(kmsg->ikm_remote_port, MACH_MSGH_BITS_REMOTE(bits));
	saw(kmsg->ikm_local_port, MACH_MSGH_BITS_LOCAL(bits));
	for (uint32_t i = 0; i < ikm_descriptor_count(kmsg); i++, d = ikm_descriptor_next(d)) {
		struct ipc_port **ports = (struct ipc_port **)(uintptr_t)d->ool_ports.kports;

		if (d->type.type == MACH_MSG_PORT_DESCRIPTOR)
			saw((struct ipc_port *)(uintptr_t)d->port.kport, d->port.disposition);
		else if (d->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
			for (uint32_t j = 0; j < d->ool_ports.count; j++)
				saw(ports[j], d->ool_ports.disposition);
	}
}

static void audit_entry(struct ipc_space *space, uint32_t index, struct ipc_entry *entry)
{
	mach_port_type_t type = IE_BITS_TYPE(entry->ie_bits);
	struct ipc_port *port = (struct ipc_port *)entry->ie_object;
	mach_port_name_t name = MACH_PORT_MAKE(index, IE_BITS_GEN(entry->ie_bits)), found;
	uint32_t urefs = IE_BITS_UREFS(entry->ie_bits);

	switch (type) {
	case MACH_PORT_TYPE_NONE:
		VERIFY(!entry->ie_object && urefs == 0);
		return;
	case MACH_PORT_TYPE_DEAD_NAME:
		VERIFY(!entry->ie_object && !entry->ie_request && urefs > 0);
		return;
	case MACH_PORT_TYPE_PORT_SET:
		VERIFY(entry->ie_object->io_kind == IOT_PORT_SET && urefs == 0);
		VERIFY(((struct ipc_pset *)entry->ie_object)->ips_count ==
		       ipc_pset_members((struct ipc_pset *)entry->ie_object, NULL, 0));
		return;
	case MACH_PORT_TYPE_SEND_ONCE:
		VERIFY(urefs == 1);
		saw(port, MACH_MSG_TYPE_PORT_SEND_ONCE);
		break;
	case MACH_PORT_TYPE_SEND:
		VERIFY(urefs > 0 && ipc_hash_lookup(space, entry->ie_object, &found) == entry && found == name);
		saw(port, MACH_MSG_TYPE_PORT_SEND);
		break;
	case MACH_PORT_TYPE_SEND_RECEIVE:
	case MACH_PORT_TYPE_RECEIVE:
		VERIFY(port->ip_receiver == space && port->ip_receiver_name == name && ip_active(port));
		VERIFY((urefs > 0) == (type == MACH_PORT_TYPE_SEND_RECEIVE));
		VERIFY(!ipc_hash_lookup(space, entry->ie_object, &found));
		saw(port, MACH_MSG_TYPE_PORT_RECEIVE);
		if (type == MACH_PORT_TYPE_SEND_RECEIVE)
			saw(port, MACH_MSG_TYPE_PORT_SEND);
		break;
	default:
		panic("name %#x has type %#x", name, type);
	}
	if (entry->ie_request && ip_active(port))
		VERIFY(entry->ie_request->name == name);
}

static void audit_free_list(struct ipc_space *space)
{
	uint32_t count = 0, last = 0;

	for (uint32_t index = space->is_free; index != 0; index = ipc_entry_of(space, index)->ie_next) {
		struct ipc_entry *entry = ipc_entry_of(space, index);

		VERIFY(IE_BITS_TYPE(entry->ie_bits) == MACH_PORT_TYPE_NONE && entry->ie_prev == last); /* E1 */
		last = index;
		count++;
	}
	VERIFY(last == space->is_free_last || count == 0);
	VERIFY(count + space->is_names + 1 == space->is_chunk_count * IE_CHUNK_ENTRIES);
}

static void audit_space(struct ipc_space *space)
{
	uint32_t names = 0;

	for (uint32_t c = 0; c == 0 || c < space->is_chunks_size; c++)
		for (uint32_t i = 0; i < IE_CHUNK_ENTRIES; i++) {
			uint32_t index = (c << IE_CHUNK_SHIFT) | i;
			struct ipc_entry *entry = ipc_entry_at(space, index);

			if (!entry)
				break;
			audit_entry(space, index, entry);
			names += IE_BITS_TYPE(entry->ie_bits) != MACH_PORT_TYPE_NONE;
		}
	VERIFY(names == space->is_names);
	audit_free_list(space);
}

static void audit_requests(struct ipc_port *port)
{
	uint32_t requests = 0, armed = 0, spares = 0;

	LIST_FOR_EACH(l, &port->ip_requests) {
		struct ipc_request *request = container_of(l, struct ipc_request, link);
		struct ipc_entry *entry = ipc_entry_lookup(request->space, request->name);

		VERIFY(entry && entry->ie_request == request && entry->ie_object == &port->ip_object);
		VERIFY(request->send_possible || !request->armed);
		saw(request->notify, MACH_MSG_TYPE_PORT_SEND_ONCE);
		requests++;
		armed += request->armed;
	}
	if (port->ip_reserve)
		LIST_FOR_EACH(l, &port->ip_reserve->spares)
			spares++;
	VERIFY(requests == port->ip_request_count && armed == port->ip_sp_armed);
	VERIFY(requests + spares == ipc_port_request_room(port));
	VERIFY(armed == 0 || ipc_port_full_locked(port)); /* else they have fired */
}

/* What the port itself holds; ports found there are looked at later in the same walk. */
static void audit_port(struct ipc_port *port)
{
	uint32_t messages = 0, psets = 0;

	LIST_FOR_EACH(l, &port->ip_messages) {
		audit_kmsg(container_of(l, struct ipc_kmsg, ikm_link));
		messages++;
	}
	LIST_FOR_EACH(l, &port->ip_psets) {
		struct ipc_pset_link *link = container_of(l, struct ipc_pset_link, port_link);

		VERIFY(link->port == port && ips_active(link->pset));
		VERIFY(messages == 0 || !list_empty(&link->ready_link)); /* S1 */
		psets++;
	}
	VERIFY(messages == port->ip_msgcount && psets == port->ip_pset_count);
	saw(port->ip_nsrequest, MACH_MSG_TYPE_PORT_SEND_ONCE);
	saw(port->ip_pdrequest, MACH_MSG_TYPE_PORT_SEND_ONCE);
	audit_requests(port);
	VERIFY(port->ip_guarded || (!port->ip_strict_guard && !port->ip_immovable_receive)); /* U1 */
	if (port->ip_destination)
		look(port->ip_destination)->other++;
}

static void audit_counts(const struct seen *s)
{
	struct ipc_port *port = s->port;
	uint32_t references = port->ip_object.io_references;

	VERIFY(references == s->send + s->once + s->receive + s->other);
	if (!ip_active(port)) {
		VERIFY(s->receive == 0 && port->ip_receiver == NULL && port->ip_msgcount == 0);
		return;
	}
	VERIFY(s->receive == 1 || (port->ip_remote && s->receive == 0));
	VERIFY(port->ip_srights == s->send && port->ip_sorights == s->once);
}

void ipc_audit(struct task *const *tasks, unsigned count)
{
	seen_count = 0;
	saw(ipc_host_port, MACH_MSG_TYPE_PORT_RECEIVE);
	saw(ipc_host_priv_port, MACH_MSG_TYPE_PORT_RECEIVE);
	for (unsigned i = 0; i < count; i++) {
		struct ipc_task *itk = &tasks[i]->ipc;

		saw(itk->self, MACH_MSG_TYPE_PORT_RECEIVE);
		saw(itk->sself, MACH_MSG_TYPE_PORT_SEND);
		saw(itk->host, MACH_MSG_TYPE_PORT_SEND);
		saw(itk->bootstrap, MACH_MSG_TYPE_PORT_SEND);
		audit_space(itk->space);
	}
	for (unsigned i = 0; i < seen_count; i++)
		audit_port(seen[i].port);
	for (unsigned i = 0; i < seen_count; i++)
		audit_counts(&seen[i]);
}
