/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: exceptions as messages: each kind with its codes, the three behaviours with codes of both widths, ports of thread, task
 *   and node asked in that order, and handlers that refuse, die, are silent or change the registers.
 *
 * Runs as the first task, which has the node's control port.
 */
#include "tap.h"
#include "threads.h"

#include <mach/exc_server.h>
#include <mach/mach_exc_server.h>
#include <mach/thread_status.h>
#include <signal.h>
#include <string.h>

#define HOLE 0x123456789000ull
#define NONCANONICAL 0x8000000000000000ull
#define CODES MACH_EXCEPTION_CODES
#define SERVE_MAX 4096

static unsigned short_for = 4;
enum handler_does { STEP_OVER, REFUSE, SILENT, DIE, SHORT };

/* What the last exception said, and what the handlers do. */
static struct {
	mach_port_t port;
	enum handler_does does;
	volatile unsigned raised;
	exception_type_t type;
	int64_t code, subcode;
	bool with_thread, with_state;
	int flavor;
	uint64_t rip;
} handlers[3];
enum { THREAD_LEVEL, TASK_LEVEL, HOST_LEVEL };

/* Where a victim goes on; set by itself, in WRONG's asm, before what it does wrong. */
static uint64_t resume __asm__("resume") __attribute__((used));

static kern_return_t note(mach_port_t port, mach_port_t thread, exception_type_t type, int64_t code, int64_t subcode)
{
	unsigned i = port == handlers[HOST_LEVEL].port ? HOST_LEVEL : port == handlers[TASK_LEVEL].port ? TASK_LEVEL : THREAD_LEVEL;

	handlers[i].type = type;
	handlers[i].code = code;
	handlers[i].subcode = subcode;
	handlers[i].with_thread = thread != MACH_PORT_NULL;
	handlers[i].with_state = false;
	handlers[i].raised++;
	switch (handlers[i].does) {
	case STEP_OVER:
		return KERN_SUCCESS;
	case SILENT:
		return MIG_NO_REPLY;
	case DIE: /* the request, and the right to answer, go with this port */
		(void)mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
		return KERN_FAILURE;
	case SHORT: /* of memory, until it has been asked so often */
		return handlers[i].raised < short_for ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS;
	default:
		return KERN_FAILURE;
	}
}

static void step_over(mach_port_t thread)
{
	x86_thread_state64_t state;
	mach_msg_type_number_t count = x86_THREAD_STATE64_COUNT;

	if (thread_get_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, &count) != KERN_SUCCESS)
		return;
	state.rip = resume;
	state.rflags &= ~0x100ull;
	(void)thread_set_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, count);
}

static kern_return_t raise_default(mach_port_t port, mach_port_t thread, mach_port_t task, exception_type_t type, int64_t code,
				   int64_t subcode)
{
	kern_return_t kr = note(port, thread, type, code, subcode);

	if (kr == KERN_SUCCESS)
		step_over(thread);
	if (kr == KERN_SUCCESS || kr == MIG_NO_REPLY) {
		(void)mach_port_deallocate(mach_task_self(), thread);
		(void)mach_port_deallocate(mach_task_self(), task);
	}
	return kr;
}

static kern_return_t raise_state(mach_port_t port, mach_port_t thread, exception_type_t type, int64_t code, int64_t subcode,
				 int *flavor, thread_state_t old, mach_msg_type_number_t old_count, thread_state_t new,
				 mach_msg_type_number_t *new_count)
{
	kern_return_t kr = note(port, thread, type, code, subcode);
	x86_thread_state64_t state;

	for (unsigned i = 0; i < 3; i++)
		if (handlers[i].port == port) {
			handlers[i].with_state = true;
			handlers[i].flavor = *flavor;
		}
	if (*flavor == x86_THREAD_STATE64 && old_count == x86_THREAD_STATE64_COUNT) {
		memcpy(&state, old, sizeof(state));
		for (unsigned i = 0; i < 3; i++)
			if (handlers[i].port == port)
				handlers[i].rip = state.rip;
		state.rip = resume;
		state.rflags &= ~0x100ull;
		memcpy(new, &state, sizeof(state));
		*new_count = x86_THREAD_STATE64_COUNT;
	}
	return kr;
}

