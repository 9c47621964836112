/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: exception ports: what get and swap tell, and that a call that fails has changed and kept nothing. */
#include "../ipc/fixture.h"

#include <kern/exception_port.h>
#include <kern/host.h>
#include <kern/kalloc.h>

struct host realhost; /* nobody asks it here */

bool machine_thread_state_settable(int flavor)
{
	return flavor == 7;
}

static struct exception_owner owner(void)
{
	return exception_owner_task(alice);
}

struct told {
	exception_mask_t masks[EXC_TYPES_COUNT];
	uint32_t counts[4];
	struct ipc_port **ports;
	exception_behavior_t behaviors[EXC_TYPES_COUNT];
	int flavors[EXC_TYPES_COUNT];
};

static struct exception_told into(struct told *t)
{
	memset(t, 0, sizeof(*t));
	return (struct exception_told){ t->masks, &t->counts[0], &t->ports, &t->counts[1], t->behaviors, &t->counts[2],
					t->flavors, &t->counts[3] };
}

/* As a call's reply does. */
static void drop_told(struct told *t)
{
	for (uint32_t i = 0; i < t->counts[1]; i++)
		ipc_port_release_send(t->ports[i]);
	if (t->counts[1] != 0)
		kfree(t->ports, t->counts[1] * sizeof(*t->ports));
}

/* A send right to a port of alice's. */
static struct ipc_port *right(mach_port_name_t *name)
{
	struct ipc_port *port;

	*name = new_port_with_send();
	assert_int_equal(ipc_object_copyin(here(), *name, COPY_SEND, &port), KERN_SUCCESS);
	return port;
}

static uint32_t rights_of(struct ipc_port *port)
{
	return port->ip_srights;
}

static void EXP0001_get_tells_kinds_that_go_the_same_way_as_one(void **state)
{
	mach_port_name_t names[2];
	struct ipc_port *a = right(&names[0]), *b = right(&names[1]);
	struct told told;

	assert_int_equal(exception_ports_set(owner(), EXC_MASK_BREAKPOINT | EXC_MASK_GUARD, a, EXCEPTION_DEFAULT, 0), KERN_SUCCESS);
	assert_int_equal(exception_ports_set(owner(), EXC_MASK_CRASH, b, EXCEPTION_STATE, 7), KERN_SUCCESS);
	assert_int_equal(exception_ports_get(owner(), EXC_MASK_BREAKPOINT | EXC_MASK_GUARD | EXC_MASK_CRASH | EXC_MASK_SOFTWARE,
					     into(&told)), KERN_SUCCESS);
	for (int i = 0; i < 4; i++)
		assert_int_equal(told.counts[i], 3);
	assert_int_equal(told.masks[0], EXC_MASK_SOFTWARE);
	assert_null(told.ports[0]);
	assert_int_equal(told.masks[1], EXC_MASK_BREAKPOINT | EXC_MASK_GUARD);
	assert_ptr_equal(told.ports[1], a);
	assert_int_equal(told.masks[2], EXC_MASK_CRASH);
	assert_ptr_equal(told.ports[2], b);
	assert_int_equal(told.behaviors[2], EXCEPTION_STATE);
	assert_int_equal(told.flavors[2], 7);
	drop_told(&told);
	assert_int_equal(exception_ports_get(owner(), 0, into(&told)), KERN_SUCCESS);
	assert_int_equal(told.counts[1], 0);
	assert_null(told.ports);
}

static void EXP0002_swap_tells_what_was_and_sets(void **state)
{
	mach_port_name_t names[2];
	struct ipc_port *a = right(&names[0]), *b = right(&names[1]);
	struct told told;

	assert_int_equal(exception_ports_set(owner(), EXC_MASK_ALL, a, EXCEPTION_DEFAULT, 0), KERN_SUCCESS);
	assert_int_equal(exception_ports_swap(owner(), EXC_MASK_SOFTWARE | EXC_MASK_GUARD, b, EXCEPTION_DEFAULT, 0, into(&told)),
			 KERN_SUCCESS);
	assert_int_equal(told.counts[1], 2);
	assert_int_equal(told.masks[0], EXC_MASK_SOFTWARE);
	assert_ptr_equal(told.ports[0], a);
	assert_int_equal(told.masks[1], EXC_MASK_GUARD);
	assert_null(told.ports[1]);
	drop_told(&told);
	assert_ptr_equal(alice->ipc.exc_actions[EXC_SOFTWARE].port, b);
	assert_ptr_equal(alice->ipc.exc_actions[EXC_GUARD].port, b);
	assert_ptr_equal(alice->ipc.exc_actions[EXC_BREAKPOINT].port, a);
}

