/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux_memory_file.c - files whose bytes are memory: memfd_create(2), and the boot archive's files, read-only.
 *
 * Such a file has a map of its own, in which its bytes begin at LINUX_FILE_MEMORY. read and write go through that
 * map; mmap maps its memory again, shared or copy-on-write. Bytes that were never written take no memory.
 * An archive file's memory is made when it is first mapped; reads come straight from the archive.
 * Invariant: F1 bytes from size on are zero.
 */
#include <base/string.h>
#include <kern/archive.h>
#include <kern/kalloc.h>
#include <mach/vm_statistics.h>
#include <machine/boot.h>
#include <machine/copyio.h>
#include <machine/pmap.h>
#include <personality/linux_descriptor.h>
#include <vm/vm_map.h>

#define LIMIT (64UL << 30) /* bytes of a file */
#define CHUNK 1024U
#define NAME_MAX_BYTES 249U
#define PATH_MAX_BYTES 256U
#define AT_EMPTY_PATH 0x1000U
#define MFD_CLOEXEC 1U
#define MFD_ALLOW_SEALING 2U
#define O_CREAT 0100U
#define O_TRUNC 01000U
#define O_DIRECTORY 0200000U

struct memory_file {
	struct linux_file file;
	_Atomic uint64_t size;  /* bytes; changes under the file's mutex or by a positioned write */
	struct mutex map_lock;
	struct vm_map *map;     /* map_lock until made, then [I] */
	const uint8_t *archive; /* [I] the archive's bytes; NULL: memfd */
};

static struct memory_file *memory_file(struct linux_file *f)
{
	return container_of(f, struct memory_file, file);
}

static int64_t errno_of(kern_return_t kr)
{
	return kr == KERN_SUCCESS ? 0 : kr == KERN_ABORTED ? -LINUX_EINTR : kr == KERN_RESOURCE_SHORTAGE ? -LINUX_ENOMEM : -LINUX_EFAULT;
}

static struct vm_map *make_map(void)
{
	struct vm_map *map = vm_map_create();
	mach_vm_address_t at = LINUX_FILE_MEMORY;

	if (map == NULL)
		return NULL;
	if (vm_map_enter(map, &at, LIMIT, 0, VM_FLAGS_FIXED, NULL, 0, false, VM_PROT_READ | VM_PROT_WRITE, VM_PROT_ALL,
			 VM_INHERIT_SHARE) == KERN_SUCCESS)
		return map;
	vm_map_deallocate(map);
	return NULL;
}

/* The file's map, not referenced: it lives as long as the file. NULL: no memory. */
static struct vm_map *map_of(struct memory_file *m)
{
	struct vm_map *map;

	mutex_lock(&m->map_lock);
	if (m->map == NULL) {
		map = make_map();
		if (map != NULL && m->archive != NULL &&
		    vm_map_write_kernel(map, LINUX_FILE_MEMORY, m->archive, atomic_load(&m->size)) != KERN_SUCCESS) {
			vm_map_deallocate(map);
			map = NULL;
		}
		m->map = map;
	}
	map = m->map;
	mutex_unlock(&m->map_lock);
	return map;
}

static int64_t memory_read(struct linux_file *f, uint64_t user, uint64_t bytes, uint64_t offset)
{
	struct memory_file *m = memory_file(f);
	uint64_t size = atomic_load(&m->size), done = 0;
	uint8_t chunk[CHUNK];

	if (offset >= size)
		return 0;
	bytes = bytes < size - offset ? bytes : size - offset;
	while (done < bytes) {
		uint64_t n = bytes - done < CHUNK ? bytes - done : CHUNK;
		const uint8_t *from = m->archive + offset + done;
		kern_return_t kr = KERN_SUCCESS;

		if (m->archive == NULL) {
			kr = vm_map_read_kernel(m->map, LINUX_FILE_MEMORY + offset + done, chunk, n);
			from = chunk;
		}
		if (kr == KERN_SUCCESS)
			kr = copyout(from, user + done, n);
		if (kr != KERN_SUCCESS)
			return done != 0 ? (int64_t)done : errno_of(kr);
		done += n;
	}
	return (int64_t)done;
}

static void grow(struct memory_file *m, uint64_t end)
{
	uint64_t size = atomic_load(&m->size);

	while (size < end && !atomic_compare_exchange_weak(&m->size, &size, end))
		;
}

