/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_kobject.c - calls on kernel objects: from a request to the function that does it, and its reply.
 *
 * Interface: ipc_kobject_server and others (ipc_kobject.h); mig_release_right, mig_kernel_send, mig_overrun (mach/mig.h).
 * Invariants: as of mach/mig.h: M1 checked before used; M3 a function that fails has consumed nothing, so
 *   the request is destroyed whole; one that succeeds has consumed its rights and memory, so the block
 *   alone is freed.
 * Locking: none held; each function locks for itself.
 */
#include <ddb/trace.h>
#include <base/string.h>
#include <ipc/mach_msg.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/kalloc.h>
#include <kern/thread.h>
#include <mach/notify.h>
#include <machine/cpu.h>

void mig_release_right(mach_port_t port, mach_msg_type_name_t disposition)
{
	if (IP_VALID(port))
		ipc_port_release_right(port, disposition);
}

void mig_release_rights(mach_port_t *ports, mach_msg_type_number_t count, mach_msg_type_name_t disposition)
{
	for (mach_msg_type_number_t i = 0; i < count; i++)
		mig_release_right(ports[i], disposition);
	if (count != 0)
		kfree(ports, count * sizeof(*ports));
}

void mig_overrun(const char *routine)
{
	panic("the kernel's %s wrote more than its room", routine);
}

mach_msg_return_t mig_kernel_send(struct ipc_kmsg *kmsg, mach_msg_option_t option, uint64_t deadline_ns)
{
	mach_msg_return_t result;

	if (option & MACH_SEND_ALWAYS)
		return mach_msg_send_from_kernel(kmsg);
	result = ipc_kmsg_send(kmsg, option, deadline_ns, NULL);
	if (result != MACH_MSG_SUCCESS)
		ipc_kmsg_destroy(kmsg);
	return result;
}

void ipc_kobject_init(void)
{
	for (size_t i = 0; i + 1 < ipc_kobject_subsystem_count; i++) {
		const struct mig_subsystem *a = ipc_kobject_subsystems[i].server->subsystem;
		const struct mig_subsystem *b = ipc_kobject_subsystems[i + 1].server->subsystem;

		VERIFY(a->base + (mach_msg_id_t)a->count <= b->base);
	}
}

static const struct ipc_kobject_subsystem *subsystem_of(mach_msg_id_t id)
{
	const struct ipc_kobject_subsystem *found;
	size_t low = 0, high = ipc_kobject_subsystem_count; /* the one with the last base <= id is at low or between */

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (ipc_kobject_subsystems[middle].server->subsystem->base <= id)
			low = middle;
		else
			high = middle;
	}
	found = &ipc_kobject_subsystems[low];
	return (uint32_t)id - (uint32_t)found->server->subsystem->base < found->server->subsystem->count ? found : NULL;
}

const char *ipc_kobject_routine_name(mach_msg_id_t id)
{
	const struct ipc_kobject_subsystem *s = subsystem_of(id);
	const struct mig_routine *r = s != NULL ? mig_routine_of(s->server->subsystem, id) : NULL;

	return r != NULL ? r->name : NULL;
}

/* The reply's right from the request, which loses it; whatever the answer will be. */
static void address_reply(struct ipc_kmsg *reply, struct ipc_kmsg *request)
{
	mach_msg_header_t *in = request->ikm_header, *out = reply->ikm_header;

	out->msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_LOCAL(in->msgh_bits), 0);
	out->msgh_size = sizeof(mig_reply_error_t);
	out->msgh_id = in->msgh_id + 100;
	reply->ikm_remote_port = request->ikm_local_port;
	reply->ikm_local_port = IP_NULL;
	request->ikm_local_port = IP_NULL;
	in->msgh_bits &= ~MACH_MSGH_BITS_LOCAL_MASK;
}

