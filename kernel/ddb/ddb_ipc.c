/* SPDX-License-Identifier: BSD-2-Clause */
/* ddb_ipc.c - the debugger's commands on port spaces and ports. */
#include <ddb/ddb.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_port.h>
#include <ipc/ipc_pset.h>
#include <ipc/ipc_space.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <kern/thread.h>

#define MESSAGES_SHOWN 20U

static struct ipc_space *space_of(uint64_t which)
{
	const struct list *l;

	DDB_FOR_EACH(l, task_list_borrow()) {
		struct task *t = container_of((struct list *)l, struct task, all_link);

		if ((uint64_t)t == which || t->id == which || (uint64_t)t->ipc.space == which)
			return t->ipc.space;
	}
	return NULL;
}

static void print_entry(uint32_t index, const struct ipc_entry *e)
{
	uint32_t type = IE_BITS_TYPE(e->ie_bits);

	kprintf("%8x %s%s%s%s%s refs %-5u %016lx", MACH_PORT_MAKE(index, IE_BITS_GEN(e->ie_bits)),
		(type & MACH_PORT_TYPE_RECEIVE) != 0 ? "receive " : "", (type & MACH_PORT_TYPE_SEND) != 0 ? "send " : "",
		(type & MACH_PORT_TYPE_SEND_ONCE) != 0 ? "send-once " : "", (type & MACH_PORT_TYPE_PORT_SET) != 0 ? "set " : "",
		(type & MACH_PORT_TYPE_DEAD_NAME) != 0 ? "dead " : "", IE_BITS_UREFS(e->ie_bits), (uint64_t)e->ie_object);
	if ((type & (MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_SEND_ONCE)) != 0 &&
	    ddb_readable(e->ie_object, sizeof(struct ipc_port))) {
		const struct ipc_port *p = (const struct ipc_port *)e->ie_object;

		kprintf(" messages %u/%u%s%s", p->ip_msgcount, p->ip_qlimit, p->ip_kotype != 0 ? " kernel's" : "",
			p->ip_remote ? " remote" : "");
	}
	kprintf("\n");
}

static void ports(const struct ddb_args *args)
{
	struct ipc_space *space = NULL;
	uint64_t which;
	uint32_t chunks;

	if (ddb_number(args, 0, &which))
		space = space_of(which);
	if (space == NULL || !ddb_believe(space, sizeof(*space), "port space"))
		return;
	kprintf("space %016lx: %u names, references %u%s\n", (uint64_t)space, space->is_names, space->is_references,
		space->is_active ? "" : ", ended");
	for (uint32_t i = 1; i < IE_CHUNK_ENTRIES; i++)
		if (IE_BITS_TYPE(space->is_chunk0[i].ie_bits) != 0)
			print_entry(i, &space->is_chunk0[i]);
	chunks = space->is_chunks != NULL && ddb_readable(space->is_chunks, space->is_chunks_size * sizeof(void *)) ?
			 space->is_chunks_size : 0;
	for (uint32_t c = 1; c < chunks; c++) {
		const struct ipc_entry *e = space->is_chunks[c];

		for (uint32_t i = 0; e != NULL && i < IE_CHUNK_ENTRIES && ddb_readable(&e[i], sizeof(*e)); i++)
			if (IE_BITS_TYPE(e[i].ie_bits) != 0)
				print_entry(c << IE_CHUNK_SHIFT | i, &e[i]);
	}
}

static void print_waiters(const char *what, const struct waitq *wq)
{
	const struct list *l;

	DDB_FOR_EACH(l, &wq->threads) {
		const struct thread *t = container_of((struct list *)l, struct thread, wait_link);

		kprintf("  %s: thread %lu %.32s\n", what, t->tid, t->name);
	}
}

static void port(const struct ddb_args *args)
{
	const struct ipc_port *p;
	const struct list *l;
	uint64_t address;
	uint32_t n = 0;

	if (!ddb_number(args, 0, &address))
		return;
	p = (const struct ipc_port *)address;
	if (!ddb_believe(p, sizeof(*p), "port") || p->ip_object.io_kind != IOT_PORT)
		return;
	kprintf("port %016lx: %s, references %u, send %u, send-once %u, make-send count %u\n", address,
		ip_active(p) ? "alive" : "dead", p->ip_object.io_references, p->ip_srights, p->ip_sorights, p->ip_mscount);
	kprintf("  received in space %016lx as %x; kernel object %016lx type %u; context %lx%s%s\n", (uint64_t)p->ip_receiver,
		p->ip_receiver_name, (uint64_t)p->ip_kobject, p->ip_kotype, p->ip_context,
		!p->ip_guarded ? "" : p->ip_strict_guard ? ", guarded strictly" : ", guarded", p->ip_remote ? ", of another node" : "");
	kprintf("  requests: %u of names (memory for %u), %u to fire when there is room%s%s; in transit to %016lx\n", p->ip_request_count,
		ddb_readable(p->ip_reserve, sizeof(*p->ip_reserve)) ? ipc_port_request_room(p) : p->ip_request_count, p->ip_sp_armed, p->ip_nsrequest != NULL ? ", no-senders" : "",
		p->ip_pdrequest != NULL ? ", port-destroyed" : "", (uint64_t)p->ip_destination);
	kprintf("  queue %u of %u, next %u, in %u sets\n", p->ip_msgcount, p->ip_qlimit, p->ip_seqno, p->ip_pset_count);
	DDB_FOR_EACH(l, &p->ip_messages) {
		const struct ipc_kmsg *k = container_of((struct list *)l, struct ipc_kmsg, ikm_link);

		if (n++ == MESSAGES_SHOWN)
			break;
		kprintf("  message %016lx id %d size %u\n", (uint64_t)k, k->ikm_header->msgh_id, k->ikm_header->msgh_size);
	}
	print_waiters("receives", &p->ip_receivers);
	print_waiters("waits to send", &p->ip_senders);
}

const struct ddb_command ddb_ipc_commands[] = {
	{ "ports", "TASK|SPACE", "the names of a task (address or id)", ports },
	{ "port", "PORT", "one port: rights, queue, who waits", port },
	{ 0 },
};
