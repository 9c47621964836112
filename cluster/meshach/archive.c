/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * archive.c - put files into a boot archive (cpio, "newc": the SVR4 format without checksums).
 *
 * A record is a head of 110 bytes in ASCII hexadecimal, the name with its NUL, padding to 4, the
 * bytes, padding to 4. The record named TRAILER!!! ends the archive: what is added goes before it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "meshach.h"

#define HEAD 110u
#define FIELD(n)                                                                                   \
	(6 + 8 * (n)) /* ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor         \
			 rdevminor namesize check */

static uint32_t field(const char *head, int n)
{
	char text[9] = {0};

	memcpy(text, head + FIELD(n), 8);
	return (uint32_t)strtoul(text, NULL, 16);
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* Where the trailer's record starts; size: not an archive. */
static size_t find_trailer(const char *bytes, size_t size)
{
	size_t at = 0;

	while (at + HEAD <= size && memcmp(bytes + at, "070701", 6) == 0) {
		size_t name = field(bytes + at, 11), length = field(bytes + at, 6);

		if (name == 11 && at + HEAD + name <= size &&
		    memcmp(bytes + at + HEAD, "TRAILER!!!", 11) == 0)
			return at;
		at += padded(HEAD + name) + padded(length);
	}
	return size;
}

static void put_record(FILE *out, const char *name, uint32_t mode, const char *bytes, size_t size)
{
	static const char zero[4];
	size_t head = HEAD + strlen(name) + 1;

	fprintf(out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0, mode, 0, 0, 1,
		0, (unsigned int)size, 0, 0, 0, 0, (unsigned int)strlen(name) + 1, 0);
	fwrite(name, strlen(name) + 1, 1, out);
	fwrite(zero, padded(head) - head, 1, out);
	if (size > 0)
		fwrite(bytes, size, 1, out);
	fwrite(zero, padded(size) - size, 1, out);
}

static const char *read_whole(const char *path, char **bytes, size_t *size)
{
	struct stat status;
	FILE *file = fopen(path, "re");
	const char *error = NULL;

	if (file == NULL)
		return strerror(errno);
	if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode))
		error = "not a plain file";
	else if ((*bytes = malloc((size_t)status.st_size + 1)) == NULL)
		error = "out of memory";
	else if ((*size = fread(*bytes, 1, (size_t)status.st_size, file)) != (size_t)status.st_size)
		error = "cannot be read whole";
	fclose(file);
	return error;
}

const char *archive_add(const char *from, const char *to, const char *const *files, uint32_t count,
			const char *start)
{
	static char error[PATH_BYTES * 2];
	char *bytes = NULL, *file = NULL;
	size_t size, length, trailer;
	const char *why = read_whole(from, &bytes, &size);
	FILE *out;

	if (why != NULL) {
		snprintf(error, sizeof error, "%s: %s", from, why);
		return error;
	}
	trailer = find_trailer(bytes, size);
	if (trailer == size) {
		snprintf(error, sizeof error, "%s: not a cpio (newc) archive", from);
		return error;
	}
	out = fopen(to, "we");
	if (out == NULL) {
		snprintf(error, sizeof error, "%s: %s", to, strerror(errno));
		return error;
	}
	fwrite(bytes, trailer, 1, out);
	for (uint32_t i = 0; i < count; i++) {
		const char *name = strrchr(files[i], '/');
		char path[PATH_BYTES];

		if ((why = read_whole(files[i], &file, &length)) != NULL) {
			snprintf(error, sizeof error, "%s: %s", files[i], why);
			fclose(out);
			return error;
		}
		snprintf(path, sizeof path, "programs/%s", name == NULL ? files[i] : name + 1);
		put_record(out, path, 0100755, file, length);
		free(file);
	}
	if (start != NULL)
		put_record(out, "etc/start.more", 0100644, start, strlen(start));
	put_record(out, "TRAILER!!!", 0, NULL, 0);
	free(bytes);
	return fclose(out) == 0 ? NULL
				: "the boot archive could not be written (is the disk full?)";
}
