/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * messages.c - mach_msg in full as a task sees it, on real memory: options, trailers, every size and place of out-of-line
 * memory, arrays of rights, the page exchange, each error with what it leaves. The first task of its boot
 * (tests/kernel/messages.t); prints TAP, and a record of random calls that must be the same with ipc.fast=0 and 1.
 */
#include "tap.h"

#include <mach/mach_vm.h>
#include <mach/pager.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096UL
#define SELF mach_task_self()
#define COPY MACH_MSG_TYPE_COPY_SEND
#define ONCE MACH_MSG_TYPE_MAKE_SEND_ONCE
#define SIMPLE(bits) MACH_MSGH_BITS(bits, 0)

struct message {
	mach_msg_header_t h;
	uint32_t body[10];
	mach_msg_max_trailer_t trailer;
};
#define SIZE ((mach_msg_size_t)__builtin_offsetof(struct message, trailer))

struct complex_message {
	mach_msg_base_t base;
	union {
		mach_msg_ool_descriptor_t memory[3];
		mach_msg_port_descriptor_t right[4];
		mach_msg_ool_ports_descriptor_t array[4];
	};
	mach_msg_max_trailer_t trailer;
};
#define LIST(n, type) ((mach_msg_size_t)(sizeof(mach_msg_base_t) + (n) * sizeof(type)))

static mach_port_t new_port(void)
{
	mach_port_t port = MACH_PORT_NULL;

	(void)mach_port_allocate(SELF, MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_insert_right(SELF, port, port, MACH_MSG_TYPE_MAKE_SEND);
	return port;
}

static void drop(mach_port_t port)
{
	(void)mach_port_destroy(SELF, port);
}

static mach_msg_return_t put(mach_port_t to, mach_msg_id_t id, mach_msg_option_t option, mach_port_t notify)
{
	struct message m = { .h = { .msgh_bits = SIMPLE(COPY), .msgh_remote_port = to, .msgh_id = id } };

	return mach_msg(&m.h, MACH_SEND_MSG | MACH_SEND_TIMEOUT | option, SIZE, 0, MACH_PORT_NULL, 0, notify);
}

static mach_msg_return_t get(mach_port_t port, struct message *m, mach_msg_option_t option, mach_port_t notify)
{
	memset(m, 0xee, sizeof *m);
	return mach_msg(&m->h, MACH_RCV_MSG | MACH_RCV_TIMEOUT | option, 0, sizeof *m, port, 0, notify);
}

static mach_port_urefs_t refs(mach_port_t name, mach_port_right_t right)
{
	mach_port_urefs_t n = 0;

	(void)mach_port_get_refs(SELF, name, right, &n);
	return n;
}

static unsigned waiting(mach_port_t port)
{
	mach_port_status_t s;
	mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;

	memset(&s, 0, sizeof s);
	(void)mach_port_get_attributes(SELF, port, MACH_PORT_RECEIVE_STATUS, (mach_port_info_t)&s, &count);
	return s.mps_msgcount;
}

/* ---- trailers, notify, priority ---- */

static void trailers(void)
{
	static const struct {
		uint32_t elements, size;
	} known[] = { { MACH_RCV_TRAILER_NULL, 8 },   { MACH_RCV_TRAILER_SEQNO, 12 }, { MACH_RCV_TRAILER_SENDER, 20 },
		      { MACH_RCV_TRAILER_AUDIT, 52 }, { MACH_RCV_TRAILER_CTX, 64 },   { MACH_RCV_TRAILER_AV, 72 } };
	mach_port_t port = new_port();
	struct message m;
	int good = 1;

	(void)mach_port_set_context(SELF, port, 0x1122334455667788ull);
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		(void)put(port, 1, 0, MACH_PORT_NULL);
		good &= get(port, &m, (mach_msg_option_t)MACH_RCV_TRAILER_ELEMENTS(known[i].elements), MACH_PORT_NULL) == 0 &&
			m.trailer.msgh_trailer_size == known[i].size &&
			(known[i].size == sizeof m.trailer || ((uint8_t *)&m.trailer)[known[i].size] == 0xee);
		if (known[i].elements >= MACH_RCV_TRAILER_SEQNO)
			good &= m.trailer.msgh_seqno == i;
		if (known[i].elements >= MACH_RCV_TRAILER_SENDER)
			good &= m.trailer.msgh_sender.val[1] == 0; /* not the kernel's */
		if (known[i].elements >= MACH_RCV_TRAILER_AUDIT)
			good &= m.trailer.msgh_audit.val[5] != 0;
		if (known[i].elements >= MACH_RCV_TRAILER_CTX)
			good &= m.trailer.msgh_context == 0x1122334455667788ull;
	}
	tap(good, "MSG0001 each trailer has its size and fields, and not a byte more");
	(void)put(port, 2, 0, MACH_PORT_NULL);
	tap(get(port, &m, (mach_msg_option_t)MACH_RCV_TRAILER_ELEMENTS(6), MACH_PORT_NULL) == MACH_RCV_INVALID_TRAILER &&
		    waiting(port) == 1,
	    "MSG0002 an unknown trailer is refused, and the message stays");
	tap(put(port, 3, MACH_SEND_TRAILER, MACH_PORT_NULL) == MACH_SEND_INVALID_TRAILER && waiting(port) == 1,
	    "MSG0003 a task without the privilege supplies no trailer");
	drop(port);
}

