/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_memory.c - mmap and its family on the task's vm_map.
 *
 * Memory of a file is that of the file's own map (linux_descriptor.h), mapped again: shared, or copy-on-write. Pages beyond a
 * file's end are mapped without any access, so that touching them is an error, as with Linux (SIGSEGV, not SIGBUS).
 * Pages of a file that was mapped before it grew stay so.
 * Differences by intent: MAP_GROWSDOWN and MAP_HUGETLB answer ENOMEM and MAP_SYNC EOPNOTSUPP, as Linux does where it cannot.
 */
#include <base/string.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <mach/vm_statistics.h>
#include <machine/copyio.h>
#include <machine/pmap.h>
#include <personality/linux_descriptor.h>
#include <vm/vm_fault.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>

#define PROT_ALL 7
#define MAP_TYPE 0x0f
#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_SHARED_VALIDATE 0x03
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_32BIT 0x40
#define MAP_GROWSDOWN 0x0100
#define MAP_LOCKED 0x2000
#define MAP_POPULATE 0x8000
#define MAP_HUGETLB 0x40000
#define MAP_SYNC 0x80000
#define MAP_FIXED_NOREPLACE 0x100000
#define MAP_KNOWN 0x1fff7fUL
#define MREMAP_MAYMOVE 1U
#define MREMAP_FIXED 2U
#define MREMAP_DONTUNMAP 4U
#define MADV_DONTNEED 4
#define MADV_FREE 8
#define MADV_DONTFORK 10
#define MADV_DOFORK 11
#define MS_ASYNC 1U
#define MS_INVALIDATE 2U
#define MS_SYNC 4U
#define MLOCK_ONFAULT 1U
#define LOW_END (1UL << 31) /* of MAP_32BIT */

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
		if (kr == KERN_SUCCESS)
			kr = vm_map_wire_if_asked(map, at, new_end - old_end);
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

struct request {
	mach_vm_address_t at;
	uint64_t length; /* whole pages */
	vm_prot_t protection;
	int vm_flags;
	bool shared;
};

/* What a request's flags say; 0 or an errno. */
static int64_t decode(struct linux_args *args, struct request *r)
{
	uint64_t flags = args->a[3], type = flags & MAP_TYPE;

	if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
		return -LINUX_EINVAL;
	if ((flags & MAP_ANONYMOUS) != 0 && type == MAP_SHARED_VALIDATE)
		return -LINUX_EINVAL;
	if (args->a[1] == 0 || (args->a[2] & ~(uint64_t)PROT_ALL) != 0)
		return -LINUX_EINVAL;
	if (type == MAP_SHARED_VALIDATE && (flags & (MAP_SYNC | ~MAP_KNOWN)) != 0)
		return -LINUX_EOPNOTSUPP;
	if (args->a[1] > VM_MAX_ADDRESS || (flags & (MAP_HUGETLB | MAP_GROWSDOWN)) != 0)
		return -LINUX_ENOMEM;
	*r = (struct request){ args->a[0], page_round(args->a[1]), (vm_prot_t)args->a[2], VM_FLAGS_ANYWHERE, type != MAP_PRIVATE };
	if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0) {
		if ((r->at & PAGE_MASK) != 0)
			return -LINUX_EINVAL;
		r->vm_flags = (flags & MAP_FIXED_NOREPLACE) != 0 ? VM_FLAGS_FIXED : VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE;
	} else if ((flags & MAP_32BIT) != 0) {
		r->at = PAGE_SIZE;
	}
	return 0;
}

static int64_t map_anonymous(struct vm_map *map, struct request *r)
{
	return errno_of(vm_map_enter(map, &r->at, r->length, 0, r->vm_flags, NULL, 0, false, r->protection, VM_PROT_ALL,
				     r->shared ? VM_INHERIT_SHARE : VM_INHERIT_COPY));
}

/*
 * First the whole range without access, which settles where it is; then the file's memory over its beginning.
 */
