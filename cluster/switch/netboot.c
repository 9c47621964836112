/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netboot.c - the boot server that lives on the switch: addresses, names of boot files, the files.
 *
 * It answers ARP (RFC 826), DHCP (RFC 2131), TFTP (RFC 1350, 2347-2349), and router solicitations
 * (RFC 4861) with an advertisement of nothing, because iPXE waits 13 s for one. It is stateless but
 * for TFTP's open files; every length on the wire is checked before use. Frames it does not know
 * are ignored.
 */
#include "netboot.h"

#include <stdlib.h>
#include <string.h>

const uint8_t netboot_mac[6] = {0x52, 0x54, 0x00, 0x4d, 0xff, 0xfe};

struct netboot *netboot_create(struct sw *sw, const char *directory, const char *bootfile,
			       const char *options)
{
	struct netboot *nb = calloc(1, sizeof *nb);

	if (nb == NULL || strlen(bootfile) >= sizeof nb->bootfile ||
	    strlen(options) >= sizeof nb->options)
		return NULL;
	nb->sw = sw;
	nb->directory = directory;
	strcpy(nb->bootfile, bootfile);
	strcpy(nb->options, options);
	for (uint32_t i = 0; i < TFTP_TRANSFERS; i++)
		nb->transfers[i].file = -1;
	return nb;
}

static void send_frame(struct netboot *nb, struct sw_port *port, const uint8_t *frame,
		       uint32_t length)
{
	if (nb->sw->capture != NULL)
		capture_frame(nb->sw->capture, frame, length);
	sw_output(nb->sw, port, frame, length);
}

static uint32_t sum16(const uint8_t *data, uint32_t length, uint32_t sum)
{
	for (uint32_t i = 0; i + 1 < length; i += 2)
		sum += get16(data + i);
	if (length % 2 != 0)
		sum += (uint32_t)data[length - 1] << 8;
	return sum;
}

