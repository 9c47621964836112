/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copyio.c - copies to and from the current task's user memory.
 *
 * Interface: <machine/copyio.h>. A range is refused unless all of it lies below VM_MAX_ADDRESS; what is mapped is
 * found out by touching it (trap.c kernel_fault()).
 */
#include <kern/assert.h>
#include <machine/copyio.h>
#include <machine/cpu.h>
#include <machine/pmap.h>
#include <stdbool.h>

/* More than this at once is copied with interrupts on: for how long they are off has a bound. */
#define COPY_LONG 1024u

/* copyio.S */
bool user_read(void *dst, uint64_t user_src, size_t bytes);
bool user_write(uint64_t user_dst, const void *src, size_t bytes);
int64_t user_read_string(char *dst, uint64_t user_src, size_t max);

static bool is_user_range(uint64_t start, size_t bytes)
{
	return start < VM_MAX_ADDRESS && bytes <= VM_MAX_ADDRESS - start;
}

__attribute__((section(".text.hot"))) kern_return_t copyin(uint64_t user_src, void *dst, size_t bytes)
{
	KASSERT(cpu_irq_depth() == 0 && (bytes <= COPY_LONG || cpu_irq_enabled()));
	if (!is_user_range(user_src, bytes) || !user_read(dst, user_src, bytes))
		return KERN_INVALID_ADDRESS;
	return KERN_SUCCESS;
}

__attribute__((section(".text.hot"))) kern_return_t copyout(const void *src, uint64_t user_dst, size_t bytes)
{
	KASSERT(cpu_irq_depth() == 0 && (bytes <= COPY_LONG || cpu_irq_enabled()));
	if (!is_user_range(user_dst, bytes) || !user_write(user_dst, src, bytes))
		return KERN_INVALID_ADDRESS;
	return KERN_SUCCESS;
}

kern_return_t copyinstr(uint64_t user_src, char *dst, size_t max, size_t *length)
{
	size_t room;
	int64_t n;

	KASSERT(cpu_irq_depth() == 0);
	if (user_src >= VM_MAX_ADDRESS)
		return KERN_INVALID_ADDRESS;
	room = VM_MAX_ADDRESS - user_src < max ? VM_MAX_ADDRESS - user_src : max;
	n = user_read_string(dst, user_src, room);
	if (n < 0)
		return KERN_INVALID_ADDRESS;
	if ((size_t)n == room)
		return room < max ? KERN_INVALID_ADDRESS : KERN_NO_SPACE;
	*length = (size_t)n;
	return KERN_SUCCESS;
}