static int64_t map_memory(struct vm_map *map, struct request *r, struct vm_map *memory, uint64_t offset, uint64_t size)
{
	uint64_t there = offset >= size ? 0 : page_round(size - offset);
	vm_prot_t had, maximum;
	kern_return_t kr;

	kr = vm_map_enter(map, &r->at, r->length, 0, r->vm_flags, NULL, 0, false, VM_PROT_NONE, VM_PROT_ALL,
			  r->shared ? VM_INHERIT_SHARE : VM_INHERIT_COPY);
	if (kr != KERN_SUCCESS)
		return errno_of(kr);
	there = there < r->length ? there : r->length;
	if (there != 0)
		kr = vm_map_remap(map, &r->at, there, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, memory, LINUX_FILE_MEMORY + offset,
				  !r->shared, &had, &maximum, r->shared ? VM_INHERIT_SHARE : VM_INHERIT_COPY);
	if (kr == KERN_SUCCESS && there != 0)
		kr = vm_map_protect(map, r->at, there, r->protection, false);
	if (kr != KERN_SUCCESS)
		(void)vm_map_remove(map, r->at, r->length);
	return errno_of(kr);
}

static int64_t map_file(struct vm_map *map, struct request *r, uint64_t fd, uint64_t offset)
{
	struct linux_file *f = linux_descriptor_get((uint32_t)fd);
	struct vm_map *memory = NULL;
	bool writable = false;
	int64_t err;

	if (f == NULL)
		return -LINUX_EBADF;
	if ((offset & PAGE_MASK) != 0 || offset > INT64_MAX - r->length)
		err = -LINUX_EINVAL;
	else if (f->ops->memory == NULL)
		err = -LINUX_ENODEV;
	else if ((memory = f->ops->memory(f, &writable)) == NULL)
		err = -LINUX_ENOMEM;
	else if (r->shared && !writable && (r->protection & VM_PROT_WRITE) != 0)
		err = -LINUX_EACCES;
	else
		err = map_memory(map, r, memory, offset, f->ops->size(f));
	/* A shared view of what may not be written never may be. */
	if (err == 0 && r->shared && !writable)
		(void)vm_map_protect(map, r->at, r->length, VM_PROT_READ | VM_PROT_EXECUTE, true),
			(void)vm_map_protect(map, r->at, r->length, r->protection, false);
	linux_file_put(f);
	return err;
}

/* Have the pages now; what cannot be had is not an error. */
static void populate(struct vm_map *map, uint64_t at, uint64_t length, vm_prot_t protection)
{
	for (uint64_t va = at; protection != VM_PROT_NONE && va < at + length; va += PAGE_SIZE)
		if (vm_fault(map, va, protection & VM_PROT_WRITE ? VM_PROT_WRITE : VM_PROT_READ) != KERN_SUCCESS)
			return;
}

