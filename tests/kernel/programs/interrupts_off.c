/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interrupts_off.c - a program for a node: for how long messages keep interrupts off, as the kernel measures it. It is the
 * first task of its boot (tests/kernel/sched.t), on one processor. Prints TAP, and the figures as comments.
 *
 * Each piece of work is done many times; of each time the longest stretch with interrupts off and the whole duration are
 * noted. The best of each are compared: a long message must not be one stretch. The best, because a host that takes its
 * processor away in the middle lengthens the others.
 */
#include <mach/mach.h>
#include <mach/mach_traps.h>
#include <mach/mach_vm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../programs/tap.h"
#include "interrupts_off.h"

#define TIMES 201
#define BODY_BYTES 60000u
#define PORTS 1000u      /* descriptors of one message */
#define ARRAY 2048u      /* rights in one array */
#define MEMORY (1u << 20)

static mach_port_t port, set;
static uint8_t buffer[BODY_BYTES + 1024];
static mach_port_name_t names[ARRAY];
static uint8_t *memory;

static mach_msg_return_t self_message(mach_msg_header_t *h, mach_msg_size_t size, mach_msg_bits_t complex, mach_port_t from)
{
	h->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | complex;
	h->msgh_remote_port = port;
	h->msgh_local_port = MACH_PORT_NULL;
	h->msgh_id = 1;
	return mach_msg(h, MACH_SEND_MSG | MACH_RCV_MSG, size, sizeof(buffer), from, 0, MACH_PORT_NULL);
}

static bool short_message(void)
{
	return self_message((void *)buffer, sizeof(mach_msg_header_t) + 32, 0, port) == MACH_MSG_SUCCESS;
}

static bool long_body(void)
{
	return self_message((void *)buffer, BODY_BYTES, 0, port) == MACH_MSG_SUCCESS;
}

static bool many_rights(void)
{
	struct {
		mach_msg_base_t base;
		mach_msg_port_descriptor_t right[PORTS];
	} *m = (void *)buffer;

	m->base.body.msgh_descriptor_count = PORTS;
	for (unsigned i = 0; i < PORTS; i++)
		m->right[i] = (mach_msg_port_descriptor_t){ .name = port, .disposition = MACH_MSG_TYPE_MAKE_SEND,
							    .type = MACH_MSG_PORT_DESCRIPTOR };
	if (self_message(&m->base.header, sizeof(*m), MACH_MSGH_BITS_COMPLEX, port) != MACH_MSG_SUCCESS)
		return false;
	return mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_SEND, -(mach_port_delta_t)PORTS) == KERN_SUCCESS;
}

static bool array_of_rights(void)
{
	struct {
		mach_msg_base_t base;
		mach_msg_ool_ports_descriptor_t array;
	} *m = (void *)buffer;

	for (unsigned i = 0; i < ARRAY; i++)
		names[i] = port;
	m->base.body.msgh_descriptor_count = 1;
	m->array = (mach_msg_ool_ports_descriptor_t){ .address = names, .count = ARRAY, .disposition = MACH_MSG_TYPE_MAKE_SEND,
						      .copy = MACH_MSG_PHYSICAL_COPY, .type = MACH_MSG_OOL_PORTS_DESCRIPTOR };
	if (self_message(&m->base.header, sizeof(*m), MACH_MSGH_BITS_COMPLEX, port) != MACH_MSG_SUCCESS || m->array.count != ARRAY)
		return false;
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)m->array.address, ARRAY * sizeof(names[0]));
	return mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_SEND, -(mach_port_delta_t)ARRAY) == KERN_SUCCESS;
}

static bool large_memory(void)
{
	struct {
		mach_msg_base_t base;
		mach_msg_ool_descriptor_t memory;
	} *m = (void *)buffer;
	mach_vm_address_t got;

	memset(memory, 7, MEMORY);
	m->base.body.msgh_descriptor_count = 1;
	m->memory = (mach_msg_ool_descriptor_t){ .address = memory, .size = MEMORY, .copy = MACH_MSG_VIRTUAL_COPY,
						 .type = MACH_MSG_OOL_DESCRIPTOR };
	if (self_message(&m->base.header, sizeof(*m), MACH_MSGH_BITS_COMPLEX, port) != MACH_MSG_SUCCESS)
		return false;
	got = (mach_vm_address_t)(uintptr_t)m->memory.address;
	return mach_vm_deallocate(mach_task_self(), got, MEMORY) == KERN_SUCCESS;
}

