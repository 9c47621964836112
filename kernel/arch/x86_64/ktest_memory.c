/* SPDX-License-Identifier: BSD-2-Clause */
/* ktest_memory.c - boot tests of the page tables: W^X of the kernel, the pmap's operations, stacks' guards. */
#include "boot_private.h"
#include "cpu_private.h"
#include "instructions.h"
#include "pmap_private.h"
#include <base/string.h>
#include <kern/ktest.h>
#include <kern/panic.h>
#include <kern/printf.h>
#include <kern/thread.h>
#include <vm/vm_page.h>

/* --- W^X ---------------------------------------------------------------------------------- */

struct walk {
	uint64_t pages, writable_executable, executable_outside_text, user, low;
	uint64_t text_writable; /* aliases of the image's text that may be written */
};

static void look_at(struct walk *w, uint64_t va, int level, pte_t rights, pte_t entry)
{
	uint64_t pa = entry & PTE_ADDRESS & ~((PAGE_SIZE << (9 * level)) - 1), bytes = PAGE_SIZE << (9 * level);
	bool writable = (rights & PTE_WRITE) != 0, executable = (rights & PTE_NX) == 0;

	w->pages++;
	w->writable_executable += writable && executable;
	w->executable_outside_text += executable && (va < (uint64_t)text_start || va >= (uint64_t)text_end);
	w->user += (rights & PTE_USER) != 0;
	w->low += va < PHYS_MAP_BASE;
	w->text_writable += writable && pa < (uint64_t)text_end - KERNEL_BASE &&
			    pa + bytes > (uint64_t)text_start - KERNEL_BASE;
}

/* All tables, with the rights that the levels above leave. */
static void walk_table(struct walk *w, const pte_t *table, int level, uint64_t base, pte_t rights)
{
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		pte_t entry = table[i];
		uint64_t va = base + i * (PAGE_SIZE << (9 * level));
		pte_t here = (rights & entry & (PTE_WRITE | PTE_USER)) | ((rights | entry) & PTE_NX);

		if ((entry & PTE_PRESENT) == 0)
			continue;
		if (level == TABLE_LEVELS - 1 && i >= KERNEL_FIRST_SLOT)
			va |= 0xffff000000000000UL;
		if (level == 0 || (entry & PTE_LARGE) != 0)
			look_at(w, va, level, here, entry);
		else
			walk_table(w, pte_table(entry), level - 1, va, here);
	}
}

KTEST(wx)
{
	struct walk w = { 0 };

	walk_table(&w, kernel_pmap->root, TABLE_LEVELS - 1, 0, PTE_WRITE | PTE_USER);
	ktest_ok(w.pages > 100, "ARCH0001 the kernel's page tables can be walked (%lu pages)", w.pages);
	ktest_ok(w.writable_executable == 0, "ARCH0002 no page is writable and executable (%lu are)",
		 w.writable_executable);
	ktest_ok(w.executable_outside_text == 0, "ARCH0003 nothing but the text is executable (%lu pages are)",
		 w.executable_outside_text);
	ktest_ok(w.text_writable == 0, "ARCH0004 the text has no writable alias (%lu)", w.text_writable);
	ktest_ok(w.user == 0, "ARCH0005 no kernel page is the user's (%lu are)", w.user);
	ktest_ok(w.low == 0, "ARCH0006 nothing is mapped below the kernel half (%lu pages are)", w.low);
	ktest_ok(!cpu_features.smep || (read_cr4() & CR4_SMEP), "ARCH0007 SMEP is on where the CPU has it");
	ktest_ok(!cpu_features.smap || (read_cr4() & CR4_SMAP), "ARCH0008 SMAP is on where the CPU has it");
	ktest_ok(!cpu_features.umip || (read_cr4() & CR4_UMIP), "ARCH0009 UMIP is on where the CPU has it");
	ktest_ok((read_cr0() & CR0_WP) != 0 && (rdmsr(MSR_EFER) & EFER_NXE) != 0,
		 "ARCH0010 WP and NX are on");
}

/* --- pmap --------------------------------------------------------------------------------- */

#define TEST_VA 0x0000123456789000UL

static bool entry_is(struct pmap *p, uint64_t va, pte_t set, pte_t clear)
{
	pte_atomic *entry = pmap_pte(p, va);
	pte_t value = entry != NULL ? atomic_load(entry) : 0;

	return (value & set) == set && (value & clear) == 0;
}

