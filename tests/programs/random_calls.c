/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: a task makes calls of every interface that the kernel serves, well formed but with arguments, rights and memory drawn by lot, on
 *   ports of every kind; whatever they do to it and to a second task, the kernel goes on, and both can be ended with nothing left behind.
 *
 *   test-random-calls [ROUNDS [SEED]]. Runs as the first task, which has the node's control port.
 * The caller is a copy of this task without the C library's thread data: it makes traps only. It holds no control port of the node.
 */
#include "child.h"
#include "residue.h"
#include "tap.h"

#include <mach/clock_server.h>
#include <mach/clock_types.h>
#include <mach/host_priv_server.h>
#include <mach/lock_set_server.h>
#include <mach/mach4_server.h>
#include <mach/mach_host_server.h>
#include <mach/mach_port_server.h>
#include <mach/mach_vm_server.h>
#include <mach/memory_object_control_server.h>
#include <mach/mk_timer_task_server.h>
#include <mach/processor_set_server.h>
#include <mach/semaphore_server.h>
#include <mach/task_restartable_server.h>
#include <mach/task_server.h>
#include <mach/thread_act_server.h>
#include <mach/vm_map_server.h>

#define ROUNDS_DEFAULT 6
#ifndef SEED_DEFAULT
#define SEED_DEFAULT 1
#endif
#define CALLS 800
#define ROUND_TRIES 60000 /* of half a millisecond */
#define FIRST_NAME 0x5003 /* targets are FIRST_NAME + 0x100 * i in the caller */
#define BUFFER_BYTES 32768

enum { OWN_TASK, OTHER_TASK, OTHER_THREAD, OTHER_NAME, HOST, PSET, PSET_NAME, SYSTEM, CALENDAR, SEMAPHORE, LOCKS, ENTRY, PLAIN, SET, TARGETS };

static const struct mig_subsystem *const subsystems[] = {
	&mach_host_subsystem, &host_priv_subsystem, &clock_subsystem, &memory_object_control_subsystem, &mach_port_subsystem, &task_subsystem,
	&thread_act_subsystem, &vm_map_subsystem, &processor_set_subsystem, &mach4_subsystem, &mach_vm_subsystem, &task_restartable_subsystem,
	&lock_set_subsystem, &semaphore_subsystem, &mk_timer_task_subsystem,
};
#define SUBSYSTEMS (sizeof(subsystems) / sizeof(subsystems[0]))

/* What would leave tasks or processor sets that nobody knows, alarms of the far future, or all memory wired; or only stand still. */
static const char *const left_out[] = { "task_create", "task_suspend", "task_suspend2", "task_terminate", "processor_set_create", "task_wire", "clock_alarm",
					"host_request_notification" };

static mach_port_t self_task, host;

/* ---- the caller; in the copy ---- */

static volatile uint64_t lots, made;
static _Alignas(16) char big_stack[65536];
static _Alignas(4096) char buffer[BUFFER_BYTES];
static union {
	mach_msg_header_t head;
	char bytes[24576];
} out, in;

