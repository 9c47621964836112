/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * any_message.h - messages made after mig's tables of an interface, most of them with something wrong: what fuzzers send to kernel
 *   objects, on the host (fuzz_mig_demux) and on a booted node (test-hostile). Calls nothing of a C library, so that a thread without
 *   a thread pointer can use it.
 */
#pragma once

#include <mach/message.h>
#include <mach/mig.h>
#include <stdbool.h>
#include <stdint.h>

#define ANY_ROOM 8192
#define ANY_NAMES_LISTED 16
#define ANY_PAGE 4096u

union any_message {
	mach_msg_header_t head;
	uint64_t words[ANY_ROOM / 8];
	uint8_t bytes[ANY_ROOM];
};

/* Where its parts come from. */
struct any_source {
	uint64_t state;                /* of the generator; not 0 */
	const mach_port_name_t *names; /* to choose from */
	uint32_t name_count;
	uint8_t *memory;               /* what is sent out of line begins here */
	uint64_t arena;                /* some addresses lie in arena_pages from here; 0: there are no addresses */
	uint32_t arena_pages;
	bool calm;                     /* its messages have the right form, and small arguments: more of them are served */
	mach_port_name_t listed[ANY_NAMES_LISTED]; /* a list of rights that is sent */
};

static inline uint32_t any_word(struct any_source *s)
{
	s->state ^= s->state << 13, s->state ^= s->state >> 7, s->state ^= s->state << 17;
	return (uint32_t)(s->state >> 16);
}

static inline uint32_t any_below(struct any_source *s, uint32_t n)
{
	return any_word(s) % n;
}

static inline bool any_one_in(struct any_source *s, uint32_t n)
{
	return any_below(s, n) == 0;
}

/* Is something to be made wrong here? */
static inline bool any_wrong(struct any_source *s, uint32_t n)
{
	return !s->calm && any_one_in(s, n);
}

static inline mach_port_name_t any_name(struct any_source *s)
{
	switch (any_below(s, s->calm ? 40 : 12)) {
	case 0:
		return any_word(s);
	case 1:
		return MACH_PORT_DEAD;
	case 2:
		return MACH_PORT_NULL;
	default:
		return s->names[any_below(s, s->name_count)];
	}
}

static inline uint8_t any_disposition(struct any_source *s, uint8_t wanted)
{
	static const uint8_t sends[] = { MACH_MSG_TYPE_MOVE_SEND, MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND };

	if (any_wrong(s, 20))
		return (uint8_t)any_below(s, 32);
	if (wanted == MACH_MSG_TYPE_PORT_SEND)
		return sends[any_below(s, 3)];
	if (wanted == MACH_MSG_TYPE_PORT_SEND_ONCE)
		return any_one_in(s, 2) ? MACH_MSG_TYPE_MOVE_SEND_ONCE : MACH_MSG_TYPE_MAKE_SEND_ONCE;
	return wanted == 0 ? (uint8_t)(MACH_MSG_TYPE_MOVE_RECEIVE + any_below(s, 6)) : MACH_MSG_TYPE_MOVE_RECEIVE;
}

/* A descriptor that fits, mostly; returns its bytes. */
static inline uint32_t any_descriptor(struct any_source *s, const struct mig_descriptor *want, uint8_t *at)
{
	uint32_t limit = want->max != 0 ? want->max : 40, count = want->exact ? want->max : any_below(s, limit + 1);
	uint8_t type = any_wrong(s, 30) ? (uint8_t)any_below(s, 5) : want->type;
	mach_msg_descriptor_t *d = (void *)at;

	if (any_wrong(s, 20))
		count = any_below(s, 200);
	if (type == MACH_MSG_PORT_DESCRIPTOR) {
		d->port = (mach_msg_port_descriptor_t){ .name = any_name(s), .type = type,
							.disposition = any_disposition(s, want->disposition) };
		return sizeof(d->port);
	}
	if (type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
		count = count > ANY_NAMES_LISTED ? ANY_NAMES_LISTED : count;
		for (uint32_t i = 0; i < count; i++)
			s->listed[i] = any_name(s);
		d->ool_ports = (mach_msg_ool_ports_descriptor_t){ .address = s->listed, .count = count, .type = type,
								  .disposition = any_disposition(s, want->disposition) };
		return sizeof(d->ool_ports);
	}
	d->out_of_line = (mach_msg_ool_descriptor_t){ .address = s->memory, .type = type, .copy = (uint8_t)any_below(s, MACH_MSG_PAGE_EXCHANGE + 1),
						      .deallocate = (uint8_t)any_below(s, 2),
						      .size = (uint64_t)count * (any_wrong(s, 20) ? 1 : want->element) };
	return sizeof(d->out_of_line);
}

