/* SPDX-License-Identifier: BSD-2-Clause */
/* pmap_pcid.c - the slots of a processor, the oldest given up first. Interface and invariants: pmap_pcid.h. */
#include "pmap_pcid.h"

struct pcid_choice pcid_choose(struct pcid_cpu *c, uint64_t id, uint64_t generation)
{
	struct pcid_choice choice;
	unsigned i = 0;

	while (i < PCID_SLOTS && c->slots[i].id != id)
		i++;
	if (i == PCID_SLOTS) {
		i = c->next;
		c->next = (i + 1) % PCID_SLOTS;
	}
	choice = (struct pcid_choice){ i + 1, c->slots[i].id == id && c->slots[i].generation == generation };
	c->slots[i].id = id; /* N1 */
	c->slots[i].generation = generation; /* N2 */
	return choice;
}

void pcid_followed(struct pcid_cpu *c, uint64_t id, uint64_t generation)
{
	for (unsigned i = 0; i < PCID_SLOTS; i++)
		if (c->slots[i].id == id && c->slots[i].generation == generation)
			c->slots[i].generation = generation + 1; /* N2 */
}