static uint64_t draw(void)
{
	uint64_t x = lots += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static mach_port_name_t a_name(void)
{
	uint64_t x = draw();

	if (x % 16 == 0)
		return (mach_port_name_t)(x >> 32);
	return x % 16 == 1 ? MACH_PORT_NULL : x % 16 == 2 ? MACH_PORT_DEAD : FIRST_NAME + 0x100 * (mach_port_name_t)(x >> 32) % (0x100 * TARGETS);
}

/* Numbers that calls care about. */
static uint64_t a_word(void)
{
	uint64_t x = draw(), low = x >> 8;

	switch (x & 15) {
	case 0: return 0;
	case 1: return 1;
	case 2: return low % 64;
	case 3: return (low % 64) << 12;
	case 4: return (uint64_t)(uintptr_t)buffer + low % BUFFER_BYTES;
	case 5: return ((uint64_t)(uintptr_t)buffer + low % BUFFER_BYTES) & ~4095ull;
	case 6: return ~0ull;
	case 7: return 1ull << (low & 63);
	case 8: return 0x7fffffff0000ull - (low % 4 << 12);
	case 9: return low;
	case 10: return (uint64_t)a_name() << 32 | a_name();
	case 11: return (low % 32) << 32 | (low >> 8 & 31);
	case 12: return 0x100000000ull + (low % 1024 << 12);
	default: return low % 8;
	}
}

static void descriptor(char *at, const struct mig_descriptor *d)
{
	if (d->type == MACH_MSG_PORT_DESCRIPTOR) {
		*(mach_msg_port_descriptor_t *)at = (mach_msg_port_descriptor_t){ .name = a_name(), .type = MACH_MSG_PORT_DESCRIPTOR,
										.disposition = MACH_MSG_TYPE_COPY_SEND };
		if (draw() % 4 == 0)
			((mach_msg_port_descriptor_t *)at)->disposition = draw() % 2 ? MACH_MSG_TYPE_MAKE_SEND_ONCE : MACH_MSG_TYPE_MAKE_SEND;
	} else if (d->type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
		for (int i = 0; i < 8; i++)
			((mach_port_name_t *)(void *)buffer)[i] = a_name();
		*(mach_msg_ool_ports_descriptor_t *)at = (mach_msg_ool_ports_descriptor_t){ .address = buffer, .type = d->type,
			.disposition = MACH_MSG_TYPE_COPY_SEND, .copy = MACH_MSG_VIRTUAL_COPY, .count = (mach_msg_size_t)(draw() % 8) };
	} else {
		uint32_t element = d->element != 0 ? d->element : 1;

		*(mach_msg_ool_descriptor_t *)at = (mach_msg_ool_descriptor_t){ .address = buffer + draw() % 4096, .type = d->type,
			.copy = draw() % 2 ? MACH_MSG_VIRTUAL_COPY : MACH_MSG_PHYSICAL_COPY, .size = d->exact ? (uint64_t)d->max * element :
			draw() % (16384 / element) * element };
	}
}

/* The variable arrays, behind the fixed part. */
static void arrays(const struct mig_layout *l)
{
	for (unsigned i = 0; i < l->variable_count; i++) {
		const struct mig_variable *v = &l->variables[i];
		uint32_t count = v->max != 0 ? (uint32_t)(draw() % (v->max + 1)) : 0;

		if (v->kind == MIG_FIXED_STRING) {
			out.bytes[v->offset + draw() % v->max] = '\0';
			continue;
		}
		if (draw() % 2 == 0 && count > 16)
			count = (uint32_t)(draw() % 16);
		if (v->kind == MIG_STRING && count == 0)
			count = 1;
		*(uint32_t *)(void *)(out.bytes + v->offset) = count;
		for (uint32_t k = 0; k < count * v->element && k < sizeof(in) / 2; k += 4) {
			uint32_t word = (uint32_t)a_word();

			memcpy(in.bytes + k, &word, 4);
		}
		if (v->kind == MIG_STRING)
			in.bytes[count - 1] = '\0';
		mig_put(&out.head, in.bytes, count * v->element);
	}
}

static void request(const struct mig_routine *r, mach_port_name_t to, mach_msg_id_t id, mach_port_name_t reply)
{
	const struct mig_layout *l = &r->request;
	uint32_t at = sizeof(mach_msg_header_t);
	bool complex = l->descriptor_count != 0;

	for (uint32_t k = at; k + 4 <= l->fixed_size; k += 4) {
		uint64_t word = a_word();

		memcpy(out.bytes + k, &word, k % 8 == 0 && k + 8 <= l->fixed_size ? 8 : 4);
		k += k % 8 == 0 && k + 8 <= l->fixed_size ? 4 : 0;
	}
	out.head = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS_SET(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE, 0, complex ? MACH_MSGH_BITS_COMPLEX : 0),
					.msgh_size = l->fixed_size, .msgh_remote_port = to, .msgh_local_port = reply, .msgh_id = id };
	if (complex) {
		*(mach_msg_body_t *)(void *)(out.bytes + at) = (mach_msg_body_t){ .msgh_descriptor_count = l->descriptor_count };
		at += sizeof(mach_msg_body_t);
		for (unsigned i = 0; i < l->descriptor_count; i++) {
			descriptor(out.bytes + at, &l->descriptors[i]);
			at += l->descriptors[i].type == MACH_MSG_OOL_DESCRIPTOR ? sizeof(mach_msg_ool_descriptor_t) : 16;
		}
	}
	arrays(l);
	if (draw() % 64 == 0) /* and some that are not well formed */
		out.head.msgh_size = (uint32_t)(draw() % 512 + sizeof(mach_msg_header_t)) & ~3u;
}

