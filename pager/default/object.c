/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object.c - see object.h: pages in and out.
 *
 * Out: the message's memory is kept until every page of it is on a store. Pages always go to fresh blocks, in runs as long as
 *   can be had, and the map names the new place at once; the old block is free from then on, unless a write to it is still under way. With no
 *   fresh block left a page goes over its old one. A run that fails is written page by page: a page whose write fails gets another block and the bad one is never
 *   used again; one that finds no block at all stays in memory and is tried again when blocks become free.
 * In: what is still on its way out is supplied from memory; the rest is read in runs of blocks that follow each other, page by page if that fails: only
 *   the page that cannot be read is an error. What was never stored is unavailable (zeros).
 * Invariants:
 *   O1 a page's newest bytes are in the newest write of its object that has the page, if any, else at its place.
 *   O2 a block is used from the moment it is chosen until it is neither a page's place nor the target of a write under way.
 */
#include "object.h"

#include <device/device_types.h>
#include <mach/memory_object_control.h>
#include <string.h>
#include <time.h>

#define BUCKETS 1024u
#define SUPPLY_TRIES 200u /* of 1 ms, when the kernel has no memory for a supply */

enum page_state { PAGE_WAITING, PAGE_GOING, PAGE_STORED, PAGE_STALE };

/* One message's worth of pages on their way out. */
struct write {
	struct write *next;              /* of its object, older */
	struct write *starved_next;      /* while on the list of those without room */
	struct object *object;
	uint64_t first;                  /* page */
	uint32_t pages, left;            /* left: neither stored nor stale, or under way */
	char *data;
	bool starved;                    /* it is on that list */
	uint8_t state[WRITE_PAGES];
	place_t place[WRITE_PAGES];      /* of those going or stored */
};

struct object *objects;
uint32_t object_count;
uint64_t object_kept_pages;

static struct object *buckets[BUCKETS];
static struct pool object_pool = POOL_INIT(struct object), writes = POOL_INIT(struct write);
static struct write *starved;
static uint64_t next_id = 1;

static void pause_a_moment(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* ---- objects ---- */

static struct object **bucket_of(mach_port_t port)
{
	return &buckets[(port >> 8 ^ port) % BUCKETS];
}

struct object *object_of(mach_port_t port)
{
	struct object *o = *bucket_of(port);

	while (o != NULL && o->port != port)
		o = o->hash_next;
	return o;
}

struct object *object_new(mach_port_t port, uint64_t bytes, bool external)
{
	struct object *o = pool_alloc(&object_pool), **bucket = bucket_of(port);

	if (o == NULL)
		return NULL;
	o->port = port;
	o->id = next_id++;
	o->pages = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
	o->external = external;
	o->hash_next = *bucket;
	*bucket = o;
	o->list_next = objects;
	o->list_link = &objects;
	if (objects != NULL)
		objects->list_link = &o->list_next;
	objects = o;
	object_count++;
	return o;
}

static void free_if_done(struct object *o)
{
	if (!o->ended || o->writes != NULL || o->reads != 0)
		return;
	*o->list_link = o->list_next;
	if (o->list_next != NULL)
		o->list_next->list_link = o->list_link;
	object_count--;
	pool_free(&object_pool, o);
}

/* ---- writes ---- */

/* The newest write that has this page, and its index there; NULL: none (O1). */
static struct write *write_of(const struct object *o, uint64_t page, uint32_t *index)
{
	for (struct write *w = o->writes; w != NULL; w = w->next)
		if (page >= w->first && page - w->first < w->pages && w->state[page - w->first] != PAGE_STALE) {
			*index = (uint32_t)(page - w->first);
			return w;
		}
	return NULL;
}

/* Is a write under way to this place of the object's? */
static bool target_of_write(const struct object *o, place_t place)
{
	for (const struct write *w = o->writes; w != NULL; w = w->next)
		for (uint32_t i = 0; i < w->pages; i++)
			if ((w->state[i] == PAGE_GOING || w->state[i] == PAGE_STALE) && w->place[i] == place)
				return true;
	return false;
}

/* The page's place is another now, or none: its old block is free unless a write is under way to it (O2). */
static void leave_place(struct object *o, place_t old)
{
	if (old == PLACE_NONE)
		return;
	o->stored--;
	if (!target_of_write(o, old))
		store_free(old);
}

static void write_finish(struct write *w)
{
	struct object *o = w->object;
	struct write **at = &o->writes;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)w->data, w->pages * PAGE_BYTES);
	pool_free(&writes, w);
}

