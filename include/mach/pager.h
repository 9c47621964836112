/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/pager.h - writing a pager: memory objects whose pages are functions of yours.
 *
 * Make objects, give their ports to who may map them (mach_vm_map), run the server in one or more threads. Offsets and lengths
 * are bytes, whole pages. Functions are called with nothing locked, in the server's thread; what they return decides the
 * answer, so that every request is answered. An object's functions may call pager_supply and the others below themselves.
 */
#pragma once

#include <mach/mach.h>

struct pager;
struct pager_object;

/* A function's result beside KERN_SUCCESS and errors. */
#define PAGER_ZERO (-1)  /* read: there is nothing, zeros (or the original of a copy) will do */
#define PAGER_LATER (-2) /* the answer comes by pager_supply, pager_fail or pager_unlock */

struct pager_ops {
	/* Fill buffer, zeroed, with [offset, offset+length). *lock: accesses (VM_PROT_*) to be forbidden until unlock; 0 on entry. */
	kern_return_t (*read)(struct pager_object *, uint64_t offset, uint32_t length, void *buffer, vm_prot_t *lock);
	/* Keep the changed bytes. NULL: they are dropped, and a write to the object's pages is never allowed. */
	kern_return_t (*write)(struct pager_object *, uint64_t offset, uint32_t length, const void *bytes);
	/* May [offset, offset+length) be accessed so? NULL: yes. An error fails the access. */
	kern_return_t (*unlock)(struct pager_object *, uint64_t offset, uint32_t length, vm_prot_t access);
	/* All was written; bring it to where it lasts. NULL: it is there already. */
	kern_return_t (*sync)(struct pager_object *, uint64_t offset, uint64_t length);
	/* Nobody maps or caches the object any more; it may be mapped again. */
	void (*idle)(struct pager_object *);
};

struct pager_attributes {
	memory_object_copy_strategy_t copy_strategy;
	uint32_t cluster_size; /* bytes asked for at once; 0: a page */
	boolean_t may_cache;
	uint32_t timeout_ms;   /* 0: the node's default */
};

kern_return_t pager_create(struct pager **out);
/* A new object of size bytes (rounded up to pages). attributes NULL: DELAY, a page at a time, not cached. */
kern_return_t pager_object_create(struct pager *pager, const struct pager_ops *ops, uint64_t size, void *context,
				  const struct pager_attributes *attributes, struct pager_object **out);
/* Its port dies: what is mapped fails from now on. A function of it that runs in another thread runs to its end. */
void pager_object_destroy(struct pager_object *object);
/* The memory object: a send right stays with the caller's task. */
mach_port_t pager_object_port(const struct pager_object *object);
void *pager_object_context(const struct pager_object *object);
uint64_t pager_object_size(const struct pager_object *object);

/* Serve requests until an error of receiving. Several threads may. */
mach_msg_return_t pager_serve(struct pager *pager);
/* Serve in a thread of its own. */
kern_return_t pager_start(struct pager *pager);

/* Calls on the node that maps the object; KERN_INVALID_ARGUMENT: none does. */
kern_return_t pager_supply(struct pager_object *object, uint64_t offset, const void *bytes, uint32_t length, vm_prot_t lock);
kern_return_t pager_fail(struct pager_object *object, uint64_t offset, uint32_t length);
kern_return_t pager_unlock(struct pager_object *object, uint64_t offset, uint32_t length, vm_prot_t lock);
/* Have the node return changed pages, and drop them all if flush. Not waited for. */
kern_return_t pager_clean(struct pager_object *object, uint64_t offset, uint64_t length, boolean_t flush);
