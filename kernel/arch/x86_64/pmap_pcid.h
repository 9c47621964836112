/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap_pcid.h - which PCID a processor uses for a pmap, and whether what it has cached under it is true. No machine access: tested on the host
 * (tests/unit/arch/pcid_test.c).
 *
 * A processor keeps the translations of the pmaps that it ran last, each under a number of its own. They may be used again if they are of that
 * pmap and of its present generation, which every invalidation raises: so a processor that does not run the pmap need not be told of one.
 * Invariants:
 *   N1 a slot's id says whose translations may be cached under its number; it changes only with a flush of them.
 *   N2 every invalidation before a slot's generation has been done to what is cached under its number: by a flush after which the generation
 *      was read, or one by one, without a gap.
 * Locking: a processor's own, interrupts off.
 * Reference: SDM vol. 3A 4.10.1 (PCIDs), 4.10.4.1 (MOV to CR3: bit 63 clear flushes what is cached for the new PCID, and only that).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PCID_SLOTS 6U /* of numbers 1 .. 6; the kernel's own pmap has 0 */

struct pcid_cpu {
	struct {
		uint64_t id, generation; /* of a pmap; id 0: none yet */
	} slots[PCID_SLOTS];
	unsigned next; /* to be given up */
};

struct pcid_choice {
	unsigned number;
	bool keep; /* what is cached under it is true: no flush */
};

/* The pmap with this id (not 0, of no other pmap before or after), now of this generation, is going to be loaded. */
struct pcid_choice pcid_choose(struct pcid_cpu *c, uint64_t id, uint64_t generation);
/*
 * The pmap is loaded here, and the invalidation that raised its generation from this one has been done here: what is cached, if it was true
 * till then, is still true. So a pmap's own changes do not cost it what it has cached.
 */
void pcid_followed(struct pcid_cpu *c, uint64_t id, uint64_t generation);
