/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the default pager: it stores the pages of anonymous memory that a node has no room for on disks.
 *
 * The bootstrap server starts it with the host control port. It looks for disks that are marked (store.h); others may come later
 * (default_pager_backing_store_create), until then the node pages out nothing. One thread, one port set: its own port (memory_object_create, default_pager_object.defs), the
 * memory objects, the answers of disks. It never waits for anything but the next message.
 * Its own rules: its thread is privileged (it may take the last frames and never waits for one), all its memory is wired from the start and
 *   as it grows, and what is in messages to it is not paged out: so it never needs itself.
 * References: Golub & Draves, "Moving the Default Memory Manager out of the Mach Kernel" (USENIX Mach Symposium 1991).
 */
#include "info.h"
#include "object.h"

#include <device/device_types.h>
#include <mach/default_pager_object_server.h>
#include <mach/device.h>
#include <mach/host_priv.h>
#include <mach/memory_object_control.h>
#include <mach/memory_object_default_server.h>
#include <mach/memory_object_server.h>
#include <mach/notify_server.h>
#include <mach/vm_region.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 4096u
#define DISKS_MAX 8u
/* Blocks kept back from what the kernel is told: pages that are stored anew while their old blocks are still being written. */
#define SLACK_PAGES 512u

mach_port_t default_port, port_set;

static mach_port_t control; /* the host control port */

static void must(kern_return_t result, const char *what)
{
	if (result == KERN_SUCCESS)
		return;
	printf("default pager: %s: %s\n", what, mach_error_string(result));
	exit(1);
}

/* ---- memory ---- */

void *pool_more(void)
{
	mach_vm_address_t at = 0;

	/* Not inherited: so that it never becomes one region with data in transit beside it, which goes soon. */
	if (mach_vm_map(mach_task_self(), &at, POOL_BLOCK_BYTES, 0, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE,
			VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_NONE) != KERN_SUCCESS)
		return NULL;
	if (mach_vm_wire(control, mach_task_self(), at, POOL_BLOCK_BYTES, VM_PROT_READ | VM_PROT_WRITE) != KERN_SUCCESS) {
		(void)mach_vm_deallocate(mach_task_self(), at, POOL_BLOCK_BYTES);
		return NULL;
	}
	return (void *)(uintptr_t)at;
}

/* Everything this task has now: text, data, stack, what store_add allocated. */
static void wire_all(void)
{
	mach_vm_address_t at = 0;
	mach_vm_size_t size;

	for (;; at += size) {
		vm_region_basic_info_data_64_t info;
		mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
		mach_port_t name = MACH_PORT_NULL;

		if (mach_vm_region(mach_task_self(), &at, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count,
				   &name) != KERN_SUCCESS)
			return;
		if (name != MACH_PORT_NULL)
			(void)mach_port_deallocate(mach_task_self(), name);
		if (info.protection != VM_PROT_NONE)
			must(mach_vm_wire(control, mach_task_self(), at, size, info.protection), "wiring its memory");
	}
}

/* From the first store on it keeps its own rules. */
static void keep_rules(void)
{
	static bool kept;

	if (kept || store_count == 0)
		return;
	kept = true;
	must(thread_wire(control, mach_thread_self(), TRUE), "privilege");
	wire_all();
	printf("default pager: %lu MiB on %u disk%s\n", (unsigned long)(store_total() * PAGE_BYTES >> 20), store_count,
	       store_count == 1 ? "" : "s");
}

void capacity_changed(void)
{
	uint64_t total = store_total();

	keep_rules();
	total = total > SLACK_PAGES + SLACK_PAGES / 2 ? total - SLACK_PAGES : total / 2;
	(void)host_default_memory_space(control, total * PAGE_BYTES);
}

/* ---- memory objects ---- */

static void drop(mach_port_t right)
{
	if (right != MACH_PORT_NULL)
		(void)mach_port_deallocate(mach_task_self(), right);
}

static void destroy(mach_port_t receive)
{
	if (receive != MACH_PORT_NULL)
		(void)mach_port_mod_refs(mach_task_self(), receive, MACH_PORT_RIGHT_RECEIVE, -1);
}

