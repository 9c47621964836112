/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * switch.h - a learning Ethernet switch: what its parts share.
 *
 * Parts: switch.c learns and forwards; fault.c drops, doubles and reorders from a seed; capture.c
 * writes pcap; netboot.c (with dhcp.c, tftp.c) is the boot server that answers on the switch's own
 * port; control.c takes commands at run time; a fabric (dgram.c, vhost.c) moves the frames of
 * ports.
 *
 * One thread does it all. Invariants:
 *  I1 a frame is forwarded whole and unchanged, to each output at most once, never back to its
 * input; I2 a port's queue holds at most SW_QUEUE_FRAMES; what does not fit is dropped and counted;
 *  I3 with the same seed, the n-th frame between two ports has the same fate.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SW_MAX_PORTS 256u
#define SW_QUEUE_FRAMES 1024u
#define SW_FRAME_MAX 65536u
#define SW_MAC_SLOTS 4096u
#define SW_REORDER_NS                                                                              \
	2000000ull /* a frame held back goes out after this time, if no other passes it */

/* Ports 1..199 are nodes: port N leases address N. 200..249 are processes on this host. */
#define SW_PORT_HOSTED_FIRST 200u
#define SW_PORT_HOSTED_LAST 249u
#define SW_PORT_BOOT 254u /* the boot server */

struct sw_queued {
	uint32_t length;
	uint8_t *data;
};

/* Chances of a frame, in parts per million. */
struct sw_fault {
	uint32_t drop, duplicate, reorder;
};

struct sw_counters {
	uint64_t in, out, in_bytes, out_bytes;
	uint64_t dropped_full, dropped_fault, dropped_absent, duplicated, reordered;
};

struct sw_port {
	bool used, link_up;
	uint32_t number;
	uint8_t mac[6]; /* the last source address seen here */
	bool mac_known;
	uint32_t address; /* IPv4 leased here; 0: none */
	struct sw_fault fault;
	uint64_t random[SW_MAX_PORTS]; /* fault.c: the generator's state for each input port */
	struct sw_counters count;
	/* waiting for the fabric: a ring */
	struct sw_queued *queue;
	uint32_t head, queued;
	/* held back by a reorder fault; held.data == NULL: none */
	struct sw_queued held;
	uint64_t held_until;
	const struct sw_fabric *ops;
	void *fabric;      /* the ops' own */
	const void *owner; /* the control connection that the port ends with; NULL: none */
};

enum sw_sent { SW_SENT, SW_BUSY, SW_ABSENT };

struct sw;

struct sw_fabric {
	const char *name;
	/* Make a port's sockets. NULL, or what is wrong. */
	const char *(*open)(struct sw *sw, struct sw_port *port);
	void (*close)(struct sw *sw, struct sw_port *port);
	/* Give a frame to a port's peer. SW_BUSY: try again after the fabric calls sw_port_ready.
	 */
	enum sw_sent (*send)(struct sw *sw, struct sw_port *port, const uint8_t *frame,
			     uint32_t length);
	/* Ask for sw_port_ready when the peer has room; called when the queue becomes not empty. */
	void (*want_ready)(struct sw *sw, struct sw_port *port, bool want);
	/* The JSON fields that tell a process on this host how to reach the port, each after a
	 * comma. */
	void (*describe)(struct sw *sw, struct sw_port *port, FILE *out);
	/* Fabrics that must be polled: move what there is; false: nothing was there. NULL: all
	 * comes by watchers. */
	bool (*poll)(struct sw *sw);
	/* Polled fabrics: arm (true) or disarm what wakes the loop; false: work came meanwhile, do
	 * not sleep. */
	bool (*arm)(struct sw *sw, bool on);
	/* Polled fabrics: frames are queued for a peer without room, which does not tell when it
	 * has some. */
	bool (*waiting)(struct sw *sw);
};

/* A file descriptor in the loop. */
struct watcher {
	int fd;
	void (*ready)(struct sw *sw, struct watcher *watcher, uint32_t events);
	void *context;
};

struct capture;
struct netboot;

struct sw {
	const char *directory; /* where the ports' sockets are */
	const struct sw_fabric *fabric;
	struct sw_port ports[SW_MAX_PORTS];
	struct {
		uint8_t mac[6];
		uint8_t port; /* 0: free */
	} macs[SW_MAC_SLOTS];
	struct sw_fault fault; /* of ports that have none of their own */
	uint64_t seed;
	struct capture *capture; /* NULL: off */
	struct netboot *netboot; /* NULL: off */
	uint64_t now_ns;         /* monotonic; the time of this round of the loop */
	int epoll;
	bool stale; /* a watcher went away: the rest of this round's events may be its */
	bool quit;
};

/* switch.c */
struct sw_port *sw_port_open(struct sw *sw, uint32_t number, const char **error);
void sw_port_close(struct sw *sw, struct sw_port *port);
void sw_input(struct sw *sw, struct sw_port *from, const uint8_t *frame, uint32_t length);
/* Put a frame out of a port, past faults; the boot server's frames and duplicates come this way. */
void sw_output(struct sw *sw, struct sw_port *to, const uint8_t *frame, uint32_t length);
void sw_port_ready(struct sw *sw, struct sw_port *port);
/* Run timers; returns ns until the next one, -1: none. */
int64_t sw_timers(struct sw *sw);
uint64_t sw_clock_ns(void);

/* fault.c */
enum sw_fate { FATE_PASS, FATE_DROP, FATE_DUPLICATE, FATE_REORDER };
enum sw_fate sw_fault_roll(struct sw *sw, struct sw_port *from, struct sw_port *to);
void sw_fault_seed(struct sw *sw, uint64_t seed);

/* capture.c */
struct capture *capture_start(const char *path, const char **error);
void capture_frame(struct capture *capture, const uint8_t *frame, uint32_t length);
/* Writes out what is buffered. */
void capture_flush(struct capture *capture);
uint64_t capture_stop(struct capture *capture);

/* netboot.c */
struct netboot *netboot_create(struct sw *sw, const char *directory, const char *bootfile,
			       const char *options);
/* Offer a frame to the boot server; true: it was for it alone. Answers go to the port it came from.
 */
bool netboot_input(struct netboot *nb, struct sw_port *from, const uint8_t *frame, uint32_t length);

/* control.c: text commands, one a line; the answer to each is one line of JSON. */
const char *control_open(struct sw *sw, const char *path);

/* loop.c */
const char *loop_watch(struct sw *sw, struct watcher *watcher, uint32_t events);
void loop_change(struct sw *sw, struct watcher *watcher, uint32_t events);
void loop_unwatch(struct sw *sw, struct watcher *watcher);
/* Move frames until sw->quit. */
void loop_run(struct sw *sw);

/* The fabrics. */
extern const struct sw_fabric sw_fabric_dgram;
extern const struct sw_fabric sw_fabric_vhost;