static void notify(void)
{
	mach_port_t port = new_port(), note = new_port(), reply = new_port(), old, once;
	mach_msg_type_name_t type;
	struct message m = { .h = { .msgh_bits = MACH_MSGH_BITS(COPY, ONCE), .msgh_remote_port = port,
				    .msgh_local_port = reply } };

	(void)mach_msg(&m.h, MACH_SEND_MSG, SIZE, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
	tap(get(port, &m, MACH_RCV_NOTIFY, note) == 0, "MSG0011 a receive asks for news of the reply right");
	once = m.h.msgh_remote_port;
	drop(reply);
	tap(get(note, &m, 0, MACH_PORT_NULL) == 0 && m.h.msgh_id == MACH_NOTIFY_DEAD_NAME && m.body[0] == once,
	    "MSG0012 and hears of its death");
	drop(once);
	reply = new_port();
	(void)mach_port_extract_right(SELF, reply, ONCE, &once, &type);
	(void)mach_port_request_notification(SELF, once, MACH_NOTIFY_DEAD_NAME, 0, note, ONCE, &old);
	m.h = (mach_msg_header_t){ .msgh_bits = SIMPLE(MACH_MSG_TYPE_MOVE_SEND_ONCE), .msgh_remote_port = once };
	tap(mach_msg(&m.h, MACH_SEND_MSG | MACH_SEND_CANCEL, SIZE, 0, MACH_PORT_NULL, 0, note) == 0 && waiting(note) == 0,
	    "MSG0013 a send cancels the request on the name it takes, and nobody is told");
	tap(put(port, 1, MACH_SEND_CANCEL, 0x99903) == MACH_SEND_INVALID_NOTIFY && waiting(port) == 0,
	    "MSG0014 not with a name that is no receive right");
	(void)put(port, 1, 0, MACH_PORT_NULL);
	tap(get(port, &m, MACH_RCV_NOTIFY, 0x99903) == MACH_RCV_INVALID_NOTIFY && waiting(port) == 0,
	    "MSG0015 a receive with such a name loses the message");
	drop(port);
	drop(note);
	drop(reply);
}

static void priorities(void)
{
	mach_port_qos_t qos = { .rt = 1 };
	mach_port_t port = MACH_PORT_NULL;
	struct message m;
	int order[4];

	tap(mach_port_allocate_qos(SELF, MACH_PORT_RIGHT_RECEIVE, &qos, &port) == KERN_SUCCESS,
	    "MSG0021 a port may ask for its messages by priority");
	(void)mach_port_insert_right(SELF, port, port, MACH_MSG_TYPE_MAKE_SEND);
	(void)put(port, 1, MACH_SEND_OVERRIDE, 5);
	(void)put(port, 2, MACH_SEND_OVERRIDE, 20);
	(void)put(port, 3, MACH_SEND_OVERRIDE, 5);
	(void)put(port, 4, MACH_SEND_OVERRIDE, 20);
	for (int i = 0; i < 4; i++) {
		(void)get(port, &m, 0, MACH_PORT_NULL);
		order[i] = m.h.msgh_id;
	}
	tap(order[0] == 2 && order[1] == 4 && order[2] == 1 && order[3] == 3, "MSG0022 and gets them so, and then by age");
	drop(port);
}

/* ---- out-of-line memory ---- */

static uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i * 37 + (i >> 8) * 11 + 5);
}

static mach_vm_address_t memory(uint64_t size)
{
	mach_vm_address_t a = 0;

	(void)mach_vm_allocate(SELF, &a, size, VM_FLAGS_ANYWHERE);
	return a;
}

static bool is_mapped(mach_vm_address_t a)
{
	vm_offset_t data;
	mach_msg_type_number_t count;

	if (mach_vm_read(SELF, a & ~(PAGE - 1), PAGE, &data, &count) != KERN_SUCCESS)
		return false;
	(void)mach_vm_deallocate(SELF, data, count);
	return true;
}

