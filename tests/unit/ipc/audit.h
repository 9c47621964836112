/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit.h - recount every right and reference from what spaces, queues and requests hold, and compare with
 * what the ports say. Only while no other thread runs in ipc.
 */
#pragma once

struct task;

/* Ends the program with a sentence if a count is wrong. tasks: all that exist. */
void ipc_audit(struct task *const *tasks, unsigned count);
