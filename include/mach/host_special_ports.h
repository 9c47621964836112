/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/host_special_ports.h - the ports that a node's kernel keeps for all its tasks. */
#pragma once

#define HOST_SECURITY_PORT 0 /* says who tasks are (mach/host_security.defs) */
#define HOST_PORT 1
#define HOST_PRIV_PORT 2
#define HOST_IO_MASTER_PORT 3
#define HOST_MAX_SPECIAL_KERNEL_PORT 7 /* the kernel's own; they cannot be set */

#define HOST_NAME_SERVER_PORT 8 /* ours: the cluster's; learned from the other nodes when they meet */
#define HOST_RUNNER_PORT 9      /* ours: this node's runner of programs */
#define HOST_MAX_SPECIAL_PORT 15
#define HOST_LOCAL_NODE (-1)

/* host_reboot() */
#define HOST_REBOOT_HALT 0x8
#define HOST_REBOOT_UPSDELAY 0x100  /* with HALT; nothing delays here */
#define HOST_REBOOT_DEBUGGER 0x1000 /* do not end: enter the kernel's debugger */
