/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_user_info.c - the calls of mach_vm.defs and vm_map.defs that tell what is in a map: its regions, their objects, its pages.
 *
 * Interface: vm_user_internal.h, for the tables of vm_user.c.
 * References: XNU's osfmk/mach/vm_region.h for flavours and fields; OSF Mach's vm_region(3) for the object's name.
 */
#include <kern/thread.h>
#include <mach/vm_region.h>
#include <vm/vm_map.h>
#include <vm/vm_object.h>

#include "vm_user_internal.h"

static uint16_t short_of(uint64_t n)
{
	return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

static uint32_t word_of(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* A number for an object that tells nothing of the kernel's addresses: equal for equal objects. */
static uint64_t id_of(uintptr_t object)
{
	uint64_t x = object;

	if (x == 0)
		return 0;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebUL;
	return x ^ (x >> 31);
}

static unsigned char share_mode(const struct vm_region *r)
{
	if (r->object_id == 0)
		return SM_EMPTY;
	if (r->shared)
		return SM_SHARED;
	return r->copy_on_write ? SM_COW : SM_PRIVATE;
}

static mach_msg_type_number_t fill_basic(vm_region_info_t info, const struct vm_region *r)
{
	*(vm_region_basic_info_64_t)info = (vm_region_basic_info_data_64_t){
		.protection = r->protection,
		.max_protection = r->max_protection,
		.inheritance = r->inheritance,
		.shared = r->shared,
		.offset = r->offset,
		.behavior = r->behavior,
		.user_wired_count = short_of(r->wired_count),
	};
	return VM_REGION_BASIC_INFO_COUNT_64;
}

static mach_msg_type_number_t fill_extended(vm_region_info_t info, const struct vm_region *r)
{
	*(vm_region_extended_info_t)info = (vm_region_extended_info_data_t){
		.protection = r->protection,
		.user_tag = r->tag,
		.pages_resident = word_of(r->resident),
		.pages_shared_now_private = r->shadow_depth != 0 ? word_of(r->private_resident) : 0,
		.pages_swapped_out = word_of(r->paged_out),
		.pages_dirtied = word_of(r->dirty),
		.ref_count = r->references,
		.shadow_depth = short_of(r->shadow_depth),
		.external_pager = r->external_pager,
		.share_mode = share_mode(r),
	};
	return VM_REGION_EXTENDED_INFO_COUNT;
}

/* Its own object's pages are private, but where others see them too; what is behind it is others' in any case. */
static mach_msg_type_number_t fill_top(vm_region_info_t info, const struct vm_region *r)
{
	bool private = !r->shared && !r->needs_copy;

	*(vm_region_top_info_t)info = (vm_region_top_info_data_t){
		.obj_id = (uint32_t)id_of(r->object_id),
		.ref_count = r->references,
		.private_pages_resident = private ? word_of(r->object_pages) : 0,
		.shared_pages_resident = word_of(r->shadow_pages + (private ? 0 : r->object_pages)),
		.share_mode = share_mode(r),
	};
	return VM_REGION_TOP_INFO_COUNT;
}

/* In the order of what a flavour costs. */
static const struct {
	vm_region_flavor_t flavor;
	mach_msg_type_number_t count;
	bool extended;
	mach_msg_type_number_t (*fill)(vm_region_info_t info, const struct vm_region *r);
} region_flavors[] = {
	{ VM_REGION_BASIC_INFO_64, VM_REGION_BASIC_INFO_COUNT_64, false, fill_basic },
	{ VM_REGION_BASIC_INFO, VM_REGION_BASIC_INFO_COUNT_64, false, fill_basic },
	{ VM_REGION_TOP_INFO, VM_REGION_TOP_INFO_COUNT, false, fill_top },
	{ VM_REGION_EXTENDED_INFO, VM_REGION_EXTENDED_INFO_COUNT, true, fill_extended },
};

kern_return_t vm_user_region(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t *size,
				 vm_region_flavor_t flavor, vm_region_info_t info,
				 mach_msg_type_number_t *count, mach_port_t *object_name)
{
	struct vm_region region;
	size_t i = 0, n = sizeof(region_flavors) / sizeof(region_flavors[0]);
	kern_return_t kr;

	while (i < n && region_flavors[i].flavor != flavor)
		i++;
	if (map == NULL || i == n || *count < region_flavors[i].count)
		return KERN_INVALID_ARGUMENT;
	kr = vm_map_region_named(map, *address, region_flavors[i].extended, &region);
	if (kr != KERN_SUCCESS)
		return kr;
	*address = region.address;
	*size = region.size;
	*count = region_flavors[i].fill(info, &region);
	*object_name = region.object_name;
	return KERN_SUCCESS;
}

static void fill_submap(vm_region_submap_info_64_t info, const struct vm_region *r)
{
	*info = (vm_region_submap_info_data_64_t){
		.protection = r->protection,
		.max_protection = r->max_protection,
		.inheritance = r->inheritance,
		.offset = r->offset,
		.user_tag = r->tag,
		.pages_resident = word_of(r->resident),
		.pages_shared_now_private = r->shadow_depth != 0 ? word_of(r->private_resident) : 0,
		.pages_swapped_out = word_of(r->paged_out),
		.pages_dirtied = word_of(r->dirty),
		.ref_count = r->references,
		.shadow_depth = short_of(r->shadow_depth),
		.external_pager = r->external_pager,
		.share_mode = share_mode(r),
		.behavior = r->behavior,
		.object_id = (uint32_t)id_of(r->object_id),
		.object_id_full = id_of(r->object_id),
		.user_wired_count = short_of(r->wired_count),
	};
}

static void fill_short(vm_region_submap_short_info_64_t info, const struct vm_region *r)
{
	*info = (vm_region_submap_short_info_data_64_t){
		.protection = r->protection,
		.max_protection = r->max_protection,
		.inheritance = r->inheritance,
		.offset = r->offset,
		.user_tag = r->tag,
		.ref_count = r->references,
		.external_pager = r->external_pager,
		.share_mode = share_mode(r),
		.behavior = r->behavior,
		.object_id = (uint32_t)id_of(r->object_id),
		.user_wired_count = short_of(r->wired_count),
	};
}

kern_return_t vm_user_region_recurse(struct vm_map *map, mach_vm_address_t *address, mach_vm_size_t *size,
					 natural_t *depth, vm_region_recurse_info_t info,
					 mach_msg_type_number_t *count)
{
	bool whole = *count >= VM_REGION_SUBMAP_INFO_COUNT_64;
	struct vm_region region;
	kern_return_t kr;

	if (map == NULL || *count < VM_REGION_SUBMAP_SHORT_INFO_COUNT_64)
		return KERN_INVALID_ARGUMENT;
	kr = whole ? vm_map_region_extended(map, *address, &region) : vm_map_region(map, *address, &region);
	if (kr != KERN_SUCCESS)
		return kr;
	if (whole)
		fill_submap((vm_region_submap_info_64_t)info, &region);
	else
		fill_short((vm_region_submap_short_info_64_t)info, &region);
	*count = whole ? VM_REGION_SUBMAP_INFO_COUNT_64 : VM_REGION_SUBMAP_SHORT_INFO_COUNT_64;
	*address = region.address;
	*size = region.size;
	*depth = 0;
	return KERN_SUCCESS;
}

kern_return_t vm_user_page_query(struct vm_map *map, mach_vm_offset_t offset, integer_t *disposition,
				     integer_t *ref_count)
{
	struct vm_page_facts f;
	kern_return_t kr = map == NULL ? KERN_INVALID_ARGUMENT : vm_map_page_facts(map, offset, &f);

	if (kr != KERN_SUCCESS)
		return kr;
	*disposition = f.disposition;
	*ref_count = (integer_t)f.references;
	return KERN_SUCCESS;
}

kern_return_t vm_user_page_info(struct vm_map *map, mach_vm_address_t address, vm_page_info_flavor_t flavor,
				    vm_page_info_t info, mach_msg_type_number_t *count)
{
	struct vm_page_facts f;
	kern_return_t kr;

	if (map == NULL || flavor != VM_PAGE_INFO_BASIC || *count < VM_PAGE_INFO_BASIC_COUNT)
		return KERN_INVALID_ARGUMENT;
	kr = vm_map_page_facts(map, address, &f);
	if (kr != KERN_SUCCESS)
		return kr;
	*(vm_page_info_basic_t)info = (vm_page_info_basic_data_t){
		.disposition = f.disposition,
		.ref_count = (int)f.references,
		.object_id = id_of(f.object_id),
		.offset = f.offset,
		.depth = (int)f.depth,
	};
	*count = VM_PAGE_INFO_BASIC_COUNT;
	return KERN_SUCCESS;
}

#define QUERY_TURN 64U /* dispositions that are written at once */

kern_return_t vm_user_page_range_query(struct vm_map *map, mach_vm_offset_t address, mach_vm_size_t size,
					   mach_vm_address_t dispositions, mach_vm_size_t *dispositions_count)
{
	struct vm_map *caller = vm_user_caller_map();
	uint64_t at = address & ~PAGE_MASK, end, done = 0, all;
	int turn[QUERY_TURN];

	if (map == NULL || size == 0 || __builtin_add_overflow(address, size, &end) ||
	    __builtin_add_overflow(end, PAGE_MASK, &end))
		return KERN_INVALID_ARGUMENT;
	if (caller == NULL)
		return KERN_NOT_SUPPORTED;
	all = ((end & ~PAGE_MASK) - at) >> PAGE_SHIFT;
	if (all > *dispositions_count)
		all = *dispositions_count;
	while (done < all) {
		uint64_t n = all - done < QUERY_TURN ? all - done : QUERY_TURN;
		kern_return_t kr = thread_is_broken() ? KERN_ABORTED : KERN_SUCCESS;

		for (uint64_t i = 0; i < n && kr == KERN_SUCCESS; i++, at += PAGE_SIZE) {
			struct vm_page_facts f;

			kr = vm_map_page_facts(map, at, &f);
			turn[i] = f.disposition;
		}
		if (kr == KERN_SUCCESS)
			kr = vm_map_write_kernel(caller, dispositions + done * sizeof(int), turn,
						 n * sizeof(int));
		if (kr != KERN_SUCCESS)
			return kr;
		done += n;
	}
	*dispositions_count = done;
	return KERN_SUCCESS;
}
