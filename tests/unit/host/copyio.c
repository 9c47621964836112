/* SPDX-License-Identifier: BSD-2-Clause */
/* copyio.c - host double of copyin and copyout: memcpy, with faults where the test wants them. */
#include <base/string.h>
#include <host/host.h>
#include <machine/copyio.h>
#include <machine/pmap.h>

/* Linux's last: a program's stack, where a hosted node's callers have their arguments, may end above VM_MAX_ADDRESS. */
#define HOST_ADDRESS_END 0x00007ffffffff000UL

static uint64_t fault_start, fault_end, only_start, only_end;
static _Thread_local uint64_t fail_at;

void host_user_fault(const void *addr, size_t size)
{
	fault_start = (uintptr_t)addr;
	fault_end = fault_start + size;
}

void host_user_only(const void *addr, size_t size)
{
	only_start = (uintptr_t)addr;
	only_end = only_start + size;
}

void host_copy_fail_at(uint64_t n)
{
	fail_at = n;
}

static bool accessible(uint64_t addr, size_t bytes)
{
	VERIFY(host_cpu.irq_depth == 0); /* may fault: no spin lock */
	if (fail_at != 0 && --fail_at == 0)
		return false;
	if (addr < VM_MIN_ADDRESS || addr >= HOST_ADDRESS_END || bytes > HOST_ADDRESS_END - addr)
		return false;
	if (fault_end > fault_start && addr < fault_end && addr + bytes > fault_start)
		return false;
	return only_end == only_start || (addr >= only_start && addr + bytes <= only_end);
}

kern_return_t copyin(uint64_t user_src, void *dst, size_t bytes)
{
	if (bytes == 0)
		return KERN_SUCCESS;
	if (!accessible(user_src, bytes))
		return KERN_INVALID_ADDRESS;
	memcpy(dst, (const void *)(uintptr_t)user_src, bytes);
	return KERN_SUCCESS;
}

kern_return_t copyout(const void *src, uint64_t user_dst, size_t bytes)
{
	if (bytes == 0)
		return KERN_SUCCESS;
	if (!accessible(user_dst, bytes))
		return KERN_INVALID_ADDRESS;
	memcpy((void *)(uintptr_t)user_dst, src, bytes);
	return KERN_SUCCESS;
}

kern_return_t copyinstr(uint64_t user_src, char *dst, size_t max, size_t *length)
{
	for (size_t i = 0; i < max; i++) {
		kern_return_t kr = copyin(user_src + i, dst + i, 1);

		if (kr != KERN_SUCCESS)
			return kr;
		if (dst[i] == '\0') {
			*length = i;
			return KERN_SUCCESS;
		}
	}
	return KERN_NO_SPACE;
}
