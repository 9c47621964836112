/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_kmsg_copyout.c - a message from kernel form into its receiver's names and memory.
 *
 * The header is given first; if its reply right cannot be, nothing was given. A body's right or region
 * that cannot be given is destroyed, reads as MACH_PORT_NULL or 0, and sets an error bit: the rest is delivered.
 */
#include <base/string.h>
#include <ipc/ipc_kmsg_private.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_scatter.h>
#include <ipc/ipc_space.h>
#include <kern/assert.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <machine/copyio.h>
#include <vm/vm_map_copy.h>

/* The class of a right that could not be given. */
static mach_msg_return_t ipc_class(kern_return_t kr)
{
	return kr == KERN_RESOURCE_SHORTAGE ? MACH_MSG_IPC_KERNEL : MACH_MSG_IPC_SPACE;
}

static mach_port_name_t literal_name(const struct ipc_port *port)
{
	return port == IP_DEAD ? MACH_PORT_DEAD : MACH_PORT_NULL;
}

/*
 * The message has arrived: its right to the destination is used up. Returns the destination's name here. Read
 * without the port's lock: if the receive right moves away just now, the name is as good as a moment earlier.
 */
static mach_port_name_t consume_dest(struct ipc_kmsg *kmsg, struct ipc_space *space)
{
	struct ipc_port *port = kmsg->ikm_remote_port;
	mach_msg_type_name_t type = MACH_MSGH_BITS_REMOTE(kmsg->ikm_header->msgh_bits);
	mach_port_name_t name = MACH_PORT_NULL;
	bool arrived = true;

	kmsg->ikm_remote_port = IP_NULL;
	if (!IP_VALID(port))
		return literal_name(port);
	if (port->ip_receiver == space)
		name = port->ip_receiver_name;
	else if (!ip_active(port))
		name = MACH_PORT_DEAD;
	else
		arrived = false; /* the receive right moved on meanwhile */
	if (type == MACH_MSG_TYPE_PORT_SEND)
		ipc_port_release_send(port);
	else if (arrived)
		ipc_port_release_sonce(port);
	else
		ipc_notify_send_once(port);
	return name;
}

/* The reply right gets a name. */
static kern_return_t give_right(struct ipc_space *space, struct ipc_port *port,
				mach_msg_type_name_t type, mach_port_name_t *name)
{
	if (!IP_VALID(port)) {
		*name = literal_name(port);
		return KERN_SUCCESS;
	}
	return ipc_object_copyout(space, port, type, true, name);
}

/* Was this name made for the reply right just now? A send right's with one reference is, or could be. */
static bool name_is_new(struct ipc_space *space, mach_port_name_t name)
{
	struct ipc_entry *entry;
	bool is_new;

	is_lock(space);
	entry = ipc_entry_lookup(space, name);
	is_new = entry && !(entry->ie_bits & MACH_PORT_TYPE_RECEIVE) && IE_BITS_UREFS(entry->ie_bits) == 1;
	is_unlock(space);
	return is_new;
}

/* MACH_RCV_NOTIFY: give the reply right, and ask for a dead-name notification if its name is new. All or nothing. */
static __attribute__((noinline)) mach_msg_return_t give_reply_notify(struct ipc_kmsg *kmsg, struct ipc_space *space,
								      mach_port_name_t notify,
								      mach_port_name_t *name)
{
	mach_msg_type_name_t type = MACH_MSGH_BITS_LOCAL(kmsg->ikm_header->msgh_bits);
	struct ipc_port *right, *previous = IP_NULL;
	kern_return_t kr;

	if (ipc_object_copyin(space, notify, MACH_MSG_TYPE_MAKE_SEND_ONCE, &right) != KERN_SUCCESS)
		return MACH_RCV_INVALID_NOTIFY;
	kr = give_right(space, kmsg->ikm_local_port, type, name);
	if (kr != KERN_SUCCESS || !MACH_PORT_VALID(*name) || !name_is_new(space, *name)) {
		ipc_port_release_sonce(right);
		return kr == KERN_SUCCESS ? MACH_MSG_SUCCESS : MACH_RCV_HEADER_ERROR | ipc_class(kr);
	}
	kr = ipc_right_request(space, *name, true, false, right, &previous);
	if (kr == KERN_SUCCESS) {
		ipc_notify_send_once(previous);
		return MACH_MSG_SUCCESS;
	}
	ipc_port_release_sonce(right);
	if (ipc_object_copyin(space, *name, type, &kmsg->ikm_local_port) != KERN_SUCCESS)
		kmsg->ikm_local_port = IP_NULL; /* another thread took it */
	return MACH_RCV_HEADER_ERROR | ipc_class(kr);
}

static mach_msg_return_t give_reply(struct ipc_kmsg *kmsg, struct ipc_space *space, mach_port_name_t notify,
				    mach_port_name_t *name)
{
	kern_return_t kr;

	if (notify != MACH_PORT_NULL)
		return give_reply_notify(kmsg, space, notify, name);
	kr = give_right(space, kmsg->ikm_local_port, MACH_MSGH_BITS_LOCAL(kmsg->ikm_header->msgh_bits), name);
	return kr == KERN_SUCCESS ? MACH_MSG_SUCCESS : MACH_RCV_HEADER_ERROR | ipc_class(kr);
}

