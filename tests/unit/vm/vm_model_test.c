/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: random operations on several maps against a simple model, from seeds; with and without failing
 * allocations. A call that fails for want of memory must have changed nothing.
 *
 * Usage: vm_model [SEED [STEPS]] runs one seed, else the fixed ones.
 *
 * The model: in each map a window of PAGES pages. A page is unmapped, or has rights, inheritance, and a cell, the
 * memory behind it; cells are shared by reference and copied by value. A cell's value is written at two places of
 * the page, the rest of the page is zero.
 */
#include <host/host.h>
#include <host/test.h>
#include <mach/vm_behavior.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>

#include "arena.h"
#include "fake_pmap.h"

#define BASE 0x40000000UL
#define PAGES 24U
#define MAPS 4U
#define COPIES 4U
#define SECOND 4000U /* offset of the second place */

struct cell {
	uint32_t references;
	uint64_t value;
};

struct model_page {
	struct cell *cell; /* NULL: unmapped */
	vm_prot_t prot, max;
	vm_inherit_t inherit;
	uint32_t wired;
};

struct model_map {
	struct vm_map *map; /* NULL: none */
	struct model_page pages[PAGES];
};

struct model_copy {
	struct vm_map_copy *copy;
	uint32_t pages;
	uint64_t values[PAGES];
};

static struct model_map maps[MAPS];
static struct model_copy copies[COPIES];
static uint32_t seed, failing;
static uint64_t next_value;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 10) % n;
}

/* ---- the model ---- */

static struct cell *cell_new(uint64_t value)
{
	struct cell *c = malloc(sizeof(*c));

	*c = (struct cell){ 1, value };
	return c;
}

static void page_clear(struct model_page *p)
{
	if (p->cell != NULL && --p->cell->references == 0)
		free(p->cell);
	*p = (struct model_page){ 0 };
}

static void page_set(struct model_page *p, struct cell *c, vm_prot_t prot, vm_prot_t max,
		     vm_inherit_t inherit)
{
	page_clear(p);
	*p = (struct model_page){ c, prot, max, inherit, 0 };
}

/* True: the call went well and the model must follow. A shortage is fine only if an allocation failed. */
static bool done(kern_return_t kr)
{
	bool f = alloc_failed();

	if (kr == KERN_RESOURCE_SHORTAGE) {
		assert_true(f);
		return false;
	}
	assert_int_equal(kr, KERN_SUCCESS);
	return true;
}

struct range {
	struct model_map *m;
	uint32_t first, count;
	uint64_t at;
};

static struct range pick(void)
{
	struct range r;

	do
		r.m = &maps[rnd(MAPS)];
	while (r.m->map == NULL);
	r.first = rnd(PAGES);
	r.count = 1 + rnd(rnd(3) == 0 ? PAGES - r.first : PAGES - r.first < 4 ? PAGES - r.first : 4);
	r.at = BASE + r.first * PAGE_SIZE;
	return r;
}

static bool all_mapped(const struct range *r, vm_prot_t prot, bool max)
{
	for (uint32_t i = r->first; i < r->first + r->count; i++) {
		const struct model_page *p = &r->m->pages[i];

		if (p->cell == NULL || (prot & ~(max ? p->max : p->prot)) != 0)
			return false;
	}
	return true;
}

/* ---- operations ---- */

static void op_allocate(void)
{
	struct range r = pick();
	mach_vm_address_t a = r.at;
	bool over = rnd(3) == 0, clash = false;
	kern_return_t kr;

	for (uint32_t i = r.first; i < r.first + r.count; i++)
		clash = clash || r.m->pages[i].cell != NULL;
	kr = vm_map_allocate(r.m->map, &a, r.count * PAGE_SIZE, over ? VM_FLAGS_OVERWRITE : VM_FLAGS_FIXED);
	if (clash && !over && kr != KERN_RESOURCE_SHORTAGE) {
		assert_int_equal(kr, KERN_NO_SPACE);
		return;
	}
	if (done(kr))
		for (uint32_t i = r.first; i < r.first + r.count; i++)
			page_set(&r.m->pages[i], cell_new(0), VM_PROT_DEFAULT, VM_PROT_ALL,
				 VM_INHERIT_COPY);
}

