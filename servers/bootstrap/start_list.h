/* SPDX-License-Identifier: BSD-2-Clause */
/* start_list.h - the list of programs to start (boot/image/start tells its form). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define START_ARGUMENTS_MAX 32
#define START_LINE_BYTES 1024
#define START_NODE_MAX 1000000u

enum start_how { START_SERVER, START_ONCE, START_LAST, START_CONTROL };
enum start_result { START_LINE, START_BAD, START_END };

struct start_line {
	uint32_t node;   /* only on this one; 0: on all */
	bool first_only; /* only on node 1, or without a network */
	enum start_how how;
	uint32_t number; /* of the line, from 1; 0 before the first call */
	uint32_t argc;
	const char *argv[START_ARGUMENTS_MAX]; /* in store; NULL at the end */
	size_t used;
	char store[START_LINE_BYTES];
};

/* The next line that says something. START_BAD: line->number is not of the form. */
enum start_result start_list_next(const char *text, size_t bytes, size_t *offset, struct start_line *line);
