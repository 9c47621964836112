/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.h - the machine's part of a thread: kernel stack, saved registers, FPU state.
 *
 * The user's registers lie in a struct trap_frame at the top of the kernel stack whenever the thread
 * is in the kernel; a blocked thread that is aborted returns through it (D6).
 */
#pragma once

#include <mach/kern_return.h>
#include <stdbool.h>
#include <stdint.h>

struct pmap;
struct thread;
struct trap_frame;

/* The debug registers of a thread, as user code of it or a debugger set them. */
struct machine_debug {
	uint64_t address[4];
	uint64_t status;  /* DR6: what hit since somebody cleared it */
	uint64_t control; /* DR7: user's bits only; 0: nothing is watched */
};

/* In each task: what its new threads begin with. */
struct machine_task {
	struct machine_debug debug;
};

/* What a switch to a thread pops: the last word is where it goes on. */
struct machine_switch_frame {
	uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

struct machine_thread {
	uint64_t kernel_rsp;         /* saved while not running */
	uint64_t kernel_stack_top;
	uint64_t kernel_stack_base;  /* below it lies a guard page */
	struct trap_frame *frame;    /* user registers, at the stack's top */
	struct pmap *pmap;           /* its task's, from its first entry to user mode on */
	uint64_t pmap_root;          /* physical */
	uint64_t fs_base, gs_base;   /* the user's */
	void *fpu;                   /* XSAVE area, NULL until first needed; kernel threads: none */
	int32_t fpu_cpu;             /* the CPU whose registers hold its FPU state, -1: none (fpu.c) */
	uint8_t fpu_turns;           /* on a CPU in which it used the FPU, one after another (fpu.c) */
	bool user;                   /* runs user code: its bases are loaded at a switch */
	bool debugged;               /* debug.control is not 0: loaded at a switch */
	int32_t bases_cpu;           /* the CPU that loaded fs_base and gs_base last, as they are; -1: none */
	struct machine_switch_frame empty; /* [I] what kernel_rsp points to when it left by machine_switch_leaving() */
	uint64_t fault_address;      /* of its last page fault */
	struct machine_debug debug;  /* its own, or its debugger's while it is stopped */
};

/*
 * Give t a kernel stack (with a guard page) on which it will begin in
 * thread_trampoline -> entry(arg); user threads use entry = machine_user_entry, which
 * returns to user mode with *frame. Frame is zeroed with valid selectors and flags.
 */
kern_return_t machine_thread_init(struct thread *t, void (*entry)(void *), void *arg);
void machine_thread_destroy(struct thread *t);
/* Leave to user mode through t's frame, after looking at its ASTs. */
void machine_user_entry(void *unused);
/*
 * Switch stacks from old to new: saves and restores fs/gs bases and FPU state, sets
 * the TSS's and syscall's stack, switches the pmap if the task's differs. Interrupts are off. Returns
 * in old's context when old runs again.
 */
void machine_switch(struct thread *old, struct thread *next);

/* Get and set user registers: flavours of <mach/thread_status.h>. t is stopped or current. */
kern_return_t machine_thread_get_state(struct thread *t, int flavor, uint32_t *state, uint32_t *count);
kern_return_t machine_thread_set_state(struct thread *t, int flavor, const uint32_t *state,
				       uint32_t count);
/*
 * The state that a task's new threads begin with, of the flavours that can be set so (debug registers); and, in t, which is new, set it.
 * KERN_INVALID_ARGUMENT: no such flavour, or its values are wrong.
 */
kern_return_t machine_task_get_state(const struct machine_task *m, int flavor, uint32_t *state, uint32_t *count);
kern_return_t machine_task_set_state(struct machine_task *m, int flavor, const uint32_t *state, uint32_t count);
void machine_thread_inherit(struct thread *t, const struct machine_task *m);
/* Is flavor one that machine_thread_get_state() and machine_thread_set_state() both know? */
bool machine_thread_state_settable(int flavor);
/* The calling thread has been stopped: what was set meanwhile is loaded. Interrupts off. */
void machine_thread_stopped(struct thread *t);
/* The calling user thread's TLS base (arch_prctl), now and after every switch. */
void machine_set_fs_base(uint64_t base);
/* Set the entry registers of a new thread: pc, sp, one argument, TLS base. */
void machine_thread_set_entry(struct thread *t, uint64_t pc, uint64_t sp, uint64_t arg, uint64_t fs_base);
/*
 * The same, but old, a thread in a trap, keeps nothing of its stack: when it runs again it begins anew in
 * thread_continue(), which portable code defines, with interrupts off and irq_depth 1.
 */
_Noreturn void machine_switch_leaving(struct thread *old, struct thread *next);
_Noreturn void thread_continue(void);
/* The calling thread's trap is over, from wherever on its stack: back to user mode with this result. */
_Noreturn void machine_trap_return(uint64_t result);
