/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_object_collapse.c - keeping chains of shadows short.
 *
 * Interface: vm_object_internal.h vm_object_collapse_locked, vm_object_collapse_chain_locked.
 * Between an object o and its shadow s, in this order:
 *   bypass   o has every page itself, resident or stored (`own`): nothing is seen of s, o goes on with what is behind it;
 *   absorb   s is o's alone, and its pager has nothing of it: its pages become o's;
 *   take     s is o's alone, and o has no pager: s's pager becomes o's, with what it has; then absorb;
 *   pull     both have pagers, and the chain is longer than CHAIN_MAX: the access first pages in what s's pager has and o has not,
 *            a cluster at a time; what is resident moves to o. When s's pager has nothing more that is seen, absorb.
 * So a chain is at most CHAIN_MAX long where each object has one above it, whatever was paged out. What is above or below a shared object (two
 *   children of one parent) is a chain of its own: it gets shorter when one of them goes.
 * Of a shadow with many pages each call takes over some: at any time what is seen through o is the same.
 * A pull is for the level with the fewest stored pages, and at most PULLS_MAX for one access: where memory is so short that what is
 *   pulled is paged out again, or the pager cannot give it, the access goes on with a longer chain: it is not its page that is lost.
 * Locking: down the chain, hand over hand; the control port of a pager that moves only by trying.
 * References: Mach's collapse and bypass: Rashid et al. (ASPLOS 1987), and OSF Mach's existence map. Pulling is ours.
 */
#include "vm_object_internal.h"

#define CHAIN_MAX 8U
#define ABSORB_MAX 256U /* pages under one hold of the locks */

/*
 * Take over the pages of shadow s that are seen through o, up to so many. taken: what o has stored was s's before, and is older than what s
 * has resident. Both locked; s is o's alone.
 */
static void absorb_pages(struct vm_object *o, struct vm_object *s, bool taken, uint64_t max)
{
	LIST_FOR_EACH_SAFE(l, next, &s->pages) {
		struct vm_page *p = container_of(l, struct vm_page, object_link);
		uint64_t at = p->offset - o->shadow_offset;

		if (p->offset < o->shadow_offset || at >= o->size ||
		    (taken ? vm_object_page_lookup_locked(o, at) != NULL : vm_object_has_own(o, at))) {
			vm_object_page_free_locked(s, p);
		} else {
			p->dirty |= s->pager != NULL; /* o's pager, if it has one, has not got it */
			vm_object_page_move_locked(o, p, at);
		}
		if (--max == 0)
			return;
	}
}

/* Is s o's alone, and in no pager's hands? Both locked. */
static bool may_end(const struct vm_object *o, const struct vm_object *s)
{
	return s->references == 1 && s->internal && o->internal && !s->device && !s->is_copy && !s->purgable && !o->purgable &&
	       s->placeholders == 0 && o->placeholders == 0 && !s->sending && !s->terminating && s->pinned == o->pinned;
}

/* o has every page itself, so its shadow cannot be seen through it. */
static bool hides_shadow(const struct vm_object *o)
{
	return o->own << PAGE_SHIFT >= o->size && o->placeholders == 0;
}

/* o, a copy of its shadow s or not, goes on behind s. Both locked. */
static void leave_shadow(struct vm_object *o, struct vm_object *s)
{
	if (s->copy == o)
		s->copy = NULL;
	o->is_copy = false;
	o->shadow = s->shadow;
	o->shadow_offset += s->shadow_offset;
}

/* Nothing of s is seen any more, and it was o's alone; s is locked, and gone on return. */
static void end_shadow_locked(struct vm_object *o, struct vm_object *s)
{
	leave_shadow(o, s);
	s->shadow = NULL; /* with the reference, o's now */
	if (s->pager == NULL)
		vm_object_free_emptied(s);
	else
		vm_object_end_later_locked(s); /* its pager is told by a worker */
}

void vm_object_collapse_locked(struct vm_object *o)
{
	struct vm_object *s;

	while ((s = o->shadow) != NULL) {
		bool taken = false;

		spin_lock(&s->lock);
		if (may_end(o, s) && s->resident > ABSORB_MAX) {
			absorb_pages(o, s, false, ABSORB_MAX); /* what moved is seen as before; another fault goes on */
			spin_unlock(&s->lock);
			return;
		}
		if (may_end(o, s) && (s->stored == 0 || hides_shadow(o) || (taken = vm_object_take_pager_locked(o, s)))) {
			absorb_pages(o, s, taken, UINT64_MAX);
			end_shadow_locked(o, s);
		} else if (s->references > 1 + (uint32_t)s->tabled && hides_shadow(o)) {
			if (s->shadow != NULL)
				vm_object_reference(s->shadow);
			leave_shadow(o, s);
			s->references--;
			spin_unlock(&s->lock);
		} else {
			spin_unlock(&s->lock);
			return;
		}
	}
}

/* ---- a whole chain ---- */

/* A level whose shadow may be pulled up. */
struct level {
	unsigned depth;  /* of the object above */
	uint64_t stored; /* of the shadow */
};

static bool may_pull(const struct vm_object *o, const struct vm_object *s)
{
	return may_end(o, s) && s->alive && s->stored != 0 && s->lost == 0;
}

/*
 * Collapse at every level below top, which is locked and stays so. Returns how long the chain is then; *best: the level with the least to
 * be pulled.
 */
static unsigned collapse_all_locked(struct vm_object *top, struct level *best)
{
	struct vm_object *o = top, *next;
	unsigned depth = 0;

	vm_object_collapse_locked(o);
	while ((next = o->shadow) != NULL) {
		spin_lock(&next->lock);
		if (may_pull(o, next) && next->stored < best->stored)
			*best = (struct level){ depth, next->stored };
		if (o != top)
			spin_unlock(&o->lock);
		o = next;
		depth++;
		vm_object_collapse_locked(o);
	}
	if (o != top)
		spin_unlock(&o->lock);
	return depth;
}

/* Pull at this level: true if a page must be waited for, as r says; r->object is referenced. top is locked and stays so. */
static bool pull_locked(struct vm_object *top, unsigned depth, struct vm_resolved *r)
{
	struct vm_object *o = top, *s;
	bool wait = false;
	uint64_t at;

	for (; depth != 0 && o->shadow != NULL; depth--) {
		s = o->shadow;
		spin_lock(&s->lock);
		if (o != top)
			spin_unlock(&o->lock);
		o = s;
	}
	s = o->shadow;
	if (s != NULL) {
		spin_lock(&s->lock);
		at = may_pull(o, s) ? vm_object_drain_locked(o, s) : s->size;
		if (at < s->size) {
			s->references++;
			r->object = s;
			r->offset = at;
			r->access = VM_ACCESS_READ;
			r->page = NULL;
			r->pulling = true;
			wait = true;
		}
		spin_unlock(&s->lock);
		vm_object_collapse_locked(o);
	}
	if (o != top)
		spin_unlock(&o->lock);
	return wait;
}

bool vm_object_collapse_chain_locked(struct vm_object *top, struct vm_resolved *r)
{
	for (;;) {
		struct level best = { .stored = UINT64_MAX };

		if (collapse_all_locked(top, &best) <= CHAIN_MAX || best.stored == UINT64_MAX || r->pulls >= PULLS_MAX)
			return false;
		r->pulls++;
		if (pull_locked(top, best.depth, r))
			return true;
	}
}
