/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach/mig.h - what generated stubs stand on, in programs and in the kernel.
 *
 * Interface: the table of an interface (mig_subsystem), the checker (mig_check), the calls of stubs.
 * Layout of a message: header; in complex ones the body header and descriptors; the fixed part,
 *   naturally aligned; then the variable arrays, each begun at a multiple of 8; its end at a multiple
 *   of 4. A simple reply's fixed part begins with the kern_return_t; a complex reply is a success.
 * Invariants:
 *   M1 nothing of a message is used before mig_check() passed it;
 *   M2 a caller's stub consumes what it was given to move (rights by a MOVE disposition, memory with
 *      dealloc), whatever it returns but MACH_SEND_INVALID_RIGHT: one of the rights was none, or may not go there, and
 *      what was not taken stays; what it makes or copies for the message leaves nothing behind;
 *   M3 a server function that returns an error has consumed nothing of the request: its caller
 *      destroys the request; one that returns KERN_SUCCESS or MIG_NO_REPLY has consumed it all.
 */
#pragma once

#include <mach/boolean.h>
#include <mach/message.h>
#include <mach/mig_errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A descriptor that the message must have. */
struct mig_descriptor {
	uint8_t type;        /* MACH_MSG_*_DESCRIPTOR */
	uint8_t disposition; /* as a receiver sees it: MACH_MSG_TYPE_PORT_*; 0: any right */
	uint8_t exact;       /* max is the exact number of elements */
	uint32_t element;    /* memory: bytes of an element */
	uint32_t max;        /* memory, ports: most elements; 0: no limit */
};

enum mig_variable_kind {
	MIG_ARRAY,        /* variable inline array; offset is its uint32_t count's */
	MIG_STRING,       /* the same, of characters; the last one is NUL */
	MIG_FIXED_STRING, /* max characters at offset, one of them NUL */
};

struct mig_variable {
	uint8_t kind;
	uint32_t offset;  /* bytes from the header's start */
	uint32_t element; /* bytes */
	uint32_t max;     /* elements */
};

struct mig_layout {
	uint32_t fixed_size; /* bytes from the header's start to the end of the fixed part; 0: no such message */
	uint32_t max_size;   /* with all variable arrays at their largest */
	uint16_t descriptor_count;
	uint16_t variable_count;
	const struct mig_descriptor *descriptors;
	const struct mig_variable *variables;
};

enum mig_routine_flags {
	MIG_SIMPLE = 1,      /* no reply */
	MIG_TAKES_REPLY = 2, /* the server function is given the reply port and may answer later */
	MIG_REPLY_ONCE = 4,  /* which must be a send-once right then */
};

struct mig_routine {
	const char *name; /* NULL: a skipped number */
	uint32_t flags;
	struct mig_layout request, reply;
};

struct mig_subsystem {
	const char *name;
	mach_msg_id_t base; /* id of routine 0; a reply's id is its request's + 100 */
	uint32_t count;
	uint32_t max_request, max_reply; /* bytes, without trailer */
	const struct mig_routine *routines;
};

/*
 * Purpose: is msg, of size bytes without trailer, of the form l? Reads nothing past size.
 * Returns: KERN_SUCCESS or MIG_BAD_ARGUMENTS.
 */