static void EXP0003_a_call_without_memory_changes_nothing_and_keeps_no_right(void **state)
{
	mach_port_name_t names[2];
	struct ipc_port *a = right(&names[0]), *b = right(&names[1]);
	uint32_t a_rights, b_rights;
	struct told told;

	assert_int_equal(exception_ports_set(owner(), EXC_MASK_ALL, a, EXCEPTION_DEFAULT, 0), KERN_SUCCESS);
	a_rights = rights_of(a), b_rights = rights_of(b);
	host_alloc_fail_at(1, false);
	assert_int_equal(exception_ports_get(owner(), EXC_MASK_ALL, into(&told)), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(1, false);
	assert_int_equal(exception_ports_swap(owner(), EXC_MASK_ALL, b, EXCEPTION_DEFAULT, 0, into(&told)), KERN_RESOURCE_SHORTAGE);
	host_alloc_fail_at(0, false);
	assert_int_equal(told.counts[1], 0);
	assert_int_equal(rights_of(a), a_rights);
	assert_int_equal(rights_of(b), b_rights);
	assert_ptr_equal(alice->ipc.exc_actions[EXC_SOFTWARE].port, a);
	/* As the stub does with a request that was refused: the right is still the caller's. */
	ipc_port_release_send(b);
}

static void EXP0004_wrong_arguments_and_an_owner_that_ended_change_nothing(void **state)
{
	static const struct {
		exception_mask_t mask;
		exception_behavior_t behavior;
		int flavor;
	} wrong[] = {
		{ 1, EXCEPTION_DEFAULT, 0 },
		{ 1U << EXC_TYPES_COUNT, EXCEPTION_DEFAULT, 0 },
		{ EXC_MASK_ALL, 0, 0 },
		{ EXC_MASK_ALL, 4, 0 },
		{ EXC_MASK_ALL, EXCEPTION_STATE, 0 },
		{ EXC_MASK_ALL, EXCEPTION_STATE_IDENTITY | MACH_EXCEPTION_CODES, 0 },
		{ EXC_MASK_ALL, EXCEPTION_DEFAULT, 8 },
	};
	mach_port_name_t name;
	struct ipc_port *a = right(&name), *self = alice->ipc.self;
	uint32_t rights = rights_of(a);
	struct told told;

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(exception_ports_set(owner(), wrong[i].mask, a, wrong[i].behavior, wrong[i].flavor),
				 KERN_INVALID_ARGUMENT);
		assert_int_equal(exception_ports_swap(owner(), wrong[i].mask, a, wrong[i].behavior, wrong[i].flavor, into(&told)),
				 KERN_INVALID_ARGUMENT);
	}
	assert_int_equal(exception_ports_get(owner(), 1, into(&told)), KERN_INVALID_ARGUMENT);
	alice->ipc.self = IP_NULL;
	assert_int_equal(exception_ports_set(owner(), EXC_MASK_ALL, a, EXCEPTION_DEFAULT, 0), KERN_TERMINATED);
	assert_int_equal(exception_ports_get(owner(), EXC_MASK_ALL, into(&told)), KERN_TERMINATED);
	assert_int_equal(exception_ports_swap(owner(), EXC_MASK_ALL, a, EXCEPTION_DEFAULT, 0, into(&told)), KERN_TERMINATED);
	alice->ipc.self = self;
	assert_int_equal(rights_of(a), rights);
	ipc_port_release_send(a);
}

static void set_all(void *arg)
{
	struct ipc_port *ports[] = { ((struct ipc_port **)arg)[0], ((struct ipc_port **)arg)[1] };

	for (unsigned i = 0; i < 2000; i++) {
		exception_mask_t mask = 1U << (1 + i % (EXC_TYPES_COUNT - 1));

		assert_int_equal(exception_ports_set(owner(), mask, ipc_port_copy_send(ports[i & 1]), EXCEPTION_DEFAULT, 0),
				 KERN_SUCCESS);
	}
}

static void EXP0005_swaps_and_sets_at_once_lose_no_right(void **state)
{
	mach_port_name_t names[2];
	struct ipc_port *ports[2] = { right(&names[0]), right(&names[1]) };
	struct thread *other = ipc_thread(alice, set_all, ports);
	struct told told;

	for (unsigned i = 0; i < 2000; i++) {
		assert_int_equal(exception_ports_swap(owner(), EXC_MASK_VALID, ipc_port_copy_send(ports[i & 1]), EXCEPTION_DEFAULT,
						      0, into(&told)), KERN_SUCCESS);
		drop_told(&told);
	}
	host_thread_join(other);
	ipc_port_release_send(ports[0]);
	ipc_port_release_send(ports[1]);
	assert_int_equal(exception_ports_set(owner(), EXC_MASK_VALID, IP_NULL, EXCEPTION_DEFAULT, 0), KERN_SUCCESS);
	assert_int_equal(rights_of(ports[0]), 1); /* alice's name */
	assert_int_equal(rights_of(ports[1]), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ipc_test(EXP0001_get_tells_kinds_that_go_the_same_way_as_one),
		ipc_test(EXP0002_swap_tells_what_was_and_sets),
		ipc_test(EXP0003_a_call_without_memory_changes_nothing_and_keeps_no_right),
		ipc_test(EXP0004_wrong_arguments_and_an_owner_that_ended_change_nothing),
		ipc_test(EXP0005_swaps_and_sets_at_once_lose_no_right),
	};

	return ipc_run(tests, sizeof tests / sizeof tests[0], "exception_port");
}