static mach_msg_return_t send_memory(mach_port_t port, mach_vm_address_t a, uint64_t size, bool deallocate, uint8_t copy)
{
	struct complex_message m = { .base = { { .msgh_bits = SIMPLE(COPY) | MACH_MSGH_BITS_COMPLEX, .msgh_remote_port = port },
					       { .msgh_descriptor_count = 1 } } };

	m.memory[0] = (mach_msg_ool_descriptor_t){ .address = (void *)a, .size = size, .deallocate = deallocate, .copy = copy,
						   .type = MACH_MSG_OOL_DESCRIPTOR };
	return mach_msg(&m.base.header, MACH_SEND_MSG, LIST(1, mach_msg_ool_descriptor_t), 0, MACH_PORT_NULL, 0,
			MACH_PORT_NULL);
}

/* Its bytes are right, and those around it in its pages are zero. */
static bool arrived_clean(const uint8_t *p, uint64_t size)
{
	uint64_t before = (uintptr_t)p & (PAGE - 1), after = -((uintptr_t)p + size) & (PAGE - 1);

	for (uint64_t i = 0; i < size; i++)
		if (p[i] != pattern(i))
			return false;
	for (uint64_t i = 1; i <= before; i++)
		if (*(p - i) != 0)
			return false;
	for (uint64_t i = 0; i < after; i++)
		if (p[size + i] != 0)
			return false;
	return true;
}

static void sizes(void)
{
	static const uint64_t size[] = { 1, 7, 100, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 17, 5 * PAGE, 9 * PAGE - 3, 70000, 1 << 20 };
	static const uint64_t offset[] = { 0, 1, 2000, PAGE - 1 };
	mach_port_t port = new_port();
	int good = 1, gone = 1, kept = 1;

	for (size_t s = 0; s < sizeof size / sizeof size[0]; s++)
	for (size_t o = 0; o < 4; o++)
	for (int move = 0; move < 2; move++) {
		uint64_t room = (offset[o] + size[s] + 2 * PAGE - 1) & ~(PAGE - 1);
		mach_vm_address_t a = memory(room);
		uint8_t *from = (uint8_t *)a;
		struct complex_message m;

		memset(from, 0xaa, room); /* what must not be seen */
		for (uint64_t i = 0; i < size[s]; i++)
			from[offset[o] + i] = pattern(i);
		good &= send_memory(port, a + offset[o], size[s], move, MACH_MSG_VIRTUAL_COPY) == 0;
		if (move)
			gone &= !is_mapped(a) && !is_mapped(a + offset[o] + size[s] - 1);
		else
			memset(from, 0x55, room);
		good &= mach_msg(&m.base.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof m, port, 0, MACH_PORT_NULL) == 0 &&
			m.memory[0].size == size[s] && arrived_clean(m.memory[0].address, size[s]);
		kept &= move || from[offset[o]] == 0x55;
		memset(m.memory[0].address, 1, size[s]); /* the receiver's own */
		kept &= move || from[offset[o]] == 0x55;
		(void)mach_vm_deallocate(SELF, (mach_vm_address_t)m.memory[0].address, m.memory[0].size);
		(void)mach_vm_deallocate(SELF, a, room);
	}
	tap(good, "MSG0031 memory of every size and place arrives as it was, with zeros around it");
	tap(gone, "MSG0032 with deallocate its pages are the sender's no more");
	tap(kept, "MSG0033 without, both sides go on with their own");
	drop(port);
}

static void bad_memory(void)
{
	mach_port_t port = new_port();
	mach_vm_address_t a = memory(4 * PAGE);
	struct message m;

	(void)mach_vm_deallocate(SELF, a + 2 * PAGE, PAGE);
	tap(send_memory(port, a, 4 * PAGE, false, MACH_MSG_VIRTUAL_COPY) == MACH_SEND_INVALID_MEMORY &&
		    send_memory(port, a + PAGE, PAGE + 1, false, MACH_MSG_PHYSICAL_COPY) == MACH_SEND_INVALID_MEMORY &&
		    send_memory(port, a, 4 * PAGE, true, MACH_MSG_VIRTUAL_COPY) == MACH_SEND_INVALID_MEMORY,
	    "MSG0034 memory that is not all there is not sent");
	tap(get(port, &m, 0, MACH_PORT_NULL) == MACH_RCV_TIMED_OUT && is_mapped(a), "MSG0035 nor taken away");
	tap(send_memory(port, a, PAGE, false, MACH_MSG_ALLOCATE) == MACH_SEND_INVALID_TYPE,
	    "MSG0036 a copy option that no sender has is refused");
	(void)mach_vm_deallocate(SELF, a, 4 * PAGE);
	drop(port);
}

static mach_msg_return_t receive_at(mach_port_t port, mach_msg_option_t option, mach_vm_address_t a, uint64_t size,
				    uint8_t copy, struct complex_message *m)
{
	memset(m, 0, sizeof *m);
	m->base.body.msgh_descriptor_count = 1;
	m->memory[0] = (mach_msg_ool_descriptor_t){ .address = (void *)a, .size = size, .copy = copy,
						    .type = MACH_MSG_OOL_DESCRIPTOR };
	return mach_msg_overwrite(NULL, MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_RCV_OVERWRITE | option, 0, sizeof *m, port, 0,
				  MACH_PORT_NULL, &m->base.header, LIST(1, mach_msg_ool_descriptor_t));
}

