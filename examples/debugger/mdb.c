/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mdb.c - a small debugger, by messages alone: it starts a program of the boot archive, stopped, and does what its arguments say.
 *
 *   mdb PROGRAM COMMAND...
 *
 *   regs               the thread's registers
 *   mem=ADDR,BYTES     memory
 *   break=ADDR         a breakpoint (INT3) in the text
 *   watch=ADDR         a watchpoint on the 8 bytes there (a debug register)
 *   step[=TIMES]       single steps
 *   cont               go on to the next stop, or the end
 *   kill               end the program
 *
 * ADDR: hexadecimal, or rip or rsp, each with +OFFSET or without. Each stop is told. An exception is answered at once, with the
 * task suspended: the thread then stands at its trap boundary, where its registers can be read and set.
 */
#include <mach/mach.h>
#include <mach/mach_exc_server.h>
#include <mach/spawn.h>
#include <mach/thread_status.h>
#include <servers/bootstrap.h>
#include <servers/task_exit_server.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 4096
#define PAGE 4096ull
#define INT3 0xcc
#define TRAP_FLAG 0x100ull
#define BREAKPOINTS 16
#define WATCH_FIRST (1u | 1u << 16 | 2u << 18) /* DR7: the first, writes, 8 bytes */

static mach_port_t task, thread, port;
static bool ended;

static struct breakpoint {
	uint64_t address; /* 0: free */
	uint8_t original;
} breakpoints[BREAKPOINTS];

/* What stopped the thread last. */
static struct {
	exception_type_t type;
	int64_t code, subcode;
} stop;

static void check(kern_return_t kr, const char *what)
{
	if (kr == KERN_SUCCESS)
		return;
	printf("mdb: %s: %s\n", what, mach_error_string(kr));
	exit(1);
}

/* ---- registers and memory ---- */

static x86_thread_state64_t registers(void)
{
	x86_thread_state64_t state;
	mach_msg_type_number_t count = x86_THREAD_STATE64_COUNT;

	check(thread_get_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, &count), "thread_get_state");
	return state;
}

static void set_registers(x86_thread_state64_t state)
{
	check(thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT), "thread_set_state");
}

static kern_return_t read_memory(uint64_t address, void *to, uint64_t bytes)
{
	mach_vm_size_t got = 0;

	return mach_vm_read_overwrite(task, address, bytes, (mach_vm_address_t)(uintptr_t)to, &got);
}

/* A byte of the text: in a private copy, for the program's text is shared and may not be written. The task stands. */
static void write_text(uint64_t address, uint8_t byte)
{
	mach_vm_address_t page = address & ~(PAGE - 1);

	check(mach_vm_protect(task, page, PAGE, FALSE, VM_PROT_READ | VM_PROT_WRITE | VM_PROT_COPY), "mach_vm_protect");
	check(mach_vm_write(task, address, (vm_offset_t)(uintptr_t)&byte, 1), "mach_vm_write");
	check(mach_vm_protect(task, page, PAGE, FALSE, VM_PROT_READ | VM_PROT_EXECUTE), "mach_vm_protect");
}

static struct breakpoint *breakpoint_at(uint64_t address)
{
	for (unsigned i = 0; i < BREAKPOINTS; i++)
		if (breakpoints[i].address == address)
			return &breakpoints[i];
	return NULL;
}

/* ---- what the kernel tells ---- */

static kern_return_t stopped(mach_port_t at, mach_port_t who, mach_port_t of, exception_type_t type, mach_exception_data_t code,
			     mach_msg_type_number_t count)
{
	if (thread != MACH_PORT_NULL)
		(void)mach_port_deallocate(mach_task_self(), thread);
	(void)mach_port_deallocate(mach_task_self(), of);
	thread = who;
	stop.type = type;
	stop.code = code[0];
	stop.subcode = code[1];
	check(task_suspend(task), "task_suspend");
	return KERN_SUCCESS;
}

static kern_return_t exited(mach_port_t at, uint64_t id, int status)
{
	printf("ended: status %#x\n", (unsigned)status);
	ended = true;
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct mach_exc_ops exceptions = { .mach_exception_raise = stopped };
	static const struct task_exit_ops exits = { .task_exited = exited };

	return mach_exc_demux(&exceptions, in, out) || task_exit_demux(&exits, in, out);
}

/* Let the task run to the next stop or its end. */
static void run(void)
{
	check(task_resume(task), "task_resume");
	check(mach_msg_server_once(demux, MESSAGE_MAX, port, MACH_MSG_OPTION_NONE), "waiting for the program");
}

/* One instruction, a breakpoint's own too. */
static void step(void)
{
	x86_thread_state64_t state = registers();
	struct breakpoint *here = breakpoint_at(state.rip);

	if (here != NULL)
		write_text(here->address, here->original);
	state.rflags |= TRAP_FLAG;
	set_registers(state);
	run();
	if (ended)
		return;
	state = registers();
	state.rflags &= ~TRAP_FLAG;
	set_registers(state);
	if (here != NULL)
		write_text(here->address, INT3);
}

static void tell_stop(void)
{
	x86_thread_state64_t state = registers();

	if (stop.type == EXC_BREAKPOINT && stop.code == EXC_I386_BPT && breakpoint_at(state.rip - 1) != NULL) {
		state.rip--;
		set_registers(state);
		printf("stopped: breakpoint at %#llx\n", (unsigned long long)state.rip);
	} else if (stop.type == EXC_BREAKPOINT && (stop.subcode & 0xf) != 0) {
		printf("stopped: watchpoint, at %#llx\n", (unsigned long long)state.rip);
	} else if (stop.type == EXC_BREAKPOINT && stop.code == EXC_I386_SGL) {
		printf("stopped: step, at %#llx\n", (unsigned long long)state.rip);
	} else {
		printf("stopped: exception %d, code %lld, %#llx, at %#llx\n", stop.type, (long long)stop.code,
		       (unsigned long long)stop.subcode, (unsigned long long)state.rip);
	}
}