static kern_return_t catch_default(mach_port_t port, mach_port_t thread, mach_port_t task, exception_type_t type,
				   exception_data_t code, mach_msg_type_number_t count)
{
	return raise_default(port, thread, task, type, code[0], code[1]);
}

static kern_return_t catch_state(mach_port_t port, exception_type_t type, exception_data_t code, mach_msg_type_number_t count,
				 int *flavor, thread_state_t old, mach_msg_type_number_t old_count, thread_state_t new,
				 mach_msg_type_number_t *new_count)
{
	return raise_state(port, MACH_PORT_NULL, type, code[0], code[1], flavor, old, old_count, new, new_count);
}

static kern_return_t catch_identity(mach_port_t port, mach_port_t thread, mach_port_t task, exception_type_t type,
				    exception_data_t code, mach_msg_type_number_t count, int *flavor, thread_state_t old,
				    mach_msg_type_number_t old_count, thread_state_t new, mach_msg_type_number_t *new_count)
{
	kern_return_t kr = raise_state(port, thread, type, code[0], code[1], flavor, old, old_count, new, new_count);

	if (kr == KERN_SUCCESS || kr == MIG_NO_REPLY) {
		(void)mach_port_deallocate(mach_task_self(), thread);
		(void)mach_port_deallocate(mach_task_self(), task);
	}
	return kr;
}

static kern_return_t mach_catch_default(mach_port_t port, mach_port_t thread, mach_port_t task, exception_type_t type,
					mach_exception_data_t code, mach_msg_type_number_t count)
{
	return raise_default(port, thread, task, type, code[0], code[1]);
}

static kern_return_t mach_catch_state(mach_port_t port, exception_type_t type, mach_exception_data_t code,
				      mach_msg_type_number_t count, int *flavor, thread_state_t old,
				      mach_msg_type_number_t old_count, thread_state_t new, mach_msg_type_number_t *new_count)
{
	return raise_state(port, MACH_PORT_NULL, type, code[0], code[1], flavor, old, old_count, new, new_count);
}

static kern_return_t mach_catch_identity(mach_port_t port, mach_port_t thread, mach_port_t task, exception_type_t type,
					 mach_exception_data_t code, mach_msg_type_number_t count, int *flavor,
					 thread_state_t old, mach_msg_type_number_t old_count, thread_state_t new,
					 mach_msg_type_number_t *new_count)
{
	kern_return_t kr = raise_state(port, thread, type, code[0], code[1], flavor, old, old_count, new, new_count);

	if (kr == KERN_SUCCESS || kr == MIG_NO_REPLY) {
		(void)mach_port_deallocate(mach_task_self(), thread);
		(void)mach_port_deallocate(mach_task_self(), task);
	}
	return kr;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct exc_ops narrow = { .exception_raise = catch_default, .exception_raise_state = catch_state,
					       .exception_raise_state_identity = catch_identity };
	static const struct mach_exc_ops wide = { .mach_exception_raise = mach_catch_default,
						  .mach_exception_raise_state = mach_catch_state,
						  .mach_exception_raise_state_identity = mach_catch_identity };

	return exc_demux(&narrow, in, out) || mach_exc_demux(&wide, in, out);
}

static mach_port_t set;

static void *serve(void *unused)
{
	for (;;)
		(void)mach_msg_server(demux, SERVE_MAX, set, MACH_MSG_OPTION_NONE);
	return NULL;
}

static void new_handler(unsigned level, enum handler_does does)
{
	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &handlers[level].port);
	(void)mach_port_insert_right(mach_task_self(), handlers[level].port, handlers[level].port, MACH_MSG_TYPE_MAKE_SEND);
	(void)mach_port_insert_member(mach_task_self(), handlers[level].port, set);
	handlers[level].does = does;
	handlers[level].raised = 0;
}

/* ---- victims ---- */

/* Do INSTRUCTIONS wrong; the handler goes on behind them. */
#define WRONG(instructions, ...)                                                                                   \
	__asm__ volatile("leaq 1f(%%rip), %%rax; movq %%rax, resume(%%rip); " instructions "; 1:" : : __VA_ARGS__ \
			 : "rax", "rcx", "rdx", "memory", "cc")

static uint64_t page; /* read-only */

static kern_return_t bad_instruction(struct actor *a)
{
	WRONG("ud2", "r"(0));
	return KERN_SUCCESS;
}