/* Make the reply say result, and nothing else. */
static void reply_result(struct ipc_kmsg *reply, kern_return_t result)
{
	mig_reply_error_t *error = (mig_reply_error_t *)reply->ikm_header;

	error->Head.msgh_bits &= ~MACH_MSGH_BITS_COMPLEX;
	error->Head.msgh_size = sizeof(*error);
	error->RetCode = result;
}

/* After success the request's rights and memory are others'; the destination right is still its own. */
static void free_consumed(struct ipc_kmsg *request)
{
	request->ikm_header->msgh_bits &= ~MACH_MSGH_BITS_COMPLEX;
	ipc_kmsg_destroy(request);
}

/* Do fn with each receive right of a message; true if one returned true. */
static bool with_receive_rights(struct ipc_kmsg *kmsg, bool (*fn)(struct ipc_port *right, struct ipc_kmsg *))
{
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);
	bool found = false;

	for (uint32_t i = 0; i < ikm_descriptor_count(kmsg); i++, d = ikm_descriptor_next(d)) {
		struct ipc_port **list = (struct ipc_port **)(uintptr_t)d->ool_ports.kports;
		struct ipc_port *one = (struct ipc_port *)(uintptr_t)d->port.kport;

		if (d->type.type == MACH_MSG_PORT_DESCRIPTOR && d->port.disposition == MACH_MSG_TYPE_PORT_RECEIVE)
			found |= IP_VALID(one) && fn(one, kmsg);
		if (d->type.type != MACH_MSG_OOL_PORTS_DESCRIPTOR || d->ool_ports.disposition != MACH_MSG_TYPE_PORT_RECEIVE)
			continue;
		for (uint32_t k = 0; k < d->ool_ports.count; k++)
			found |= IP_VALID(list[k]) && fn(list[k], kmsg);
	}
	return found;
}

/* While the kernel has a receive right it is in no message. */
static bool arrive(struct ipc_port *right, struct ipc_kmsg *kmsg)
{
	(void)kmsg;
	ipc_port_end_transit(right);
	return false;
}

static bool depart(struct ipc_port *right, struct ipc_kmsg *kmsg)
{
	return ipc_port_check_circularity(right, kmsg->ikm_remote_port);
}

/* A reply that goes out with receive rights: they are in transit again; in a circle it could never be received. */
static void mark_receive_rights(struct ipc_kmsg *reply)
{
	if (with_receive_rights(reply, depart))
		reply->ikm_header->msgh_bits |= MACH_MSGH_BITS_CIRCULAR;
}

/* The call itself, with interrupts on: it may be long. */
static kern_return_t call(const struct ipc_kobject_subsystem *s, struct ipc_kmsg *request, struct ipc_kmsg *reply)
{
	mach_msg_header_t *in = request->ikm_header;
	bool irq_were_on = cpu_irq_enabled();
	kern_return_t result;

	cpu_irq_enable();
	current_thread()->ipc.answer_far = IP_VALID(reply->ikm_remote_port) && reply->ikm_remote_port->ip_remote;
	(void)with_receive_rights(request, arrive);
	result = s->server->stubs[in->msgh_id - s->server->subsystem->base](
		s->calls, request->ikm_remote_port, reply->ikm_remote_port, in, reply->ikm_header);
	current_thread()->ipc.answer_far = false;
	if (!irq_were_on)
		cpu_irq_disable();
	return result;
}