kern_return_t mig_check(const struct mig_layout *l, const mach_msg_header_t *msg, uint32_t size);
/* What most messages are: nothing but the fixed part of l, and right. False: mig_check tells. */
static inline bool mig_is_plain(const struct mig_layout *l, const mach_msg_header_t *msg, uint32_t size)
{
	return size == l->fixed_size && size == msg->msgh_size && (l->descriptor_count | l->variable_count) == 0 &&
	       (msg->msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0 && (size & 3) == 0 && size <= l->max_size && size != 0;
}
/* Is the reply right of a request, of this kind (MACH_MSG_TYPE_PORT_*; 0: none), what routine wants? */
static inline bool mig_check_reply_right(const struct mig_routine *routine, mach_msg_type_name_t kind)
{
	return (routine->flags & MIG_REPLY_ONCE) == 0 || kind == MACH_MSG_TYPE_PORT_SEND_ONCE;
}
/* The same of a reply: KERN_SUCCESS, the server's error (a simple message of 28 bytes), or MIG_TYPE_ERROR. */
kern_return_t mig_check_reply(const struct mig_layout *l, const mach_msg_header_t *msg, uint32_t size);
/* The same, and is it the reply to a request with this id? MIG_SERVER_DIED, MIG_REPLY_MISMATCH. */
kern_return_t mig_check_reply_id(const struct mig_routine *routine, const mach_msg_header_t *msg, mach_msg_id_t request_id);
/* The routine of id, or NULL. */
static inline const struct mig_routine *mig_routine_of(const struct mig_subsystem *s, mach_msg_id_t id)
{
	uint32_t number = (uint32_t)id - (uint32_t)s->base;

	return number < s->count && s->routines[number].name != NULL ? &s->routines[number] : NULL;
}

/*
 * A server stub: calls the function of ops with in's arguments (checked before, M1), fills out
 * (whose header but for msgh_size and the complex bit is the caller's business).
 * Returns what the function returned; MIG_BAD_ID if it is NULL.
 */
typedef kern_return_t (*mig_stub_t)(const void *ops, mach_port_t request_port, mach_port_t reply_port,
				    mach_msg_header_t *in, mach_msg_header_t *out);

struct mig_server {
	const struct mig_subsystem *subsystem;
	const mig_stub_t *stubs;
};

/*
 * What every call runs through lies together in a program: each page of code that is touched after an address-space
 * switch costs a refill of the translation cache. The kernel has an order of its own (hot_text.ld).
 */
#ifdef MESHACH_KERNEL
#define MIG_HOT
#else
#define MIG_HOT __attribute__((hot))
#endif

#define MIG_ALIGN(n, to) (((n) + (to) - 1u) & ~((to) - 1u))

/* Append bytes to a message as its next variable array (src may lie in the message, further on). */
static inline void mig_put(mach_msg_header_t *msg, const void *src, uint32_t bytes)
{
	uint32_t at = MIG_ALIGN(msg->msgh_size, 8u), end = MIG_ALIGN(at + bytes, 4u);
	char *base = (char *)msg;

	if (bytes != 0)
		__builtin_memmove(base + at, src, bytes);
	__builtin_memset(base + msg->msgh_size, 0, at - msg->msgh_size);
	__builtin_memset(base + at + bytes, 0, end - at - bytes);
	msg->msgh_size = end;
}

/* The next variable array of a checked message, from the cursor *at (at first: the fixed size). */
static inline void *mig_next(mach_msg_header_t *msg, uint32_t *at, uint32_t bytes)
{
	void *found = (char *)msg + MIG_ALIGN(*at, 8u);

	*at = MIG_ALIGN(*at, 8u) + bytes;
	return found;
}

static inline void mig_get(mach_msg_header_t *msg, uint32_t *at, void *dst, uint32_t bytes)
{
	const void *src = mig_next(msg, at, bytes);

	if (bytes != 0)
		__builtin_memcpy(dst, src, bytes);
}

/* Bytes of a string with its NUL; max + 1 if there is none within max. */
static inline uint32_t mig_string_bytes(const char *s, uint32_t max)
{
	uint32_t n = 0;

	while (n < max && s[n] != 0)
		n++;
	return n + 1;
}

static inline bool mig_put_fixed_string(char *dst, uint32_t max, const char *s)
{
	uint32_t bytes = mig_string_bytes(s, max);

	__builtin_memset(dst, 0, max);
	if (bytes > max)
		return false;
	__builtin_memcpy(dst, s, bytes);
	return true;
}

/* End the string that a server function wrote into room of max bytes; its bytes with the NUL. */
static inline uint32_t mig_end_string(char *s, uint32_t max)
{
	s[max - 1] = 0;
	return mig_string_bytes(s, max);
}

/* A server function said that it wrote more than its room: memory is spoilt; does not return. */
_Noreturn void mig_overrun(const char *routine);

static inline mach_msg_port_descriptor_t mig_port_descriptor(mach_port_t port, mach_msg_type_name_t disposition)
{
	mach_msg_port_descriptor_t d = { .disposition = (uint8_t)disposition, .type = MACH_MSG_PORT_DESCRIPTOR };

#ifdef MESHACH_KERNEL
	d.kport = (uint64_t)(uintptr_t)port;
#else
	d.kport = 0;
	d.name = port;
#endif
	return d;
}

static inline mach_msg_ool_descriptor_t mig_memory_descriptor(const void *address, mach_vm_size_t size, int deallocate)
{
	return (mach_msg_ool_descriptor_t){ .kcopy = (uint64_t)(uintptr_t)address, .deallocate = (uint8_t)deallocate,
					    .copy = MACH_MSG_VIRTUAL_COPY, .type = MACH_MSG_OOL_DESCRIPTOR,
					    .size = size };
}

static inline mach_msg_ool_ports_descriptor_t mig_ports_descriptor(const void *address, mach_msg_size_t count,
								   mach_msg_type_name_t disposition,
								   int deallocate)
{
	return (mach_msg_ool_ports_descriptor_t){ .kports = (uint64_t)(uintptr_t)address,
						  .deallocate = (uint8_t)deallocate, .copy = MACH_MSG_VIRTUAL_COPY,
						  .disposition = (uint8_t)disposition,
						  .type = MACH_MSG_OOL_PORTS_DESCRIPTOR, .count = count };
}

static inline mach_port_t mig_port_of(const mach_msg_port_descriptor_t *d)
{
#ifdef MESHACH_KERNEL
	return (mach_port_t)(uintptr_t)d->kport;
#else
	return d->name;
#endif
}

static inline mach_port_t *mig_ports_of(const mach_msg_ool_ports_descriptor_t *d)
{
	return (mach_port_t *)(uintptr_t)d->kports;
}

#ifdef MESHACH_KERNEL
struct ipc_kmsg;
struct vm_map_copy;

/* Send what a kernel's stub has made; always takes kmsg. MACH_SEND_ALWAYS: past the queue limit, without waiting. */
mach_msg_return_t mig_kernel_send(struct ipc_kmsg *kmsg, mach_msg_option_t option, uint64_t deadline_ns);

static inline struct vm_map_copy *mig_memory_of(const mach_msg_ool_descriptor_t *d)
{
	return (struct vm_map_copy *)(uintptr_t)d->kcopy;
}

/* Release a right of a request that a kernel stub has translated and used (ipc). NULL and dead are fine. */
void mig_release_right(mach_port_t port, mach_msg_type_name_t disposition);
/* The same of a kalloc'ed array, which goes too. */
void mig_release_rights(mach_port_t *ports, mach_msg_type_number_t count, mach_msg_type_name_t disposition);
#else
/*
 * The callers' runtime (lib/mach/mig_user.c). msg has its remote port, id, size and bits; a routine's
 * reply comes into the same buffer of rcv_size bytes. timeout in milliseconds.
 */
kern_return_t mig_call(mach_msg_header_t *msg, mach_msg_size_t rcv_size, const struct mig_routine *routine,
		       mach_msg_option_t option, mach_msg_timeout_t timeout);
kern_return_t mig_send(mach_msg_header_t *msg, mach_msg_option_t option, mach_msg_timeout_t timeout);
/* A stub found a fault before sending: consume the message (M2), return error. */
kern_return_t mig_unsent(mach_msg_header_t *msg, kern_return_t error);
/*
 * The servers' (lib/mach/mig_server.c). TRUE: in was of the subsystem, and out is a reply or, with
 * msgh_remote_port null, none is to be sent; RetCode of a simple out tells the result (M3).
 */
boolean_t mig_dispatch(const struct mig_server *server, const void *ops, mach_msg_header_t *in, mach_msg_header_t *out);

/* The calling thread's reply port; mig_put_reply_port() does nothing. */
extern __thread mach_port_t mig_reply_port_; /* MACH_PORT_NULL: not yet made */
mach_port_t mig_get_reply_port(void);
void mig_dealloc_reply_port(mach_port_t port);
void mig_put_reply_port(mach_port_t port);
#endif
