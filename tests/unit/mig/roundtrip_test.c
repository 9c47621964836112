/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: generated stubs of a client and a server call each other through a mach_msg that counts rights and
 *   regions of memory: every exchange, however it fails, must leave the server with nothing and the client
 *   with what the contract of <mach/mig.h> says (M2, M3).
 */
#include <mach/mach.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <test/sample.h>
#include <test/sample_server.h>

#include <cmocka.h>

/* ---- the world: two spaces with the same names, a kernel that carries one message each way ---- */

#define NAMES 64
#define SERVER_PORT 2
#define REPLY_PORT 3
#define BODY_MAX 4096

enum { CLIENT, SERVER };

static struct side {
	int send[NAMES], once[NAMES], receive[NAMES];
	int regions;
} sides[2];
static int now;
static struct {
	bool full;
	uint64_t words[BODY_MAX / 8];
} request_in_kernel, reply_in_kernel;

enum fault {
	NONE,
	SEND_UNTOUCHED,  /* refused before anything was taken */
	SEND_GIVEN_BACK, /* timed out: pseudo-received */
	SERVER_ERROR,
	SERVER_SILENT,   /* MIG_NO_REPLY; the client times out */
	REPLY_WRONG_ID,
	REPLY_DIED,      /* a send-once notification instead */
	REPLY_LOST,      /* destroyed by the kernel: too large */
	SERVER_REPLY_UNSENDABLE,
	REQUEST_NOISE,   /* bytes changed in the kernel, by the seed */
	REPLY_NOISE,
};
static enum fault fault;
static uint32_t seed;

mach_port_t mach_task_self_ = 1;

static uint32_t noise(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static void *new_region(mach_vm_size_t size)
{
	if (size == 0)
		return NULL;
	sides[now].regions++;
	return calloc(1, size);
}

kern_return_t mach_vm_deallocate(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size)
{
	assert_true(size != 0);
	free((void *)(uintptr_t)address);
	sides[now].regions--;
	assert_true(sides[now].regions >= 0);
	return KERN_SUCCESS;
}

kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name)
{
	struct side *s = &sides[now];

	assert_true(name < NAMES);
	if (s->send[name] > 0)
		s->send[name]--;
	else if (s->once[name] > 0)
		s->once[name]--;
	else
		fail_msg("side %d drops a right of %u that it does not have", now, name);
	return KERN_SUCCESS;
}

kern_return_t mach_port_mod_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right,
				 mach_port_delta_t delta)
{
	assert_int_equal(right, MACH_PORT_RIGHT_RECEIVE);
	assert_int_equal(delta, -1);
	assert_true(name < NAMES && sides[now].receive[name] > 0);
	sides[now].receive[name]--;
	return KERN_SUCCESS;
}

__thread mach_port_t mig_reply_port_;

mach_port_t mig_get_reply_port(void)
{
	sides[CLIENT].receive[REPLY_PORT] = 1;
	return REPLY_PORT;
}

void mig_put_reply_port(mach_port_t port)
{
}

void mig_dealloc_reply_port(mach_port_t port)
{
	assert_int_equal(port, REPLY_PORT);
	sides[CLIENT].receive[REPLY_PORT] = 0;
}

static void take(int *count)
{
	assert_true(*count > 0);
	(*count)--;
}

/* A right leaves the current side; returns its kind on the way. */
static uint8_t right_in(mach_port_name_t name, uint8_t disposition)
{
	static const uint8_t kinds[] = { 16, 17, 18, 17, 17, 18 };
	struct side *s = &sides[now];

	assert_true(disposition >= 16 && disposition <= 21);
	if (!MACH_PORT_VALID(name))
		return kinds[disposition - 16];
	assert_true(name < NAMES);
	if (disposition == MACH_MSG_TYPE_MOVE_SEND)
		take(&s->send[name]);
	else if (disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE)
		take(&s->once[name]);
	else if (disposition == MACH_MSG_TYPE_MOVE_RECEIVE)
		take(&s->receive[name]);
	return kinds[disposition - 16];
}