static void test_enter_and_lower(struct pmap *p, struct vm_page *page)
{
	kern_return_t kr = pmap_enter(p, TEST_VA, page, VM_PROT_DEFAULT, false);

	ktest_ok(kr == KERN_SUCCESS && pmap_extract(p, TEST_VA + 5) == page->phys + 5,
		 "ARCH0020 an entered page is found");
	ktest_ok(entry_is(p, TEST_VA, PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX, PTE_DIRTY),
		 "ARCH0021 it has the rights asked for");
	pmap_protect(p, TEST_VA, TEST_VA + PAGE_SIZE, VM_PROT_READ);
	ktest_ok(entry_is(p, TEST_VA, PTE_PRESENT | PTE_NX, PTE_WRITE), "ARCH0022 pmap_protect lowers them");
	kr = pmap_enter(p, TEST_VA, page, VM_PROT_READ | VM_PROT_EXECUTE, false);
	ktest_ok(kr == KERN_SUCCESS && entry_is(p, TEST_VA, PTE_PRESENT, PTE_WRITE | PTE_NX) &&
		 pmap_resident_count(p) == 1, "ARCH0023 entering it again changes them");
}

/* Use the mapping as user code would: with the pmap loaded, and AC set past SMAP. */
static void touch(struct pmap *p, uint64_t va, bool write)
{
	struct pmap *before = this_cpu()->pmap;

	cpu_irq_push();
	pmap_activate(p);
	if (cpu_features.smap)
		__asm__ volatile("stac" : : : "memory");
	if (write)
		*(volatile char *)va = 1;
	else
		(void)*(volatile char *)va;
	if (cpu_features.smap)
		__asm__ volatile("clac" : : : "memory");
	pmap_activate(before);
	cpu_irq_pop();
}

static void test_bits(struct pmap *p, struct vm_page *page)
{
	uint64_t va = TEST_VA + PAGE_SIZE;

	(void)pmap_enter(p, va, page, VM_PROT_DEFAULT, false);
	pmap_clear_reference(page);
	pmap_clear_modify(page);
	ktest_ok(!pmap_is_referenced(page) && !pmap_is_modified(page), "ARCH0024 cleared bits are clear");
	touch(p, va, false);
	ktest_ok(pmap_is_referenced(page) && !pmap_is_modified(page), "ARCH0025 a read references");
	touch(p, va, true);
	ktest_ok(pmap_is_modified(page), "ARCH0026 a write modifies");
	pmap_remove(p, va, va + PAGE_SIZE);
	ktest_ok(pmap_is_modified(page) && pmap_extract(p, va) == 0,
		 "ARCH0027 the bits outlive the mapping");
	pmap_clear_modify(page);
}

static void test_all_mappings(struct pmap *p, struct pmap *q, struct vm_page *page)
{
	(void)pmap_enter(p, TEST_VA, page, VM_PROT_DEFAULT, false);
	(void)pmap_enter(q, TEST_VA + (1UL << 30), page, VM_PROT_DEFAULT, false);
	pmap_page_protect(page, VM_PROT_READ);
	ktest_ok(entry_is(p, TEST_VA, PTE_PRESENT, PTE_WRITE) &&
		 entry_is(q, TEST_VA + (1UL << 30), PTE_PRESENT, PTE_WRITE),
		 "ARCH0028 pmap_page_protect lowers every mapping of a page");
	pmap_page_protect(page, VM_PROT_NONE);
	ktest_ok(pmap_extract(p, TEST_VA) == 0 && pmap_extract(q, TEST_VA + (1UL << 30)) == 0 &&
		 pmap_resident_count(p) == 0 && page->pv == NULL,
		 "ARCH0029 and removes every mapping");
}

