/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: any message to a kernel object: no crash, no stray access, nothing left over.
 *
 * fuzz_mig_demux [SECONDS] [SEED]: a task sends messages made after the tables of mach_port and of an interface with
 * one of each argument, most of them with something wrong, through mach_msg, ipc, the checker and the kernel's stubs;
 * now and then memory runs out. Every world ends with the task's death, after which every zone and block must be as
 * before. Without arguments 3 s and seed 1, as a test; for long runs, more.
 */
#include "any_message.h"

#include <host/host.h>
#include <ipc/ipc_init.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <ipc/ipc_tt.h>
#include <ipc/mach_msg.h>
#include <ipc/mach_port.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/ipc_kobject.h>
#include <kernel/mach_port_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <test/kernel/sample_server.h>
#include <time.h>
#include <vm/vm_map_copy.h>

#define MESSAGES 300 /* in a world */
#define NAMES 16

extern struct ipc_kmsg *(*host_kobject_server)(struct ipc_kmsg *request);
/* ipc_kobject.c under another name: the host's double has the usual one. */
struct ipc_kmsg *tested_kobject_server(struct ipc_kmsg *request);

/* All the memory that the task has. */
static struct {
	union any_message out, in;
	uint8_t memory[4096];
	struct any_source source;
} user;
static uint64_t served, refused, sent;

static void die(const char *what)
{
	printf("Bail out! %s\n", what);
	abort();
}

static uint32_t below(uint32_t n)
{
	return any_below(&user.source, n);
}

static bool one_in(uint32_t n)
{
	return below(n) == 0;
}

/* ---- the functions of sample: they touch all of their arguments, and keep to M3 ---- */

static volatile uint8_t sink;

static void touch(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sink ^= ((const uint8_t *)p)[i];
}

static bool fails(void)
{
	if (one_in(4)) {
		refused++;
		return true;
	}
	served++;
	return false;
}

static kern_return_t do_add(mach_port_t server, int a, int b, int *sum)
{
	*sum = (int)((unsigned)a + (unsigned)b);
	return fails() ? KERN_FAILURE : KERN_SUCCESS;
}

static kern_return_t do_mixed(mach_port_t server, uint8_t small, uint64_t big, sample_pair_t *pair, uint16_t *word,
			      uint8_t *tail)
{
	touch(pair, sizeof(*pair));
	*tail = (uint8_t)(small + big + *word);
	return fails() ? KERN_FAILURE : KERN_SUCCESS;
}

static kern_return_t do_strings(mach_port_t server, char *name, char *label, char *full, char *tag)
{
	if (strlen(name) >= sizeof(sample_name_t) || strlen(label) >= sizeof(sample_label_t))
		die("a string without an end was passed");
	strcpy(full, name);
	strcpy(tag, label);
	return fails() ? KERN_FAILURE : KERN_SUCCESS;
}

static kern_return_t do_arrays(mach_port_t server, sample_words_t words, mach_msg_type_number_t words_count,
			       sample_bytes_t bytes, mach_msg_type_number_t bytes_count, sample_four_t four,
			       sample_words_t reversed, mach_msg_type_number_t *reversed_count, sample_bytes_t copy,
			       mach_msg_type_number_t *copy_count, sample_four_t fours)
{
	if (words_count > 10 || bytes_count > 100 || *copy_count > 100)
		die("a count beyond its limit was passed");
	touch(words, words_count * sizeof(*words));
	touch(four, sizeof(sample_four_t));
	memset(reversed, 1, 40);
	*reversed_count = below(11);
	memcpy(copy, bytes, bytes_count);
	*copy_count = bytes_count;
	memset(fours, 2, sizeof(sample_four_t));
	return fails() ? KERN_FAILURE : KERN_SUCCESS;
}

static kern_return_t do_rights(mach_port_t server, mach_port_t moved, mach_port_t copied, mach_port_t made,
			       mach_port_t once, mach_port_t *back)
{
	if (fails())
		return KERN_FAILURE;
	mig_release_right(copied, MACH_MSG_TYPE_PORT_SEND);
	mig_release_right(made, MACH_MSG_TYPE_PORT_SEND);
	mig_release_right(once, MACH_MSG_TYPE_PORT_SEND_ONCE);
	*back = moved;
	return KERN_SUCCESS;
}

static kern_return_t do_receive(mach_port_t server, mach_port_t right, mach_port_t poly, mach_msg_type_name_t poly_type,
				mach_port_t *same, mach_msg_type_name_t *same_type)
{
	if (fails())
		return KERN_FAILURE;
	mig_release_right(right, MACH_MSG_TYPE_PORT_RECEIVE);
	*same = poly;
	*same_type = poly_type;
	return KERN_SUCCESS;
}

