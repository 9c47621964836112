/* SPDX-License-Identifier: BSD-2-Clause */
/* ddb_vm.c - the debugger's commands on maps, objects, pages and zones. */
#include <ddb/ddb.h>
#include <ipc/ipc_notify.h>
#include <kern/kalloc.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <vm/vm_map.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>

#define CHAIN_SHOWN 32

static const struct vm_map *map_of(uint64_t which)
{
	const struct list *l;

	DDB_FOR_EACH(l, task_list_borrow()) {
		const struct task *t = container_of((struct list *)l, struct task, all_link);

		if ((uint64_t)t == which || t->id == which)
			return t->map;
	}
	return (const struct vm_map *)which;
}

static void map(const struct ddb_args *args)
{
	const struct vm_map *m;
	const struct list *l;
	uint64_t which;

	if (!ddb_number(args, 0, &which))
		return;
	m = map_of(which);
	if (!ddb_believe(m, sizeof(*m), "map"))
		return;
	kprintf("map %016lx: %u entries, %lu KiB, references %u, version %lu\n", (uint64_t)m, m->entry_count, m->size >> 10,
		m->references, m->version);
	DDB_FOR_EACH(l, &m->entries) {
		const struct vm_map_entry *e = container_of((struct list *)l, struct vm_map_entry, link);

		kprintf("%012lx-%012lx %c%c%c max %c%c%c inherit %u%s%s object %016lx + %lx\n", e->start, e->end,
			e->protection & VM_PROT_READ ? 'r' : '-', e->protection & VM_PROT_WRITE ? 'w' : '-',
			e->protection & VM_PROT_EXECUTE ? 'x' : '-', e->max_protection & VM_PROT_READ ? 'r' : '-',
			e->max_protection & VM_PROT_WRITE ? 'w' : '-', e->max_protection & VM_PROT_EXECUTE ? 'x' : '-',
			e->inheritance, e->needs_copy ? " copy-on-write" : "", e->wired_count != 0 ? " wired" : "",
			(uint64_t)e->object, e->offset);
	}
}

static void object(const struct ddb_args *args)
{
	const struct vm_object *o;
	uint64_t address;

	if (!ddb_number(args, 0, &address))
		return;
	o = (const struct vm_object *)address;
	for (int n = 0; o != NULL && n < CHAIN_SHOWN && ddb_believe(o, sizeof(*o), "object"); n++, o = o->shadow)
		kprintf("object %016lx: %lu KiB, %lu pages resident, references %u, paging %u, pager %016lx, shadow %016lx + %lx\n",
			(uint64_t)o, o->size >> 10, o->resident, o->references, o->paging_in_progress, (uint64_t)o->pager,
			(uint64_t)o->shadow, o->shadow_offset);
}

static void page(const struct ddb_args *args)
{
	const struct vm_page *p;
	uint64_t phys;

	if (!ddb_number(args, 0, &phys))
		return;
	p = vm_page_of_phys(phys);
	if (p == NULL) {
		kprintf("%lx is no memory\n", phys);
		return;
	}
	kprintf("page %016lx of %lx: object %016lx + %lx, wired %u, queue %u, owner %u%s%s%s%s\n", (uint64_t)p, p->phys,
		(uint64_t)p->object, p->offset, p->wire_count, p->queue, p->owner, p->free ? ", free" : "", p->busy ? ", busy" : "",
		p->dirty ? ", dirty" : "", p->laundry ? ", laundry" : "");
}

static void pages(const struct ddb_args *args)
{
	static const char *const owners[PAGE_OWNER_COUNT] = {
		[PAGE_OWNER_FREE] = "free", [PAGE_OWNER_KERNEL] = "kernel", [PAGE_OWNER_OBJECT] = "objects", [PAGE_OWNER_ZONE] = "zones",
		[PAGE_OWNER_KALLOC] = "kalloc", [PAGE_OWNER_TABLE] = "page tables", [PAGE_OWNER_STACK] = "stacks",
		[PAGE_OWNER_DEVICE] = "devices", [PAGE_OWNER_CACHE] = "disk blocks", [PAGE_OWNER_NET] = "network",
	};
	uint64_t counts[PAGE_OWNER_COUNT];
	struct vm_page_audit audit;

	vm_page_owner_counts(counts);
	kprintf("%lu frames, %lu free; active %lu, inactive %lu, stuck %lu, laundry %lu, wired %lu\n", vm_page_total_count(), vm_page_free_count(),
		vm_page_queue_count(PAGE_QUEUE_ACTIVE), vm_page_queue_count(PAGE_QUEUE_INACTIVE), vm_page_queue_count(PAGE_QUEUE_STUCK),
		vm_page_laundry_count(), vm_page_wired_count());
	for (int i = 0; i < PAGE_OWNER_COUNT; i++)
		kprintf("  %-12s %lu\n", owners[i] != NULL ? owners[i] : "?", counts[i]);
	if (vm_page_audit(&audit))
		kprintf("audit: all frames agree\n");
	else
		kprintf("audit: %lu frames wrong (first %p: %s); free %lu, counted %lu; on queues %lu, counted %lu\n", audit.wrong,
			(void *)audit.first, audit.what != NULL ? audit.what : "-", audit.free_found, audit.free_counted,
			audit.queued_found, audit.queued_counted);
}

static void print_zone(void *ctx, const char *name, size_t size, uint64_t in_use, uint64_t held)
{
	if (in_use != 0 || held != 0)
		kprintf("%-24s %6lu bytes %8lu in use %6lu pages\n", name, size, in_use, held);
}

static void kernel_memory(const struct ddb_args *args)
{
	zone_for_each(print_zone, NULL);
	kprintf("%lu notifications were lost for want of memory\n", (unsigned long)atomic_load(&ipc_notify_lost));
}

const struct ddb_command ddb_vm_commands[] = {
	{ "map", "TASK|MAP", "the entries of a map", map },
	{ "object", "OBJECT", "a memory object and its shadows", object },
	{ "page", "PHYS", "the page of a physical address", page },
	{ "pages", "", "whose the frames are", pages },
	{ "zones", "", "the kernel's own memory", kernel_memory },
	{ 0 },
};