KTEST(pmap)
{
	struct vm_page *page = vm_page_grab_zeroed(), *many[64];
	uint64_t free_before;
	struct pmap *p, *q;
	unsigned n = 0;

	/* Zones keep a page or two: warm them up before counting. */
	pmap_destroy(pmap_create());
	p = pmap_create();
	(void)pmap_enter(p, TEST_VA, page, VM_PROT_READ, false);
	pmap_destroy(p);
	free_before = vm_page_free_count();
	p = pmap_create();
	q = pmap_create();
	test_enter_and_lower(p, page);
	pmap_remove(p, 0, VM_MAX_ADDRESS);
	test_bits(p, page);
	test_all_mappings(p, q, page);
	for (; n < 64; n++) {
		many[n] = vm_page_grab();
		(void)pmap_enter(p, TEST_VA + n * (3UL << 20), many[n], VM_PROT_DEFAULT, false);
	}
	ktest_ok(pmap_resident_count(p) == 64, "ARCH0030 64 pages over 192 MiB are resident");
	pmap_remove(p, TEST_VA + (3UL << 20), TEST_VA + 63 * (3UL << 20));
	ktest_ok(pmap_resident_count(p) == 2, "ARCH0031 a range is removed, its ends are not");
	pmap_destroy(p);
	pmap_destroy(q);
	while (n > 0)
		vm_page_release(many[--n]);
	ktest_ok(vm_page_free_count() == free_before, "ARCH0032 page tables are given back (%lu, %lu before)",
		 vm_page_free_count(), free_before);
	vm_page_release(page);
}

/* --- large pages, batches, tables that are not needed --------------------------------------- */

#define LARGE_VA 0x0000123400000000UL
#define LARGE_PAGES (1U << PMAP_LARGE_ORDER)

static void test_large(struct pmap *p, struct vm_page *block)
{
	struct vm_page *other = vm_page_grab_zeroed();
	uint64_t dropped;
	kern_return_t kr = pmap_enter_large(p, LARGE_VA, block, VM_PROT_DEFAULT);

	ktest_ok(kr == KERN_SUCCESS && pmap_resident_count(p) == LARGE_PAGES &&
		 pmap_extract(p, LARGE_VA + 123456) == block->phys + 123456, "ARCH0050 a large page is one entry for 512");
	touch(p, LARGE_VA + 5 * PAGE_SIZE, true);
	ktest_ok(pmap_is_modified(&block[5]) && pmap_is_modified(&block[300]) && pmap_is_referenced(&block[300]),
		 "ARCH0051 whose bits speak for all its pages");
	pmap_clear_modify(&block[5]);
	ktest_ok(!pmap_is_modified(&block[5]) && pmap_is_modified(&block[300]) && pmap_extract(p, LARGE_VA) == 0,
		 "ARCH0052 clearing one's bit drops it, and the others' bits are kept");
	dropped = pmap_counts.large_dropped;
	(void)pmap_enter_large(p, LARGE_VA, block, VM_PROT_DEFAULT);
	pmap_page_protect(&block[511], VM_PROT_READ);
	ktest_ok(pmap_extract(p, LARGE_VA) == 0 && pmap_resident_count(p) == 0 && block->pv == NULL &&
		 pmap_counts.large_dropped == dropped + 1, "ARCH0053 protecting one of its pages drops it");
	(void)pmap_enter_large(p, LARGE_VA, block, VM_PROT_DEFAULT);
	pmap_remove(p, LARGE_VA + 7 * PAGE_SIZE, LARGE_VA + 8 * PAGE_SIZE);
	ktest_ok(pmap_extract(p, LARGE_VA) == 0 && pmap_resident_count(p) == 0, "ARCH0054 so does removing a part");
	(void)pmap_enter_large(p, LARGE_VA, block, VM_PROT_DEFAULT);
	pmap_protect(p, LARGE_VA, LARGE_VA + PMAP_LARGE_BYTES - PAGE_SIZE, VM_PROT_READ);
	ktest_ok(pmap_extract(p, LARGE_VA) == 0, "ARCH0055 and lowering a part's rights");
	(void)pmap_enter_large(p, LARGE_VA, block, VM_PROT_DEFAULT);
	pmap_protect(p, LARGE_VA, LARGE_VA + PMAP_LARGE_BYTES, VM_PROT_READ);
	ktest_ok(pmap_extract(p, LARGE_VA + 5) == block->phys + 5 && (atomic_load(pmap_large_pte(p, LARGE_VA)) & PTE_WRITE) == 0,
		 "ARCH0071 lowering all of it keeps it, without the right");
	(void)pmap_enter_large(p, LARGE_VA, block, VM_PROT_DEFAULT);
	kr = pmap_enter(p, LARGE_VA + PAGE_SIZE, other, VM_PROT_DEFAULT, false);
	ktest_ok(kr == KERN_SUCCESS && pmap_extract(p, LARGE_VA) == 0 && pmap_extract(p, LARGE_VA + PAGE_SIZE) == other->phys,
		 "ARCH0056 a page that is entered in its place drops it");
	ktest_ok(pmap_enter_large(p, LARGE_VA, block, VM_PROT_DEFAULT) == KERN_FAILURE, "ARCH0057 and keeps it out");
	pmap_remove(p, LARGE_VA, LARGE_VA + PMAP_LARGE_BYTES);
	ktest_ok(pmap_enter_large(p, LARGE_VA, block, VM_PROT_READ) == KERN_SUCCESS &&
		 pmap_enter_large(p, LARGE_VA, block, VM_PROT_DEFAULT) == KERN_SUCCESS &&
		 pmap_resident_count(p) == LARGE_PAGES, "ARCH0058 until it is gone; then it may be entered, and again with other rights");
	vm_page_release(other);
}

