/* SPDX-License-Identifier: BSD-2-Clause */
/* bootstrap.c - loads the first task from the boot archive; see bootstrap.h. */
#include <base/elf.h>
#include <base/string.h>
#include <kern/archive.h>
#include <kern/bootstrap.h>
#include <kern/host.h>
#include <kern/kalloc.h>
#include <kern/main.h>
#include <kern/options.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <mach/vm_statistics.h>
#include <machine/boot.h>
#include <machine/pmap.h>
#include <vm/vm_map.h>
#include <vm/vm_map_copy.h>

#define STACK_BYTES (1UL << 20)
#define STACK_TOP (VM_MAX_ADDRESS - PAGE_SIZE)
#define PIE_BASE 0x0000550000000000UL
#define HEAP_GAP (1UL << 20)

enum { AT_NULL = 0, AT_PHDR = 3, AT_PHENT = 4, AT_PHNUM = 5, AT_PAGESZ = 6, AT_ENTRY = 9, AT_RANDOM = 25 };

static void must(kern_return_t kr, const char *what)
{
	if (kr != KERN_SUCCESS)
		boot_stop("the first task: %s failed (%d)", what, kr);
}

static void load_segment(struct vm_map *map, const uint8_t *file, const struct elf_segment *s, uint64_t base)
{
	mach_vm_address_t start = (base + s->address) & ~PAGE_MASK;
	mach_vm_address_t end = (base + s->address + s->memory_size + PAGE_MASK) & ~PAGE_MASK;
	mach_vm_address_t at = start;
	vm_prot_t prot = ((s->flags & ELF_READ) != 0 ? VM_PROT_READ : 0) |
			 ((s->flags & ELF_WRITE) != 0 ? VM_PROT_WRITE : 0) |
			 ((s->flags & ELF_EXECUTE) != 0 ? VM_PROT_EXECUTE : 0);

	must(vm_map_allocate(map, &at, end - start, VM_FLAGS_FIXED), "mapping a segment");
	must(vm_map_write_kernel(map, base + s->address, file + s->file_offset, s->file_size),
	     "copying a segment");
	must(vm_map_protect(map, start, end - start, prot, false), "protecting a segment");
}

/* The archive as memory of the task; returns its address. */
static uint64_t map_archive(struct vm_map *map, const void *archive, uint64_t bytes)
{
	struct vm_map_copy *copy = vm_map_copy_from_kernel(archive, bytes);
	mach_vm_address_t at = 0;

	if (copy == NULL)
		boot_stop("the boot archive (%lu KiB) does not fit in memory", bytes >> 10);
	must(vm_map_copyout(map, &at, copy), "mapping the archive");
	must(vm_map_protect(map, at, bytes, VM_PROT_READ, false), "protecting the archive");
	return at;
}

/* The initial stack, built downwards in a kernel page. */
struct stack_page {
	uint8_t bytes[PAGE_SIZE];
	uint64_t used; /* from the top */
};

static uint64_t push(struct stack_page *s, const void *data, uint64_t n)
{
	s->used += n;
	VERIFY(s->used <= PAGE_SIZE);
	memcpy(s->bytes + PAGE_SIZE - s->used, data, n);
	return STACK_TOP - s->used;
}

static uint64_t push_string(struct stack_page *s, const char *string)
{
	return push(s, string, strlen(string) + 1);
}

