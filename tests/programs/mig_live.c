/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: stubs of one task call another task's through the kernel, with arguments of every kind: they arrive and
 *   come back, and after thousands of calls, failing ones among them, neither task has a name or a page more.
 *
 * test-mig server: the server. sample_add(number, ...) with a negative number commands it.
 */
#include "tap.h"

#include "sample.h"
#include "sample_server.h"
#include <servers/bootstrap.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_MAX 4096
#define ROUNDS 500
#define WORDS 100000u /* of memory out of line */

enum { FAIL_NEXT = -1, TELL_NAMES = -2, TELL_SIZE = -3, DIE = -4 };

/* KiB of virtual memory. */
static int virtual_size(void)
{
	mach_task_basic_info_data_t info;
	mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;

	if (task_info(mach_task_self(), MACH_TASK_BASIC_INFO, (task_info_t)&info, &count) != KERN_SUCCESS)
		return -1;
	return (int)(info.virtual_size >> 10);
}

static void drop(mach_port_t port)
{
	(void)mach_port_deallocate(mach_task_self(), port);
}

static void drop_memory(const void *address, size_t bytes)
{
	if (bytes != 0)
		(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)address, bytes);
}

/* ---- the server ---- */

static bool fail_next;

static bool fails(void)
{
	bool now = fail_next;

	fail_next = false;
	return now;
}

static kern_return_t do_add(mach_port_t server, int a, int b, int *sum)
{
	switch (a) {
	case FAIL_NEXT:
		fail_next = true;
		break;
	case TELL_NAMES:
		*sum = (int)tap_names();
		break;
	case TELL_SIZE:
		*sum = virtual_size();
		break;
	case DIE:
		exit(0);
	default:
		*sum = a + b;
	}
	return KERN_SUCCESS;
}

static kern_return_t do_mixed(mach_port_t server, uint8_t small, uint64_t big, sample_pair_t *pair, uint16_t *word,
			      uint8_t *tail)
{
	pair->first += small;
	pair->second += big;
	(*word)++;
	*tail = 77;
	return KERN_SUCCESS;
}

static kern_return_t do_strings(mach_port_t server, char *name, char *label, char *full, char *tag)
{
	strcpy(full, name);
	strcpy(tag, label);
	return KERN_SUCCESS;
}

static kern_return_t do_rights(mach_port_t server, mach_port_t moved, mach_port_t copied, mach_port_t made,
			       mach_port_t once, mach_port_t *back)
{
	if (fails())
		return KERN_FAILURE;
	drop(copied);
	drop(made);
	drop(once);
	*back = moved;
	return KERN_SUCCESS;
}

static kern_return_t do_receive(mach_port_t server, mach_port_t right, mach_port_t poly, mach_msg_type_name_t poly_type,
				mach_port_t *same, mach_msg_type_name_t *same_type)
{
	if (fails())
		return KERN_FAILURE;
	(void)mach_port_mod_refs(mach_task_self(), right, MACH_PORT_RIGHT_RECEIVE, -1);
	*same = poly;
	*same_type = poly_type;
	return KERN_SUCCESS;
}

static kern_return_t do_memory(mach_port_t server, sample_memory_t data, mach_msg_type_number_t data_count,
			       sample_bounded_t bounded, mach_msg_type_number_t bounded_count, sample_memory_t *result,
			       mach_msg_type_number_t *result_count)
{
	if (fails())
		return KERN_FAILURE;
	for (uint32_t i = 0; i < data_count; i++)
		data[i] *= 2; /* the copy that came: ours to write */
	*result = data;       /* goes back with dealloc */
	*result_count = data_count;
	drop_memory(bounded, bounded_count);
	return KERN_SUCCESS;
}

static kern_return_t do_ports(mach_port_t server, sample_send_array_t rights, mach_msg_type_number_t count,
			      natural_t *number, sample_send_array_t *others, mach_msg_type_number_t *others_count)
{
	if (fails())
		return KERN_FAILURE;
	*number = count;
	*others = rights;
	*others_count = count;
	return KERN_SUCCESS;
}

