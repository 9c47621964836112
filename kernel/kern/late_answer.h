/* SPDX-License-Identifier: BSD-2-Clause */
/* late_answer.h - the answer to a call that was told MIG_NO_REPLY, when its result is known. */
#pragma once

#include <mach/kern_return.h>
#include <mach/message.h>

struct ipc_port;

/* reply, a send-once right, is consumed; id: of the reply. Thread context, nothing locked. */
void late_answer(struct ipc_port *reply, mach_msg_id_t id, kern_return_t result);
