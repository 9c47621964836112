/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exit.c - the end of the machine.
 *
 * Interface: machine_exit(), machine_reboot() of <machine/boot.h>; machine_halt().
 * QEMU's isa-debug-exit device ends QEMU with status 2*code+1, and Bochs ends when "Shutdown" is written to its port; elsewhere the
 * writes go nowhere and the CPU halts.
 * Reference: Bochs User Manual 2.7, "Shutdown port".
 */
#include "instructions.h"
#include <kern/panic.h>
#include <machine/boot.h>
#include <machine/cpu.h>
#include <machine/io.h>

#define DEBUG_EXIT_PORT 0xf4
#define BOCHS_SHUTDOWN_PORT 0x8900
#define KEYBOARD_CONTROLLER 0x64
#define KEYBOARD_PULSE_RESET 0xfe
#define RESET_CONTROL 0xcf9 /* chipset's: 2, then 6: full reset */

_Noreturn void machine_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}

void machine_exit(uint32_t code)
{
	cpu_irq_disable();
	io_out32(DEBUG_EXIT_PORT, code);
	for (const char *c = "Shutdown"; *c != '\0'; c++)
		io_out8(BOCHS_SHUTDOWN_PORT, (uint8_t)*c);
	machine_halt();
}

void machine_reboot(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt = { 0, 0 };

	cpu_irq_disable();
	io_out8(RESET_CONTROL, 2);
	io_out8(RESET_CONTROL, 6);
	io_out8(KEYBOARD_CONTROLLER, KEYBOARD_PULSE_RESET);
	/* Neither worked: a triple fault. */
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
	machine_halt();
}