static kern_return_t do_inout(mach_port_t server, char *prefix, sample_words_t words, mach_msg_type_number_t *words_count,
			      sample_bytes_t bytes, mach_msg_type_number_t *bytes_count)
{
	for (uint32_t i = 0; i < *words_count; i++)
		words[i] += (natural_t)strlen(prefix);
	*bytes_count = 1;
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct sample_ops ops = {
		.sample_add = do_add,
		.sample_mixed = do_mixed,
		.sample_strings = do_strings,
		.sample_rights = do_rights,
		.sample_receive = do_receive,
		.sample_memory = do_memory,
		.sample_ports = do_ports,
		.sample_inout = do_inout,
	};

	return sample_demux(&ops, in, out);
}

static int serve(void)
{
	mach_port_t port;

	if (bootstrap_check_in(bootstrap_port, "sample", &port) != KERN_SUCCESS)
		return 1;
	(void)mach_msg_server(demux, MESSAGE_MAX, port, MACH_MSG_OPTION_NONE);
	return 1;
}

/* ---- the client ---- */

static mach_port_t server;

static int command(int what)
{
	int answer = -1;

	(void)sample_add(server, what, 0, &answer);
	return answer;
}

static mach_port_t new_port(void)
{
	mach_port_t port = MACH_PORT_NULL;

	(void)mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
	(void)mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
	return port;
}

static bool plain_arguments(void)
{
	sample_pair_t pair = { 1, 2 };
	uint16_t word = 0xffff;
	uint8_t tail = 0, bytes[100] = "xyz";
	sample_name_t full;
	sample_label_t tag;
	natural_t words[10] = { 1, 2 };
	mach_msg_type_number_t words_count = 2, bytes_count = 3;
	int sum = 0, value;

	return sample_add(server, 40, 2, &sum) == KERN_SUCCESS && sum == 42 &&
	       sample_mixed(server, 9, 1ull << 40, &pair, &word, &tail) == KERN_SUCCESS && pair.first == 10 &&
	       pair.second == (1ull << 40) + 2 && word == 0 && tail == 77 &&
	       sample_strings(server, "a name", "label", full, tag) == KERN_SUCCESS && strcmp(full, "a name") == 0 &&
	       strcmp(tag, "label") == 0 &&
	       sample_inout(server, "abc", words, &words_count, bytes, &bytes_count) == KERN_SUCCESS && words[1] == 5 &&
	       bytes_count == 1 && bytes[0] == 'x' && sample_timed(server, 1000, &value) == MIG_BAD_ID;
}

/* How many messages with this id wait at port; they are taken. */
static int waiting(mach_port_t port, mach_msg_id_t id)
{
	union {
		mach_msg_header_t head;
		uint8_t room[512];
	} m;
	int found = 0;

	while (mach_msg(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), port, 0, MACH_PORT_NULL) == MACH_MSG_SUCCESS)
		found += m.head.msgh_id == id;
	return found;
}

static bool rights(bool fail)
{
	mach_port_t port = new_port(), back = MACH_PORT_NULL;
	kern_return_t result;
	bool good;

	(void)mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_SEND, 1);
	if (fail)
		(void)command(FAIL_NEXT);
	result = sample_rights(server, port, port, port, port, &back);
	good = result == (fail ? KERN_FAILURE : KERN_SUCCESS) && (fail || back == port) &&
	       tap_refs(port, MACH_PORT_RIGHT_SEND) == (fail ? 1 : 2) && waiting(port, MACH_NOTIFY_SEND_ONCE) == 1;
	(void)mach_port_destroy(mach_task_self(), port);
	return good;
}

static bool receive_right(bool fail)
{
	mach_port_t moved = new_port(), other = new_port(), same = MACH_PORT_NULL;
	mach_msg_type_name_t type = 0;
	kern_return_t result;
	bool good;

	if (fail)
		(void)command(FAIL_NEXT);
	result = sample_receive(server, moved, other, MACH_MSG_TYPE_COPY_SEND, &same, &type);
	good = result == (fail ? KERN_FAILURE : KERN_SUCCESS) && tap_refs(moved, MACH_PORT_RIGHT_DEAD_NAME) == 1;
	if (!fail)
		good = good && same == other && type == MACH_MSG_TYPE_PORT_SEND && tap_refs(other, MACH_PORT_RIGHT_SEND) == 2;
	drop(moved);
	(void)mach_port_destroy(mach_task_self(), other);
	return good;
}