static void right_out(mach_port_name_t name, uint8_t kind)
{
	struct side *s = &sides[now];

	if (!MACH_PORT_VALID(name) || name >= NAMES)
		return;
	if (kind == MACH_MSG_TYPE_PORT_SEND)
		s->send[name]++;
	else if (kind == MACH_MSG_TYPE_PORT_SEND_ONCE)
		s->once[name]++;
	else if (kind == MACH_MSG_TYPE_PORT_RECEIVE)
		s->receive[name]++;
}

static void *memory_in(void *address, mach_vm_size_t size, bool deallocate)
{
	void *copy;

	if (size == 0)
		return NULL;
	copy = malloc(size);
	memcpy(copy, address, size);
	if (deallocate) {
		free(address);
		sides[now].regions--;
	}
	return copy;
}

/* Each descriptor of a message to or from the kernel. */
static void body(mach_msg_header_t *msg, bool in)
{
	mach_msg_base_t *base = (void *)msg;
	char *p = (char *)(base + 1);

	if (!(msg->msgh_bits & MACH_MSGH_BITS_COMPLEX))
		return;
	for (uint32_t i = 0; i < base->body.msgh_descriptor_count; i++) {
		mach_msg_descriptor_t *d = (void *)p;

		if (d->type.type == MACH_MSG_PORT_DESCRIPTOR) {
			if (in)
				d->port.disposition = right_in(d->port.name, d->port.disposition);
			else
				right_out(d->port.name, d->port.disposition);
			p += sizeof(d->port);
		} else if (d->type.type == MACH_MSG_OOL_DESCRIPTOR) {
			if (in)
				d->out_of_line.address = memory_in(d->out_of_line.address, d->out_of_line.size,
								   d->out_of_line.deallocate);
			else if (d->out_of_line.size != 0)
				sides[now].regions++;
			d->out_of_line.deallocate = 1;
			p += sizeof(d->out_of_line);
		} else {
			mach_port_t *names = d->ool_ports.address;
			uint8_t kind = d->ool_ports.disposition;

			for (uint32_t k = 0; k < d->ool_ports.count; k++) {
				if (in)
					kind = right_in(names[k], d->ool_ports.disposition);
				else
					right_out(names[k], kind);
			}
			if (in)
				d->ool_ports.address = memory_in(names, d->ool_ports.count * sizeof(*names),
								 d->ool_ports.deallocate);
			else if (d->ool_ports.count != 0)
				sides[now].regions++;
			d->ool_ports.disposition = kind;
			d->ool_ports.deallocate = 1;
			p += sizeof(d->ool_ports);
		}
	}
}

static void copyin(mach_msg_header_t *msg)
{
	uint8_t remote = MACH_MSGH_BITS_REMOTE(msg->msgh_bits), local = MACH_MSGH_BITS_LOCAL(msg->msgh_bits);

	remote = right_in(msg->msgh_remote_port, remote);
	if (local != 0)
		local = right_in(msg->msgh_local_port, local);
	msg->msgh_bits = MACH_MSGH_BITS_SET(remote, local, 0, msg->msgh_bits & MACH_MSGH_BITS_COMPLEX);
	body(msg, true);
}

static void copyout(mach_msg_header_t *msg)
{
	uint8_t remote = MACH_MSGH_BITS_REMOTE(msg->msgh_bits), local = MACH_MSGH_BITS_LOCAL(msg->msgh_bits);
	mach_port_name_t to = msg->msgh_remote_port;

	right_out(msg->msgh_local_port, local);
	msg->msgh_remote_port = msg->msgh_local_port;
	msg->msgh_local_port = to;
	msg->msgh_bits = MACH_MSGH_BITS_SET(local, remote, 0, msg->msgh_bits & MACH_MSGH_BITS_COMPLEX);
	body(msg, false);
}

static void give_back(mach_msg_header_t *msg)
{
	right_out(msg->msgh_remote_port, MACH_MSGH_BITS_REMOTE(msg->msgh_bits));
	right_out(msg->msgh_local_port, MACH_MSGH_BITS_LOCAL(msg->msgh_bits));
	body(msg, false);
}

