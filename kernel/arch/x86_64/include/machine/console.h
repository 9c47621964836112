/* SPDX-License-Identifier: BSD-2-Clause */
/* console.h - the serial console (COM1). */
#pragma once

void console_init(void);
void console_putc(char c);
/* Next input byte, or -1. */
int console_getc(void);
/* Call fn(byte) in interrupt context for each input byte. */
void console_set_input(void (*fn)(int byte));