static bool is_left_out(const char *name)
{
	for (unsigned i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (strcmp(name, left_out[i]) == 0)
			return true;
	return false;
}

/* A target that the interface is for, most times. Its own memory and names seldom, or it would not last. */
static mach_port_name_t target_for(const struct mig_subsystem *s)
{
	unsigned kind = (unsigned)(draw() % TARGETS);

	if (draw() % 8 != 0) {
		if (s == &task_subsystem || s == &mach_vm_subsystem || s == &vm_map_subsystem || s == &mach_port_subsystem || s == &mk_timer_task_subsystem)
			kind = draw() % 32 == 0 ? OWN_TASK : OTHER_TASK;
		else if (s == &thread_act_subsystem)
			kind = OTHER_THREAD;
		else if (s == &mach4_subsystem)
			kind = draw() % 2 ? OTHER_TASK : OTHER_THREAD;
		else if (s == &mach_host_subsystem || s == &host_priv_subsystem)
			kind = HOST;
		else if (s == &processor_set_subsystem)
			kind = draw() % 2 ? PSET : PSET_NAME;
		else if (s == &clock_subsystem)
			kind = draw() % 2 ? SYSTEM : CALENDAR;
		else if (s == &semaphore_subsystem)
			kind = SEMAPHORE;
		else if (s == &lock_set_subsystem)
			kind = LOCKS;
		else if (s == &task_restartable_subsystem)
			kind = OWN_TASK;
	}
	return FIRST_NAME + 0x100 * kind;
}

static void caller(void)
{
	mach_port_name_t reply = mach_reply_port();

	for (uint64_t i = 0; i < CALLS; i++) {
		const struct mig_subsystem *s = subsystems[draw() % SUBSYSTEMS];
		uint32_t number = (uint32_t)(draw() % s->count);
		const struct mig_routine *r = &s->routines[number];

		counter = i + 1;
		if (r->name == NULL || is_left_out(r->name) || r->request.max_size > sizeof(out))
			continue;
		request(r, target_for(s), s->base + (mach_msg_id_t)number, reply);
		(void)mach_msg_trap(&out.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT | MACH_SEND_INTERRUPT, out.head.msgh_size, 0, MACH_PORT_NULL, 10, MACH_PORT_NULL);
		if (mach_msg_trap(&in.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_RCV_INTERRUPT, 0, sizeof(in), reply, 5, MACH_PORT_NULL) == MACH_MSG_SUCCESS)
			made++;
		else if (i % 16 == 0)
			reply = mach_reply_port();
	}
	counter = ~0ull;
	for (;;)
		(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 600000);
}

/* ---- the parent ---- */

static void give(mach_port_t task, unsigned which, mach_port_t right)
{
	(void)mach_port_insert_right(task, FIRST_NAME + 0x100 * which, right, MACH_MSG_TYPE_COPY_SEND);
	(void)mach_port_deallocate(self_task, right);
}

static mach_port_t keep(mach_port_t right)
{
	(void)mach_port_mod_refs(self_task, right, MACH_PORT_RIGHT_SEND, 1);
	return right;
}

static mach_port_t plain_host(void)
{
	mach_port_t port = MACH_PORT_NULL;

	(void)host_get_special_port(host, HOST_LOCAL_NODE, HOST_PORT, &port);
	return port;
}

static void give_all(mach_port_t task, mach_port_t other, mach_port_t thread, mach_port_t pset, mach_port_t pset_name)
{
	mach_port_t port = MACH_PORT_NULL;
	memory_object_size_t size = 65536;

	(void)task_set_special_port(task, TASK_HOST_PORT, plain_host());
	(void)task_set_special_port(other, TASK_HOST_PORT, plain_host());
	give(task, OWN_TASK, keep(task));
	give(task, OTHER_TASK, keep(other));
	give(task, OTHER_THREAD, thread);
	(void)task_get_special_port(other, TASK_NAME_PORT, &port);
	give(task, OTHER_NAME, port);
	give(task, HOST, plain_host());
	give(task, PSET, keep(pset));
	give(task, PSET_NAME, pset_name);
	(void)host_get_clock_service(host, SYSTEM_CLOCK, &port);
	give(task, SYSTEM, port);
	(void)host_get_clock_service(host, CALENDAR_CLOCK, &port);
	give(task, CALENDAR, port);
	(void)semaphore_create(other, &port, SYNC_POLICY_FIFO, 1);
	give(task, SEMAPHORE, port);
	(void)lock_set_create(other, &port, 4, SYNC_POLICY_FIFO);
	give(task, LOCKS, port);
	(void)mach_make_memory_entry_64(other, &size, 0, VM_PROT_DEFAULT | MAP_MEM_NAMED_CREATE, &port, MACH_PORT_NULL);
	give(task, ENTRY, port);
	(void)mach_port_allocate_name(task, MACH_PORT_RIGHT_RECEIVE, FIRST_NAME + 0x100 * PLAIN);
	(void)mach_port_allocate_name(task, MACH_PORT_RIGHT_PORT_SET, FIRST_NAME + 0x100 * SET);
}

static bool ends(mach_port_t task)
{
	while (task_resume(task) == KERN_SUCCESS)
		;
	(void)task_terminate(task);
	return dies(task);
}

/* Returns how far the caller came; UINT64_MAX: to its end. */
static uint64_t one_round(uint64_t seed, bool *ended)
{
	mach_port_t task, other, thread, pset = MACH_PORT_NULL, pset_name = MACH_PORT_NULL;
	x86_thread_state64_t state = state_at(caller, 0);
	uint64_t so_far = 0, before = UINT64_MAX;

	state.rsp = (uint64_t)(uintptr_t)big_stack + sizeof(big_stack) - 8;
	lots = seed;
	counter = made = 0;
	(void)task_create(self_task, NULL, 0, TRUE, &task);
	(void)task_create(self_task, NULL, 0, TRUE, &other);
	(void)processor_set_create(host, &pset, &pset_name);
	give_all(task, other, run_in(other, child_counts, 1), pset, pset_name);
	(void)thread_create_running(task, x86_THREAD_STATE64, (thread_state_t)&state, x86_THREAD_STATE64_COUNT, &thread);
	for (int i = 0; i < ROUND_TRIES && so_far != ~0ull && tap_refs(task, MACH_PORT_RIGHT_DEAD_NAME) == 0; i++) {
		uint64_t now = count_of(task);

		if (now != 0)
			so_far = now;
		if (i % 100 == 99) { /* it may wait for what never comes, or for the other task, or be stopped */
			if (so_far == before) {
				(void)thread_abort(thread);
				(void)thread_resume(thread);
			}
			before = so_far;
		}
		usleep(500);
	}
	*ended = ends(task) & ends(other);
	(void)processor_set_destroy(pset);
	(void)mach_port_deallocate(self_task, pset);
	(void)mach_port_deallocate(self_task, thread);
	(void)mach_port_deallocate(self_task, other);
	(void)mach_port_deallocate(self_task, task);
	return so_far;
}

/* No zone has a piece more for each round, nor pages; tasks and threads are as many. */
static bool is_as_before(const struct residue *a, const struct residue *b, uint64_t rounds)
{
	bool good = b->node.tasks <= a->node.tasks && b->node.threads <= a->node.threads &&
		    b->node.free_bytes + RESIDUE_PAGES_SLACK * 4096ull >= a->node.free_bytes;

	for (uint32_t i = 0; i < a->zones && i < b->zones; i++)
		good &= b->infos[i].zi_count < a->infos[i].zi_count + rounds || strcmp(a->names[i].zn_name, "pv entry") == 0;
	return good;
}

int main(int argc, char **argv)
{
	static struct residue before, after;
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : ROUNDS_DEFAULT, seed = argc > 2 ? strtoull(argv[2], NULL, 10) : SEED_DEFAULT;
	unsigned whole = 0, names;
	bool all_ended = true, ended = true;

	self_task = mach_task_self();
	host = mach_host_self();
	(void)one_round(seed, &ended); /* what caches keep is made */
	names = tap_names();
	residue_take(&before);
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t so_far = one_round(seed + 1000 * (i + 1), &ended);

		if (so_far != ~0ull || !ended)
			printf("# round %llu ended at call %lld, tasks ended %d\n", (unsigned long long)i, (long long)so_far, ended);
		whole += so_far == ~0ull;
		all_ended &= ended;
	}
	tap(whole >= rounds / 4, "RAND0001 calls drawn by lot: %u of %llu callers came to their end", whole, (unsigned long long)rounds);
	tap(all_ended, "RAND0002 all tasks could be ended");
	for (int i = 0; i < 200; i++) {
		residue_take(&after);
		if (is_as_before(&before, &after, rounds))
			break;
		usleep(50000);
	}
	(void)residue_none(&before, &after, true); /* tells */
	tap(is_as_before(&before, &after, rounds), "RAND0003 and the kernel has what it had");
	tap(tap_names() <= names, "RAND0004 no name is left over (%u, %u)", names, tap_names());
	return tap_done();
}