static void op_remove(void)
{
	struct range r = pick();

	if (done(vm_map_remove(r.m->map, r.at + rnd(100), r.count * PAGE_SIZE - 100)))
		for (uint32_t i = r.first; i < r.first + r.count; i++)
			page_clear(&r.m->pages[i]);
}

static void op_write(void)
{
	struct range r = pick();
	struct model_page *p = &r.m->pages[r.first];
	uint64_t value = ++next_value;
	bool kernel = rnd(4) == 0;
	kern_return_t kr;

	if (kernel)
		kr = vm_map_write_kernel(r.m->map, r.at, &value, 8);
	else
		kr = user_write(r.m->map, r.at, &value, 8);
	if (p->cell == NULL && kr != KERN_RESOURCE_SHORTAGE)
		assert_int_equal(kr, KERN_INVALID_ADDRESS);
	else if (p->cell != NULL && !(p->prot & VM_PROT_WRITE))
		assert_int_equal(kr, KERN_PROTECTION_FAILURE);
	else if (done(kr)) {
		p->cell->value = value;
		/* The second place: the page is the map's own by now. */
		assert_int_equal(vm_map_write_kernel(r.m->map, r.at + SECOND, &value, 8), 0);
	}
}

static void op_protect(void)
{
	static const vm_prot_t prots[] = { VM_PROT_NONE, VM_PROT_READ, VM_PROT_DEFAULT, VM_PROT_DEFAULT,
					   VM_PROT_READ | VM_PROT_EXECUTE };
	struct range r = pick();
	vm_prot_t prot = prots[rnd(5)];
	bool set_max = rnd(20) == 0, mapped = all_mapped(&r, 0, true);
	bool ok = all_mapped(&r, prot, true);
	kern_return_t kr = vm_map_protect(r.m->map, r.at, r.count * PAGE_SIZE, prot, set_max);

	if (!ok && kr != KERN_RESOURCE_SHORTAGE) {
		assert_true(kr == KERN_PROTECTION_FAILURE || (!mapped && kr == KERN_INVALID_ADDRESS));
		return;
	}
	if (!done(kr))
		return;
	for (uint32_t i = r.first; i < r.first + r.count; i++) {
		struct model_page *p = &r.m->pages[i];

		if (set_max) {
			p->max = prot;
			p->prot &= prot;
		} else {
			p->prot = prot;
		}
	}
}

static bool any_wired(const struct range *r)
{
	for (uint32_t i = r->first; i < r->first + r->count; i++)
		if (r->m->pages[i].wired != 0)
			return true;
	return false;
}

/* VM_PROT_COPY: the pages become private, and may be written from then on. Entry by entry: so without failures. */
static void op_protect_copy(void)
{
	static const vm_prot_t prots[] = { VM_PROT_READ, VM_PROT_DEFAULT, VM_PROT_ALL };
	struct range r = pick();
	vm_prot_t prot = prots[rnd(3)];
	bool mapped = all_mapped(&r, 0, true), ok = all_mapped(&r, prot & ~VM_PROT_WRITE, true);
	kern_return_t kr;

	if (any_wired(&r))
		return;
	alloc_fail_chance(0, 0);
	kr = vm_map_protect(r.m->map, r.at, r.count * PAGE_SIZE, prot | VM_PROT_COPY, false);
	alloc_fail_chance(failing, seed);
	if (!ok) {
		assert_true(kr == KERN_PROTECTION_FAILURE || (!mapped && kr == KERN_INVALID_ADDRESS));
		return;
	}
	assert_int_equal(kr, KERN_SUCCESS);
	for (uint32_t i = r.first; i < r.first + r.count; i++) {
		struct model_page *p = &r.m->pages[i];

		page_set(p, cell_new(p->cell->value), prot, p->max | VM_PROT_WRITE, p->inherit);
	}
}

