/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tftp.c - the boot files by TFTP (RFC 1350) with block and transfer size options (RFC 2347, 2348,
 * 2349).
 *
 * Read only, from one folder, no path in a name. The client drives: each acknowledgement fetches
 * the next block, and an old one the same again, so that the server needs no timer. A transfer's
 * port on this side is TID_FIRST + slot.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netboot.h"

#define TFTP_PORT 69
#define TID_FIRST 20000u
#define BLOCK_MAX 8192u
#define BLOCK_PLAIN 512u

enum tftp_opcode { RRQ = 1, DATA = 3, ERROR = 5, OACK = 6, TFTP_ACK = 4 };

static void tftp_error(struct netboot *nb, const struct udp_from *from, uint16_t source,
		       uint16_t code, const char *text)
{
	uint8_t out[4 + 64];
	size_t length = strlen(text) + 1;

	put16(out, ERROR);
	put16(out + 2, code);
	memcpy(out + 4, text, length);
	netboot_reply(nb, from, from->address, source, out, (uint32_t)(4 + length));
}

static void transfer_end(struct transfer *t)
{
	close(t->file);
	t->file = -1;
}

static void send_block(struct netboot *nb, const struct udp_from *from, struct transfer *t)
{
	uint8_t out[4 + BLOCK_MAX];
	ssize_t got = pread(t->file, out + 4, t->block_size, (off_t)(t->block - 1) * t->block_size);

	if (got < 0) {
		tftp_error(nb, from, (uint16_t)(TID_FIRST + (t - nb->transfers)), 0, "read error");
		transfer_end(t);
		return;
	}
	put16(out, DATA);
	put16(out + 2, t->block);
	t->last = (uint32_t)got < t->block_size;
	netboot_reply(nb, from, from->address, (uint16_t)(TID_FIRST + (t - nb->transfers)), out,
		      (uint32_t)(4 + got));
}

/* A free transfer, or the one unused for longest; a repeated request gets its own again. */
static struct transfer *transfer_for(struct netboot *nb, const struct udp_from *from)
{
	struct transfer *oldest = &nb->transfers[0];

	for (uint32_t i = 0; i < TFTP_TRANSFERS; i++) {
		struct transfer *t = &nb->transfers[i];

		if (t->file >= 0 && t->port == from->port->number && t->peer == from->source)
			return t;
		if ((t->file < 0 && oldest->file >= 0) ||
		    ((t->file < 0) == (oldest->file < 0) && t->used < oldest->used))
			oldest = t;
	}
	return oldest;
}

/* Returns the end of the string that starts at *at, or NULL if it does not end within the packet.
 */
static const char *next_string(const uint8_t *data, uint32_t length, uint32_t *at)
{
	const char *text = (const char *)data + *at;
	const void *end = *at < length ? memchr(text, 0, length - *at) : NULL;

	if (end == NULL)
		return NULL;
	*at = (uint32_t)((const uint8_t *)end - data) + 1;
	return text;
}

/* Parse a request's options into t and the text of the acknowledgement; returns its length, 0: no
 * options. */
static uint32_t take_options(struct transfer *t, const uint8_t *data, uint32_t length, uint32_t at,
			     off_t size, uint8_t *oack)
{
	const char *name, *value;
	uint32_t out = 2;

	put16(oack, OACK);
	while ((name = next_string(data, length, &at)) != NULL &&
	       (value = next_string(data, length, &at)) != NULL) {
		unsigned long number = strtoul(value, NULL, 10);

		if (strcasecmp(name, "blksize") == 0 && number >= 8) {
			t->block_size = number < BLOCK_MAX ? (uint32_t)number : BLOCK_MAX;
			out += (uint32_t)sprintf((char *)oack + out, "blksize%c%u", 0,
						 t->block_size) +
			       1;
		} else if (strcasecmp(name, "tsize") == 0) {
			out += (uint32_t)sprintf((char *)oack + out, "tsize%c%lld", 0,
						 (long long)size) +
			       1;
		}
		if (out > 64)
			break;
	}
	return out > 2 ? out : 0;
}

static void request(struct netboot *nb, const struct udp_from *from, const uint8_t *data,
		    uint32_t length)
{
	uint8_t oack[160];
	uint32_t at = 2, options;
	const char *name = next_string(data, length, &at), *mode;
	char path[512];
	struct transfer *t;
	struct stat status;
	int file;

	if (name == NULL || (mode = next_string(data, length, &at)) == NULL ||
	    strcasecmp(mode, "octet") != 0) {
		tftp_error(nb, from, TFTP_PORT, 4, "only octet reads");
		return;
	}
	while (*name == '/')
		name++;
	if (strchr(name, '/') != NULL || name[0] == '.' ||
	    (size_t)snprintf(path, sizeof path, "%s/%s", nb->directory, name) >= sizeof path ||
	    (file = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
		tftp_error(nb, from, TFTP_PORT, 1, "no such file");
		return;
	}
	if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
		close(file);
		tftp_error(nb, from, TFTP_PORT, 1, "no such file");
		return;
	}
	t = transfer_for(nb, from);
	if (t->file >= 0)
		close(t->file);
	*t = (struct transfer){.file = file,
			       .port = from->port->number,
			       .address = from->address,
			       .peer = from->source,
			       .block_size = BLOCK_PLAIN,
			       .used = nb->sw->now_ns};
	options = take_options(t, data, length, at, status.st_size, oack);
	if (options != 0) {
		netboot_reply(nb, from, from->address, (uint16_t)(TID_FIRST + (t - nb->transfers)),
			      oack, options);
		return;
	}
	t->block = 1;
	send_block(nb, from, t);
}

void tftp_input(struct netboot *nb, const struct udp_from *from, const uint8_t *data,
		uint32_t length)
{
	struct transfer *t;
	uint16_t number;

	if (length < 4)
		return;
	if (from->destination == TFTP_PORT) {
		if (get16(data) == RRQ)
			request(nb, from, data, length);
		return;
	}
	if (from->destination < TID_FIRST || from->destination >= TID_FIRST + TFTP_TRANSFERS)
		return;
	t = &nb->transfers[from->destination - TID_FIRST];
	if (t->file < 0 || t->port != from->port->number || t->peer != from->source)
		return;
	t->used = nb->sw->now_ns;
	number = get16(data + 2);
	if (get16(data) == ERROR) {
		transfer_end(t);
	} else if (get16(data) == TFTP_ACK && number == (uint16_t)t->block) {
		if (t->last) {
			transfer_end(t);
			return;
		}
		t->block++;
		send_block(nb, from, t);
	} else if (get16(data) == TFTP_ACK && t->block > 0 && number == (uint16_t)(t->block - 1)) {
		send_block(nb, from, t);
	}
}
