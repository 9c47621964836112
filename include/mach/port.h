/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/port.h - port names, rights and attributes. Values: OSF Mach and XNU.
 *
 * A name is 32 bits: an index (upper 24) and a generation (lower 8), as the kernel gives them out;
 * to a program it is opaque.
 */
#pragma once

#include <stdint.h>

typedef uint32_t natural_t;
typedef int32_t integer_t;
typedef natural_t mach_port_name_t;
typedef mach_port_name_t *mach_port_name_array_t;
#ifdef MESHACH_KERNEL
struct ipc_port;
typedef struct ipc_port *mach_port_t;
#else
typedef mach_port_name_t mach_port_t;
#endif
typedef mach_port_t *mach_port_array_t;

#define MACH_PORT_NULL 0
#define MACH_PORT_DEAD ((mach_port_name_t)~0u)
#define MACH_PORT_VALID(name) ((name) != MACH_PORT_NULL && (name) != MACH_PORT_DEAD)

#define MACH_PORT_INDEX(name) ((name) >> 8)
#define MACH_PORT_GEN(name) ((name) & 0xffu)
#define MACH_PORT_MAKE(index, gen) (((index) << 8) | (gen))

typedef natural_t mach_port_right_t;
#define MACH_PORT_RIGHT_SEND ((mach_port_right_t)0)
#define MACH_PORT_RIGHT_RECEIVE ((mach_port_right_t)1)
#define MACH_PORT_RIGHT_SEND_ONCE ((mach_port_right_t)2)
#define MACH_PORT_RIGHT_PORT_SET ((mach_port_right_t)3)
#define MACH_PORT_RIGHT_DEAD_NAME ((mach_port_right_t)4)
#define MACH_PORT_RIGHT_NUMBER ((mach_port_right_t)5)

typedef natural_t mach_port_type_t;
typedef mach_port_type_t *mach_port_type_array_t;
#define MACH_PORT_TYPE(right) ((mach_port_type_t)(1u << ((right) + 16)))
#define MACH_PORT_TYPE_NONE ((mach_port_type_t)0)
#define MACH_PORT_TYPE_SEND MACH_PORT_TYPE(MACH_PORT_RIGHT_SEND)
#define MACH_PORT_TYPE_RECEIVE MACH_PORT_TYPE(MACH_PORT_RIGHT_RECEIVE)
#define MACH_PORT_TYPE_SEND_ONCE MACH_PORT_TYPE(MACH_PORT_RIGHT_SEND_ONCE)
#define MACH_PORT_TYPE_PORT_SET MACH_PORT_TYPE(MACH_PORT_RIGHT_PORT_SET)
#define MACH_PORT_TYPE_DEAD_NAME MACH_PORT_TYPE(MACH_PORT_RIGHT_DEAD_NAME)
#define MACH_PORT_TYPE_SEND_RECEIVE (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_RECEIVE)
#define MACH_PORT_TYPE_SEND_RIGHTS (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_SEND_ONCE)
#define MACH_PORT_TYPE_PORT_RIGHTS (MACH_PORT_TYPE_SEND_RIGHTS | MACH_PORT_TYPE_RECEIVE)
#define MACH_PORT_TYPE_PORT_OR_DEAD (MACH_PORT_TYPE_PORT_RIGHTS | MACH_PORT_TYPE_DEAD_NAME)
#define MACH_PORT_TYPE_ALL_RIGHTS (MACH_PORT_TYPE_PORT_OR_DEAD | MACH_PORT_TYPE_PORT_SET)
/* Not rights: which request stands for the name. */
#define MACH_PORT_TYPE_DNREQUEST 0x80000000u         /* to be told of its death */
#define MACH_PORT_TYPE_SPREQUEST 0x40000000u         /* also, of room in a queue that was full */
#define MACH_PORT_TYPE_SPREQUEST_DELAYED 0x20000000u /* that only after a send with MACH_SEND_NOTIFY found it full */

typedef natural_t mach_port_urefs_t;
typedef integer_t mach_port_delta_t;
typedef natural_t mach_port_seqno_t;
typedef natural_t mach_port_mscount_t;
typedef natural_t mach_port_msgcount_t;
typedef natural_t mach_port_rights_t;

#define MACH_PORT_QLIMIT_ZERO 0
#define MACH_PORT_QLIMIT_BASIC 5
#define MACH_PORT_QLIMIT_DEFAULT MACH_PORT_QLIMIT_BASIC
#define MACH_PORT_QLIMIT_SMALL 16
#define MACH_PORT_QLIMIT_LARGE 1024
#define MACH_PORT_QLIMIT_MIN MACH_PORT_QLIMIT_ZERO
#define MACH_PORT_QLIMIT_MAX MACH_PORT_QLIMIT_LARGE

typedef struct mach_port_status {
	mach_port_rights_t mps_pset;     /* how many port sets it is in */
	mach_port_seqno_t mps_seqno;
	mach_port_mscount_t mps_mscount;
	mach_port_msgcount_t mps_qlimit;
	mach_port_msgcount_t mps_msgcount;
	mach_port_rights_t mps_sorights;
	natural_t mps_srights;           /* boolean */
	natural_t mps_pdrequest;         /* boolean */
	natural_t mps_nsrequest;         /* boolean */
	natural_t mps_flags;             /* MACH_PORT_STATUS_FLAG_ */
} mach_port_status_t;

