/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_tt.c - ports of tasks and threads. Interface: ipc_tt.h.
 *
 * Locking: task.ipc.lock guards the task's port fields, thread.lock the thread's; port locks come after.
 */
#include <base/string.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <ipc/ipc_tt.h>
#include <ipc/mach_port.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>
#include <kern/thread.h>
#include <vm/vm_map.h>

/* ---- life ---- */

static void inherit(struct ipc_task *itk, struct ipc_task *parent)
{
	spin_lock(&parent->lock);
	itk->host = ipc_port_copy_send(parent->host);
	itk->bootstrap = ipc_port_copy_send(parent->bootstrap);
	for (unsigned i = 0; i < EXC_TYPES_COUNT; i++) {
		itk->exc_actions[i] = parent->exc_actions[i];
		itk->exc_actions[i].port = ipc_port_copy_send(parent->exc_actions[i].port);
	}
	for (unsigned i = 0; i < TASK_PORT_REGISTER_MAX; i++)
		itk->registered[i] = ipc_port_copy_send(parent->registered[i]);
	spin_unlock(&parent->lock);
}

/* A reader takes the tokens again if they changed meanwhile. */
struct ipc_tokens ipc_task_tokens(const struct task *task)
{
	const struct ipc_task *itk = &task->ipc;
	struct ipc_tokens tokens;
	uint32_t version;

	do {
		version = atomic_load_explicit(&itk->tokens_version, memory_order_acquire);
		for (unsigned i = 0; i < sizeof tokens / sizeof(uint32_t); i++)
			((uint32_t *)&tokens)[i] = __atomic_load_n((const uint32_t *)&itk->tokens + i, __ATOMIC_RELAXED);
		atomic_thread_fence(memory_order_acquire);
	} while ((version & 1) != 0 ||
		 version != atomic_load_explicit(&itk->tokens_version, memory_order_relaxed));
	return tokens;
}

void ipc_task_set_tokens(struct task *task, const struct ipc_tokens *tokens)
{
	struct ipc_task *itk = &task->ipc;

	spin_lock(&itk->lock); /* interrupts are off: a reader does not spin for long */
	atomic_fetch_add(&itk->tokens_version, 1);
	for (unsigned i = 0; i < sizeof *tokens / sizeof(uint32_t); i++)
		__atomic_store_n((uint32_t *)&itk->tokens + i, ((const uint32_t *)tokens)[i], __ATOMIC_RELAXED);
	atomic_fetch_add_explicit(&itk->tokens_version, 1, memory_order_release);
	spin_unlock(&itk->lock);
}

/* A new task is its parent's in all but its number. */
static void inherit_tokens(struct task *task, struct task *parent)
{
	if (parent)
		task->ipc.tokens = ipc_task_tokens(parent);
	task->ipc.tokens.audit.val[5] = (uint32_t)task->id;
}

static bool init_kernel_port(struct ipc_port **self, struct ipc_port **sself)
{
	*self = ipc_port_alloc_special(ipc_space_kernel);
	*sself = *self ? ipc_port_make_send(*self) : IP_NULL;
	return *self != NULL;
}

kern_return_t ipc_task_init(struct task *task, struct task *parent)
{
	struct ipc_task *itk = &task->ipc;
	kern_return_t kr;

	memset(itk, 0, sizeof *itk);
	spin_init(&itk->lock, "task ipc");
	kr = ipc_space_create(task, &itk->space);
	if (kr != KERN_SUCCESS)
		return kr;
	if (!init_kernel_port(&itk->self, &itk->sself)) {
		ipc_space_release(itk->space);
		itk->space = NULL;
		return KERN_RESOURCE_SHORTAGE;
	}
	inherit_tokens(task, parent);
	if (parent)
		inherit(itk, &parent->ipc);
	else
		itk->host = ipc_port_make_send(ipc_host_port);
	return KERN_SUCCESS;
}

void ipc_task_init_kernel(struct task *task)
{
	if (ipc_task_init(task, NULL) != KERN_SUCCESS)
		panic("no memory for the kernel task's ports");
	ipc_task_enable(task);
}

/* The naked kernel port, borrowed; IP_NULL once terminated. */
static struct ipc_port *task_self_borrow(struct task *task)
{
	struct ipc_port *self;

	spin_lock(&task->ipc.lock);
	self = task->ipc.self;
	spin_unlock(&task->ipc.lock);
	return self;
}

void ipc_task_enable(struct task *task)
{
	ipc_kobject_set(task_self_borrow(task), task, IKOT_TASK);
}