static kern_return_t divide(struct actor *a)
{
	WRONG("xorl %%ecx, %%ecx; xorl %%edx, %%edx; movl $1, %%eax; divl %%ecx", "r"(0));
	return KERN_SUCCESS;
}

static kern_return_t breakpoint(struct actor *a)
{
	WRONG("int3", "r"(0));
	return KERN_SUCCESS;
}

static kern_return_t single_step(struct actor *a)
{
	WRONG("pushfq; orl $0x100, (%%rsp); popfq; nop; nop", "r"(0));
	return KERN_SUCCESS;
}

static kern_return_t privileged(struct actor *a)
{
	WRONG("hlt", "r"(0));
	return KERN_SUCCESS;
}

static kern_return_t read_hole(struct actor *a)
{
	WRONG("movb (%0), %%cl", "r"(HOLE));
	return KERN_SUCCESS;
}

static kern_return_t read_noncanonical(struct actor *a)
{
	WRONG("movb (%0), %%cl", "r"(NONCANONICAL));
	return KERN_SUCCESS;
}

static kern_return_t write_read_only(struct actor *a)
{
	WRONG("movb %%cl, (%0)", "r"(page));
	return KERN_SUCCESS;
}

static kern_return_t run_data(struct actor *a)
{
	WRONG("movq %%rsp, %%rdx; jmp *%0", "r"(page));
	return KERN_SUCCESS;
}

static kern_return_t sse_error(struct actor *a)
{
	uint32_t strict = 0x1d80, normal = 0x1f80; /* division by zero is told */

	__asm__ volatile("ldmxcsr %0" : : "m"(strict));
	WRONG("pxor %%xmm1, %%xmm1; movl $0x3f800000, %%ecx; movd %%ecx, %%xmm0; divss %%xmm1, %%xmm0", "r"(0));
	__asm__ volatile("ldmxcsr %0" : : "m"(normal));
	return KERN_SUCCESS;
}

static kern_return_t x87_error(struct actor *a)
{
	uint16_t strict = 0x37b, normal = 0x37f;

	__asm__ volatile("fldcw %0" : : "m"(strict));
	WRONG("fldz; fld1; fdivp; fwait", "r"(0));
	__asm__ volatile("fnclex; fldcw %0; fninit" : : "m"(normal));
	return KERN_SUCCESS;
}

static kern_return_t signal_self(struct actor *a)
{
	resume = 0;
	return raise(SIGUSR1) == 0 ? KERN_SUCCESS : KERN_FAILURE;
}

/* Run victim to its end in a thread; its exceptions go to the task's handler. */
static bool survives(kern_return_t (*victim)(struct actor *))
{
	struct actor a = { .act = victim };

	actor_start(&a);
	return actor_join(&a) == KERN_SUCCESS;
}

static void kind(const char *id, const char *what, kern_return_t (*victim)(struct actor *), exception_type_t type, int64_t code,
		 bool subcode_counts, int64_t subcode)
{
	unsigned before = handlers[TASK_LEVEL].raised;
	bool lived = survives(victim);

	tap(lived && handlers[TASK_LEVEL].raised == before + 1 && handlers[TASK_LEVEL].type == type &&
	    handlers[TASK_LEVEL].code == code && (!subcode_counts || handlers[TASK_LEVEL].subcode == subcode),
	    "%s %s: exception %d, code %lld, subcode %#llx", id, what, handlers[TASK_LEVEL].type,
	    (long long)handlers[TASK_LEVEL].code, (unsigned long long)handlers[TASK_LEVEL].subcode);
}

static kern_return_t task_ports(exception_mask_t mask, mach_port_t port, int behavior, int flavor)
{
	return task_set_exception_ports(mach_task_self(), mask, port, behavior, flavor);
}

/* QEMU's TCG raises no SSE exceptions; a machine that does must name them so. */
static void sse_kind(void)
{
	unsigned before = handlers[TASK_LEVEL].raised;
	bool lived = survives(sse_error);

	if (lived && handlers[TASK_LEVEL].raised == before)
		tap(true, "EXC0011 an SSE error # SKIP this processor raises none");
	else
		tap(lived && handlers[TASK_LEVEL].type == EXC_ARITHMETIC && handlers[TASK_LEVEL].code == EXC_I386_SSEEXTERR,
		    "EXC0011 an SSE error");
}

