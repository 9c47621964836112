/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link_dgram.h - a Linux process on the cluster's fabric: a RoCE engine over a unix datagram socket,
 * one Ethernet frame a datagram, as QEMU's `-netdev dgram` and our switch speak it.
 *
 * Interface: link_dgram_open() makes socket and engine; then, in the caller's loop, wait until the
 * socket is readable or the deadline passed (link_dgram_wait() does that for a simple caller), call
 * link_dgram_step(), fetch the provider's events.
 * Invariants:
 *  K1 a peer that is not there, or not yet, is a cable that is not plugged in: frames are lost.
 *  K2 when the peer's socket is full the engine is told so, and goes on when there is room.
 * Locking: none; one thread.
 */
#pragma once

#include <poll.h>

#include "roce/roce.h"

struct link_dgram;

/*
 * Purpose: bind local (a path; what lies there is removed) and send to peer (a path).
 * config: all but output, output_ctx and, if both are 0, random (taken from the system).
 * Returns: the link, or NULL and *error, a sentence.
 */
struct link_dgram *link_dgram_open(const char *local, const char *peer,
				   const struct roce_config *config, const char **error);
void link_dgram_close(struct link_dgram *link);
struct roce *link_dgram_roce(struct link_dgram *link);

/* CLOCK_MONOTONIC, ns: the now_ns of all calls on the link's provider. */
uint64_t link_dgram_now(void);
/* Take in what came, send what is due. Returns when the next step is due (UINT64_MAX: not by itself). */
uint64_t link_dgram_step(struct link_dgram *link);
/* What to wait for: fills in one or two entries, returns how many. */
int link_dgram_poll(struct link_dgram *link, struct pollfd fds[2]);
/* Wait until something may be done, at most until `until` (as link_dgram_now()), and step. */
void link_dgram_wait(struct link_dgram *link, uint64_t until);
