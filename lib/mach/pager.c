/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pager.c - from the kernel's messages to a pager's functions and back.
 *
 * Interface: mach/pager.h.
 * An object serves one kernel at a time: the control port of the latest memory_object_init is the one that is answered; a request of an
 *   older one is answered at its own control port. The rights to control ports that each message brings are given back.
 * Invariants: G1 every data_request is answered for all of its range, whatever the function returns, unless it said PAGER_LATER.
 *   G2 an object lives until it was destroyed and no thread serves it: each that does holds a reference.
 *   G3 the answer to a data_request goes out with the next receive, in one trap, and takes the control right along with it.
 * Locking: objects of a pager are in a hash by port, under its lock, and so are their references and control ports; a
 *   function runs with nothing locked. Who uses a control port has a reference of its own on the right.
 */
#include <mach/memory_object_server.h>
#include <mach/pager.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 64u
#define INLINE_MAX (16u * 1024) /* so much the kernel copies at once; more is several messages */
#define MESSAGE_MAX 512
#define SUPPLY_TRIES 6u /* with pauses that double, 62 ms in all */

struct pager_object {
	struct pager_object *next;
	struct pager *pager;
	const struct pager_ops *ops;
	void *context;
	uint64_t size;
	struct pager_attributes attributes;
	mach_port_t port, control;
	unsigned references;
};

struct pager {
	pthread_mutex_t lock;
	mach_port_t set;
	struct pager_object *buckets[BUCKETS];
};

static _Thread_local struct pager *served; /* by this thread */

/* memory_object_data_supply as a message (G3). */
struct supply_message {
	mach_msg_header_t head;
	mach_msg_body_t body;
	mach_msg_ool_descriptor_t data;
	mach_msg_port_descriptor_t reply_to;
	memory_object_offset_t offset;
	vm_prot_t lock_value;
	boolean_t precious;
};
_Static_assert(sizeof(struct supply_message) == 88 && sizeof(struct supply_message) <= MESSAGE_MAX, "memory_object_control.defs");

/*
 * What the kernel must hear: an answer that is lost for want of memory is a wait that ends at its time limit only. Short of memory is what passes.
 */
#define TRIES 200u
#define AGAIN(call)                                                                                         \
	do {                                                                                                \
		for (unsigned tries_ = 0; tries_ < TRIES; tries_++) {                                       \
			kern_return_t again_ = (call);                                                      \
			if (again_ != MACH_SEND_NO_BUFFER && again_ != KERN_RESOURCE_SHORTAGE)              \
				break;                                                                      \
			if (tries_ > TRIES / 10)                                                            \
				(void)thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 1);                 \
		}                                                                                           \
	} while (0)

static _Thread_local struct supply_message later; /* the answer to what this thread serves; msgh_size 0: none */

static struct pager_object **bucket_of(struct pager *p, mach_port_t port)
{
	return &p->buckets[port >> 8 & (BUCKETS - 1)];
}

static void drop(mach_port_t right)
{
	if (right != MACH_PORT_NULL)
		(void)mach_port_deallocate(mach_task_self(), right);
}

/* The object of a port that this thread serves, referenced; NULL: it was destroyed. */
static struct pager_object *object_get(mach_port_t port)
{
	struct pager_object *o;

	pthread_mutex_lock(&served->lock);
	for (o = *bucket_of(served, port); o != NULL && o->port != port;)
		o = o->next;
	if (o != NULL)
		o->references++;
	pthread_mutex_unlock(&served->lock);
	return o;
}

static void object_put(struct pager_object *o)
{
	unsigned left;

	if (o == NULL)
		return;
	pthread_mutex_lock(&o->pager->lock);
	left = --o->references;
	pthread_mutex_unlock(&o->pager->lock);
	if (left != 0)
		return;
	drop(o->control);
	free(o);
}

