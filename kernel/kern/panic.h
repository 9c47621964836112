/* SPDX-License-Identifier: BSD-2-Clause */
/* panic.h - what panic is made of (its callers want only <kern/assert.h>). */
#pragma once

#include <kern/assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

struct trap_frame;

/* As panic(), with the registers and the backtrace of a trap. */
_Noreturn void panic_trap(const struct trap_frame *frame, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* From now on kprintf takes no lock; or does again. */
void printf_force(bool force);

/* The function that holds address, and the offset in it; NULL: none is known. */
const char *symbol_of(uint64_t address, uint64_t *offset);

/* The machine's: stop the other CPUs; print registers; print the calls that led here, symbolised. */
void machine_stop_others(void);
_Noreturn void machine_halt(void);
void machine_print_frame(const struct trap_frame *frame);
void machine_print_registers(void);
void machine_backtrace(uint64_t rip, uint64_t frame_pointer);
void machine_backtrace_trap(const struct trap_frame *frame);
