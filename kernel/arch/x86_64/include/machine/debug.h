/* SPDX-License-Identifier: BSD-2-Clause */
/* debug.h - what the debugger needs of the machine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct thread;
struct trap_frame;

/* Stop all other CPUs where they are, until machine_resume_others(). Interrupts are off. */
void machine_pause_others(void);
void machine_resume_others(void);
/* What a paused CPU was doing; NULL: it is not paused. */
const struct trap_frame *machine_paused_frame(uint32_t cpu);
/* Is all of [va, va + bytes) kernel memory that is mapped? */
bool machine_readable(uint64_t va, uint64_t bytes);
/* The calls that led a thread that has no CPU to where it waits. */
void machine_backtrace_thread(const struct thread *t);
