/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_named_entry.c - memory as a port.
 *
 * Interface: vm_named_entry.h.
 * Locking: an entry does not change; the port lock decides between who looks it up and its end.
 * References: XNU's mach_make_memory_entry_64 for arguments and errors; unlike there an entry made of several
 *   regions has all of them, so *size is never cut.
 */
#include <vm/vm_named_entry.h>

#include <ipc/ipc_port.h>
#include <ipc/ipc_space.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/kworker.h>
#include <mach/vm_memory_entry.h>
#include <mach/vm_statistics.h>
#include <vm/memory_object.h>
#include <vm/vm_map.h>
#include <vm/vm_object.h>
#include <vm/vm_purgable.h>

struct named_entry {
	struct ipc_port *port;
	struct vm_named_memory memory;
	struct kwork end;
};

#define MAP_MEM_KNOWN                                                                              \
	(MAP_MEM_ONLY | MAP_MEM_NAMED_CREATE | MAP_MEM_PURGABLE | MAP_MEM_NAMED_REUSE |            \
	 MAP_MEM_VM_COPY | MAP_MEM_VM_SHARE)

static struct zone *entry_zone;

static void entry_end(struct kwork *w)
{
	struct named_entry *n = container_of(w, struct named_entry, end);

	ipc_port_dealloc_special(n->port);
	vm_map_deallocate(n->memory.map);
	zone_free(entry_zone, n);
}

/* Any context: what frees pages is left to a worker. */
static void no_senders(struct ipc_port *port)
{
	struct named_entry *n = NULL;

	ip_lock(port);
	if (ip_active(port) && port->ip_kotype == IKOT_NAMED_ENTRY && port->ip_srights == 0) {
		n = port->ip_kobject;
		port->ip_kobject = NULL;
		port->ip_kotype = IKOT_NONE;
	}
	ip_unlock(port);
	if (n != NULL)
		kworker_submit(&n->end);
}

void vm_named_entry_init(void)
{
	entry_zone = zone_create("vm_named_entry", sizeof(struct named_entry), 0);
	ipc_kobject_no_senders_calls[IKOT_NAMED_ENTRY] = no_senders;
}

kern_return_t vm_named_entry_create(const struct vm_named_memory *m, struct ipc_port **out)
{
	struct named_entry *n = zone_alloc(entry_zone);

	if (n == NULL)
		return KERN_RESOURCE_SHORTAGE;
	n->port = ipc_port_alloc_special(ipc_space_kernel);
	if (n->port == IP_NULL) {
		zone_free(entry_zone, n);
		return KERN_RESOURCE_SHORTAGE;
	}
	n->memory = *m;
	kwork_init(&n->end, entry_end, true);
	ipc_kobject_set(n->port, n, IKOT_NAMED_ENTRY);
	*out = ipc_port_make_send(n->port);
	return KERN_SUCCESS;
}

bool vm_named_entry_lookup(struct ipc_port *port, struct vm_named_memory *out)
{
	bool is;

	if (!IP_VALID(port))
		return false;
	ip_lock(port);
	is = ip_active(port) && port->ip_kotype == IKOT_NAMED_ENTRY;
	if (is) {
		*out = ((struct named_entry *)port->ip_kobject)->memory;
		vm_map_reference(out->map);
	}
	ip_unlock(port);
	return is;
}

/* Takes m's reference whatever happens. */
static kern_return_t create_or_drop(const struct vm_named_memory *m, struct ipc_port **out)
{
	kern_return_t kr = vm_named_entry_create(m, out);

	if (kr != KERN_SUCCESS)
		vm_map_deallocate(m->map);
	return kr;
}

/* New zero-filled memory in m->map, which is bare and empty. */
static kern_return_t fill_new(const struct vm_named_memory *m, bool purgable)
{
	struct vm_object *o = purgable ? vm_purgable_create(m->size) : vm_object_create(m->size);
	mach_vm_address_t at = 0;
	kern_return_t kr;

	if (o == NULL)
		return KERN_RESOURCE_SHORTAGE;
	kr = vm_map_enter(m->map, &at, m->size, 0, VM_FLAGS_FIXED, o, 0, false, VM_PROT_ALL, VM_PROT_ALL,
			  VM_INHERIT_SHARE);
	if (kr != KERN_SUCCESS)
		vm_object_deallocate(o);
	return kr;
}

/* May all of the range be mapped with protection? */
static kern_return_t fill_from_map(const struct vm_named_memory *m, struct vm_map *source, uint64_t start,
				   bool copy)
{
	vm_prot_t current, maximum;
	mach_vm_address_t at = 0;
	kern_return_t kr = vm_map_remap(m->map, &at, m->size, 0, VM_FLAGS_FIXED, source, start, copy,
					&current, &maximum, VM_INHERIT_SHARE);

	if (copy)
		maximum = VM_PROT_ALL; /* the copy is its own memory */
	if (kr == KERN_SUCCESS && (m->protection & ~maximum) != 0)
		kr = KERN_PROTECTION_FAILURE;
	return kr;
}

