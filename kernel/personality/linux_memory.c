/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_memory.c - mmap and its family on the task's vm_map. Anonymous memory only: files are mapped by the file
 * manager, and without one a mapping of a file answers ENODEV.
 */
#include <kern/task.h>
#include <kern/thread.h>
#include <mach/vm_statistics.h>
#include <machine/pmap.h>
#include <personality/linux.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>

#define LINUX_ENODEV 19
#define LINUX_EEXIST 17

#define PROT_ALL 7
#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_FIXED_NOREPLACE 0x100000
#define MREMAP_MAYMOVE 1
#define MADV_DONTNEED 4
#define MADV_FREE 8

/* Where a heap begins in a task whose loader set none. */
#define HEAP_BASE 0x0000020000000000UL

static int64_t errno_of(kern_return_t kr)
{
	switch (kr) {
	case KERN_SUCCESS:
		return 0;
	case KERN_PROTECTION_FAILURE:
		return -LINUX_EACCES;
	case KERN_INVALID_ARGUMENT:
		return -LINUX_EINVAL;
	case KERN_ABORTED:
		return -LINUX_EINTR;
	default:
		return -LINUX_ENOMEM;
	}
}

static uint64_t page_round(uint64_t n)
{
	return (n + PAGE_MASK) & ~PAGE_MASK;
}

int64_t linux_brk(struct linux_args *args)
{
	struct task *task = current_task();
	struct vm_map *map = task->map;
	uint64_t want = args->a[0], old_end, new_end;
	kern_return_t kr = KERN_SUCCESS;

	spin_lock(&task->lock);
	if (task->linux_.brk_start == 0)
		task->linux_.brk_start = task->linux_.brk = HEAP_BASE;
	old_end = page_round(task->linux_.brk);
	if (want < task->linux_.brk_start || want > task->linux_.brk_start + (1UL << 40))
		want = task->linux_.brk;
	spin_unlock(&task->lock);
	new_end = page_round(want);
	if (new_end > old_end) {
		mach_vm_address_t at = old_end;

		kr = vm_map_enter(map, &at, new_end - old_end, 0, VM_FLAGS_FIXED, NULL, 0, false,
				  VM_PROT_READ | VM_PROT_WRITE, VM_PROT_ALL, VM_INHERIT_COPY);
	} else if (new_end < old_end) {
		kr = vm_map_remove(map, new_end, old_end - new_end);
	}
	spin_lock(&task->lock);
	if (kr == KERN_SUCCESS)
		task->linux_.brk = want;
	want = task->linux_.brk;
	spin_unlock(&task->lock);
	return (int64_t)want;
}

int64_t linux_mmap(struct linux_args *args)
{
	mach_vm_address_t at = args->a[0];
	uint64_t length = args->a[1], flags = args->a[3];
	bool shared = (flags & MAP_SHARED) != 0;
	int vm_flags = VM_FLAGS_ANYWHERE;
	kern_return_t kr;

	if (length == 0 || shared == ((flags & MAP_PRIVATE) != 0) || (args->a[2] & ~(uint64_t)PROT_ALL) != 0)
		return -LINUX_EINVAL;
	if (length > VM_MAX_ADDRESS)
		return -LINUX_ENOMEM;
	if ((flags & MAP_ANONYMOUS) == 0)
		return -LINUX_ENODEV;
	if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0) {
		if ((at & PAGE_MASK) != 0)
			return -LINUX_EINVAL;
		vm_flags = VM_FLAGS_FIXED;
		if ((flags & MAP_FIXED_NOREPLACE) == 0)
			vm_flags |= VM_FLAGS_OVERWRITE;
	}
	kr = vm_map_enter(current_task()->map, &at, length, 0, vm_flags, NULL, 0, false, (vm_prot_t)args->a[2],
			  VM_PROT_ALL, shared ? VM_INHERIT_SHARE : VM_INHERIT_COPY);
	if (kr == KERN_NO_SPACE && (flags & MAP_FIXED_NOREPLACE) != 0)
		return -LINUX_EEXIST;
	return kr == KERN_SUCCESS ? (int64_t)at : errno_of(kr);
}

