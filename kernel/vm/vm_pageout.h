/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_pageout.h - the pageout daemon: which page goes when.
 *
 * Interface for the rest of VM: vm_pageout_start at boot; everything else between vm_page*.c and vm_pageout*.c.
 */
#pragma once

#include <mach/mach_types.h>
#include <mach/memory_object_types.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * In frames. Below low the daemon runs, until target are free; new user memory stops at RESERVED_PAGES (limits.h). keep: when nothing can
 * be stored any more, so many pages that could go are left to those that need them, and new memory gets none of them.
 */
struct vm_pageout_levels {
	uint64_t low, target, keep;
};
extern struct vm_pageout_levels vm_pageout_levels;

void vm_pageout_levels_set(uint64_t total);

/* ---- vm_page_wait.c ---- */

/* Free frames fell below vm_pageout_levels.low. Any context, any lock but the scheduler's. */
void vm_pageout_low(void);
/* Frames were freed: let waiting threads try again. As above. */
void vm_pageout_frames_freed(void);
/* The daemon: nothing can be freed; whoever waits for memory gets an error. */
void vm_pageout_exhausted(void);
/* Who may wake the daemon before its time: whoever sees few free frames, only who waits for one, only who waits for a page-in. */
enum vm_pageout_deaf { VM_PAGEOUT_HEARS, VM_PAGEOUT_HEARS_WAITERS, VM_PAGEOUT_HEARS_PAGE_INS, VM_PAGEOUT_DEAF };
/* The daemon sleeps until it is called (true), or until the deadline (WAIT_FOREVER: none). */
bool vm_pageout_sleep(uint64_t deadline_ns, enum vm_pageout_deaf deaf);
/* Threads that wait for memory. */
uint32_t vm_pageout_waiting(void);

/* ---- vm_default_pager.c ---- */

struct ipc_port;

struct vm_swap; /* a default pager's account */

/* A send right to the default pager's port, or NULL: there is none, or it has died. */
struct ipc_port *vm_default_pager_copy(void);
/* The same for an object that is given to it: with a reference to its account. */
struct ipc_port *vm_default_pager_reference(struct vm_swap **swap);
bool vm_default_pager_alive(void);
/*
 * Make port (consumed; NULL: none) the default pager's, which can store nothing until it says so; *old: the one before, the caller's to release. What
 * was given to that one stays there. False, nothing changed: pages of too many default pagers are about.
 */
bool vm_default_pager_set(struct ipc_port *port, struct ipc_port **old);

/* ---- vm_swap.c ---- */

/* A new account becomes the current one; false: too many are in use. The caller serializes. */
bool vm_swap_renew(void);
/* The current account, for an object that counts its pages there. */
struct vm_swap *vm_swap_reference(void);
void vm_swap_release(struct vm_swap *s);
/* The default pager can store so many pages. */
void vm_swap_set_total(uint64_t pages);
/* Pages that it does not have yet will be given to it: false, it could not store them. */
bool vm_swap_take(struct vm_swap *s, uint64_t pages);
/* It forgets pages that were taken. */
void vm_swap_give(struct vm_swap *s, uint64_t pages);
/* Can the current one store so many more? */
bool vm_swap_has_room(uint64_t pages);
/* Of all. */
uint64_t vm_swap_total(void);
uint64_t vm_swap_used(void);

/* ---- vm_object_stored.c ---- */

struct vm_object;
/* The pages of [start, end) of an internal object count no more, nor are they looked for; their number. o is locked. */
uint64_t vm_swap_forget_locked(struct vm_object *o, uint64_t start, uint64_t end);

/* ---- vm_pageout.c ---- */

/* Free frames until there are enough, or laundry is out for that many. False: nothing was freed or sent. The daemon's, and tests'. */
bool vm_pageout_scan(void);
/* What the daemon remembers between its turns; since_ns is now at first. */
struct vm_pageout_patience {
	int64_t grown;       /* memory's growth when `starved` was last looked at */
	uint64_t since_ns;   /* when laundry last came back, or went out from none */
	uint64_t done_before;
	unsigned starved;    /* turns in a row that brought no new memory to who waits for it */
};
/* One turn: all of it. Returns until when to sleep; *deaf: who may call the daemon before that. The daemon's, and tests'. */
uint64_t vm_pageout_turn(struct vm_pageout_patience *p, enum vm_pageout_deaf *deaf);
/* Start the daemon thread; before, who finds no memory gets an error at once. */
void vm_pageout_start(void);

/* ---- vm_host_calls.c: host_statistics, host_default_memory_manager, host_default_memory_space, thread_wire ---- */

struct host;
struct thread;

kern_return_t vm_host_statistics(struct host *host, host_flavor_t flavor, host_info_t out, mach_msg_type_number_t *count);
kern_return_t vm_host_statistics64(struct host *host, host_flavor_t flavor, host_info_t out, mach_msg_type_number_t *count);
kern_return_t vm_host_default_memory_manager(struct host *host, mach_port_t manager, memory_object_cluster_size_t cluster_size,
					     mach_port_t *old);
kern_return_t vm_host_default_memory_space(struct host *host, memory_object_size_t bytes);
kern_return_t vm_host_thread_wire(struct host *host, struct thread *thread, boolean_t wired);

/* Frees frames whose bytes nobody needs (purgable memory), at once, and says how many; 0: there are none. NULL: nobody does. */
extern uint64_t (*vm_page_reclaim)(void);
/* Gives up to so many frames of the disks' cache back and says how many; NULL: there is none. */
extern uint64_t (*vm_pageout_shrink_cache)(uint64_t pages);
/* What the current thread's task has, in pages: who has most gets the error when memory is out. NULL: all are alike. */
extern uint64_t (*vm_page_wait_size)(void);
