/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: any bytes given to a server's demux: no stray access, and a function only ever sees arguments within their
 * limits.
 *
 * fuzz_mig_user [SECONDS] [SEED]: messages of exactly their size in memory, so that ASan sees every byte read beyond:
 * noise, and messages after the interface's table with a few bytes changed. Without arguments 2 s and seed 1.
 */
#include <mach/mach.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <test/sample_server.h>
#include <time.h>

#define ROOM 4096

static uint64_t state, served, refused;
mach_port_t mach_task_self_ = 1;

static void die(const char *what)
{
	printf("Bail out! %s\n", what);
	fflush(stdout);
	abort();
}

/* What the runtime would call; a demux alone calls none but to drop an unwanted reply right. */
kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name)
{
	return KERN_SUCCESS;
}

kern_return_t mach_port_mod_refs(ipc_space_t task, mach_port_name_t name, mach_port_right_t right, mach_port_delta_t delta)
{
	return KERN_SUCCESS;
}

kern_return_t mach_vm_deallocate(vm_map_t task, mach_vm_address_t address, mach_vm_size_t size)
{
	return KERN_SUCCESS;
}

static uint32_t any(void)
{
	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static uint32_t below(uint32_t n)
{
	return any() % n;
}

static volatile uint8_t sink;

static void touch(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sink ^= ((const uint8_t *)p)[i];
}

static kern_return_t result(void)
{
	served++;
	return below(4) == 0 ? KERN_FAILURE : KERN_SUCCESS;
}

static kern_return_t do_add(mach_port_t server, int a, int b, int *sum)
{
	*sum = a ^ b;
	return result();
}

static kern_return_t do_mixed(mach_port_t server, uint8_t small, uint64_t big, sample_pair_t *pair, uint16_t *word,
			      uint8_t *tail)
{
	touch(pair, sizeof(*pair));
	*tail = (uint8_t)(small ^ big ^ *word);
	return result();
}

static kern_return_t do_strings(mach_port_t server, char *name, char *label, char *full, char *tag)
{
	if (strlen(name) >= sizeof(sample_name_t) || strlen(label) >= sizeof(sample_label_t))
		die("a string without an end was passed");
	strcpy(full, name);
	strcpy(tag, label);
	return result();
}

static kern_return_t do_arrays(mach_port_t server, sample_words_t words, mach_msg_type_number_t words_count,
			       sample_bytes_t bytes, mach_msg_type_number_t bytes_count, sample_four_t four,
			       sample_words_t reversed, mach_msg_type_number_t *reversed_count, sample_bytes_t copy,
			       mach_msg_type_number_t *copy_count, sample_four_t fours)
{
	if (words_count > 10 || bytes_count > 100 || *copy_count > 100)
		die("a count beyond its limit was passed");
	touch(words, words_count * sizeof(*words));
	memset(reversed, 1, 40);
	*reversed_count = below(11);
	memcpy(copy, bytes, bytes_count);
	*copy_count = bytes_count;
	memcpy(fours, four, sizeof(sample_four_t));
	return result();
}

static kern_return_t do_memory(mach_port_t server, sample_memory_t data, mach_msg_type_number_t data_count,
			       sample_bounded_t bounded, mach_msg_type_number_t bounded_count, sample_memory_t *out,
			       mach_msg_type_number_t *out_count)
{
	if (bounded_count > 64)
		die("memory beyond its limit was passed");
	*out = data;
	*out_count = data_count;
	return result();
}

static kern_return_t do_ports(mach_port_t server, sample_send_array_t rights, mach_msg_type_number_t count,
			      natural_t *number, sample_send_array_t *others, mach_msg_type_number_t *others_count)
{
	if (count > 8)
		die("rights beyond their limit were passed");
	*number = count;
	*others = rights;
	*others_count = count;
	return result();
}

static kern_return_t do_typed(mach_port_t server, mach_port_t observer, sample_words_t words, mach_msg_type_number_t count)
{
	if (count > 10)
		die("a count beyond its limit was passed");
	touch(words, count * sizeof(*words));
	return result();
}

static kern_return_t do_inout(mach_port_t server, char *prefix, sample_words_t words, mach_msg_type_number_t *words_count,
			      sample_bytes_t bytes, mach_msg_type_number_t *bytes_count)
{
	if (*words_count > 10 || *bytes_count > 100)
		die("a count beyond its limit was passed");
	touch(prefix, strlen(prefix));
	touch(words, *words_count * sizeof(*words));
	touch(bytes, *bytes_count);
	*words_count = below(11);
	*bytes_count = below(101);
	return result();
}

static const struct sample_ops ops = {
	.sample_add = do_add,
	.sample_mixed = do_mixed,
	.sample_strings = do_strings,
	.sample_arrays = do_arrays,
	.sample_memory = do_memory,
	.sample_ports = do_ports,
	.sample_typed = do_typed,
	.sample_inout = do_inout,
};

/* A message after routine r, at its largest or smaller, into bytes; returns its size. */
static uint32_t make(const struct mig_routine *r, uint8_t *bytes)
{
	const struct mig_layout *l = &r->request;
	uint32_t size = l->fixed_size, at = sizeof(mach_msg_base_t);
	mach_msg_base_t *base = (void *)bytes;

	if (l->descriptor_count != 0) {
		base->header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
		base->body.msgh_descriptor_count = l->descriptor_count;
	}
	for (uint32_t i = 0; i < l->descriptor_count; i++) {
		const struct mig_descriptor *want = &l->descriptors[i];
		mach_msg_descriptor_t *d = (void *)(bytes + at);

		d->type.type = want->type;
		d->port.disposition = want->disposition != 0 ? want->disposition : (uint8_t)(16 + below(3));
		if (want->type == MACH_MSG_OOL_DESCRIPTOR)
			d->out_of_line.size = (uint64_t)below(80) * want->element;
		else if (want->type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
			d->ool_ports.count = below(10);
		at += want->type == MACH_MSG_OOL_DESCRIPTOR ? 24 : 16;
	}
	for (uint32_t i = 0; i < l->variable_count; i++) {
		const struct mig_variable *v = &l->variables[i];
		uint32_t count = 1 + below(v->max);

		if (v->kind == MIG_FIXED_STRING) {
			bytes[v->offset + below(v->max)] = 0;
			continue;
		}
		memcpy(bytes + v->offset, &count, 4);
		size = MIG_ALIGN(size, 8u) + count * v->element;
		if (v->kind == MIG_STRING)
			bytes[size - 1] = 0;
	}
	return MIG_ALIGN(size, 4u);
}

static void one(void)
{
	static uint8_t bytes[ROOM], answer[ROOM];
	const struct mig_routine *r = &sample_subsystem.routines[below(sample_subsystem.count)];
	mach_msg_header_t *head = (void *)bytes;
	uint32_t size;
	void *exact;
	uint64_t before = served;

	for (uint32_t i = 0; i < ROOM / 8; i++)
		((uint64_t *)bytes)[i] = state * (i + 1) | 0x0101010101010101ull;
	*head = (mach_msg_header_t){ .msgh_bits = MACH_MSGH_BITS(below(4) ? 18 : below(32), 17),
				     .msgh_remote_port = 5, .msgh_local_port = 6,
				     .msgh_id = sample_subsystem.base + (int)(r - sample_subsystem.routines) };
	size = r->name != NULL && below(8) != 0 ? make(r, bytes) : 24 + 4 * below(100);
	if (below(8) == 0)
		size = 24 + 4 * below(size / 4);
	head->msgh_size = size;
	if (below(3) == 0)
		bytes[below(6) == 0 ? below(24) : 24 + below(size)] = (uint8_t)any();
	head->msgh_size = below(50) == 0 ? head->msgh_size : size; /* the kernel says the size */
	if (head->msgh_size > ROOM || head->msgh_size < 24)
		head->msgh_size = size;
	exact = aligned_alloc(8, MIG_ALIGN(head->msgh_size, 8u));
	memcpy(exact, bytes, head->msgh_size);
	(void)sample_demux(&ops, exact, (mach_msg_header_t *)answer);
	if (((mach_msg_header_t *)answer)->msgh_size > sample_subsystem.max_reply)
		die("a reply is larger than its interface says");
	refused += served == before;
	free(exact);
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 2);

	state = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) * 0x9e3779b97f4a7c15ull + 1;
	printf("1..1\n");
	while (time(NULL) < end)
		for (int i = 0; i < 1000; i++)
			one();
	if (served < 1000 || refused < 1000)
		die("too few messages of one kind to say anything");
	printf("ok 1 - MIG0302 %llu hostile requests refused by a server's demux, %llu served\n", (unsigned long long)refused,
	       (unsigned long long)served);
	return 0;
}
