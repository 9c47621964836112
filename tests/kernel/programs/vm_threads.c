/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_threads.c - a program for a node with several CPUs: threads write to memory while others copy it, share it, and
 * unmap. A CPU that kept an old translation would write into a copy, or lose a write. Prints TAP.
 *
 * Each thread owns one word of each page. A child's copy of the memory must hold the copying thread's words as
 * they were, and nothing in it may change later.
 */
#include <mach/mach.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096UL
#define PAGES 16UL
#define THREADS 4U
#define ROUNDS 100U

static volatile uint64_t (*memory)[PAGE / 8]; /* PAGES pages */
static _Atomic unsigned lost, changed, refused, unmapped_wrong;

static void write_all(unsigned id, uint64_t value)
{
	for (unsigned p = 0; p < PAGES; p++)
		memory[p][id] = value + p;
}

static int all_hold(volatile uint64_t (*pages)[PAGE / 8], unsigned id, uint64_t value)
{
	for (unsigned p = 0; p < PAGES; p++)
		if (pages[p][id] != value + p)
			return 0;
	return 1;
}

/* A task with a copy of the memory: our words as they are, and still so after we and the others wrote on. */
static void copy_round(unsigned id, uint64_t value)
{
	mach_port_t child;
	vm_offset_t first, second;
	mach_msg_type_number_t count;

	if (task_create(mach_task_self(), NULL, 0, TRUE, &child) != KERN_SUCCESS) {
		refused++;
		return;
	}
	if (mach_vm_read(child, (vm_offset_t)memory, PAGES * PAGE, &first, &count) == KERN_SUCCESS) {
		write_all(id, value + 1000);
		for (int i = 0; i < 20; i++)
			swtch();
		if (mach_vm_read(child, (vm_offset_t)memory, PAGES * PAGE, &second, &count) == KERN_SUCCESS) {
			if (!all_hold((volatile void *)first, id, value))
				lost++;
			if (memcmp((void *)first, (void *)second, PAGES * PAGE) != 0)
				changed++;
			mach_vm_deallocate(mach_task_self(), second, count);
		} else {
			refused++;
		}
		mach_vm_deallocate(mach_task_self(), first, count);
		if (!all_hold(memory, id, value + 1000))
			lost++;
	} else {
		refused++;
	}
	task_terminate(child);
	mach_port_deallocate(mach_task_self(), child);
}

/* Memory that comes and goes: it is zero when it comes, whatever other threads had there. */
static void unmap_round(unsigned id)
{
	uint64_t *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (unsigned i = 0; i < 4 * PAGE / 8; i += 64) {
		if (p[i] != 0)
			unmapped_wrong++;
		p[i] = id + 1;
	}
	if (mprotect(p, PAGE, PROT_READ) != 0 || munmap(p, 4 * PAGE) != 0)
		refused++;
}

static void *work(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg;

	for (uint64_t n = 0; n < ROUNDS; n++) {
		uint64_t value = (uint64_t)(id + 1) << 40 | n << 16;

		write_all(id, value);
		if (n % 3 == 0)
			copy_round(id, value);
		else if (!all_hold(memory, id, value))
			lost++;
		unmap_round(id);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	unsigned made = 0;

	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < THREADS; i++)
		made += pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i) == 0;
	for (unsigned i = 0; i < made; i++)
		pthread_join(threads[i], NULL);
	printf("%s 1 - VMTH0001 %u threads\n", made == THREADS ? "ok" : "not ok", made);
	printf("%s 2 - VMTH0002 no write is lost (%u)\n", lost == 0 ? "ok" : "not ok", lost);
	printf("%s 3 - VMTH0003 no copy changes later (%u)\n", changed == 0 ? "ok" : "not ok", changed);
	printf("%s 4 - VMTH0004 new memory is zero (%u)\n", unmapped_wrong == 0 ? "ok" : "not ok", unmapped_wrong);
	printf("%s 5 - VMTH0005 no call is refused (%u)\n", refused == 0 ? "ok" : "not ok", refused);
	printf("1..5\n");
	fflush(stdout);
	return made != THREADS || lost != 0 || changed != 0 || unmapped_wrong != 0 || refused != 0;
}
