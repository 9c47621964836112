/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_pset.h - the port set: ports whose messages one receive takes, in turn.
 *
 * A port may be in several sets; a link stands for one membership. A set knows its member ports that
 * may have messages (ips_ready), in the order in which they are to be served; a port goes
 * to the end of it after each message taken.
 *
 * Invariants: S1 a link of an active set whose port has messages is on ips_ready;
 *   S2 a link on ips_ready whose port has none is taken off by the next receiver that looks.
 * Lock key: [p] port lock, [s] set lock, [I] immutable. Order: port -> set.
 */
#pragma once

#include <base/list.h>
#include <ipc/ipc_object.h>
#include <kern/poll.h>
#include <mach/kern_return.h>
#include <mach/port.h>
#include <sched/wait.h>

struct ipc_port;

/* The most sets that a port is in: its first message, its death and each change go through all of them under its lock. */
#define IP_PSETS_MAX 256u

struct ipc_pset {
	struct ipc_object ips_object;
	mach_port_name_t ips_name;  /* [I] in its space */
	struct waitq ips_receivers; /* [s] */
	struct list ips_members;    /* [s] of ipc_pset_link.set_link */
	uint32_t ips_count;         /* [s] of them */
	struct list ips_ready;      /* [s] of ipc_pset_link.ready_link */
	struct poll_source ips_poll; /* [s] fires when a message is queued, a member leaves, the set dies */
};

struct ipc_pset_link {
	struct ipc_port *port;  /* [I] not referenced: a dying port leaves its sets */
	struct ipc_pset *pset;  /* [I] not referenced: a dying set drops its members */
	struct list port_link;  /* [p] */
	struct list set_link;   /* [s] */
	struct list ready_link; /* [s] */
};

static inline void ips_lock(struct ipc_pset *pset)
{
	spin_lock(&pset->ips_object.io_lock);
}

static inline void ips_unlock(struct ipc_pset *pset)
{
	spin_unlock(&pset->ips_object.io_lock);
}

static inline bool ips_active(const struct ipc_pset *pset)
{
	return pset->ips_object.io_active;
}

static inline void ips_reference(struct ipc_pset *pset)
{
	io_reference(&pset->ips_object);
}

static inline void ips_release(struct ipc_pset *pset)
{
	io_release(&pset->ips_object);
}

void ipc_pset_init_zones(void);
/* A set with one reference, unlocked; NULL without memory. */
struct ipc_pset *ipc_pset_alloc(mach_port_name_t name);
/*
 * Purpose: add port, locked and active with a receiver, to pset. The port stays locked.
 * Returns: KERN_SUCCESS, KERN_ALREADY_IN_SET, KERN_NO_SPACE (IP_PSETS_MAX), KERN_RESOURCE_SHORTAGE, KERN_INVALID_RIGHT (the
 *   set is dead).
 */
kern_return_t ipc_pset_add(struct ipc_pset *pset, struct ipc_port *port);
/*
 * Purpose: make pset the one set that port is in (NULL: in none). port: as for ipc_pset_add.
 * Returns: KERN_SUCCESS, KERN_NOT_IN_SET (pset is NULL), KERN_RESOURCE_SHORTAGE, KERN_INVALID_RIGHT; nothing done then.
 */
kern_return_t ipc_pset_move(struct ipc_pset *pset, struct ipc_port *port);
/* Port locked. KERN_NOT_IN_SET. */
kern_return_t ipc_pset_remove(struct ipc_pset *pset, struct ipc_port *port);
/* The membership of port, locked, in pset; NULL. */
struct ipc_pset_link *ipc_pset_find_link(struct ipc_pset *pset, struct ipc_port *port);
/* From all of its sets but keep (may be NULL); returns from how many. Port locked. */
unsigned ipc_pset_remove_from_all(struct ipc_port *port, struct ipc_pset *keep);
/* The set dies: members leave, receivers get MACH_RCV_PORT_DIED. Nothing locked; consumes a reference. */
void ipc_pset_destroy(struct ipc_pset *pset);
/* Has a member a message waiting? Nothing locked. */
bool ipc_pset_has_message(struct ipc_pset *pset);
/* Up to max members' receiver names; returns how many there are. Set locked. */
unsigned ipc_pset_members(struct ipc_pset *pset, mach_port_name_t *names, unsigned max);
