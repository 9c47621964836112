/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm.c - memory in transit and frames, in a process: the interfaces of vm/vm_map_copy.h and
 * vm/vm_page.h that kernel/ipc and the network's glue use.
 *
 * A copy is one block of whole pages that begins at a page; a frame is a block of one page, and its
 * "physical" address is where it lies. A copy that is copied out becomes the program's memory at
 * the same place, until hosted_vm_deallocate(). Locking: regions_lock guards the list of what the
 * program has.
 */
#include <base/list.h>
#include <kern/assert.h>
#include <machine/copyio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_page.h>

#include "hosted.h"

struct vm_map_copy {
	struct list link; /* regions_lock: of the regions that the program has */
	mach_vm_size_t size;
	char *bytes;
	uint32_t count;
	struct vm_page pages[];
};

static struct list regions = LIST_INIT(regions);
static pthread_mutex_t regions_lock = PTHREAD_MUTEX_INITIALIZER;

static struct vm_map_copy *copy_new(mach_vm_size_t size)
{
	uint64_t count = (size + PAGE_SIZE - 1) / PAGE_SIZE;
	struct vm_map_copy *copy;

	if (count > UINT32_MAX)
		return NULL;
	copy = calloc(1, sizeof(*copy) + count * sizeof(copy->pages[0]));
	if (copy == NULL)
		return NULL;
	copy->bytes = aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
	if (copy->bytes == NULL) {
		free(copy);
		return NULL;
	}
	/* What lies behind the last byte is never shown. */
	memset(copy->bytes + (count - 1) * PAGE_SIZE, 0, PAGE_SIZE);
	copy->size = size;
	copy->count = (uint32_t)count;
	for (uint32_t i = 0; i < count; i++)
		copy->pages[i].phys = virt_to_phys(copy->bytes + i * PAGE_SIZE);
	return copy;
}

void vm_map_copy_discard(struct vm_map_copy *copy)
{
	if (copy == NULL)
		return;
	free(copy->bytes);
	free(copy);
}

mach_vm_size_t vm_map_copy_size(const struct vm_map_copy *copy)
{
	return copy == NULL ? 0 : copy->size;
}

kern_return_t vm_map_copyin(struct vm_map *map, mach_vm_address_t addr, mach_vm_size_t size,
			    bool src_destroy, struct vm_map_copy **out)
{
	*out = NULL;
	if (size == 0)
		return KERN_SUCCESS;
	*out = copy_new(size);
	if (*out == NULL)
		return KERN_RESOURCE_SHORTAGE;
	if (copyin(addr, (*out)->bytes, size) != KERN_SUCCESS) {
		vm_map_copy_discard(*out);
		*out = NULL;
		return KERN_INVALID_ADDRESS;
	}
	if (src_destroy)
		hosted_vm_deallocate(addr, size);
	return KERN_SUCCESS;
}

/* A Linux process has no pages to give away: bytes that leave zeros behind. */
kern_return_t vm_map_exchange_in(struct vm_map *map, mach_vm_address_t addr, mach_vm_size_t size,
				 struct vm_map_copy **out)
{
	kern_return_t kr = KERN_INVALID_ARGUMENT;

	*out = NULL;
	if (((addr | size) & (PAGE_SIZE - 1)) == 0)
		kr = vm_map_copyin(map, addr, size, false, out);
	if (kr == KERN_SUCCESS && size != 0)
		memset((void *)(uintptr_t)addr, 0, size);
	return kr;
}

kern_return_t vm_map_exchange_out(struct vm_map *map, mach_vm_address_t addr, struct vm_map_copy *copy)
{
	return KERN_NOT_SUPPORTED; /* the caller overwrites */
}

kern_return_t vm_map_copyout(struct vm_map *map, mach_vm_address_t *addr, struct vm_map_copy *copy)
{
	*addr = 0;
	if (copy == NULL)
		return KERN_SUCCESS;
	pthread_mutex_lock(&regions_lock);
	list_add_tail(&regions, &copy->link);
	pthread_mutex_unlock(&regions_lock);
	*addr = (uintptr_t)copy->bytes;
	return KERN_SUCCESS;
}

