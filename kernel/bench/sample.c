/* SPDX-License-Identifier: BSD-2-Clause */
/* sample.c - sort by heap, without recursion or memory; print with two decimals. */

#include <bench/sample.h>
#include <kern/printf.h>

void sample_add(struct sample *s, uint64_t ns)
{
	if (s->count < SAMPLES_MAX)
		s->ns[s->count++] = ns;
}

/* Let the element at `at` sink in the heap of count elements. */
static void sink(uint64_t *a, uint32_t at, uint32_t count)
{
	for (;;) {
		uint32_t child = 2 * at + 1;
		uint64_t swap = a[at];

		if (child >= count)
			return;
		if (child + 1 < count && a[child + 1] > a[child])
			child++;
		if (a[child] <= swap)
			return;
		a[at] = a[child];
		a[child] = swap;
		at = child;
	}
}

static void sort(uint64_t *a, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sink(a, i, count);
	for (uint32_t end = count; end-- > 1;) {
		uint64_t largest = a[0];

		a[0] = a[end];
		a[end] = largest;
		sink(a, 0, end);
	}
}

void sample_print(struct sample *s, const char *name, uint32_t each)
{
	uint64_t p50, p99;

	if (s->count == 0 || each == 0)
		return;
	sort(s->ns, s->count);
	p50 = s->ns[s->count / 2] / each;
	p99 = s->ns[(uint64_t)s->count * 99 / 100] / each;
	kprintf("BENCH {\"name\": \"%s\", \"n\": %u, \"p50_us\": %lu.%02lu, \"p99_us\": %lu.%02lu}\n", name,
		s->count, p50 / 1000, p50 % 1000 / 10, p99 / 1000, p99 % 1000 / 10);
	s->count = 0;
}
