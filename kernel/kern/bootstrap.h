/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bootstrap.h - the first task, the only one that the kernel loads.
 *
 * It is the program boot_options.init of the boot archive. It finds, on its stack as any Linux program does, argv
 * = { its path }, the auxiliary vector, and the environment:
 *   MESHACH_ARCHIVE=0xADDRESS,BYTES   the whole archive, mapped read-only
 *   MESHACH_NODE=a.b.c.d              the node's address, if it has one
 *   MESHACH_CMDLINE=...               the kernel command line
 * Its host port (task special port) is the host control port, which gives what only the first task may do.
 */
#pragma once

/* Load and start it. A missing or broken archive or program stops the boot with a sentence. */
void bootstrap_start(void);
