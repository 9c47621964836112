/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_object.h - what ports and port sets have in common: a lock, references, and being alive.
 *
 * References: an object lives while references remain; being active is another matter: a dead port
 *   (io_active false) stays in memory as long as some space or message still names it.
 * Lock key: [I] immutable, [a] atomic, [o] the object's own lock.
 */
#pragma once

#include <kern/lock.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum ipc_object_kind { IOT_PORT = 1, IOT_PORT_SET = 2 };

struct ipc_object {
	struct spinlock io_lock;
	_Atomic uint32_t io_references; /* [a] */
	uint8_t io_kind;                /* [I] enum ipc_object_kind */
	_Atomic bool io_active;         /* [o] to write; a reader without the lock may learn of the death late */
};

static inline void io_reference(struct ipc_object *object)
{
	atomic_fetch_add_explicit(&object->io_references, 1, memory_order_relaxed);
}

/* Of an object without references, which is dead. */
void ipc_object_free(struct ipc_object *object);

/* Drop one reference; the last one frees the object, which is then dead and held by nobody. */
static inline void io_release(struct ipc_object *object)
{
	if (__builtin_expect(atomic_fetch_sub_explicit(&object->io_references, 1, memory_order_acq_rel) == 1, 0))
		ipc_object_free(object);
}
