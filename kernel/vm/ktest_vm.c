/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ktest_vm.c - boot tests of VM over the real page tables (`test=vm`, `test=vm_smp`): what faults map, that frames and
 * zones return to the start, what the hot paths cost, and several CPUs in one map.
 */
#include <base/string.h>
#include <kern/clock.h>
#include <kern/kalloc.h>
#include <kern/ktest.h>
#include <kern/printf.h>
#include <kern/thread.h>
#include <sched/sched.h>
#include <vm/vm_fault.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_object.h>
#include <vm/vm_page.h>

#define BASE 0x0000005000000000UL
#define PAGES 64U

/* The word at va as user code would see it; the page is mapped. */
static uint64_t *word_at(struct vm_map *map, uint64_t va)
{
	uint64_t phys = pmap_extract(vm_map_pmap(map), va);

	return phys == 0 ? NULL : phys_to_virt(phys);
}

static bool store(struct vm_map *map, uint64_t va, uint64_t value)
{
	if (vm_fault(map, va, VM_PROT_READ | VM_PROT_WRITE) != KERN_SUCCESS || word_at(map, va) == NULL)
		return false;
	*word_at(map, va) = value;
	return true;
}

static uint64_t load(struct vm_map *map, uint64_t va)
{
	if (vm_fault(map, va, VM_PROT_READ) != KERN_SUCCESS || word_at(map, va) == NULL)
		return UINT64_MAX;
	return *word_at(map, va);
}

/* What there is to give back, once caches are empty. */
static uint64_t free_frames(void)
{
	zone_trim();
	return vm_page_free_count();
}

static void copy_on_write(void)
{
	struct vm_map *map = vm_map_create(), *child = NULL;
	mach_vm_address_t a = BASE;
	uint64_t shared;

	ktest_ok(vm_map_allocate(map, &a, PAGES * PAGE_SIZE, VM_FLAGS_FIXED) == KERN_SUCCESS,
		 "VMKT0001 memory is allocated");
	ktest_ok(load(map, a + 8 * PAGE_SIZE) == 0, "VMKT0002 it reads as zero");
	ktest_ok(vm_fault(map, a - 1, VM_PROT_READ) == KERN_INVALID_ADDRESS &&
			 vm_fault(map, a, VM_PROT_EXECUTE) == KERN_PROTECTION_FAILURE,
		 "VMKT0003 faults outside it, or against its rights, are refused");
	ktest_ok(store(map, a, 11) && load(map, a) == 11, "VMKT0004 it can be written");
	ktest_ok(vm_map_fork(map, &child) == KERN_SUCCESS && load(child, a) == 11, "VMKT0005 a child reads it");
	shared = pmap_extract(vm_map_pmap(map), a);
	ktest_ok(shared == pmap_extract(vm_map_pmap(child), a), "VMKT0006 from the same frame");
	ktest_ok(store(child, a, 12) && load(map, a) == 11 && load(child, a) == 12 &&
			 shared != pmap_extract(vm_map_pmap(child), a),
		 "VMKT0007 until it writes");
	vm_map_deallocate(child);
	ktest_ok(store(map, a, 13) && pmap_extract(vm_map_pmap(map), a) == shared,
		 "VMKT0008 and the parent then writes its own frame again");
	vm_map_deallocate(map);
}

