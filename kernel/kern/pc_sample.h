/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pc_sample.h - samples of where user code is, of a task's threads or of one: kept to be asked for (mach4.defs), sent to a port
 * (task_sample(), thread_sample()), or both.
 *
 * As long as somebody wants samples by time, a timer looks every PC_SAMPLE_NS at who runs on each CPU; who is sampled takes the sample of
 * itself at its trap boundary (AST_SAMPLE). Nobody: there is no timer, and the only cost is a look at thread.sampled by a fault.
 */
#pragma once

#include <kern/clock.h>
#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/pc_sample.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ipc_port;
struct pc_sampler;
struct task;
struct thread;

#define PC_SAMPLE_NS (10 * NSEC_PER_MSEC)

/* In each task and each thread. */
struct pc_sample {
	_Atomic uint32_t flavors;  /* [a] SAMPLED_PC_*: a thread's own and its task's; changed under the task lock */
	uint32_t vm_kind;          /* [o] of a thread: which of SAMPLED_PC_VM_FAULTS its last fault was */
	struct pc_sampler *sampler; /* task lock: +1; NULL: never asked for */
};

/* At the calling thread's trap boundary, for AST_SAMPLE: its user code is at pc. Nothing locked; interrupts on. */
void pc_sample_tick(uint64_t pc);
/* The calling thread's user code has a page fault. True: say so when it is over, with nothing locked and interrupts on. */
static inline bool pc_sample_fault_begins(struct pc_sample *own)
{
	if (__builtin_expect((atomic_load_explicit(&own->flavors, memory_order_relaxed) & ~SAMPLED_PC_PERIODIC) == 0, 1))
		return false;
	own->vm_kind = 0;
	return true;
}
void pc_sample_faulted(uint64_t pc);

/* A new thread of task, whose lock is held. */
void pc_sample_thread_begin(struct thread *t, struct task *task);
/* The end of a thread or task: nothing is taken of it any more. Nothing locked. */
void pc_sample_thread_end(struct thread *t);
void pc_sample_task_end(struct task *task);
void pc_sample_init(void);

/* As of mach4.defs, task.defs and thread_act.defs. A NULL task or thread: the port was none. */
kern_return_t pc_sample_call_task_enable(struct task *task, int *tick, sampled_pc_flavor_t flavors);
kern_return_t pc_sample_call_task_disable(struct task *task, int *count);
kern_return_t pc_sample_call_task_get(struct task *task, sampled_pc_seqno_t *seqno, sampled_pc_array_t pcs, mach_msg_type_number_t *count);
kern_return_t pc_sample_call_thread_enable(struct thread *t, int *tick, sampled_pc_flavor_t flavors);
kern_return_t pc_sample_call_thread_disable(struct thread *t, int *count);
kern_return_t pc_sample_call_thread_get(struct thread *t, sampled_pc_seqno_t *seqno, sampled_pc_array_t pcs, mach_msg_type_number_t *count);
kern_return_t pc_sample_call_task_sample(struct task *task, struct ipc_port *reply);
kern_return_t pc_sample_call_thread_sample(struct thread *t, struct ipc_port *reply);