/* Rights in a message whose port dies. */
static bool destroyed(void)
{
	struct {
		mach_msg_base_t base;
		mach_msg_ool_ports_descriptor_t array;
	} *m = (void *)buffer;
	mach_port_t dying = MACH_PORT_NULL;

	if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &dying) != KERN_SUCCESS)
		return false;
	for (unsigned i = 0; i < ARRAY; i++)
		names[i] = port;
	m->base.header = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0) | MACH_MSGH_BITS_COMPLEX,
					      .msgh_remote_port = dying };
	m->base.body.msgh_descriptor_count = 1;
	m->array = (mach_msg_ool_ports_descriptor_t){ .address = names, .count = ARRAY, .disposition = MACH_MSG_TYPE_MAKE_SEND,
						      .copy = MACH_MSG_PHYSICAL_COPY, .type = MACH_MSG_OOL_PORTS_DESCRIPTOR };
	if (mach_msg(&m->base.header, MACH_SEND_MSG, sizeof(*m), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
		return false;
	return mach_port_destroy(mach_task_self(), dying) == KERN_SUCCESS;
}

static bool set_of_one(void)
{
	return self_message((void *)buffer, BODY_BYTES, 0, set) == MACH_MSG_SUCCESS;
}

static void measure(const char *what, bool (*work)(void), bool judged, const char *sentence)
{
	static uint64_t stretch[TIMES], whole[TIMES];
	processor_latency_data_t l = { 0 };
	uint64_t at = 0, off, time, begin, most = 0;
	bool good = true;

	for (unsigned i = 0; i < TIMES && good; i++) {
		good = longest(NULL);
		begin = now_ns();
		good &= work();
		whole[i] = now_ns() - begin;
		good &= longest(&l);
		stretch[i] = l.max_ns;
		if (l.max_ns > most) {
			most = l.max_ns;
			at = l.max_where;
		}
	}
	qsort(stretch, TIMES, sizeof(stretch[0]), compare);
	qsort(whole, TIMES, sizeof(whole[0]), compare);
	off = stretch[0];
	time = whole[0];
	printf("# interrupts off: %s: the longest stretch %lu ns at best, %lu in the median, of %lu ns; of all %lu ns at 0x%lx\n", what,
	       (unsigned long)off, (unsigned long)stretch[TIMES / 2], (unsigned long)time, (unsigned long)most, (unsigned long)at);
	tap(good && (!judged || off < time / 3), "%s", sentence);
}

int main(void)
{
	processor_array_t list = NULL;
	mach_msg_type_number_t count = 0;
	processor_latency_data_t l;

	tap_result(host_processors(mach_host_self(), &list, &count), KERN_SUCCESS, "SCHD0900 the processors");
	processor = list[0];
	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set);
	(void)mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	memory = malloc(MEMORY);
	if (!longest(&l)) {
		printf("# this kernel does not measure it\n");
		return tap_done();
	}
	measure("short message", short_message, false, "SCHD0901 a short message is measured");
	measure("60000 bytes", long_body, true, "SCHD0902 a long message does not keep interrupts off");
	measure("1000 rights", many_rights, true, "SCHD0903 nor does one with many rights");
	measure("array of 2048 rights", array_of_rights, true, "SCHD0904 nor an array of rights");
	measure("1 MiB by copy-on-write", large_memory, true, "SCHD0905 nor memory");
	measure("a message's end with its port", destroyed, true, "SCHD0906 nor the end of a message");
	(void)mach_port_insert_member(mach_task_self(), port, set);
	measure("60000 bytes through a set", set_of_one, true, "SCHD0907 nor a message that comes through a set");
	return tap_done();
}
