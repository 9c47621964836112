/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_pager.c - see fake_pager.h. */
#include <base/string.h>
#include <host/host.h>
#include <kern/kworker.h>
#include <mach/memory_object_types.h>
#include <stdlib.h>
#include <vm/memory_object.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>

#include "../../../kernel/vm/vm_pager_port.h"
#include "fake_pager.h"

struct ipc_port *fake_default_manager;
static struct spinlock log_lock = SPINLOCK_INIT("fake pager");

struct ipc_port *fake_pager_new(void (*hear)(struct ipc_port *, const struct fake_message *))
{
	struct ipc_port *p = calloc(1, sizeof(*p));

	p->hear = hear;
	p->words = 1000;
	return p;
}

void fake_pager_free(struct ipc_port *pager)
{
	VERIFY(pager->objects == 0);
	free(pager);
}

static void tell(struct ipc_port *pager, struct fake_message m)
{
	if (pager->dead)
		return;
	if (pager->store != NULL) /* for long runs: not logged */
		pager->count = 0;
	spin_lock(&log_lock);
	VERIFY(pager->count < sizeof(pager->log) / sizeof(pager->log[0]));
	pager->log[pager->count++] = m;
	spin_unlock(&log_lock);
	if (pager->hear != NULL)
		pager->hear(pager, &m);
}

unsigned fake_pager_count(const struct ipc_port *pager, enum fake_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < pager->count; i++)
		n += pager->log[i].kind == kind;
	return n;
}

const struct fake_message *fake_pager_last(const struct ipc_port *pager, enum fake_kind kind)
{
	for (unsigned i = pager->count; i-- > 0;)
		if (pager->log[i].kind == kind)
			return &pager->log[i];
	return NULL;
}

void fake_pager_die(struct ipc_port *pager)
{
	pager->dead = true;
	if (pager->control != NULL)
		vm_object_pager_gone(pager->control);
}

kern_return_t fake_pager_supply(struct ipc_port *pager, uint64_t offset, uint64_t length, vm_prot_t lock, bool precious)
{
	uint64_t *bytes = calloc(1, length), error_offset;
	struct vm_map_copy *copy;
	kern_return_t kr;

	for (uint64_t at = 0; at < length; at += PAGE_SIZE)
		bytes[at / 8] = pager->store != NULL ? pager->store[(offset + at) >> PAGE_SHIFT] :
						       pager->words + ((offset + at) >> PAGE_SHIFT);
	copy = vm_map_copy_from_kernel(bytes, length);
	free(bytes);
	if (copy == NULL)
		return KERN_RESOURCE_SHORTAGE;
	kr = vm_pager_supply(pager->control, offset, copy, lock, precious, &error_offset);
	vm_map_copy_discard(copy);
	return kr;
}

void fake_pager_ready(struct ipc_port *pager, uint8_t strategy, uint32_t cluster, bool may_cache)
{
	struct vm_object *o = pager->control;

	spin_lock(&o->lock);
	o->copy_strategy = strategy;
	o->cluster_size = cluster;
	o->can_persist = may_cache;
	o->pager_ready = true;
	(void)waitq_wake_all(&o->event_wait);
	spin_unlock(&o->lock);
}

void fake_pager_good(struct ipc_port *pager, const struct fake_message *m)
{
	if (m->kind == PAGER_INIT)
		fake_pager_ready(pager, MEMORY_OBJECT_COPY_DELAY, PAGE_SIZE, false);
	else if (m->kind == PAGER_REQUEST)
		(void)fake_pager_supply(pager, m->offset, m->length, VM_PROT_NONE, false);
	else if (m->kind == PAGER_UNLOCK)
		(void)vm_pager_lock(pager->control, m->offset, m->length, MEMORY_OBJECT_RETURN_NONE, false, VM_PROT_NONE);
	else if (m->kind == PAGER_SYNCHRONIZE)
		(void)vm_pager_synchronized(pager->control, m->offset, m->length);
}

/* ---- vm_pager_port.h ---- */

void vm_pager_send_discard(struct vm_object *o, uint64_t offset, uint64_t size)
{
	tell(o->pager, (struct fake_message){ .kind = PAGER_DISCARD, .offset = offset, .length = size });
}

kern_return_t vm_pager_attach(struct vm_object *o, struct ipc_port *pager)
{
	if (pager == NULL || pager->dead)
		return KERN_INVALID_ARGUMENT;
	o->pager = pager;
	__atomic_fetch_add(&pager->objects, 1, __ATOMIC_RELAXED);
	return KERN_SUCCESS;
}

kern_return_t vm_pager_attach_new(struct vm_object *o)
{
	return vm_pager_attach(o, fake_pager_new(fake_pager_good));
}

struct vm_pager_ports {
	struct vm_pager_ports *next;
	struct ipc_port *pager;
};

struct vm_pager_ports *vm_pager_ports_new(void)
{
	struct vm_pager_ports *p = calloc(1, sizeof(*p));

