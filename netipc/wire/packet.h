/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.h - every header of a RoCEv2 packet, as it lies on the wire.
 *
 *   Ethernet 14 | IPv4 20 | UDP 8 | BTH 12 | RETH 16 / AETH 4 / ImmDt 4 | payload | pad 0-3 | ICRC 4
 *
 * Invariants: all fields are bytes or big-endian types (base/endian.h), so a struct has alignment 1
 * and may be laid over any received byte.
 * References: IEEE 802.3; RFC 826 (ARP), 791 (IPv4), 768 (UDP), 792 (ICMP); InfiniBand Architecture
 * Specification volume 1, chapters 5 and 9, annex A17 (RoCEv2).
 */
#pragma once

#include <base/endian.h>
#include <stddef.h>

struct wire_ethernet {
	uint8_t destination[6];
	uint8_t source[6];
	struct be16 type;
};
#define WIRE_TYPE_IPV4 0x0800u
#define WIRE_TYPE_ARP 0x0806u

struct wire_arp {
	struct be16 hardware, protocol;
	uint8_t hardware_length, protocol_length;
	struct be16 operation;
	uint8_t sender_mac[6];
	struct be32 sender;
	uint8_t target_mac[6];
	struct be32 target;
};
#define WIRE_ARP_ETHERNET 1u
#define WIRE_ARP_REQUEST 1u
#define WIRE_ARP_REPLY 2u

struct wire_ipv4 {
	uint8_t version_length; /* 0x45: version 4, five words */
	uint8_t tos;
	struct be16 length; /* this header and all that follows */
	struct be16 id;
	struct be16 fragment; /* bit 14 don't fragment, bit 13 more fragments, 0-12 offset */
	uint8_t ttl;
	uint8_t protocol;
	struct be16 checksum;
	struct be32 source, destination;
};
#define WIRE_IPV4_DONT_FRAGMENT 0x4000u
#define WIRE_PROTOCOL_ICMP 1u
#define WIRE_PROTOCOL_UDP 17u

struct wire_udp {
	struct be16 source, destination;
	struct be16 length; /* this header and all that follows */
	struct be16 checksum; /* 0: none */
};
#define WIRE_PORT_ROCE 4791u

struct wire_icmp {
	uint8_t type, code;
	struct be16 checksum;
	struct be16 id, sequence;
};
#define WIRE_ICMP_ECHO_REPLY 0u
#define WIRE_ICMP_ECHO_REQUEST 8u

/* Base transport header. */
struct wire_bth {
	uint8_t opcode;
	uint8_t flags; /* bit 7 solicited event, 6 migration, 5-4 pad count, 3-0 header version (0) */
	struct be16 pkey;
	uint8_t reserved; /* FECN, BECN and six more: not in the ICRC */
	struct be24 qpn;
	uint8_t ack_request; /* bit 7 */
	struct be24 psn;
};
#define WIRE_BTH_MIGRATED 0x40u
#define WIRE_BTH_PAD_SHIFT 4
#define WIRE_BTH_PAD_MASK 0x30u
#define WIRE_BTH_VERSION_MASK 0x0fu
#define WIRE_BTH_ACK_REQUEST 0x80u
#define WIRE_PKEY_DEFAULT 0xffffu
#define WIRE_PKEY_MASK 0x7fffu /* bit 15 is membership */

/* RDMA extended transport header. */
struct wire_reth {
	struct be64 address; /* ours: an offset into the region */
	struct be32 rkey;
	struct be32 length;
};

/* Acknowledge extended transport header. */
struct wire_aeth {
	uint8_t syndrome;
	struct be24 msn;
};
#define WIRE_AETH_KIND_MASK 0xe0u /* bit 7 is reserved, zero */
#define WIRE_AETH_VALUE_MASK 0x1fu
#define WIRE_AETH_ACK 0x00u  /* value: credits; 31: not counted */
#define WIRE_AETH_RNR 0x20u  /* value: a code of how long to wait */
#define WIRE_AETH_NAK 0x60u  /* value: a code of what was wrong */
#define WIRE_AETH_CREDITS_UNCOUNTED 31u
#define WIRE_NAK_SEQUENCE 0u
#define WIRE_NAK_INVALID_REQUEST 1u
#define WIRE_NAK_REMOTE_ACCESS 2u
#define WIRE_NAK_OPERATIONAL 3u