static void kinds(void)
{
	mach_vm_address_t address = 0;

	(void)mach_vm_allocate(mach_task_self(), &address, 4096, VM_FLAGS_ANYWHERE);
	*(volatile uint8_t *)(uintptr_t)address = 0xc3;
	(void)mach_vm_protect(mach_task_self(), address, 4096, FALSE, VM_PROT_READ);
	page = address;
	tap_result(task_ports(EXC_MASK_ALL, handlers[TASK_LEVEL].port, EXCEPTION_STATE_IDENTITY | CODES, x86_THREAD_STATE64),
		   KERN_SUCCESS, "EXC0001 a handler for all kinds");
	kind("EXC0002", "an undefined opcode", bad_instruction, EXC_BAD_INSTRUCTION, EXC_I386_INVOP, false, 0);
	kind("EXC0003", "a division by zero", divide, EXC_ARITHMETIC, EXC_I386_DIV, false, 0);
	kind("EXC0004", "a breakpoint", breakpoint, EXC_BREAKPOINT, EXC_I386_BPT, false, 0);
	kind("EXC0005", "a single step", single_step, EXC_BREAKPOINT, EXC_I386_SGL, true, 0x4000);
	kind("EXC0006", "a privileged instruction", privileged, EXC_BAD_ACCESS, EXC_I386_GPFLT, false, 0);
	kind("EXC0007", "a read where nothing is", read_hole, EXC_BAD_ACCESS, KERN_INVALID_ADDRESS, true, (int64_t)HOLE);
	kind("EXC0008", "a read at no address", read_noncanonical, EXC_BAD_ACCESS, EXC_I386_GPFLT, false, 0);
	kind("EXC0009", "a write to a read-only page", write_read_only, EXC_BAD_ACCESS, KERN_PROTECTION_FAILURE, true, (int64_t)page);
	kind("EXC0010", "a jump to data", run_data, EXC_BAD_ACCESS, KERN_PROTECTION_FAILURE, true, (int64_t)page);
	sse_kind();
	kind("EXC0012", "an x87 error", x87_error, EXC_ARITHMETIC, EXC_I386_EXTERR, false, 0);
	(void)mach_vm_deallocate(mach_task_self(), address, 4096);
}

/* ---- behaviours ---- */

static void behaviour(const char *id, int behavior, bool with_thread, bool with_state)
{
	int64_t wanted = (behavior & CODES) != 0 ? (int64_t)HOLE : (int64_t)(int)HOLE;
	unsigned before = handlers[TASK_LEVEL].raised;
	kern_return_t kr = task_ports(EXC_MASK_BAD_ACCESS, handlers[TASK_LEVEL].port, behavior,
				      with_state ? x86_THREAD_STATE64 : 0);
	bool lived = kr == KERN_SUCCESS && survives(read_hole);

	tap(lived && handlers[TASK_LEVEL].raised == before + 1 && handlers[TASK_LEVEL].with_thread == with_thread &&
	    handlers[TASK_LEVEL].with_state == with_state && handlers[TASK_LEVEL].subcode == wanted &&
	    (!with_state || handlers[TASK_LEVEL].rip != 0), "%s behaviour %#x: subcode %#llx", id, (unsigned)behavior,
	    (unsigned long long)handlers[TASK_LEVEL].subcode);
}

static void behaviours(void)
{
	behaviour("EXC0020", EXCEPTION_DEFAULT, true, false);
	behaviour("EXC0021", EXCEPTION_STATE, false, true);
	behaviour("EXC0022", EXCEPTION_STATE_IDENTITY, true, true);
	behaviour("EXC0023", EXCEPTION_DEFAULT | CODES, true, false);
	behaviour("EXC0024", EXCEPTION_STATE | CODES, false, true);
	behaviour("EXC0025", EXCEPTION_STATE_IDENTITY | CODES, true, true);
}

/* ---- get, set and swap ---- */

