/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * talk.h - how the two programs of the rxe test talk beside the queue pair: UDP datagrams of one struct,
 * little-endian. Our side asks and repeats until the same number comes back; the guest answers and does
 * nothing twice.
 */
#pragma once

#include <stdint.h>

#define TALK_PORT 49877
#define REGION_BYTES 262144u /* on each side: the first half is the pattern, the second for writing */
#define HALF (REGION_BYTES / 2)
#define MESSAGE_MAX 16384u

enum talk_op {
	TALK_CONNECT = 1, /* a new QP; both sides' parameters */
	TALK_RUN,         /* the guest posts count requests of kind, answers when all are complete */
	TALK_RECEIVED,    /* how many SENDs and immediates came, and how many of them were wrong */
	TALK_END,
};

enum talk_kind { KIND_SEND, KIND_WRITE, KIND_WRITE_IMM, KIND_READ };

struct talk {
	uint32_t magic, number, op;
	uint32_t qpn, psn, mtu, addr, rkey;
	uint64_t base;
	uint32_t kind, count;
	uint32_t received, immediates, wrong;
	int32_t status; /* 0, or what failed */
};
#define TALK_MAGIC 0x4b4c4154u

/* Lengths of message n: all sizes that matter come up. */
static inline uint32_t message_length(uint32_t n)
{
	static const uint32_t lengths[16] = { 0, 1, 3, 64, 255, 256, 257, 1023, 1024, 1025, 4095, 4096, 4097,
					      8192, 12345, MESSAGE_MAX };

	return lengths[n * 7 % 16];
}

static inline uint8_t message_byte(uint32_t n, uint32_t i)
{
	return (uint8_t)(n * 31 + i * 7 + (i >> 8));
}

static inline uint8_t region_byte(uint32_t i)
{
	return (uint8_t)(i * 13 + (i >> 8));
}

/* Where in a half request n reads or writes. */
static inline uint32_t request_offset(uint32_t n)
{
	return n * 40503u % (HALF - MESSAGE_MAX);
}
