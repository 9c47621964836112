/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * archive.c - cpio newc: a 110-byte header of hexadecimal fields, the name, the data, each padded to 4.
 *
 * Portable; every length is checked against the archive's end. Reference: cpio(5), "New ASCII Format".
 */
#include <base/string.h>
#include <kern/archive.h>
#include <stdbool.h>

#define NEWC_HEADER 110u
#define NEWC_FIELD(i) (6u + 8u * (i)) /* after the magic */
enum { FIELD_MODE = 1, FIELD_FILESIZE = 6, FIELD_NAMESIZE = 11 };
#define S_IFMT 0170000u
#define S_IFREG 0100000u

static bool hex8(const uint8_t *s, uint32_t *out)
{
	uint32_t v = 0;

	for (int i = 0; i < 8; i++) {
		uint8_t c = s[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint32_t)(c - 'A' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

static uint64_t pad4(uint64_t n)
{
	return (n + 3) & ~3ULL;
}

enum archive_result archive_next(const void *archive, uint64_t bytes, uint64_t *offset,
				 struct archive_entry *entry)
{
	const uint8_t *p = (const uint8_t *)archive + *offset;
	uint64_t left = bytes - *offset;
	uint32_t mode, size, name_size;
	uint64_t data_at;

	if (*offset > bytes || left < NEWC_HEADER ||
	    (memcmp(p, "070701", 6) != 0 && memcmp(p, "070702", 6) != 0))
		return ARCHIVE_BROKEN;
	if (!hex8(p + NEWC_FIELD(FIELD_MODE), &mode) || !hex8(p + NEWC_FIELD(FIELD_FILESIZE), &size) ||
	    !hex8(p + NEWC_FIELD(FIELD_NAMESIZE), &name_size))
		return ARCHIVE_BROKEN;
	data_at = pad4(NEWC_HEADER + (uint64_t)name_size);
	if (name_size == 0 || NEWC_HEADER + (uint64_t)name_size > left || data_at + size > left ||
	    p[NEWC_HEADER + name_size - 1] != '\0')
		return ARCHIVE_BROKEN;
	entry->name = (const char *)p + NEWC_HEADER;
	entry->data = p + data_at;
	entry->size = size;
	entry->mode = mode;
	if (strcmp(entry->name, "TRAILER!!!") == 0)
		return ARCHIVE_END;
	*offset += pad4(data_at + size);
	return ARCHIVE_OK;
}

enum archive_result archive_find(const void *archive, uint64_t bytes, const char *name,
				 struct archive_entry *entry)
{
	uint64_t offset = 0;

	for (;;) {
		enum archive_result r = archive_next(archive, bytes, &offset, entry);

		if (r != ARCHIVE_OK)
			return r;
		if ((entry->mode & S_IFMT) == S_IFREG && strcmp(entry->name, name) == 0)
			return ARCHIVE_OK;
	}
}