void ipc_task_disable(struct task *task)
{
	struct ipc_port *self, *name;

	/* Referenced: the task may be finished meanwhile, and its port be freed. */
	spin_lock(&task->ipc.lock);
	self = task->ipc.self;
	name = task->ipc.name;
	if (self)
		ip_reference(self);
	if (name)
		ip_reference(name);
	spin_unlock(&task->ipc.lock);
	if (!self)
		return;
	ipc_kobject_set(self, NULL, IKOT_NONE);
	ip_release(self);
	if (!name)
		return;
	ipc_kobject_set(name, NULL, IKOT_NONE);
	ip_release(name);
}

void ipc_task_terminate(struct task *task)
{
	struct ipc_task *itk = &task->ipc, old;

	spin_lock(&itk->lock);
	old = *itk;
	itk->self = itk->sself = itk->host = itk->bootstrap = itk->name = IP_NULL;
	memset(itk->exc_actions, 0, sizeof itk->exc_actions);
	memset(itk->registered, 0, sizeof itk->registered);
	spin_unlock(&itk->lock);
	if (!old.self)
		return;
	ipc_space_destroy(old.space);
	ipc_port_release_send(old.sself);
	ipc_port_release_send(old.host);
	ipc_port_release_send(old.bootstrap);
	for (unsigned i = 0; i < EXC_TYPES_COUNT; i++)
		ipc_port_release_send(old.exc_actions[i].port);
	for (unsigned i = 0; i < TASK_PORT_REGISTER_MAX; i++)
		ipc_port_release_send(old.registered[i]);
	if (old.name)
		ipc_port_dealloc_special(old.name);
	ipc_port_dealloc_special(old.self);
	spin_lock(&itk->lock);
	itk->space = NULL;
	spin_unlock(&itk->lock);
	ipc_space_release(old.space);
}