void hosted_vm_deallocate(uint64_t address, uint64_t size)
{
	struct vm_map_copy *found = NULL;

	pthread_mutex_lock(&regions_lock);
	LIST_FOR_EACH(l, &regions)
	{
		struct vm_map_copy *copy = container_of(l, struct vm_map_copy, link);

		if ((uintptr_t)copy->bytes == address) {
			found = copy;
			break;
		}
	}
	if (found != NULL)
		list_remove(&found->link);
	pthread_mutex_unlock(&regions_lock);
	vm_map_copy_discard(found);
}

kern_return_t vm_map_copy_overwrite(struct vm_map *map, mach_vm_address_t addr,
				    struct vm_map_copy *copy)
{
	kern_return_t result;

	if (copy == NULL)
		return KERN_SUCCESS;
	result = copyout(copy->bytes, addr, copy->size);
	if (result == KERN_SUCCESS)
		vm_map_copy_discard(copy);
	return result;
}

struct vm_map_copy *vm_map_copy_from_kernel(const void *bytes, mach_vm_size_t size)
{
	struct vm_map_copy *copy = size == 0 ? NULL : copy_new(size);

	if (copy != NULL)
		memcpy(copy->bytes, bytes, size);
	return copy;
}

struct vm_map_copy *vm_map_copy_from_kernel_blocks(const void *const *blocks, uint64_t block_bytes, mach_vm_size_t size)
{
	struct vm_map_copy *copy = copy_new(size);

	for (uint64_t at = 0; copy && at < size; at += block_bytes)
		memcpy((char *)copy->bytes + at, blocks[at / block_bytes], size - at < block_bytes ? size - at : block_bytes);
	return copy;
}

kern_return_t vm_map_copy_to_kernel(struct vm_map_copy *copy, mach_vm_size_t offset, void *dst,
				    mach_vm_size_t n)
{
	VERIFY(offset <= copy->size && n <= copy->size - offset);
	memcpy(dst, copy->bytes + offset, n);
	return KERN_SUCCESS;
}

struct vm_map_copy *vm_map_copy_from_pages(struct vm_page **pages, uint32_t count,
					   uint32_t offset_in_first_page, mach_vm_size_t size, bool pinned)
{
	struct vm_map_copy *copy = copy_new(size);
	mach_vm_size_t at = 0;

	if (copy == NULL)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t skip = i == 0 ? offset_in_first_page : 0, part = PAGE_SIZE - skip;

		part = part < size - at ? part : size - at;
		memcpy(copy->bytes + at, (char *)vm_page_virt(pages[i]) + skip, part);
		at += part;
		vm_page_release(pages[i]);
	}
	return copy;
}

kern_return_t vm_map_copy_wire_page(struct vm_map_copy *copy, mach_vm_size_t offset,
				    struct vm_page **out)
{
	if (offset >= copy->size)
		return KERN_MEMORY_ERROR;
	*out = &copy->pages[offset / PAGE_SIZE];
	return KERN_SUCCESS;
}

void vm_map_copy_unwire(struct vm_map_copy *copy)
{
}

uint32_t vm_map_copy_first_offset(const struct vm_map_copy *copy)
{
	return 0;
}

struct vm_page *vm_page_grab(void)
{
	struct vm_page *page = calloc(1, sizeof(*page));
	void *frame = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	if (page == NULL || frame == NULL) {
		free(page);
		free(frame);
		return NULL;
	}
	page->phys = virt_to_phys(frame);
	page->wire_count = 1;
	return page;
}

struct vm_page *vm_page_grab_contiguous(unsigned order)
{
	struct vm_page *page = calloc(1, sizeof(*page));
	void *frames = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);

	if (page == NULL || frames == NULL)
		abort();
	page->phys = virt_to_phys(frames);
	return page;
}

struct vm_page *vm_page_grab_user(void)
{
	return vm_page_grab();
}

/* A block of frames has one vm_page here. */
void vm_page_set_owner(struct vm_page *p, unsigned order, enum vm_page_owner owner, uint64_t detail)
{
	p->owner = (uint8_t)owner;
	p->offset = detail;
}

void vm_page_release(struct vm_page *page)
{
	free(vm_page_virt(page));
	free(page);
}