static int64_t memory_write(struct linux_file *f, uint64_t user, uint64_t bytes, uint64_t offset)
{
	struct memory_file *m = memory_file(f);
	uint64_t done = 0;
	uint8_t chunk[CHUNK];

	if (bytes == 0)
		return 0;
	if (offset >= LIMIT)
		return -LINUX_EFBIG;
	bytes = bytes < LIMIT - offset ? bytes : LIMIT - offset;
	while (done < bytes) {
		uint64_t n = bytes - done < CHUNK ? bytes - done : CHUNK;
		kern_return_t kr = copyin(user + done, chunk, n);

		if (kr == KERN_SUCCESS)
			kr = vm_map_write_kernel(m->map, LINUX_FILE_MEMORY + offset + done, chunk, n);
		if (kr != KERN_SUCCESS)
			return done != 0 ? (int64_t)done : errno_of(kr);
		done += n;
		grow(m, offset + done);
	}
	return (int64_t)done;
}

/* Make [from, to) zero; pages that are zero already are not made. */
static kern_return_t clear(struct vm_map *map, uint64_t from, uint64_t to)
{
	static const uint8_t zeros[CHUNK];
	kern_return_t kr = KERN_SUCCESS;
	uint8_t chunk[CHUNK];

	while (from < to && kr == KERN_SUCCESS) {
		uint64_t n = CHUNK - from % CHUNK;

		n = n < to - from ? n : to - from;
		kr = vm_map_read_kernel(map, LINUX_FILE_MEMORY + from, chunk, n);
		if (kr == KERN_SUCCESS && memcmp(chunk, zeros, n) != 0)
			kr = vm_map_write_kernel(map, LINUX_FILE_MEMORY + from, zeros, n);
		from += n;
	}
	return kr;
}

static int64_t memory_truncate(struct linux_file *f, uint64_t size)
{
	struct memory_file *m = memory_file(f);
	uint64_t old = atomic_load(&m->size);
	kern_return_t kr = KERN_SUCCESS;

	if (size > LIMIT)
		return -LINUX_EFBIG;
	if (size < old)
		kr = clear(m->map, size, old); /* F1 */
	if (kr == KERN_SUCCESS)
		atomic_store(&m->size, size);
	return errno_of(kr);
}

static uint64_t memory_size(struct linux_file *f)
{
	return atomic_load(&memory_file(f)->size);
}

static void memory_stat(struct linux_file *f, struct linux_stat *st)
{
	struct memory_file *m = memory_file(f);

	st->mode = LINUX_S_IFREG | (m->archive != NULL ? 0555 : 0777);
	st->nlink = m->archive != NULL;
	st->ino = (uint64_t)(uintptr_t)(m->archive != NULL ? (const void *)m->archive : m) >> 2;
	st->size = (int64_t)atomic_load(&m->size);
	st->blksize = PAGE_SIZE;
	st->blocks = (st->size + 511) / 512;
}

static struct vm_map *memory_map(struct linux_file *f, bool *writable)
{
	*writable = (atomic_load(&f->flags) & LINUX_O_ACCMODE) == LINUX_O_RDWR;
	return map_of(memory_file(f));
}

static void memory_release(struct linux_file *f)
{
	struct memory_file *m = memory_file(f);

	if (m->map != NULL)
		vm_map_deallocate(m->map);
	kfree(m, sizeof(*m));
}

static const struct linux_file_ops memfd_ops = {
	.read = memory_read,
	.write = memory_write,
	.stat = memory_stat,
	.size = memory_size,
	.truncate = memory_truncate,
	.memory = memory_map,
	.release = memory_release,
};

static const struct linux_file_ops archive_ops = {
	.read = memory_read,
	.stat = memory_stat,
	.size = memory_size,
	.memory = memory_map,
	.release = memory_release,
};

static struct memory_file *file_create(const struct linux_file_ops *ops, uint32_t flags)
{
	struct memory_file *m = kalloc_zeroed(sizeof(*m));

	if (m == NULL)
		return NULL;
	linux_file_init(&m->file, ops, flags);
	mutex_init(&m->map_lock, "linux memory file");
	return m;
}