static bool memory(bool fail)
{
	natural_t *data = NULL, *result_data = NULL;
	mach_vm_address_t given = 0;
	mach_msg_type_number_t count = 0;
	kern_return_t result;
	bool good;

	(void)mach_vm_allocate(mach_task_self(), &given, 64, VM_FLAGS_ANYWHERE);
	data = malloc(WORDS * sizeof(*data));
	for (uint32_t i = 0; i < WORDS; i++)
		data[i] = i;
	if (fail)
		(void)command(FAIL_NEXT);
	result = sample_memory(server, data, WORDS, (sample_bounded_t)(uintptr_t)given, 64, &result_data, &count);
	good = result == (fail ? KERN_FAILURE : KERN_SUCCESS) && data[WORDS - 1] == WORDS - 1;
	if (!fail) {
		good = good && count == WORDS && result_data[1] == 2 && result_data[WORDS - 1] == 2 * (WORDS - 1);
		drop_memory(result_data, count * sizeof(*result_data));
	}
	free(data);
	return good;
}

static bool port_arrays(bool fail)
{
	mach_port_t first = new_port(), second = new_port(), list[3] = { first, MACH_PORT_NULL, second }, *others = NULL;
	mach_msg_type_number_t count = 0;
	natural_t number = 0;
	kern_return_t result;
	bool good;

	if (fail)
		(void)command(FAIL_NEXT);
	result = sample_ports(server, list, 3, &number, &others, &count);
	good = result == (fail ? KERN_FAILURE : KERN_SUCCESS);
	if (!fail) {
		good = good && number == 3 && count == 3 && others[0] == first && others[1] == MACH_PORT_NULL && others[2] == second;
		drop_memory(others, count * sizeof(*others));
	}
	(void)mach_port_destroy(mach_task_self(), first);
	(void)mach_port_destroy(mach_task_self(), second);
	return good;
}

static bool all(bool fail)
{
	return rights(fail) && receive_right(fail) && memory(fail) && port_arrays(fail);
}

int main(int argc, char **argv)
{
	unsigned names;
	int size, server_names, server_size, bad = 0;

	if (argc == 2 && strcmp(argv[1], "server") == 0)
		return serve();
	tap_result(bootstrap_look_up_wait(bootstrap_port, "sample", &server), KERN_SUCCESS, "LIVE0100 the server is found");
	tap(plain_arguments(), "LIVE0101 numbers, structs, strings and arrays arrive and come back");
	tap(rights(false), "LIVE0102 rights, moved, copied and made");
	tap(receive_right(false), "LIVE0103 a receive right, and a right whose kind is told");
	tap(memory(false), "LIVE0104 memory out of line");
	tap(port_arrays(false), "LIVE0105 rights out of line");
	tap(rights(true) && receive_right(true) && memory(true) && port_arrays(true),
	    "LIVE0106 the same, refused by the server: what was moved is gone");
	(void)all(false);
	names = tap_names();
	size = virtual_size();
	server_names = command(TELL_NAMES);
	server_size = command(TELL_SIZE);
	for (int i = 0; i < ROUNDS; i++)
		bad += !plain_arguments() + !all(i % 4 == 0);
	tap(bad == 0, "LIVE0107 %d rounds, %d bad", ROUNDS, bad);
	tap(tap_names() == names, "LIVE0108 no name more here: %u, now %u", names, tap_names());
	tap(command(TELL_NAMES) == server_names, "LIVE0109 no name more there: %d, now %d", server_names, command(TELL_NAMES));
	tap(virtual_size() == size, "LIVE0110 no memory more here: %d KiB, now %d", size, virtual_size());
	tap(command(TELL_SIZE) == server_size, "LIVE0111 no memory more there: %d KiB, now %d", server_size, command(TELL_SIZE));
	tap_result(sample_add(server, DIE, 0, &bad), MIG_SERVER_DIED, "LIVE0112 a server that ends in a call is told");
	tap_result(sample_add(server, 1, 1, &bad), MACH_SEND_INVALID_DEST, "LIVE0113 and then is not there");
	return tap_done();
}
