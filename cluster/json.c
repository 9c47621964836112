/* SPDX-License-Identifier: BSD-2-Clause */
/* json.c - write JSON to a stream, and read one field of a flat line of it. Interface: json.h. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

void json_string(FILE *out, const char *text)
{
	putc('"', out);
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p == '\n')
			fputs("\\n", out);
		else if (*p < 0x20 || *p >= 0x7f)
			fprintf(out, "\\u%04x", *p);
		else
			putc(*p, out);
	}
	putc('"', out);
}

/* The first byte of a value, NULL: no such name. */
static const char *find_value(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = strchr(text, '"'); at != NULL; at = strchr(at + 1, '"')) {
		if (strncmp(at + 1, name, length) != 0 || at[1 + length] != '"')
			continue;
		at += length + 2;
		at += strspn(at, " ");
		if (*at == ':')
			return at + 1 + strspn(at + 1, " ");
	}
	return NULL;
}

bool json_get_number(const char *text, const char *name, int64_t *value)
{
	const char *at = find_value(text, name);
	char *end;

	if (at == NULL)
		return false;
	*value = strtoll(at, &end, 10);
	return end != at;
}

bool json_get_string(const char *text, const char *name, char *value, size_t size)
{
	const char *at = find_value(text, name);
	size_t n = 0;

	if (at == NULL || *at++ != '"')
		return false;
	for (; *at != '"' && *at != '\0'; at++) {
		unsigned int code;

		if (n + 1 >= size)
			return false;
		if (*at != '\\') {
			value[n++] = *at;
		} else if (at[1] == 'u' && sscanf(at + 2, "%4x", &code) == 1) {
			value[n++] = (char)code;
			at += 5;
		} else if (at[1] != '\0') {
			at++;
			value[n++] = *at == 'n' ? '\n' : *at;
		}
	}
	value[n] = '\0';
	return *at == '"';
}