int64_t linux_memfd_create(struct linux_args *args)
{
	char name[NAME_MAX_BYTES + 1];
	struct memory_file *m;
	size_t length;
	kern_return_t kr = copyinstr(args->a[0], name, sizeof(name), &length);

	if (kr != KERN_SUCCESS)
		return kr == KERN_NO_SPACE ? -LINUX_EINVAL : -LINUX_EFAULT;
	if ((args->a[1] & ~(uint64_t)(MFD_CLOEXEC | MFD_ALLOW_SEALING)) != 0)
		return -LINUX_EINVAL;
	m = file_create(&memfd_ops, LINUX_O_RDWR);
	if (m == NULL)
		return -LINUX_ENOMEM;
	if (map_of(m) == NULL) {
		linux_file_put(&m->file);
		return -LINUX_ENOMEM;
	}
	return linux_descriptor_install(&m->file, (args->a[1] & MFD_CLOEXEC) != 0, 0);
}

/* A path as the archive has it: from the root, without "/" and "./" before it. */
static int64_t find(uint64_t user_path, struct archive_entry *entry)
{
	char path[PATH_MAX_BYTES];
	const char *name = path;
	size_t length;
	kern_return_t kr = copyinstr(user_path, path, sizeof(path), &length);

	if (kr != KERN_SUCCESS)
		return kr == KERN_NO_SPACE ? -LINUX_ENAMETOOLONG : -LINUX_EFAULT;
	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	if (*name == '\0' || boot_info.archive_bytes == 0 ||
	    archive_find(phys_to_virt(boot_info.archive_start), boot_info.archive_bytes, name, entry) != ARCHIVE_OK)
		return -LINUX_ENOENT;
	return 0;
}

static int64_t open_path(uint64_t path, uint64_t flags)
{
	struct archive_entry entry;
	struct memory_file *m;
	int64_t err = find(path, &entry);

	if (err == -LINUX_ENOENT && (flags & O_CREAT) != 0)
		return -LINUX_EROFS;
	if (err != 0)
		return err;
	if ((flags & LINUX_O_ACCMODE) != 0 || (flags & O_TRUNC) != 0)
		return -LINUX_EROFS;
	if ((flags & O_DIRECTORY) != 0)
		return -LINUX_ENOTDIR;
	m = file_create(&archive_ops, 0);
	if (m == NULL)
		return -LINUX_ENOMEM;
	m->archive = entry.data;
	atomic_store(&m->size, entry.size);
	return linux_descriptor_install(&m->file, (flags & LINUX_O_CLOEXEC) != 0, 0);
}

int64_t linux_open(struct linux_args *args)
{
	return open_path(args->a[0], args->a[1]);
}

/* There are no directories to begin from: a relative path begins at the root, whatever the descriptor. */
int64_t linux_openat(struct linux_args *args)
{
	return open_path(args->a[1], args->a[2]);
}

static int64_t stat_path(uint64_t path, uint64_t user)
{
	struct linux_stat st = { .mode = LINUX_S_IFREG | 0555, .nlink = 1, .blksize = PAGE_SIZE };
	struct archive_entry entry;
	int64_t err = find(path, &entry);

	if (err != 0)
		return err;
	st.ino = (uint64_t)(uintptr_t)entry.data >> 2;
	st.size = (int64_t)entry.size;
	st.blocks = (st.size + 511) / 512;
	return copyout(&st, user, sizeof(st)) == KERN_SUCCESS ? 0 : -LINUX_EFAULT;
}

int64_t linux_stat(struct linux_args *args)
{
	return stat_path(args->a[0], args->a[1]);
}

int64_t linux_newfstatat(struct linux_args *args)
{
	char first;

	if ((args->a[3] & AT_EMPTY_PATH) != 0 && copyin(args->a[1], &first, 1) == KERN_SUCCESS && first == '\0')
		return linux_fstat(&(struct linux_args){ { args->a[0], args->a[2] }, args->frame });
	return stat_path(args->a[1], args->a[2]);
}

/* access(2), faccessat(2): nothing in the archive may be written. */
static int64_t access_path(uint64_t path, uint64_t mode)
{
	const uint64_t W_OK = 2;
	struct archive_entry entry;
	int64_t err = find(path, &entry);

	return err == 0 && (mode & W_OK) != 0 ? -LINUX_EROFS : err;
}

int64_t linux_access(struct linux_args *args)
{
	return access_path(args->a[0], args->a[1]);
}

int64_t linux_faccessat(struct linux_args *args)
{
	return access_path(args->a[1], args->a[2]);
}
