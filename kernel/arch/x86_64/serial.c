/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serial.c - the console: a 16550 UART at COM1, 115200 8N1.
 *
 * Interface: <machine/console.h>. Output is polled; input comes by interrupt once console_set_input()
 * was called. Without a UART all output is dropped.
 * Locking: none; who prints serialises (kern/printf.c).
 * Reference: National Semiconductor PC16550D data sheet.
 */
#include <machine/console.h>
#include <machine/io.h>
#include <machine/irq.h>
#include <stdbool.h>
#include <stddef.h>

#define COM1 0x3f8
#define COM1_LINE 4

enum uart_register { DATA = 0, INTERRUPTS = 1, FIFO = 2, LINE_CONTROL = 3, MODEM = 4, LINE_STATUS = 5, SCRATCH = 7 };

#define LINE_8N1 0x03
#define LINE_DIVISOR 0x80
#define FIFO_ENABLE_CLEAR 0xc7
#define MODEM_DTR_RTS_OUT2 0x0b
#define STATUS_DATA 0x01
#define STATUS_EMPTY 0x20
#define DIVISOR_115200 1
#define WAIT_LIMIT 1000000 /* polls for room; longer: the UART is gone */

static bool present;
static void (*input_fn)(int byte);

static uint8_t uart_read(enum uart_register r)
{
	return io_in8((uint16_t)(COM1 + r));
}

static void uart_write(enum uart_register r, uint8_t value)
{
	io_out8((uint16_t)(COM1 + r), value);
}

void console_init(void)
{
	uart_write(SCRATCH, 0x5a);
	present = uart_read(SCRATCH) == 0x5a;
	if (!present)
		return;
	uart_write(INTERRUPTS, 0);
	uart_write(LINE_CONTROL, LINE_DIVISOR);
	uart_write(DATA, DIVISOR_115200);
	uart_write(INTERRUPTS, 0);
	uart_write(LINE_CONTROL, LINE_8N1);
	uart_write(FIFO, FIFO_ENABLE_CLEAR);
	uart_write(MODEM, MODEM_DTR_RTS_OUT2);
}

void console_putc(char c)
{
	if (!present)
		return;
	if (c == '\n')
		console_putc('\r');
	for (int i = 0; (uart_read(LINE_STATUS) & STATUS_EMPTY) == 0; i++)
		if (i == WAIT_LIMIT) {
			present = false;
			return;
		}
	uart_write(DATA, (uint8_t)c);
}

int console_getc(void)
{
	if (!present || (uart_read(LINE_STATUS) & STATUS_DATA) == 0)
		return -1;
	return uart_read(DATA);
}

static void console_interrupt(void *arg)
{
	int byte;

	while ((byte = console_getc()) >= 0)
		input_fn(byte);
}

void console_set_input(void (*fn)(int byte))
{
	bool first = input_fn == NULL;

	input_fn = fn;
	if (!present || !first)
		return;
	if (irq_register_line(COM1_LINE, console_interrupt, NULL) == KERN_SUCCESS)
		uart_write(INTERRUPTS, 1); /* received data */
}