static kern_return_t do_memory(mach_port_t server, struct vm_map_copy *data, mach_msg_type_number_t data_count,
			       struct vm_map_copy *bounded, mach_msg_type_number_t bounded_count,
			       struct vm_map_copy **result, mach_msg_type_number_t *result_count)
{
	uint8_t bytes[64];

	if (bounded_count > 64 || (bounded_count != 0 && vm_map_copy_size(bounded) != bounded_count))
		die("memory beyond its limit was passed");
	if (bounded_count != 0 && vm_map_copy_to_kernel(bounded, 0, bytes, bounded_count) == KERN_SUCCESS)
		touch(bytes, bounded_count);
	if (fails())
		return KERN_FAILURE;
	vm_map_copy_discard(bounded);
	*result = data;
	*result_count = data_count;
	return KERN_SUCCESS;
}

static kern_return_t do_ports(mach_port_t server, mach_port_t *rights, mach_msg_type_number_t count, natural_t *number,
			      mach_port_t **others, mach_msg_type_number_t *others_count)
{
	if (count > 8)
		die("rights beyond their limit were passed");
	if (fails())
		return KERN_FAILURE;
	*number = count;
	*others = rights;
	*others_count = count;
	return KERN_SUCCESS;
}

static kern_return_t do_note(mach_port_t server, mach_port_t right, int value)
{
	if (fails())
		return KERN_FAILURE;
	mig_release_right(right, MACH_MSG_TYPE_PORT_SEND);
	return KERN_SUCCESS;
}

static kern_return_t do_later(mach_port_t server, mach_port_t answer, int value, int *twice)
{
	if (fails())
		return KERN_FAILURE;
	if (one_in(2))
		return KERN_SUCCESS;
	mig_release_right(answer, MACH_MSG_TYPE_PORT_SEND_ONCE);
	return MIG_NO_REPLY;
}

static kern_return_t do_typed(mach_port_t server, mach_port_t observer, sample_words_t words,
			      mach_msg_type_number_t count)
{
	touch(words, count * sizeof(*words));
	if (fails())
		return KERN_FAILURE;
	mig_release_right(observer, MACH_MSG_TYPE_PORT_SEND);
	return KERN_SUCCESS;
}

static kern_return_t do_inout(mach_port_t server, char *prefix, sample_words_t words, mach_msg_type_number_t *words_count,
			      sample_bytes_t bytes, mach_msg_type_number_t *bytes_count)
{
	touch(prefix, strlen(prefix));
	touch(words, *words_count * sizeof(*words));
	touch(bytes, *bytes_count);
	*words_count = below(11);
	*bytes_count = below(101);
	return fails() ? KERN_FAILURE : KERN_SUCCESS;
}

static const struct sample_ops sample_calls = {
	.sample_add = do_add,
	.sample_mixed = do_mixed,
	.sample_strings = do_strings,
	.sample_arrays = do_arrays,
	.sample_rights = do_rights,
	.sample_receive = do_receive,
	.sample_memory = do_memory,
	.sample_ports = do_ports,
	.sample_note = do_note,
	.sample_later = do_later,
	.sample_typed = do_typed,
	.sample_inout = do_inout,
};

/* In place of the kernel's own table. */
const struct ipc_kobject_subsystem ipc_kobject_subsystems[] = {
	{ &mach_port_mig_server, &mach_port_calls },
	{ &sample_mig_server, &sample_calls },
};
const size_t ipc_kobject_subsystem_count = 2;

/* ---- the task and its messages ---- */

static struct task *task;
static mach_port_name_t names[NAMES];

/* A message to a kernel port into out; returns its size. */
static uint32_t make_message(void)
{
	const struct mig_subsystem *s = ipc_kobject_subsystems[below(2)].server->subsystem;

	return any_message(&user.source, s, below(s->count), names[below(2)] /* the task, the sample object */, names[2], &user.out);
}

static void drop_descriptor(mach_msg_descriptor_t *d)
{
	struct ipc_space *space = task->ipc.space;

	if (d->type.type == MACH_MSG_PORT_DESCRIPTOR) {
		if (d->port.disposition == MACH_MSG_TYPE_PORT_RECEIVE)
			(void)mach_port_mod_refs(space, d->port.name, MACH_PORT_RIGHT_RECEIVE, -1);
		else
			(void)mach_port_deallocate(space, d->port.name);
	} else if (d->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
		const mach_port_name_t *list = d->ool_ports.address;

		for (uint32_t i = 0; i < d->ool_ports.count; i++)
			(void)mach_port_deallocate(space, list[i]);
		if (d->ool_ports.count != 0)
			host_vm_deallocate((uintptr_t)list, d->ool_ports.count * sizeof(*list));
	} else if (d->out_of_line.size != 0) {
		host_vm_deallocate((uintptr_t)d->out_of_line.address, d->out_of_line.size);
	}
}