static void errors(void)
{
	exception_mask_t masks[EXC_TYPES_COUNT];
	mach_msg_type_number_t count = EXC_TYPES_COUNT;
	mach_port_t ports[EXC_TYPES_COUNT], port = handlers[TASK_LEVEL].port, self = mach_thread_self();
	exception_behavior_t behaviors[EXC_TYPES_COUNT];
	int flavors[EXC_TYPES_COUNT];

	tap_result(task_ports(1, port, EXCEPTION_DEFAULT, 0), KERN_INVALID_ARGUMENT, "EXC0030 there is no kind 0");
	tap_result(task_ports(1 << 20, port, EXCEPTION_DEFAULT, 0), KERN_INVALID_ARGUMENT, "EXC0031 nor kind 20");
	tap_result(task_ports(EXC_MASK_ALL, port, 4, 0), KERN_INVALID_ARGUMENT, "EXC0032 nor behaviour 4");
	tap_result(task_ports(EXC_MASK_ALL, port, EXCEPTION_STATE, 0), KERN_INVALID_ARGUMENT, "EXC0033 state wants a flavour");
	tap_result(task_ports(EXC_MASK_ALL, port, EXCEPTION_STATE, 99), KERN_INVALID_ARGUMENT, "EXC0034 one that is");
	tap_result(task_ports(EXC_MASK_ALL, port, EXCEPTION_STATE_IDENTITY, THREAD_STATE_NONE), KERN_INVALID_ARGUMENT, "EXC0091 none is not one");
	tap_result(task_ports(0, port, EXCEPTION_DEFAULT | (int)MACH_EXCEPTION_CODES, THREAD_STATE_NONE), KERN_SUCCESS,
		   "EXC0092 but is taken where no state goes along");
	tap_result(task_set_exception_ports(mach_host_self(), EXC_MASK_ALL, port, EXCEPTION_DEFAULT, 0), KERN_INVALID_TASK,
		   "EXC0035 of what is no task");
	tap_result(thread_set_exception_ports(mach_task_self(), EXC_MASK_ALL, port, EXCEPTION_DEFAULT, 0), KERN_INVALID_ARGUMENT,
		   "EXC0036 of what is no thread");
	tap_result(host_set_exception_ports(mach_task_self(), EXC_MASK_ALL, port, EXCEPTION_DEFAULT, 0), KERN_INVALID_ARGUMENT,
		   "EXC0037 of what is not the node");
	tap_result(thread_set_exception_ports(self, EXC_MASK_ALL, port, 9, 0), KERN_INVALID_ARGUMENT, "EXC0038 a thread's behaviour");
	tap_result(host_set_exception_ports(mach_host_self(), 1, port, EXCEPTION_DEFAULT, 0), KERN_INVALID_ARGUMENT,
		   "EXC0039 a node's kind");
	tap_result(task_get_exception_ports(mach_task_self(), 1, masks, &count, ports, behaviors, flavors), KERN_INVALID_ARGUMENT,
		   "EXC0040 no kind 0 to get");
	tap_result(task_get_exception_ports(mach_host_self(), EXC_MASK_ALL, masks, &count, ports, behaviors, flavors),
		   KERN_INVALID_TASK, "EXC0041 nor of no task");
	tap_result(thread_get_exception_ports(mach_task_self(), EXC_MASK_ALL, masks, &count, ports, behaviors, flavors),
		   KERN_INVALID_ARGUMENT, "EXC0042 nor of no thread");
	tap_result(host_get_exception_ports(mach_task_self(), EXC_MASK_ALL, masks, &count, ports, behaviors, flavors),
		   KERN_INVALID_ARGUMENT, "EXC0043 nor of no node");
	tap_result(task_swap_exception_ports(mach_task_self(), EXC_MASK_ALL, port, 7, 0, masks, &count, ports, behaviors, flavors),
		   KERN_INVALID_ARGUMENT, "EXC0044 a swap has the same rules");
	(void)mach_port_deallocate(mach_task_self(), self);
}

static bool one_group(kern_return_t kr, mach_msg_type_number_t count, exception_mask_t mask, mach_port_t got, mach_port_t wanted)
{
	bool good = kr == KERN_SUCCESS && count == 1 && mask == EXC_MASK_ARITHMETIC && got == wanted;

	if (kr == KERN_SUCCESS && MACH_PORT_VALID(got))
		(void)mach_port_deallocate(mach_task_self(), got);
	return good;
}

