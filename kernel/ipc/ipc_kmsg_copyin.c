/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_kmsg_copyin.c - a user's message into kernel form: names become rights, memory a copy in transit.
 *
 * Errors come in Mach's classes: until the header's rights are taken, nothing was done; afterwards a bad
 * body destroys the message with the rights it took. The header is taken atomically: both of its
 * rights, under one hold of the space lock, or none.
 */
#include <base/string.h>
#include <ipc/ipc_kmsg_private.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <machine/copyio.h>
#include <vm/vm_map_copy.h>

struct header {
	mach_port_name_t dest_name, reply_name, cancel;
	struct ipc_object *cancel_port; /* not referenced: compared only */
	mach_msg_type_name_t dest_type, reply_type;
	struct ipc_right_taken dest, reply;
};

static mach_msg_return_t header_decode(const mach_msg_header_t *h, struct header *out)
{
	mach_msg_bits_t bits = h->msgh_bits;

	out->dest_name = h->msgh_remote_port;
	out->reply_name = h->msgh_local_port;
	out->dest_type = MACH_MSGH_BITS_REMOTE(bits);
	out->reply_type = MACH_MSGH_BITS_LOCAL(bits);
	out->reply.port = out->reply.deleted = IP_NULL;
	if (bits & ~MACH_MSGH_BITS_USER)
		return MACH_SEND_INVALID_HEADER;
	if (MACH_MSGH_BITS_VOUCHER(bits) != 0)
		return MACH_SEND_INVALID_VOUCHER;
	if (!MACH_MSG_TYPE_PORT_ANY_SEND(out->dest_type))
		return MACH_SEND_INVALID_HEADER;
	if (out->reply_type == 0 ? out->reply_name != MACH_PORT_NULL
				 : !MACH_MSG_TYPE_PORT_ANY_SEND(out->reply_type))
		return MACH_SEND_INVALID_HEADER;
	return MACH_PORT_VALID(out->dest_name) ? MACH_MSG_SUCCESS : MACH_SEND_INVALID_DEST;
}

/* Both rights come from one entry: is there an order in which both can be taken? */
static bool same_entry_suffices(const struct header *h, const struct ipc_entry *entry)
{
	if (h->dest_type == MACH_MSG_TYPE_MOVE_SEND_ONCE || h->reply_type == MACH_MSG_TYPE_MOVE_SEND_ONCE)
		return false;
	return !(h->dest_type == MACH_MSG_TYPE_MOVE_SEND && h->reply_type == MACH_MSG_TYPE_MOVE_SEND) ||
	       IE_BITS_UREFS(entry->ie_bits) >= 2;
}

static __attribute__((noinline)) mach_msg_return_t header_take_reply_first(struct ipc_space *space,
									    struct header *h,
									    struct ipc_entry *entry)
{
	if (ipc_right_copyin(space, h->reply_name, entry, h->reply_type, false, &h->reply) != KERN_SUCCESS ||
	    ipc_right_copyin(space, h->dest_name, entry, h->dest_type, false, &h->dest) != KERN_SUCCESS)
		return MACH_SEND_INVALID_DEST;
	return MACH_MSG_SUCCESS;
}

/*
 * The destination may die between the check and its taking; then nothing is done. A reply right that
 * dies goes as MACH_PORT_DEAD. If both come from one entry and only the destination is moved, the reply
 * is copied first. Space locked.
 */
static mach_msg_return_t header_take(struct ipc_space *space, struct header *h,
				     struct ipc_entry *dest_entry, struct ipc_entry *reply_entry)
{
	kern_return_t kr;

	if (reply_entry == dest_entry && h->dest_type == MACH_MSG_TYPE_MOVE_SEND &&
	    h->reply_type != MACH_MSG_TYPE_MOVE_SEND)
		return header_take_reply_first(space, h, dest_entry);
	kr = ipc_right_copyin(space, h->dest_name, dest_entry, h->dest_type, false, &h->dest);
	if (kr != KERN_SUCCESS)
		return MACH_SEND_INVALID_DEST;
	if (reply_entry) {
		kr = ipc_right_copyin(space, h->reply_name, reply_entry, h->reply_type, true, &h->reply);
		VERIFY(kr == KERN_SUCCESS);
	}
	return MACH_MSG_SUCCESS;
}

/* MACH_SEND_CANCEL: the notify argument is a receive right. Space locked. */
static __attribute__((noinline)) bool cancel_lookup(struct ipc_space *space, struct header *h)
{
	struct ipc_entry *entry = ipc_entry_lookup(space, h->cancel);

	if (!entry || !(entry->ie_bits & MACH_PORT_TYPE_RECEIVE))
		return false;
	h->cancel_port = entry->ie_object;
	return true;
}

