/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ddb.c - how the debugger is entered and left, its line of input, its list of commands. Interface: ddb.h.
 *
 * Invariants: D1 one CPU is in the debugger, the others are paused by NMI; D2 it polls the console, interrupts are off.
 */
#include <base/string.h>
#include <ddb/ddb.h>
#include <kern/options.h>
#include <kern/panic.h>
#include <kern/printf.h>
#include <machine/console.h>
#include <machine/cpu.h>
#include <machine/debug.h>

#define LINE_BYTES 80
#define KEY_BREAK 2 /* Ctrl-B */

static const struct ddb_command *const tables[] = { ddb_task_commands, ddb_ipc_commands, ddb_vm_commands,
						    ddb_machine_commands };
#define TABLES (sizeof(tables) / sizeof(tables[0]))

bool ddb_readable(const void *p, uint64_t bytes)
{
	return machine_readable((uint64_t)p, bytes);
}

bool ddb_believe(const void *p, uint64_t bytes, const char *what)
{
	bool good = ((uint64_t)p & 7) == 0 && ddb_readable(p, bytes);

	if (!good)
		kprintf("%p is no %s\n", p, what);
	return good;
}

bool ddb_number(const struct ddb_args *args, unsigned which, uint64_t *value)
{
	const char *p = which < args->count ? args->word[which] : "";

	if (p[0] == '0' && p[1] == 'x')
		p += 2;
	if (*p == '\0')
		return false;
	for (*value = 0; *p != '\0'; p++) {
		char c = *p | 0x20;

		if (*p >= '0' && *p <= '9')
			*value = *value << 4 | (uint64_t)(*p - '0');
		else if (c >= 'a' && c <= 'f')
			*value = *value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* Read a line, with echo; backspace takes back. */
static void read_line(char *line)
{
	unsigned n = 0;

	for (;;) {
		int c = console_getc();

		if (c < 0) {
			cpu_relax();
		} else if (c == '\r' || c == '\n') {
			console_putc('\n');
			line[n] = '\0';
			return;
		} else if ((c == 8 || c == 127) && n > 0) {
			n--;
			kprintf("\b \b");
		} else if (c >= ' ' && c < 127 && n < LINE_BYTES - 1) {
			line[n++] = (char)c;
			console_putc((char)c);
		}
	}
}

/* Cut line into words; returns the first, NULL: there is none. */
static const char *cut(char *line, struct ddb_args *args)
{
	const char *first = NULL;

	args->count = 0;
	for (char *p = line; *p != '\0';) {
		while (*p == ' ')
			*p++ = '\0';
		if (*p == '\0')
			break;
		if (first == NULL)
			first = p;
		else if (args->count < sizeof(args->word) / sizeof(args->word[0]))
			args->word[args->count++] = p;
		while (*p != '\0' && *p != ' ')
			p++;
	}
	return first;
}

static void help(void)
{
	for (unsigned t = 0; t < TABLES; t++)
		for (const struct ddb_command *c = tables[t]; c->name != NULL; c++)
			kprintf("%-10s %-16s %s\n", c->name, c->arguments, c->what);
	kprintf("%-10s %-16s %s\n", "continue", "", "let the machine go on");
	kprintf("numbers are hexadecimal\n");
}

static const struct ddb_command *find(const char *name)
{
	for (unsigned t = 0; t < TABLES; t++)
		for (const struct ddb_command *c = tables[t]; c->name != NULL; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

/* Until `continue`. */
static void commands(void)
{
	char line[LINE_BYTES];
	struct ddb_args args;

	for (;;) {
		const struct ddb_command *c;
		const char *name;

		kprintf("ddb> ");
		read_line(line);
		name = cut(line, &args);
		if (name == NULL)
			continue;
		if (strcmp(name, "continue") == 0 || strcmp(name, "c") == 0)
			return;
		c = find(name);
		if (c != NULL)
			c->run(&args);
		else if (strcmp(name, "help") == 0)
			help();
		else
			kprintf("no command '%s'; try help\n", name);
	}
}

void ddb_panic(void)
{
	if (!boot_options.ddb)
		return;
	kprintf("ddb: the machine has panicked; `continue` ends it\n");
	commands();
}

static void enter(void)
{
	machine_pause_others(); /* D1 */
	printf_force(true);
	kprintf("\nddb: CPU %u, the machine stands still; try help\n", this_cpu()->id);
	commands();
	printf_force(false);
	machine_resume_others();
}

bool ddb_enter(void)
{
	if (!boot_options.ddb)
		return false;
	cpu_irq_push();
	enter();
	cpu_irq_pop();
	return true;
}

/* Bytes of the console, in its interrupt: look for Return ~ Ctrl-B. */
static void on_byte(int byte)
{
	static unsigned seen;

	if (byte == '\r' || byte == '\n')
		seen = 1;
	else if (seen == 1 && byte == '~')
		seen = 2;
	else if (seen == 2 && byte == KEY_BREAK)
		seen = 3;
	else
		seen = 0;
	if (seen == 3) {
		seen = 0;
		enter();
	}
}

void ddb_init(void)
{
	if (boot_options.ddb)
		console_set_input(on_byte);
}