static void get_and_swap(void)
{
	exception_mask_t masks[EXC_TYPES_COUNT];
	mach_msg_type_number_t count = EXC_TYPES_COUNT;
	mach_port_t ports[EXC_TYPES_COUNT], port = handlers[TASK_LEVEL].port, other = handlers[THREAD_LEVEL].port;
	mach_port_t self = mach_thread_self();
	exception_behavior_t behaviors[EXC_TYPES_COUNT];
	int flavors[EXC_TYPES_COUNT];
	kern_return_t kr;
	bool good;

	(void)task_ports(EXC_MASK_ALL, port, EXCEPTION_DEFAULT | CODES, 0);
	(void)task_ports(EXC_MASK_BREAKPOINT | EXC_MASK_ARITHMETIC, other, EXCEPTION_STATE, x86_THREAD_STATE64);
	kr = task_get_exception_ports(mach_task_self(), EXC_MASK_ALL, masks, &count, ports, behaviors, flavors);
	good = kr == KERN_SUCCESS && count == 2 && (masks[0] | masks[1]) == EXC_MASK_ALL && (masks[0] & masks[1]) == 0;
	for (mach_msg_type_number_t i = 0; kr == KERN_SUCCESS && i < count; i++) {
		good &= ports[i] == port ? behaviors[i] == (EXCEPTION_DEFAULT | CODES) && flavors[i] == 0 :
			ports[i] == other && masks[i] == (EXC_MASK_BREAKPOINT | EXC_MASK_ARITHMETIC) &&
				behaviors[i] == EXCEPTION_STATE && flavors[i] == x86_THREAD_STATE64;
		(void)mach_port_deallocate(mach_task_self(), ports[i]);
	}
	tap(good, "EXC0050 what is set alike is told together");
	count = 1;
	tap_result(task_get_exception_ports(mach_task_self(), EXC_MASK_ALL, masks, &count, ports, behaviors, flavors),
		   KERN_INVALID_ARGUMENT, "EXC0051 too little room");
	count = EXC_TYPES_COUNT;
	kr = task_swap_exception_ports(mach_task_self(), EXC_MASK_ARITHMETIC, port, EXCEPTION_DEFAULT, 0, masks, &count, ports,
				       behaviors, flavors);
	tap(one_group(kr, count, masks[0], ports[0], other), "EXC0052 a swap gives what was");
	count = EXC_TYPES_COUNT;
	kr = task_get_exception_ports(mach_task_self(), EXC_MASK_ARITHMETIC, masks, &count, ports, behaviors, flavors);
	tap(one_group(kr, count, masks[0], ports[0], port), "EXC0053 and sets what is");
	count = EXC_TYPES_COUNT;
	kr = thread_swap_exception_ports(self, EXC_MASK_ARITHMETIC, other, EXCEPTION_DEFAULT, 0, masks, &count, ports, behaviors,
					 flavors);
	tap(one_group(kr, count, masks[0], ports[0], MACH_PORT_NULL), "EXC0054 the same of a thread, which had none");
	count = EXC_TYPES_COUNT;
	kr = thread_get_exception_ports(self, EXC_MASK_ARITHMETIC, masks, &count, ports, behaviors, flavors);
	tap(one_group(kr, count, masks[0], ports[0], other), "EXC0055 and has");
	(void)thread_set_exception_ports(self, EXC_MASK_ALL, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0);
	count = EXC_TYPES_COUNT;
	kr = host_swap_exception_ports(mach_host_self(), EXC_MASK_ARITHMETIC, other, EXCEPTION_DEFAULT, 0, masks, &count, ports,
				       behaviors, flavors);
	tap(one_group(kr, count, masks[0], ports[0], MACH_PORT_NULL), "EXC0056 the same of the node");
	count = EXC_TYPES_COUNT;
	kr = host_get_exception_ports(mach_host_self(), EXC_MASK_ARITHMETIC, masks, &count, ports, behaviors, flavors);
	tap(one_group(kr, count, masks[0], ports[0], other), "EXC0057 and it has");
	(void)host_set_exception_ports(mach_host_self(), EXC_MASK_ALL, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0);
	(void)task_ports(EXC_MASK_ALL, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0);
	(void)mach_port_deallocate(mach_task_self(), self);
}

/* ---- the order, and handlers that do not do what they should ---- */