/* The kernel destroys a message: nobody gets its rights. */
static void destroy_in_kernel(mach_msg_header_t *msg)
{
	struct side keep[2];

	memcpy(keep, sides, sizeof(keep));
	body(msg, false);
	msg->msgh_remote_port = MACH_PORT_NULL;
	mach_msg_destroy(msg);
	memcpy(sides, keep, sizeof(keep));
}

/* Change bytes that are no addresses of memory: id and size stay, descriptors keep their kinds of memory. */
static void spoil(mach_msg_header_t *msg)
{
	mach_msg_base_t *base = (void *)msg;
	uint32_t at = sizeof(*msg);
	char *bytes = (char *)msg;

	if (msg->msgh_bits & MACH_MSGH_BITS_COMPLEX) {
		mach_msg_descriptor_t *d = (void *)(base + 1);

		for (uint32_t i = 0; i < base->body.msgh_descriptor_count; i++) {
			if (d->type.type == MACH_MSG_PORT_DESCRIPTOR && noise(3) == 0)
				d->port.disposition = (uint8_t)(16 + noise(3));
			if (d->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR && noise(3) == 0)
				d->ool_ports.disposition = (uint8_t)(16 + noise(3));
			d = (void *)((char *)d + (d->type.type == MACH_MSG_OOL_DESCRIPTOR ? 24 : 16));
		}
		at = (uint32_t)((char *)d - bytes);
	}
	for (uint32_t n = noise(4); n > 0 && at < msg->msgh_size; n--)
		bytes[at + noise(msg->msgh_size - at)] = (char)noise(256);
	if (noise(4) == 0 && msg->msgh_size > at)
		msg->msgh_size = (at + noise(msg->msgh_size - at)) & ~3u;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out);

static mach_msg_return_t server_receives(mach_msg_header_t *msg, mach_msg_size_t size)
{
	mach_msg_header_t *held = (void *)request_in_kernel.words;

	assert_true(request_in_kernel.full && held->msgh_size <= size);
	request_in_kernel.full = false;
	memcpy(msg, held, held->msgh_size);
	copyout(msg);
	return MACH_MSG_SUCCESS;
}

static mach_msg_return_t server_sends(mach_msg_header_t *msg)
{
	if (fault == SERVER_REPLY_UNSENDABLE)
		return MACH_SEND_INVALID_DEST;
	memcpy(reply_in_kernel.words, msg, msg->msgh_size);
	copyin((void *)reply_in_kernel.words);
	reply_in_kernel.full = true;
	return MACH_MSG_SUCCESS;
}

static mach_msg_return_t client_receives(mach_msg_header_t *msg, mach_msg_size_t size)
{
	mach_msg_header_t *held = (void *)reply_in_kernel.words;

	if (!reply_in_kernel.full)
		return MACH_RCV_TIMED_OUT;
	reply_in_kernel.full = false;
	if (fault == REPLY_LOST || fault == REPLY_DIED) {
		destroy_in_kernel(held);
		if (fault == REPLY_LOST)
			return MACH_RCV_TOO_LARGE;
		*held = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(18, 0), .msgh_size = 24,
					     .msgh_remote_port = REPLY_PORT, .msgh_id = 71 };
	}
	if (fault == REPLY_WRONG_ID)
		held->msgh_id++;
	if (fault == REPLY_NOISE)
		spoil(held);
	assert_true(held->msgh_size + MAX_TRAILER_SIZE <= size);
	memcpy(msg, held, held->msgh_size);
	copyout(msg);
	return MACH_MSG_SUCCESS;
}

mach_msg_return_t mach_msg(mach_msg_header_t *msg, mach_msg_option_t option, mach_msg_size_t send_size,
			   mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
			   mach_port_name_t notify)
{
	if (now == SERVER)
		return option & MACH_SEND_MSG ? server_sends(msg) : server_receives(msg, rcv_size);
	assert_true(option & MACH_SEND_MSG);
	assert_int_equal(send_size, msg->msgh_size);
	if (fault == SEND_UNTOUCHED)
		return MACH_SEND_INVALID_DEST;
	copyin(msg);
	if (fault == SEND_GIVEN_BACK) {
		give_back(msg);
		return MACH_SEND_TIMED_OUT;
	}
	memcpy(request_in_kernel.words, msg, msg->msgh_size);
	request_in_kernel.full = true;
	if (fault == REQUEST_NOISE)
		spoil((void *)request_in_kernel.words);
	now = SERVER;
	assert_int_equal(mach_msg_server_once(demux, BODY_MAX, SERVER_PORT, 0), MACH_MSG_SUCCESS);
	now = CLIENT;
	return option & MACH_RCV_MSG ? client_receives(msg, rcv_size) : MACH_MSG_SUCCESS;
}

