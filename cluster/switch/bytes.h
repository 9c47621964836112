/* SPDX-License-Identifier: BSD-2-Clause */
/* bytes.h - numbers in network byte order at any address, and the sizes of the headers in a frame.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#define ETH_HEADER 14u
#define ETH_ADDR 6u
#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define UDP_HEADER 8u

enum ether_type { ETHER_IPV4 = 0x0800, ETHER_ARP = 0x0806, ETHER_IPV6 = 0x86dd };

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}