/* The object's control port with a reference more; MACH_PORT_NULL: no kernel maps it. */
static mach_port_t control_of(struct pager_object *o)
{
	mach_port_t control;

	pthread_mutex_lock(&o->pager->lock);
	control = o->control;
	if (control != MACH_PORT_NULL && mach_port_mod_refs(mach_task_self(), control, MACH_PORT_RIGHT_SEND, 1) != KERN_SUCCESS)
		control = MACH_PORT_NULL; /* a dead name by now */
	pthread_mutex_unlock(&o->pager->lock);
	return control;
}

/* Replace the control port, if it is `old` (MACH_PORT_NULL: whatever it is); true if it was. */
static bool control_set(struct pager_object *o, mach_port_t old, mach_port_t control)
{
	mach_port_t was = MACH_PORT_NULL;
	bool set;

	pthread_mutex_lock(&o->pager->lock);
	set = old == MACH_PORT_NULL || o->control == old;
	if (set) {
		was = o->control;
		o->control = control;
	}
	pthread_mutex_unlock(&o->pager->lock);
	drop(was);
	return set;
}

/* ---- what a pager tells ---- */

/* MACH_SEND_NO_BUFFER: the kernel had no memory even now, and the bytes are still here. */
static kern_return_t supply(mach_port_t control, uint64_t offset, const void *bytes, uint32_t length, vm_prot_t lock,
			    boolean_t dealloc)
{
	kern_return_t kr = MACH_SEND_NO_BUFFER;

	for (unsigned i = 0; kr == MACH_SEND_NO_BUFFER && i < SUPPLY_TRIES; i++) {
		if (i != 0)
			usleep(1000 << i);
		kr = memory_object_data_supply(control, offset, (vm_offset_t)(uintptr_t)bytes, length, dealloc, lock, FALSE,
					       MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE);
	}
	return kr;
}

/* The same, with the next receive; the control right goes with it. */
static void supply_later(mach_port_t control, uint64_t offset, mach_vm_address_t bytes, uint32_t length, vm_prot_t lock,
			 bool dealloc)
{
	later = (struct supply_message){
		.head = { .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND, 0) | MACH_MSGH_BITS_COMPLEX,
			  .msgh_size = sizeof later,
			  .msgh_remote_port = control,
			  .msgh_id = MIG_ID_memory_object_data_supply },
		.body = { 2, 0 },
		.data = mig_memory_descriptor((const void *)(uintptr_t)bytes, length, dealloc),
		.reply_to = mig_port_descriptor(MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE),
		.offset = offset,
		.lock_value = lock,
	};
}

kern_return_t pager_supply(struct pager_object *o, uint64_t offset, const void *bytes, uint32_t length, vm_prot_t lock)
{
	mach_port_t control = control_of(o);
	kern_return_t kr;

	if (control == MACH_PORT_NULL)
		return KERN_INVALID_ARGUMENT;
	kr = supply(control, offset, bytes, length, lock, FALSE);
	drop(control);
	return kr;
}

kern_return_t pager_fail(struct pager_object *o, uint64_t offset, uint32_t length)
{
	mach_port_t control = control_of(o);
	kern_return_t kr;

	if (control == MACH_PORT_NULL)
		return KERN_INVALID_ARGUMENT;
	AGAIN(kr = memory_object_data_error(control, offset, length, KERN_FAILURE));
	drop(control);
	return kr;
}

static kern_return_t lock_request(mach_port_t control, uint64_t offset, uint64_t length, memory_object_return_t should_return,
				  boolean_t flush, vm_prot_t lock)
{
	if (control == MACH_PORT_NULL)
		return KERN_INVALID_ARGUMENT;
	return memory_object_lock_request(control, offset, length, should_return, flush, lock, MACH_PORT_NULL,
					  MACH_MSG_TYPE_MAKE_SEND_ONCE);
}

kern_return_t pager_unlock(struct pager_object *o, uint64_t offset, uint32_t length, vm_prot_t lock)
{
	mach_port_t control = control_of(o);
	kern_return_t kr = lock_request(control, offset, length, MEMORY_OBJECT_RETURN_NONE, FALSE, lock);

	drop(control);
	return kr;
}

