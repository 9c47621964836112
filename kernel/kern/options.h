/* SPDX-License-Identifier: BSD-2-Clause */
/* options.h - the boot command line, checked and taken apart. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct boot_options {
	uint32_t node_ip;        /* host byte order, 0: no network */
	uint32_t node_mask;
	char init[128];          /* the first program, a path in the archive */
	char test[64];           /* a kernel boot test, "" : none */
	char cluster_key[128];   /* hex, "" : hello and SENDs carry no MAC */
	uint32_t mtu;            /* 0: the device's */
	bool exit_when_done;     /* machine_exit(0) when the first task ends */
	uint32_t poll_us;        /* how long a blocking thread polls the NIC */
	uint32_t pager_timeout_ms; /* how long an access waits for a pager that does not say */
	uint32_t log_level;
	uint32_t fault_seed, fault_rate; /* kern/fault.h; rate 0: none */
	char fault_task[32];
	bool ipc_slow;           /* ipc.fast=0: no message goes the short way (mach_msg_fast.c), to compare */
	bool ddb;                /* the debugger may be entered from the console and by a panic */
	bool trace;              /* note events (ddb/trace.h); always so in the debug kernel */
};

extern struct boot_options boot_options;

/*
 * Parse boot_info.cmdline into boot_options. Returns NULL, or a sentence's object: the option that is
 * wrong (a pointer to a static buffer).
 */
const char *boot_options_parse(const char *cmdline);
