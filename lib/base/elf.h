/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf.h - a checked view of a static x86-64 ELF executable in memory: what a loader needs, shared by the kernel
 * (first task) and the loader over messages (all others).
 *
 * References: System V ABI, chapter 4 and 5; AMD64 psABI.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 16

enum elf_flags { ELF_EXECUTE = 1, ELF_WRITE = 2, ELF_READ = 4 };

struct elf_segment {
	uint64_t address;     /* virtual, of its first byte */
	uint64_t memory_size; /* bytes, zeros after file_size */
	uint64_t file_offset;
	uint64_t file_size;
	uint32_t flags;       /* enum elf_flags */
};

struct elf_image {
	uint64_t entry;
	uint64_t headers_address; /* where the program headers are in memory (AT_PHDR), 0: nowhere */
	uint16_t header_count;    /* AT_PHNUM */
	uint16_t header_size;     /* AT_PHENT */
	bool relocatable;         /* ET_DYN (static-pie): addresses are relative to a base */
	uint64_t end;             /* past the last byte in memory: where the heap may begin */
	uint32_t segment_count;
	struct elf_segment segments[ELF_SEGMENTS_MAX]; /* in the file's order, not overlapping, page by page apart or not */
};

/*
 * Check the file and fill *image. Every offset and size lies in the file and every address below address_limit.
 * Returns NULL, or a sentence that says what is wrong with the file.
 */
const char *elf_parse(const void *file, uint64_t bytes, uint64_t address_limit, struct elf_image *image);
