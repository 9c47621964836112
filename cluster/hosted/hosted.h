/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hosted.h - a Linux process as a node: the Mach calls of <mach/mach.h>, without a kernel of ours.
 *
 * The same kernel/ipc and netipc that run in a node's kernel run here as a library, over the host's
 * doubles of threads and memory (tests/unit/host); a trap is a function call. The process has one
 * task. Its own names and messages work from the start; the cluster, after hosted_join().
 *
 * The library is two halves that do not see each other's names: the kernel's (machine.c,
 * nic_socket.c, task.c, entry.c, linked into one object that shows hosted_* only) and the program's
 * (traps.c and lib/mach). This header belongs to both.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How to reach the switch: what its `attach` answers. */
struct hosted_link {
	char local[108];           /* the socket that we bind and receive on */
	char remote[108];          /* where frames go */
	uint32_t address, netmask; /* IPv4, host byte order */
	uint32_t mtu;              /* bytes after the Ethernet header */
};

/*
 * Purpose: become a member of the cluster at link. Once.
 * Returns: NULL, or a sentence that says what is wrong.
 */
const char *hosted_join(const struct hosted_link *link);
/* Say goodbye to all, so that nobody waits for this node. */
void hosted_leave(void);

/* ---- the traps, for traps.c ---- */
uint32_t hosted_reply_port(void);
uint32_t hosted_thread_self(void);
uint32_t hosted_task_self(void);
uint32_t hosted_host_self(void);
int hosted_msg(void *msg, int option, uint32_t send_size, uint32_t rcv_size, uint32_t rcv_name,
	       uint32_t timeout, uint32_t notify, void *rcv_msg, uint32_t rcv_limit);
int hosted_port_allocate(uint32_t task, uint32_t right, uint32_t *name);
int hosted_port_deallocate(uint32_t task, uint32_t name);
int hosted_port_mod_refs(uint32_t task, uint32_t name, uint32_t right, int delta);
int hosted_port_move_member(uint32_t task, uint32_t member, uint32_t after);
int hosted_port_insert_right(uint32_t task, uint32_t name, uint32_t port, uint32_t disposition);
int hosted_port_insert_member(uint32_t task, uint32_t name, uint32_t set);
int hosted_port_extract_member(uint32_t task, uint32_t name, uint32_t set);
/* Free memory that came out of line. */
void hosted_vm_deallocate(uint64_t address, uint64_t size);