mach_msg_return_t mach_msg_overwrite(mach_msg_header_t *msg, mach_msg_option_t option, mach_msg_size_t send_size,
				     mach_msg_size_t rcv_size, mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
				     mach_port_name_t notify, mach_msg_header_t *rcv_msg, mach_msg_size_t rcv_limit)
{
	fail_msg("not used here");
	return MACH_SEND_INVALID_DATA;
}

/* ---- the server: keeps nothing it is given ---- */

static kern_return_t verdict(void)
{
	return fault == SERVER_ERROR ? KERN_FAILURE : KERN_SUCCESS;
}

static void drop(mach_port_t port)
{
	if (MACH_PORT_VALID(port) && port < NAMES)
		(void)mach_port_deallocate(1, port);
}

static kern_return_t do_add(mach_port_t server, int a, int b, int *sum)
{
	assert_int_equal(server, SERVER_PORT);
	*sum = (int)((unsigned)a + (unsigned)b);
	return verdict();
}

static kern_return_t do_mixed(mach_port_t server, uint8_t small, uint64_t big, sample_pair_t *pair, uint16_t *word,
			      uint8_t *tail)
{
	pair->first += small;
	pair->second += big;
	*word = (uint16_t)(*word + 1);
	*tail = 77;
	return verdict();
}

static kern_return_t do_strings(mach_port_t server, char *name, char *label, char *full, char *tag)
{
	assert_true(strlen(name) < sizeof(sample_name_t) && strlen(label) < sizeof(sample_label_t));
	strcpy(full, name);
	strcpy(tag, label);
	return verdict();
}

static kern_return_t do_arrays(mach_port_t server, sample_words_t words, mach_msg_type_number_t words_count,
			       sample_bytes_t bytes, mach_msg_type_number_t bytes_count, sample_four_t four,
			       sample_words_t reversed, mach_msg_type_number_t *reversed_count, sample_bytes_t copy,
			       mach_msg_type_number_t *copy_count, sample_four_t fours)
{
	assert_true(words_count <= 10 && bytes_count <= 100 && *copy_count <= 100);
	*reversed_count = words_count;
	for (uint32_t i = 0; i < words_count; i++)
		reversed[i] = words[words_count - 1 - i];
	*copy_count = bytes_count;
	memcpy(copy, bytes, bytes_count);
	memcpy(fours, four, sizeof(sample_four_t));
	return verdict();
}

static kern_return_t do_rights(mach_port_t server, mach_port_t moved, mach_port_t copied, mach_port_t made,
			       mach_port_t once, mach_port_t *back)
{
	if (verdict() != KERN_SUCCESS)
		return KERN_FAILURE;
	drop(copied);
	drop(made);
	drop(once);
	*back = moved;
	return KERN_SUCCESS;
}

static kern_return_t do_receive(mach_port_t server, mach_port_t right, mach_port_t poly,
				mach_msg_type_name_t poly_type, mach_port_t *same, mach_msg_type_name_t *same_type)
{
	if (verdict() != KERN_SUCCESS)
		return KERN_FAILURE;
	if (MACH_PORT_VALID(right) && right < NAMES)
		(void)mach_port_mod_refs(1, right, MACH_PORT_RIGHT_RECEIVE, -1);
	*same = poly;
	*same_type = poly_type;
	return KERN_SUCCESS;
}

