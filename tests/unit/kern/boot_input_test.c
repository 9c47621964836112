/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: what a boot loader hands over is checked: the command line, the archive, ELF files. */
#include <host/test.h>

#include <base/elf.h>
#include <kern/archive.h>
#include <kern/options.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void BOOT0001_known_options_are_taken(void **state)
{
	assert_null(boot_options_parse("node.ip=10.77.0.3  node.mask=255.255.0.0\tinit=a/b exit=1 net.poll_us=0"));
	assert_int_equal(boot_options.node_ip, 0x0a4d0003);
	assert_int_equal(boot_options.node_mask, 0xffff0000);
	assert_string_equal(boot_options.init, "a/b");
	assert_true(boot_options.exit_when_done);
	assert_int_equal(boot_options.poll_us, 0);
	assert_null(boot_options_parse(""));
}

static void BOOT0002_a_bad_option_is_named(void **state)
{
	static const char *const bad[] = {
		"frobnicate", "node.ip=1.2.3", "node.ip=1.2.3.256", "node.ip=", "node.ip=1.2.3.4x", "init=", "exit=2",
		"net.mtu=9001", "net.mtu=100", "net.poll_us=-1", "pager.timeout_ms=0", "pager.timeout_ms=86400001", "fault.alloc=", "fault.alloc=x", "fault.alloc=1,0", "fault.alloc=1,x", "=", "console=com9", "cluster.key=abc", "cluster.key=zz",
		"loglevel=99999999999999999999",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[128];
		const char *wrong;

		snprintf(line, sizeof(line), "exit=0 %s init=x", bad[i]);
		wrong = boot_options_parse(line);
		assert_non_null(wrong);
		assert_string_equal(wrong, bad[i]);
	}
}

static void BOOT0003_an_overlong_word_is_refused(void **state)
{
	char line[600];

	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "init=", 5);
	assert_non_null(boot_options_parse(line));
}

static size_t put_entry(char *at, const char *name, const char *data, unsigned mode)
{
	size_t size = strlen(data), n;

	n = (size_t)sprintf(at, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, mode, 0, 0, 1, 0,
			    (unsigned)size, 0, 0, 0, 0, (unsigned)strlen(name) + 1, 0);
	strcpy(at + n, name);
	n += strlen(name) + 1;
	while (n % 4 != 0)
		at[n++] = '\0';
	memcpy(at + n, data, size);
	n += size;
	while (n % 4 != 0)
		at[n++] = '\0';
	return n;
}

static size_t make_archive(char *buf)
{
	size_t n = put_entry(buf, "servers", "", 0040755);

	n += put_entry(buf + n, "servers/bootstrap", "hello", 0100755);
	n += put_entry(buf + n, "empty", "", 0100644);
	return n + put_entry(buf + n, "TRAILER!!!", "", 0);
}

static void BOOT0004_files_of_an_archive_are_found(void **state)
{
	char buf[1024];
	size_t n = make_archive(buf);
	struct archive_entry e;

	assert_int_equal(archive_find(buf, n, "servers/bootstrap", &e), ARCHIVE_OK);
	assert_int_equal(e.size, 5);
	assert_memory_equal(e.data, "hello", 5);
	assert_int_equal(archive_find(buf, n, "empty", &e), ARCHIVE_OK);
	assert_int_equal(e.size, 0);
	assert_int_equal(archive_find(buf, n, "servers", &e), ARCHIVE_END);
	assert_int_equal(archive_find(buf, n, "nothing", &e), ARCHIVE_END);
}

static void BOOT0005_a_cut_or_changed_archive_is_broken_never_overrun(void **state)
{
	char buf[1024];
	size_t n = make_archive(buf);
	struct archive_entry e;

	for (size_t cut = 0; cut < n; cut++) {
		char *copy = malloc(cut + 1); /* its end is watched by ASan */
		enum archive_result r;

		memcpy(copy, buf, cut);
		r = archive_find(copy, cut, "nothing", &e);
		if (cut < n - 16)
			assert_int_equal(r, ARCHIVE_BROKEN);
		free(copy);
	}
	srand(1);
	for (int i = 0; i < 20000; i++) {
		char *copy = malloc(n);

		memcpy(copy, buf, n);
		for (int k = 0; k < 3; k++)
			copy[(size_t)rand() % n] = (char)("0123456789abcdefF\xff"[rand() % 18]);
		(void)archive_find(copy, n, "nothing", &e);
		free(copy);
	}
}

/* This very test program is an ELF file, dynamically linked. */
static void BOOT0006_elf_files_are_checked(void **state)
{
	FILE *f = fopen("/proc/self/exe", "rb");
	static uint8_t file[1 << 16];
	size_t n = fread(file, 1, sizeof(file), f);
	struct elf_image image;
	uint8_t small[512];

	fclose(f);
	assert_non_null(elf_parse(file, n, 1ull << 47, &image));
	assert_string_equal(elf_parse("#!/bin/sh", 9, 1ull << 47, &image), "not a 64-bit little-endian ELF file");
	/* A minimal one of our own, then with every byte changed. */
	memset(small, 0, sizeof(small));
	memcpy(small, file, 64);
	small[16] = 2; /* ET_EXEC */
	*(uint64_t *)(small + 32) = 64; /* phoff */
	*(uint16_t *)(small + 56) = 1;  /* phnum */
	*(uint32_t *)(small + 64) = 1;  /* PT_LOAD */
	*(uint32_t *)(small + 68) = 5;
	*(uint64_t *)(small + 80) = 0x400000;
	*(uint64_t *)(small + 96) = 512;
	*(uint64_t *)(small + 104) = 8192;
	assert_null(elf_parse(small, sizeof(small), 1ull << 47, &image));
	assert_int_equal(image.segment_count, 1);
	assert_int_equal(image.headers_address, 0x400040);
	assert_int_equal(image.end, 0x402000);
	assert_int_equal(image.segments[0].flags, ELF_READ | ELF_EXECUTE);
	for (size_t at = 0; at < 120; at++)
		for (int v = 0; v < 256; v++) {
			uint8_t *copy = malloc(sizeof(small));

			memcpy(copy, small, sizeof(small));
			copy[at] = (uint8_t)v;
			if (elf_parse(copy, sizeof(small), 1ull << 47, &image) == NULL)
				for (unsigned i = 0; i < image.segment_count; i++)
					assert_true(image.segments[i].file_offset + image.segments[i].file_size <=
						    sizeof(small));
			free(copy);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(BOOT0001_known_options_are_taken),
		cmocka_unit_test(BOOT0002_a_bad_option_is_named),
		cmocka_unit_test(BOOT0003_an_overlong_word_is_refused),
		cmocka_unit_test(BOOT0004_files_of_an_archive_are_found),
		cmocka_unit_test(BOOT0005_a_cut_or_changed_archive_is_broken_never_overrun),
		cmocka_unit_test(BOOT0006_elf_files_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
