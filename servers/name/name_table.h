/* SPDX-License-Identifier: BSD-2-Clause */
/* name_table.h - names and their ports, in order of the names. It does not know what a port is. */
#pragma once

#include <servers/limits.h>
#include <stdbool.h>
#include <stdint.h>

#define NAME_TABLE_MAX 65536u

struct name_entry {
	char *text;
	uint32_t port;
};

struct name_table {
	struct name_entry *entries; /* sorted by text */
	uint32_t count, room;
};

/* The entry of text, or NULL. */
struct name_entry *name_table_find(const struct name_table *t, const char *text);
/* Add; false: no memory, or the table is full. The text must not be there. */
bool name_table_add(struct name_table *t, const char *text, uint32_t port);
void name_table_remove(struct name_table *t, struct name_entry *entry);
/* Remove all entries of port; returns how many there were. */
uint32_t name_table_remove_port(struct name_table *t, uint32_t port);
/* Write the names that come after `after`, each with its NUL, as many as fit in room; returns bytes. */
uint32_t name_table_list(const struct name_table *t, const char *after, char *out, uint32_t room);
