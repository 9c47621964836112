/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the switch and its boot server, fed with damaged frames, under ASan and UBSan.
 *
 *   switch_fuzz [ROUNDS [SEED]]
 * Valid ARP, DHCP, TFTP and router solicitation frames are mutated (bytes, lengths, splices) and
 * put into a switch whose ports count what they get. What must hold: no report of a sanitiser, and
 * no answer longer than a frame. Without arguments a short run, as part of `test`.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netboot.h"

#define ROUNDS 60000ul
#define SEEDS 6

static uint64_t state;
static uint64_t sent, too_long;

static uint32_t roll(uint32_t below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % below;
}

static const char *null_open(struct sw *sw, struct sw_port *port)
{
	return NULL;
}

static void null_close(struct sw *sw, struct sw_port *port)
{
}

static enum sw_sent null_send(struct sw *sw, struct sw_port *port, const uint8_t *frame,
			      uint32_t length)
{
	volatile uint8_t sum = 0;

	for (uint32_t i = 0; i < length; i++)
		sum ^= frame[i]; /* every byte of it must be there */
	sent++;
	too_long += length > 9018;
	return roll(16) == 0 ? SW_BUSY : SW_SENT;
}

static void null_want_ready(struct sw *sw, struct sw_port *port, bool want)
{
	if (want && roll(2) == 0)
		return;
}

static void null_describe(struct sw *sw, struct sw_port *port, FILE *out)
{
}

static const struct sw_fabric fabric = {
	.name = "null",
	.open = null_open,
	.close = null_close,
	.send = null_send,
	.want_ready = null_want_ready,
	.describe = null_describe,
};
/* The switch names them; no port of this test is a process's. */
const struct sw_fabric sw_fabric_dgram = {.name = "none"};

static uint32_t put_udp(uint8_t *frame, uint16_t source, uint16_t destination, const void *body,
			uint32_t length)
{
	uint8_t *ip = frame + ETH_HEADER, *udp = ip + IPV4_HEADER;

	memset(frame, 0xff, ETH_ADDR);
	memcpy(frame + 6, "\2\0\0\0\0\1", 6);
	put16(frame + 12, ETHER_IPV4);
	memset(ip, 0, IPV4_HEADER);
	ip[0] = 0x45;
	ip[9] = 17;
	put16(ip + 2, IPV4_HEADER + UDP_HEADER + length);
	put32(ip + 16, 0xffffffffu);
	put16(udp, source);
	put16(udp + 2, destination);
	put16(udp + 4, UDP_HEADER + length);
	memcpy(udp + UDP_HEADER, body, length);
	return ETH_HEADER + IPV4_HEADER + UDP_HEADER + length;
}

/* A valid frame of one of the kinds that the boot server knows. */
static uint32_t make_seed(uint8_t *frame, uint32_t kind)
{
	uint8_t body[300] = {1, 1, 6, 0};

	switch (kind) {
	case 0:
	case 1:
		put32(body + 236, 0x63825363);
		memcpy(body + 240, "\x35\1\1\xff", 4);
		if (kind == 1)
			memcpy(body + 240, "\x35\1\3\x32\4\x0a\x4d\0\1\xff", 10);
		return put_udp(frame, 68, 67, body, 260);
	case 2:
		return put_udp(frame, 2000, 69, "\0\1file\0octet\0blksize\0001432\0tsize\0000\0",
			       35);
	case 3:
		put16(body, 4);
		put16(body + 2, roll(8));
		return put_udp(frame, 2000, (uint16_t)(20000 + roll(4)), body, 4);
	case 4:
		memset(frame, 0, 60);
		memcpy(frame, "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\1\x08\x06\0\1\x08\0\6\4\0\1", 22);
		put32(frame + ETH_HEADER + 24, BOOT_ADDRESS);
		return 60;
	default:
		memset(frame, 0, 70);
		memcpy(frame, "\x33\x33\0\0\0\2\2\0\0\0\0\1\x86\xdd\x60", 15);
		frame[ETH_HEADER + 6] = 58;
		frame[ETH_HEADER + IPV6_HEADER] = 133;
		return 70;
	}
}

static uint32_t damage(uint8_t *frame, uint32_t length, uint32_t room)
{
	for (uint32_t n = roll(6); n > 0; n--) {
		uint32_t at = roll(length);

		switch (roll(5)) {
		case 0:
			frame[at] ^= (uint8_t)(1u << roll(8));
			break;
		case 1:
			frame[at] = (uint8_t)roll(256);
			break;
		case 2:
			frame[at] = roll(2) ? 0xff : 0;
			break;
		case 3:
			length = 1 + roll(length);
			break;
		case 4:
			for (uint32_t more = roll(room - length + 1); more > 0; more--)
				frame[length++] = (uint8_t)roll(256);
			break;
		}
	}
	return length;
}

int main(int argc, char **argv)
{
	static struct sw sw;
	char folder[] = "/tmp/meshach-fuzz-XXXXXX", path[64];
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
	const char *error;
	int file;

	state = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/file", folder);
	file = open(path, O_WRONLY | O_CREAT, 0600);
	if (file < 0 || ftruncate(file, 5000) != 0)
		return 1;
	close(file);
	sw.fabric = &fabric;
	sw.netboot = netboot_create(&sw, folder, "boot.ipxe", "loglevel=1");
	for (uint32_t i = 1; i <= 3; i++)
		sw_port_open(&sw, i, &error);
	for (unsigned long i = 0; i < rounds; i++) {
		uint32_t length, room = 1600;
		/* Its own allocation, so that a read past its end is seen. */
		uint8_t *seed = malloc(room), *frame;

		length = damage(seed, make_seed(seed, roll(SEEDS)), room);
		frame = malloc(length);
		memcpy(frame, seed, length);
		free(seed);
		sw.now_ns += 1000;
		sw_fault_seed(&sw, i / 1000);
		sw.fault = i % 2000 < 1000 ? (struct sw_fault){0}
					   : (struct sw_fault){100000, 100000, 100000};
		sw_input(&sw, &sw.ports[1 + roll(3)], frame, length);
		free(frame);
		if (roll(4) == 0) {
			sw_timers(&sw);
			sw_port_ready(&sw, &sw.ports[1 + roll(3)]);
		}
	}
	for (uint32_t i = 1; i <= 3; i++)
		sw_port_close(&sw, &sw.ports[i]);
	for (uint32_t i = 0; i < TFTP_TRANSFERS; i++) {
		if (sw.netboot->transfers[i].file >= 0)
			close(sw.netboot->transfers[i].file);
	}
	free(sw.netboot);
	unlink(path);
	rmdir(folder);
	printf("%sok 1 - FUZ0001 %lu damaged frames do no harm; %lu frames went out\n1..1\n",
	       too_long == 0 && sent > rounds / 10 ? "" : "not ", rounds, (unsigned long)sent);
	return too_long == 0 && sent > rounds / 10 ? 0 : 1;
}
