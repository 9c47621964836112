/* SPDX-License-Identifier: BSD-2-Clause */
/* trap_private.h - between trap_entry.S and C. */
#pragma once

#include <machine/trap.h>
#include <stdbool.h>
#include <stddef.h>

/* The first address after the lower canonical half. */
#define USER_ADDRESS_END 0x0000800000000000UL

_Static_assert(sizeof(struct trap_frame) == 176, "trap_entry.S");
_Static_assert(offsetof(struct trap_frame, vector) == 120, "trap_entry.S FRAME_VECTOR");
_Static_assert(offsetof(struct trap_frame, rip) == 136, "trap_entry.S FRAME_RIP");

extern char boot_stack_guard[];

/* trap_entry.S */
void syscall_entry(void);
_Noreturn void trap_return(struct trap_frame *frame);
_Noreturn void syscall_return(struct trap_frame *frame, bool sysret);

/* Called by trap_entry.S; see there. */
bool syscall_dispatch(struct trap_frame *frame);
void trap_dispatch(struct trap_frame *frame);
void trap_paranoid(struct trap_frame *frame);
/* Everything that must be done before a return to user mode; leaves interrupts off. */
void trap_leave(struct trap_frame *frame);