static kern_return_t do_create(mach_port_t pager, mach_port_t port, memory_object_size_t size, mach_port_t object_control,
			       mach_port_t name, memory_object_cluster_size_t page_size)
{
	struct object *o;

	if (pager != default_port || page_size != PAGE_BYTES)
		return KERN_INVALID_ARGUMENT;
	o = object_new(port, size, false);
	if (o == NULL || mach_port_move_member(mach_task_self(), port, port_set) != KERN_SUCCESS) {
		if (o != NULL)
			object_end(o);
		return KERN_RESOURCE_SHORTAGE; /* the port dies: the kernel sees that nobody has its pages */
	}
	o->control = object_control;
	drop(name);
	return KERN_SUCCESS;
}

static kern_return_t do_init(mach_port_t port, mach_port_t object_control, mach_port_t name,
			     memory_object_cluster_size_t page_size)
{
	struct object *o = object_of(port);

	drop(name);
	if (o == NULL || !o->external || o->control != MACH_PORT_NULL || page_size != PAGE_BYTES) {
		/* A second node, or not ours: it can have no pages. */
		if (object_control != MACH_PORT_NULL)
			(void)memory_object_destroy(object_control, KERN_FAILURE);
		drop(object_control);
		return KERN_SUCCESS;
	}
	o->control = object_control;
	(void)memory_object_ready(object_control, FALSE, MEMORY_OBJECT_COPY_DELAY);
	return KERN_SUCCESS;
}

static kern_return_t do_terminate(mach_port_t port, mach_port_t object_control, mach_port_t name)
{
	struct object *o = object_of(port);

	/* Receive rights, and our send right to the control port under the same name. */
	destroy(name);
	destroy(object_control);
	if (o == NULL)
		return KERN_SUCCESS;
	if (!o->external) {
		object_end(o);
	} else if (o->control == object_control || object_control == MACH_PORT_NULL) {
		drop(o->control);
		o->control = MACH_PORT_NULL; /* it is stored until nobody can name it */
	}
	return KERN_SUCCESS;
}

/* The object of a message, whose right to the control port is one more of ours. */
static struct object *object_called(mach_port_t port, mach_port_t object_control)
{
	drop(object_control);
	return object_of(port);
}

static kern_return_t do_request(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset,
				memory_object_cluster_size_t length, vm_prot_t access)
{
	struct object *o = object_called(port, object_control);

	if (o != NULL && o->control != MACH_PORT_NULL)
		object_supply(o, offset, length);
	return KERN_SUCCESS;
}

static kern_return_t store_data(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset, vm_offset_t data,
				mach_msg_type_number_t count)
{
	struct object *o = object_called(port, object_control);

	if (o == NULL || (count | offset) % PAGE_BYTES != 0 || data % PAGE_BYTES != 0) {
		(void)mach_vm_deallocate(mach_task_self(), data, count);
		return KERN_SUCCESS;
	}
	object_store(o, offset, (char *)data, count);
	return KERN_SUCCESS;
}

static kern_return_t do_discard(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset,
				memory_object_size_t length)
{
	struct object *o = object_called(port, object_control);

	if (o != NULL)
		object_discard(o, offset, length);
	return KERN_SUCCESS;
}

static kern_return_t do_return(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset, vm_offset_t data,
			       mach_msg_type_number_t count, boolean_t dirty, boolean_t kernel_copy)
{
	return store_data(port, object_control, offset, data, count);
}

static kern_return_t do_unlock(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset,
			       memory_object_size_t length, vm_prot_t access)
{
	/* Nothing is ever locked. */
	(void)object_called(port, object_control);
	return KERN_SUCCESS;
}

static kern_return_t do_synchronize(mach_port_t port, mach_port_t object_control, memory_object_offset_t offset,
				    memory_object_size_t length, vm_sync_t flags)
{
	struct object *o = object_called(port, object_control);

	if (o != NULL && o->control != MACH_PORT_NULL)
		(void)memory_object_synchronize_completed(o->control, offset, length);
	return KERN_SUCCESS;
}

static const struct memory_object_default_ops default_calls = {
	.memory_object_create = do_create,
	.memory_object_data_initialize = store_data,
	.memory_object_data_discard = do_discard,
};

