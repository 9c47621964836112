/* SPDX-License-Identifier: BSD-2-Clause */
/* weak.c - places held until their owners' code is linked; then this file goes. */
#include <kern/assert.h>
#include <kern/main.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <machine/boot.h>
#include <machine/clock.h>
#include <machine/pmap.h>
#include <vm/vm_page.h>
#include <machine/trap.h>
#include <machine/irq.h>
#include <kern/panic.h>
#include <vm/vm_fault.h>
#include <base/string.h>
#include "interrupt.h"
#include "boot_private.h"
#include "fpu.h"

#define WEAK __attribute__((weak))

WEAK struct task *kernel_task;

WEAK void boot_stop(const char *format, ...)
{
	kprintf("boot stopped: %s\n", format);
	machine_exit(2);
}

WEAK void kernel_main(void)
{
	kprintf("Meshach (arch only), cmdline '%s', %lu KiB\n", boot_info.cmdline, boot_info.memory_bytes >> 10);
	for (uint32_t i = 0; i < boot_info.region_count; i++)
		kprintf("region %lx-%lx\n", boot_info.regions[i].start, boot_info.regions[i].end);
	kprintf("archive %lx+%lx rsdp %lx\n", boot_info.archive_start, boot_info.archive_bytes, boot_info.acpi_rsdp);
	vm_page_bootstrap();
	if (strcmp(boot_info.cmdline, "test=panic") == 0)
		panic("as asked, %d", 42);
	if (strcmp(boot_info.cmdline, "test=fault") == 0)
		*(volatile int *)0x1234 = 1;
	if (strcmp(boot_info.cmdline, "test=text") == 0)
		*(volatile char *)text_start = 1;
	machine_init();
	if (strcmp(boot_info.cmdline, "test=timer") == 0) {
		for (int i = 0; i < 5; i++) {
			uint64_t t = machine_now_ns();
			machine_timer_set(t + 10000000);
			cpu_wait_for_interrupt();
			kprintf("timer after %lu us, interrupts %lu\n", (machine_now_ns() - t) / 1000, this_cpu()->interrupts);
		}
	}
	if (strcmp(boot_info.cmdline, "test=smp") == 0) {
		machine_start_cpus();
		kprintf("%u cpus\n", cpu_count);
		cpu_irq_enable();
		for (uint32_t i = 1; i < cpu_count; i++) {
			uint64_t t = machine_now_ns();
			cpu_send_ipi(i, CPU_IPI_PING);
			while (cpu_by_id(i)->pings == 0)
				cpu_relax();
			kprintf("cpu %u apic %u ping %lu ns\n", i, cpu_by_id(i)->apic_id, machine_now_ns() - t);
		}
		void *st = kernel_stack_alloc(16384), *a[20];
		for (int i = 0; i < 20; i++) { a[i] = kernel_stack_alloc(16384); }
		for (int i = 0; i < 20; i++) kernel_stack_free(a[i], 16384);
		kprintf("stack %p free %lu\n", st, vm_page_free_count());
	}
	if (strcmp(boot_info.cmdline, "test=overflow") == 0) {
		extern int recurse(int);
		recurse(1);
	}
	machine_exit(0);
}

int recurse(int n)
{
	volatile char buf[512];
	buf[n & 511] = (char)n;
	return n < 0 ? 0 : recurse(n + 1) + buf[(n + 1) & 511];
}

WEAK void mach_trap(struct trap_frame *frame)
{
	panic("mach_trap");
}

WEAK void linux_syscall(struct trap_frame *frame)
{
	panic("linux_syscall");
}

WEAK void ast_taken(struct trap_frame *frame)
{
	panic("ast");
}

WEAK void exception(int type, int64_t code, int64_t subcode)
{
	panic("exception");
}

WEAK kern_return_t vm_fault(struct vm_map *map, uint64_t va, vm_prot_t prot)
{
	return KERN_INVALID_ADDRESS;
}

WEAK void *kernel_stack_alloc(uint64_t bytes)
{
	return NULL;
}

WEAK void kernel_stack_free(void *base, uint64_t bytes)
{
}

WEAK void pmap_activate(struct pmap *p)
{
}

WEAK void interrupt_dispatch(struct trap_frame *frame)
{
	panic_trap(frame, "interrupt");
}

WEAK kern_return_t irq_register_line(uint32_t line, irq_handler_t handler, void *arg)
{
	return KERN_FAILURE;
}

WEAK void machine_stop_others(void)
{
}

WEAK void timer_interrupt(void)
{
}

WEAK void sched_ipi(void)
{
}

WEAK void kernel_secondary_main(void)
{
	for (;;)
		cpu_wait_for_interrupt();
}
