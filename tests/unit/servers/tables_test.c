/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: the name server's table of names, and the bootstrap server's reading of its list of programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../servers/bootstrap/start_list.h"
#include "../../../servers/name/name_table.h"

static void names_are_found(void **state)
{
	struct name_table t = { 0 };
	char text[16];

	for (uint32_t i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "n%u", i * 7919u % 1000u);
		assert_true(name_table_add(&t, text, i + 1));
	}
	for (uint32_t i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "n%u", i * 7919u % 1000u);
		assert_int_equal(name_table_find(&t, text)->port, i + 1);
	}
	assert_null(name_table_find(&t, "n1000"));
	assert_null(name_table_find(&t, ""));
	for (uint32_t i = 1; i < t.count; i++)
		assert_true(strcmp(t.entries[i - 1].text, t.entries[i].text) < 0);
	while (t.count > 0)
		name_table_remove(&t, &t.entries[t.count / 2]);
	free(t.entries);
}

static void a_port_takes_its_names(void **state)
{
	struct name_table t = { 0 };

	assert_true(name_table_add(&t, "a", 1) && name_table_add(&t, "b", 2) && name_table_add(&t, "c", 1));
	assert_int_equal(name_table_remove_port(&t, 1), 2);
	assert_int_equal(t.count, 1);
	assert_non_null(name_table_find(&t, "b"));
	assert_int_equal(name_table_remove_port(&t, 1), 0);
	assert_int_equal(name_table_remove_port(&t, 2), 1);
	free(t.entries);
}

static void lists_go_on(void **state)
{
	struct name_table t = { 0 };
	char out[8];

	assert_true(name_table_add(&t, "one", 1) && name_table_add(&t, "two", 2) && name_table_add(&t, "three", 3));
	assert_int_equal(name_table_list(&t, "", out, 8), 4); /* "one", and "three" does not fit */
	assert_string_equal(out, "one");
	assert_int_equal(name_table_list(&t, "one", out, 8), 6);
	assert_string_equal(out, "three");
	assert_int_equal(name_table_list(&t, "three", out, 8), 4);
	assert_int_equal(name_table_list(&t, "two", out, 8), 0);
	assert_int_equal(name_table_list(&t, "p", out, 8), 6); /* a name that went meanwhile */
	while (t.count > 0)
		name_table_remove(&t, t.entries);
	free(t.entries);
}

static void start_lines(void **state)
{
	static const char text[] = "# nothing\n\n  first server servers/name\r\nall last a b  c # more\n17 once x";
	struct start_line line = { .number = 0 };
	size_t offset = 0;

	assert_int_equal(start_list_next(text, sizeof(text) - 1, &offset, &line), START_LINE);
	assert_true(line.first_only);
	assert_int_equal(line.how, START_SERVER);
	assert_int_equal(line.number, 3);
	assert_string_equal(line.argv[0], "servers/name");
	assert_null(line.argv[1]);
	assert_int_equal(start_list_next(text, sizeof(text) - 1, &offset, &line), START_LINE);
	assert_int_equal(line.how, START_LAST);
	assert_false(line.first_only);
	assert_int_equal(line.node, 0);
	assert_int_equal(line.argc, 3);
	assert_string_equal(line.argv[2], "c");
	assert_int_equal(start_list_next(text, sizeof(text) - 1, &offset, &line), START_LINE);
	assert_string_equal(line.argv[0], "x");
	assert_int_equal(line.node, 17);
	assert_int_equal(start_list_next(text, sizeof(text) - 1, &offset, &line), START_END);
}

static void bad_lines(void **state)
{
	static const char *const bad[] = { "all", "all server", "some server x", "all never x", "first", "x",
					    "0 once x", "3x once x", "-1 once x", "99999999999 once x" };
	char longer[3000];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct start_line line = { .number = 0 };
		size_t offset = 0;

		assert_int_equal(start_list_next(bad[i], strlen(bad[i]), &offset, &line), START_BAD);
		assert_int_equal(line.number, 1);
	}
	/* Any length stays in its store. */
	struct start_line line = { .number = 0 };
	size_t offset = 0;

	memset(longer, 'a', sizeof(longer));
	memcpy(longer, "all once ", 9);
	assert_int_equal(start_list_next(longer, sizeof(longer), &offset, &line), START_LINE);
	assert_true(line.used <= sizeof(line.store));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{ "SRV0001 names are found, in order", names_are_found, NULL, NULL, NULL },
		{ "SRV0002 a port's death takes its names", a_port_takes_its_names, NULL, NULL, NULL },
		{ "SRV0003 lists of names go on after a name", lists_go_on, NULL, NULL, NULL },
		{ "SRV0004 lines of programs are read", start_lines, NULL, NULL, NULL },
		{ "SRV0005 bad lines are told, long ones bounded", bad_lines, NULL, NULL, NULL },
	};

	return cmocka_run_group_tests_name("servers", tests, NULL, NULL);
}