static void scatter(void)
{
	mach_port_t port = new_port();
	mach_vm_address_t a = memory(8 * PAGE), b = memory(8 * PAGE);
	struct complex_message m;

	for (uint64_t i = 0; i < 8 * PAGE; i++)
		((uint8_t *)a)[i] = pattern(i);
	(void)send_memory(port, a, 5 * PAGE + 9, false, MACH_MSG_VIRTUAL_COPY);
	memset((void *)b, 0, 8 * PAGE);
	tap(receive_at(port, MACH_RCV_LARGE, b, 5 * PAGE, MACH_MSG_OVERWRITE, &m) == MACH_RCV_SCATTER_SMALL &&
		    waiting(port) == 1 && m.memory[0].size == 5 * PAGE + 9,
	    "MSG0041 a place too small is told, with the size that is needed");
	tap(receive_at(port, 0, b + 1, 7 * PAGE, MACH_MSG_OVERWRITE, &m) == 0 && m.memory[0].address == (void *)(b + 1) &&
		    m.memory[0].size == 5 * PAGE + 9 && memcmp((void *)(b + 1), (void *)a, 5 * PAGE + 9) == 0 &&
		    ((uint8_t *)b)[0] == 0 && ((uint8_t *)b)[5 * PAGE + 10] == 0,
	    "MSG0042 memory lands where the scatter list says, and nowhere else");
	(void)send_memory(port, a, PAGE, false, MACH_MSG_VIRTUAL_COPY);
	tap(receive_at(port, 0, b, 100, MACH_MSG_OVERWRITE, &m) == MACH_RCV_SCATTER_SMALL && waiting(port) == 0,
	    "MSG0043 without MACH_RCV_LARGE such a message is lost");
	(void)send_memory(port, a, PAGE, false, MACH_MSG_VIRTUAL_COPY);
	tap(receive_at(port, 0, 0x1000, 2 * PAGE, MACH_MSG_OVERWRITE, &m) == (MACH_RCV_BODY_ERROR | MACH_MSG_VM_SPACE) &&
		    m.memory[0].address == NULL && waiting(port) == 0,
	    "MSG0044 a place that is no memory is a body error, and the rest arrives");
	(void)send_memory(port, a, PAGE, false, MACH_MSG_VIRTUAL_COPY);
	tap(receive_at(port, 0, b, 2 * PAGE, MACH_MSG_VIRTUAL_COPY, &m) == MACH_RCV_INVALID_TYPE, "MSG0045 a list must make sense");
	(void)mach_vm_deallocate(SELF, a, 8 * PAGE);
	(void)mach_vm_deallocate(SELF, b, 8 * PAGE);
	drop(port);
}

static void exchange(void)
{
	mach_port_t port = new_port();
	mach_vm_address_t a = memory(64 * PAGE), b = memory(64 * PAGE);
	struct complex_message m;
	int good = 1, zero = 1;

	for (int round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < 64 * PAGE; i++)
			((uint8_t *)a)[i] = pattern(i + (uint64_t)round);
		memset((void *)b, 0x77, 64 * PAGE);
		good &= send_memory(port, a, 64 * PAGE, false, MACH_MSG_PAGE_EXCHANGE) == 0;
		for (uint64_t i = 0; i < 64 * PAGE; i += 512)
			zero &= ((uint8_t *)a)[i] == 0;
		((uint8_t *)a)[0] = 1; /* the sender's next page, not the one under way */
		good &= receive_at(port, 0, b, 64 * PAGE, MACH_MSG_PAGE_EXCHANGE, &m) == 0 && m.memory[0].address == (void *)b &&
			m.memory[0].copy == MACH_MSG_PAGE_EXCHANGE;
		for (uint64_t i = 0; i < 64 * PAGE; i++)
			good &= ((uint8_t *)b)[i] == pattern(i + (uint64_t)round);
	}
	tap(good, "MSG0051 exchanged pages arrive in the receiver's buffer");
	tap(zero, "MSG0052 and the sender's buffer stays, empty");
	tap(send_memory(port, a + 8, PAGE, false, MACH_MSG_PAGE_EXCHANGE) == MACH_SEND_INVALID_MEMORY &&
		    send_memory(port, a, PAGE + 8, false, MACH_MSG_PAGE_EXCHANGE) == MACH_SEND_INVALID_MEMORY,
	    "MSG0053 only whole pages are exchanged");
	(void)mach_vm_inherit(SELF, a, PAGE, VM_INHERIT_SHARE);
	(void)mach_vm_protect(SELF, a + PAGE, PAGE, FALSE, VM_PROT_READ);
	tap(send_memory(port, a + PAGE, PAGE, false, MACH_MSG_PAGE_EXCHANGE) == MACH_SEND_INVALID_MEMORY &&
		    send_memory(port, a, PAGE, true, MACH_MSG_PAGE_EXCHANGE) == MACH_SEND_INVALID_TYPE,
	    "MSG0054 nor what may not be written, nor with deallocate");
	tap(waiting(port) == 0, "MSG0055 and a refused one is not sent");
	(void)mach_vm_deallocate(SELF, a, 64 * PAGE);
	(void)mach_vm_deallocate(SELF, b, 64 * PAGE);
	drop(port);
}