/* An address in the arena or just outside, or a length. */
static inline uint64_t any_place(struct any_source *s)
{
	uint64_t bytes = (uint64_t)any_below(s, s->arena_pages + 1) * ANY_PAGE + (any_one_in(s, 4) ? any_below(s, ANY_PAGE) : 0);

	if (s->calm && any_one_in(s, 3))
		return 0;
	if (any_one_in(s, 60))
		return (uint64_t)any_word(s) << 32 | any_word(s);
	if (any_one_in(s, 60))
		return 0 - bytes;
	return any_one_in(s, 3) ? bytes / 8 : s->arena + bytes;
}

/* The fixed part: words that are names, small numbers, kinds of rights, addresses, or anything. */
static inline void any_fixed(struct any_source *s, uint8_t *bytes, uint32_t from, uint32_t to)
{
	for (uint32_t at = from; at + 4 <= to; at += 4) {
		uint32_t word = any_one_in(s, s->calm ? 8 : 3) ? any_name(s) : any_one_in(s, 2) ? any_below(s, s->calm ? 6 : 24) :
				s->calm || any_one_in(s, 2) ? any_below(s, 130) : any_word(s);

		if (s->arena != 0 && at % 8 == 0 && at + 8 <= to && any_one_in(s, 2)) {
			uint64_t place = any_place(s);

			__builtin_memcpy(bytes + at, &place, 8);
			at += 4;
			continue;
		}
		__builtin_memcpy(bytes + at, &word, 4);
	}
}

static inline uint32_t any_variables(struct any_source *s, const struct mig_layout *l, uint8_t *bytes)
{
	uint32_t size = l->fixed_size;

	for (uint32_t i = 0; i < l->variable_count; i++) {
		const struct mig_variable *v = &l->variables[i];
		uint32_t count = any_below(s, s->calm && v->max > 12 ? 13 : v->max + 1);

		if (v->kind == MIG_FIXED_STRING) {
			bytes[v->offset + any_below(s, v->max)] = 0;
			continue;
		}
		count += v->kind == MIG_STRING && count == 0;
		size = MIG_ALIGN(size, 8u);
		for (uint32_t k = 0; k < count * v->element; k++)
			bytes[size + k] = (uint8_t)(v->element > 1 && any_one_in(s, 2) ? 0 : 1 + any_below(s, 255));
		size += count * v->element;
		if (v->kind == MIG_STRING)
			bytes[size - 1] = 0;
		if (any_wrong(s, 20))
			count = any_one_in(s, 2) ? any_word(s) : count + 1;
		__builtin_memcpy(bytes + v->offset, &count, 4);
	}
	return MIG_ALIGN(size, 4u);
}

/* A call of routine number of i to the port named to, answered at reply; returns its bytes. */
static inline uint32_t any_message(struct any_source *s, const struct mig_subsystem *i, uint32_t number, mach_port_name_t to,
				   mach_port_name_t reply, union any_message *m)
{
	const struct mig_routine *r = &i->routines[number];
	uint32_t size = sizeof(mach_msg_header_t), at = sizeof(mach_msg_base_t);
	bool complex = r->request.descriptor_count != 0;

	m->head = (mach_msg_header_t){
		.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, any_wrong(s, 10) ? any_disposition(s, MACH_MSG_TYPE_PORT_SEND)
										      : MACH_MSG_TYPE_MAKE_SEND_ONCE),
		.msgh_remote_port = to,
		.msgh_local_port = any_wrong(s, 20) ? any_name(s) : reply,
		.msgh_id = any_wrong(s, 50) ? (int)any_word(s) : i->base + (int)number,
	};
	if (r->name != NULL) {
		((mach_msg_base_t *)m)->body = (mach_msg_body_t){ r->request.descriptor_count, 0 };
		for (uint32_t k = 0; k < r->request.descriptor_count; k++)
			at += any_descriptor(s, &r->request.descriptors[k], m->bytes + at);
		any_fixed(s, m->bytes, complex ? at : (uint32_t)sizeof(mach_msg_header_t), r->request.fixed_size);
		size = any_variables(s, &r->request, m->bytes);
	}
	if (any_wrong(s, 20))
		complex = !complex;
	if (any_wrong(s, 30) && size > sizeof(mach_msg_header_t))
		m->bytes[sizeof(mach_msg_header_t) + any_below(s, size - (uint32_t)sizeof(mach_msg_header_t))] ^= (uint8_t)(1 + any_below(s, 255));
	if (any_wrong(s, 20))
		size = 4 * any_below(s, size / 2);
	m->head.msgh_bits |= complex ? MACH_MSGH_BITS_COMPLEX : 0;
	m->head.msgh_size = size;
	return size;
}