int64_t linux_mmap(struct linux_args *args)
{
	struct vm_map *map = current_task()->map;
	uint64_t flags = args->a[3];
	struct request r;
	int64_t err = decode(args, &r);

	if (err != 0)
		return err;
	err = (flags & MAP_ANONYMOUS) != 0 ? map_anonymous(map, &r) : map_file(map, &r, args->a[4], args->a[5]);
	if (err == 0 && (flags & (MAP_32BIT | MAP_FIXED)) == MAP_32BIT && r.at + r.length > LOW_END) {
		(void)vm_map_remove(map, r.at, r.length);
		return -LINUX_ENOMEM;
	}
	if (err == -LINUX_ENOMEM && (flags & MAP_FIXED_NOREPLACE) != 0)
		return -LINUX_EEXIST;
	if (err != 0)
		return err;
	if ((r.protection & VM_PROT_READ) != 0 && vm_map_wire_if_asked(map, r.at, r.length) != KERN_SUCCESS)
		return -LINUX_EAGAIN;
	if ((flags & MAP_LOCKED) != 0 && r.protection != VM_PROT_NONE)
		(void)vm_map_wire(map, r.at, r.length, r.protection);
	else if ((flags & MAP_POPULATE) != 0)
		populate(map, r.at, r.length, r.protection);
	return (int64_t)r.at;
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

/*
 * Map [at, at + old) again at *to (which flags place), longer by zeros if length is more, and unmap it at its old place
 * unless keep.
 */
static int64_t remap_move(struct vm_map *map, uint64_t at, uint64_t old, uint64_t length, uint64_t to, int vm_flags, bool keep)
{
	uint64_t both = old < length ? old : length;
	struct vm_region region;
	vm_prot_t had, maximum;
	kern_return_t kr = vm_map_region(map, at, &region);

	if (kr == KERN_SUCCESS)
		kr = vm_map_enter(map, &to, length, 0, vm_flags, NULL, 0, false, region.protection, region.max_protection,
				  region.inheritance);
	if (kr != KERN_SUCCESS)
		return errno_of(kr);
	kr = vm_map_remap(map, &to, both, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, map, at, false, &had, &maximum,
			  region.inheritance);
	if (kr != KERN_SUCCESS) {
		(void)vm_map_remove(map, to, length);
		return errno_of(kr);
	}
	if (!keep)
		(void)vm_map_remove(map, at, old);
	else
		(void)vm_map_enter(map, &at, old, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, NULL, 0, false, region.protection,
				   region.max_protection, region.inheritance);
	return (int64_t)to;
}

int64_t linux_mremap(struct linux_args *args)
{
	struct vm_map *map = current_task()->map;
	uint64_t at = args->a[0], old = args->a[1], length = args->a[2], flags = args->a[3], to = args->a[4];
	mach_vm_address_t tail;

	if ((at & PAGE_MASK) != 0 || length == 0 || old == 0 || length > VM_MAX_ADDRESS || old > VM_MAX_ADDRESS ||
	    (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0 ||
	    ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0 && (flags & MREMAP_MAYMOVE) == 0))
		return -LINUX_EINVAL;
	old = page_round(old);
	length = page_round(length);
	if ((flags & MREMAP_DONTUNMAP) != 0 && old != length)
		return -LINUX_EINVAL;
	if (vm_map_check(map, at, old, VM_PROT_NONE) != KERN_SUCCESS)
		return -LINUX_EFAULT;
	if ((flags & MREMAP_FIXED) != 0) {
		if ((to & PAGE_MASK) != 0 || (to < at + old && at < to + length))
			return -LINUX_EINVAL;
		return remap_move(map, at, old, length, to, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, (flags & MREMAP_DONTUNMAP) != 0);
	}
	if ((flags & MREMAP_DONTUNMAP) != 0)
		return remap_move(map, at, old, length, 0, VM_FLAGS_ANYWHERE, true);
	if (length <= old) {
		if (length < old)
			(void)vm_map_remove(map, at + length, old - length);
		return (int64_t)at;
	}
	tail = at + old;
	if (vm_map_allocate(map, &tail, length - old, VM_FLAGS_FIXED) == KERN_SUCCESS)
		return vm_map_wire_if_asked(map, tail, length - old) == KERN_SUCCESS ? (int64_t)at : -LINUX_EAGAIN;
	return (flags & MREMAP_MAYMOVE) != 0 ? remap_move(map, at, old, length, 0, VM_FLAGS_ANYWHERE, false) : -LINUX_ENOMEM;
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
		/* After an mremap the object may count as shared although only pieces of one private mapping name it. */
		if (!region.shared || region.inheritance == VM_INHERIT_COPY) {
			kr = vm_map_enter(map, &place, stop - place, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, NULL, 0,
					  false, region.protection, region.max_protection, region.inheritance);
			if (kr != KERN_SUCCESS)
				return errno_of(kr);
		}
		at = stop;
	}
	return 0;
}

