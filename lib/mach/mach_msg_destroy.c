/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_msg_destroy.c - release what a message carries.
 *
 * Interface: mach_msg_destroy (mach/message.h).
 * Invariant: of a message received, or given back by a failed send, every right and region is
 *   released; of one never sent, what its sending would have consumed: MOVE rights, memory with
 *   deallocate. COPY and MAKE dispositions consume nothing.
 */
#include <mach/mach_init.h>
#include <mach/mach_port.h>
#include <mach/mach_vm.h>
#include <mach/mig.h>

static void destroy_right(mach_port_t port, mach_msg_type_name_t disposition)
{
	if (!MACH_PORT_VALID(port))
		return;
	if (disposition == MACH_MSG_TYPE_MOVE_RECEIVE)
		(void)mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
	else if (disposition == MACH_MSG_TYPE_MOVE_SEND || disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE)
		(void)mach_port_deallocate(mach_task_self(), port);
}

static void destroy_memory(void *address, mach_vm_size_t size, bool deallocate)
{
	if (deallocate && size != 0)
		(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)address, size);
}

/* The descriptor at p, if it lies before end; returns the next one's place, NULL at the message's end. */
static char *destroy_descriptor(char *p, char *end)
{
	mach_msg_type_descriptor_t *any = (void *)p;

	if ((size_t)(end - p) < sizeof(*any))
		return NULL;
	if (any->type == MACH_MSG_PORT_DESCRIPTOR) {
		mach_msg_port_descriptor_t *port = (void *)p;

		destroy_right(port->name, port->disposition);
		return p + sizeof(*port);
	}
	if (any->type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
		mach_msg_ool_ports_descriptor_t *ports = (void *)p;
		mach_port_t *array = ports->address;

		for (mach_msg_size_t i = 0; array != NULL && i < ports->count; i++)
			destroy_right(array[i], ports->disposition);
		destroy_memory(array, (mach_vm_size_t)ports->count * sizeof(*array), ports->deallocate);
		return p + sizeof(*ports);
	}
	mach_msg_ool_descriptor_t *memory = (void *)p;

	if ((size_t)(end - p) < sizeof(*memory))
		return NULL;
	destroy_memory(memory->address, memory->size, memory->deallocate);
	return p + sizeof(*memory);
}

void mach_msg_destroy(mach_msg_header_t *msg)
{
	mach_msg_base_t *base = (mach_msg_base_t *)msg;
	char *p = (char *)(base + 1), *end = (char *)msg + msg->msgh_size;

	/* The local port of a received message is the receiver's own: not released. */
	destroy_right(msg->msgh_remote_port, MACH_MSGH_BITS_REMOTE(msg->msgh_bits));
	if ((msg->msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0 || msg->msgh_size < sizeof(*base))
		return;
	for (mach_msg_size_t i = 0; i < base->body.msgh_descriptor_count && p != NULL; i++)
		p = destroy_descriptor(p, end);
}
