/* SPDX-License-Identifier: BSD-2-Clause */
/* pager.c - memory whose bytes are computed when they are touched: a table of squares, and what is written to it is told. */
#include <mach/pager.h>
#include <stdio.h>

static kern_return_t squares(struct pager_object *object, uint64_t offset, uint32_t length, void *buffer, vm_prot_t *lock)
{
	uint64_t *words = buffer, first = offset / sizeof(*words);

	for (uint64_t i = 0; i < length / sizeof(*words); i++)
		words[i] = (first + i) * (first + i);
	return KERN_SUCCESS;
}

static kern_return_t told(struct pager_object *object, uint64_t offset, uint32_t length, const void *bytes)
{
	printf("pager: %u bytes at %llu came back, the first word is %llu\n", length, (unsigned long long)offset,
	       *(const unsigned long long *)bytes);
	return KERN_SUCCESS;
}

int main(void)
{
	static const struct pager_ops ops = { .read = squares, .write = told };
	mach_vm_address_t at = 0;
	struct pager_object *object;
	struct pager *pager;
	volatile uint64_t *table;

	if (pager_create(&pager) != KERN_SUCCESS || pager_object_create(pager, &ops, 1 << 30, NULL, NULL, &object) != KERN_SUCCESS ||
	    pager_start(pager) != KERN_SUCCESS ||
	    mach_vm_map(mach_task_self(), &at, 1 << 30, 0, VM_FLAGS_ANYWHERE, pager_object_port(object), 0, FALSE,
			VM_PROT_DEFAULT, VM_PROT_DEFAULT, VM_INHERIT_NONE) != KERN_SUCCESS)
		return 1;
	table = (volatile uint64_t *)at;
	printf("the square of 1234567 is %llu\n", (unsigned long long)table[1234567]);
	table[0] = 42;
	return mach_vm_msync(mach_task_self(), at, 4096, VM_SYNC_SYNCHRONOUS) == KERN_SUCCESS ? 0 : 1;
}