/* Lay out argc, argv, envp, auxv as the System V ABI says; returns the stack pointer. */
static uint64_t build_stack(struct stack_page *s, const struct elf_image *image, uint64_t base, uint64_t archive,
			    uint64_t archive_bytes)
{
	static char text[BOOT_CMDLINE_MAX + 32];
	uint64_t words[32], random_at, env[4];
	uint64_t seed[2] = { clock_now_ns() * 0x9e3779b97f4a7c15ULL, clock_now_ns() ^ 0xbf58476d1ce4e5b9ULL };
	unsigned n = 0, env_count = 0;
	const uint32_t ip = boot_options.node_ip;

	ksnprintf(text, sizeof(text), "MESHACH_ARCHIVE=0x%lx,%lu", archive, archive_bytes);
	env[env_count++] = push_string(s, text);
	if (ip != 0) {
		ksnprintf(text, sizeof(text), "MESHACH_NODE=%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255,
			  ip & 255);
		env[env_count++] = push_string(s, text);
	}
	ksnprintf(text, sizeof(text), "MESHACH_CMDLINE=%s", boot_info.cmdline);
	env[env_count++] = push_string(s, text);
	random_at = push(s, seed, sizeof(seed));
	words[n++] = 1;
	words[n++] = push_string(s, boot_options.init);
	words[n++] = 0;
	for (unsigned i = 0; i < env_count; i++)
		words[n++] = env[i];
	words[n++] = 0;
	if (image->headers_address != 0) {
		words[n++] = AT_PHDR, words[n++] = base + image->headers_address;
		words[n++] = AT_PHENT, words[n++] = image->header_size;
		words[n++] = AT_PHNUM, words[n++] = image->header_count;
	}
	words[n++] = AT_PAGESZ, words[n++] = PAGE_SIZE;
	words[n++] = AT_ENTRY, words[n++] = base + image->entry;
	words[n++] = AT_RANDOM, words[n++] = random_at;
	words[n++] = AT_NULL, words[n++] = 0;
	s->used += (16 - (s->used + n * 8) % 16) % 16;
	return push(s, words, n * 8);
}

static uint64_t make_stack(struct vm_map *map, const struct elf_image *image, uint64_t base, uint64_t archive,
			   uint64_t archive_bytes)
{
	struct stack_page *s = kalloc_zeroed(sizeof(*s));
	mach_vm_address_t at = STACK_TOP - STACK_BYTES;
	uint64_t sp;

	if (s == NULL)
		boot_stop("no memory for the first task's stack");
	must(vm_map_allocate(map, &at, STACK_BYTES, VM_FLAGS_FIXED), "mapping the stack");
	sp = build_stack(s, image, base, archive, archive_bytes);
	must(vm_map_write_kernel(map, sp, s->bytes + PAGE_SIZE - s->used, s->used), "writing the stack");
	kfree(s, sizeof(*s));
	return sp;
}

void bootstrap_start(void)
{
	const void *archive = phys_to_virt(boot_info.archive_start);
	struct archive_entry program;
	struct elf_image image;
	struct task *task;
	struct thread *thread;
	const char *wrong;
	uint64_t base, archive_at, sp;

	if (boot_info.archive_bytes == 0)
		boot_stop("there is no boot archive: the loader must give one (a cpio file) beside the kernel");
	switch (archive_find(archive, boot_info.archive_bytes, boot_options.init, &program)) {
	case ARCHIVE_BROKEN:
		boot_stop("the boot archive is broken: it is not a whole cpio file in newc form");
	case ARCHIVE_END:
		boot_stop("the boot archive has no file '%s' (option init=)", boot_options.init);
	case ARCHIVE_OK:
		break;
	}
	wrong = elf_parse(program.data, program.size, VM_MAX_ADDRESS / 2, &image);
	if (wrong != NULL)
		boot_stop("'%s' of the boot archive cannot be run: %s", boot_options.init, wrong);
	base = image.relocatable ? PIE_BASE : 0;
	must(task_create_internal(NULL, false, &task), "creating it");
	ksnprintf(task->name, sizeof(task->name), "%s", boot_options.init);
	for (uint32_t i = 0; i < image.segment_count; i++)
		load_segment(task->map, program.data, &image.segments[i], base);
	task->linux_.brk_start = task->linux_.brk = (base + image.end + HEAP_GAP + PAGE_MASK) & ~PAGE_MASK;
	archive_at = map_archive(task->map, archive, boot_info.archive_bytes);
	sp = make_stack(task->map, &image, base, archive_at, boot_info.archive_bytes);
	must(thread_create(task, &thread), "creating its thread");
	machine_thread_set_entry(thread, base + image.entry, sp, 0, 0);
	host_give_control(task);
	task->ends_machine = boot_options.exit_when_done;
	(void)thread_resume(thread);
	thread_deallocate(thread);
	task_deallocate(task);
}