	p->pager = fake_pager_new(fake_pager_good);
	p->pager->objects = 1;
	return p;
}

void vm_pager_ports_destroy(struct vm_pager_ports *p)
{
	p->pager->objects--;
	free(p->pager);
	free(p);
}

void vm_pager_ports_exchange_locked(struct vm_object *o, struct vm_pager_ports *p)
{
	struct ipc_port *old = o->pager;

	o->pager = p->pager;
	p->pager = old;
	p->next = o->old_ports;
	o->old_ports = p;
}

void vm_pager_ports_disable(struct vm_pager_ports *p)
{
	p->pager->control = NULL;
}

void vm_pager_enable(struct vm_object *o)
{
	o->pager->control = o;
}

bool vm_pager_move_try(struct vm_object *to, struct vm_object *from)
{
	to->pager = from->pager;
	from->pager = NULL;
	if (to->pager->control == from)
		to->pager->control = to;
	return true;
}

void vm_pager_disable(struct vm_object *o)
{
	if (o->pager->control == o)
		o->pager->control = NULL;
}

void vm_pager_detach(struct vm_object *o, bool say)
{
	if (say)
		tell(o->pager, (struct fake_message){ .kind = PAGER_TERMINATE });
	while (o->old_ports != NULL) {
		struct vm_pager_ports *p = o->old_ports;

		o->old_ports = p->next;
		p->pager->objects--;
		free(p);
	}
	__atomic_fetch_sub(&o->pager->objects, 1, __ATOMIC_RELAXED);
}

bool vm_pager_is_remote(struct vm_object *o)
{
	return false;
}

/* Its pager's port stands for it. */
struct ipc_port *vm_object_name_port(struct vm_object *o)
{
	return o->pager;
}

void vm_pager_send_init(struct vm_object *o)
{
	tell(o->pager, (struct fake_message){ .kind = PAGER_INIT });
}

void vm_pager_send_destroyed(struct vm_object *o)
{
	tell(o->pager, (struct fake_message){ .kind = PAGER_DESTROYED });
}

struct thread *vm_pager_send_request(struct vm_object *o, uint64_t offset, uint32_t length, vm_prot_t access)
{
	tell(o->pager, (struct fake_message){ .kind = PAGER_REQUEST, .offset = offset, .length = length, .access = access });
	return NULL;
}

struct thread *vm_pager_send_unlock(struct vm_object *o, uint64_t offset, uint64_t length, vm_prot_t access)
{
	tell(o->pager, (struct fake_message){ .kind = PAGER_UNLOCK, .offset = offset, .length = length, .access = access });
	return NULL;
}

void vm_pager_send_return(struct vm_object *o, uint64_t offset, struct vm_map_copy *data, uint64_t size, bool dirty,
			  bool kernel_copy, bool initialize)
{
	struct fake_message m = { .kind = initialize ? PAGER_INITIALIZE : PAGER_RETURN, .offset = offset, .length = size,
				  .dirty = dirty, .kernel_copy = kernel_copy };

	VERIFY(vm_map_copy_size(data) == size);
	VERIFY(vm_map_copy_to_kernel(data, 0, &m.word, sizeof(m.word)) == KERN_SUCCESS);
	for (uint64_t at = 0; o->pager->store != NULL && at < size; at += PAGE_SIZE)
		VERIFY(vm_map_copy_to_kernel(data, at, &o->pager->store[(offset + at) >> PAGE_SHIFT], sizeof(uint64_t)) == KERN_SUCCESS);
	if (o->pager->hold) {
		VERIFY(o->pager->held_count < 256);
		o->pager->held[o->pager->held_count++] = data;
	} else {
		vm_map_copy_discard(data);
	}
	tell(o->pager, m);
}

void fake_pager_let_go(struct ipc_port *pager)
{
	while (pager->held_count != 0)
		vm_map_copy_discard(pager->held[--pager->held_count]);
}

void vm_pager_send_synchronize(struct vm_object *o, uint64_t offset, uint64_t size, unsigned flags)
{
	(void)flags;
	tell(o->pager, (struct fake_message){ .kind = PAGER_SYNCHRONIZE, .offset = offset, .length = size });
}

void vm_pager_send_copy(struct vm_object *o, uint64_t offset, uint64_t size, struct vm_object *copy)
{
	tell(o->pager, (struct fake_message){ .kind = PAGER_COPY, .offset = offset, .length = size, .copy = copy->pager });
	vm_pager_send_init(copy);
}

bool vm_pager_send_create(struct vm_object *o, struct ipc_port *manager)
{
	tell(manager, (struct fake_message){ .kind = PAGER_CREATE, .length = o->size, .copy = o->pager });
	return true;
}

/* ---- what else the kernel would have ---- */

/* A worker's work is done at once. */
__attribute__((weak)) void kworker_submit(struct kwork *w)
{
	w->fn(w);
}
