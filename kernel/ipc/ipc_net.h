/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_net.h - the seam between kernel/ipc and netipc: what ipc calls when a port is a proxy (its
 * receive right is on another node) or is exported (another node holds rights to it).
 *
 * kernel/ipc knows of a port only: ip_remote (it is a proxy), ip_exported (other nodes hold rights),
 * and ip_net, a pointer that is the glue's own. Everything else is behind these calls. Without a
 * network the table is NULL and no port ever has the flags.
 */
#pragma once

#include <mach/message.h>
#include <stdbool.h>
#include <stdint.h>

struct host_net_info;
struct ipc_kmsg;
struct ipc_port;

struct ipc_net_ops {
	/*
	 * Send kmsg, whose destination (kmsg->ikm_remote_port) is a proxy. Takes kmsg on success. On failure
	 * the caller still owns it. deadline_ns: WAIT_FOREVER or a time; may block in an abortable wait.
	 * No lock held. Returns MACH_MSG_SUCCESS, MACH_SEND_TIMED_OUT, MACH_SEND_INTERRUPTED,
	 * MACH_SEND_INVALID_DEST (the port died meanwhile), MACH_SEND_TRANSPORT_ERROR.
	 */
	mach_msg_return_t (*send)(struct ipc_kmsg *kmsg, mach_msg_option_t option, uint64_t deadline_ns);
	/*
	 * The last local send right of a proxy has gone (it may have send-once rights), or the last right
	 * of all. Port lock NOT held; a reference is.
	 */
	void (*proxy_no_rights)(struct ipc_port *proxy);
	/*
	 * A send-once right of a proxy dies unused: its home sends the notification. False: the proxy is dead.
	 * The right is still the caller's to release. No lock held.
	 */
	bool (*sonce_destroyed)(struct ipc_port *proxy);
	/* An exported port has died here. No lock held. */
	void (*port_died)(struct ipc_port *port);
	/*
	 * The local rights of an exported port have all gone: ask whether other nodes hold send rights; the
	 * glue calls ipc_notify_no_senders later if none do. Returns true if remote holders remain.
	 */
	bool (*has_remote_senders)(struct ipc_port *port);
	/* A message from a remote sender left the port's full queue: one more may be resent (N6). */
	void (*slot_freed)(struct ipc_port *port);
	/* The host's special port for the cluster's name server was set here; IP_NULL: to none. */
	void (*name_server)(struct ipc_port *port);
	/* What HOST_NET_INFO tells. */
	void (*info)(struct host_net_info *info);
};

extern const struct ipc_net_ops *ipc_net;

/* Take the first card into use if the command line gives this node an address. Once, thread context. */
void ipc_net_start(void);