static kern_return_t with_own_port(struct actor *a)
{
	mach_port_t self = mach_thread_self();

	(void)thread_set_exception_ports(self, EXC_MASK_ALL, handlers[THREAD_LEVEL].port, EXCEPTION_STATE_IDENTITY | CODES,
					 x86_THREAD_STATE64);
	(void)mach_port_deallocate(mach_task_self(), self);
	return bad_instruction(a);
}

static bool asked(unsigned thread, unsigned task, unsigned host)
{
	bool good = handlers[0].raised == thread && handlers[1].raised == task && handlers[2].raised == host;

	handlers[0].raised = handlers[1].raised = handlers[2].raised = 0;
	return good;
}

static void order(void)
{
	struct actor a = { .act = with_own_port };

	(void)task_ports(EXC_MASK_ALL, handlers[TASK_LEVEL].port, EXCEPTION_STATE_IDENTITY | CODES, x86_THREAD_STATE64);
	(void)host_set_exception_ports(mach_host_self(), EXC_MASK_ALL, handlers[HOST_LEVEL].port,
				       EXCEPTION_STATE_IDENTITY | CODES, x86_THREAD_STATE64);
	(void)asked(0, 0, 0);
	tap(survives(with_own_port) && asked(1, 0, 0), "EXC0060 the thread's port is asked, and alone if it answers");
	handlers[THREAD_LEVEL].does = REFUSE;
	tap(survives(with_own_port) && asked(1, 1, 0), "EXC0061 then the task's");
	handlers[THREAD_LEVEL].does = SHORT;
	tap(survives(with_own_port) && asked(4, 0, 0), "EXC0071 one that has no memory for it is asked again");
	short_for = 1000000;
	tap(survives(with_own_port) && handlers[THREAD_LEVEL].raised > 4 && asked(handlers[THREAD_LEVEL].raised, 1, 0), "EXC0072 for some time");
	handlers[THREAD_LEVEL].does = REFUSE;
	handlers[TASK_LEVEL].does = REFUSE;
	tap(survives(with_own_port) && asked(1, 1, 1), "EXC0062 then the node's");
	(void)task_ports(EXC_MASK_ALL, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0);
	tap(survives(with_own_port) && asked(1, 0, 1), "EXC0063 a level without a port is passed over");
	handlers[TASK_LEVEL].does = STEP_OVER;
	(void)task_ports(EXC_MASK_ALL, handlers[TASK_LEVEL].port, EXCEPTION_STATE_IDENTITY | CODES, x86_THREAD_STATE64);
	handlers[THREAD_LEVEL].does = DIE;
	tap(survives(with_own_port) && asked(1, 1, 0), "EXC0064 a handler that dies has refused");
	tap(survives(with_own_port) && asked(0, 1, 0), "EXC0065 one that is dead too");
	(void)mach_port_deallocate(mach_task_self(), handlers[THREAD_LEVEL].port);
	new_handler(THREAD_LEVEL, SILENT);
	actor_start(&a);
	while (handlers[THREAD_LEVEL].raised == 0)
		usleep(500);
	tap(thread_waits(a.thread) && asked(1, 0, 0), "EXC0066 a silent handler lets the thread wait");
	tap_result(thread_abort(a.thread), KERN_SUCCESS, "EXC0067 an abort");
	while (handlers[THREAD_LEVEL].raised == 0)
		usleep(500);
	tap(thread_waits(a.thread) && asked(1, 0, 0), "EXC0068 makes it run the instruction again");
	tap_result(thread_terminate(a.thread), KERN_SUCCESS, "EXC0069 it can be terminated");
	for (int i = 0; i < THREADS_TRIES && tap_refs(a.thread, MACH_PORT_RIGHT_DEAD_NAME) == 0; i++)
		usleep(500);
	tap(tap_refs(a.thread, MACH_PORT_RIGHT_DEAD_NAME) != 0, "EXC0070 and is gone at once");
	handlers[THREAD_LEVEL].does = STEP_OVER;
}

/* ---- the end of a task ---- */

static _Alignas(16) char child_stack[16384];

static void child_crashes(void)
{
	__asm__ volatile("ud2");
}