/* Does [at, at + length), whole pages, lie in the map without a hole? */
static int64_t whole_range(struct vm_map *map, uint64_t at, uint64_t length)
{
	if ((at & PAGE_MASK) != 0 || at + length < at)
		return -LINUX_EINVAL;
	return length == 0 || vm_map_check(map, at, length, VM_PROT_NONE) == KERN_SUCCESS ? 0 : -LINUX_ENOMEM;
}

int64_t linux_madvise(struct linux_args *args)
{
	struct vm_map *map = current_task()->map;
	uint64_t at = args->a[0], length = page_round(args->a[1]);
	int64_t err = length < args->a[1] ? -LINUX_EINVAL : whole_range(map, at, length);

	if (err != 0 || length == 0)
		return err;
	switch (args->a[2]) {
	case 0: case 1: case 2: case 3: /* NORMAL, RANDOM, SEQUENTIAL, WILLNEED */
	case MADV_FREE: /* may keep the bytes as long as it likes */
	case 12: case 13: case 14: case 15: case 16: case 17: /* MERGEABLE .. DODUMP */
	case 20: case 21: /* COLD, PAGEOUT */
		return 0;
	case MADV_DONTNEED:
		return discard(map, at, length);
	case MADV_DONTFORK:
	case MADV_DOFORK:
		return errno_of(vm_map_inherit(map, at, length,
					       args->a[2] == MADV_DONTFORK ? VM_INHERIT_NONE : VM_INHERIT_COPY));
	case 22: case 23: /* POPULATE_READ, POPULATE_WRITE */
		for (uint64_t va = at; va < at + length; va += PAGE_SIZE)
			if (vm_fault(map, va, args->a[2] == 22 ? VM_PROT_READ : VM_PROT_WRITE) != KERN_SUCCESS)
				return -LINUX_EFAULT;
		return 0;
	default:
		return -LINUX_EINVAL; /* REMOVE and HWPOISON among them */
	}
}

/* Memory is the only place where these files are: there is nowhere to write it to. */
int64_t linux_msync(struct linux_args *args)
{
	uint64_t flags = args->a[2];

	if ((flags & ~(uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0 || (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -LINUX_EINVAL;
	return whole_range(current_task()->map, args->a[0], page_round(args->a[1]));
}

/* A page counts as resident when this task has it mapped. */
int64_t linux_mincore(struct linux_args *args)
{
	struct vm_map *map = current_task()->map;
	uint64_t length = page_round(args->a[1]);
	int64_t err = whole_range(map, args->a[0], length);

	if (err != 0)
		return err;
	for (uint64_t i = 0; i < length / PAGE_SIZE; i++) {
		uint8_t resident = pmap_extract(vm_map_pmap(map), args->a[0] + i * PAGE_SIZE) != 0;

		if (copyout(&resident, args->a[2] + i, 1) != KERN_SUCCESS)
			return -LINUX_EFAULT;
	}
	return 0;
}

static int64_t lock_range(uint64_t address, uint64_t bytes, bool lock)
{
	struct vm_map *map = current_task()->map;
	uint64_t at = address & ~PAGE_MASK, length = page_round(bytes + (address & PAGE_MASK));
	int64_t err = whole_range(map, at, length);

	if (err != 0 || length == 0)
		return err;
	return errno_of(vm_map_wire(map, at, length, lock ? VM_PROT_READ : VM_PROT_NONE));
}

int64_t linux_mlock(struct linux_args *args)
{
	return lock_range(args->a[0], args->a[1], true);
}

int64_t linux_mlock2(struct linux_args *args)
{
	return (args->a[2] & ~(uint64_t)MLOCK_ONFAULT) != 0 ? -LINUX_EINVAL : lock_range(args->a[0], args->a[1], true);
}

int64_t linux_munlock(struct linux_args *args)
{
	return lock_range(args->a[0], args->a[1], false);
}
