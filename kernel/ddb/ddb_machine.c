/* SPDX-License-Identifier: BSD-2-Clause */
/* ddb_machine.c - the debugger's commands on memory, locks, the trace, and the machine. */
#include <base/string.h>
#include <ddb/ddb.h>
#include <ddb/trace.h>
#include <kern/lock_stats.h>
#include <kern/panic.h>
#include <kern/printf.h>
#include <machine/boot.h>

#define EVENTS_DEFAULT 40

static void examine(const struct ddb_args *args)
{
	uint64_t address, count = 8, offset;

	if (!ddb_number(args, 0, &address))
		return;
	(void)ddb_number(args, 1, &count);
	address &= ~7UL;
	for (uint64_t i = 0; i < count && i < 512; i++, address += 8) {
		const char *name;

		if (!ddb_readable((const void *)address, 8)) {
			kprintf("%016lx: not mapped\n", address);
			return;
		}
		kprintf("%016lx: %016lx", address, *(const uint64_t *)address);
		name = symbol_of(*(const uint64_t *)address, &offset);
		if (name != NULL)
			kprintf(" %s+0x%lx", name, offset);
		kprintf("\n");
	}
}

static void symbol(const struct ddb_args *args)
{
	uint64_t address, offset;
	const char *name = ddb_number(args, 0, &address) ? symbol_of(address, &offset) : NULL;

	if (name != NULL)
		kprintf("%016lx %s+0x%lx\n", address, name, offset);
	else
		kprintf("in no function\n");
}

static void trace(const struct ddb_args *args)
{
	uint64_t count = EVENTS_DEFAULT;

	if (args->count > 0 && strcmp(args->word[0], "on") == 0)
		trace_on = true;
	else if (args->count > 0 && strcmp(args->word[0], "off") == 0)
		trace_on = false;
	else {
		(void)ddb_number(args, 0, &count);
		trace_print((uint32_t)count);
		kprintf("tracing is %s\n", trace_on ? "on" : "off");
	}
}

static void locks(const struct ddb_args *args)
{
	lock_held_print();
}

static void lockstat(const struct ddb_args *args)
{
	lock_stats_print();
}

static void registers(const struct ddb_args *args)
{
	machine_print_registers();
}

static void reboot(const struct ddb_args *args)
{
	machine_reboot();
}

static void off(const struct ddb_args *args)
{
	machine_exit(1);
}

const struct ddb_command ddb_machine_commands[] = {
	{ "x", "ADDRESS [COUNT]", "words of kernel memory", examine },
	{ "symbol", "ADDRESS", "the function there", symbol },
	{ "regs", "", "this CPU's registers", registers },
	{ "trace", "[COUNT|on|off]", "the last events of all CPUs", trace },
	{ "locks", "", "spin locks that are held (debug kernel)", locks },
	{ "lockstat", "", "what each class of lock cost (debug kernel)", lockstat },
	{ "reboot", "", "start the machine anew", reboot },
	{ "exit", "", "end the emulator with a failure", off },
	{ 0 },
};