/* A task's life, as far as VM sees it. */
static kern_return_t life(void)
{
	struct vm_map *map = vm_map_create(), *child = NULL;
	mach_vm_address_t a = BASE, b;
	struct vm_map_copy *copy = NULL;
	kern_return_t kr;

	if (map == NULL)
		return KERN_RESOURCE_SHORTAGE;
	kr = vm_map_allocate(map, &a, PAGES * PAGE_SIZE, VM_FLAGS_FIXED);
	for (unsigned i = 0; kr == KERN_SUCCESS && i < PAGES; i += 2)
		kr = vm_fault(map, a + i * PAGE_SIZE, VM_PROT_WRITE);
	if (kr == KERN_SUCCESS)
		kr = vm_map_inherit(map, a, 4 * PAGE_SIZE, VM_INHERIT_SHARE);
	if (kr == KERN_SUCCESS)
		kr = vm_map_fork(map, &child);
	for (unsigned i = 0; kr == KERN_SUCCESS && i < PAGES; i += 3)
		kr = vm_fault(child, a + i * PAGE_SIZE, VM_PROT_WRITE);
	if (kr == KERN_SUCCESS)
		kr = vm_map_copyin(child, a + 100, (PAGES - 2) * PAGE_SIZE, false, &copy);
	if (kr == KERN_SUCCESS)
		kr = vm_map_copyout(map, &b, copy);
	if (kr == KERN_SUCCESS)
		kr = vm_map_copyin(child, a, PAGES * PAGE_SIZE, true, &copy);
	vm_map_copy_discard(kr == KERN_SUCCESS ? copy : NULL);
	if (kr == KERN_SUCCESS)
		kr = vm_map_wire(map, b, 3 * PAGE_SIZE, VM_PROT_DEFAULT);
	if (child != NULL)
		vm_map_deallocate(child);
	vm_map_deallocate(map);
	return kr;
}

static void no_leak(void)
{
	kern_return_t kr = life();
	uint64_t frames = free_frames(), objects = vm_object_count(), left;

	for (int n = 0; n < 200 && kr == KERN_SUCCESS; n++)
		kr = life();
	ktest_ok(kr == KERN_SUCCESS, "VMKT0009 200 lives of two maps (%d)", kr);
	left = free_frames();
	ktest_ok(left == frames && vm_object_count() == objects,
		 "VMKT0010 leave frames (%lu, %lu) and objects (%lu, %lu) as they were", frames,
		 left, objects, vm_object_count());
}

static void print_cost(const char *what, uint64_t started, unsigned times)
{
	kprintf("# %s: %lu ns\n", what, (clock_now_ns() - started) / times);
}

static void costs(void)
{
	struct vm_map *map = vm_map_create(), *child = NULL;
	mach_vm_address_t a = BASE, b = BASE * 2;
	uint64_t t = clock_now_ns();
	void *block = NULL;
	unsigned n;

	for (n = 0; n < 10000; n++) {
		block = kalloc(256);
		kfree(block, 256);
	}
	print_cost("kalloc and kfree of 256 bytes", t, n);
	for (n = 0, t = clock_now_ns(); n < 10000; n++)
		vm_page_release(vm_page_grab());
	print_cost("grab and release of a frame", t, n);
	(void)vm_map_allocate(map, &a, 1024 * PAGE_SIZE, VM_FLAGS_FIXED);
	for (n = 0, t = clock_now_ns(); n < 1024; n++)
		(void)vm_fault(map, a + n * PAGE_SIZE, VM_PROT_WRITE);
	print_cost("vm_fault, zero fill", t, n);
	for (n = 0, t = clock_now_ns(); n < 1024; n++)
		(void)vm_fault(map, a + n * PAGE_SIZE, VM_PROT_WRITE);
	print_cost("vm_fault, page mapped already", t, n);
	t = clock_now_ns();
	(void)vm_map_fork(map, &child);
	print_cost("vm_map_fork of 4 MiB", t, 1);
	for (n = 0, t = clock_now_ns(); n < 1024; n++)
		(void)vm_fault(child, a + n * PAGE_SIZE, VM_PROT_WRITE);
	print_cost("vm_fault, copy on write", t, n);
	for (n = 0, t = clock_now_ns(); n < 1000; n++) {
		(void)vm_map_allocate(map, &b, 16 * PAGE_SIZE, VM_FLAGS_FIXED);
		(void)vm_map_remove(map, b, 16 * PAGE_SIZE);
	}
	print_cost("allocate and remove untouched memory", t, n);
	t = clock_now_ns();
	vm_map_deallocate(child);
	vm_map_deallocate(map);
	print_cost("end of two maps of 4 MiB", t, 1);
}

