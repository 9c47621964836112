/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.c - every frame that enters the switch, before faults, to a pcap file with nanoseconds.
 *
 * Format: the libpcap file format, magic 0xa1b23c4d, link type 1 (Ethernet), this machine's byte
 * order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "switch.h"

#define CAPTURE_BUFFER (1u << 20)

struct capture {
	FILE *file;
	uint64_t frames;
};

struct pcap_head {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snap, link_type;
};
_Static_assert(sizeof(struct pcap_head) == 24, "pcap file header");

struct pcap_record {
	uint32_t seconds, nanoseconds, kept, length;
};
_Static_assert(sizeof(struct pcap_record) == 16, "pcap record header");

struct capture *capture_start(const char *path, const char **error)
{
	static const struct pcap_head head = {0xa1b23c4d, 2, 4, 0, 0, SW_FRAME_MAX, 1};
	struct capture *capture = calloc(1, sizeof *capture);

	*error = "out of memory";
	if (capture == NULL)
		return NULL;
	capture->file = fopen(path, "we");
	if (capture->file == NULL) {
		*error = "cannot create the file";
		free(capture);
		return NULL;
	}
	setvbuf(capture->file, NULL, _IOFBF, CAPTURE_BUFFER);
	fwrite(&head, sizeof head, 1, capture->file);
	fflush(capture->file);
	return capture;
}

void capture_frame(struct capture *capture, const uint8_t *frame, uint32_t length)
{
	struct pcap_record record = {.kept = length, .length = length};
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	record.seconds = (uint32_t)ts.tv_sec;
	record.nanoseconds = (uint32_t)ts.tv_nsec;
	fwrite(&record, sizeof record, 1, capture->file);
	fwrite(frame, length, 1, capture->file);
	capture->frames++;
}

void capture_flush(struct capture *capture)
{
	fflush(capture->file);
}

/* Returns the number of frames in the file. */
uint64_t capture_stop(struct capture *capture)
{
	uint64_t frames = capture->frames;

	fclose(capture->file);
	free(capture);
	return frames;
}
