/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_pager_port.h - what VM needs of ports and messages to talk to a pager; the rest of VM knows neither.
 *
 * All that sends: nothing locked, o referenced; never waits; what cannot be sent (no memory, dead port) is lost, and the time
 * limit of the access or the notice of the port's death ends what waits for it. On the host a double stands for it
 * (tests/unit/vm/fake_pager.c).
 */
#pragma once

#include <mach/port.h>
#include <mach/kern_return.h>
#include <mach/vm_prot.h>
#include <stdbool.h>
#include <stdint.h>

struct ipc_port;
struct thread;
struct vm_map_copy;
struct vm_object;

/*
 * Purpose: give a new object, that nobody can find yet, its pager: one more send right of it, a control and a name port, a
 *   request to hear of the port's death.
 * Returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT the port is dead or the kernel's; KERN_RESOURCE_SHORTAGE.
 */
kern_return_t vm_pager_attach(struct vm_object *o, struct ipc_port *pager);
/* The same with a fresh port, whose receive right a message of vm_pager_send_{copy,create} will move; not internal any more. */
kern_return_t vm_pager_attach_new(struct vm_object *o);
/* The control port stands for the object from now on. */
void vm_pager_enable(struct vm_object *o);
/* It stands for nothing any more: no call finds the object after this. */
void vm_pager_disable(struct vm_object *o);
/* from's pager becomes to's, which has none: ports, and what they stand for. False: not now. Both locked, and from is to's alone. */
bool vm_pager_move_try(struct vm_object *to, struct vm_object *from);
/* All rights go; tell: with memory_object_terminate, which takes the control and name ports along. */
void vm_pager_detach(struct vm_object *o, bool tell);

/*
 * Another default pager's ports for an object whose pager has died: made, and exchanged with the object's, which stay as they were until the object
 * ends, because somebody may be about to send to them.
 */
struct vm_pager_ports;
struct vm_pager_ports *vm_pager_ports_new(void); /* NULL: no memory */
void vm_pager_ports_destroy(struct vm_pager_ports *p);
void vm_pager_ports_exchange_locked(struct vm_object *o, struct vm_pager_ports *p);
/* The old control port stands for nothing any more. */
void vm_pager_ports_disable(struct vm_pager_ports *p);

void vm_pager_send_init(struct vm_object *o);
/* memory_object_terminate without the ports, which stay until the object is freed (O6). */
void vm_pager_send_destroyed(struct vm_object *o);
/* Returns NULL, or a thread that waits for this message, claimed: owed a hand-off or thread_go(). */
struct thread *vm_pager_send_request(struct vm_object *o, uint64_t offset, uint32_t length, vm_prot_t access);
struct thread *vm_pager_send_unlock(struct vm_object *o, uint64_t offset, uint64_t length, vm_prot_t access);
/* Takes data. initialize: the default pager never had it. */
void vm_pager_send_return(struct vm_object *o, uint64_t offset, struct vm_map_copy *data, uint64_t size, bool dirty,
			  bool kernel_copy, bool initialize);
/* The default pager's: it need not keep these pages. */
void vm_pager_send_discard(struct vm_object *o, uint64_t offset, uint64_t size);
void vm_pager_send_synchronize(struct vm_object *o, uint64_t offset, uint64_t size, unsigned flags);
/* copy, attached by vm_pager_attach_new, is a copy of [offset, offset+size) of o. */
void vm_pager_send_copy(struct vm_object *o, uint64_t offset, uint64_t size, struct vm_object *copy);
/* To the default pager: o, attached by vm_pager_attach_new. false: it could not be sent, and o's port is dead. */
bool vm_pager_send_create(struct vm_object *o, struct ipc_port *manager);
/* The short way of a page (vm_pager_page.c), for mach_msg_supply. */
struct ipc_object;
bool vm_pager_page(const void *message, mach_port_name_t rcv_name, struct ipc_object **object, struct thread **next);