/* A name that this send took: who asked is told, unless the sender cancels that request. */
static __attribute__((noinline)) void taken_notify(const struct header *h, struct ipc_right_taken *taken)
{
	if (taken->deleted && &taken->deleted->ip_object == h->cancel_port) {
		ipc_port_release_sonce(taken->deleted);
		taken->deleted = IP_NULL;
	}
	ipc_right_taken_notify(taken);
}

static mach_msg_return_t header_copyin_locked(struct ipc_space *space, struct header *h)
{
	struct ipc_entry *dest_entry, *reply_entry = NULL;

	if (!space->is_active)
		return MACH_SEND_INVALID_DEST;
	if (h->cancel != MACH_PORT_NULL && !cancel_lookup(space, h))
		return MACH_SEND_INVALID_NOTIFY;
	dest_entry = ipc_entry_lookup(space, h->dest_name);
	if (!dest_entry || !ipc_right_copyin_check(space, h->dest_name, dest_entry, h->dest_type) ||
	    (dest_entry->ie_bits & MACH_PORT_TYPE_DEAD_NAME))
		return MACH_SEND_INVALID_DEST;
	if (MACH_PORT_VALID(h->reply_name)) {
		reply_entry = ipc_entry_lookup(space, h->reply_name);
		if (!reply_entry ||
		    !ipc_right_copyin_check(space, h->reply_name, reply_entry, h->reply_type))
			return MACH_SEND_INVALID_REPLY;
		if (reply_entry == dest_entry && !same_entry_suffices(h, dest_entry))
			return MACH_SEND_INVALID_REPLY;
	} else {
		h->reply.port = h->reply_name == MACH_PORT_DEAD ? IP_DEAD : IP_NULL;
	}
	return header_take(space, h, dest_entry, reply_entry);
}

/* What the receive after this send wants. Space locked. NULL: nothing, or not there now. */
static struct ipc_object *receive_object(struct ipc_space *space, mach_port_name_t name)
{
	struct ipc_entry *entry = ipc_entry_lookup(space, name);

	if (!entry || !(entry->ie_bits & (MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET)))
		return NULL;
	io_reference(entry->ie_object);
	return entry->ie_object;
}

static mach_msg_return_t header_copyin(struct ipc_kmsg *kmsg, struct ipc_space *space,
				       mach_port_name_t cancel, mach_port_name_t rcv_name, struct ipc_object **rcv_object)
{
	mach_msg_header_t *msgh = kmsg->ikm_header;
	struct header h;
	mach_msg_return_t mr = header_decode(msgh, &h);

	if (mr != MACH_MSG_SUCCESS)
		return mr;
	h.cancel = cancel;
	h.cancel_port = NULL;
	is_lock(space);
	mr = header_copyin_locked(space, &h);
	if (mr == MACH_MSG_SUCCESS && rcv_object)
		*rcv_object = receive_object(space, rcv_name);
	is_unlock(space);
	if (mr != MACH_MSG_SUCCESS) {
		ipc_port_release_right(h.reply.port, ipc_right_type_taken(h.reply_type));
		return mr;
	}
	if (h.dest.deleted || h.reply.deleted) {
		taken_notify(&h, &h.dest);
		taken_notify(&h, &h.reply);
	}
	kmsg->ikm_remote_port = h.dest.port;
	kmsg->ikm_local_port = h.reply.port;
	msgh->msgh_bits = (msgh->msgh_bits & MACH_MSGH_BITS_COMPLEX) |
			  MACH_MSGH_BITS(ipc_right_type_taken(h.dest_type), ipc_right_type_taken(h.reply_type));
	msgh->msgh_remote_port = msgh->msgh_local_port = msgh->msgh_voucher_port = MACH_PORT_NULL;
	return MACH_MSG_SUCCESS;
}

/* Would it take along the receive right of a port that stands for something in this kernel (a timer's)? */
static bool moves_kernel_port(struct ipc_space *space, const mach_msg_descriptor_t *d)
{
	struct ipc_entry *entry;
	bool is;

	if (d->type.type != MACH_MSG_PORT_DESCRIPTOR || d->port.disposition != MACH_MSG_TYPE_MOVE_RECEIVE)
		return false;
	is_lock(space);
	entry = space->is_active ? ipc_entry_lookup(space, d->port.name) : NULL;
	is = entry && (entry->ie_bits & MACH_PORT_TYPE_RECEIVE) &&
	     ((struct ipc_port *)entry->ie_object)->ip_kotype != IKOT_NONE;
	is_unlock(space);
	return is;
}

/*
 * Decode: every descriptor lies in the message and has a known kind. What is the kernel's stays on its node: a message
 * that would take its receive right to another is refused before anything of its body was taken.
 */
