/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ktest_pcid.c - a boot test of what processors keep of pmaps that they do not run: more pmaps than there are numbers for, which change while
 * others are loaded, looked at by threads on every CPU. It is the same without PCIDs, where nothing is kept.
 */
#include "cpu_private.h"
#include "instructions.h"
#include "pmap_pcid.h"
#include "pmap_private.h"
#include <kern/ktest.h>
#include <kern/printf.h>
#include <kern/thread.h>
#include <sched/wait.h>
#include <vm/vm_page.h>

#define SPACES (3U * PCID_SLOTS)
#define SLOTS 4U  /* of a space: neighbouring pages */
#define PAGES (2U * SLOTS)
#define PCID_VA 0x0000234567890000UL
#define PCID_ROUNDS 3000U
#define PCID_WORKERS 6U

/* A page table with SLOTS mappings, each of one of the PAGES: which, the model says. A page says in its first word who it is. */
struct space {
	struct spinlock lock;
	struct pmap *pmap;
	struct vm_page *pages[PAGES];
	unsigned slot[SLOTS];
	bool used[PAGES];
};

static struct {
	struct space spaces[SPACES];
	_Atomic uint32_t left, stale, refused;
	_Atomic uint64_t looks;
	struct spinlock lock;
	struct waitq done;
} pcid_test = { .lock = SPINLOCK_INIT("pcid ktest") };

/* The user's view: with p loaded. */
static void look(struct pmap *p, uint64_t words[SLOTS])
{
	struct pmap *before;

	cpu_irq_push();
	before = this_cpu()->pmap;
	pmap_activate(p);
	if (cpu_features.smap)
		__asm__ volatile("stac" : : : "memory");
	for (unsigned i = 0; i < SLOTS; i++)
		words[i] = *(volatile uint64_t *)(PCID_VA + i * PAGE_SIZE);
	if (cpu_features.smap)
		__asm__ volatile("clac" : : : "memory");
	pmap_activate(before);
	cpu_irq_pop();
}

/* Another page in a slot, in one of the ways by which a mapping goes. */
static void change(struct space *s, unsigned slot, unsigned how)
{
	uint64_t va = PCID_VA + slot * PAGE_SIZE;
	unsigned next = s->slot[slot];

	while (s->used[next])
		next = (next + 1) % PAGES;
	if (how == 0)
		pmap_remove(s->pmap, va, va + PAGE_SIZE);
	else if (how == 1)
		pmap_page_protect(s->pages[s->slot[slot]], VM_PROT_NONE);
	if (pmap_enter(s->pmap, va, s->pages[next], VM_PROT_DEFAULT, false) != KERN_SUCCESS)
		atomic_fetch_add(&pcid_test.refused, 1);
	s->used[s->slot[slot]] = false;
	s->used[next] = true;
	s->slot[slot] = next;
}

static void check(struct space *s)
{
	uint64_t words[SLOTS];

	look(s->pmap, words);
	atomic_fetch_add(&pcid_test.looks, 1);
	for (unsigned i = 0; i < SLOTS; i++)
		if (words[i] != (uint64_t)s->pages[s->slot[i]])
			atomic_fetch_add(&pcid_test.stale, 1);
}

static void pcid_worker(void *arg)
{
	uint32_t random = (uint32_t)(uintptr_t)arg * 2654435761U + 1;

	for (unsigned n = 0; n < PCID_ROUNDS; n++) {
		struct space *s;

		random = random * 1664525U + 1013904223U;
		/* Mostly a few, so that there is something to keep. */
		s = &pcid_test.spaces[(random >> 24) % 4 == 0 ? (random >> 12) % SPACES : (random >> 12) % PCID_SLOTS];
		spin_lock(&s->lock);
		if ((random >> 8) % 4 == 0)
			change(s, (random >> 16) % SLOTS, (random >> 20) % 3);
		else
			check(s);
		spin_unlock(&s->lock);
	}
	spin_lock(&pcid_test.lock);
	if (atomic_fetch_sub(&pcid_test.left, 1) == 1)
		waitq_wake_all(&pcid_test.done);
	spin_unlock(&pcid_test.lock);
}

static void space_make(struct space *s)
{
	spin_init(&s->lock, "pcid ktest space");
	s->pmap = pmap_create();
	for (unsigned i = 0; i < PAGES; i++) {
		s->pages[i] = vm_page_grab_zeroed();
		*(uint64_t *)vm_page_virt(s->pages[i]) = (uint64_t)s->pages[i];
		s->used[i] = i < SLOTS;
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		s->slot[i] = i;
		(void)pmap_enter(s->pmap, PCID_VA + i * PAGE_SIZE, s->pages[i], VM_PROT_DEFAULT, false);
	}
}

static void space_end(struct space *s)
{
	pmap_destroy(s->pmap);
	for (unsigned i = 0; i < PAGES; i++)
		vm_page_release(s->pages[i]);
}

/* Loads of the pmaps 0 and 1 in turn, with or without a change of the first one between; how many kept what was cached. */
static uint64_t kept_by_turns(bool changing)
{
	uint64_t before, kept, flushed;

	cpu_irq_push(); /* one CPU, and nobody else on it */
	pmap_pcid_loads(&before, &flushed);
	for (unsigned i = 0; i < 20; i++) {
		if (changing)
			change(&pcid_test.spaces[0], 0, 2);
		check(&pcid_test.spaces[i % 2]);
	}
	pmap_pcid_loads(&kept, &flushed);
	cpu_irq_pop();
	return kept - before;
}

KTEST(pcid)
{
	uint64_t kept, flushed, still, changing;

	waitq_init(&pcid_test.done);
	for (unsigned i = 0; i < SPACES; i++)
		space_make(&pcid_test.spaces[i]);
	still = kept_by_turns(false);
	changing = kept_by_turns(true);
	pcid_test.left = PCID_WORKERS;
	for (uintptr_t i = 0; i < PCID_WORKERS; i++)
		thread_deallocate(kernel_thread_start("pcid ktest", 64, pcid_worker, (void *)i));
	spin_lock(&pcid_test.lock);
	if (pcid_test.left != 0)
		(void)waitq_block(&pcid_test.done, &pcid_test.lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
	else
		spin_unlock(&pcid_test.lock);
	pmap_pcid_loads(&kept, &flushed);
	for (unsigned i = 0; i < SPACES; i++)
		space_end(&pcid_test.spaces[i]);
	ktest_ok(pcid_test.looks > PCID_ROUNDS && pcid_test.stale == 0 && pcid_test.refused == 0,
		 "ARCH0067 in %lu looks at %u spaces on %u CPUs no translation is an old one (%u are)", pcid_test.looks, SPACES, cpu_count,
		 pcid_test.stale);
	if (cpu_features.pcid) {
		ktest_ok((read_cr4() & CR4_PCIDE) != 0 && kept > 0 && flushed > 0, "ARCH0068 with PCIDs, where %lu loads kept what was cached and %lu did not",
			 kept, flushed);
		ktest_ok(still >= 18, "ARCH0069 two spaces in turn keep it (%lu of 20 loads)", still);
		ktest_ok(changing >= 9 && changing <= 11, "ARCH0070 but not the one that is changed while the other runs (%lu of 20)", changing);
	} else {
		ktest_ok(kept == 0 && flushed == 0, "ARCH0068 without PCIDs");
	}
}
