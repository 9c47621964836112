/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/vm_region.h - flavours of mach_vm_region(). Names and numbers: XNU's. */
#pragma once

#include <mach/boolean.h>
#include <mach/port.h>
#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>
#include <mach/vm_types.h>

typedef int *vm_region_info_t;
typedef int *vm_region_info_64_t;
typedef int vm_behavior_t;

#define VM_REGION_BASIC_INFO_64 9
#define VM_REGION_BASIC_INFO 10
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