kern_return_t ipc_thread_init(struct thread *thread)
{
	struct ipc_thread *ith = &thread->ipc;

	memset(ith, 0, sizeof *ith);
	list_init(&ith->deferred);
	return init_kernel_port(&ith->self, &ith->sself) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

static struct ipc_port *thread_self_borrow(struct thread *thread)
{
	struct ipc_port *self;

	spin_lock(&thread->lock);
	self = thread->ipc.self;
	spin_unlock(&thread->lock);
	return self;
}

void ipc_thread_enable(struct thread *thread)
{
	thread->ipc.space = thread->task->ipc.space;
	ipc_kobject_set(thread_self_borrow(thread), thread, IKOT_THREAD);
}

void ipc_thread_disable(struct thread *thread)
{
	struct ipc_port *self;

	/* Referenced: the thread, told to end, may end on its own CPU meanwhile, and its port be freed. */
	spin_lock(&thread->lock);
	self = thread->ipc.self;
	if (self)
		ip_reference(self);
	spin_unlock(&thread->lock);
	if (!self)
		return;
	ipc_kobject_set(self, NULL, IKOT_NONE);
	ip_release(self);
}

void ipc_thread_terminate(struct thread *thread)
{
	struct ipc_thread *ith = &thread->ipc;
	struct ipc_port *self, *sself;
	struct exception_action exceptions[EXC_TYPES_COUNT];

	spin_lock(&thread->lock);
	self = ith->self;
	sself = ith->sself;
	ith->self = ith->sself = IP_NULL;
	memcpy(exceptions, ith->exc_actions, sizeof exceptions);
	memset(ith->exc_actions, 0, sizeof ith->exc_actions);
	spin_unlock(&thread->lock);
	for (unsigned i = 0; i < EXC_TYPES_COUNT; i++)
		ipc_port_release_send(exceptions[i].port);
	ipc_port_release_send(sself);
	if (self)
		ipc_port_dealloc_special(self);
	if (ith->rpc_reply)
		ipc_port_dealloc_special(ith->rpc_reply);
	ith->rpc_reply = IP_NULL;
	if (ith->kmsg_cache)
		ipc_kmsg_free(ith->kmsg_cache);
	ith->kmsg_cache = NULL;
}

/* ---- ports to objects and back ---- */

struct task *convert_port_to_task(struct ipc_port *port)
{
	struct task *task = ipc_kobject_lock(port, IKOT_TASK);

	if (task) {
		task_reference(task);
		ip_unlock(port);
	}
	return task;
}

struct task *convert_port_to_task_name(struct ipc_port *port)
{
	struct task *task = ipc_kobject_lock(port, IKOT_TASK_NAME);

	if (!task)
		return convert_port_to_task(port);
	task_reference(task);
	ip_unlock(port);
	return task;
}

struct ipc_space *convert_port_to_space(struct ipc_port *port)
{
	struct task *task = ipc_kobject_lock(port, IKOT_TASK);
	struct ipc_space *space;

	if (!task)
		return NULL;
	/* The task is not disabled, so not terminated either: its space is there. */
	space = task->ipc.space;
	if (space != NULL) /* the kernel's own task has none */
		ipc_space_reference(space);
	ip_unlock(port);
	return space;
}

struct vm_map *convert_port_to_map(struct ipc_port *port)
{
	struct task *task = ipc_kobject_lock(port, IKOT_TASK);
	struct vm_map *map;

	if (!task)
		return NULL;
	map = task->map;
	if (map != NULL) /* the kernel's own task has none */
		vm_map_reference(map);
	ip_unlock(port);
	return map;
}

struct thread *convert_port_to_thread(struct ipc_port *port)
{
	struct thread *thread = ipc_kobject_lock(port, IKOT_THREAD);

	if (thread) {
		thread_reference(thread);
		ip_unlock(port);
	}
	return thread;
}

struct ipc_port *convert_task_to_port(struct task *task)
{
	struct ipc_port *port = IP_NULL;

	spin_lock(&task->ipc.lock);
	if (task->ipc.self)
		port = ipc_port_make_send(task->ipc.self);
	spin_unlock(&task->ipc.lock);
	task_deallocate(task);
	return port;
}

struct ipc_port *convert_thread_to_port(struct thread *thread)
{
	struct ipc_port *port = IP_NULL;

	spin_lock(&thread->lock);
	if (thread->ipc.self)
		port = ipc_port_make_send(thread->ipc.self);
	spin_unlock(&thread->lock);
	thread_deallocate(thread);
	return port;
}

/* A send right of the calling task, copied. */
static struct ipc_port *name_to_port(mach_port_name_t name)
{
	struct ipc_port *port = IP_NULL;

	if (!MACH_PORT_VALID(name) ||
	    ipc_object_copyin(current_task()->ipc.space, name, MACH_MSG_TYPE_COPY_SEND, &port) != KERN_SUCCESS)
		return IP_NULL;
	return port;
}

struct task *port_name_to_task(mach_port_name_t name)
{
	struct ipc_port *port = name_to_port(name);
	struct task *task = convert_port_to_task(port);

	ipc_port_release_send(port);
	return task;
}

struct thread *port_name_to_thread(mach_port_name_t name)
{
	struct ipc_port *port = name_to_port(name);
	struct thread *thread = convert_port_to_thread(port);

	ipc_port_release_send(port);
	return thread;
}

struct ipc_port *retrieve_task_self(struct task *task)
{
	struct ipc_port *port;

	spin_lock(&task->ipc.lock);
	port = ipc_port_copy_send(task->ipc.sself);
	spin_unlock(&task->ipc.lock);
	return port;
}

struct ipc_port *retrieve_thread_self(struct thread *thread)
{
	struct ipc_port *port;

	spin_lock(&thread->lock);
	port = ipc_port_copy_send(thread->ipc.sself);
	spin_unlock(&thread->lock);
	return port;
}

/* ---- special ports ---- */

/* A send right to the task's name port, which is made now if nobody asked before. */
static kern_return_t task_name_port(struct task *task, struct ipc_port **port)
{
	struct ipc_port *fresh = ipc_port_alloc_special(ipc_space_kernel);
	bool active;

	if (!fresh)
		return KERN_RESOURCE_SHORTAGE;
	ipc_kobject_set(fresh, task, IKOT_TASK_NAME);
	spin_lock(&task->lock); /* no task is disabled meanwhile */
	spin_lock(&task->ipc.lock);
	active = task->active && task->ipc.self;
	if (active && !task->ipc.name) {
		task->ipc.name = fresh;
		fresh = IP_NULL;
	}
	*port = active ? ipc_port_make_send(task->ipc.name) : IP_NULL;
	spin_unlock(&task->ipc.lock);
	spin_unlock(&task->lock);
	if (fresh)
		ipc_port_dealloc_special(fresh);
	return active ? KERN_SUCCESS : KERN_FAILURE;
}

void ipc_task_set_host(struct task *task, struct ipc_port *port)
{
	struct ipc_port *old;

	spin_lock(&task->ipc.lock);
	old = task->ipc.host;
	task->ipc.host = port;
	spin_unlock(&task->ipc.lock);
	ipc_port_release_send(old);
}

kern_return_t ipc_task_set_registered(struct task *task, struct ipc_port **ports)
{
	struct ipc_port *old[TASK_PORT_REGISTER_MAX];
	bool alive;

	spin_lock(&task->ipc.lock);
	alive = task->ipc.self != IP_NULL;
	for (unsigned i = 0; alive && i < TASK_PORT_REGISTER_MAX; i++) {
		old[i] = task->ipc.registered[i];
		task->ipc.registered[i] = ports[i];
	}
	spin_unlock(&task->ipc.lock);
	for (unsigned i = 0; alive && i < TASK_PORT_REGISTER_MAX; i++)
		ipc_port_release_send(old[i]);
	return alive ? KERN_SUCCESS : KERN_TERMINATED;
}

kern_return_t ipc_task_get_registered(struct task *task, struct ipc_port **ports)
{
	bool alive;

	spin_lock(&task->ipc.lock);
	alive = task->ipc.self != IP_NULL;
	for (unsigned i = 0; alive && i < TASK_PORT_REGISTER_MAX; i++)
		ports[i] = ipc_port_copy_send(task->ipc.registered[i]);
	spin_unlock(&task->ipc.lock);
	return alive ? KERN_SUCCESS : KERN_TERMINATED;
}

static struct ipc_port **task_special(struct task *task, int which)
{
	switch (which) {
	case TASK_KERNEL_PORT:
		return &task->ipc.sself;
	case TASK_HOST_PORT:
		return &task->ipc.host;
	case TASK_BOOTSTRAP_PORT:
		return &task->ipc.bootstrap;
	default:
		return NULL;
	}
}

kern_return_t ipc_task_get_special_port(struct task *task, int which, struct ipc_port **port)
{
	struct ipc_port **slot = task_special(task, which);
	kern_return_t kr = KERN_FAILURE;

	*port = IP_NULL;
	if (which == TASK_NAME_PORT)
		return task_name_port(task, port);
	if (!slot)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&task->ipc.lock);
	if (task->ipc.self) {
		*port = ipc_port_copy_send(*slot);
		kr = KERN_SUCCESS;
	}
	spin_unlock(&task->ipc.lock);
	return kr;
}

