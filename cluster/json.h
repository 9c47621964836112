/* SPDX-License-Identifier: BSD-2-Clause */
/* json.h - write JSON to a stream, and read one field of a flat line of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A string with its quotes; bytes that JSON forbids are escaped. */
void json_string(FILE *out, const char *text);

/*
 * Purpose: find "name": in text and read its value. For the answers of our own programs, whose
 * names are not nested. Returns: false if it is not there or of another type.
 */
bool json_get_number(const char *text, const char *name, int64_t *value);
bool json_get_string(const char *text, const char *name, char *value, size_t size);
