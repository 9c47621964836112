/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot.c - the boot order of the machine's side: from entry.S to kernel_main().
 *
 * Interface: boot_main().
 */
#include "boot_private.h"
#include "cpu_private.h"
#include <machine/console.h>
#include <machine/pmap.h>

_Noreturn void boot_main(uint32_t info_phys);

static union cpu_page boot_cpu_page __attribute__((aligned(sizeof(union cpu_page))));
static char boot_ist_stacks[IST_COUNT][IST_STACK_BYTES] __attribute__((aligned(IST_STACK_BYTES)));

/* entry.S comes here, on the boot stack, with the temporary page tables. */
void boot_main(uint32_t info_phys)
{
	struct cpu *cpu = cpu_page_init(&boot_cpu_page, 0, (uint64_t)boot_stack_top);

	cpu_count = 1;
	cpu_ist_init(cpu, (char *)boot_ist_stacks);
	cpu_detect();
	idt_init();
	cpu_load(cpu);
	console_init();
	multiboot_parse(info_phys);
	boot_info.acpi_rsdp = acpi_find_rsdp();
	pmap_bootstrap();
	kernel_main();
}