struct wire_immediate {
	struct be32 value;
};

#define WIRE_ICRC_BYTES 4u

/* Reliable connection opcodes (IBTA table 38). */
enum wire_opcode {
	WIRE_SEND_FIRST = 0x00,
	WIRE_SEND_MIDDLE = 0x01,
	WIRE_SEND_LAST = 0x02,
	WIRE_SEND_LAST_IMM = 0x03,
	WIRE_SEND_ONLY = 0x04,
	WIRE_SEND_ONLY_IMM = 0x05,
	WIRE_WRITE_FIRST = 0x06,
	WIRE_WRITE_MIDDLE = 0x07,
	WIRE_WRITE_LAST = 0x08,
	WIRE_WRITE_LAST_IMM = 0x09,
	WIRE_WRITE_ONLY = 0x0a,
	WIRE_WRITE_ONLY_IMM = 0x0b,
	WIRE_READ_REQUEST = 0x0c,
	WIRE_READ_FIRST = 0x0d,
	WIRE_READ_MIDDLE = 0x0e,
	WIRE_READ_LAST = 0x0f,
	WIRE_READ_ONLY = 0x10,
	WIRE_ACKNOWLEDGE = 0x11,
};

/* The headers that every RoCEv2 packet begins with. */
struct wire_head {
	struct wire_ethernet ethernet;
	struct wire_ipv4 ipv4;
	struct wire_udp udp;
	struct wire_bth bth;
};

/* The longest: WRITE only with immediate. */
#define WIRE_HEAD_MAX (sizeof(struct wire_head) + sizeof(struct wire_reth) + sizeof(struct wire_immediate))
/* IPv4 bytes of a packet that carries n bytes of payload, at most. */
#define WIRE_IPV4_BYTES(n) ((n) + WIRE_HEAD_MAX - sizeof(struct wire_ethernet) + WIRE_ICRC_BYTES)

_Static_assert(sizeof(struct wire_ethernet) == 14 && _Alignof(struct wire_ethernet) == 1, "");
_Static_assert(offsetof(struct wire_ethernet, type) == 12, "");
_Static_assert(sizeof(struct wire_arp) == 28 && offsetof(struct wire_arp, operation) == 6, "");
_Static_assert(offsetof(struct wire_arp, sender_mac) == 8 && offsetof(struct wire_arp, sender) == 14, "");
_Static_assert(offsetof(struct wire_arp, target_mac) == 18 && offsetof(struct wire_arp, target) == 24, "");
_Static_assert(sizeof(struct wire_ipv4) == 20 && offsetof(struct wire_ipv4, length) == 2, "");
_Static_assert(offsetof(struct wire_ipv4, fragment) == 6 && offsetof(struct wire_ipv4, ttl) == 8, "");
_Static_assert(offsetof(struct wire_ipv4, protocol) == 9 && offsetof(struct wire_ipv4, checksum) == 10, "");
_Static_assert(offsetof(struct wire_ipv4, source) == 12 && offsetof(struct wire_ipv4, destination) == 16, "");
_Static_assert(sizeof(struct wire_udp) == 8 && offsetof(struct wire_udp, length) == 4, "");
_Static_assert(offsetof(struct wire_udp, checksum) == 6 && sizeof(struct wire_icmp) == 8, "");
_Static_assert(sizeof(struct wire_bth) == 12 && offsetof(struct wire_bth, pkey) == 2, "");
_Static_assert(offsetof(struct wire_bth, reserved) == 4 && offsetof(struct wire_bth, qpn) == 5, "");
_Static_assert(offsetof(struct wire_bth, ack_request) == 8 && offsetof(struct wire_bth, psn) == 9, "");
_Static_assert(sizeof(struct wire_reth) == 16 && offsetof(struct wire_reth, rkey) == 8, "");
_Static_assert(offsetof(struct wire_reth, length) == 12, "");
_Static_assert(sizeof(struct wire_aeth) == 4 && offsetof(struct wire_aeth, msn) == 1, "");
_Static_assert(sizeof(struct wire_immediate) == 4 && _Alignof(struct wire_head) == 1, "");
_Static_assert(sizeof(struct wire_head) == 54 && offsetof(struct wire_head, bth) == 42, "");