static mach_msg_return_t descriptors_check(struct ipc_kmsg *kmsg, struct ipc_space *space)
{
	bool far = IP_VALID(kmsg->ikm_remote_port) && kmsg->ikm_remote_port->ip_remote;
	char *end = (char *)kmsg->ikm_header + ikm_size(kmsg);
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);
	uint32_t count, size;

	if (ikm_size(kmsg) < sizeof(mach_msg_base_t))
		return MACH_SEND_MSG_TOO_SMALL;
	count = ikm_descriptor_count(kmsg);
	if (count > MACH_MSG_DESCRIPTOR_MAX)
		return MACH_SEND_TOO_LARGE;
	for (uint32_t i = 0; i < count; i++, d = (mach_msg_descriptor_t *)((char *)d + size)) {
		if ((size_t)(end - (char *)d) < sizeof(mach_msg_type_descriptor_t))
			return MACH_SEND_MSG_TOO_SMALL;
		size = ikm_descriptor_size(d->type.type);
		if (size == 0)
			return MACH_SEND_INVALID_TYPE;
		if ((size_t)(end - (char *)d) < size)
			return MACH_SEND_MSG_TOO_SMALL;
		if (far && moves_kernel_port(space, d))
			return MACH_SEND_INVALID_RIGHT;
	}
	return MACH_MSG_SUCCESS;
}

/* One right of the body. A receive right is put in transit to dest. */
static mach_msg_return_t right_copyin(struct ipc_kmsg *kmsg, struct ipc_space *space,
				      mach_port_name_t name, mach_msg_type_name_t type,
				      struct ipc_port **port)
{
	if (!MACH_PORT_VALID(name)) {
		*port = name == MACH_PORT_DEAD ? IP_DEAD : IP_NULL;
		return MACH_MSG_SUCCESS;
	}
	if (ipc_object_copyin(space, name, type, port) != KERN_SUCCESS)
		return MACH_SEND_INVALID_RIGHT;
	if (type == MACH_MSG_TYPE_MOVE_RECEIVE && ipc_port_check_circularity(*port, kmsg->ikm_remote_port))
		kmsg->ikm_header->msgh_bits |= MACH_MSGH_BITS_CIRCULAR;
	return MACH_MSG_SUCCESS;
}

static mach_msg_return_t port_copyin(struct ipc_kmsg *kmsg, struct ipc_space *space,
				     mach_msg_port_descriptor_t *d)
{
	struct ipc_port *port;
	mach_msg_return_t mr;

	if (!MACH_MSG_TYPE_PORT_ANY(d->disposition))
		return MACH_SEND_INVALID_TYPE;
	mr = right_copyin(kmsg, space, d->name, d->disposition, &port);
	if (mr == MACH_MSG_SUCCESS) {
		d->kport = (uintptr_t)port;
		d->disposition = (uint8_t)ipc_right_type_taken(d->disposition);
	}
	return mr;
}

/* What a pager supplies to the kernel may take frames that other data may not. */
static bool is_page_in(const struct ipc_kmsg *kmsg)
{
	return IP_VALID(kmsg->ikm_remote_port) && kmsg->ikm_remote_port->ip_kotype == IKOT_MEMORY_OBJECT_CONTROL;
}

static mach_msg_return_t memory_copyin(const struct ipc_kmsg *kmsg, struct vm_map *map, mach_msg_ool_descriptor_t *d)
{
	struct thread *self = current_thread();
	struct vm_map_copy *copy = NULL;
	kern_return_t kr;

	if (d->copy == MACH_MSG_PAGE_EXCHANGE && !d->deallocate)
		kr = vm_map_exchange_in(map, (uintptr_t)d->address, d->size, &copy);
	else if (d->copy == MACH_MSG_PHYSICAL_COPY || d->copy == MACH_MSG_VIRTUAL_COPY) {
		self->vm_page_in = is_page_in(kmsg);
		kr = vm_map_copyin(map, (uintptr_t)d->address, d->size, d->deallocate != 0, &copy);
		self->vm_page_in = false;
	} else
		return MACH_SEND_INVALID_TYPE;
	if (kr == KERN_RESOURCE_SHORTAGE)
		return MACH_SEND_NO_BUFFER;
	if (kr != KERN_SUCCESS)
		return MACH_SEND_INVALID_MEMORY;
	d->kcopy = (uintptr_t)copy;
	return MACH_MSG_SUCCESS;
}

/* Deallocate a region of the sender that was copied already. */
static mach_msg_return_t sender_deallocate(struct vm_map *map, uint64_t addr, uint64_t size)
{
	struct vm_map_copy *copy;

	if (vm_map_copyin(map, addr, size, true, &copy) != KERN_SUCCESS)
		return MACH_SEND_INVALID_MEMORY;
	vm_map_copy_discard(copy);
	return MACH_MSG_SUCCESS;
}