static kern_return_t do_memory(mach_port_t server, sample_memory_t data, mach_msg_type_number_t data_count,
			       sample_bounded_t bounded, mach_msg_type_number_t bounded_count, sample_memory_t *result,
			       mach_msg_type_number_t *result_count)
{
	if (verdict() != KERN_SUCCESS)
		return KERN_FAILURE;
	assert_true(bounded_count <= 64);
	*result = new_region(data_count * sizeof(natural_t));
	*result_count = data_count;
	for (uint32_t i = 0; i < data_count; i++)
		(*result)[i] = data[i] * 2;
	if (data_count != 0)
		(void)mach_vm_deallocate(1, (mach_vm_address_t)(uintptr_t)data, data_count * sizeof(natural_t));
	if (bounded_count != 0)
		(void)mach_vm_deallocate(1, (mach_vm_address_t)(uintptr_t)bounded, bounded_count);
	return KERN_SUCCESS;
}

static kern_return_t do_ports(mach_port_t server, sample_send_array_t rights, mach_msg_type_number_t count,
			      natural_t *number, sample_send_array_t *others, mach_msg_type_number_t *others_count)
{
	if (verdict() != KERN_SUCCESS)
		return KERN_FAILURE;
	assert_true(count <= 8);
	*number = count;
	*others = rights;
	*others_count = count;
	return KERN_SUCCESS;
}

static int note_value;

static kern_return_t do_note(mach_port_t server, mach_port_t right, int value)
{
	if (verdict() != KERN_SUCCESS)
		return KERN_FAILURE;
	note_value = value;
	drop(right);
	return KERN_SUCCESS;
}

static kern_return_t do_later(mach_port_t server, mach_port_t answer, int value, int *twice)
{
	if (verdict() != KERN_SUCCESS)
		return KERN_FAILURE;
	if (fault == SERVER_SILENT) {
		drop(answer);
		return MIG_NO_REPLY;
	}
	*twice = (int)(2u * (unsigned)value);
	return KERN_SUCCESS;
}

static kern_return_t do_typed(mach_port_t server, mach_port_t observer, sample_words_t words,
			      mach_msg_type_number_t count)
{
	if (verdict() != KERN_SUCCESS)
		return KERN_FAILURE;
	assert_true(count <= 10);
	note_value = count > 0 ? (int)words[count - 1] : 0;
	drop(observer);
	return KERN_SUCCESS;
}

static kern_return_t do_inout(mach_port_t server, char *prefix, sample_words_t words, mach_msg_type_number_t *words_count,
			      sample_bytes_t bytes, mach_msg_type_number_t *bytes_count)
{
	assert_true(*words_count <= 10 && *bytes_count <= 100);
	for (uint32_t i = 0; i < *words_count; i++)
		words[i] += (natural_t)strlen(prefix);
	if (*bytes_count > 1)
		*bytes_count = 1;
	return verdict();
}

static const struct sample_ops ops = {
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
	/* sample_timed is not implemented */
	.sample_typed = do_typed,
	.sample_inout = do_inout,
};

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	return sample_demux(&ops, in, out);
}

/* ---- the exchanges: each gives what it gives, and drops what it gets ---- */

#define MOVED 10
#define COPIED 11
#define MADE 12
#define OWNED 13
#define POLY 14

static void restart(enum fault with)
{
	memset(sides, 0, sizeof(sides));
	now = CLIENT;
	fault = with;
	sides[CLIENT].send[SERVER_PORT] = 1;
	sides[CLIENT].send[COPIED] = 1;
	sides[CLIENT].receive[MADE] = 1;
	request_in_kernel.full = reply_in_kernel.full = false;
}

static void nothing_left(const char *what)
{
	for (int name = 0; name < NAMES; name++) {
		int send = name == SERVER_PORT || name == COPIED, receive = name == MADE;

		if (sides[SERVER].send[name] || sides[SERVER].once[name] || sides[SERVER].receive[name])
			fail_msg("%s, fault %d, seed %u: the server keeps a right of %d", what, fault, seed, name);
		if (sides[CLIENT].send[name] != send || sides[CLIENT].once[name] != 0 ||
		    (name != REPLY_PORT && sides[CLIENT].receive[name] != receive))
			fail_msg("%s, fault %d, seed %u: the client's rights of %d: %d %d %d", what, fault, seed, name,
				 sides[CLIENT].send[name], sides[CLIENT].once[name], sides[CLIENT].receive[name]);
	}
	if (sides[SERVER].regions != 0 || sides[CLIENT].regions != 0)
		fail_msg("%s, fault %d, seed %u: %d and %d regions left", what, fault, seed, sides[CLIENT].regions,
			 sides[SERVER].regions);
}