static void test_collect(struct pmap *p, struct vm_page *page)
{
	uint64_t before = vm_page_free_count(), freed = pmap_counts.tables_freed;

	for (unsigned i = 0; i < 64; i++) {
		(void)pmap_enter(p, TEST_VA + i * PMAP_LARGE_BYTES, page, VM_PROT_READ, false);
		pmap_remove(p, TEST_VA + i * PMAP_LARGE_BYTES, TEST_VA + i * PMAP_LARGE_BYTES + PAGE_SIZE);
	}
	(void)pmap_enter(p, TEST_VA + 70 * PMAP_LARGE_BYTES, page, VM_PROT_READ, false);
	ktest_ok(vm_page_free_count() + 64 <= before, "ARCH0060 64 tables were needed");
	pmap_collect(p, TEST_VA - PAGE_SIZE, TEST_VA + 70 * PMAP_LARGE_BYTES);
	ktest_ok(pmap_counts.tables_freed >= freed + 63 && pmap_extract(p, TEST_VA + 70 * PMAP_LARGE_BYTES) == page->phys,
		 "ARCH0061 and are given back when nothing is mapped by them, but for those that are used");
	ktest_ok(pmap_enter(p, TEST_VA, page, VM_PROT_READ, false) == KERN_SUCCESS && pmap_extract(p, TEST_VA) == page->phys,
		 "ARCH0062 where a page can be entered again");
}

/*
 * As if both CPUs had p loaded, whichever this thread runs on: one round of interrupts for each operation, however many pages it is
 * of.
 */
static void test_rounds(struct pmap *p, struct vm_page **pages, unsigned count)
{
	uint64_t rounds = pmap_counts.shoot_downs, interrupts = pmap_counts.interrupts;
	struct pmap_batch batch;

	if (cpu_count != 2)
		return;
	atomic_fetch_or(&p->active, 3);
	for (unsigned i = 0; i < count; i++)
		(void)pmap_enter(p, LARGE_VA + i * PAGE_SIZE, pages[i], VM_PROT_DEFAULT, false);
	pmap_protect(p, LARGE_VA, LARGE_VA + count * PAGE_SIZE, VM_PROT_READ);
	ktest_ok(pmap_counts.shoot_downs == rounds + 1 && pmap_counts.interrupts == interrupts + 1,
		 "ARCH0065 %u pages are lowered with one interrupt (%lu)", count, pmap_counts.interrupts - interrupts);
	pmap_batch_begin(&batch);
	for (unsigned i = 0; i < count; i++)
		pmap_page_protect_batched(&batch, pages[i], VM_PROT_NONE);
	pmap_batch_end(&batch);
	ktest_ok(pmap_counts.interrupts == interrupts + 2, "ARCH0066 and unmapped one by one, in a batch, with one (%lu)",
		 pmap_counts.interrupts - interrupts - 1);
	atomic_fetch_and(&p->active, ~3UL);
}