bool ipc_kobject_frees_memory(mach_msg_id_t id)
{
	static const char *const names[] = {
		"mach_port_deallocate", "mach_port_destroy", "mach_port_destruct", "mach_port_mod_refs", "mach_vm_deallocate", "task_terminate", "thread_terminate",
	};
	const char *name = ipc_kobject_routine_name(id);

	for (size_t i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

ipc_kobject_dead_name_t ipc_kobject_dead_name_calls[IKOT_COUNT];

/* A dead-name notification to an object's port. Consumes request. */
static __attribute__((noinline)) void hear_of_death(struct ipc_kmsg *request)
{
	struct ipc_port *port = request->ikm_remote_port;
	ipc_kobject_dead_name_t call = NULL;

	ip_lock(port);
	if (ip_active(port) && port->ip_kotype < IKOT_COUNT)
		call = ipc_kobject_dead_name_calls[port->ip_kotype];
	ip_unlock(port);
	if (call != NULL)
		call(port);
	ipc_kmsg_destroy(request);
}

ipc_kobject_other_t ipc_kobject_other_calls[IKOT_COUNT];

/* A message of an interface that is not the kernel's own: true if the object took it. */
static __attribute__((noinline)) bool other_message(struct ipc_kmsg *request)
{
	struct ipc_port *port = request->ikm_remote_port;
	ipc_kobject_other_t call = NULL;

	ip_lock(port);
	if (ip_active(port) && port->ip_kotype < IKOT_COUNT)
		call = ipc_kobject_other_calls[port->ip_kotype];
	ip_unlock(port);
	if (call == NULL)
		return false;
	call(port, request);
	ipc_kmsg_destroy(request);
	return true;
}

/* Room for a reply that says that there is no memory. */
static struct ipc_kmsg *alloc_refusal(void)
{
	bool before = thread_privilege_begin();
	struct ipc_kmsg *reply = ipc_kmsg_alloc(sizeof(mig_reply_error_t));

	thread_privilege_end(before);
	return reply;
}

struct ipc_kmsg *ipc_kobject_server(struct ipc_kmsg *request)
{
	mach_msg_header_t *in = request->ikm_header;
	const struct ipc_kobject_subsystem *s = subsystem_of(in->msgh_id);
	const struct mig_routine *routine = s != NULL ? mig_routine_of(s->server->subsystem, in->msgh_id) : NULL;
	uint32_t room = routine != NULL && routine->reply.max_size > sizeof(mig_reply_error_t) ?
				routine->reply.max_size : (uint32_t)sizeof(mig_reply_error_t);
	struct ipc_kmsg *reply = ipc_kmsg_alloc(room);
	kern_return_t result = MIG_BAD_ID;
	bool refused = false;

	if (routine == NULL && in->msgh_id == MACH_NOTIFY_DEAD_NAME) {
		if (reply != NULL)
			ipc_kmsg_free(reply);
		hear_of_death(request);
		return NULL;
	}
	if (routine == NULL && other_message(request)) {
		if (reply != NULL)
			ipc_kmsg_free(reply);
		return NULL;
	}
	if (reply == NULL) {
		/* Nothing is done that could not be answered: the caller hears why, out of the last frames. */
		reply = alloc_refusal();
		result = KERN_RESOURCE_SHORTAGE;
		refused = true;
	}
	if (reply == NULL) {
		ipc_kmsg_destroy(request); /* with its send-once right, which tells it */
		return NULL;
	}
	address_reply(reply, request);
	if (routine != NULL && !refused)
		result = mig_check_reply_right(routine, MACH_MSGH_BITS_REMOTE(reply->ikm_header->msgh_bits)) ?
				 mig_check(&routine->request, in, in->msgh_size) : MIG_BAD_ARGUMENTS;
	if (routine != NULL && !refused && result == KERN_SUCCESS)
		result = call(s, request, reply);
	TRACE3(KOBJECT, request->ikm_remote_port, in->msgh_id, (uint32_t)result);
	if (result == KERN_SUCCESS || result == MIG_NO_REPLY)
		free_consumed(request);
	else
		ipc_kmsg_destroy(request);
	if (result != KERN_SUCCESS)
		reply_result(reply, result);
	else if ((reply->ikm_header->msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0)
		((mig_reply_error_t *)reply->ikm_header)->RetCode = KERN_SUCCESS;
	if (result == MIG_NO_REPLY)
		reply->ikm_remote_port = IP_NULL; /* the function keeps it */
	if (!IP_VALID(reply->ikm_remote_port)) {
		ipc_kmsg_destroy(reply);
		return NULL;
	}
	mark_receive_rights(reply);
	return reply;
}
