/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_pager.h - the other end of vm_pager_port.h on the host: pagers whose messages a test sees and answers, in the thread that sent
 * them or later; no ports are there.
 */
#pragma once

#include <mach/vm_prot.h>
#include <stdbool.h>
#include <stdint.h>

struct vm_map_copy;
struct vm_object;

enum fake_kind { PAGER_INIT, PAGER_REQUEST, PAGER_UNLOCK, PAGER_RETURN, PAGER_INITIALIZE, PAGER_SYNCHRONIZE, PAGER_COPY, PAGER_CREATE, PAGER_DISCARD,
		 PAGER_DESTROYED, PAGER_TERMINATE };

struct fake_message {
	enum fake_kind kind;
	uint64_t offset, length;
	vm_prot_t access;
	bool dirty, kernel_copy;
	uint64_t word;       /* PAGER_RETURN: the first of the data */
	struct ipc_port *copy; /* PAGER_COPY: the copy's pager */
};

/* A pager's port is one of these. */
struct ipc_port {
	struct fake_message log[512];
	unsigned count;
	bool dead;
	unsigned objects;            /* that have it for their pager */
	struct vm_object *control;   /* the latest object, while its control port works; not referenced */
	/* Called for each message, in the sender's thread, nothing locked; NULL: nobody answers. */
	void (*hear)(struct ipc_port *pager, const struct fake_message *m);
	uint64_t words;              /* what the handlers below supply: words + the page's number; unless it stores */
	bool hold;                   /* what comes back is kept, as by a pager that does not get to it, until fake_pager_let_go */
	struct vm_map_copy *held[256];
	unsigned held_count;
	uint64_t *store;             /* NULL, or the first word of each page that came back, which it supplies */
};

struct ipc_port *fake_pager_new(void (*hear)(struct ipc_port *, const struct fake_message *));
void fake_pager_free(struct ipc_port *pager);
/* Its port dies. */
void fake_pager_die(struct ipc_port *pager);
void fake_pager_let_go(struct ipc_port *pager);
/* How many messages of a kind it got; the last of them. */
unsigned fake_pager_count(const struct ipc_port *pager, enum fake_kind kind);
const struct fake_message *fake_pager_last(const struct ipc_port *pager, enum fake_kind kind);
/* memory_object_data_supply of [offset, offset+length) with the pager's words; the result. */
kern_return_t fake_pager_supply(struct ipc_port *pager, uint64_t offset, uint64_t length, vm_prot_t lock, bool precious);
/* A handler: ready at once, supplies what is asked, unlocks, confirms syncs. */
void fake_pager_good(struct ipc_port *pager, const struct fake_message *m);
/* The attributes: ready. */
void fake_pager_ready(struct ipc_port *pager, uint8_t strategy, uint32_t cluster, bool may_cache);
/* Who memory_object_create goes to; NULL: nobody. */
extern struct ipc_port *fake_default_manager;