KTEST(pmap_large)
{
	struct vm_page *block, *page = vm_page_grab_zeroed(), *many[1000];
	uint64_t free_before;
	struct pmap_batch batch;
	struct pmap *p;
	unsigned n;

	p = pmap_create(); /* zones keep a page or two */
	(void)pmap_enter(p, TEST_VA, page, VM_PROT_READ, false);
	pmap_destroy(p);
	free_before = vm_page_free_count();
	block = vm_page_grab_contiguous(PMAP_LARGE_ORDER);
	p = pmap_create();
	test_large(p, block);
	pmap_destroy(p);
	for (n = 0; n < LARGE_PAGES; n++)
		vm_page_release(&block[n]); /* one by one, as objects do */
	ktest_ok(vm_page_free_count() == free_before, "ARCH0059 nothing is lost (%lu, %lu before)", vm_page_free_count(), free_before);
	p = pmap_create();
	test_collect(p, page);
	for (n = 0; n < 1000; n++) {
		many[n] = vm_page_grab();
		(void)pmap_enter(p, LARGE_VA + n * PAGE_SIZE, many[n], VM_PROT_DEFAULT, false);
	}
	pmap_batch_begin(&batch);
	for (n = 0; n < 1000; n++)
		pmap_page_protect_batched(&batch, many[n], n % 2 == 0 ? VM_PROT_READ : VM_PROT_NONE);
	pmap_batch_end(&batch);
	for (n = 0; n < 1000; n++)
		if (n % 2 == 0 ? !entry_is(p, LARGE_VA + n * PAGE_SIZE, PTE_PRESENT, PTE_WRITE) :
				 pmap_extract(p, LARGE_VA + n * PAGE_SIZE) != 0)
			break;
	ktest_ok(n == 1000, "ARCH0063 a batch lowers and removes");
	pmap_remove(p, LARGE_VA, LARGE_VA + 1000 * PAGE_SIZE);
	ktest_ok(pmap_extract(p, LARGE_VA) == 0 && pmap_extract(p, LARGE_VA + 998 * PAGE_SIZE) == 0,
		 "ARCH0064 a long range is removed in pieces, all of it");
	test_rounds(p, many, 200);
	pmap_destroy(p);
	while (n > 0)
		vm_page_release(many[--n]);
	vm_page_release(page);
}

/* --- kernel stacks ------------------------------------------------------------------------ */

KTEST(stacks)
{
	void *stack[40];
	unsigned n, good = 0, distinct = 0;
	uint64_t free_before;

	for (n = 0; n < 40; n++)
		stack[n] = kernel_stack_alloc(KERNEL_STACK_BYTES);
	while (n > 0)
		kernel_stack_free(stack[--n], KERNEL_STACK_BYTES);
	free_before = vm_page_free_count();
	for (n = 0; n < 40; n++) {
		uint64_t base;

		stack[n] = kernel_stack_alloc(KERNEL_STACK_BYTES);
		base = (uint64_t)stack[n];
		memset(stack[n], (int)n, KERNEL_STACK_BYTES);
		good += !kernel_address_mapped(base - 1) && !kernel_address_mapped(base - PAGE_SIZE) &&
			kernel_address_mapped(base) && kernel_address_mapped(base + KERNEL_STACK_BYTES - 1);
	}
	for (n = 0; n < 40; n++)
		distinct += ((char *)stack[n])[0] == (char)n && ((char *)stack[n])[KERNEL_STACK_BYTES - 1] == (char)n;
	ktest_ok(good == 40, "ARCH0040 every stack has an unmapped page below it");
	ktest_ok(distinct == 40, "ARCH0041 stacks do not overlap");
	while (n > 0)
		kernel_stack_free(stack[--n], KERNEL_STACK_BYTES);
	ktest_ok(vm_page_free_count() == free_before, "ARCH0042 freed stacks give their frames back");
}

static int deeper(int n)
{
	volatile char block[256];

	block[n & 255] = (char)n;
	return n < 0 ? 0 : deeper(n + 1) + block[(n + 1) & 255];
}

KTEST_PANICS(stack_overflow)
{
	kprintf("going too deep\n");
	(void)deeper(0);
}

/* --- panics ------------------------------------------------------------------------------- */

__attribute__((noinline)) static void outer_of_panic(int n)
{
	if (n == 42)
		panic("as the test asked (%d)", n);
	__asm__ volatile("");
}

KTEST_PANICS(panic)
{
	outer_of_panic(42);
}

KTEST_PANICS(null_pointer)
{
	uint64_t address = 0x10;

	__asm__ volatile("" : "+r"(address));
	*(volatile uint64_t *)address = 1;
}

KTEST_PANICS(write_text)
{
	*(volatile char *)text_start = 0;
}

KTEST_PANICS(execute_data)
{
	static char code[] = { (char)0xc3 }; /* ret */

	((void (*)(void))(uint64_t)code)();
}
