/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map_copy.h - memory in transit between two maps (Mach's vm_map_copy_t): what an out-of-line
 * descriptor holds while its message is queued.
 *
 * References: a copy has one owner; copyout, discard and copy_to_kernel consume it as said.
 */
#pragma once

#include <mach/kern_return.h>
#include <mach/vm_types.h>
#include <stdbool.h>

struct vm_map;
struct vm_map_copy;
struct vm_page;

/*
 * Take [addr, addr+size) of map: copy-on-write, or moved out of the map when src_destroy. Bytes of the
 * first and last page outside the range are never shown to the receiver.
 * size 0: *out = NULL, success. Errors: KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE, KERN_RESOURCE_SHORTAGE.
 */
kern_return_t vm_map_copyin(struct vm_map *map, mach_vm_address_t addr, mach_vm_size_t size, bool src_destroy,
			    struct vm_map_copy **out);
/* Insert into map at a new place; *addr keeps the source's offset in its page. Consumes copy on success. NULL copy: *addr = 0. */
kern_return_t vm_map_copyout(struct vm_map *map, mach_vm_address_t *addr, struct vm_map_copy *copy);
/* Overwrite existing memory [addr, addr+size of copy) of map. Consumes copy on success. */
kern_return_t vm_map_copy_overwrite(struct vm_map *map, mach_vm_address_t addr, struct vm_map_copy *copy);
/*
 * The page exchange (vm_map_exchange.c): whole pages change owner and nothing is copied. addr and size are whole pages, of
 * anonymous memory that only this map has, readable and writable, not wired.
 * _in: the pages of [addr, addr+size) leave the map's objects for the copy; the range stays mapped and reads as zeros.
 * _out: the copy's pages take the place of those of [addr, ...), which are freed; what the copy has not reads as
 *   zeros. Consumes copy on success. KERN_NOT_SUPPORTED: copy is not of whole pages that are only its own: overwrite.
 * Errors, nothing done: KERN_INVALID_ARGUMENT (not whole pages), KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE (not such
 *   memory), KERN_RESOURCE_SHORTAGE, KERN_MEMORY_ERROR, KERN_ABORTED.
 */
kern_return_t vm_map_exchange_in(struct vm_map *map, mach_vm_address_t addr, mach_vm_size_t size,
				 struct vm_map_copy **out);
kern_return_t vm_map_exchange_out(struct vm_map *map, mach_vm_address_t addr, struct vm_map_copy *copy);
void vm_map_copy_discard(struct vm_map_copy *copy);
mach_vm_size_t vm_map_copy_size(const struct vm_map_copy *copy);
/* Where in its page the first byte lies. */
uint32_t vm_map_copy_first_offset(const struct vm_map_copy *copy);

/* A copy made of bytes of kernel memory (they are copied). NULL: no memory. */
struct vm_map_copy *vm_map_copy_from_kernel(const void *bytes, mach_vm_size_t size);
/* The same of bytes that lie in blocks of block_bytes each, a multiple of the page size. */
struct vm_map_copy *vm_map_copy_from_kernel_blocks(const void *const *blocks, uint64_t block_bytes, mach_vm_size_t size);
/* Copy out bytes [offset, offset+n) to kernel memory; the copy stays. KERN_MEMORY_ERROR if a page cannot be had. May sleep for a pager. */
kern_return_t vm_map_copy_to_kernel(struct vm_map_copy *copy, mach_vm_size_t offset, void *dst,
				    mach_vm_size_t n);
/*
 * For the network: make a copy of size bytes from whole frames whose ownership passes to it (first
 * byte at offset_in_first_page of pages[0]). NULL: no memory, the caller keeps the frames. pinned: they are not paged out
 * before a thread that is not privileged has them (thread.vm_privilege).
 */
struct vm_map_copy *vm_map_copy_from_pages(struct vm_page **pages, uint32_t count,
					   uint32_t offset_in_first_page, mach_vm_size_t size, bool pinned);
/*
 * For the network: the frame that holds byte offset, wired (resident and not to be freed until
 * vm_map_copy_unwire) so that a peer may read it. May sleep for a pager; KERN_MEMORY_ERROR.
 */
kern_return_t vm_map_copy_wire_page(struct vm_map_copy *copy, mach_vm_size_t offset, struct vm_page **out);
void vm_map_copy_unwire(struct vm_map_copy *copy);
/*
 * For pagers: the bytes of the page at offset (whole pages) as a frame that is the caller's, in no object: the copy's own where it can be
 * had, else a fresh one. The copy may be without it afterwards. May sleep. KERN_MEMORY_ERROR, KERN_RESOURCE_SHORTAGE, KERN_ABORTED ...
 */
kern_return_t vm_map_copy_take_page(struct vm_map_copy *copy, mach_vm_size_t offset, struct vm_page **out);
/* For pagers: all pages of a copy of vm_map_copy_from_pages() are laundry. */
void vm_map_copy_launder(struct vm_map_copy *copy, bool external);
