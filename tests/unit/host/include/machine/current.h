/* SPDX-License-Identifier: BSD-2-Clause */
/* current.h - who runs here, on the host: every pthread has a struct thread, made on first use. */
#pragma once

#include <machine/cpu.h>

struct thread *host_current_thread(void);

static inline struct thread *current_thread(void)
{
	return host_cpu.current ? host_cpu.current : host_current_thread();
}

#include <kern/thread.h>

static inline struct task *current_task(void)
{
	return current_thread()->task;
}