static kern_return_t call_add(void)
{
	int sum = 0;
	kern_return_t result = sample_add(SERVER_PORT, 40, 2, &sum);

	if (fault == NONE)
		assert_int_equal(sum, 42);
	return result;
}

static kern_return_t call_mixed(void)
{
	sample_pair_t pair = { 1, 2 };
	uint16_t word = 0xffff;
	uint8_t tail = 0;
	kern_return_t result = sample_mixed(SERVER_PORT, 9, 1ull << 40, &pair, &word, &tail);

	if (fault == NONE) {
		assert_int_equal(pair.first, 10);
		assert_true(pair.second == (1ull << 40) + 2);
		assert_int_equal(word, 0);
		assert_int_equal(tail, 77);
	}
	return result;
}

static kern_return_t call_strings(void)
{
	sample_name_t full;
	sample_label_t tag;
	kern_return_t result = sample_strings(SERVER_PORT, "a name of thirty-one characters", "fifteen letters", full, tag);

	if (fault == NONE) {
		assert_string_equal(full, "a name of thirty-one characters");
		assert_string_equal(tag, "fifteen letters");
	}
	return result;
}

static kern_return_t call_arrays(void)
{
	natural_t words[3] = { 1, 2, 3 }, reversed[10];
	uint8_t bytes[100] = "hello", copy[100];
	sample_four_t four = { 1, 2, 3, 4 }, fours;
	mach_msg_type_number_t reversed_count = 10, copy_count = 100;
	kern_return_t result = sample_arrays(SERVER_PORT, words, 3, bytes, 5, four, reversed, &reversed_count, copy,
					     &copy_count, fours);

	if (fault == NONE) {
		assert_int_equal(reversed_count, 3);
		assert_int_equal(reversed[0], 3);
		assert_int_equal(copy_count, 5);
		assert_memory_equal(copy, "hello", 5);
		assert_memory_equal(fours, four, sizeof(four));
	}
	return result;
}

static kern_return_t call_rights(void)
{
	mach_port_t back = MACH_PORT_NULL;
	kern_return_t result;

	sides[CLIENT].send[MOVED] = 1;
	result = sample_rights(SERVER_PORT, MOVED, COPIED, MADE, MADE, &back);
	if (result == KERN_SUCCESS)
		drop(back);
	return result;
}

static kern_return_t call_receive(void)
{
	mach_port_t same = MACH_PORT_NULL;
	mach_msg_type_name_t type = 0;
	kern_return_t result;

	sides[CLIENT].receive[OWNED] = 1;
	sides[CLIENT].once[POLY] = 1;
	result = sample_receive(SERVER_PORT, OWNED, POLY, MACH_MSG_TYPE_MOVE_SEND_ONCE, &same, &type);
	if (result == KERN_SUCCESS && type == MACH_MSG_TYPE_PORT_RECEIVE && same < NAMES)
		(void)mach_port_mod_refs(1, same, MACH_PORT_RIGHT_RECEIVE, -1);
	else if (result == KERN_SUCCESS)
		drop(same);
	if (fault == NONE)
		assert_int_equal(type, MACH_MSG_TYPE_PORT_SEND_ONCE);
	return result;
}

static kern_return_t call_memory(void)
{
	natural_t data[5] = { 1, 2, 3, 4, 5 }, *result_data = NULL;
	mach_msg_type_number_t count = 0;
	uint8_t *bounded = new_region(64);
	kern_return_t result = sample_memory(SERVER_PORT, data, 5, bounded, 64, &result_data, &count);

	if (fault == NONE)
		assert_int_equal(result_data[4], 10);
	if (result == KERN_SUCCESS && count != 0)
		(void)mach_vm_deallocate(1, (mach_vm_address_t)(uintptr_t)result_data, count * sizeof(natural_t));
	return result;
}