#define MACH_PORT_STATUS_FLAG_TEMPOWNER 0x01 /* this and the next two but one: importance, which there is none of */
#define MACH_PORT_STATUS_FLAG_GUARDED 0x02
#define MACH_PORT_STATUS_FLAG_STRICT_GUARD 0x04
#define MACH_PORT_STATUS_FLAG_IMP_DONATION 0x08
#define MACH_PORT_STATUS_FLAG_REVIVE 0x10
#define MACH_PORT_STATUS_FLAG_TASKPTR 0x20
#define MACH_PORT_STATUS_FLAG_GUARD_IMMOVABLE_RECEIVE 0x40
#define MACH_PORT_STATUS_FLAG_NO_GRANT 0x80

typedef struct mach_port_limits {
	mach_port_msgcount_t mpl_qlimit;
} mach_port_limits_t;

typedef struct mach_port_info_ext {
	mach_port_status_t mpie_status;
	mach_port_msgcount_t mpie_boost_cnt; /* 0: no importance is lent */
	uint32_t reserved[6];
} mach_port_info_ext_t;

typedef struct mach_port_guard_info {
	uint64_t mpgi_guard;
} mach_port_guard_info_t;

typedef int mach_port_flavor_t;
typedef integer_t *mach_port_info_t;
#define MACH_PORT_LIMITS_INFO 1         /* get, set: mach_port_limits_t */
#define MACH_PORT_RECEIVE_STATUS 2      /* get: mach_port_status_t */
#define MACH_PORT_DNREQUESTS_SIZE 3     /* get: requests there is memory for; set: as many at least */
#define MACH_PORT_TEMPOWNER 4           /* these three: KERN_NOT_SUPPORTED */
#define MACH_PORT_IMPORTANCE_RECEIVER 5
#define MACH_PORT_DENAP_RECEIVER 6
#define MACH_PORT_INFO_EXT 7            /* get: mach_port_info_ext_t */
#define MACH_PORT_GUARD_INFO 8          /* assert: mach_port_guard_info_t */
#define MACH_PORT_DNREQUESTS_SIZE_COUNT 1
#define MACH_PORT_INFO_EXT_COUNT ((natural_t)(sizeof(mach_port_info_ext_t) / sizeof(natural_t)))
#define MACH_PORT_GUARD_INFO_COUNT ((natural_t)(sizeof(mach_port_guard_info_t) / sizeof(natural_t)))
#define MACH_PORT_LIMITS_INFO_COUNT ((natural_t)(sizeof(mach_port_limits_t) / sizeof(natural_t)))
#define MACH_PORT_RECEIVE_STATUS_COUNT ((natural_t)(sizeof(mach_port_status_t) / sizeof(natural_t)))

/* mach_port_allocate_qos(), mach_port_allocate_full() */
typedef struct mach_port_qos {
	unsigned int name : 1;     /* the caller chose the name */
	unsigned int prealloc : 1; /* keep memory for one message of the kernel's, of up to len bytes */
	unsigned int rt : 1;       /* OSF's: messages are received by their senders' priority, not by age */
	unsigned int pad1 : 29;
	natural_t len;
} mach_port_qos_t;

/* mach_port_construct() */
#define MPO_CONTEXT_AS_GUARD 0x01
#define MPO_QLIMIT 0x02
#define MPO_TEMPOWNER 0x04           /* KERN_NOT_SUPPORTED, as all that are not told of here */
#define MPO_IMPORTANCE_RECEIVER 0x08
#define MPO_INSERT_SEND_RIGHT 0x10
#define MPO_STRICT 0x20              /* with MPO_CONTEXT_AS_GUARD */
#define MPO_DENAP_RECEIVER 0x40
#define MPO_IMMOVABLE_RECEIVE 0x80   /* with MPO_CONTEXT_AS_GUARD */

typedef struct mach_port_options {
	uint32_t flags;          /* MPO_ */
	mach_port_limits_t mpl;  /* with MPO_QLIMIT */
	union {
		uint64_t reserved[2];
		mach_port_name_t work_interval_port;
	};
} mach_port_options_t;
typedef mach_port_options_t *mach_port_options_ptr_t;
typedef uint64_t mach_port_options_words_t[3]; /* as a message carries them */

/* mach_port_guard_with_flags() */
#define MPG_FLAGS_NONE 0x00ull
#define MPG_STRICT 0x01              /* the guard is not shown, and the context cannot be set */
#define MPG_IMMOVABLE_RECEIVE 0x02   /* the receive right stays in its task */

#define GUARD_TYPE_MACH_PORT 0x1

/* How a port's guard was violated (EXC_GUARD, <mach/exc_guard.h>). */
enum mach_port_guard_exception_codes {
	kGUARD_EXC_DESTROY = 1,
	kGUARD_EXC_MOD_REFS = 2,
	kGUARD_EXC_SET_CONTEXT = 4,
	kGUARD_EXC_UNGUARDED = 1u << 3,
	kGUARD_EXC_INCORRECT_GUARD = 1u << 4,
	kGUARD_EXC_IMMOVABLE = 1u << 5,
};

typedef char kobject_description_t[512];
