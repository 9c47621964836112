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
#include <base/string.h>
#include <ipc/mach_msg.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/kalloc.h>
#include <kernel/host_priv_server.h>
#include <kernel/mach_host_server.h>
#include <kernel/mach_port_server.h>
#include <kernel/mach_vm_server.h>
#include <kernel/task_server.h>
#include <kernel/thread_act_server.h>
#include <machine/cpu.h>

struct kernel_subsystem {
	const struct mig_server *server;
	const void *calls;
};

static const struct kernel_subsystem subsystems[] = {
	/* in order of their ids */
	{ &mach_host_mig_server, &mach_host_calls },
	{ &host_priv_mig_server, &host_priv_calls },
	{ &mach_port_mig_server, &mach_port_calls },
	{ &task_mig_server, &task_calls },
	{ &thread_act_mig_server, &thread_act_calls },
	{ &mach_vm_mig_server, &mach_vm_calls },
};

#define SUBSYSTEMS (sizeof(subsystems) / sizeof(subsystems[0]))

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
	for (size_t i = 0; i + 1 < SUBSYSTEMS; i++) {
		const struct mig_subsystem *a = subsystems[i].server->subsystem, *b = subsystems[i + 1].server->subsystem;

		VERIFY(a->base + (mach_msg_id_t)a->count <= b->base);
	}
}

static const struct kernel_subsystem *subsystem_of(mach_msg_id_t id)
{
	for (size_t i = 0; i < SUBSYSTEMS; i++) {
		const struct mig_subsystem *s = subsystems[i].server->subsystem;

		if ((uint32_t)id - (uint32_t)s->base < s->count)
			return &subsystems[i];
	}
	return NULL;
}

const char *ipc_kobject_routine_name(mach_msg_id_t id)
{
	const struct kernel_subsystem *s = subsystem_of(id);
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

/* The call itself, with interrupts on: it may be long. */
static kern_return_t call(const struct kernel_subsystem *s, struct ipc_kmsg *request, struct ipc_kmsg *reply)
{
	mach_msg_header_t *in = request->ikm_header;
	bool irq_were_on = cpu_irq_enabled();
	kern_return_t result;

	cpu_irq_enable();
	result = s->server->stubs[in->msgh_id - s->server->subsystem->base](
		s->calls, request->ikm_remote_port, reply->ikm_remote_port, in, reply->ikm_header);
	if (!irq_were_on)
		cpu_irq_disable();
	return result;
}

bool ipc_kobject_frees_memory(mach_msg_id_t id)
{
	static const char *const names[] = {
		"mach_port_deallocate", "mach_port_destroy", "mach_vm_deallocate", "task_terminate", "thread_terminate",
	};
	const char *name = ipc_kobject_routine_name(id);

	for (size_t i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

struct ipc_kmsg *ipc_kobject_server(struct ipc_kmsg *request)
{
	mach_msg_header_t *in = request->ikm_header;
	const struct kernel_subsystem *s = subsystem_of(in->msgh_id);
	const struct mig_routine *routine = s != NULL ? mig_routine_of(s->server->subsystem, in->msgh_id) : NULL;
	uint32_t room = routine != NULL && routine->reply.max_size > sizeof(mig_reply_error_t) ?
				routine->reply.max_size : (uint32_t)sizeof(mig_reply_error_t);
	struct ipc_kmsg *reply = ipc_kmsg_alloc(room);
	kern_return_t result = MIG_BAD_ID;

	if (reply == NULL) {
		/* Nothing is done that could not be answered; the caller's send-once right tells it. */
		ipc_kmsg_destroy(request);
		return NULL;
	}
	address_reply(reply, request);
	if (routine != NULL)
		result = mig_check(&routine->request, in, in->msgh_size);
	if (routine != NULL && result == KERN_SUCCESS)
		result = call(s, request, reply);
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
	return reply;
}