/* What is not needed any more is as it was, or zero: zero only where nobody else sees it. */
static void gave_up(struct model_map *m, uint32_t i)
{
	struct model_page *p = &m->pages[i];
	uint64_t value;

	if (!(p->prot & VM_PROT_READ))
		return;
	assert_int_equal(vm_map_read_kernel(m->map, BASE + i * PAGE_SIZE, &value, 8), KERN_SUCCESS);
	if (value == p->cell->value)
		return;
	assert_int_equal(value, 0);
	assert_int_equal(p->cell->references, 1);
	p->cell->value = 0;
}

static void op_advise(void)
{
	static const vm_behavior_t kinds[] = { VM_BEHAVIOR_FREE, VM_BEHAVIOR_REUSABLE, VM_BEHAVIOR_ZERO, VM_BEHAVIOR_DONTNEED,
					       VM_BEHAVIOR_WILLNEED, VM_BEHAVIOR_PAGEOUT, VM_BEHAVIOR_REUSE };
	struct range r = pick();
	vm_behavior_t kind = kinds[rnd(7)];
	bool mapped = all_mapped(&r, 0, true), writable = all_mapped(&r, VM_PROT_DEFAULT, false);
	kern_return_t kr;

	if (kind == VM_BEHAVIOR_ZERO && mapped && !writable)
		return;
	alloc_fail_chance(0, 0);
	kr = vm_map_advise(r.m->map, r.at, r.count * PAGE_SIZE, kind);
	assert_int_equal(kr, mapped ? KERN_SUCCESS : KERN_INVALID_ADDRESS);
	for (uint32_t i = r.first; mapped && i < r.first + r.count; i++)
		if (kind == VM_BEHAVIOR_ZERO)
			r.m->pages[i].cell->value = 0;
		else if (kind == VM_BEHAVIOR_FREE || kind == VM_BEHAVIOR_REUSABLE)
			gave_up(r.m, i);
	alloc_fail_chance(failing, seed);
}

static void op_inherit(void)
{
	struct range r = pick();
	vm_inherit_t inherit = rnd(3);
	bool mapped = all_mapped(&r, 0, true);
	kern_return_t kr = vm_map_inherit(r.m->map, r.at, r.count * PAGE_SIZE, inherit);

	if (!mapped && kr != KERN_RESOURCE_SHORTAGE)
		assert_int_equal(kr, KERN_INVALID_ADDRESS);
	else if (done(kr))
		for (uint32_t i = r.first; i < r.first + r.count; i++)
			r.m->pages[i].inherit = inherit;
}

static void op_fork(void)
{
	struct model_map *to = &maps[rnd(MAPS)], *from = pick().m;
	struct vm_map *map;

	if (to->map != NULL || !done(vm_map_fork(from->map, &map)))
		return;
	to->map = map;
	for (uint32_t i = 0; i < PAGES; i++) {
		struct model_page *p = &from->pages[i];

		if (p->cell == NULL || p->inherit == VM_INHERIT_NONE)
			continue;
		if (p->inherit == VM_INHERIT_SHARE) {
			p->cell->references++;
			page_set(&to->pages[i], p->cell, p->prot, p->max, p->inherit);
		} else {
			page_set(&to->pages[i], cell_new(p->cell->value), p->prot, p->max, p->inherit);
		}
	}
}

static void map_end(struct model_map *m)
{
	vm_map_deallocate(m->map);
	m->map = NULL;
	for (uint32_t i = 0; i < PAGES; i++)
		page_clear(&m->pages[i]);
}

