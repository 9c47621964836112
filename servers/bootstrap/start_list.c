/* SPDX-License-Identifier: BSD-2-Clause */
/* start_list.c - reads etc/start: one line at a time, words apart by blanks. */
#include "start_list.h"

#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of [*at, end), copied to the store; NULL at the end of the line or when the store is full. */
static const char *next_word(const char **at, const char *end, struct start_line *line)
{
	char *word = line->store + line->used;
	const char *p = *at;
	size_t n = 0;

	while (p < end && is_blank(*p))
		p++;
	while (p < end && !is_blank(*p) && line->used + n + 1 < sizeof(line->store))
		word[n++] = *p++;
	*at = p;
	if (n == 0)
		return NULL;
	word[n] = '\0';
	line->used += n + 1;
	return word;
}

static bool choose(const char *word, const char *const *names, uint32_t count, uint32_t *chosen)
{
	for (uint32_t i = 0; word != NULL && i < count; i++) {
		if (strcmp(word, names[i]) == 0) {
			*chosen = i;
			return true;
		}
	}
	return false;
}

/* all, first, or the number of a node. */
static bool choose_where(const char *word, struct start_line *line)
{
	static const char *const wheres[] = { "all", "first" };
	uint32_t which = 0;

	line->node = 0;
	line->first_only = false;
	if (word == NULL)
		return false;
	if (choose(word, wheres, 2, &which)) {
		line->first_only = which == 1;
		return true;
	}
	for (; *word >= '0' && *word <= '9' && line->node < START_NODE_MAX; word++)
		line->node = line->node * 10 + (uint32_t)(*word - '0');
	return *word == '\0' && line->node != 0 && line->node <= START_NODE_MAX;
}

/* A line's words; false: it is not of the form. */
static bool parse_line(const char *at, const char *end, struct start_line *line)
{
	static const char *const hows[] = { "server", "once", "last", "control" };
	uint32_t how;

	line->used = 0;
	line->argc = 0;
	if (!choose_where(next_word(&at, end, line), line) || !choose(next_word(&at, end, line), hows, 4, &how))
		return false;
	line->how = (enum start_how)how;
	while (line->argc + 1 < START_ARGUMENTS_MAX) {
		const char *word = next_word(&at, end, line);

		if (word == NULL)
			break;
		line->argv[line->argc++] = word;
	}
	line->argv[line->argc] = NULL;
	return line->argc > 0;
}

enum start_result start_list_next(const char *text, size_t bytes, size_t *offset, struct start_line *line)
{
	while (*offset < bytes) {
		const char *at = text + *offset, *end = memchr(at, '\n', bytes - *offset), *hash;

		if (end == NULL)
			end = text + bytes;
		*offset = (size_t)(end - text) + 1;
		line->number++;
		hash = memchr(at, '#', (size_t)(end - at));
		if (hash != NULL)
			end = hash;
		while (at < end && is_blank(*at))
			at++;
		if (at == end)
			continue;
		return parse_line(at, end, line) ? START_LINE : START_BAD;
	}
	return START_END;
}