/* ---- memory whose pager dies ---- */

static kern_return_t read_page(struct pager_object *object, uint64_t offset, uint32_t length, void *buffer, vm_prot_t *lock)
{
	memset(buffer, 0x42, length);
	return KERN_SUCCESS;
}

static void dead_pager(void)
{
	static const struct pager_ops ops = { .read = read_page };
	mach_port_t port = new_port();
	struct pager_object *object = NULL;
	mach_vm_address_t a = 0, there;
	struct pager *pager = NULL;
	struct complex_message m;
	vm_offset_t data;
	mach_msg_type_number_t count;

	if (pager_create(&pager) != KERN_SUCCESS || pager_start(pager) != KERN_SUCCESS ||
	    pager_object_create(pager, &ops, 16 * PAGE, NULL, NULL, &object) != KERN_SUCCESS ||
	    mach_vm_map(SELF, &a, 16 * PAGE, 0, VM_FLAGS_ANYWHERE, pager_object_port(object), 0, FALSE, VM_PROT_DEFAULT,
			VM_PROT_ALL, VM_INHERIT_DEFAULT) != KERN_SUCCESS) {
		tap(false, "MSG0056 memory of a pager");
		return;
	}
	tap(*(volatile uint8_t *)a == 0x42 && send_memory(port, a, 16 * PAGE, false, MACH_MSG_VIRTUAL_COPY) == 0 &&
		    send_memory(port, a + PAGE, 8 * PAGE, false, MACH_MSG_PAGE_EXCHANGE) == MACH_SEND_INVALID_MEMORY,
	    "MSG0056 memory of a pager is sent, but its pages change no owner");
	pager_object_destroy(object);
	tap(mach_msg(&m.base.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof m, port, 0, MACH_PORT_NULL) == 0 &&
		    m.memory[0].size == 16 * PAGE,
	    "MSG0057 and received when its pager is dead");
	there = (mach_vm_address_t)m.memory[0].address;
	tap(*(volatile uint8_t *)there == 0x42, "MSG0058 what was resident is there");
	tap_result(mach_vm_read(SELF, there + 8 * PAGE, 100, &data, &count), KERN_MEMORY_FAILURE, "MSG0059 the rest is gone for good");
	tap(send_memory(port, there + 9 * PAGE + 5, 100, false, MACH_MSG_VIRTUAL_COPY) == MACH_SEND_INVALID_MEMORY &&
		    mach_msg((mach_msg_header_t *)(there + 10 * PAGE), MACH_SEND_MSG, 100, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL) ==
			    MACH_SEND_INVALID_DATA &&
		    waiting(port) == 0,
	    "MSG0060 the kernel, which must copy it, says so and sends nothing");
	(void)mach_vm_deallocate(SELF, there, 16 * PAGE);
	(void)mach_vm_deallocate(SELF, a, 16 * PAGE);
	drop(port);
}

/* ---- arrays of rights ---- */

static mach_msg_return_t send_array(mach_port_t port, mach_port_t *names, uint32_t count, mach_msg_type_name_t type,
				    bool deallocate)
{
	struct complex_message m = { .base = { { .msgh_bits = SIMPLE(COPY) | MACH_MSGH_BITS_COMPLEX, .msgh_remote_port = port },
					       { .msgh_descriptor_count = 1 } } };

	m.array[0] = (mach_msg_ool_ports_descriptor_t){ .address = names, .count = count, .deallocate = deallocate,
							.copy = MACH_MSG_VIRTUAL_COPY, .disposition = (uint8_t)type,
							.type = MACH_MSG_OOL_PORTS_DESCRIPTOR };
	return mach_msg(&m.base.header, MACH_SEND_MSG, LIST(1, mach_msg_ool_ports_descriptor_t), 0, MACH_PORT_NULL, 0,
			MACH_PORT_NULL);
}

