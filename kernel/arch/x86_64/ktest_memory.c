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