/* Nothing of it is to be done any more? */
static bool write_done(const struct write *w)
{
	return w->left == 0 && !w->starved;
}

static void starve(struct write *w)
{
	if (w->starved)
		return;
	w->starved = true;
	w->starved_next = starved;
	starved = w;
}

static void write_go(struct write *w);

static void count_kept(void)
{
	object_kept_pages = 0;
	for (const struct write *w = starved; w != NULL; w = w->starved_next)
		for (uint32_t i = 0; i < w->pages; i++)
			object_kept_pages += w->state[i] == PAGE_WAITING;
}

/* A page of a write has been written, or not. */
static void page_written(struct write *w, uint32_t i, kern_return_t result)
{
	struct object *o = w->object;
	place_t place = w->place[i], old;

	if (w->state[i] == PAGE_STALE) {
		w->place[i] = PLACE_NONE;
		w->left--;
		if (result == D_IO_ERROR)
			store_mark_bad(place);
		if (page_map_get(o->id, w->first + i) != place && !target_of_write(o, place))
			store_free(place);
		return;
	}
	if (result == KERN_SUCCESS) {
		w->state[i] = PAGE_STORED;
		w->left--;
		return;
	}
	/* It is still here: it goes elsewhere. */
	w->state[i] = PAGE_WAITING;
	w->place[i] = PLACE_NONE;
	(void)page_map_set(o->id, w->first + i, PLACE_NONE, &old);
	if (result == D_IO_ERROR)
		store_mark_bad(place);
	leave_place(o, old); /* old is place, unless there is none */
}

static bool write_send(struct write *w, uint32_t i, uint32_t n);

/* A run failed: which of its pages? Those that are still wanted are sent again, each by itself. */
static void write_singly(struct write *w, uint32_t from, uint32_t pages)
{
	for (uint32_t i = from; i < from + pages; i++) {
		if (w->state[i] == PAGE_STALE)
			page_written(w, i, KERN_FAILURE);
		else if (!write_send(w, i, 1))
			page_written(w, i, D_NO_MEMORY);
	}
}

static void written(struct transfer *t, kern_return_t result, char *data)
{
	struct write *w = t->owner;
	struct object *o = w->object;
	uint32_t from = (uint32_t)(t->page - w->first);

	(void)data;
	if (result == D_IO_ERROR && t->pages != 1)
		write_singly(w, from, t->pages);
	else
		for (uint32_t i = from; i < from + t->pages; i++)
			page_written(w, i, result);
	transfer_release(t);
	if (result != KERN_SUCCESS) {
		capacity_changed();
		if (result != D_IO_ERROR && result != D_DEVICE_DOWN)
			pause_a_moment(); /* the kernel is short of memory */
		write_go(w);
	}
	if (write_done(w))
		write_finish(w);
	free_if_done(o);
	object_retry();
}

/* Send pages [i, i + n) of w, which have places that follow each other. */
static bool write_send(struct write *w, uint32_t i, uint32_t n)
{
	struct transfer *t = transfer_new();

	if (t == NULL)
		return false;
	*t = (struct transfer){ .write = true, .store = place_store(w->place[i]), .block = place_block(w->place[i]),
				.pages = n, .data = w->data + (uint64_t)i * PAGE_BYTES, .done = written, .owner = w,
				.object = w->object->id, .page = w->first + i };
	for (uint32_t k = i; k < i + n; k++)
		w->state[k] = PAGE_GOING;
	transfer_start(t);
	return true;
}

/* Give pages [i, i + n) the places from `place` on. Returns how many got theirs: all, or there is no memory for the map. */
static uint32_t write_place(struct write *w, uint32_t i, uint32_t n, place_t place)
{
	struct object *o = w->object;
	uint32_t placed = 0;
	place_t old;

	for (; placed < n && page_map_set(o->id, w->first + i + placed, place + placed, &old); placed++) {
		w->place[i + placed] = place + placed;
		o->stored++;
		leave_place(o, old);
	}
	for (uint32_t k = placed; k < n; k++)
		store_free(place + k);
	return placed;
}