static mach_msg_return_t header_copyout(struct ipc_kmsg *kmsg, struct ipc_space *space, mach_port_name_t notify)
{
	mach_msg_header_t *msgh = kmsg->ikm_header;
	mach_msg_bits_t bits = msgh->msgh_bits;
	mach_port_name_t reply_name;
	mach_msg_return_t mr = give_reply(kmsg, space, notify, &reply_name);

	if (mr != MACH_MSG_SUCCESS)
		return mr;
	kmsg->ikm_local_port = IP_NULL;
	msgh->msgh_local_port = consume_dest(kmsg, space);
	msgh->msgh_remote_port = reply_name;
	msgh->msgh_voucher_port = MACH_PORT_NULL;
	msgh->msgh_bits = (bits & MACH_MSGH_BITS_COMPLEX) |
			  MACH_MSGH_BITS(MACH_MSGH_BITS_LOCAL(bits), MACH_MSGH_BITS_REMOTE(bits));
	return MACH_MSG_SUCCESS;
}

/* One right of the body; destroyed if it cannot be given. */
static mach_msg_return_t right_copyout(struct ipc_space *space, struct ipc_port *port,
				       mach_msg_type_name_t type, mach_port_name_t *name)
{
	kern_return_t kr;

	if (type == MACH_MSG_TYPE_PORT_RECEIVE && IP_VALID(port))
		ipc_port_end_transit(port);
	kr = give_right(space, port, type, name);
	if (kr == KERN_SUCCESS)
		return MACH_MSG_SUCCESS;
	ipc_port_release_right(port, type);
	*name = MACH_PORT_NULL;
	return ipc_class(kr);
}

static mach_msg_return_t port_copyout(struct ipc_space *space, mach_msg_port_descriptor_t *d)
{
	struct ipc_port *port = (struct ipc_port *)(uintptr_t)d->kport;
	mach_port_name_t name;
	mach_msg_return_t mr = right_copyout(space, port, d->disposition, &name);

	d->kport = 0;
	d->name = name;
	return mr;
}

/* To the place that the receiver named: pages change hands if it wants that and they can. */
static kern_return_t memory_to_place(struct vm_map *map, const struct ipc_scatter_place *place, struct vm_map_copy *copy)
{
	kern_return_t kr = KERN_NOT_SUPPORTED;

	if (place->copy == MACH_MSG_PAGE_EXCHANGE)
		kr = vm_map_exchange_out(map, place->address, copy);
	return kr == KERN_NOT_SUPPORTED ? vm_map_copy_overwrite(map, place->address, copy) : kr;
}

/* place: where the receiver wants it, or NULL: anywhere. */
static mach_msg_return_t memory_copyout(struct vm_map *map, const struct ipc_scatter_place *place,
					mach_msg_ool_descriptor_t *d)
{
	struct vm_map_copy *copy = (struct vm_map_copy *)(uintptr_t)d->kcopy;
	bool overwrite = place && place->copy != MACH_MSG_ALLOCATE;
	mach_vm_address_t addr = overwrite ? place->address : 0;
	kern_return_t kr = overwrite ? memory_to_place(map, place, copy) : vm_map_copyout(map, &addr, copy);

	if (kr != KERN_SUCCESS) {
		vm_map_copy_discard(copy);
		addr = 0;
		d->size = 0;
	}
	d->kcopy = addr;
	d->deallocate = addr != 0 && !overwrite;
	d->copy = overwrite ? place->copy : d->copy;
	if (kr == KERN_SUCCESS)
		return MACH_MSG_SUCCESS;
	return kr == KERN_RESOURCE_SHORTAGE ? MACH_MSG_VM_KERNEL : MACH_MSG_VM_SPACE;
}

/* A region of the receiver's for an array of names, zeroed. */
static mach_msg_return_t names_region(struct vm_map *map, const mach_port_name_t *zeroes, uint64_t bytes,
				      mach_vm_address_t *addr)
{
	struct vm_map_copy *copy = vm_map_copy_from_kernel(zeroes, bytes);

	if (!copy)
		return MACH_MSG_VM_KERNEL;
	if (vm_map_copyout(map, addr, copy) != KERN_SUCCESS) {
		vm_map_copy_discard(copy);
		return MACH_MSG_VM_SPACE;
	}
	return MACH_MSG_SUCCESS;
}

