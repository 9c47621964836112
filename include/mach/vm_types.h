/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/vm_types.h - addresses, offsets and sizes of virtual memory (bytes). */
#pragma once

#include <stdint.h>

typedef uintptr_t vm_offset_t;
typedef uintptr_t vm_address_t;
typedef uintptr_t vm_size_t;
typedef uint64_t mach_vm_address_t;
typedef uint64_t mach_vm_offset_t;
typedef uint64_t mach_vm_size_t;
typedef uint64_t memory_object_offset_t;
typedef uint64_t memory_object_size_t;
