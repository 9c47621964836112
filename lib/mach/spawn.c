/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn.c - a loader over messages.
 *
 * Interface: mach_spawn (mach/spawn.h).
 * The new task's memory is made by mach_vm_allocate and filled by mach_vm_write (the file's pages go copy-on-write), but for text
 * and constants where the file is a memory object too: those are mapped from it, privately;
 * its stack is laid out as the System V ABI says (argc, argv, envp, auxiliary vector); one
 * thread starts at the entry point.
 * References: System V ABI AMD64 supplement 3.4.1.
 */
#include <base/elf.h>
#include <mach/mach.h>
#include <mach/spawn.h>
#include <mach/thread_status.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#define PAGE 4096ull
#define ADDRESS_LIMIT (1ull << 46)
#define PIE_BASE 0x0000550000000000ull
#define STACK_BYTES (1ull << 20)
#define STACK_TOP 0x00007ffffffef000ull /* a page below the end of user addresses */
#define STACK_ROOM (128u * 1024) /* of arguments, environment and vectors */
#define VECTOR_MAX 1024u         /* of arguments plus environment */
#define RANDOM_BYTES 16u
#define USER_FLAGS 0x202u

struct stack {
	uint8_t *room;     /* STACK_ROOM bytes, filled from the end */
	uint64_t used;
	bool full;
};

static uint64_t page_down(uint64_t n)
{
	return n & ~(PAGE - 1);
}

static uint64_t page_up(uint64_t n)
{
	return page_down(n + PAGE - 1);
}

/* Push bytes; returns where they will be in the task. */
static uint64_t push(struct stack *s, const void *bytes, uint64_t n)
{
	if (n > STACK_ROOM - s->used) {
		s->full = true;
		return 0;
	}
	s->used += n;
	memcpy(s->room + STACK_ROOM - s->used, bytes, n);
	return STACK_TOP - s->used;
}

/* Push the strings of a NULL-terminated array; their addresses, then 0, go to words. Returns how many words. */
static uint32_t push_strings(struct stack *s, const char *const *strings, uint64_t *words, uint32_t room)
{
	uint32_t n = 0;

	for (; strings != NULL && strings[n] != NULL; n++) {
		if (n + 1 >= room) {
			s->full = true;
			return 0;
		}
		words[n] = push(s, strings[n], strlen(strings[n]) + 1);
	}
	words[n++] = 0;
	return n;
}