/* More ports than this in one array are refused: they would be one block of kernel memory. */
#define OOL_PORTS_MAX 16384u

static mach_msg_return_t ports_copyin(struct ipc_kmsg *kmsg, struct ipc_space *space, struct vm_map *map,
				      mach_msg_ool_ports_descriptor_t *d)
{
	uint64_t addr = (uintptr_t)d->address, bytes = (uint64_t)d->count * sizeof(mach_port_name_t);
	mach_msg_return_t mr = MACH_MSG_SUCCESS;
	struct ipc_port **ports;
	mach_port_name_t *names;
	uint32_t done;

	if (!MACH_MSG_TYPE_PORT_ANY(d->disposition) ||
	    (d->copy != MACH_MSG_PHYSICAL_COPY && d->copy != MACH_MSG_VIRTUAL_COPY))
		return MACH_SEND_INVALID_TYPE;
	if (d->count > OOL_PORTS_MAX)
		return MACH_SEND_TOO_LARGE;
	if (d->count == 0) {
		d->kports = 0;
		d->disposition = (uint8_t)ipc_right_type_taken(d->disposition);
		return MACH_MSG_SUCCESS;
	}
	ports = kalloc(d->count * sizeof *ports);
	if (!ports)
		return MACH_SEND_NO_BUFFER;
	/* Names in the upper half of the array: a port never overwrites a name not yet read. */
	names = (mach_port_name_t *)(ports + d->count) - d->count;
	if (copyin(addr, names, bytes) != KERN_SUCCESS)
		mr = MACH_SEND_INVALID_MEMORY;
	if (mr == MACH_MSG_SUCCESS && d->deallocate)
		mr = sender_deallocate(map, addr, bytes);
	for (done = 0; mr == MACH_MSG_SUCCESS && done < d->count; done += mr == MACH_MSG_SUCCESS) {
		struct ipc_port *port;

		mr = right_copyin(kmsg, space, names[done], d->disposition, &port);
		if (mr == MACH_MSG_SUCCESS)
			ports[done] = port;
	}
	if (mr != MACH_MSG_SUCCESS) {
		while (done-- > 0)
			ipc_port_release_right(ports[done], ipc_right_type_taken(d->disposition));
		kfree(ports, d->count * sizeof *ports);
		return mr;
	}
	d->kports = (uintptr_t)ports;
	d->disposition = (uint8_t)ipc_right_type_taken(d->disposition);
	return MACH_MSG_SUCCESS;
}

/* On failure the descriptors done so far are undone; the header is not. */
static __attribute__((noinline)) mach_msg_return_t body_copyin(struct ipc_kmsg *kmsg, struct ipc_space *space, struct vm_map *map)
{
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);
	mach_msg_return_t mr = descriptors_check(kmsg, space);
	uint32_t count;

	if (mr != MACH_MSG_SUCCESS)
		return mr;
	count = ikm_descriptor_count(kmsg);
	for (uint32_t i = 0; i < count; i++, d = ikm_descriptor_next(d)) {
		switch (d->type.type) {
		case MACH_MSG_PORT_DESCRIPTOR:
			mr = port_copyin(kmsg, space, &d->port);
			break;
		case MACH_MSG_OOL_PORTS_DESCRIPTOR:
			mr = ports_copyin(kmsg, space, map, &d->ool_ports);
			break;
		default:
			mr = memory_copyin(kmsg, map, &d->out_of_line);
		}
		if (mr != MACH_MSG_SUCCESS) {
			ipc_kmsg_clean_descriptors(kmsg, i);
			return mr;
		}
	}
	return MACH_MSG_SUCCESS;
}

mach_msg_return_t ipc_kmsg_copyin(struct ipc_kmsg *kmsg, struct ipc_space *space, struct task *task,
				  mach_port_name_t cancel, mach_port_name_t rcv_name, struct ipc_object **rcv_object)
{
	mach_msg_return_t mr = header_copyin(kmsg, space, cancel, rcv_name, rcv_object);

	if (mr != MACH_MSG_SUCCESS) {
		ipc_kmsg_put_back(kmsg);
		return mr;
	}
	if (!ikm_complex(kmsg))
		return MACH_MSG_SUCCESS;
	mr = body_copyin(kmsg, space, task->map);
	if (mr != MACH_MSG_SUCCESS) {
		if (rcv_object && *rcv_object)
			io_release(*rcv_object);
		kmsg->ikm_header->msgh_bits &= ~MACH_MSGH_BITS_COMPLEX; /* no descriptors to destroy */
		ipc_kmsg_destroy(kmsg);
	}
	return mr;
}
