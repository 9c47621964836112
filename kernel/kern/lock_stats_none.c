/* SPDX-License-Identifier: BSD-2-Clause */
/* lock_stats_none.c - the measured kernel counts no locks. Interface: lock_stats.h; the debug kernel's is in lock_order.c. */
#include <kern/lock_stats.h>
#include <kern/printf.h>

bool lock_stats_get(uint32_t n, struct lock_stats *out)
{
	return false;
}

void lock_stats_print(void)
{
	kprintf("only the debug kernel counts locks\n");
}

void lock_held_print(void)
{
	kprintf("only the debug kernel knows\n");
}
