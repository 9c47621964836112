/* SPDX-License-Identifier: BSD-2-Clause */
/* netboot.h - the boot server on the switch: what netboot.c, dhcp.c and tftp.c share. */
#pragma once

#include "bytes.h"
#include "switch.h"

/* The fabric's subnet: a node's number is the last octet of its address. */
#define SUBNET 0x0a4d0000u
#define NETMASK 0xffffff00u
#define BOOT_ADDRESS (SUBNET | SW_PORT_BOOT)

#define TFTP_TRANSFERS 256u
#define BOOT_NAME_MAX 64u
#define BOOT_OPTIONS_MAX 255u

struct udp_from {
	struct sw_port *port;
	const uint8_t *mac;
	uint32_t address;
	uint16_t source, destination;
};

struct transfer {
	int file; /* -1: free */
	uint32_t port, address;
	uint16_t peer;
	uint32_t block_size, block; /* the last block sent */
	bool last;                  /* it was the file's end */
	uint64_t used;
};

struct netboot {
	struct sw *sw;
	const char *directory; /* the files that TFTP gives */
	char bootfile[BOOT_NAME_MAX];
	char options[BOOT_OPTIONS_MAX + 1]; /* the nodes' kernel options */
	struct transfer transfers[TFTP_TRANSFERS];
};

extern const uint8_t netboot_mac[6];

/* Build and send a UDP datagram to who asked; to_address 0xffffffff: to all. */
void netboot_reply(struct netboot *nb, const struct udp_from *to, uint32_t to_address,
		   uint16_t source, const uint8_t *data, uint32_t length);
void dhcp_input(struct netboot *nb, const struct udp_from *from, const uint8_t *data,
		uint32_t length);
void tftp_input(struct netboot *nb, const struct udp_from *from, const uint8_t *data,
		uint32_t length);
