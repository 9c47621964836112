/* SPDX-License-Identifier: BSD-2-Clause */
/* archive.h - the boot archive, a cpio file in "newc" form (cpio(5)): reading it in memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum archive_result { ARCHIVE_OK, ARCHIVE_END, ARCHIVE_BROKEN };

struct archive_entry {
	const char *name;    /* in the archive, NUL-terminated */
	const uint8_t *data;
	uint64_t size;       /* bytes */
	uint32_t mode;
};

/*
 * Read the entry at *offset and move *offset behind it. ARCHIVE_END at the trailer; ARCHIVE_BROKEN when
 * a header or a length does not fit in bytes.
 */
enum archive_result archive_next(const void *archive, uint64_t bytes, uint64_t *offset,
				 struct archive_entry *entry);
/* Find a regular file. */
enum archive_result archive_find(const void *archive, uint64_t bytes, const char *name,
				 struct archive_entry *entry);
