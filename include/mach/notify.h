/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/notify.h - the notifications of <mach/mach_port.h>'s mach_port_request_notification. Values: OSF Mach. */
#pragma once

#include <mach/message.h>

#define MACH_NOTIFY_FIRST 64
#define MACH_NOTIFY_PORT_DELETED (MACH_NOTIFY_FIRST + 1)
#define MACH_NOTIFY_SEND_POSSIBLE (MACH_NOTIFY_FIRST + 2)
#define MACH_NOTIFY_PORT_DESTROYED (MACH_NOTIFY_FIRST + 5)
#define MACH_NOTIFY_NO_SENDERS (MACH_NOTIFY_FIRST + 6)
#define MACH_NOTIFY_SEND_ONCE (MACH_NOTIFY_FIRST + 7)
#define MACH_NOTIFY_DEAD_NAME (MACH_NOTIFY_FIRST + 8)
#define MACH_NOTIFY_LAST (MACH_NOTIFY_FIRST + 15)

/* A name under a dead-name request was deallocated or moved: it means nothing any more. */
typedef struct {
	mach_msg_header_t not_header;
	mach_port_name_t not_port;
	mach_msg_trailer_t trailer;
} mach_port_deleted_notification_t;

/* The receive right comes back instead of dying. */
typedef struct {
	mach_msg_header_t not_header;
	mach_msg_body_t not_body;
	mach_msg_port_descriptor_t not_port;
	mach_msg_trailer_t trailer;
} mach_port_destroyed_notification_t;

/* No send right is left; not_count is the make-send count. */
typedef struct {
	mach_msg_header_t not_header;
	mach_msg_type_number_t not_count;
	mach_msg_trailer_t trailer;
} mach_no_senders_notification_t;

/* The send-once right to the port that gets this died unused. */
typedef struct {
	mach_msg_header_t not_header;
	mach_msg_trailer_t trailer;
} mach_send_once_notification_t;

/* The queue of the name's port had been found full, and has room. */
typedef struct {
	mach_msg_header_t not_header;
	mach_port_name_t not_port;
	mach_msg_trailer_t trailer;
} mach_send_possible_notification_t;

/* The name's right died; the notification brings one more user reference of the dead name. */
typedef struct {
	mach_msg_header_t not_header;
	mach_port_name_t not_port;
	mach_msg_trailer_t trailer;
} mach_dead_name_notification_t;