/* Find blocks for what waits in w, and send it. */
static void write_go(struct write *w)
{
	struct object *o = w->object;
	uint32_t i = 0;

	if (o->ended)
		return;
	while (i < w->pages) {
		uint32_t n = 0, got;
		place_t place;

		if (w->state[i] != PAGE_WAITING) {
			i++;
			continue;
		}
		while (i + n < w->pages && n < TRANSFER_PAGES && w->state[i + n] == PAGE_WAITING)
			n++;
		got = store_alloc(n, &place);
		if (got == 0) {
			/* No room: over its old block, if that is not being written. */
			place = page_map_get(o->id, w->first + i);
			if (place == PLACE_NONE || target_of_write(o, place)) {
				starve(w);
				i++;
				continue;
			}
			w->place[i] = place;
			if (!write_send(w, i, 1))
				starve(w);
			i++;
			continue;
		}
		n = write_place(w, i, got, place);
		if (n != got || !write_send(w, i, n))
			starve(w);
		i += got;
	}
	count_kept();
}

/* The page's bytes in a write are of no use any more. */
static void make_stale(struct write *w, uint32_t i)
{
	if (w->state[i] != PAGE_GOING) {
		w->left -= w->state[i] == PAGE_WAITING;
		w->place[i] = PLACE_NONE;
	}
	w->state[i] = PAGE_STALE;
	if (write_done(w))
		write_finish(w);
}

void object_store(struct object *o, uint64_t offset, char *data, uint64_t bytes)
{
	while (bytes != 0) {
		uint32_t pages = (uint32_t)(bytes / PAGE_BYTES < WRITE_PAGES ? bytes / PAGE_BYTES : WRITE_PAGES);
		struct write *w;

		while ((w = pool_alloc(&writes)) == NULL)
			pause_a_moment(); /* these bytes are nowhere else */
		w->object = o;
		w->first = offset / PAGE_BYTES;
		w->pages = w->left = pages;
		w->data = data;
		for (uint32_t i = 0; i < pages; i++) {
			uint32_t older;
			struct write *before = write_of(o, w->first + i, &older);

			w->place[i] = PLACE_NONE;
			if (before != NULL)
				make_stale(before, older);
		}
		w->next = o->writes;
		o->writes = w;
		write_go(w);
		data += pages * PAGE_BYTES;
		offset += pages * PAGE_BYTES;
		bytes -= pages * PAGE_BYTES;
	}
}

void object_discard(struct object *o, uint64_t offset, uint64_t bytes)
{
	uint64_t page = offset / PAGE_BYTES, end = page + bytes / PAGE_BYTES;

	if (end > o->pages)
		end = o->pages;
	for (; page < end && (o->stored != 0 || o->writes != NULL); page++) {
		struct write *w;
		uint32_t i;
		place_t old;

		w = write_of(o, page, &i);
		if (w != NULL)
			make_stale(w, i);
		(void)page_map_set(o->id, page, PLACE_NONE, &old);
		leave_place(o, old);
	}
	object_retry();
}

void object_retry(void)
{
	struct write *list = starved, *next;

	starved = NULL;
	for (struct write *w = list; w != NULL; w = next) {
		struct object *o = w->object;

		next = w->starved_next;
		w->starved = false;
		write_go(w);
		if (write_done(w))
			write_finish(w);
		free_if_done(o);
	}
	count_kept();
}

void object_end(struct object *o)
{
	struct object **at = bucket_of(o->port);
	uint64_t cursor = 0;
	place_t place;

	while (*at != o)
		at = &(*at)->hash_next;
	*at = o->hash_next;
	o->ended = true;
	if (o->control != MACH_PORT_NULL)
		(void)mach_port_deallocate(mach_task_self(), o->control);
	(void)mach_port_mod_refs(mach_task_self(), o->port, MACH_PORT_RIGHT_RECEIVE, -1);
	o->port = o->control = MACH_PORT_NULL;
	for (struct write *w = o->writes, *next; w != NULL; w = next) {
		next = w->next;
		for (uint32_t i = 0; i < w->pages; i++) {
			if (w->state[i] == PAGE_WAITING)
				w->left--;
			if (w->state[i] != PAGE_GOING && w->state[i] != PAGE_STALE)
				w->place[i] = PLACE_NONE;
			w->state[i] = PAGE_STALE;
		}
	}
	while ((place = page_map_take(o->id, o->pages, &cursor)) != PLACE_NONE)
		leave_place(o, place);
	for (struct write *w = o->writes, *next; w != NULL; w = next) {
		next = w->next;
		if (write_done(w))
			write_finish(w);
	}
	free_if_done(o);
	object_retry();
}

