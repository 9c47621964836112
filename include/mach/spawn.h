/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/spawn.h - start a program in a new task, by task_create, mach_vm_* and thread messages alone. The task port
 * may be another node's: then the program starts there.
 */
#pragma once

#include <mach/mach_types.h>
#include <stdbool.h>

struct mach_spawn {
	const void *image;      /* a static x86-64 ELF file in memory */
	uint64_t bytes;
	mach_port_t memory;      /* a memory object with the same bytes, to map text from; MACH_PORT_NULL: it is copied */
	const char *const *argv; /* NULL-terminated; argv[0] also names the task */
	const char *const *envp; /* NULL-terminated, or NULL */
	mach_port_t parent;      /* whose child it will be; MACH_PORT_NULL: this task */
	/* Send rights that the task gets copies of; MACH_PORT_NULL: what a child inherits. */
	mach_port_t stdio;       /* TASK_STDIO_PORT */
	mach_port_t exit;        /* TASK_EXIT_PORT; MACH_PORT_NULL: none */
	mach_port_t bootstrap;   /* TASK_BOOTSTRAP_PORT */
	mach_port_t host;        /* TASK_HOST_PORT */
	bool stopped;            /* suspended before its first instruction: task_resume() lets it begin */
};

/*
 * Start it. *task: a send right to the new task (may be NULL). *wrong (may be NULL): a sentence if the file cannot
 * be run, else NULL. On failure nothing is left behind.
 * Returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT (see *wrong); what the calls return.
 */
kern_return_t mach_spawn(const struct mach_spawn *what, mach_port_t *task, const char **wrong);