static kern_return_t call_ports(void)
{
	mach_port_t rights[2] = { MOVED, MACH_PORT_NULL }, *others = NULL;
	mach_msg_type_number_t count = 0;
	natural_t number = 0;
	kern_return_t result;

	sides[CLIENT].send[MOVED] = 1;
	result = sample_ports(SERVER_PORT, rights, 2, &number, &others, &count);
	if (result != KERN_SUCCESS)
		return result;
	for (uint32_t i = 0; i < count; i++)
		drop(others[i]);
	if (count != 0)
		(void)mach_vm_deallocate(1, (mach_vm_address_t)(uintptr_t)others, count * sizeof(mach_port_t));
	return result;
}

static kern_return_t call_note(void)
{
	sides[CLIENT].send[MOVED] = 1;
	return sample_note(SERVER_PORT, MOVED, 7);
}

static kern_return_t call_later(void)
{
	int twice = 0;
	kern_return_t result = sample_later(SERVER_PORT, 21, &twice);

	if (fault == NONE)
		assert_int_equal(twice, 42);
	return result;
}

static kern_return_t call_typed(void)
{
	natural_t words[2] = { 5, 6 };

	return sample_typed(SERVER_PORT, MADE, words, 2);
}

static kern_return_t call_inout(void)
{
	natural_t words[10] = { 1, 2 };
	uint8_t bytes[100] = "xyz";
	mach_msg_type_number_t words_count = 2, bytes_count = 3;
	kern_return_t result = sample_inout(SERVER_PORT, "abc", words, &words_count, bytes, &bytes_count);

	if (fault == NONE) {
		assert_int_equal(words[1], 5);
		assert_int_equal(bytes_count, 1);
		assert_int_equal(bytes[0], 'x');
	}
	return result;
}

