/* SPDX-License-Identifier: BSD-2-Clause */
/* pmap_pv.h - from a page to its mappings. */
#pragma once

#include "pmap_private.h"

struct vm_page;

void pmap_pv_init(void);
/* Store new at entry (absent) and note the mapping. KERN_RESOURCE_SHORTAGE: nothing changed. The pmap lock is held. */
kern_return_t pmap_pv_enter(struct pmap *p, uint64_t va, pte_atomic *entry, struct vm_page *page, pte_t new);
/* Clear entry, which mapped page when it was looked at, and forget the mapping. The pmap lock is held. */
void pmap_pv_remove(struct pmap *p, uint64_t va, pte_atomic *entry, struct vm_page *page);
/* The same of a large page, of which page is the first. */
kern_return_t pmap_pv_enter_large(struct pmap *p, uint64_t va, pte_atomic *entry, struct vm_page *page, pte_t new);
void pmap_pv_remove_large(struct pmap *p, uint64_t va, pte_atomic *entry, struct vm_page *page);
/* No batch that was begun before this call is open, when it returns. */
void pmap_pv_batch_wait(void);
/* Between the two, entries are removed that are invalidated later, before the second. */
void pmap_pv_batch_begin(void);
void pmap_pv_batch_end(void);