kern_return_t pager_clean(struct pager_object *o, uint64_t offset, uint64_t length, boolean_t flush)
{
	mach_port_t control = control_of(o);
	kern_return_t kr = lock_request(control, offset, length, MEMORY_OBJECT_RETURN_DIRTY, flush, VM_PROT_NO_CHANGE);

	drop(control);
	return kr;
}

/* ---- what the kernel asks ---- */

static kern_return_t serve_init(memory_object_t port, mach_port_t control, mach_port_t name, memory_object_cluster_size_t page)
{
	struct pager_object *o = object_get(port);
	memory_object_timeout_info_data_t limit;
	memory_object_attr_info_data_t info;
	kern_return_t kr;

	drop(name);
	if (o == NULL)
		return KERN_INVALID_ARGUMENT;
	info = (memory_object_attr_info_data_t){ o->attributes.copy_strategy, o->attributes.cluster_size, o->attributes.may_cache,
						 FALSE };
	limit = (memory_object_timeout_info_data_t){ o->attributes.timeout_ms };
	/* Used once more below, when another message may have taken its place. */
	(void)mach_port_mod_refs(mach_task_self(), control, MACH_PORT_RIGHT_SEND, 1);
	(void)control_set(o, MACH_PORT_NULL, control);
	AGAIN(kr = memory_object_change_attributes(control, MEMORY_OBJECT_TIMEOUT_INFO, (memory_object_info_t)&limit,
						   MEMORY_OBJECT_TIMEOUT_INFO_COUNT, MACH_PORT_NULL, MACH_MSG_TYPE_MAKE_SEND_ONCE));
	if (kr == KERN_SUCCESS)
		AGAIN(kr = memory_object_change_attributes(control, MEMORY_OBJECT_ATTRIBUTE_INFO, (memory_object_info_t)&info,
							   MEMORY_OBJECT_ATTR_INFO_COUNT, MACH_PORT_NULL,
							   MACH_MSG_TYPE_MAKE_SEND_ONCE));
	drop(control);
	object_put(o);
	return KERN_SUCCESS; /* the rights are ours whatever the kernel said */
}

static void drop_receive(mach_port_t port)
{
	if (port != MACH_PORT_NULL)
		AGAIN(mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1));
}

static kern_return_t serve_terminate(memory_object_t port, mach_port_t control, mach_port_t name)
{
	struct pager_object *o = object_get(port);
	bool idle = o != NULL && control_set(o, control, MACH_PORT_NULL);

	drop_receive(control);
	drop_receive(name);
	if (idle && o->ops->idle != NULL)
		o->ops->idle(o);
	object_put(o);
	return KERN_SUCCESS;
}

static kern_return_t read_into(struct pager_object *o, uint64_t offset, uint32_t length, void *buffer, vm_prot_t *lock)
{
	*lock = VM_PROT_NONE;
	if (o == NULL || offset >= o->size || length > o->size - offset)
		return KERN_INVALID_ADDRESS;
	if (o->ops->write == NULL)
		*lock = VM_PROT_WRITE;
	return o->ops->read(o, offset, length, buffer, lock);
}

/*
 * Pages inside the object, INLINE_MAX at most: the kernel copies them from a buffer that is always there, so that bringing a page in never makes
 * new memory, which may be what there is none of. all: it is the whole answer, whose control right is given away too.
 */
