/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: a debugger drives another task by messages alone: threads, registers, memory, breakpoints in its text, single steps,
 *   hardware breakpoints and watchpoints, and its end.
 */
#include "stopped.h"
#include "tap.h"

#define PAGE 4096ull

/* ---- who is debugged: a copy of this task ---- */

static volatile uint64_t watched, rounds;
static _Alignas(16) char debuggee_stack[2][16384];

/* Its address is where the breakpoints go; not inlined, so that it has one. */
__attribute__((noinline, noclone)) static uint64_t step(uint64_t value)
{
	__asm__ volatile("nop; nop; nop" : : : "memory");
	return value + 1;
}

static void debuggee(void)
{
	for (;;) {
		rounds = step(rounds);
		if (rounds % 4 == 0)
			watched = rounds;
	}
}

static void bystander(void)
{
	for (;;)
		__asm__ volatile("pause");
}

/* ---- the debugger ---- */

static bool read_memory(const volatile void *address, void *to, size_t bytes)
{
	mach_vm_size_t got = 0;

	return mach_vm_read_overwrite(stopped_task, (mach_vm_address_t)(uintptr_t)address, bytes, (mach_vm_address_t)(uintptr_t)to,
				      &got) == KERN_SUCCESS && got == bytes;
}

/*
 * Write a byte of the debuggee's text, which nobody may write: a copy of its own. Its threads stand meanwhile, for a page that may
 * be written may not be run.
 */
static kern_return_t write_text(uint64_t address, uint8_t byte)
{
	mach_vm_address_t page = address & ~(PAGE - 1);
	kern_return_t kr = task_suspend(stopped_task);

	if (kr == KERN_SUCCESS)
		kr = mach_vm_protect(stopped_task, page, PAGE, FALSE, VM_PROT_READ | VM_PROT_WRITE | VM_PROT_COPY);

	if (kr == KERN_SUCCESS)
		kr = mach_vm_write(stopped_task, address, (vm_offset_t)(uintptr_t)&byte, 1);
	if (kr == KERN_SUCCESS)
		kr = mach_vm_protect(stopped_task, page, PAGE, FALSE, VM_PROT_READ | VM_PROT_EXECUTE);
	if (kr == KERN_SUCCESS)
		kr = task_resume(stopped_task);
	return kr;
}

static void create(void)
{
	x86_thread_state64_t state = { .rip = (uint64_t)(uintptr_t)debuggee, .rflags = 0x202,
				       .rsp = (uint64_t)(uintptr_t)debuggee_stack[0] + sizeof(debuggee_stack[0]) - 8 };
	mach_port_t other, *list = NULL;
	mach_msg_type_number_t count = 0;
	uint64_t value = 1;

	tap_result(task_create(mach_task_self(), NULL, 0, TRUE, &stopped_task), KERN_SUCCESS, "DBG0001 a task to debug");
	tap_result(task_set_exception_ports(stopped_task, EXC_MASK_BREAKPOINT, stopped_port(), STOPPED_BEHAVIOR, x86_THREAD_STATE64), KERN_SUCCESS,
		   "DBG0002 its breakpoints are told to us");
	tap_result(thread_create(stopped_task, &stopped_thread), KERN_SUCCESS, "DBG0003 a thread that does not run");
	tap_result(thread_set_state(stopped_thread, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT), KERN_SUCCESS,
		   "DBG0004 is given its registers");
	state.rip = (uint64_t)(uintptr_t)bystander;
	state.rsp = (uint64_t)(uintptr_t)debuggee_stack[1] + sizeof(debuggee_stack[1]) - 8;
	tap_result(thread_create_running(stopped_task, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT, &other),
		   KERN_SUCCESS, "DBG0005 another runs");
	tap(task_threads(stopped_task, &list, &count) == KERN_SUCCESS && count == 2, "DBG0006 both are listed");
	for (mach_msg_type_number_t i = 0; i < count; i++)
		(void)mach_port_deallocate(mach_task_self(), list[i]);
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)list, count * sizeof(*list));
	(void)mach_port_deallocate(mach_task_self(), other);
	tap(read_memory(&rounds, &value, sizeof(value)) && value == 0, "DBG0007 its memory is read");
}

static void breakpoint(void)
{
	uint64_t at = (uint64_t)(uintptr_t)step, value = 0;
	uint8_t original = *(const uint8_t *)(uintptr_t)at, now = 0;
	x86_thread_state64_t state;

	tap_result(write_text(at, INT3), KERN_SUCCESS, "DBG0010 a breakpoint goes into its text");
	tap(read_memory((void *)(uintptr_t)at, &now, 1) && now == INT3 && *(const volatile uint8_t *)(uintptr_t)at == original,
	    "DBG0011 and not into ours, which was the same page");
	tap_result(thread_resume(stopped_thread), KERN_SUCCESS, "DBG0012 the thread begins");
	tap(stops(0) && stopped.type == EXC_BREAKPOINT && stopped.code == EXC_I386_BPT && stopped.state.rip == at + 1,
	    "DBG0013 and stops at the breakpoint");
	tap(stopped.state.rdi == 0 && read_memory(&rounds, &value, sizeof(value)) && value == 0, "DBG0014 in its first call");
	tap_result(write_text(at, original), KERN_SUCCESS, "DBG0015 the breakpoint is taken out");
	state = stopped.state;
	state.rip = at;
	state.rdi = 100;
	state.rflags |= TRAP_FLAG;
	continue_with(state);
	tap(stops(1) && stopped.code == EXC_I386_SGL && (stopped.subcode & 0x4000) != 0 && stopped.state.rip > at,
	    "DBG0016 a single step");
	state = stopped.state;
	at = state.rip;
	state.rflags |= TRAP_FLAG;
	continue_with(state);
	tap(stops(2) && stopped.code == EXC_I386_SGL && stopped.state.rip > at && stopped.state.rip < at + 16, "DBG0017 and another");
}

