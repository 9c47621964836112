/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: exception handlers that mean harm: replies that are garbage, states that no thread may have, handlers that end what
 *   they handle, that fault themselves, or that are the thread which they handle. The thread whose exception it is either goes on as the
 *   handler may say, or the next handler is asked; the kernel goes on.
 */
#include "child.h"
#include "tap.h"

#include <mach/mach_exc_server.h>
#include <mach/mig_errors.h>
#include <string.h>

#define CODES ((int)MACH_EXCEPTION_CODES)
#define IDENTITY (EXCEPTION_STATE_IDENTITY | CODES)
#define REPLY_BYTES 1200
#define STATE_AT 40 /* in the reply: behind id, RetCode, flavor, count */
#define KERNEL_ADDRESS 0xffff800000000000ull
#define NONCANONICAL 0x0000900000000000ull

/* A reply under construction: as the stub would lay it out. */
struct reply {
	mach_msg_header_t head;
	kern_return_t code;
	int flavor;
	uint32_t count;
	uint32_t pad;
	uint8_t state[REPLY_BYTES];
};
_Static_assert(offsetof(struct reply, state) == STATE_AT, "as in mach_exc_server.c");

struct request {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_port_descriptor_t thread, task;
	exception_type_t exception;
	uint32_t code_count;
	int flavor;
	uint32_t state_count;
	int64_t codes[2];
	uint8_t state[1040 + sizeof(mach_msg_max_trailer_t)];
};

static mach_port_t self_task, hostile, good;
static volatile unsigned hostile_calls, good_calls;

/* Where it goes on is in rax. */
#define FAULT() __asm__ volatile("leaq 1f(%%rip), %%rax; ud2; 1:" : : : "rax", "memory", "cc")

/* ---- the handler that means well: steps over ---- */

static kern_return_t step_over(mach_port_t port, mach_port_t thread, mach_port_t task, exception_type_t type, mach_exception_data_t code,
			       mach_msg_type_number_t count, int *flavor, thread_state_t old, mach_msg_type_number_t old_count,
			       thread_state_t new, mach_msg_type_number_t *new_count)
{
	x86_thread_state64_t state;

	memcpy(&state, old, sizeof(state));
	state.rip = state.rax;
	memcpy(new, &state, sizeof(state));
	*new_count = x86_THREAD_STATE64_COUNT;
	(void)mach_port_deallocate(self_task, thread);
	(void)mach_port_deallocate(self_task, task);
	__atomic_add_fetch(&good_calls, 1, __ATOMIC_RELEASE);
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct mach_exc_ops ops = { .mach_exception_raise_state_identity = step_over };

	return mach_exc_demux(&ops, in, out);
}

static void *serve(void *unused)
{
	for (;;)
		(void)mach_msg_server(demux, 4096, good, MACH_MSG_OPTION_NONE);
	return NULL;
}

/* ---- the one that does not ---- */

/* What it makes of a good reply, and how many bytes it then sends. */
typedef mach_msg_size_t (*spoiler)(struct reply *, const struct request *);

static kern_return_t victim(struct actor *a)
{
	mach_port_t self = mach_thread_self();

	(void)thread_set_exception_ports(self, EXC_MASK_BAD_INSTRUCTION, hostile, IDENTITY, (int)a->number);
	(void)mach_port_deallocate(self_task, self);
	FAULT();
	return KERN_SUCCESS;
}

