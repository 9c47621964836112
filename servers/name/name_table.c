/* SPDX-License-Identifier: BSD-2-Clause */
/* name_table.c - a sorted array of names; see name_table.h. */
#include "name_table.h"

#include <stdlib.h>
#include <string.h>

/* The index of the first entry that is not before text. */
static uint32_t lower_bound(const struct name_table *t, const char *text)
{
	uint32_t low = 0, high = t->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (strcmp(t->entries[middle].text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct name_entry *name_table_find(const struct name_table *t, const char *text)
{
	uint32_t i = lower_bound(t, text);

	return i < t->count && strcmp(t->entries[i].text, text) == 0 ? &t->entries[i] : NULL;
}

static bool grow(struct name_table *t)
{
	uint32_t room = t->room == 0 ? 64 : t->room * 2;
	struct name_entry *entries;

	if (t->count < t->room)
		return true;
	if (t->count >= NAME_TABLE_MAX)
		return false;
	entries = realloc(t->entries, room * sizeof(*entries));
	if (entries == NULL)
		return false;
	t->entries = entries;
	t->room = room;
	return true;
}

bool name_table_add(struct name_table *t, const char *text, uint32_t port)
{
	uint32_t i = lower_bound(t, text);
	char *copy;

	if (!grow(t))
		return false;
	copy = strdup(text);
	if (copy == NULL)
		return false;
	memmove(&t->entries[i + 1], &t->entries[i], (t->count - i) * sizeof(t->entries[0]));
	t->entries[i] = (struct name_entry){ copy, port };
	t->count++;
	return true;
}

void name_table_remove(struct name_table *t, struct name_entry *entry)
{
	uint32_t i = (uint32_t)(entry - t->entries);

	free(entry->text);
	t->count--;
	memmove(&t->entries[i], &t->entries[i + 1], (t->count - i) * sizeof(t->entries[0]));
}

uint32_t name_table_remove_port(struct name_table *t, uint32_t port)
{
	uint32_t kept = 0, removed;

	for (uint32_t i = 0; i < t->count; i++) {
		if (t->entries[i].port == port)
			free(t->entries[i].text);
		else
			t->entries[kept++] = t->entries[i];
	}
	removed = t->count - kept;
	t->count = kept;
	return removed;
}

uint32_t name_table_list(const struct name_table *t, const char *after, char *out, uint32_t room)
{
	uint32_t i = lower_bound(t, after), used = 0;

	if (i < t->count && strcmp(t->entries[i].text, after) == 0)
		i++;
	for (; i < t->count; i++) {
		uint32_t bytes = (uint32_t)strlen(t->entries[i].text) + 1;

		if (bytes > room - used)
			break;
		memcpy(out + used, t->entries[i].text, bytes);
		used += bytes;
	}
	return used;
}