int64_t linux_munmap(struct linux_args *args)
{
	if ((args->a[0] & PAGE_MASK) != 0 || args->a[1] == 0)
		return -LINUX_EINVAL;
	return vm_map_remove(current_task()->map, args->a[0], args->a[1]) == KERN_SUCCESS ? 0 : -LINUX_EINVAL;
}

int64_t linux_mprotect(struct linux_args *args)
{
	if ((args->a[0] & PAGE_MASK) != 0 || (args->a[2] & ~(uint64_t)PROT_ALL) != 0)
		return -LINUX_EINVAL;
	if (args->a[1] == 0)
		return 0;
	return errno_of(vm_map_protect(current_task()->map, args->a[0], args->a[1], (vm_prot_t)args->a[2], false));
}

/* A larger region elsewhere that begins with a copy of [at, at+old); the old one goes. */
static int64_t remap_move(struct vm_map *map, uint64_t at, uint64_t old, uint64_t length)
{
	mach_vm_address_t to = 0;
	struct vm_map_copy *copy;
	kern_return_t kr = vm_map_allocate(map, &to, length, VM_FLAGS_ANYWHERE);

	if (kr != KERN_SUCCESS)
		return errno_of(kr);
	kr = vm_map_copyin(map, at, old, false, &copy);
	if (kr != KERN_SUCCESS)
		goto fail;
	kr = vm_map_copy_overwrite(map, to, copy);
	if (kr != KERN_SUCCESS) {
		vm_map_copy_discard(copy);
		goto fail;
	}
	(void)vm_map_remove(map, at, old);
	return (int64_t)to;

fail:
	(void)vm_map_remove(map, to, length);
	return errno_of(kr);
}

int64_t linux_mremap(struct linux_args *args)
{
	struct vm_map *map = current_task()->map;
	uint64_t at = args->a[0], old = args->a[1], length = args->a[2];
	mach_vm_address_t tail;

	if ((at & PAGE_MASK) != 0 || length == 0 || old == 0 || (args->a[3] & ~(uint64_t)MREMAP_MAYMOVE) != 0 ||
	    length > VM_MAX_ADDRESS || old > VM_MAX_ADDRESS)
		return -LINUX_EINVAL;
	old = page_round(old);
	length = page_round(length);
	if (vm_map_check(map, at, old, VM_PROT_NONE) != KERN_SUCCESS)
		return -LINUX_EFAULT;
	if (length <= old) {
		if (length < old)
			(void)vm_map_remove(map, at + length, old - length);
		return (int64_t)at;
	}
	tail = at + old;
	if (vm_map_allocate(map, &tail, length - old, VM_FLAGS_FIXED) == KERN_SUCCESS)
		return (int64_t)at;
	return (args->a[3] & MREMAP_MAYMOVE) != 0 ? remap_move(map, at, old, length) : -LINUX_ENOMEM;
}

/* Private memory that is not needed reads as zeros afterwards: put fresh memory in its place. */
static int64_t discard(struct vm_map *map, uint64_t at, uint64_t length)
{
	uint64_t end = at + length;

	while (at < end) {
		struct vm_region region;
		mach_vm_address_t place;
		uint64_t stop;
		kern_return_t kr;

		if (vm_map_region(map, at, &region) != KERN_SUCCESS || region.address >= end)
			return -LINUX_ENOMEM;
		place = region.address > at ? region.address : at;
		stop = region.address + region.size < end ? region.address + region.size : end;
		if (!region.shared) {
			kr = vm_map_enter(map, &place, stop - place, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, NULL, 0,
					  false, region.protection, region.max_protection, region.inheritance);
			if (kr != KERN_SUCCESS)
				return errno_of(kr);
		}
		at = stop;
	}
	return 0;
}

int64_t linux_madvise(struct linux_args *args)
{
	uint64_t at = args->a[0], length = page_round(args->a[1]);

	if ((at & PAGE_MASK) != 0 || length < args->a[1] || at + length < at)
		return -LINUX_EINVAL;
	if (args->a[2] != MADV_DONTNEED)
		return 0; /* advice that may be ignored */
	return discard(current_task()->map, at, length);
}