static void op_end(void)
{
	struct model_map *m = &maps[rnd(MAPS)];

	if (m->map != NULL && m != &maps[0])
		map_end(m);
}

static void op_remap(void)
{
	struct range from = pick(), to = pick();
	mach_vm_address_t at = to.at;
	vm_prot_t cur, max;
	bool copy = rnd(2), mapped;
	struct model_page old[PAGES];
	kern_return_t kr;

	if (to.first + from.count > PAGES)
		return;
	mapped = all_mapped(&from, 0, true);
	kr = vm_map_remap(to.m->map, &at, from.count * PAGE_SIZE, 0, VM_FLAGS_OVERWRITE, from.m->map, from.at,
			  copy, &cur, &max, VM_INHERIT_COPY);
	if (!mapped && kr != KERN_RESOURCE_SHORTAGE) {
		assert_int_equal(kr, KERN_INVALID_ADDRESS);
		return;
	}
	if (!done(kr))
		return;
	memcpy(old, from.m->pages, sizeof(old));
	for (uint32_t i = 0; i < from.count; i++)
		old[from.first + i].cell->references++;
	for (uint32_t i = 0; i < from.count; i++) {
		struct model_page *p = &old[from.first + i];
		struct cell *c = p->cell;

		if (copy) {
			struct cell *new = cell_new(c->value);

			if (--c->references == 0)
				free(c);
			c = new;
		}
		page_set(&to.m->pages[to.first + i], c, p->prot, p->max, VM_INHERIT_COPY);
	}
}

static void op_copyin(void)
{
	struct range r = pick();
	struct model_copy *c = &copies[rnd(COPIES)];
	bool destroy = rnd(2), mapped, readable;
	kern_return_t kr;

	if (c->copy != NULL)
		return;
	mapped = all_mapped(&r, 0, true);
	readable = all_mapped(&r, VM_PROT_READ, false);
	kr = vm_map_copyin(r.m->map, r.at, r.count * PAGE_SIZE, destroy, &c->copy);
	if (!readable && kr != KERN_RESOURCE_SHORTAGE) {
		assert_true(kr == KERN_PROTECTION_FAILURE || (!mapped && kr == KERN_INVALID_ADDRESS));
		return;
	}
	if (!done(kr))
		return;
	c->pages = r.count;
	for (uint32_t i = 0; i < r.count; i++) {
		c->values[i] = r.m->pages[r.first + i].cell->value;
		if (destroy)
			page_clear(&r.m->pages[r.first + i]);
	}
}

static void op_copyout(void)
{
	struct range r = pick();
	struct model_copy *c = &copies[rnd(COPIES)];
	mach_vm_address_t at;

	if (c->copy == NULL || c->pages + r.first > PAGES)
		return;
	/* Into the window: the search for space is told to begin there; what is there goes first. */
	if (!done(vm_map_remove(r.m->map, r.at, c->pages * PAGE_SIZE)))
		return;
	for (uint32_t i = 0; i < c->pages; i++)
		page_clear(&r.m->pages[r.first + i]);
	r.m->map->anywhere = r.at;
	if (!done(vm_map_copyout(r.m->map, &at, c->copy)))
		return;
	c->copy = NULL;
	assert_int_equal(at, r.at);
	for (uint32_t i = 0; i < c->pages; i++)
		page_set(&r.m->pages[r.first + i], cell_new(c->values[i]), VM_PROT_DEFAULT, VM_PROT_ALL,
			 VM_INHERIT_COPY);
}

