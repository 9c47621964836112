/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/mig_errors.h - what stubs answer, and the message that says so. Values: OSF MIG. */
#pragma once

#include <mach/message.h>

#define MIG_TYPE_ERROR (-300)      /* a reply is not of the form declared */
#define MIG_REPLY_MISMATCH (-301)  /* a reply has the wrong id */
#define MIG_REMOTE_ERROR (-302)    /* the server found an error in its reply */
#define MIG_BAD_ID (-303)          /* no such routine */
#define MIG_BAD_ARGUMENTS (-304)   /* a request is not of the form declared */
#define MIG_NO_REPLY (-305)        /* server: no reply shall be sent (yet) */
#define MIG_EXCEPTION (-306)
#define MIG_ARRAY_TOO_LARGE (-307) /* an array is larger than declared, or than the caller's room */
#define MIG_SERVER_DIED (-308)     /* the send-once right of the reply was destroyed unused */
#define MIG_TRAILER_ERROR (-309)

/* A simple reply begins like this; the whole reply when RetCode is not KERN_SUCCESS. No NDR: little-endian. */
typedef struct {
	mach_msg_header_t Head;
	kern_return_t RetCode;
} mig_reply_error_t;
_Static_assert(sizeof(mig_reply_error_t) == 28, "mig_reply_error_t");