static void answer(struct pager_object *o, mach_port_t control, uint64_t offset, uint32_t length, bool all)
{
	static _Thread_local char buffer[INLINE_MAX] __attribute__((aligned(4096)));
	vm_prot_t lock;
	kern_return_t kr;

	memset(buffer, 0, length);
	kr = read_into(o, offset, length, buffer, &lock);
	if (kr == KERN_SUCCESS && all) {
		supply_later(control, offset, (uintptr_t)buffer, length, lock, false);
		return;
	}
	if (kr == KERN_SUCCESS) {
		kr = supply(control, offset, buffer, length, lock, FALSE);
		if (kr != MACH_SEND_NO_BUFFER)
			return;
		kr = KERN_RESOURCE_SHORTAGE; /* who waits asks again */
	}
	if (kr == PAGER_ZERO)
		AGAIN(memory_object_data_unavailable(control, offset, length));
	else if (kr != PAGER_LATER)
		AGAIN(memory_object_data_error(control, offset, length, kr));
	if (all)
		drop(control);
}

static kern_return_t serve_request(memory_object_t port, mach_port_t control, memory_object_offset_t offset,
				   memory_object_cluster_size_t length, vm_prot_t access)
{
	struct pager_object *o = object_get(port);
	uint64_t inside = o != NULL && offset < o->size ? o->size - offset : 0;
	uint32_t whole = inside < length ? (uint32_t)inside : length;

	for (uint32_t at = 0; at < whole; at += INLINE_MAX)
		answer(o, control, offset + at, whole - at < INLINE_MAX ? whole - at : INLINE_MAX,
		       whole == length && length <= INLINE_MAX);
	if (whole < length)
		AGAIN(memory_object_data_error(control, offset + whole, length - whole, KERN_INVALID_ADDRESS));
	if (whole < length || length > INLINE_MAX)
		drop(control);
	object_put(o);
	return KERN_SUCCESS;
}

static kern_return_t serve_unlock(memory_object_t port, mach_port_t control, memory_object_offset_t offset,
				  memory_object_size_t length, vm_prot_t access)
{
	struct pager_object *o = object_get(port);
	kern_return_t kr = KERN_SUCCESS;

	if (o == NULL || ((access & VM_PROT_WRITE) && o->ops->write == NULL))
		kr = KERN_PROTECTION_FAILURE;
	else if (o->ops->unlock != NULL)
		kr = o->ops->unlock(o, offset, (uint32_t)length, access);
	if (kr == KERN_SUCCESS)
		(void)lock_request(control, offset, length, MEMORY_OBJECT_RETURN_NONE, FALSE, VM_PROT_NONE);
	else if (kr != PAGER_LATER)
		(void)memory_object_data_error(control, offset, length, kr);
	object_put(o);
	drop(control);
	return KERN_SUCCESS;
}

static kern_return_t serve_return(memory_object_t port, mach_port_t control, memory_object_offset_t offset, vm_offset_t data,
				  mach_msg_type_number_t size, boolean_t dirty, boolean_t kernel_copy)
{
	struct pager_object *o = object_get(port);

	if (o != NULL && o->ops->write != NULL && offset < o->size)
		(void)o->ops->write(o, offset, (uint32_t)(size < o->size - offset ? size : o->size - offset),
				    (const void *)(uintptr_t)data);
	(void)mach_vm_deallocate(mach_task_self(), data, size);
	object_put(o);
	drop(control);
	return KERN_SUCCESS;
}

static kern_return_t serve_synchronize(memory_object_t port, mach_port_t control, memory_object_offset_t offset,
				       memory_object_size_t length, vm_sync_t flags)
{
	struct pager_object *o = object_get(port);

	/* What could not be kept is not confirmed: who waits learns it by the time limit. */
	if (o != NULL && (o->ops->sync == NULL || o->ops->sync(o, offset, length) == KERN_SUCCESS))
		(void)memory_object_synchronize_completed(control, offset, length);
	object_put(o);
	drop(control);
	return KERN_SUCCESS;
}