static void make_random(uint8_t *bytes)
{
	static uint64_t state;
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	state ^= (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15ull + (uint64_t)(uintptr_t)bytes;
	for (uint32_t i = 0; i < RANDOM_BYTES; i += 8) {
		state ^= state << 13, state ^= state >> 7, state ^= state << 17;
		memcpy(bytes + i, &state, 8);
	}
}

/* Lay the initial stack out; returns the stack pointer, 0 when it does not fit. */
static uint64_t lay_out_stack(struct stack *s, const struct mach_spawn *what, const struct elf_image *image, uint64_t base)
{
	uint64_t words[VECTOR_MAX + 24], random_at;
	uint8_t random[RANDOM_BYTES];
	uint32_t n = 1, argc;

	make_random(random);
	random_at = push(s, random, sizeof(random));
	argc = push_strings(s, what->argv, words + n, VECTOR_MAX / 2);
	words[0] = argc - 1;
	n += argc;
	n += push_strings(s, what->envp, words + n, VECTOR_MAX / 2);
	if (s->full)
		return 0;
	const uint64_t auxiliary[][2] = {
		{ AT_PHDR, image->headers_address != 0 ? base + image->headers_address : 0 },
		{ AT_PHENT, image->header_size },
		{ AT_PHNUM, image->headers_address != 0 ? image->header_count : 0 },
		{ AT_PAGESZ, PAGE },
		{ AT_ENTRY, base + image->entry },
		{ AT_RANDOM, random_at },
		{ AT_NULL, 0 },
	};
	memcpy(words + n, auxiliary, sizeof(auxiliary));
	n += sizeof(auxiliary) / sizeof(words[0]);
	s->used += (16 - (s->used + n * 8ull) % 16) % 16;
	return push(s, words, n * 8ull);
}

static kern_return_t make_stack(mach_port_t task, const struct mach_spawn *what, const struct elf_image *image,
				uint64_t base, uint64_t *sp)
{
	struct stack s = { .room = calloc(1, STACK_ROOM) };
	mach_vm_address_t at = STACK_TOP - STACK_BYTES;
	kern_return_t result = KERN_RESOURCE_SHORTAGE;

	if (s.room == NULL)
		return result;
	*sp = lay_out_stack(&s, what, image, base);
	if (*sp == 0)
		result = KERN_INVALID_ARGUMENT;
	else
		result = mach_vm_allocate(task, &at, STACK_BYTES, VM_FLAGS_FIXED);
	if (result == KERN_SUCCESS)
		result = mach_vm_write(task, *sp, (vm_offset_t)(s.room + STACK_ROOM - s.used),
				       (mach_msg_type_number_t)s.used);
	free(s.room);
	return result;
}

/* Text and constants can be the file's own pages, brought in when they are touched. */
static bool may_map(const struct mach_spawn *what, const struct elf_segment *s, uint64_t base, uint64_t mapped_end)
{
	return what->memory != MACH_PORT_NULL && (s->flags & ELF_WRITE) == 0 && s->file_size == s->memory_size && s->file_size != 0 &&
	       (base + s->address) % PAGE == s->file_offset % PAGE && page_down(base + s->address) >= mapped_end;
}

static kern_return_t map_segment(mach_port_t task, mach_port_t memory, const struct elf_segment *s, uint64_t base,
				 vm_prot_t protection, uint64_t *mapped_end)
{
	mach_vm_address_t start = page_down(base + s->address), end = page_up(base + s->address + s->memory_size);
	kern_return_t result = mach_vm_map(task, &start, end - start, 0, VM_FLAGS_FIXED, memory, page_down(s->file_offset), TRUE,
					   protection, VM_PROT_ALL, VM_INHERIT_COPY);

	if (result == KERN_SUCCESS)
		*mapped_end = end;
	return result;
}

static kern_return_t load_segment(mach_port_t task, const struct mach_spawn *what, const struct elf_segment *s, uint64_t base,
				  uint64_t *mapped_end)
{
	const uint8_t *file = what->image;
	mach_vm_address_t start = page_down(base + s->address), end = page_up(base + s->address + s->memory_size);
	mach_vm_address_t from = start < *mapped_end ? *mapped_end : start;
	vm_prot_t protection = (s->flags & ELF_READ ? VM_PROT_READ : 0) | (s->flags & ELF_WRITE ? VM_PROT_WRITE : 0) |
			       (s->flags & ELF_EXECUTE ? VM_PROT_EXECUTE : 0);
	kern_return_t result = KERN_SUCCESS;

	if (may_map(what, s, base, *mapped_end) &&
	    map_segment(task, what->memory, s, base, protection, mapped_end) == KERN_SUCCESS)
		return KERN_SUCCESS;
	if (from < end) /* a page shared with the segment before is there already */
		result = mach_vm_allocate(task, &from, end - from, VM_FLAGS_FIXED);
	if (result == KERN_SUCCESS && start < *mapped_end)
		result = mach_vm_protect(task, start, PAGE, FALSE, VM_PROT_DEFAULT);
	*mapped_end = end > *mapped_end ? end : *mapped_end;
	if (result == KERN_SUCCESS && s->file_size != 0)
		result = mach_vm_write(task, base + s->address, (vm_offset_t)(file + s->file_offset),
				       (mach_msg_type_number_t)s->file_size);
	if (result == KERN_SUCCESS)
		result = mach_vm_protect(task, start, end - start, FALSE, protection);
	return result;
}

/* The task is called what argv[0] says. */
static void set_name(mach_port_t task, const char *const *argv)
{
	task_name_info_data_t info = { .id = 0 };

	if (argv == NULL || argv[0] == NULL)
		return;
	strncpy(info.name, argv[0], sizeof(info.name) - 1);
	(void)task_set_info(task, TASK_NAME_INFO, (task_info_t)&info, TASK_NAME_INFO_COUNT);
}

static kern_return_t set_ports(mach_port_t task, const struct mach_spawn *what)
{
	kern_return_t result = KERN_SUCCESS;

	if (what->stdio != MACH_PORT_NULL)
		result = task_set_special_port(task, TASK_STDIO_PORT, what->stdio);
	if (result == KERN_SUCCESS && what->exit != MACH_PORT_NULL)
		result = task_set_special_port(task, TASK_EXIT_PORT, what->exit);
	if (result == KERN_SUCCESS && what->bootstrap != MACH_PORT_NULL)
		result = task_set_special_port(task, TASK_BOOTSTRAP_PORT, what->bootstrap);
	if (result == KERN_SUCCESS && what->host != MACH_PORT_NULL)
		result = task_set_special_port(task, TASK_HOST_PORT, what->host);
	if (result == KERN_SUCCESS && what->stopped)
		result = task_suspend(task);
	return result;
}

static kern_return_t start_thread(mach_port_t task, uint64_t entry, uint64_t sp)
{
	x86_thread_state64_t state = { .rip = entry, .rsp = sp, .rflags = USER_FLAGS };
	mach_port_t thread;
	kern_return_t result;

	result = thread_create_running(task, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT,
				       &thread);
	if (result == KERN_SUCCESS)
		(void)mach_port_deallocate(mach_task_self(), thread);
	return result;
}

static kern_return_t fill_task(mach_port_t task, const struct mach_spawn *what, const struct elf_image *image)
{
	uint64_t base = image->relocatable ? PIE_BASE : 0, mapped_end = 0, sp = 0;
	kern_return_t result = KERN_SUCCESS;

	for (uint32_t i = 0; i < image->segment_count && result == KERN_SUCCESS; i++)
		result = load_segment(task, what, &image->segments[i], base, &mapped_end);
	if (result == KERN_SUCCESS)
		result = make_stack(task, what, image, base, &sp);
	if (result == KERN_SUCCESS)
		result = set_ports(task, what);
	if (result == KERN_SUCCESS)
		result = start_thread(task, base + image->entry, sp);
	return result;
}

kern_return_t mach_spawn(const struct mach_spawn *what, mach_port_t *task, const char **wrong)
{
	mach_port_t parent = what->parent != MACH_PORT_NULL ? what->parent : mach_task_self();
	struct elf_image image;
	const char *sentence = elf_parse(what->image, what->bytes, ADDRESS_LIMIT, &image);
	mach_port_t child;
	kern_return_t result;

	if (wrong != NULL)
		*wrong = sentence;
	if (sentence != NULL)
		return KERN_INVALID_ARGUMENT;
	result = task_create(parent, NULL, 0, FALSE, &child);
	if (result != KERN_SUCCESS)
		return result;
	set_name(child, what->argv);
	result = fill_task(child, what, &image);
	if (result != KERN_SUCCESS)
		(void)task_terminate(child);
	if (result == KERN_SUCCESS && task != NULL)
		*task = child;
	else
		(void)mach_port_deallocate(mach_task_self(), child);
	return result;
}