/* ---- reads ---- */

/* What is not sent is a wait that ends at its time limit only: it is tried again, and again. */
static void say_error(struct object *o, uint64_t offset, uint32_t bytes, kern_return_t error)
{
	for (unsigned i = 0; i < SUPPLY_TRIES; i++) {
		if (memory_object_data_error(o->control, offset, bytes, error) != MACH_SEND_NO_BUFFER)
			return;
		pause_a_moment();
	}
}

static void say_unavailable(struct object *o, uint64_t offset, uint32_t bytes)
{
	for (unsigned i = 0; i < SUPPLY_TRIES; i++) {
		if (memory_object_data_unavailable(o->control, offset, bytes) != MACH_SEND_NO_BUFFER)
			return;
		pause_a_moment();
	}
}

/* The kernel may be short of memory for a moment. */
static void supply(struct object *o, uint64_t offset, char *data, uint32_t bytes, bool give)
{
	kern_return_t result = KERN_SUCCESS;

	for (unsigned i = 0; i < SUPPLY_TRIES; i++) {
		result = memory_object_data_supply(o->control, offset, (vm_offset_t)(uintptr_t)data, bytes, give, VM_PROT_NONE,
						   FALSE, MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE);
		if (result != MACH_SEND_NO_BUFFER)
			break;
		pause_a_moment();
	}
	if (result == KERN_SUCCESS)
		return;
	say_error(o, offset, bytes, KERN_RESOURCE_SHORTAGE);
	if (give)
		(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)data, bytes);
}

static void read_done(struct transfer *t, kern_return_t result, char *data)
{
	struct object *o = t->owner;
	uint64_t offset = t->page * PAGE_BYTES;
	uint32_t bytes = t->pages * PAGE_BYTES;

	transfer_release(t);
	o->reads--;
	if (o->ended) {
		if (data != NULL)
			(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)data, bytes);
		free_if_done(o);
	} else if (result == D_NO_MEMORY || result == MACH_SEND_NO_BUFFER) {
		pause_a_moment(); /* the kernel is short of memory */
		object_supply(o, offset, bytes);
	} else if (result != KERN_SUCCESS && bytes != PAGE_BYTES) {
		for (uint32_t at = 0; at < bytes; at += PAGE_BYTES)
			object_supply(o, offset + at, PAGE_BYTES);
	} else if (result != KERN_SUCCESS) {
		say_error(o, offset, bytes, KERN_MEMORY_ERROR);
	} else {
		supply(o, offset, data, bytes, true);
	}
}

/* Pages from `page` on, up to end, at places that follow each other. */
static uint32_t run_of(const struct object *o, uint64_t page, uint64_t end, place_t place)
{
	uint32_t n = 1, index;

	while (n < TRANSFER_PAGES && page + n < end && write_of(o, page + n, &index) == NULL &&
	       page_map_get(o->id, page + n) == place + n)
		n++;
	return n;
}

static uint32_t read_run(struct object *o, uint64_t page, uint64_t end, place_t place)
{
	struct transfer *t = transfer_new();
	uint32_t n = run_of(o, page, end, place);

	if (t == NULL) {
		say_error(o, page * PAGE_BYTES, n * PAGE_BYTES, KERN_RESOURCE_SHORTAGE);
		return n;
	}
	*t = (struct transfer){ .store = place_store(place), .block = place_block(place), .pages = n, .done = read_done,
				.owner = o, .object = o->id, .page = page };
	o->reads++;
	transfer_start(t);
	return n;
}

void object_supply(struct object *o, uint64_t offset, uint64_t bytes)
{
	uint64_t page = offset / PAGE_BYTES, end = page + bytes / PAGE_BYTES;

	while (page < end) {
		uint32_t index;
		struct write *w = write_of(o, page, &index);
		place_t place = page_map_get(o->id, page);

		if (w != NULL) {
			supply(o, page * PAGE_BYTES, w->data + (uint64_t)index * PAGE_BYTES, PAGE_BYTES, false);
			page++;
		} else if (place == PLACE_NONE) {
			say_unavailable(o, page * PAGE_BYTES, PAGE_BYTES);
			page++;
		} else {
			page += read_run(o, page, end, place);
		}
	}
}