static const struct {
	const char *name;
	kern_return_t (*call)(void);
	bool simple;
} calls[] = {
	{ "add", call_add, false },         { "mixed", call_mixed, false },   { "strings", call_strings, false },
	{ "arrays", call_arrays, false },   { "rights", call_rights, false }, { "receive", call_receive, false },
	{ "memory", call_memory, false },   { "ports", call_ports, false },   { "note", call_note, true },
	{ "later", call_later, false },     { "typed", call_typed, true },    { "inout", call_inout, false },
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static void all_with(enum fault with, kern_return_t expected, kern_return_t expected_simple)
{
	for (size_t i = 0; i < CALLS; i++) {
		kern_return_t result;

		restart(with);
		result = calls[i].call();
		if (result != (calls[i].simple ? expected_simple : expected))
			fail_msg("%s, fault %d: result %d", calls[i].name, with, result);
		nothing_left(calls[i].name);
	}
}

static void arguments_arrive(void **state)
{
	all_with(NONE, KERN_SUCCESS, KERN_SUCCESS);
	restart(NONE);
	(void)call_note();
	assert_int_equal(note_value, 7);
	(void)call_typed();
	assert_int_equal(note_value, 6);
}

static void send_errors(void **state)
{
	all_with(SEND_UNTOUCHED, MACH_SEND_INVALID_DEST, MACH_SEND_INVALID_DEST);
	all_with(SEND_GIVEN_BACK, MACH_SEND_TIMED_OUT, MACH_SEND_TIMED_OUT);
}

static void server_errors(void **state)
{
	all_with(SERVER_ERROR, KERN_FAILURE, KERN_SUCCESS);
	all_with(SERVER_REPLY_UNSENDABLE, MACH_RCV_TIMED_OUT, KERN_SUCCESS);
	restart(SERVER_SILENT);
	assert_int_equal(call_later(), MACH_RCV_TIMED_OUT);
	assert_int_equal(sides[CLIENT].receive[REPLY_PORT], 0);
	nothing_left("later");
}

static void reply_errors(void **state)
{
	all_with(REPLY_WRONG_ID, MIG_REPLY_MISMATCH, KERN_SUCCESS);
	all_with(REPLY_DIED, MIG_SERVER_DIED, KERN_SUCCESS);
	all_with(REPLY_LOST, MACH_RCV_TOO_LARGE, KERN_SUCCESS);
}

static void refused_before_sending(void **state)
{
	natural_t words[11] = { 0 };
	sample_name_t full;
	sample_label_t tag;

	restart(NONE);
	assert_int_equal(sample_typed(SERVER_PORT, MADE, words, 11), MIG_ARRAY_TOO_LARGE);
	nothing_left("typed");
	assert_int_equal(sample_strings(SERVER_PORT, "0123456789012345678901234567890123", "x", full, tag), MIG_ARRAY_TOO_LARGE);
	assert_int_equal(sample_strings(SERVER_PORT, "x", "sixteen letters!", full, tag), MIG_ARRAY_TOO_LARGE);
	nothing_left("strings");
}

static void callers_room_is_respected(void **state)
{
	natural_t words[3] = { 1, 2, 3 }, reversed[10];
	uint8_t bytes[5] = "hell", copy[5];
	sample_four_t four = { 0 }, fours;
	mach_msg_type_number_t reversed_count = 10, copy_count = 4;

	restart(NONE);
	assert_int_equal(sample_arrays(SERVER_PORT, words, 3, bytes, 5, four, reversed, &reversed_count, copy, &copy_count,
				       fours), MIG_ARRAY_TOO_LARGE);
	assert_int_equal(copy_count, 5);
	nothing_left("arrays");
}

static void unknown_ids(void **state)
{
	int value;
	struct {
		mach_msg_header_t head;
		uint8_t rest[80];
	} m = { .head = { .msgh_bits = MACH_MSGH_BITS(19, 21), .msgh_size = 24, .msgh_remote_port = SERVER_PORT,
			  .msgh_local_port = REPLY_PORT, .msgh_id = 90004 } };

	restart(NONE);
	assert_int_equal(sample_timed(SERVER_PORT, 10, &value), MIG_BAD_ID); /* not implemented */
	nothing_left("timed");
	assert_int_equal(mach_msg(&m.head, MACH_SEND_MSG | MACH_RCV_MSG, 24, sizeof(m) + 0, REPLY_PORT, 0, 0), 0);
	assert_int_equal(((mig_reply_error_t *)&m)->RetCode, MIG_BAD_ID); /* a skipped number */
	nothing_left("skip");
}

/* Whatever a peer sends: no leak, no stray access (ASan). */
static void noise_in_the_kernel(enum fault with)
{
	int accepted = 0, refused = 0;

	for (uint32_t round = 0; round < 4000; round++) {
		size_t i = round % CALLS;

		restart(with);
		seed = round * 7919u + 1;
		if (calls[i].call() == KERN_SUCCESS)
			accepted++;
		else
			refused++;
		nothing_left(calls[i].name);
	}
	assert_true(refused > 400);
	assert_true(accepted > 400);
}

static void request_noise(void **state)
{
	noise_in_the_kernel(REQUEST_NOISE);
}

static void reply_noise(void **state)
{
	noise_in_the_kernel(REPLY_NOISE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{ "MIG0001 arguments of every kind arrive and return", arguments_arrive, NULL, NULL, NULL },
		{ "MIG0002 a failed send consumes what was moved and leaves nothing made", send_errors, NULL, NULL, NULL },
		{ "MIG0003 a server's error destroys the request", server_errors, NULL, NULL, NULL },
		{ "MIG0004 a bad reply is destroyed", reply_errors, NULL, NULL, NULL },
		{ "MIG0005 too large an argument is refused before sending", refused_before_sending, NULL, NULL, NULL },
		{ "MIG0006 the caller's room is respected", callers_room_is_respected, NULL, NULL, NULL },
		{ "MIG0007 unknown and unimplemented ids get MIG_BAD_ID", unknown_ids, NULL, NULL, NULL },
		{ "MIG0008 requests changed on the way leak nothing", request_noise, NULL, NULL, NULL },
		{ "MIG0009 replies changed on the way leak nothing", reply_noise, NULL, NULL, NULL },
	};

	return cmocka_run_group_tests_name("mig", tests, NULL, NULL);
}
