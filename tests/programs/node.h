/* SPDX-License-Identifier: BSD-2-Clause */
/* node.h - for test programs on several nodes: which node this is, plain messages, memory that can be checked. */
#pragma once

#include "tap.h"

#include <mach/host_info.h>
#include <mach/notify.h>
#include <servers/bootstrap_names.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NODE_NAME_TRIES 300
#define NODE_NAME_PAUSE_NS 100000000L

static inline void node_must(kern_return_t kr, const char *what)
{
	if (kr == KERN_SUCCESS)
		return;
	printf("Bail out! %s: %s (%#x)\n", what, mach_error_string(kr), (unsigned)kr);
	fflush(stdout);
	exit(1);
}

/* Which node this is: 1 .. */
static inline unsigned node_number(void)
{
	host_node_info_data_t info;
	mach_msg_type_number_t count = HOST_NODE_INFO_COUNT;

	node_must(host_info(mach_host_self(), HOST_NODE_INFO, (host_info_t)&info, &count), "host_info");
	setvbuf(stdout, NULL, _IOLBF, 0);
	return info.address & 255;
}

static inline uint64_t node_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void node_sleep_ms(unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* A name for a new port, as soon as there is a name server. */
static inline kern_return_t node_check_in(const char *name, mach_port_t *port)
{
	kern_return_t kr = KERN_FAILURE;

	for (int i = 0; i < NODE_NAME_TRIES && kr != KERN_SUCCESS; i++) {
		kr = bootstrap_check_in(bootstrap_port, name, port);
		if (kr != KERN_SUCCESS)
			node_sleep_ms(100);
	}
	return kr;
}

/* The port of a name; tries for seconds, whatever the name server answers. MACH_PORT_NULL: not found. */
static inline mach_port_t node_find(const char *name, unsigned seconds)
{
	uint64_t limit = node_now_ns() + seconds * 1000000000ull;
	mach_port_t port = MACH_PORT_NULL;

	while (bootstrap_look_up(bootstrap_port, name, &port) != KERN_SUCCESS) {
		if (node_now_ns() > limit)
			return MACH_PORT_NULL;
		node_sleep_ms(100);
	}
	return port;
}

static inline mach_port_t node_find_peer(unsigned node)
{
	char name[32];
	mach_port_t peer;

	(void)snprintf(name, sizeof(name), "peer/%u", node);
	peer = node_find(name, 30);
	if (peer == MACH_PORT_NULL)
		node_must(KERN_INVALID_NAME, name);
	return peer;
}

struct node_message {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_port_descriptor_t right;
};

/* A message of an id, with a right in it unless that is null; milliseconds to wait for room. */
static inline mach_msg_return_t node_send(mach_port_t to, mach_msg_type_name_t disposition, mach_msg_id_t id,
					  mach_port_t right, mach_msg_type_name_t right_disposition, unsigned milliseconds)
{
	struct node_message m = { .head = { .msgh_bits = MACH_MSGH_BITS(disposition, 0), .msgh_size = sizeof(m.head),
					    .msgh_remote_port = to, .msgh_id = id } };

	if (right != MACH_PORT_NULL) {
		m.head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
		m.head.msgh_size = sizeof(m);
		m.body.msgh_descriptor_count = 1;
		m.right.name = right;
		m.right.disposition = right_disposition;
		m.right.type = MACH_MSG_PORT_DESCRIPTOR;
	}
	return mach_msg(&m.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, m.head.msgh_size, 0, MACH_PORT_NULL, milliseconds,
			MACH_PORT_NULL);
}

/* Receive; number: what a notification tells. What else the message had is dropped. */
static inline mach_msg_return_t node_receive(mach_port_t port, unsigned milliseconds, mach_msg_id_t *id, natural_t *number)
{
	union {
		mach_msg_header_t head;
		mach_no_senders_notification_t no_senders;
		mach_dead_name_notification_t dead_name;
		uint8_t room[1024];
	} m;
	mach_msg_return_t mr = mach_msg(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), port, milliseconds,
					MACH_PORT_NULL);

	*id = 0;
	*number = 0;
	if (mr != MACH_MSG_SUCCESS)
		return mr;
	*id = m.head.msgh_id;
	if (*id == MACH_NOTIFY_NO_SENDERS)
		*number = m.no_senders.not_count;
	else if (*id == MACH_NOTIFY_DEAD_NAME)
		*number = m.dead_name.not_port;
	mach_msg_destroy(&m.head);
	return mr;
}

static inline uint64_t node_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Bytes that follow from a seed. */
static inline void node_pattern(uint8_t *data, size_t bytes, uint64_t seed)
{
	for (size_t at = 0; at < bytes; at += 8) {
		uint64_t word = node_random(&seed);

		memcpy(data + at, &word, bytes - at < 8 ? bytes - at : 8);
	}
}

static inline bool node_pattern_good(const uint8_t *data, size_t bytes, uint64_t seed)
{
	for (size_t at = 0; at < bytes; at += 8) {
		uint64_t word = node_random(&seed);

		if (memcmp(data + at, &word, bytes - at < 8 ? bytes - at : 8) != 0)
			return false;
	}
	return true;
}