static const struct memory_object_ops object_calls = {
	.memory_object_init = do_init,
	.memory_object_terminate = do_terminate,
	.memory_object_data_request = do_request,
	.memory_object_data_unlock = do_unlock,
	.memory_object_data_return = do_return,
	.memory_object_synchronize = do_synchronize,
};

/* ---- notifications ---- */

static kern_return_t do_no_senders(mach_port_t port, mach_port_mscount_t mscount)
{
	struct object *o = object_of(port);

	if (o != NULL && o->external)
		object_end(o);
	return KERN_SUCCESS;
}

static kern_return_t ignore(mach_port_t port)
{
	return KERN_SUCCESS;
}

static const struct notify_ops notify_calls = {
	.mach_notify_no_senders = do_no_senders,
	.mach_notify_send_once = ignore,
};

/* ---- the loop ---- */

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	if (transfer_answer(in)) {
		((mig_reply_error_t *)out)->RetCode = MIG_NO_REPLY;
		return TRUE;
	}
	return memory_object_demux(&object_calls, in, out) || memory_object_default_demux(&default_calls, in, out) ||
	       default_pager_object_demux(&info_calls, in, out) || notify_demux(&notify_calls, in, out);
}

/* mach_msg_server's turn, with buffers that are wired. */
static mach_msg_return_t serve_one(void)
{
	static union {
		mach_msg_header_t head;
		mig_reply_error_t error;
		char bytes[MESSAGE_MAX];
	} in, out;
	mach_msg_return_t result = mach_msg(&in.head, MACH_RCV_MSG, 0, sizeof(in), port_set, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);

	if (result != MACH_MSG_SUCCESS)
		return result;
	out.error = (mig_reply_error_t){ .Head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(in.head.msgh_bits), 0),
						   .msgh_size = sizeof(out.error),
						   .msgh_remote_port = in.head.msgh_remote_port,
						   .msgh_id = in.head.msgh_id + 100 },
					 .RetCode = MIG_BAD_ID };
	(void)demux(&in.head, &out.head);
	if ((out.head.msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0 && out.error.RetCode == MIG_NO_REPLY)
		return MACH_MSG_SUCCESS;
	if ((out.head.msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0 && out.error.RetCode != KERN_SUCCESS) {
		in.head.msgh_remote_port = MACH_PORT_NULL; /* it goes with the reply */
		mach_msg_destroy(&in.head);
	}
	if (out.head.msgh_remote_port == MACH_PORT_NULL)
		return MACH_MSG_SUCCESS;
	/* A client that does not take its answer does not stop us. */
	if (mach_msg(&out.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, out.head.msgh_size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) !=
	    MACH_MSG_SUCCESS)
		mach_msg_destroy(&out.head);
	return MACH_MSG_SUCCESS;
}

static void find_disks(void)
{
	mach_port_t master = MACH_PORT_NULL;

	must(host_get_special_port(control, HOST_LOCAL_NODE, HOST_IO_MASTER_PORT, &master), "the device master port");
	for (unsigned i = 0; i < DISKS_MAX; i++) {
		mach_port_t device = MACH_PORT_NULL;
		char name[16];

		snprintf(name, sizeof(name), "vd%u", i);
		if (device_open(master, D_READ | D_WRITE, name, &device) != D_SUCCESS)
			continue;
		if (store_add(device, name) != KERN_SUCCESS)
			(void)device_close(device);
	}
	drop(master);
}

int main(void)
{
	mach_port_t manager;

	setvbuf(stdout, NULL, _IOLBF, 0);
	must(task_get_special_port(mach_task_self(), TASK_HOST_PORT, &control), "the host control port");
	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &port_set), "making a port set");
	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &default_port), "making a port");
	must(mach_port_move_member(mach_task_self(), default_port, port_set), "serving a port");
	must(mach_port_insert_right(mach_task_self(), default_port, default_port, MACH_MSG_TYPE_MAKE_SEND), "making a right");
	store_init(port_set);
	find_disks();
	manager = default_port;
	must(host_default_memory_manager(control, &manager, PAGE_BYTES), "becoming the default memory manager");
	drop(manager);
	capacity_changed();
	for (;;) {
		mach_msg_return_t result = serve_one();

		if (result != MACH_RCV_TOO_LARGE && result != MACH_RCV_INTERRUPTED)
			must(result, "serving");
	}
}
