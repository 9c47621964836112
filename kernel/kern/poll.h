/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poll.h - who is told that an object may have become ready: for waits on many objects at once.
 *
 * A source lies inside some object and is guarded by that object's spin lock, as a wait queue is. A hook stands for one
 * waiter's interest in it. A source fires when the object may be ready; the waiter then looks, so that a hook may fire for
 * nothing, never too late.
 * Locking: the object's lock -> the locks that fire() takes.
 */
#pragma once

#include <base/list.h>

struct poll_source {
	struct list hooks;
};

struct poll_hook {
	struct list link;
	void (*fire)(struct poll_hook *); /* any context, the object locked: takes leaf locks only */
};

static inline void poll_source_init(struct poll_source *s)
{
	list_init(&s->hooks);
}

/* The object is locked in all of these. */
static inline void poll_source_attach(struct poll_source *s, struct poll_hook *hook)
{
	list_add_tail(&s->hooks, &hook->link);
}

static inline void poll_source_detach(struct poll_hook *hook)
{
	list_remove(&hook->link);
}

static inline void poll_source_fire(struct poll_source *s)
{
	LIST_FOR_EACH_SAFE(l, next, &s->hooks)
		container_of(l, struct poll_hook, link)->fire(container_of(l, struct poll_hook, link));
}