static void drop_body(union any_message *m)
{
	mach_msg_base_t *base = (void *)m;
	mach_msg_descriptor_t *d = (void *)(base + 1);

	if ((m->head.msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0)
		return;
	for (uint32_t i = 0; i < base->body.msgh_descriptor_count; i++) {
		drop_descriptor(d);
		d = (void *)((char *)d + ikm_descriptor_size(d->type.type));
	}
}

/* Take all messages at name, as a client would, and drop what they bring. */
static void drain(mach_port_name_t name)
{
	for (;;) {
		mach_msg_return_t result = mach_msg_trap((uint64_t)(uintptr_t)&user.in, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0,
							 ANY_ROOM, name, 0, 0);

		if (result != MACH_MSG_SUCCESS && (result & ~MACH_MSG_MASK) != MACH_RCV_BODY_ERROR)
			return;
		drop_body(&user.in);
	}
}

static void make_names(struct ipc_port *object)
{
	struct ipc_space *space = task->ipc.space;

	names[0] = mach_task_self();
	if (ipc_object_copyout(space, ipc_port_make_send(object), MACH_MSG_TYPE_PORT_SEND, false, &names[1]) != KERN_SUCCESS)
		die("no name for the object");
	for (uint32_t i = 2; i < NAMES; i++)
		if (mach_port_allocate(space, i == NAMES - 1 ? MACH_PORT_RIGHT_PORT_SET : MACH_PORT_RIGHT_RECEIVE,
				       &names[i]) != KERN_SUCCESS)
			die("no port");
}

static void world(void)
{
	struct ipc_port *object;

	task = host_task_create(NULL, "fuzz");
	(void)host_become(task);
	object = ipc_port_alloc_special(ipc_space_kernel);
	make_names(object);
	for (uint32_t i = 0; i < MESSAGES; i++) {
		uint32_t size = make_message();
		mach_msg_return_t result;

		if (one_in(30))
			host_alloc_fail_at(1 + below(20), one_in(2));
		result = mach_msg_trap((uint64_t)(uintptr_t)&user.out, MACH_SEND_MSG | MACH_SEND_TIMEOUT, size, 0, 0, 0, 0);
		host_alloc_fail_at(0, false);
		if (result != MACH_MSG_SUCCESS && MACH_MSGH_BITS_REMOTE(user.out.head.msgh_bits) != MACH_MSG_TYPE_COPY_SEND)
			drop_body(&user.out); /* it was given back */
		sent++;
		for (uint32_t k = 2; k < NAMES - 1; k++)
			drain(names[k]);
	}
	(void)host_become(NULL);
	host_task_destroy(task);
	ipc_port_dealloc_special(object);
	ipc_kmsg_thread_done();
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 3);
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	ipc_init();
	host_user_only(&user, sizeof(user));
	user.source.names = names;
	user.source.name_count = NAMES;
	user.source.memory = user.memory;
	host_kobject_server = tested_kobject_server;
	printf("1..1\n");
	/* A busy host may give little of that time. */
	for (; time(NULL) < end || ((served < 100 || refused < 100) && time(NULL) < end + 60); seed++) {
		struct host_memory before = host_memory_now(), after;
		uint64_t regions = host_vm_regions();

		user.source.state = seed * 0x9e3779b97f4a7c15ull + 1;
		world();
		after = host_memory_now();
		if (memcmp(&before, &after, sizeof(before)) != 0 || regions != host_vm_regions()) {
			host_memory_print();
			printf("# seed %llu: zone objects %llu -> %llu, blocks %llu -> %llu, copies %llu -> %llu, regions %llu -> %llu\n",
			       (unsigned long long)seed, (unsigned long long)before.zone_objects,
			       (unsigned long long)after.zone_objects, (unsigned long long)before.kalloc_blocks,
			       (unsigned long long)after.kalloc_blocks, (unsigned long long)before.vm_copies,
			       (unsigned long long)after.vm_copies, (unsigned long long)regions,
			       (unsigned long long)host_vm_regions());
			die("something is left over");
		}
	}
	if (served < 100 || refused < 100)
		die("too few messages passed the checker to say anything");
	printf("ok 1 - MIG0301 %llu hostile messages to kernel objects, %llu of the sample's served, %llu refused by it\n",
	       (unsigned long long)sent, (unsigned long long)served, (unsigned long long)refused);
	return 0;
}
