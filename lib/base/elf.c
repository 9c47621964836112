/* SPDX-License-Identifier: BSD-2-Clause */
/* elf.c - checks an ELF file before anything of it is used; see elf.h. Pure. */
#include <base/elf.h>
#include <base/string.h>

struct elf64_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf64_program_header {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct elf64_header) == 64, "ELF header");
_Static_assert(sizeof(struct elf64_program_header) == 56, "program header");

enum { PT_LOAD = 1, PT_INTERP = 3, PT_PHDR = 6 };
enum { ET_EXEC = 2, ET_DYN = 3, EM_X86_64 = 62 };

static const char *check_header(const struct elf64_header *h, uint64_t bytes)
{
	static const uint8_t magic[6] = { 0x7f, 'E', 'L', 'F', 2 /* 64 bit */, 1 /* little-endian */ };

	if (bytes < sizeof(*h) || memcmp(h->ident, magic, sizeof(magic)) != 0)
		return "not a 64-bit little-endian ELF file";
	if (h->machine != EM_X86_64)
		return "not for x86-64";
	if (h->type != ET_EXEC && h->type != ET_DYN)
		return "not an executable";
	if (h->phentsize != sizeof(struct elf64_program_header) || h->phnum == 0)
		return "it has no program headers";
	if (h->phoff > bytes || bytes - h->phoff < (uint64_t)h->phnum * h->phentsize)
		return "its program headers lie outside the file";
	return NULL;
}

static const char *add_segment(struct elf_image *image, const struct elf64_program_header *p, uint64_t bytes,
			       uint64_t limit)
{
	struct elf_segment *s;

	if (p->memsz == 0)
		return NULL;
	if (image->segment_count == ELF_SEGMENTS_MAX)
		return "it has too many segments";
	if (p->filesz > p->memsz || p->offset > bytes || bytes - p->offset < p->filesz)
		return "a segment lies outside the file";
	if (p->vaddr > limit || limit - p->vaddr < p->memsz)
		return "a segment lies outside user memory";
	if (image->segment_count != 0 && p->vaddr < image->end)
		return "its segments overlap";
	s = &image->segments[image->segment_count++];
	s->address = p->vaddr;
	s->memory_size = p->memsz;
	s->file_offset = p->offset;
	s->file_size = p->filesz;
	s->flags = p->flags & (ELF_EXECUTE | ELF_WRITE | ELF_READ);
	image->end = p->vaddr + p->memsz;
	return NULL;
}

const char *elf_parse(const void *file, uint64_t bytes, uint64_t address_limit, struct elf_image *image)
{
	struct elf64_header h;
	const char *wrong;

	memset(image, 0, sizeof(*image));
	if (bytes < sizeof(h))
		return "not a 64-bit little-endian ELF file";
	memcpy(&h, file, sizeof(h));
	wrong = check_header(&h, bytes);
	if (wrong != NULL)
		return wrong;
	image->entry = h.entry;
	image->header_count = h.phnum;
	image->header_size = h.phentsize;
	image->relocatable = h.type == ET_DYN;
	for (uint16_t i = 0; i < h.phnum; i++) {
		struct elf64_program_header p;

		memcpy(&p, (const uint8_t *)file + h.phoff + (uint64_t)i * sizeof(p), sizeof(p));
		if (p.type == PT_INTERP)
			return "it is dynamically linked; link it with -static";
		if (p.type != PT_LOAD)
			continue;
		wrong = add_segment(image, &p, bytes, address_limit);
		if (wrong != NULL)
			return wrong;
		if (h.phoff >= p.offset && h.phoff - p.offset < p.filesz)
			image->headers_address = p.vaddr + (h.phoff - p.offset);
	}
	if (image->segment_count == 0)
		return "it has no loadable segment";
	return NULL;
}