static void op_overwrite(void)
{
	struct range r = pick();
	struct model_copy *c = &copies[rnd(COPIES)];
	bool mapped, writable;
	kern_return_t kr;

	if (c->copy == NULL || c->pages + r.first > PAGES)
		return;
	r.count = c->pages;
	mapped = all_mapped(&r, 0, true);
	writable = all_mapped(&r, VM_PROT_WRITE, false);
	alloc_fail_chance(0, 0); /* it may stop in the middle */
	kr = vm_map_copy_overwrite(r.m->map, r.at, c->copy);
	alloc_fail_chance(failing, seed);
	if (!writable) {
		assert_true(kr == KERN_PROTECTION_FAILURE || (!mapped && kr == KERN_INVALID_ADDRESS));
		return;
	}
	assert_int_equal(kr, KERN_SUCCESS);
	c->copy = NULL;
	for (uint32_t i = 0; i < r.count; i++)
		r.m->pages[r.first + i].cell->value = c->values[i];
}

static void op_copy_wire(void)
{
	struct model_copy *c = &copies[rnd(COPIES)];
	uint32_t i = rnd(PAGES);
	struct vm_page *page;

	if (c->copy == NULL || i >= c->pages)
		return;
	if (rnd(3) == 0) {
		vm_map_copy_unwire(c->copy);
	} else if (done(vm_map_copy_wire_page(c->copy, i * PAGE_SIZE + rnd(4096), &page))) {
		assert_true(page->wire_count != 0);
		assert_int_equal(*(uint64_t *)vm_page_virt(page), c->values[i]);
	}
}

static void op_discard(void)
{
	struct model_copy *c = &copies[rnd(COPIES)];

	vm_map_copy_discard(c->copy);
	c->copy = NULL;
}

static void op_wire(void)
{
	struct range r = pick();
	bool un = rnd(2), mapped = all_mapped(&r, 0, true);
	bool readable = all_mapped(&r, VM_PROT_READ, false);
	kern_return_t kr = vm_map_wire(r.m->map, r.at, r.count * PAGE_SIZE, un ? VM_PROT_NONE : VM_PROT_READ);

	if ((un ? !mapped : !readable) && kr != KERN_RESOURCE_SHORTAGE) {
		assert_true(kr == KERN_PROTECTION_FAILURE || (!mapped && kr == KERN_INVALID_ADDRESS));
		return;
	}
	if (done(kr))
		for (uint32_t i = r.first; i < r.first + r.count; i++) {
			struct model_page *p = &r.m->pages[i];

			if (un)
				p->wired -= p->wired != 0;
			else
				p->wired++;
		}
}

static void op_forget(void)
{
	fake_pmap_forget(vm_map_pmap(pick().m->map));
}

/* ---- checks ---- */

static void check_page(struct model_map *m, uint32_t i)
{
	struct model_page *p = &m->pages[i];
	uint64_t at = BASE + i * PAGE_SIZE, a = 0, b = 0, c = 0;
	kern_return_t kr = user_read(m->map, at, &a, 8);

	if (p->cell == NULL) {
		assert_int_equal(kr, KERN_INVALID_ADDRESS);
	} else if (!(p->prot & VM_PROT_READ)) {
		assert_int_equal(kr, KERN_PROTECTION_FAILURE);
	} else {
		assert_int_equal(kr, KERN_SUCCESS);
		assert_int_equal(vm_map_read_kernel(m->map, at + SECOND, &b, 8), 0);
		assert_int_equal(user_read(m->map, at + 2000, &c, 8), 0);
		assert_int_equal(a, p->cell->value);
		assert_int_equal(b, p->cell->value);
		assert_int_equal(c, 0);
	}
}

static void check_tree(struct vm_map *map)
{
	uint64_t at = map->min, size = 0;
	uint32_t count = 0;

	LIST_FOR_EACH(l, &map->entries) {
		struct vm_map_entry *e = container_of(l, struct vm_map_entry, link);
		uint64_t max = e->gap;

		assert_true(e->start >= at && e->start < e->end && e->end <= map->max); /* M1 */
		assert_int_equal(e->gap, e->start - at);
		if (e->left != NULL) {
			assert_ptr_equal(e->left->parent, e);
			assert_true(e->left->start < e->start && e->left->priority <= e->priority);
			max = e->left->max_gap > max ? e->left->max_gap : max;
		}
		if (e->right != NULL) {
			assert_ptr_equal(e->right->parent, e);
			assert_true(e->right->start > e->start && e->right->priority <= e->priority);
			max = e->right->max_gap > max ? e->right->max_gap : max;
		}
		assert_int_equal(e->max_gap, max); /* M5 */
		assert_true(e->parent != NULL || map->root == e);
		at = e->end;
		size += e->end - e->start;
		count++;
	}
	assert_int_equal(map->entry_count, count);
	assert_int_equal(map->size, size);
}

