/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exception_ask.c - ask those whom exception_port.c keeps; the messages are those of mach/exc.defs and mach/mach_exc.defs.
 *
 * Interface: exception_port_ask() of exception_port.h.
 * The thread waits for the answer as for any message, abortably: it can be terminated at once, and an abort makes it run the instruction
 * again. A handler's death answers like one that refuses. KERN_RESOURCE_SHORTAGE, for want of memory here or of the handler's, is asked again
 * for a second: a task that is told of a shortage must not end for want of the page that tells it.
 * References: OSF MK and XNU kernel interface, exception_raise(3).
 */
#include <ipc/ipc_port.h>
#include <ipc/ipc_tt.h>
#include <kern/exception_port.h>
#include <kern/kalloc.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kernel/exc.h>
#include <kernel/mach_exc.h>
#include <mach/thread_status.h>

/* For how long who has no memory for an exception is asked again: a second. Then the next level, or the end. */
#define SHORTAGE_TRIES 50
#define SHORTAGE_NS (20 * NSEC_PER_MSEC)

/* An exception of the calling thread, and room for its registers. */
struct question {
	exception_type_t type;
	int64_t codes[2];
	integer_t short_codes[2];
	natural_t old_state[THREAD_STATE_MAX], new_state[THREAD_STATE_MAX];
	mach_msg_type_number_t old_count, new_count;
	int flavor;
};

/* Ask with the thread's registers; the answer's become its own. */
static kern_return_t ask_with_state(const struct exception_action *a, struct question *q, mach_port_t thread, mach_port_t task)
{
	bool identity = (a->behavior & ~MACH_EXCEPTION_CODES) == EXCEPTION_STATE_IDENTITY;
	bool wide = (a->behavior & MACH_EXCEPTION_CODES) != 0;
	kern_return_t kr;

	if (identity && wide)
		kr = mach_exception_raise_state_identity(a->port, thread, task, q->type, q->codes, 2, &q->flavor, q->old_state,
							 q->old_count, q->new_state, &q->new_count, WAIT_FOREVER);
	else if (identity)
		kr = exception_raise_state_identity(a->port, thread, task, q->type, q->short_codes, 2, &q->flavor, q->old_state,
						    q->old_count, q->new_state, &q->new_count, WAIT_FOREVER);
	else if (wide)
		kr = mach_exception_raise_state(a->port, q->type, q->codes, 2, &q->flavor, q->old_state, q->old_count,
						q->new_state, &q->new_count, WAIT_FOREVER);
	else
		kr = exception_raise_state(a->port, q->type, q->short_codes, 2, &q->flavor, q->old_state, q->old_count,
					   q->new_state, &q->new_count, WAIT_FOREVER);
	if (kr == KERN_SUCCESS)
		kr = machine_thread_set_state(current_thread(), q->flavor, q->new_state, q->new_count);
	return kr;
}

/* Ask as action says, and drop its right. */
static kern_return_t ask(struct exception_action *a, struct question *q)
{
	struct thread *t = current_thread();
	mach_port_t thread = IP_NULL, task = IP_NULL;
	kern_return_t kr = KERN_FAILURE;

	if (!IP_VALID(a->port))
		return KERN_FAILURE;
	q->flavor = a->flavor;
	q->old_count = q->new_count = THREAD_STATE_MAX;
	if (exception_carries_state(a->behavior))
		kr = machine_thread_get_state(t, q->flavor, q->old_state, &q->old_count);
	else
		kr = KERN_SUCCESS;
	if (kr == KERN_SUCCESS && (a->behavior & ~MACH_EXCEPTION_CODES) != EXCEPTION_STATE) {
		thread_reference(t);
		task_reference(t->task);
		thread = convert_thread_to_port(t);
		task = convert_task_to_port(t->task);
	}
	if (kr != KERN_SUCCESS)
		;
	else if (exception_carries_state(a->behavior))
		kr = ask_with_state(a, q, thread, task);
	else if ((a->behavior & MACH_EXCEPTION_CODES) != 0)
		kr = mach_exception_raise(a->port, thread, task, q->type, q->codes, 2, WAIT_FOREVER);
	else
		kr = exception_raise(a->port, thread, task, q->type, q->short_codes, 2, WAIT_FOREVER);
	ipc_port_release_send(a->port);
	return kr;
}

static bool is_over(kern_return_t result)
{
	return result == KERN_SUCCESS || result == MACH_RCV_INTERRUPTED || result == MACH_SEND_INTERRUPTED;
}

/* No memory for the message, here or with the handler. */
static bool is_shortage(kern_return_t result)
{
	return result == KERN_RESOURCE_SHORTAGE || result == MACH_SEND_NO_BUFFER;
}

/* Room for a question; others may free memory meanwhile. NULL: there was none for long, or the wait was aborted. */
static struct question *question_alloc(bool *aborted)
{
	struct question *q = kalloc(sizeof(*q));

	*aborted = false;
	for (unsigned i = 0; q == NULL && i < SHORTAGE_TRIES && !*aborted; i++) {
		*aborted = !thread_sleep_abortable(SHORTAGE_NS);
		q = kalloc(sizeof(*q));
	}
	return q;
}

/* Ask whom owner has for q's kind, again while there is no memory for it. KERN_FAILURE: nobody. */
static kern_return_t ask_level(const struct exception_owner *owner, struct question *q)
{
	kern_return_t kr = KERN_FAILURE;

	for (unsigned i = 0; i < SHORTAGE_TRIES; i++) {
		struct exception_action action;

		spin_lock(owner->lock);
		action = owner->actions[q->type];
		action.port = ipc_port_copy_send(action.port);
		spin_unlock(owner->lock);
		if (!IP_VALID(action.port))
			return KERN_FAILURE;
		kr = ask(&action, q);
		if (!is_shortage(kr))
			return kr;
		if (!thread_sleep_abortable(SHORTAGE_NS))
			return MACH_SEND_INTERRUPTED;
	}
	return kr;
}

static bool has_port(const struct exception_owner *owner, exception_type_t type)
{
	bool has;

	spin_lock(owner->lock);
	has = IP_VALID(owner->actions[type].port);
	spin_unlock(owner->lock);
	return has;
}

bool exception_port_ask(exception_type_t type, int64_t code, int64_t subcode)
{
	struct thread *t = current_thread();
	struct exception_owner owners[] = { exception_owner_thread(t), exception_owner_task(t->task), exception_owner_host() };
	struct question *q = NULL;
	bool over = false, aborted;

	if (type <= 0 || type >= EXC_TYPES_COUNT)
		return false;
	for (unsigned i = 0; i < sizeof(owners) / sizeof(owners[0]) && !over; i++) {
		if (!has_port(&owners[i], type))
			continue;
		if (q == NULL && (q = question_alloc(&aborted)) == NULL)
			return aborted;
		q->type = type;
		q->codes[0] = code, q->codes[1] = subcode;
		q->short_codes[0] = (integer_t)code, q->short_codes[1] = (integer_t)subcode;
		over = is_over(ask_level(&owners[i], q));
	}
	if (q != NULL)
		kfree(q, sizeof(*q));
	return over;
}