kern_return_t ipc_task_set_special_port(struct task *task, int which, struct ipc_port *port)
{
	struct ipc_port **slot = task_special(task, which), *old = IP_NULL;
	kern_return_t kr = KERN_FAILURE;

	if (!slot)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&task->ipc.lock);
	if (task->ipc.self) {
		old = *slot;
		*slot = port;
		kr = KERN_SUCCESS;
	}
	spin_unlock(&task->ipc.lock);
	ipc_port_release_send(old);
	return kr;
}

kern_return_t ipc_thread_get_special_port(struct thread *thread, int which, struct ipc_port **port)
{
	kern_return_t kr = KERN_FAILURE;

	*port = IP_NULL;
	if (which != THREAD_KERNEL_PORT)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&thread->lock);
	if (thread->ipc.self) {
		*port = ipc_port_copy_send(thread->ipc.sself);
		kr = KERN_SUCCESS;
	}
	spin_unlock(&thread->lock);
	return kr;
}

kern_return_t ipc_thread_set_special_port(struct thread *thread, int which, struct ipc_port *port)
{
	struct ipc_port *old = IP_NULL;
	kern_return_t kr = KERN_FAILURE;

	if (which != THREAD_KERNEL_PORT)
		return KERN_INVALID_ARGUMENT;
	spin_lock(&thread->lock);
	if (thread->ipc.self) {
		old = thread->ipc.sself;
		thread->ipc.sself = port;
		kr = KERN_SUCCESS;
	}
	spin_unlock(&thread->lock);
	ipc_port_release_send(old);
	return kr;
}

/* ---- traps ---- */

/* A name in the calling task for a send right, consumed; MACH_PORT_NULL if it has none or no room. */
static mach_port_name_t name_for_caller(struct ipc_port *right)
{
	mach_port_name_t name;

	if (!IP_VALID(right))
		return MACH_PORT_NULL;
	if (ipc_object_copyout(current_task()->ipc.space, right, MACH_MSG_TYPE_PORT_SEND, true, &name) ==
	    KERN_SUCCESS)
		return name;
	ipc_port_release_send(right);
	return MACH_PORT_NULL;
}

mach_port_name_t mach_reply_port(void)
{
	mach_port_name_t name;

	if (mach_port_allocate(current_task()->ipc.space, MACH_PORT_RIGHT_RECEIVE, &name) != KERN_SUCCESS)
		return MACH_PORT_NULL;
	return name;
}

mach_port_name_t mach_thread_self(void)
{
	return name_for_caller(retrieve_thread_self(current_thread()));
}

mach_port_name_t mach_task_self(void)
{
	return name_for_caller(retrieve_task_self(current_task()));
}

mach_port_name_t mach_host_self(void)
{
	struct task *task = current_task();
	struct ipc_port *port;

	spin_lock(&task->ipc.lock);
	port = ipc_port_copy_send(task->ipc.host);
	spin_unlock(&task->ipc.lock);
	return name_for_caller(port);
}