static void copy_costs(void)
{
	static const uint32_t sizes[] = { 1024, 4096, 16384, 65536 };
	struct vm_map *map = vm_map_create();
	mach_vm_address_t a = BASE, b;
	struct vm_map_copy *copy;

	(void)vm_map_allocate(map, &a, 65536, VM_FLAGS_FIXED);
	for (unsigned i = 0; i < 16; i++)
		(void)vm_fault(map, a + i * PAGE_SIZE, VM_PROT_WRITE);
	for (unsigned s = 0; s < 4; s++) {
		uint64_t t = clock_now_ns();
		unsigned n;

		for (n = 0; n < 500; n++) {
			if (vm_map_copyin(map, a, sizes[s], false, &copy) != KERN_SUCCESS ||
			    vm_map_copyout(map, &b, copy) != KERN_SUCCESS)
				break;
			(void)vm_map_remove(map, b, sizes[s]);
		}
		ktest_ok(n == 500, "VMKT%04u 500 copies of %u bytes", 11 + s, sizes[s]);
		print_cost("copyin, copyout, remove of that", t, 500);
	}
	vm_map_deallocate(map);
}

/* ---- a wait for a page ---- */

static struct {
	struct vm_map *map;
	_Atomic int result; /* -1: not yet */
} waiter;

static void fault_on_busy_page(void *unused)
{
	(void)unused;
	waiter.result = vm_fault(waiter.map, BASE, VM_PROT_WRITE);
}

static struct thread *start_waiter(void)
{
	struct thread *t;

	waiter.result = -1;
	t = kernel_thread_start("vm waiter", SCHED_PRIORITY_KERNEL, fault_on_busy_page, NULL);
	while (atomic_load(&t->run_state) != THREAD_BLOCKED && waiter.result == -1)
		(void)sched_yield();
	return t;
}

static int waiter_result(void)
{
	uint64_t limit = clock_now_ns() + 2 * NSEC_PER_SEC;

	while (waiter.result == -1 && clock_now_ns() < limit)
		(void)sched_yield();
	return waiter.result;
}

static void busy_page(void)
{
	struct vm_object *o = vm_object_create(PAGE_SIZE);
	struct vm_page *p = vm_page_grab_zeroed();
	mach_vm_address_t a = BASE;
	struct thread *t;

	waiter.map = vm_map_create();
	spin_lock(&o->lock);
	vm_object_page_insert_locked(o, p, 0);
	p->busy = true;
	spin_unlock(&o->lock);
	(void)vm_map_enter(waiter.map, &a, PAGE_SIZE, 0, VM_FLAGS_FIXED, o, 0, false, VM_PROT_DEFAULT,
			   VM_PROT_ALL, VM_INHERIT_COPY);
	t = start_waiter();
	ktest_ok(waiter.result == -1, "VMKT0018 a fault waits for a busy page");
	(void)thread_abort(t);
	ktest_ok(waiter_result() == KERN_ABORTED, "VMKT0019 and ends when its thread is aborted (%d)",
		 waiter_result());
	thread_deallocate(t);
	t = start_waiter();
	ktest_ok(waiter.result == -1 && vm_map_check(waiter.map, a, 1, VM_PROT_WRITE) == KERN_SUCCESS,
		 "VMKT0020 the map is free for others meanwhile");
	spin_lock(&o->lock);
	vm_object_page_done_locked(o, p);
	spin_unlock(&o->lock);
	ktest_ok(waiter_result() == KERN_SUCCESS, "VMKT0021 the fault goes on when the page is there (%d)",
		 waiter_result());
	thread_deallocate(t);
	vm_map_deallocate(waiter.map);
}

/* VM-6: each frame is one owner's, and nothing that is said of it contradicts that. */
static void audit(void)
{
	struct vm_page *page = vm_page_grab();
	struct vm_page_audit a;
	bool good = false;

	for (unsigned i = 0; i < 20 && !good; i++) /* other threads may take or give a frame meanwhile */
		good = vm_page_audit(&a);
	ktest_ok(good, "VMKT0030 every frame has one owner (%lu wrong: %s; free %lu, %lu counted)", a.wrong, a.what != NULL ? a.what : "-",
		 a.free_found, a.free_counted);
	page->queue = PAGE_QUEUE_ACTIVE;
	good = vm_page_audit(&a);
	page->queue = PAGE_QUEUE_NONE;
	ktest_ok(!good && a.wrong == 1 && a.first == page, "VMKT0031 the audit finds a kernel's frame on a queue");
	page->owner = PAGE_OWNER_FREE;
	good = vm_page_audit(&a);
	page->owner = PAGE_OWNER_KERNEL;
	ktest_ok(!good && a.wrong == 1 && a.first == page, "VMKT0032 and a used one that is said to be free");
	vm_page_release(page);
}

