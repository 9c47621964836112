/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbols.c - names of the kernel's functions, for backtraces.
 *
 * The table is written by tools/ksyms.py from a first link of the kernel and linked in by the second. In
 * the first link it is absent (weak).
 */
#include <kern/panic.h>
#include <stddef.h>

/* Sorted by address; name is an offset into kernel_symbol_names. */
struct symbol {
	uint64_t address;
	uint32_t size;
	uint32_t name;
};
_Static_assert(sizeof(struct symbol) == 16, "tools/ksyms.py");

extern const struct symbol kernel_symbols[] __attribute__((weak));
extern const uint32_t kernel_symbol_count __attribute__((weak));
extern const char kernel_symbol_names[] __attribute__((weak));

const char *symbol_of(uint64_t address, uint64_t *offset)
{
	uint32_t low = 0, high = &kernel_symbol_count == NULL ? 0 : kernel_symbol_count;

	/* The last symbol at or below address is at low - 1. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (kernel_symbols[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || address - kernel_symbols[low - 1].address >= kernel_symbols[low - 1].size)
		return NULL;
	*offset = address - kernel_symbols[low - 1].address;
	return kernel_symbol_names + kernel_symbols[low - 1].name;
}
