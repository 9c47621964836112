/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/vm_region.h - flavours of mach_vm_region(), mach_vm_region_recurse() and mach_vm_page_info(). Names and numbers: XNU's; the
 * structs are laid out naturally.
 */
#pragma once

#include <mach/boolean.h>
#include <mach/port.h>
#include <mach/vm_behavior.h>
#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>
#include <mach/vm_types.h>

typedef int *vm_region_info_t;
typedef int *vm_region_info_64_t;
typedef int *vm_region_recurse_info_t;
typedef int *vm_region_recurse_info_64_t;
typedef uint32_t vm32_object_id_t; /* equal for equal objects, at one time */
typedef uint64_t vm_object_id_t;

#define VM_REGION_BASIC_INFO_64 9
#define VM_REGION_BASIC_INFO 10 /* answered as VM_REGION_BASIC_INFO_64 */
typedef struct vm_region_basic_info_64 {
	vm_prot_t protection;
	vm_prot_t max_protection;
	vm_inherit_t inheritance;
	boolean_t shared;
	boolean_t reserved;
	uint32_t pad;
	memory_object_offset_t offset;
	vm_behavior_t behavior;
	uint16_t user_wired_count;
	uint16_t pad2;
} vm_region_basic_info_data_64_t;
typedef vm_region_basic_info_data_64_t *vm_region_basic_info_64_t;
#define VM_REGION_BASIC_INFO_COUNT_64 ((natural_t)(sizeof(vm_region_basic_info_data_64_t) / sizeof(int)))

/* How the memory is held. */
#define SM_COW 1            /* copied when written */
#define SM_PRIVATE 2
#define SM_EMPTY 3          /* nothing there yet */
#define SM_SHARED 4         /* several maps write it */
#define SM_TRUESHARED 5
#define SM_PRIVATE_ALIASED 6
#define SM_SHARED_ALIASED 7
#define SM_LARGE_PAGE 8

#define VM_REGION_EXTENDED_INFO 13
typedef struct vm_region_extended_info {
	vm_prot_t protection;
	unsigned user_tag;
	unsigned pages_resident;
	unsigned pages_shared_now_private; /* of them, those in the region's own object, where it has a shadow */
	unsigned pages_swapped_out;
	unsigned pages_dirtied;
	unsigned ref_count;
	unsigned short shadow_depth;
	unsigned char external_pager;
	unsigned char share_mode;          /* SM_* */
	unsigned pages_reusable;
} vm_region_extended_info_data_t;
typedef vm_region_extended_info_data_t *vm_region_extended_info_t;
#define VM_REGION_EXTENDED_INFO_COUNT ((natural_t)(sizeof(vm_region_extended_info_data_t) / sizeof(int)))

#define VM_REGION_TOP_INFO 12
typedef struct vm_region_top_info {
	unsigned obj_id;
	unsigned ref_count;
	unsigned private_pages_resident;
	unsigned shared_pages_resident;
	unsigned char share_mode; /* SM_* */
	unsigned char pad[3];
} vm_region_top_info_data_t;
typedef vm_region_top_info_data_t *vm_region_top_info_t;
#define VM_REGION_TOP_INFO_COUNT ((natural_t)(sizeof(vm_region_top_info_data_t) / sizeof(int)))

/* mach_vm_region_recurse(). A map has no maps inside: is_submap is FALSE, the depth comes back 0. */
typedef struct vm_region_submap_info_64 {
	vm_prot_t protection;
	vm_prot_t max_protection;
	vm_inherit_t inheritance;
	uint32_t pad;
	memory_object_offset_t offset;
	unsigned user_tag;
	unsigned pages_resident;
	unsigned pages_shared_now_private;
	unsigned pages_swapped_out;
	unsigned pages_dirtied;
	unsigned ref_count;
	unsigned short shadow_depth;
	unsigned char external_pager;
	unsigned char share_mode;
	boolean_t is_submap;
	vm_behavior_t behavior;
	vm32_object_id_t object_id;
	unsigned short user_wired_count;
	unsigned short pad2;
	unsigned pages_reusable;
	uint32_t pad3;
	vm_object_id_t object_id_full;
} vm_region_submap_info_data_64_t;
typedef vm_region_submap_info_data_64_t *vm_region_submap_info_64_t;
#define VM_REGION_SUBMAP_INFO_COUNT_64 ((natural_t)(sizeof(vm_region_submap_info_data_64_t) / sizeof(int)))
#define VM_REGION_SUBMAP_INFO_V2_COUNT_64 VM_REGION_SUBMAP_INFO_COUNT_64

typedef struct vm_region_submap_short_info_64 {
	vm_prot_t protection;
	vm_prot_t max_protection;
	vm_inherit_t inheritance;
	uint32_t pad;
	memory_object_offset_t offset;
	unsigned user_tag;
	unsigned ref_count;
	unsigned short shadow_depth;
	unsigned char external_pager;
	unsigned char share_mode;
	boolean_t is_submap;
	vm_behavior_t behavior;
	vm32_object_id_t object_id;
	unsigned short user_wired_count;
	unsigned short pad2;
} vm_region_submap_short_info_data_64_t;
typedef vm_region_submap_short_info_data_64_t *vm_region_submap_short_info_64_t;
#define VM_REGION_SUBMAP_SHORT_INFO_COUNT_64 ((natural_t)(sizeof(vm_region_submap_short_info_data_64_t) / sizeof(int)))

/* mach_vm_page_info(). */
typedef int *vm_page_info_t;
typedef int vm_page_info_flavor_t;
#define VM_PAGE_INFO_BASIC 1
typedef struct vm_page_info_basic {
	int disposition;
	int ref_count;
	vm_object_id_t object_id;
	memory_object_offset_t offset; /* of the page in that object */
	int depth;                     /* of that object in its chain */
	int pad;
} vm_page_info_basic_data_t;
typedef vm_page_info_basic_data_t *vm_page_info_basic_t;
#define VM_PAGE_INFO_BASIC_COUNT ((natural_t)(sizeof(vm_page_info_basic_data_t) / sizeof(int)))

/* mach_vm_read_list(). */
#define VM_MAP_ENTRY_MAX 256
struct mach_vm_read_entry {
	mach_vm_address_t address;
	mach_vm_size_t size;
};
typedef struct mach_vm_read_entry mach_vm_read_entry_t[VM_MAP_ENTRY_MAX];
struct vm_read_entry {
	vm_address_t address;
	vm_size_t size;
};
typedef struct vm_read_entry vm_read_entry_t[VM_MAP_ENTRY_MAX];