static mach_msg_return_t ports_copyout(struct ipc_space *space, struct vm_map *map,
				       const struct ipc_scatter_place *place, mach_msg_ool_ports_descriptor_t *d)
{
	bool overwrite = place && place->copy == MACH_MSG_OVERWRITE;
	struct ipc_port **ports = (struct ipc_port **)(uintptr_t)d->kports;
	uint64_t bytes = (uint64_t)d->count * sizeof(mach_port_name_t);
	mach_msg_return_t mr = MACH_MSG_VM_KERNEL;
	mach_vm_address_t addr = 0;
	mach_port_name_t *names;

	d->deallocate = 0;
	d->kports = 0;
	if (d->count == 0)
		return MACH_MSG_SUCCESS;
	names = kalloc_zeroed(bytes);
	if (names && overwrite) {
		addr = place->address;
		mr = copyout(names, addr, bytes) == KERN_SUCCESS ? MACH_MSG_SUCCESS : MACH_MSG_VM_SPACE;
		d->copy = MACH_MSG_OVERWRITE;
	} else if (names) {
		mr = names_region(map, names, bytes, &addr);
	}
	if (mr != MACH_MSG_SUCCESS) {
		for (uint32_t i = 0; i < d->count; i++)
			ipc_port_release_right(ports[i], d->disposition);
		addr = 0;
	} else {
		for (uint32_t i = 0; i < d->count; i++)
			mr |= right_copyout(space, ports[i], d->disposition, &names[i]);
		if (copyout(names, addr, bytes) != KERN_SUCCESS)
			mr |= MACH_MSG_VM_SPACE; /* the receiver unmapped it meanwhile */
		d->deallocate = !overwrite;
	}
	if (names)
		kfree(names, bytes);
	kfree(ports, d->count * sizeof *ports);
	d->kports = addr;
	if (addr == 0)
		d->count = 0;
	return mr;
}

/* The place for the next descriptor that is not a port's; NULL: none was named. */
static const struct ipc_scatter_place *next_place(const struct ipc_scatter *scatter, uint32_t *at)
{
	return scatter && *at < scatter->count ? &scatter->places[(*at)++] : NULL;
}

static __attribute__((noinline)) mach_msg_return_t body_copyout(struct ipc_kmsg *kmsg, struct ipc_space *space,
								 struct vm_map *map, const struct ipc_scatter *scatter)
{
	uint32_t at = 0;
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg), *next;
	uint32_t count = ikm_descriptor_count(kmsg);
	mach_msg_return_t mr = MACH_MSG_SUCCESS;

	for (uint32_t i = 0; i < count; i++, d = next) {
		next = ikm_descriptor_next(d);
		switch (d->type.type) {
		case MACH_MSG_PORT_DESCRIPTOR:
			mr |= port_copyout(space, &d->port);
			break;
		case MACH_MSG_OOL_PORTS_DESCRIPTOR:
			mr |= ports_copyout(space, map, next_place(scatter, &at), &d->ool_ports);
			break;
		default:
			mr |= memory_copyout(map, next_place(scatter, &at), &d->out_of_line);
		}
	}
	return mr;
}

mach_msg_return_t ipc_kmsg_copyout(struct ipc_kmsg *kmsg, struct ipc_space *space, struct task *task,
				   mach_port_name_t notify, const struct ipc_scatter *scatter)
{
	mach_msg_return_t mr = header_copyout(kmsg, space, notify);

	if (mr != MACH_MSG_SUCCESS || !ikm_complex(kmsg))
		return mr;
	mr = body_copyout(kmsg, space, task->map, scatter);
	return mr == MACH_MSG_SUCCESS ? mr : mr | MACH_RCV_BODY_ERROR;
}

mach_msg_return_t ipc_kmsg_copyout_pseudo(struct ipc_kmsg *kmsg, struct ipc_space *space,
					  struct vm_map *map)
{
	mach_msg_header_t *msgh = kmsg->ikm_header;
	mach_msg_bits_t bits = msgh->msgh_bits;
	mach_port_name_t dest_name, reply_name;
	mach_msg_return_t mr;

	mr = right_copyout(space, kmsg->ikm_remote_port, MACH_MSGH_BITS_REMOTE(bits), &dest_name);
	mr |= right_copyout(space, kmsg->ikm_local_port, MACH_MSGH_BITS_LOCAL(bits), &reply_name);
	kmsg->ikm_remote_port = kmsg->ikm_local_port = IP_NULL;
	msgh->msgh_remote_port = dest_name;
	msgh->msgh_local_port = reply_name;
	msgh->msgh_bits = bits & (MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS_PORTS_MASK);
	if (ikm_complex(kmsg))
		mr |= body_copyout(kmsg, space, map, NULL);
	return mr;
}

void ipc_kmsg_copyout_dest(struct ipc_kmsg *kmsg, struct ipc_space *space)
{
	mach_msg_header_t *msgh = kmsg->ikm_header;
	mach_msg_bits_t bits = msgh->msgh_bits;
	mach_port_name_t dest_name = consume_dest(kmsg, space);

	ipc_port_release_right(kmsg->ikm_local_port, MACH_MSGH_BITS_LOCAL(bits));
	kmsg->ikm_local_port = IP_NULL;
	ipc_kmsg_clean_body(kmsg);
	ipc_kmsg_run_deferred();
	msgh->msgh_bits = MACH_MSGH_BITS(0, MACH_MSGH_BITS_REMOTE(bits));
	msgh->msgh_local_port = dest_name;
	msgh->msgh_remote_port = msgh->msgh_voucher_port = MACH_PORT_NULL;
}