static uint16_t checksum(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void netboot_reply(struct netboot *nb, const struct udp_from *to, uint32_t to_address,
		   uint16_t source, const uint8_t *data, uint32_t length)
{
	static uint8_t frame[ETH_HEADER + IPV4_HEADER + UDP_HEADER + 9000];
	uint8_t *ip = frame + ETH_HEADER, *udp = ip + IPV4_HEADER;

	if (length > sizeof frame - (ETH_HEADER + IPV4_HEADER + UDP_HEADER))
		return;
	memcpy(frame, to->mac, ETH_ADDR);
	if (to_address == 0xffffffffu)
		memset(frame, 0xff, ETH_ADDR);
	memcpy(frame + 6, netboot_mac, ETH_ADDR);
	put16(frame + 12, ETHER_IPV4);
	memset(ip, 0, IPV4_HEADER);
	ip[0] = 0x45;
	put16(ip + 2, IPV4_HEADER + UDP_HEADER + length);
	put16(ip + 6, 0x4000); /* do not fragment */
	ip[8] = 64;
	ip[9] = 17;
	put32(ip + 12, BOOT_ADDRESS);
	put32(ip + 16, to_address);
	put16(ip + 10, checksum(sum16(ip, IPV4_HEADER, 0)));
	put16(udp, source);
	put16(udp + 2, to->source);
	put16(udp + 4, UDP_HEADER + length);
	put16(udp + 6, 0); /* no checksum: allowed over IPv4 */
	memcpy(udp + UDP_HEADER, data, length);
	send_frame(nb, to->port, frame, ETH_HEADER + IPV4_HEADER + UDP_HEADER + length);
}

static void arp_input(struct netboot *nb, struct sw_port *from, const uint8_t *frame,
		      uint32_t length)
{
	const uint8_t *arp = frame + ETH_HEADER;
	uint8_t answer[60] = {0}, *out = answer + ETH_HEADER;

	if (length < ETH_HEADER + 28 || get32(arp) != 0x00010800 || get16(arp + 4) != 0x0604)
		return;
	if (get16(arp + 6) != 1 || get32(arp + 24) != BOOT_ADDRESS)
		return;
	memcpy(answer, arp + 8, ETH_ADDR);
	memcpy(answer + 6, netboot_mac, ETH_ADDR);
	put16(answer + 12, ETHER_ARP);
	memcpy(out, arp, 6);
	put16(out + 6, 2);
	memcpy(out + 8, netboot_mac, ETH_ADDR);
	put32(out + 14, BOOT_ADDRESS);
	memcpy(out + 18, arp + 8, 10); /* who asked: hardware and protocol address */
	send_frame(nb, from, answer, sizeof answer);
}

static void udp_input(struct netboot *nb, struct sw_port *port, const uint8_t *frame,
		      uint32_t length)
{
	const uint8_t *ip = frame + ETH_HEADER, *udp;
	uint32_t header, total, udp_length, to;

	if (length < ETH_HEADER + IPV4_HEADER + UDP_HEADER || ip[0] >> 4 != 4)
		return;
	header = (ip[0] & 15u) * 4;
	total = get16(ip + 2);
	if (header < IPV4_HEADER || total < header + UDP_HEADER || ETH_HEADER + total > length)
		return;
	to = get32(ip + 16);
	if (ip[9] != 17 || (get16(ip + 6) & 0x3fff) != 0 ||
	    (to != BOOT_ADDRESS && to != 0xffffffffu))
		return;
	udp = ip + header;
	udp_length = get16(udp + 4);
	if (udp_length < UDP_HEADER || header + udp_length > total)
		return;
	struct udp_from from = {port, frame + ETH_ADDR, get32(ip + 12), get16(udp), get16(udp + 2)};
	if (from.destination == 67)
		dhcp_input(nb, &from, udp + UDP_HEADER, udp_length - UDP_HEADER);
	else
		tftp_input(nb, &from, udp + UDP_HEADER, udp_length - UDP_HEADER);
}

/* A router advertisement that offers no route, no prefix and no DHCPv6. */
static void solicitation_input(struct netboot *nb, struct sw_port *from, const uint8_t *frame,
			       uint32_t length)
{
	static const uint8_t self[16] = {0xfe, 0x80, 0, 0,    0,    0,    0,    0,
					 0x50, 0x54, 0, 0xff, 0xfe, 0x4d, 0xff, 0xfe};
	const uint8_t *ip = frame + ETH_HEADER;
	uint8_t answer[ETH_HEADER + IPV6_HEADER + 16] = {0x33, 0x33, 0, 0, 0, 1};
	uint8_t *out = answer + ETH_HEADER, *icmp = out + IPV6_HEADER;

	if (length < ETH_HEADER + IPV6_HEADER + 8 || ip[6] != 58 || ip[IPV6_HEADER] != 133)
		return;
	memcpy(answer + 6, netboot_mac, ETH_ADDR);
	put16(answer + 12, ETHER_IPV6);
	out[0] = 0x60;
	put16(out + 4, 16);
	out[6] = 58;
	out[7] = 255;
	memcpy(out + 8, self, sizeof self);
	out[24] = 0xff;
	out[25] = 0x02;
	out[39] = 1;
	icmp[0] = 134;
	icmp[4] = 64; /* hop limit; flags and lifetimes stay zero */
	put16(icmp + 2, checksum(sum16(out + 8, 32 + 16, 58 + 16)));
	send_frame(nb, from, answer, sizeof answer);
}

/*
 * Purpose: offer a frame to the boot server.
 * Returns: true if it was addressed to the server alone, so that it goes nowhere else.
 */
bool netboot_input(struct netboot *nb, struct sw_port *from, const uint8_t *frame, uint32_t length)
{
	switch (get16(frame + 12)) {
	case ETHER_ARP:
		arp_input(nb, from, frame, length);
		break;
	case ETHER_IPV4:
		udp_input(nb, from, frame, length);
		break;
	case ETHER_IPV6:
		solicitation_input(nb, from, frame, length);
		break;
	}
	return memcmp(frame, netboot_mac, ETH_ADDR) == 0;
}
