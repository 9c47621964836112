/* SPDX-License-Identifier: BSD-2-Clause */
/* vm_object_internal.h - between vm_object.c and vm_object_chain.c. */
#pragma once

#include <vm/vm_object.h>

/* Unmap, remove and release. */
void vm_object_page_free_locked(struct vm_object *o, struct vm_page *page);
/* Move page, with its wiring and mappings, to another object. Both locked. */
void vm_object_page_move_locked(struct vm_object *to, struct vm_page *page, uint64_t offset);
/* All pages of from, at the same offsets, to the new object to. Both locked. */
void vm_object_take_pages_locked(struct vm_object *to, struct vm_object *from);
/* Free a collapsed object: locked, no pages, its last reference the caller's, its shadow reference moved. */
void vm_object_free_emptied(struct vm_object *o);