static void crash(void)
{
	x86_thread_state64_t state = { .rip = (uint64_t)(uintptr_t)child_crashes, .rflags = 0x202,
				       .rsp = (uint64_t)(uintptr_t)child_stack + sizeof(child_stack) - 8 };
	mach_port_t task, thread;

	(void)host_set_exception_ports(mach_host_self(), EXC_MASK_VALID, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0);
	handlers[TASK_LEVEL].does = REFUSE;
	(void)task_ports(EXC_MASK_CRASH, handlers[THREAD_LEVEL].port, EXCEPTION_DEFAULT | CODES, 0);
	(void)asked(0, 0, 0);
	tap(task_create(mach_task_self(), NULL, 0, TRUE, &task) == KERN_SUCCESS &&
	    thread_create_running(task, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT, &thread) == KERN_SUCCESS,
	    "EXC0080 a child that inherits the handlers");
	for (int i = 0; i < THREADS_TRIES && tap_refs(task, MACH_PORT_RIGHT_DEAD_NAME) == 0; i++)
		usleep(500);
	tap(tap_refs(task, MACH_PORT_RIGHT_DEAD_NAME) != 0 && handlers[TASK_LEVEL].raised == 1 && handlers[THREAD_LEVEL].raised == 1 &&
	    handlers[THREAD_LEVEL].type == EXC_CRASH &&
	    handlers[THREAD_LEVEL].code == EXC_CRASH_CODE(EXC_BAD_INSTRUCTION, 4, EXC_I386_INVOP),
	    "EXC0081 ends when they refuse, and EXC_CRASH tells of what: %#llx", (long long)handlers[THREAD_LEVEL].code);
	(void)mach_port_deallocate(mach_task_self(), task);
	(void)mach_port_deallocate(mach_task_self(), thread);
	(void)task_ports(EXC_MASK_VALID, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0);
	handlers[TASK_LEVEL].does = STEP_OVER;
}

/* A signal that a handler deals with is no end: the call returns. Its handler has no business with the registers. */
static kern_return_t take_signal(mach_port_t port, mach_port_t thread, mach_port_t task, exception_type_t type,
				 mach_exception_data_t code, mach_msg_type_number_t count)
{
	(void)note(port, thread, type, code[0], code[1]);
	(void)mach_port_deallocate(mach_task_self(), thread);
	(void)mach_port_deallocate(mach_task_self(), task);
	return KERN_SUCCESS;
}

static boolean_t signal_demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct mach_exc_ops ops = { .mach_exception_raise = take_signal };

	return mach_exc_demux(&ops, in, out);
}

static void a_signal(void)
{
	struct actor a = { .act = signal_self };
	mach_port_t alone = handlers[THREAD_LEVEL].port;

	(void)mach_port_extract_member(mach_task_self(), alone, set);
	(void)task_ports(EXC_MASK_SOFTWARE, alone, EXCEPTION_DEFAULT | CODES, 0);
	actor_start(&a);
	(void)mach_msg_server_once(signal_demux, SERVE_MAX, alone, MACH_MSG_OPTION_NONE);
	tap(actor_join(&a) == KERN_SUCCESS && handlers[THREAD_LEVEL].type == EXC_SOFTWARE &&
	    handlers[THREAD_LEVEL].code == EXC_SOFT_SIGNAL && handlers[THREAD_LEVEL].subcode == SIGUSR1,
	    "EXC0082 a signal to itself is EXC_SOFTWARE: %d, code %#llx, subcode %lld", handlers[THREAD_LEVEL].type,
	    (long long)handlers[THREAD_LEVEL].code, (long long)handlers[THREAD_LEVEL].subcode);
	(void)task_ports(EXC_MASK_SOFTWARE, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0);
	(void)mach_port_insert_member(mach_task_self(), alone, set);
}

int main(void)
{
	pthread_t server;
	unsigned names;

	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set);
	for (unsigned level = 0; level < 3; level++)
		new_handler(level, STEP_OVER);
	(void)pthread_create(&server, NULL, serve, NULL);
	kinds();
	names = tap_names();
	behaviours();
	errors();
	get_and_swap();
	order();
	crash();
	a_signal();
	/* Reply ports of two threads that live, and what the terminated one left: its name, its reply port, the two unanswered. */
	tap(tap_names() <= names + 6, "EXC0090 no name is left over (%u, %u)", names, tap_names());
	return tap_done();
}
