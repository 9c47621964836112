/* SPDX-License-Identifier: BSD-2-Clause */
/* current.h - who runs here; included at the end of kern/thread.h and kern/task.h. */
#pragma once

#include <machine/cpu.h>

static inline struct thread *current_thread(void)
{
	struct thread *t;

	__asm__ volatile("mov %%gs:8, %0" : "=r"(t));
	return t;
}

#include <kern/thread.h>

static inline struct task *current_task(void)
{
	return current_thread()->task;
}
