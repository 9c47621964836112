/* SPDX-License-Identifier: BSD-2-Clause */
/* late_answer.c - see late_answer.h. When even the last frames are gone the caller gets a send-once notification. */
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_notify.h>
#include <ipc/mach_msg.h>
#include <kern/late_answer.h>
#include <kern/thread.h>
#include <mach/mig_errors.h>

void late_answer(struct ipc_port *reply, mach_msg_id_t id, kern_return_t result)
{
	bool before = thread_privilege_begin();
	struct ipc_kmsg *kmsg = ipc_kmsg_alloc(sizeof(mig_reply_error_t));

	thread_privilege_end(before);
	if (kmsg == NULL) {
		ipc_notify_send_once(reply);
		return;
	}
	kmsg->ikm_header->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, 0);
	kmsg->ikm_header->msgh_id = id;
	kmsg->ikm_remote_port = reply;
	((mig_reply_error_t *)kmsg->ikm_header)->RetCode = result;
	(void)mach_msg_send_from_kernel(kmsg);
}