/* Take the victim's request, and answer as spoil says. */
static mach_msg_return_t answer(spoiler spoil)
{
	static struct request request;
	static struct reply reply;
	mach_msg_return_t mr = mach_msg(&request.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(request), hostile, 60000,
					MACH_PORT_NULL);
	x86_thread_state64_t state;
	mach_msg_size_t size;

	if (mr != MACH_MSG_SUCCESS)
		return mr;
	hostile_calls++;
	memset(&reply, 0, sizeof(reply));
	reply.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
	reply.head.msgh_remote_port = request.head.msgh_remote_port;
	reply.head.msgh_id = request.head.msgh_id + 100;
	reply.flavor = request.flavor;
	reply.count = request.state_count;
	memcpy(reply.state, request.state, request.state_count * sizeof(uint32_t));
	if (request.flavor == x86_THREAD_STATE64) {
		memcpy(&state, request.state, sizeof(state));
		state.rip = state.rax;
		memcpy(reply.state, &state, sizeof(state));
	}
	size = spoil(&reply, &request);
	reply.head.msgh_size = size;
	mr = mach_msg(&reply.head, MACH_SEND_MSG, size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
	(void)mach_port_deallocate(self_task, request.thread.name);
	(void)mach_port_deallocate(self_task, request.task.name);
	return mr;
}

/* refused: the next handler must have been asked. */
static void try(const char *id, const char *what, int flavor, spoiler spoil, bool refused)
{
	struct actor a = { .act = victim, .number = (uint64_t)flavor };
	unsigned before = good_calls;
	mach_msg_return_t sent;
	bool lived;

	actor_start(&a);
	sent = answer(spoil);
	lived = actor_join(&a) == KERN_SUCCESS;
	tap(lived && sent == MACH_MSG_SUCCESS && good_calls == before + refused, "%s %s: %s", id, what,
	    refused ? "it has refused" : "the thread goes on");
}

static mach_msg_size_t whole(const struct reply *r)
{
	return (mach_msg_size_t)(STATE_AT + r->count * sizeof(uint32_t));
}

static mach_msg_size_t as_it_is(struct reply *r, const struct request *q)
{
	return whole(r);
}

static mach_msg_size_t wrong_id(struct reply *r, const struct request *q)
{
	r->head.msgh_id = 77;
	return whole(r);
}

static mach_msg_size_t only_a_header(struct reply *r, const struct request *q)
{
	return sizeof(r->head);
}

static mach_msg_size_t only_a_code(struct reply *r, const struct request *q)
{
	return sizeof(r->head) + 4;
}

static mach_msg_size_t half_a_state(struct reply *r, const struct request *q)
{
	return whole(r) - 8;
}

static mach_msg_size_t too_long(struct reply *r, const struct request *q)
{
	return whole(r) + 64;
}

static mach_msg_size_t huge(struct reply *r, const struct request *q)
{
	return sizeof(*r);
}

static mach_msg_size_t huge_count(struct reply *r, const struct request *q)
{
	r->count = 0x40000000;
	return STATE_AT + 1024;
}

static mach_msg_size_t no_state(struct reply *r, const struct request *q)
{
	r->count = 0;
	return whole(r);
}

static mach_msg_size_t no_flavor(struct reply *r, const struct request *q)
{
	r->flavor = 9999;
	return whole(r);
}

static mach_msg_size_t read_only_flavor(struct reply *r, const struct request *q)
{
	r->flavor = x86_EXCEPTION_STATE64;
	r->count = x86_EXCEPTION_STATE64_COUNT;
	return whole(r);
}

static mach_msg_size_t with_rights(struct reply *r, const struct request *q)
{
	mach_msg_base_t *base = (mach_msg_base_t *)r;
	mach_msg_port_descriptor_t *d = (mach_msg_port_descriptor_t *)(base + 1);

	r->head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
	base->body.msgh_descriptor_count = 1;
	*d = (mach_msg_port_descriptor_t){ .name = good, .disposition = MACH_MSG_TYPE_COPY_SEND, .type = MACH_MSG_PORT_DESCRIPTOR };
	return whole(r);
}

static mach_msg_size_t an_error(struct reply *r, const struct request *q)
{
	r->code = -12345;
	return sizeof(r->head) + 4;
}

static mach_msg_size_t set_words(struct reply *r, const x86_thread_state64_t *s)
{
	memcpy(r->state, s, sizeof(*s));
	return whole(r);
}

static mach_msg_size_t rip_of_kernel(struct reply *r, const struct request *q)
{
	x86_thread_state64_t s;

	memcpy(&s, r->state, sizeof(s));
	s.rip = KERNEL_ADDRESS;
	return set_words(r, &s);
}

static mach_msg_size_t rip_noncanonical(struct reply *r, const struct request *q)
{
	x86_thread_state64_t s;

	memcpy(&s, r->state, sizeof(s));
	s.rip = NONCANONICAL;
	return set_words(r, &s);
}

/* All flags and the kernel's selectors: what is not the user's is not taken. */
static mach_msg_size_t kernel_selectors(struct reply *r, const struct request *q)
{
	x86_thread_state64_t s;

	memcpy(&s, r->state, sizeof(s));
	s.cs = 0x8;
	s.fs = s.gs = 0x10;
	s.rflags |= 0xfffffffffffbfaffull & ~0x100ull; /* but neither the trap bit nor alignment checks */
	s.rflags &= ~0x40400ull;
	return set_words(r, &s);
}

/* ---- floating point and debug registers: set by the handler's answer in that flavour, then the good handler steps over ---- */

static mach_msg_size_t wild_fpu(struct reply *r, const struct request *q)
{
	memset(r->state, 0xff, r->count * sizeof(uint32_t));
	return whole(r);
}

static mach_msg_size_t watch_kernel(struct reply *r, const struct request *q)
{
	x86_debug_state64_t d = { .dr0 = KERNEL_ADDRESS, .dr7 = 1 };

	memcpy(r->state, &d, sizeof(d));
	return whole(r);
}

static mach_msg_size_t protect_debug(struct reply *r, const struct request *q)
{
	x86_debug_state64_t d = { .dr7 = 0x2000 };

	memcpy(r->state, &d, sizeof(d));
	return whole(r);
}

static mach_msg_size_t wild_bases(struct reply *r, const struct request *q)
{
	memset(r->state, 0xff, r->count * sizeof(uint32_t));
	return whole(r);
}

static void replies(void)
{
	(void)task_set_exception_ports(self_task, EXC_MASK_BAD_INSTRUCTION, good, IDENTITY, x86_THREAD_STATE64);
	try("HHND0001", "a good answer", x86_THREAD_STATE64, as_it_is, false);
	try("HHND0002", "another id", x86_THREAD_STATE64, wrong_id, true);
	try("HHND0003", "only a header", x86_THREAD_STATE64, only_a_header, true);
	try("HHND0004", "success without registers", x86_THREAD_STATE64, only_a_code, true);
	try("HHND0005", "half of the registers", x86_THREAD_STATE64, half_a_state, true);
	try("HHND0006", "more than the registers", x86_THREAD_STATE64, too_long, true);
	try("HHND0007", "more than any registers", x86_THREAD_STATE64, huge, true);
	try("HHND0008", "a count beyond the message", x86_THREAD_STATE64, huge_count, true);
	try("HHND0009", "no registers", x86_THREAD_STATE64, no_state, true);
	try("HHND0010", "a flavour that there is not", x86_THREAD_STATE64, no_flavor, true);
	try("HHND0011", "one that cannot be set", x86_THREAD_STATE64, read_only_flavor, true);
	try("HHND0012", "rights where registers should be", x86_THREAD_STATE64, with_rights, true);
	try("HHND0013", "an error of its own", x86_THREAD_STATE64, an_error, true);
	try("HHND0014", "an address of the kernel's", x86_THREAD_STATE64, rip_of_kernel, true);
	try("HHND0015", "an address that is none", x86_THREAD_STATE64, rip_noncanonical, true);
	try("HHND0016", "the kernel's selectors and flags, which are not taken", x86_THREAD_STATE64, kernel_selectors, false);
	try("HHND0017", "debug registers on the kernel", x86_DEBUG_STATE64, watch_kernel, true);
	try("HHND0018", "debug registers that guard themselves", x86_DEBUG_STATE64, protect_debug, true);
	try("HHND0019", "bases beyond user memory", MESHACH_BASE_STATE64, wild_bases, true);
}

/* Reserved bits of MXCSR would fault in the kernel when they are loaded: they are not. */
static kern_return_t fpu_victim(struct actor *a)
{
	mach_port_t self = mach_thread_self();
	uint32_t mxcsr = 0, normal = 0x1f80;

	(void)thread_set_exception_ports(self, EXC_MASK_BAD_INSTRUCTION, hostile, IDENTITY, (int)a->number);
	(void)mach_port_deallocate(self_task, self);
	/* The answer sets no rip: the instruction runs again, and the next answer is the good handler's. */
	FAULT();
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("ldmxcsr %0" : : "m"(normal));
	return (mxcsr & 0xffff0000) == 0 ? KERN_SUCCESS : KERN_FAILURE;
}

static void floating_point(const char *id, const char *what, int flavor)
{
	struct actor a = { .act = fpu_victim, .number = (uint64_t)flavor };
	unsigned before = good_calls;
	mach_msg_return_t sent;

	actor_start(&a);
	sent = answer(wild_fpu);
	if (sent == MACH_MSG_SUCCESS) { /* it faults again; now the handler refuses */
		struct request again;

		sent = mach_msg(&again.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(again), hostile, 60000, MACH_PORT_NULL);
		if (sent == MACH_MSG_SUCCESS)
			mach_msg_destroy(&again.head);
	}
	tap(actor_join(&a) == KERN_SUCCESS && sent == MACH_MSG_SUCCESS && good_calls == before + 1, "%s %s: reserved bits are not set", id, what);
}

/* ---- handlers that act ---- */

static void child_faults(void)
{
	FAULT();
	for (;;)
		__asm__ volatile("pause");
}

static mach_port_t new_victim(mach_port_t *thread)
{
	mach_port_t task = MACH_PORT_NULL;

	(void)task_create(self_task, NULL, 0, TRUE, &task);
	(void)task_set_exception_ports(task, EXC_MASK_VALID, MACH_PORT_NULL, EXCEPTION_DEFAULT, 0);
	(void)task_set_exception_ports(task, EXC_MASK_BAD_INSTRUCTION, hostile, IDENTITY, x86_THREAD_STATE64);
	*thread = run_in(task, child_faults, 0);
	return task;
}

static mach_msg_size_t end_task_first(struct reply *r, const struct request *q)
{
	(void)task_terminate(q->task.name);
	return whole(r);
}

static mach_msg_size_t end_thread_first(struct reply *r, const struct request *q)
{
	(void)thread_terminate(q->thread.name);
	return whole(r);
}

/* Stops it, writes its registers while it waits for us, reads them back, and lets it go on. */
static bool wrote;
static mach_msg_size_t write_meanwhile(struct reply *r, const struct request *q)
{
	x86_thread_state64_t s, back = { 0 };
	mach_msg_type_number_t count = x86_THREAD_STATE64_COUNT;

	memcpy(&s, r->state, sizeof(s));
	s.rbx = 4711;
	wrote = thread_suspend(q->thread.name) == KERN_SUCCESS &&
		thread_set_state(q->thread.name, x86_THREAD_STATE64, (thread_state_t)&s, count) == KERN_SUCCESS &&
		thread_get_state(q->thread.name, x86_THREAD_STATE64, (thread_state_t)&back, &count) == KERN_SUCCESS &&
		back.rbx == 4711 && thread_resume(q->thread.name) == KERN_SUCCESS;
	return whole(r);
}

static void handlers_that_act(void)
{
	mach_port_t thread = MACH_PORT_NULL, task = new_victim(&thread);
	x86_thread_state64_t state = { 0 };
	mach_msg_type_number_t count = x86_THREAD_STATE64_COUNT;
	mach_port_t old;

	(void)answer(end_task_first);
	tap(dies(task) && dies(thread), "HHND0030 the task's end, and then an answer");
	(void)mach_port_deallocate(self_task, thread);
	(void)mach_port_deallocate(self_task, task);
	task = new_victim(&thread);
	(void)answer(end_thread_first);
	tap(dies(thread) && tap_refs(task, MACH_PORT_RIGHT_SEND) != 0, "HHND0031 the thread's end, and then an answer");
	(void)mach_port_deallocate(self_task, thread);
	(void)task_terminate(task);
	(void)mach_port_deallocate(self_task, task);
	task = new_victim(&thread);
	tap(answer(write_meanwhile) == MACH_MSG_SUCCESS && wrote, "HHND0032 its registers are written while it waits for the answer");
	(void)task_terminate(task);
	tap(dies(thread), "HHND0033 and it may be ended");
	(void)mach_port_deallocate(self_task, thread);
	(void)mach_port_deallocate(self_task, task);
	/* Nobody receives any more, with the request in the queue: refused, and nobody is left to ask. */
	task = new_victim(&thread);
	tap(thread_waits(thread), "HHND0034 a thread waits for a handler that does not look");
	tap(thread_get_state(thread, x86_THREAD_STATE64, (thread_state_t)&state, &count) == KERN_SUCCESS &&
	    state.rax == state.rip + 2 && state.rip >= (uint64_t)(uintptr_t)child_faults, "HHND0035 its registers can be read meanwhile");
	old = hostile;
	(void)mach_port_mod_refs(self_task, old, MACH_PORT_RIGHT_RECEIVE, -1);
	tap(dies(task), "HHND0036 the handler's port dies: the task ends");
	(void)mach_port_deallocate(self_task, old);
	(void)mach_port_deallocate(self_task, thread);
	(void)mach_port_deallocate(self_task, task);
	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &hostile);
	(void)mach_port_insert_right(self_task, hostile, hostile, MACH_MSG_TYPE_MAKE_SEND);
}