static kern_return_t serve_copy(memory_object_t port, mach_port_t control, memory_object_offset_t offset,
				memory_object_size_t length, mach_port_t copy)
{
	drop_receive(copy); /* objects are not made with MEMORY_OBJECT_COPY_CALL */
	drop(control);
	return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	static const struct memory_object_ops ops = {
		.memory_object_init = serve_init,
		.memory_object_terminate = serve_terminate,
		.memory_object_copy = serve_copy,
		.memory_object_data_request = serve_request,
		.memory_object_data_unlock = serve_unlock,
		.memory_object_data_return = serve_return,
		.memory_object_synchronize = serve_synchronize,
	};

	boolean_t known;

	later.head.msgh_size = 0;
	known = memory_object_demux(&ops, in, out);
	if (later.head.msgh_size != 0)
		memcpy(out, &later, sizeof later);
	return known;
}

/* ---- pagers and objects ---- */

kern_return_t pager_create(struct pager **out)
{
	struct pager *p = calloc(1, sizeof(*p));
	kern_return_t kr = KERN_RESOURCE_SHORTAGE;

	if (p != NULL)
		kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &p->set);
	if (kr != KERN_SUCCESS) {
		free(p);
		return kr;
	}
	pthread_mutex_init(&p->lock, NULL);
	*out = p;
	return KERN_SUCCESS;
}

static kern_return_t make_port(struct pager_object *o)
{
	kern_return_t kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &o->port);

	if (kr != KERN_SUCCESS)
		return kr;
	kr = mach_port_insert_right(mach_task_self(), o->port, o->port, MACH_MSG_TYPE_MAKE_SEND);
	if (kr != KERN_SUCCESS)
		(void)mach_port_mod_refs(mach_task_self(), o->port, MACH_PORT_RIGHT_RECEIVE, -1);
	return kr;
}

kern_return_t pager_object_create(struct pager *p, const struct pager_ops *ops, uint64_t size, void *context,
				  const struct pager_attributes *attributes, struct pager_object **out)
{
	static const struct pager_attributes plain = { .copy_strategy = MEMORY_OBJECT_COPY_DELAY };
	struct pager_object *o = calloc(1, sizeof(*o)), **bucket;
	kern_return_t kr;

	if (o == NULL)
		return KERN_RESOURCE_SHORTAGE;
	o->pager = p;
	o->references = 1;
	o->ops = ops;
	o->context = context;
	o->size = (size + 4095) & ~4095ull;
	o->attributes = attributes == NULL ? plain : *attributes;
	if (o->attributes.cluster_size == 0)
		o->attributes.cluster_size = 4096;
	kr = make_port(o);
	if (kr != KERN_SUCCESS) {
		free(o);
		return kr;
	}
	pthread_mutex_lock(&p->lock);
	bucket = bucket_of(p, o->port);
	o->next = *bucket;
	*bucket = o;
	pthread_mutex_unlock(&p->lock);
	kr = mach_port_move_member(mach_task_self(), o->port, p->set);
	if (kr != KERN_SUCCESS)
		pager_object_destroy(o);
	else
		*out = o;
	return kr;
}

void pager_object_destroy(struct pager_object *o)
{
	struct pager_object **at;

	pthread_mutex_lock(&o->pager->lock);
	for (at = bucket_of(o->pager, o->port); *at != o;)
		at = &(*at)->next;
	*at = o->next;
	pthread_mutex_unlock(&o->pager->lock);
	drop_receive(o->port);
	drop(o->port);
	object_put(o);
}

mach_port_t pager_object_port(const struct pager_object *o)
{
	return o->port;
}

void *pager_object_context(const struct pager_object *o)
{
	return o->context;
}

uint64_t pager_object_size(const struct pager_object *o)
{
	return o->size;
}

mach_msg_return_t pager_serve(struct pager *p)
{
	served = p;
	return mach_msg_server(demux, MESSAGE_MAX, p->set, MACH_MSG_OPTION_NONE);
}

static void *serve_thread(void *pager)
{
	(void)pager_serve(pager);
	return NULL;
}

kern_return_t pager_start(struct pager *p)
{
	pthread_t t;

	if (pthread_create(&t, NULL, serve_thread, p) != 0)
		return KERN_RESOURCE_SHORTAGE;
	pthread_detach(t);
	return KERN_SUCCESS;
}
