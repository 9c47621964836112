/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * meshach.h - the `meshach` command: what its files share.
 *
 * A cluster is a state directory: logs, sockets, the boot files. One process, the supervisor, owns
 * the cluster's children (switch, virtual machines): it starts them, waits for them and ends them
 * by process id, and they die with it. Every other command is a client of the supervisor's or the
 * switch's control socket: a line of words, answered by a line of JSON.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define MAX_NODES 64u
#define MAX_ADDS 64u
#define PATH_BYTES 512u
#define ANSWER_BYTES (1u << 18)
#define LAST_LINES 12u /* of a node's log, shown when it did not boot */

/* What the node's log says when it is up: its runner is known to the cluster's name server. */
#define READY_TEXT "runner: ready"

struct options {
	char directory[PATH_BYTES]; /* the cluster's state */
	char image[PATH_BYTES];     /* where the kernel, the archive and the switch are */
	uint32_t nodes, cpus, memory, gdb;
	uint32_t swap;    /* MiB of disk that each node pages to; 0: none */
	uint32_t lender, lent; /* the node whose memory the others page to, and how many MiB of it; 0: none */
	uint32_t timeout; /* seconds for the nodes to come up */
	const char *fabric, *accel, *append;
	const char *adds[MAX_ADDS];
	uint32_t add_count;
	uint32_t on; /* run: the node */
	bool json, foreground;
	char **rest; /* words after the options */
	int rest_count;
};

/* main.c: print "meshach: ..." on one line; die ends with status 1. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* state.c */
/* Write directory/name into path; dies if it is too long. */
const char *state_path(const struct options *o, char path[PATH_BYTES], const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void default_directory(char path[PATH_BYTES]);
/* Connect to a socket of the state directory; -1: nobody listens. */
int control_connect(const struct options *o, const char *name);
/* Send a line, read the answer's line. False: the other side is gone. */
bool control_ask(int fd, const char *line, char *answer, size_t size);
/* As a client command does: connect, ask, and die with a sentence if there is no cluster or it
 * answers an error. */
void ask(const struct options *o, const char *name, const char *line, char *answer, size_t size);
/* Print the last lines of a file to err, each indented; returns false if it has none. */
bool print_last_lines(const char *path, unsigned int lines, FILE *err);

/* archive.c: copy a newc archive and put files into it, under programs/NAME, and more lines for the
 * start list, or NULL. NULL, or what is wrong. */
const char *archive_add(const char *from, const char *to, const char *const *files, uint32_t count,
			const char *start);

/* qemu.c */
struct acceleration {
	char name[8]; /* kvm or tcg */
	char why[200];
};
void choose_acceleration(const struct options *o, struct acceleration *chosen);
bool have_program(const char *name);
/* Replace this process by node's virtual machine. */
_Noreturn void exec_node(const struct options *o, const char *accel, uint32_t node);

/* supervisor.c: never returns; writes "\n" to ready_fd when it listens, or a sentence that says why
 * not. */
_Noreturn void supervise(const struct options *o, const struct acceleration *acceleration,
			 int ready_fd);

/* The commands; each returns the exit status. */
int command_up(const struct options *o);
int command_status(const struct options *o);
int command_down(const struct options *o);
int command_console(const struct options *o);
int command_capture(const struct options *o);
int command_fault(const struct options *o);
int command_link(const struct options *o);
int command_kill(const struct options *o);
int command_start(const struct options *o);
int command_run(const struct options *o);
int command_bench(const struct options *o);
