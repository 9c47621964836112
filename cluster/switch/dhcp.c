/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dhcp.c - DHCP for nodes (RFC 2131): the node on port N has address N of the subnet, whatever its
 * MAC.
 *
 * iPXE is given the boot script's name, the option that stops its wait for a proxy (encapsulated
 * 176), and in the site option 224 the kernel options that the script hands on, so that no node
 * needs a file of its own.
 */
#include <string.h>

#include "netboot.h"

#define BOOTP_HEADER 240u /* up to and with the magic cookie */
#define LEASE_SECONDS 86400u

enum dhcp_message { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5, NAK = 6, INFORM = 8 };
enum dhcp_option {
	OPT_MASK = 1,
	OPT_WANTED = 50,
	OPT_LEASE = 51,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_IPXE = 175,
	OPT_KERNEL = 224,
	OPT_END = 255,
};

/* Returns the value of an option and its length, NULL: absent. */
static const uint8_t *find_option(const uint8_t *options, uint32_t length, uint8_t wanted,
				  uint32_t *size)
{
	for (uint32_t i = 0; i < length && options[i] != OPT_END;) {
		if (options[i] == 0) {
			i++;
			continue;
		}
		if (i + 2 > length || i + 2 + options[i + 1] > length)
			return NULL;
		if (options[i] == wanted) {
			*size = options[i + 1];
			return options + i + 2;
		}
		i += 2u + options[i + 1];
	}
	return NULL;
}

static uint8_t *add_option(uint8_t *at, uint8_t option, const void *value, size_t length)
{
	*at++ = option;
	*at++ = (uint8_t)length;
	memcpy(at, value, length);
	return at + length;
}

static uint8_t *add_option32(uint8_t *at, uint8_t option, uint32_t value)
{
	uint8_t bytes[4];

	put32(bytes, value);
	return add_option(at, option, bytes, sizeof bytes);
}

static void answer(struct netboot *nb, const struct udp_from *from, const uint8_t *request,
		   uint8_t type, uint32_t address)
{
	static const uint8_t no_proxy[3] = {176, 1, 1};
	uint8_t out[BOOTP_HEADER + 360] = {2 /* reply */}, *at = out + BOOTP_HEADER;

	memcpy(out + 1, request + 1, 2);   /* hardware type and length */
	memcpy(out + 4, request + 4, 4);   /* transaction */
	memcpy(out + 10, request + 10, 2); /* flags */
	put32(out + 20, BOOT_ADDRESS);
	memcpy(out + 28, request + 28, 16);  /* client's hardware address */
	memcpy(out + 236, request + 236, 4); /* cookie */
	at = add_option(at, OPT_TYPE, &type, 1);
	at = add_option32(at, OPT_SERVER, BOOT_ADDRESS);
	if (type != NAK) {
		put32(out + 16, address);
		strcpy((char *)out + 108, nb->bootfile);
		at = add_option32(at, OPT_LEASE, LEASE_SECONDS);
		at = add_option32(at, OPT_MASK, NETMASK);
		at = add_option(at, OPT_IPXE, no_proxy, sizeof no_proxy);
		if (nb->options[0] != '\0')
			at = add_option(at, OPT_KERNEL, nb->options, strlen(nb->options));
	}
	*at++ = OPT_END;
	netboot_reply(nb, from, 0xffffffffu, 67, out, (uint32_t)(at - out));
}

void dhcp_input(struct netboot *nb, const struct udp_from *from, const uint8_t *data,
		uint32_t length)
{
	uint32_t size, address = SUBNET | from->port->number;
	const uint8_t *type, *wanted, *options = data + BOOTP_HEADER;

	if (length < BOOTP_HEADER || data[0] != 1 || data[2] != ETH_ADDR ||
	    get32(data + 236) != 0x63825363)
		return;
	type = find_option(options, length - BOOTP_HEADER, OPT_TYPE, &size);
	if (type == NULL || size != 1)
		return;
	switch (*type) {
	case DISCOVER:
		answer(nb, from, data, OFFER, address);
		break;
	case REQUEST:
		wanted = find_option(options, length - BOOTP_HEADER, OPT_WANTED, &size);
		if (wanted != NULL && size == 4 && get32(wanted) != address) {
			answer(nb, from, data, NAK, 0);
			break;
		}
		from->port->address = address;
		answer(nb, from, data, ACK, address);
		break;
	}
}