static void arrays(void)
{
	static const mach_msg_type_name_t types[] = { MACH_MSG_TYPE_MAKE_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE, MACH_MSG_TYPE_COPY_SEND,
						      MACH_MSG_TYPE_MOVE_SEND, MACH_MSG_TYPE_MOVE_RECEIVE };
	mach_port_t port = new_port();
	unsigned names = tap_names();
	int good = 1, half = 1;

	for (int t = 0; t < 5; t++)
	for (int move = 0; move < 2; move++) {
		mach_vm_address_t at = memory(PAGE);
		mach_port_t *array = (mach_port_t *)at, *got, own[20];
		struct complex_message m;

		for (int i = 0; i < 20; i++)
			own[i] = array[i] = new_port();
		good &= send_array(port, array, 20, types[t], move) == 0;
		good &= is_mapped(at) == !move;
		good &= mach_msg(&m.base.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof m, port, 0, MACH_PORT_NULL) == 0 &&
			m.array[0].count == 20;
		got = m.array[0].address;
		for (int i = 0; i < 20; i++)
			good &= types[t] == MACH_MSG_TYPE_MAKE_SEND_ONCE ? refs(got[i], MACH_PORT_RIGHT_SEND_ONCE) == 1
									 : got[i] == own[i];
		mach_msg_destroy(&m.base.header);
		for (int i = 0; i < 20; i++)
			drop(own[i]);
		(void)mach_vm_deallocate(SELF, at, PAGE);
	}
	tap(good, "MSG0061 arrays of rights of every kind arrive, with and without deallocate");
	for (int bad = 0; bad < 20; bad += 19) {
		mach_port_t array[20], own[20];

		for (int i = 0; i < 20; i++)
			own[i] = array[i] = new_port();
		array[bad] = 0x7fff03;
		half &= send_array(port, array, 20, MACH_MSG_TYPE_COPY_SEND, false) == MACH_SEND_INVALID_RIGHT;
		for (int i = 0; i < 20; i++) {
			half &= refs(own[i], MACH_PORT_RIGHT_SEND) == 1;
			drop(own[i]);
		}
	}
	tap(half && waiting(port) == 0, "MSG0062 a bad name half-way sends nothing and costs no right");
	tap(tap_names() == names, "MSG0063 nothing is left of them");
	drop(port);
}

/* ---- each error ---- */

