/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ddb.h - the kernel's own debugger on the serial console: looks at a stopped machine, and lets it go on.
 *
 * With the boot option ddb=1: entered by the keys Return ~ Ctrl-B (as FreeBSD's alternate break) and by a panic. All other
 * CPUs stand still meanwhile, wherever they were; so a command takes no lock and believes no pointer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct trap_frame;

/* At boot, when interrupts work: listen for the keys if the option is given. */
void ddb_init(void);
/* The other CPUs have been stopped for good by a panic: commands until `reboot`, or `continue`, which returns. */
void ddb_panic(void);
/* By a call: until `continue`. False: there is no debugger (ddb=0). Thread context, nothing locked. */
bool ddb_enter(void);

/* ---- between the files of ddb ---- */

/* A command's words after its name, as numbers or not. */
struct ddb_args {
	unsigned count;
	const char *word[4];
};

struct ddb_command {
	const char *name, *arguments, *what;
	void (*run)(const struct ddb_args *args);
};

/* Each ends with an entry without a name. */
extern const struct ddb_command ddb_task_commands[], ddb_ipc_commands[], ddb_vm_commands[], ddb_machine_commands[];

/* A number, hexadecimal with or without 0x; false: there is no such word or it is none. */
bool ddb_number(const struct ddb_args *args, unsigned which, uint64_t *value);
/* May bytes at p be read? Of kernel memory that is mapped. */
bool ddb_readable(const void *p, uint64_t bytes);
/* The same for an object, with a line that says that it is not. */
bool ddb_believe(const void *p, uint64_t bytes, const char *what);

/* Walks: while l is a link that can be read, not the head, and there were not too many. */
#define DDB_MANY 100000U
#define DDB_FOR_EACH(l, head)                                                                   \
	for (unsigned ddb_n_ = (l = (head)->next, 0);                                           \
	     l != (head) && ddb_n_ < DDB_MANY && ddb_readable(l, sizeof(*l)); l = l->next, ddb_n_++)
