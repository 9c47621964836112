/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_scatter.h - a receiver's scatter list: where it wants the memory of the next message (MACH_RCV_OVERWRITE).
 *
 * The receive buffer of mach_msg_overwrite() holds a complex message of rcv_limit bytes. Its descriptors, port descriptors
 * left out on both sides, are matched in order with the message's: MACH_MSG_ALLOCATE takes a new region of any size,
 * MACH_MSG_OVERWRITE the region that the descriptor names, which must be large enough; MACH_MSG_PAGE_EXCHANGE the same,
 * and whole pages that came as such change hands instead of being copied. Spare ones of either
 * side are ignored, or get new regions.
 *
 * References: the list is the receiving thread's; a sender that claimed it may read it, and write the sizes
 *   that would have been needed, until it lets the thread go.
 * After: OSF, mach_msg_overwrite (kernel interfaces).
 */
#pragma once

#include <mach/message.h>
#include <stdint.h>

struct ipc_kmsg;

struct ipc_scatter_place {
	uint64_t address;
	uint64_t size;    /* bytes; of an array of ports: their number */
	uint8_t type;     /* MACH_MSG_OOL_DESCRIPTOR, MACH_MSG_OOL_VOLATILE_DESCRIPTOR or MACH_MSG_OOL_PORTS_DESCRIPTOR */
	uint8_t copy;     /* MACH_MSG_ALLOCATE, _OVERWRITE, _PAGE_EXCHANGE; checked when matched */
};

struct ipc_scatter {
	uint32_t count;
	uint32_t room;    /* places that were allocated */
	struct ipc_scatter_place places[];
};

/*
 * Purpose: read the list at user address addr; limit bytes of it are looked at.
 * Returns: MACH_MSG_SUCCESS (*out may be NULL: no list), MACH_RCV_INVALID_DATA (not readable, or no memory for
 *   it), MACH_RCV_INVALID_TYPE (no such descriptor).
 */
mach_msg_return_t ipc_scatter_copyin(uint64_t addr, mach_msg_size_t limit, struct ipc_scatter **out);
void ipc_scatter_free(struct ipc_scatter *scatter);
/*
 * Purpose: may kmsg, in kernel form, be received into the list? Any lock may be held.
 * Returns: MACH_MSG_SUCCESS; MACH_RCV_INVALID_TYPE; MACH_RCV_SCATTER_SMALL: the list now says the message's
 *   types and sizes.
 */
mach_msg_return_t ipc_scatter_check(struct ipc_scatter *scatter, const struct ipc_kmsg *kmsg);
/* The needed list back to the user, as much of it as limit bytes take. MACH_RCV_INVALID_DATA. */
mach_msg_return_t ipc_scatter_copyout(const struct ipc_scatter *scatter, uint64_t addr, mach_msg_size_t limit);