/* ---- commands ---- */

static uint64_t address_of(const char *text)
{
	uint64_t base = 0;

	if (strncmp(text, "rip", 3) == 0 || strncmp(text, "rsp", 3) == 0) {
		x86_thread_state64_t state = registers();

		base = text[1] == 'i' ? state.rip : state.rsp;
		text += 3;
	}
	return base + strtoull(text[0] == '+' ? text + 1 : text, NULL, 16);
}

static void show_registers(void)
{
	x86_thread_state64_t s = registers();
	const struct {
		const char *name;
		uint64_t value;
	} all[] = { { "rip", s.rip }, { "rsp", s.rsp }, { "rbp", s.rbp }, { "rflags", s.rflags }, { "rax", s.rax }, { "rbx", s.rbx },
		    { "rcx", s.rcx }, { "rdx", s.rdx }, { "rsi", s.rsi }, { "rdi", s.rdi }, { "r8", s.r8 }, { "r9", s.r9 },
		    { "r10", s.r10 }, { "r11", s.r11 }, { "r12", s.r12 }, { "r13", s.r13 }, { "r14", s.r14 }, { "r15", s.r15 } };

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		printf("%-6s %016llx%s", all[i].name, (unsigned long long)all[i].value, i % 4 == 3 ? "\n" : "  ");
	printf("\n");
}

static void show_memory(const char *where)
{
	const char *comma = strchr(where, ',');
	uint64_t address = address_of(where), bytes = comma != NULL ? strtoull(comma + 1, NULL, 0) : 16;
	uint8_t data[256];

	if (bytes > sizeof(data))
		bytes = sizeof(data);
	if (read_memory(address, data, bytes) != KERN_SUCCESS) {
		printf("mem: nothing at %#llx\n", (unsigned long long)address);
		return;
	}
	for (uint64_t i = 0; i < bytes; i++) {
		struct breakpoint *b = breakpoint_at(address + i);

		if (b != NULL)
			data[i] = b->original;
		if (i % 16 == 0)
			printf("%s%016llx", i == 0 ? "" : "\n", (unsigned long long)(address + i));
		printf(" %02x", data[i]);
	}
	printf("\n");
}

static void set_breakpoint(uint64_t address)
{
	struct breakpoint *b = breakpoint_at(0);

	if (b == NULL || address == 0 || breakpoint_at(address) != NULL)
		return;
	check(read_memory(address, &b->original, 1), "reading the text");
	b->address = address;
	write_text(address, INT3);
}

static void set_watchpoint(uint64_t address)
{
	x86_debug_state64_t debug = { .dr0 = address, .dr7 = WATCH_FIRST };

	check(thread_set_state(thread, x86_DEBUG_STATE64, (thread_state_t)&debug, x86_DEBUG_STATE64_COUNT), "the watchpoint");
}

/* False: no such command. */
static bool command(const char *text)
{
	const char *value = strchr(text, '=');
	unsigned times = value != NULL ? (unsigned)atoi(value + 1) : 1;

	if (strcmp(text, "regs") == 0) {
		show_registers();
	} else if (strncmp(text, "mem=", 4) == 0) {
		show_memory(value + 1);
	} else if (strncmp(text, "break=", 6) == 0) {
		set_breakpoint(address_of(value + 1));
	} else if (strncmp(text, "watch=", 6) == 0) {
		set_watchpoint(address_of(value + 1));
	} else if (strncmp(text, "step", 4) == 0) {
		for (unsigned i = 0; i < times && !ended; i++)
			step();
		if (!ended)
			tell_stop();
	} else if (strcmp(text, "cont") == 0) {
		if (breakpoint_at(registers().rip) != NULL)
			step();
		if (!ended)
			run();
		if (!ended)
			tell_stop();
	} else if (strcmp(text, "kill") == 0) {
		check(task_terminate(task), "task_terminate");
		check(mach_msg_server_once(demux, MESSAGE_MAX, port, MACH_MSG_OPTION_NONE), "waiting for the end");
	} else {
		return false;
	}
	return true;
}

/* Start the program, stopped before its first instruction. */
static void begin(const char *path)
{
	const char *argv[] = { path, NULL }, *wrong = NULL;
	struct mach_spawn what = { .argv = argv, .stopped = true };
	mach_msg_type_number_t bytes = 0, count = 0;
	mach_port_t *threads;
	uint8_t *image = NULL;

	check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "a port");
	check(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND), "its right");
	check(bootstrap_file(bootstrap_port, path, &image, &bytes), path);
	what.image = image;
	what.bytes = bytes;
	what.exit = port;
	check(mach_spawn(&what, &task, &wrong), wrong != NULL ? wrong : path);
	check(task_set_exception_ports(task, EXC_MASK_ALL, port, EXCEPTION_DEFAULT | MACH_EXCEPTION_CODES, 0), "its exceptions");
	check(task_threads(task, &threads, &count), "its threads");
	thread = threads[0];
	printf("%s: stopped at %#llx\n", path, (unsigned long long)registers().rip);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		puts("usage: mdb PROGRAM regs|mem=ADDR,BYTES|break=ADDR|watch=ADDR|step[=TIMES]|cont|kill ...");
		return 2;
	}
	begin(argv[1]);
	for (int i = 2; i < argc && !ended; i++)
		if (!command(argv[i])) {
			printf("mdb: no command '%s'\n", argv[i]);
			(void)task_terminate(task);
			return 2;
		}
	if (!ended)
		(void)task_terminate(task);
	return 0;
}