/* A handler that faults itself while it handles: its own exception goes to the next. */
static kern_return_t faulting_handler(struct actor *a)
{
	struct request request;
	mach_msg_return_t mr = mach_msg(&request.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(request), a->port, 60000, MACH_PORT_NULL);

	if (mr != MACH_MSG_SUCCESS)
		return mr;
	FAULT();
	mach_msg_destroy(&request.head); /* which refuses */
	return KERN_SUCCESS;
}

/* A thread that is to handle its own exceptions waits for itself; it can be ended. */
static kern_return_t own_handler(struct actor *a)
{
	FAULT();
	return KERN_SUCCESS;
}

static void nested(void)
{
	struct actor handler = { .act = faulting_handler, .port = hostile }, a = { .act = victim, .number = x86_THREAD_STATE64 };
	struct actor own = { .act = own_handler };
	unsigned before = good_calls;
	mach_port_t alone = MACH_PORT_NULL;

	actor_start(&handler);
	(void)thread_waits(handler.thread);
	actor_start(&a);
	tap(actor_join(&handler) == KERN_SUCCESS && actor_join(&a) == KERN_SUCCESS && good_calls == before + 2,
	    "HHND0040 a handler's own exception goes to the next, then the one that it handled");
	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &alone);
	(void)mach_port_insert_right(self_task, alone, alone, MACH_MSG_TYPE_MAKE_SEND);
	(void)task_set_exception_ports(self_task, EXC_MASK_BAD_INSTRUCTION, alone, IDENTITY, x86_THREAD_STATE64);
	actor_start(&own);
	tap(thread_waits(own.thread), "HHND0041 a thread of the handler's own task waits");
	(void)task_set_exception_ports(self_task, EXC_MASK_BAD_INSTRUCTION, good, IDENTITY, x86_THREAD_STATE64);
	tap(thread_abort(own.thread) == KERN_SUCCESS && actor_join(&own) == KERN_SUCCESS,
	    "HHND0042 an abort makes it fault again, and the handler of now is asked");
	(void)mach_port_mod_refs(self_task, alone, MACH_PORT_RIGHT_RECEIVE, -1);
	(void)mach_port_deallocate(self_task, alone);
}

int main(void)
{
	pthread_t server;

	self_task = mach_task_self();
	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &hostile);
	(void)mach_port_insert_right(self_task, hostile, hostile, MACH_MSG_TYPE_MAKE_SEND);
	(void)mach_port_allocate(self_task, MACH_PORT_RIGHT_RECEIVE, &good);
	(void)mach_port_insert_right(self_task, good, good, MACH_MSG_TYPE_MAKE_SEND);
	(void)pthread_create(&server, NULL, serve, NULL);
	replies();
	floating_point("HHND0020", "floating point registers of ones", x86_FLOAT_STATE64);
	floating_point("HHND0021", "vector registers of ones", x86_AVX_STATE64);
	handlers_that_act();
	nested();
	return tap_done();
}