static mach_msg_return_t raw(mach_msg_bits_t bits, mach_port_t to, mach_port_t reply, mach_msg_size_t size,
			     mach_msg_option_t option)
{
	struct message m = { .h = { .msgh_bits = bits, .msgh_remote_port = to, .msgh_local_port = reply } };

	return mach_msg(&m.h, MACH_SEND_MSG | option, size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static void *killer(void *port)
{
	(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 50);
	(void)mach_port_mod_refs(SELF, (mach_port_t)(uintptr_t)port, MACH_PORT_RIGHT_RECEIVE, -1);
	return NULL;
}

static void *mover(void *port)
{
	mach_port_t box = new_port();
	struct complex_message m = { .base = { { .msgh_bits = SIMPLE(COPY) | MACH_MSGH_BITS_COMPLEX, .msgh_remote_port = box },
					       { .msgh_descriptor_count = 1 } } };

	(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 50);
	m.right[0] = (mach_msg_port_descriptor_t){ .name = (mach_port_t)(uintptr_t)port,
						   .disposition = MACH_MSG_TYPE_MOVE_RECEIVE, .type = MACH_MSG_PORT_DESCRIPTOR };
	(void)mach_msg(&m.base.header, MACH_SEND_MSG, LIST(1, mach_msg_port_descriptor_t), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
	drop(box);
	return NULL;
}

static mach_msg_return_t receive_while(void *(*other)(void *))
{
	mach_port_t port = new_port();
	mach_msg_return_t mr;
	struct message m;
	pthread_t t;

	(void)pthread_create(&t, NULL, other, (void *)(uintptr_t)port);
	mr = mach_msg(&m.h, MACH_RCV_MSG, 0, sizeof m, port, 0, MACH_PORT_NULL);
	(void)pthread_join(t, NULL);
	drop(port);
	return mr;
}

static void errors(void)
{
	mach_port_t port = new_port(), dead = new_port(), set = MACH_PORT_NULL;
	struct complex_message c = { .base = { { .msgh_bits = SIMPLE(COPY) | MACH_MSGH_BITS_COMPLEX, .msgh_remote_port = port },
					       { .msgh_descriptor_count = 1 } } };
	unsigned names;
	struct message m;

	(void)mach_port_allocate(SELF, MACH_PORT_RIGHT_PORT_SET, &set);
	(void)mach_port_mod_refs(SELF, dead, MACH_PORT_RIGHT_RECEIVE, -1);
	names = tap_names();
	tap_result(mach_msg((mach_msg_header_t *)8, MACH_SEND_MSG, 24, 0, 0, 0, 0), MACH_SEND_INVALID_DATA,
		   "MSG0071 a buffer that cannot be read: MACH_SEND_INVALID_DATA");
	tap_result(raw(SIMPLE(COPY), dead, 0, SIZE, 0), MACH_SEND_INVALID_DEST, "MSG0072 a dead name: MACH_SEND_INVALID_DEST");
	tap_result(raw(MACH_MSGH_BITS(COPY, COPY), port, 0x55503, SIZE, 0), MACH_SEND_INVALID_REPLY,
		   "MSG0073 no such reply right: MACH_SEND_INVALID_REPLY");
	tap_result(raw(MACH_MSGH_BITS_SET(COPY, 0, COPY, 0), port, 0, SIZE, 0), MACH_SEND_INVALID_VOUCHER,
		   "MSG0074 a voucher: MACH_SEND_INVALID_VOUCHER");
	tap_result(raw(SIMPLE(COPY), port, 0, 20, 0), MACH_SEND_MSG_TOO_SMALL, "MSG0075 20 bytes: MACH_SEND_MSG_TOO_SMALL");
	tap_result(raw(SIMPLE(COPY), port, 0, 1 << 20, 0), MACH_SEND_TOO_LARGE, "MSG0076 1 MiB inline: MACH_SEND_TOO_LARGE");
	tap_result(raw(SIMPLE(22), port, 0, SIZE, 0), MACH_SEND_INVALID_HEADER,
		   "MSG0077 no such disposition: MACH_SEND_INVALID_HEADER");
	for (int i = 0; i < MACH_PORT_QLIMIT_DEFAULT; i++)
		(void)put(port, i, 0, MACH_PORT_NULL);
	m.h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(COPY, ONCE), .msgh_remote_port = port, .msgh_local_port = port };
	tap_result(mach_msg(&m.h, MACH_SEND_MSG | MACH_SEND_TIMEOUT, SIZE, 0, 0, 10, 0), MACH_SEND_TIMED_OUT,
		   "MSG0078 a full queue: MACH_SEND_TIMED_OUT");
	tap(MACH_MSGH_BITS_REMOTE(m.h.msgh_bits) == MACH_MSG_TYPE_MOVE_SEND && m.h.msgh_remote_port == port &&
		    MACH_MSGH_BITS_LOCAL(m.h.msgh_bits) == MACH_MSG_TYPE_MOVE_SEND_ONCE,
	    "MSG0079 and the message is back with its sender, its rights as moved");
	mach_msg_destroy(&m.h);
	drop(m.h.msgh_local_port);
	for (int i = 0; i < MACH_PORT_QLIMIT_DEFAULT; i++)
		(void)get(port, &m, 0, MACH_PORT_NULL);
	(void)get(port, &m, 0, MACH_PORT_NULL); /* the dropped send-once right's */
	c.right[0] = (mach_msg_port_descriptor_t){ .name = set, .disposition = MACH_MSG_TYPE_MOVE_RECEIVE,
						   .type = MACH_MSG_PORT_DESCRIPTOR };
	tap_result(mach_msg(&c.base.header, MACH_SEND_MSG, LIST(1, mach_msg_port_descriptor_t), 0, 0, 0, 0), MACH_SEND_INVALID_RIGHT,
		   "MSG0080 a right that is not held: MACH_SEND_INVALID_RIGHT");
	c.right[0].disposition = 3;
	tap_result(mach_msg(&c.base.header, MACH_SEND_MSG, LIST(1, mach_msg_port_descriptor_t), 0, 0, 0, 0), MACH_SEND_INVALID_TYPE,
		   "MSG0081 a descriptor that is none: MACH_SEND_INVALID_TYPE");
	tap_result(get(set + 256, &m, 0, MACH_PORT_NULL), MACH_RCV_INVALID_NAME, "MSG0082 no receive right: MACH_RCV_INVALID_NAME");
	tap_result(get(port, &m, 0, MACH_PORT_NULL), MACH_RCV_TIMED_OUT, "MSG0083 nothing there: MACH_RCV_TIMED_OUT");
	(void)put(port, 7, 0, MACH_PORT_NULL);
	tap(mach_msg(&m.h, MACH_RCV_MSG | MACH_RCV_LARGE | MACH_RCV_LARGE_IDENTITY, 0, 32, port, 0, 0) == MACH_RCV_TOO_LARGE &&
		    m.h.msgh_size == SIZE && m.h.msgh_local_port == port && waiting(port) == 1,
	    "MSG0084 too large, asked to know: its size and port, and it stays");
	tap(mach_msg(&m.h, MACH_RCV_MSG, 0, 32, port, 0, 0) == MACH_RCV_TOO_LARGE && waiting(port) == 0,
	    "MSG0085 not asked: it is lost");
	(void)put(port, 7, 0, MACH_PORT_NULL);
	tap(mach_msg((mach_msg_header_t *)8, MACH_RCV_MSG, 0, 200, port, 0, 0) == MACH_RCV_INVALID_DATA && waiting(port) == 0,
	    "MSG0086 a buffer that cannot be written: MACH_RCV_INVALID_DATA, and it is lost");
	tap_result(receive_while(killer), MACH_RCV_PORT_DIED, "MSG0087 the port dies meanwhile: MACH_RCV_PORT_DIED");
	tap_result(receive_while(mover), MACH_RCV_PORT_CHANGED, "MSG0088 it goes elsewhere: MACH_RCV_PORT_CHANGED");
	tap(refs(port, MACH_PORT_RIGHT_SEND) == 1 && tap_names() <= names + 1, "MSG0089 none of them left a right behind");
	drop(port);
	drop(dead);
	drop(set);
}

/* ---- a record of random calls ---- */

static uint64_t record = 0xcbf29ce484222325ull;
static uint64_t random_state = 12345;

static void note(const void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		record = (record ^ ((const uint8_t *)data)[i]) * 0x100000001b3ull;
}

static uint32_t roll(uint32_t below)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33) % below;
}