static void check_all(void)
{
	alloc_fail_chance(0, 0);
	for (uint32_t m = 0; m < MAPS; m++) {
		if (maps[m].map == NULL)
			continue;
		check_tree(maps[m].map);
		for (uint32_t i = 0; i < PAGES; i++)
			check_page(&maps[m], i);
	}
	for (uint32_t k = 0; k < COPIES; k++)
		for (uint32_t i = 0; copies[k].copy != NULL && i < copies[k].pages; i++) {
			uint64_t v;

			assert_int_equal(vm_map_copy_to_kernel(copies[k].copy, i * PAGE_SIZE, &v, 8), 0);
			assert_int_equal(v, copies[k].values[i]);
		}
	alloc_fail_chance(failing, seed);
}

static void run(uint32_t from_seed, uint32_t steps, uint32_t fail_chance)
{
	static void (*const ops[])(void) = {
		op_allocate, op_allocate, op_remove,  op_write,	 op_write,     op_write,  op_write,
		op_write,    op_protect,  op_inherit, op_fork,	 op_fork,      op_end,	  op_remap,
		op_copyin,   op_copyin,	  op_copyout, op_copyout, op_overwrite, op_copy_wire, op_discard,
		op_wire,     op_forget,	  op_protect_copy, op_advise,
	};
	uint64_t before = arena_free_pages();

	seed = from_seed;
	failing = fail_chance;
	maps[0].map = vm_map_create();
	alloc_fail_chance(failing, seed);
	for (uint32_t step = 0; step < steps; step++) {
		alloc_failed();
		ops[rnd(sizeof(ops) / sizeof(ops[0]))]();
		if (step % 16 == 0)
			check_all();
		assert_true(vm_object_count() < 600);
	}
	check_all();
	alloc_fail_chance(0, 0);
	for (uint32_t k = 0; k < COPIES; k++) {
		vm_map_copy_discard(copies[k].copy);
		copies[k].copy = NULL;
	}
	for (uint32_t m = 0; m < MAPS; m++)
		if (maps[m].map != NULL)
			map_end(&maps[m]);
	assert_int_equal(vm_object_count(), 0);
	assert_int_equal(fake_mappings, 0);
	assert_int_equal(fake_pmaps, 0);
	if (arena_free_pages() != before)
		arena_print_zones();
	assert_int_equal(arena_free_pages(), before);
}

static uint32_t one_seed, one_steps = 20000;

static void VMMO0001_random_operations_match_the_model(void **state)
{
	if (one_seed != 0) {
		run(one_seed, one_steps, 0);
		return;
	}
	for (uint32_t s = 1; s <= 12; s++)
		run(s, 3000, 0);
}

static void VMMO0002_failed_allocations_change_nothing(void **state)
{
	if (one_seed != 0) {
		run(one_seed, one_steps, 10);
		return;
	}
	for (uint32_t s = 100; s <= 112; s++)
		run(s, 3000, 3 + s % 20);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(VMMO0001_random_operations_match_the_model),
		cmocka_unit_test(VMMO0002_failed_allocations_change_nothing),
	};

	if (argc > 1)
		one_seed = (uint32_t)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		one_steps = (uint32_t)strtoul(argv[2], NULL, 0);
	arena_init();
	vm_init();
	return cmocka_run_group_tests_name("vm_model", tests, NULL, NULL);
}