KTEST(vm)
{
	copy_on_write();
	busy_page();
	no_leak();
	audit();
	costs();
	copy_costs();
}

/* ---- several CPUs in one map ---- */

#define WORKERS 4U
#define ROUNDS 100U

static struct {
	struct vm_map *map;
	_Atomic uint32_t left, wrong;
	struct spinlock lock;
	struct waitq done;
} smp = { .lock = SPINLOCK_INIT("vm ktest") };

static bool slots_hold(struct vm_map *map, uint64_t base, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++) {
		uint64_t v;

		if (vm_map_read_kernel(map, base + i * PAGE_SIZE, &v, sizeof(v)) != KERN_SUCCESS || v != value)
			return false;
	}
	return true;
}

static bool slots_write(struct vm_map *map, uint64_t base, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		if (vm_map_write_kernel(map, base + i * PAGE_SIZE, &value, sizeof(value)) != KERN_SUCCESS ||
		    vm_fault(map, base + i * PAGE_SIZE, VM_PROT_WRITE) != KERN_SUCCESS)
			return false;
	return true;
}

/* slot: the worker's own word of each page. */
static bool smp_round(uint64_t slot, uint64_t value)
{
	struct vm_map_copy *copy;
	struct vm_map *child;
	mach_vm_address_t at;
	bool good;

	if (!slots_write(smp.map, BASE + slot, value) || vm_map_fork(smp.map, &child) != KERN_SUCCESS)
		return false;
	good = slots_hold(child, BASE + slot, value) && slots_write(smp.map, BASE + slot, value + 1) &&
	       slots_hold(child, BASE + slot, value) && slots_write(child, BASE + slot, value + 2) &&
	       slots_hold(smp.map, BASE + slot, value + 1);
	good = good && vm_map_copyin(smp.map, BASE, 8 * PAGE_SIZE, false, &copy) == KERN_SUCCESS;
	if (good && vm_map_copyout(child, &at, copy) != KERN_SUCCESS) {
		vm_map_copy_discard(copy);
		good = false;
	}
	good = good && slots_write(smp.map, BASE + slot, value + 3) && slots_hold(child, at + slot, value + 1);
	vm_map_deallocate(child);
	return good;
}

static void smp_worker(void *arg)
{
	uint64_t id = (uintptr_t)arg;

	for (uint64_t n = 0; n < ROUNDS && smp.wrong == 0; n++)
		if (!smp_round(id * 8, id << 32 | n << 8))
			atomic_fetch_add(&smp.wrong, 1);
	spin_lock(&smp.lock);
	if (atomic_fetch_sub(&smp.left, 1) == 1)
		waitq_wake_all(&smp.done);
	spin_unlock(&smp.lock);
}

KTEST(vm_smp)
{
	uint64_t frames, objects = vm_object_count();
	mach_vm_address_t a = BASE;

	waitq_init(&smp.done);
	frames = free_frames();
	smp.map = vm_map_create();
	ktest_ok(vm_map_allocate(smp.map, &a, 8 * PAGE_SIZE, VM_FLAGS_FIXED) == KERN_SUCCESS,
		 "VMKT0015 memory for %u threads on %u CPUs", WORKERS, cpu_count);
	smp.left = WORKERS;
	for (uintptr_t i = 0; i < WORKERS; i++)
		thread_deallocate(kernel_thread_start("vm ktest", 64, smp_worker, (void *)i));
	spin_lock(&smp.lock);
	if (smp.left != 0)
		(void)waitq_block(&smp.done, &smp.lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
	else
		spin_unlock(&smp.lock);
	vm_map_deallocate(smp.map);
	ktest_ok(smp.wrong == 0, "VMKT0016 %u rounds of faults, forks and copies at the same time", ROUNDS);
	ktest_ok(vm_object_count() == objects, "VMKT0017 leave no object");
	kprintf("# frames free: %lu, then %lu (threads' stacks are given back later)\n", frames, free_frames());
}
