/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_kmsg_private.h - between the files of ipc_kmsg. */
#pragma once

#include <ipc/ipc_kmsg.h>

/* Destroy what the first count descriptors, in kernel form, hold. */
void ipc_kmsg_clean_descriptors(struct ipc_kmsg *kmsg, uint32_t count);
void ipc_kmsg_clean_body(struct ipc_kmsg *kmsg);
/* The block of a user's message that was not sent: back to the calling thread's cache. */
void ipc_kmsg_put_back(struct ipc_kmsg *kmsg);
