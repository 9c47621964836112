/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - what a unit test of kernel code can do to the doubled machine below it.
 *
 * The doubles (tests/unit/host/{thread,wait,mutex,kalloc,copyio,print,vm_map_copy,task}.c) are
 * linked in place of the kernel's files of the same job. Each pthread is a kernel thread. User memory is the
 * program's own memory, so that the sanitisers check every copy.
 */
#pragma once

#include <kern/task.h>
#include <kern/thread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- threads ---- */

/* A pthread with a struct thread in task (may be NULL); join it to free both. */
struct thread *host_thread_start(struct task *task, void (*fn)(void *), void *arg);
void host_thread_join(struct thread *t);
/* The calling thread plays for another task from now on. Returns whom it played for. */
struct task *host_become(struct task *task);
/* Wait until t sleeps in a wait queue. */
void host_wait_until_blocked(struct thread *t);
void host_sleep_ms(unsigned ms);
/* What the kernel prints is not shown, warnings and panics apart. */
extern bool host_quiet;
/* Run the timers whose time has come by now_ns; returns their number. */
unsigned host_timers_run(uint64_t now_ns);

/* ---- memory ---- */

/* The n-th allocation from now on fails (1: the next), and all after it if sticky. 0: none fails. */
void host_alloc_fail_at(uint64_t n, bool sticky);
/* Only allocations of the calling thread are counted and failed. */
uint64_t host_alloc_count(void);
/* Objects of all zones, kalloc blocks, and copies in transit that exist now. */
struct host_memory {
	uint64_t zone_objects, kalloc_blocks, kalloc_bytes, vm_copies;
};
struct host_memory host_memory_now(void);
/* Print what each zone holds (for a failing leak test). */
void host_memory_print(void);

/* ---- user memory ---- */

/* Copies that touch [addr, addr+size) fail (size 0: no such range). */
void host_user_fault(const void *addr, size_t size);
/* The n-th copyin or copyout from now on fails. 0: none. */
void host_copy_fail_at(uint64_t n);
/* Only [addr, addr+size) is user memory (size 0: everything is). For fuzzing with wild pointers. */
void host_user_only(const void *addr, size_t size);
/* Free what the doubled vm_map_copyout allocated. */
void host_vm_deallocate(uint64_t addr, uint64_t size);
void host_vm_deallocate_all(void);
/* Regions that vm_map_copyout made and nobody freed. */
uint64_t host_vm_regions(void);
/* Times that a copy was taken with src_destroy. */
extern _Atomic uint64_t host_vm_moved;

/* ---- tasks (with task.c, which needs kernel/ipc) ---- */

struct task *host_task_create(struct task *parent, const char *name);
/* Destroys its space and ports and drops the reference. */
void host_task_destroy(struct task *task);