static kern_return_t set_debug(x86_debug_state64_t debug)
{
	return thread_set_state(stopped_thread, x86_DEBUG_STATE64, (thread_state_t)&debug, x86_DEBUG_STATE64_COUNT);
}

static void watchpoint(void)
{
	x86_debug_state64_t debug = { .dr1 = (uint64_t)(uintptr_t)&watched, .dr7 = 1 << 2 | 1u << 20 | 2u << 22 }; /* write, 8 bytes */
	mach_msg_type_number_t count = x86_DEBUG_STATE64_COUNT;
	x86_thread_state64_t state = stopped.state;
	uint64_t value = 0;

	tap_result(set_debug(debug), KERN_SUCCESS, "DBG0020 a watchpoint on a variable");
	state.rflags &= ~(uint64_t)TRAP_FLAG;
	continue_with(state);
	tap(stops(3) && stopped.type == EXC_BREAKPOINT && stopped.code == EXC_I386_SGL && (stopped.subcode & 0xf) == 2,
	    "DBG0021 stops the thread that writes it: dr6 %#llx", (unsigned long long)stopped.subcode);
	tap(read_memory(&watched, &value, sizeof(value)) && value != 0 && value % 4 == 0 && value > 100,
	    "DBG0022 after the write: %llu, from where we set the register", (unsigned long long)value);
	tap(thread_get_state(stopped_thread, x86_DEBUG_STATE64, (thread_state_t)&debug, &count) == KERN_SUCCESS && (debug.dr6 & 0xf) == 2 &&
	    debug.dr1 == (uint64_t)(uintptr_t)&watched, "DBG0023 the thread's status says which");
	continue_with(stopped.state);
	tap(stops(4) && read_memory(&watched, &debug.dr4, sizeof(debug.dr4)) && debug.dr4 == value + 4, "DBG0024 and again at the next write");
	tap(watched == 0, "DBG0025 our own variable is another");
}

static void hardware_breakpoint(void)
{
	x86_debug_state64_t debug = { .dr0 = (uint64_t)(uintptr_t)step, .dr7 = 1 }, off = { 0 };
	uint64_t before, value = 0;

	tap_result(set_debug(debug), KERN_SUCCESS, "DBG0030 a breakpoint in a register");
	continue_with(stopped.state);
	tap(stops(5) && stopped.code == EXC_I386_SGL && (stopped.subcode & 0xf) == 1 && stopped.state.rip == (uint64_t)(uintptr_t)step,
	    "DBG0031 stops before the instruction");
	before = stopped.state.rdi;
	continue_with(stopped.state);
	tap(stops(6) && stopped.state.rip == (uint64_t)(uintptr_t)step && stopped.state.rdi == before + 1,
	    "DBG0032 which runs when the thread goes on, and stops it at the next call");
	tap_result(set_debug(off), KERN_SUCCESS, "DBG0033 it is taken away");
	continue_with(stopped.state);
	for (int i = 0; i < THREADS_TRIES && value < before + 1000; i++) {
		usleep(500);
		(void)read_memory(&rounds, &value, sizeof(value));
	}
	tap(value >= before + 1000 && stopped.count == 7, "DBG0034 and the thread runs free");
}

static void stop_and_look(void)
{
	x86_thread_state64_t a, b;
	mach_msg_type_number_t count = x86_THREAD_STATE64_COUNT;
	uint64_t forced = 1ull << 40, value = 0;

	tap_result(task_suspend(stopped_task), KERN_SUCCESS, "DBG0040 the task is stopped");
	tap(thread_get_state(stopped_thread, x86_THREAD_STATE64, (thread_state_t)&a, &count) == KERN_SUCCESS &&
	    thread_get_state(stopped_thread, x86_THREAD_STATE64, (thread_state_t)&b, &count) == KERN_SUCCESS && memcmp(&a, &b, sizeof(a)) == 0,
	    "DBG0041 its registers hold still");
	tap_result(mach_vm_write(stopped_task, (mach_vm_address_t)(uintptr_t)&watched, (vm_offset_t)(uintptr_t)&forced, sizeof(forced)),
		   KERN_SUCCESS, "DBG0042 its memory is written");
	tap(read_memory(&watched, &value, sizeof(value)) && value == forced, "DBG0043 and holds it");
	tap_result(task_resume(stopped_task), KERN_SUCCESS, "DBG0044 it goes on");
	for (int i = 0; i < THREADS_TRIES && value == forced; i++) {
		usleep(500);
		(void)read_memory(&watched, &value, sizeof(value));
	}
	tap(value != forced, "DBG0045 and writes there itself");
	tap_result(task_terminate(stopped_task), KERN_SUCCESS, "DBG0046 it is ended");
	for (int i = 0; i < THREADS_TRIES && tap_refs(stopped_thread, MACH_PORT_RIGHT_DEAD_NAME) == 0; i++)
		usleep(500);
	tap(tap_refs(stopped_thread, MACH_PORT_RIGHT_DEAD_NAME) != 0, "DBG0047 with its threads");
	(void)mach_port_deallocate(mach_task_self(), stopped_thread);
	(void)mach_port_deallocate(mach_task_self(), stopped_task);
}

int main(void)
{
	create();
	breakpoint();
	watchpoint();
	hardware_breakpoint();
	stop_and_look();
	return tap_done();
}