static kern_return_t make_of_parent(uint64_t *size, uint64_t offset, vm_prot_t protection,
				    struct ipc_port *parent, bool reuse, struct ipc_port **out)
{
	struct vm_named_memory m;
	uint64_t whole;
	kern_return_t kr = KERN_SUCCESS;

	if (!vm_named_entry_lookup(parent, &m))
		return KERN_INVALID_ARGUMENT;
	whole = m.size;
	if ((offset & PAGE_MASK) != 0 || offset > m.size || *size > m.size - offset)
		kr = KERN_INVALID_ARGUMENT;
	else if (protection & ~m.protection)
		kr = KERN_PROTECTION_FAILURE;
	if (kr == KERN_SUCCESS) {
		reuse = reuse && offset == 0 && protection == m.protection;
		m.start += offset;
		m.size = *size == 0 ? m.size - offset : (*size + PAGE_MASK) & ~PAGE_MASK;
		m.protection = protection;
		if (m.size == 0)
			kr = KERN_INVALID_ARGUMENT;
	}
	if (kr != KERN_SUCCESS) {
		vm_map_deallocate(m.map);
		return kr;
	}
	*size = m.size;
	if (reuse && m.size == whole) {
		*out = ipc_port_copy_send(parent);
		vm_map_deallocate(m.map);
		return KERN_SUCCESS;
	}
	return create_or_drop(&m, out);
}

kern_return_t vm_named_entry_make(struct vm_map *map, uint64_t *size, uint64_t offset, int permission,
				  struct ipc_port *parent, struct ipc_port **out)
{
	vm_prot_t protection = permission & VM_PROT_ALL;
	struct vm_named_memory m = { .protection = protection };
	uint64_t start = offset & ~PAGE_MASK, end;
	kern_return_t kr;

	*out = IP_NULL;
	if (permission & ~(MAP_MEM_KNOWN | VM_PROT_ALL))
		return KERN_INVALID_VALUE;
	if (permission & MAP_MEM_ONLY)
		return KERN_NOT_SUPPORTED;
	if (IP_VALID(parent) && !(permission & (MAP_MEM_NAMED_CREATE | MAP_MEM_VM_COPY | MAP_MEM_VM_SHARE)))
		return make_of_parent(size, offset, protection, parent, (permission & MAP_MEM_NAMED_REUSE) != 0, out);
	if (permission & MAP_MEM_NAMED_CREATE)
		start = offset = 0;
	if (*size == 0 || __builtin_add_overflow(offset, *size, &end) || end > VM_MAX_ADDRESS)
		return KERN_INVALID_ARGUMENT;
	m.size = ((end + PAGE_MASK) & ~PAGE_MASK) - start;
	m.map = vm_map_create_bare(m.size);
	if (m.map == NULL)
		return KERN_RESOURCE_SHORTAGE;
	if (permission & MAP_MEM_NAMED_CREATE)
		kr = fill_new(&m, (permission & MAP_MEM_PURGABLE) != 0);
	else
		kr = fill_from_map(&m, map, start, (permission & MAP_MEM_VM_COPY) != 0);
	if (kr != KERN_SUCCESS) {
		vm_map_deallocate(m.map);
		return kr;
	}
	*size = m.size;
	return create_or_drop(&m, out);
}

kern_return_t vm_named_entry_of_pager(bool internal, uint64_t size, vm_prot_t permission, struct ipc_port *pager, struct ipc_port **out)
{
	struct vm_named_memory m = { .protection = permission };
	mach_vm_address_t at = 0;
	kern_return_t kr;

	*out = IP_NULL;
	if (size == 0 || size > VM_MAX_ADDRESS - PAGE_SIZE || permission == VM_PROT_NONE || (permission & ~VM_PROT_ALL) != 0)
		return KERN_INVALID_ARGUMENT;
	if (!IP_VALID(pager) && !internal)
		return KERN_INVALID_ARGUMENT;
	m.size = (size + PAGE_MASK) & ~PAGE_MASK;
	m.map = vm_map_create_bare(m.size);
	if (m.map == NULL)
		return KERN_RESOURCE_SHORTAGE;
	if (IP_VALID(pager))
		kr = vm_map_enter_pager(m.map, &at, m.size, 0, VM_FLAGS_FIXED, pager, 0, false, VM_PROT_ALL, VM_PROT_ALL, VM_INHERIT_SHARE);
	else
		kr = fill_new(&m, false);
	if (kr != KERN_SUCCESS) {
		vm_map_deallocate(m.map);
		return kr;
	}
	kr = create_or_drop(&m, out);
	if (kr == KERN_SUCCESS)
		ipc_port_release_send(pager);
	return kr;
}