/* Answers with what came, its body turned over; longer, or not at all, as the first word says. */
static void *answer(void *from)
{
	mach_port_t port = (mach_port_t)(uintptr_t)from;
	union {
		mach_msg_header_t h;
		uint32_t words[80];
	} b;
	mach_msg_return_t mr = mach_msg(&b.h, MACH_RCV_MSG, 0, sizeof b, port, 0, 0);

	while (mr == 0 && b.h.msgh_id != 0) {
		mach_msg_size_t size = b.h.msgh_size;

		if (size >= 28 && b.words[6] % 7 == 3)
			size = 200;
		if (size >= 28 && b.words[6] % 7 == 5) {
			(void)mach_port_deallocate(SELF, b.h.msgh_remote_port);
			mr = mach_msg(&b.h, MACH_RCV_MSG, 0, sizeof b, port, 0, 0);
			continue;
		}
		for (mach_msg_size_t i = 6; i < size / 4; i++)
			b.words[i] = i * 4 < b.h.msgh_size ? ~b.words[i] : i;
		b.h.msgh_bits = SIMPLE(MACH_MSGH_BITS_REMOTE(b.h.msgh_bits));
		b.h.msgh_local_port = 0;
		b.h.msgh_id += 100;
		mr = mach_msg(&b.h, MACH_SEND_MSG | MACH_RCV_MSG, size, sizeof b, port, 0, 0);
	}
	return NULL;
}

static void random_calls(void)
{
	mach_port_t port = new_port(), set = MACH_PORT_NULL, reply = new_port(), from;
	pthread_t t;
	int good = 1;

	(void)mach_port_allocate(SELF, MACH_PORT_RIGHT_PORT_SET, &set);
	for (int in_set = 0; in_set < 2; in_set++) {
		from = in_set ? set : port;
		if (in_set)
			(void)mach_port_insert_member(SELF, port, set);
		(void)pthread_create(&t, NULL, answer, (void *)(uintptr_t)from);
		for (int i = 0; i < 1000; i++) {
			union {
				mach_msg_header_t h;
				uint32_t words[80];
			} b;
			mach_msg_size_t size = 24 + 4 * roll(30), limit = roll(12) ? sizeof b : 24 + 4 * roll(20);
			bool send = roll(20) == 0;
			mach_msg_return_t mr;

			memset(&b, 0xcc, sizeof b);
			for (mach_msg_size_t k = 6; k < size / 4; k++)
				b.words[k] = roll(UINT32_MAX);
			if (size >= 28 && send && b.words[6] % 7 == 5)
				b.words[6]--; /* a send right dropped would not answer */
			b.h = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(COPY, send ? MACH_MSG_TYPE_MAKE_SEND : ONCE),
						   .msgh_remote_port = roll(40) ? port : port + 256, .msgh_local_port = reply,
						   .msgh_id = 1 + (int)roll(1000) };
			mr = mach_msg(&b.h, MACH_SEND_MSG | MACH_RCV_MSG | (roll(3) ? 0 : MACH_RCV_LARGE), size, limit, reply, 0, 0);
			note(&mr, sizeof mr);
			note(&b, sizeof b);
			good &= mr == 0 || mr == MACH_RCV_TOO_LARGE || mr == MACH_SEND_INVALID_DEST;
			while (mach_msg(&b.h, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof b, reply, 0, 0) == 0)
				note(&b, 24);
		}
		(void)put(port, 0, 0, MACH_PORT_NULL);
		(void)pthread_join(t, NULL);
	}
	tap(good, "MSG0091 random calls are answered");
	printf("# record %016llx\n", (unsigned long long)record);
	drop(reply);
	drop(port);
	drop(set);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	trailers();
	notify();
	priorities();
	sizes();
	bad_memory();
	scatter();
	exchange();
	dead_pager();
	arrays();
	errors();
	random_calls();
	return tap_done();
}
