/* SPDX-License-Identifier: BSD-2-Clause */
/* mach_port_trap.c - shortcuts for calls on one's own port space. Interface: mach_port.h. */
#include <ipc/ipc_right.h>
#include <ipc/ipc_space.h>
#include <ipc/ipc_tt.h>
#include <ipc/mach_port.h>
#include <kern/task.h>
#include <machine/copyio.h>

/* The caller's space if target names its own task; NULL: not this task, or a right that only looks so. */
static struct ipc_space *own_space(mach_port_name_t target)
{
	struct task *task = port_name_to_task(target);
	bool own = task == current_task();

	if (task)
		task_deallocate(task);
	return own ? current_task()->ipc.space : NULL;
}

kern_return_t mach_port_allocate_trap(mach_port_name_t target, mach_port_right_t right, uint64_t name)
{
	struct ipc_space *space = own_space(target);
	mach_port_name_t made;
	kern_return_t kr;

	if (!space)
		return MACH_SEND_INVALID_DEST;
	kr = mach_port_allocate(space, right, &made);
	if (kr != KERN_SUCCESS)
		return kr;
	if (copyout(&made, name, sizeof made) == KERN_SUCCESS)
		return KERN_SUCCESS;
	(void)mach_port_destroy(space, made);
	return KERN_MEMORY_FAILURE;
}

kern_return_t mach_port_destroy_trap(mach_port_name_t target, mach_port_name_t name)
{
	struct ipc_space *space = own_space(target);

	return space ? mach_port_destroy(space, name) : MACH_SEND_INVALID_DEST;
}

kern_return_t mach_port_deallocate_trap(mach_port_name_t target, mach_port_name_t name)
{
	struct ipc_space *space = own_space(target);

	return space ? mach_port_deallocate(space, name) : MACH_SEND_INVALID_DEST;
}

kern_return_t mach_port_mod_refs_trap(mach_port_name_t target, mach_port_name_t name,
				      mach_port_right_t right, mach_port_delta_t delta)
{
	struct ipc_space *space = own_space(target);

	return space ? mach_port_mod_refs(space, name, right, delta) : MACH_SEND_INVALID_DEST;
}

kern_return_t mach_port_move_member_trap(mach_port_name_t target, mach_port_name_t member,
					 mach_port_name_t after)
{
	struct ipc_space *space = own_space(target);

	return space ? mach_port_move_member(space, member, after) : MACH_SEND_INVALID_DEST;
}

kern_return_t mach_port_insert_right_trap(mach_port_name_t target, mach_port_name_t name,
					  mach_port_name_t poly, mach_msg_type_name_t poly_type)
{
	struct ipc_space *space = own_space(target);
	struct ipc_port *right;
	kern_return_t kr;

	if (!space)
		return MACH_SEND_INVALID_DEST;
	if (!MACH_MSG_TYPE_PORT_ANY(poly_type))
		return KERN_INVALID_VALUE;
	if (!MACH_PORT_VALID(poly))
		return KERN_INVALID_CAPABILITY;
	kr = ipc_object_copyin(space, poly, poly_type, &right);
	if (kr != KERN_SUCCESS)
		return kr;
	poly_type = ipc_right_type_taken(poly_type);
	kr = mach_port_insert_right(space, name, right, poly_type);
	if (kr != KERN_SUCCESS)
		ipc_port_release_right(right, poly_type);
	return kr;
}

kern_return_t mach_port_insert_member_trap(mach_port_name_t target, mach_port_name_t name,
					   mach_port_name_t pset)
{
	struct ipc_space *space = own_space(target);

	return space ? mach_port_insert_member(space, name, pset) : MACH_SEND_INVALID_DEST;
}

kern_return_t mach_port_extract_member_trap(mach_port_name_t target, mach_port_name_t name,
					    mach_port_name_t pset)
{
	struct ipc_space *space = own_space(target);

	return space ? mach_port_extract_member(space, name, pset) : MACH_SEND_INVALID_DEST;
}

kern_return_t mach_port_type_trap(mach_port_name_t target, mach_port_name_t name, uint64_t type)
{
	struct ipc_space *space = own_space(target);
	mach_port_type_t out;
	kern_return_t kr;

	if (!space)
		return MACH_SEND_INVALID_DEST;
	kr = mach_port_type(space, name, &out);
	if (kr == KERN_SUCCESS && copyout(&out, type, sizeof out) != KERN_SUCCESS)
		kr = KERN_MEMORY_FAILURE;
	return kr;
}

kern_return_t mach_port_construct_trap(mach_port_name_t target, uint64_t options, uint64_t context, uint64_t name)
{
	struct ipc_space *space = own_space(target);
	mach_port_options_t wanted;
	mach_port_name_t made;
	kern_return_t kr;

	if (!space)
		return MACH_SEND_INVALID_DEST;
	if (copyin(options, &wanted, sizeof wanted) != KERN_SUCCESS)
		return KERN_MEMORY_FAILURE;
	kr = mach_port_construct(space, &wanted, context, &made);
	if (kr != KERN_SUCCESS)
		return kr;
	if (copyout(&made, name, sizeof made) == KERN_SUCCESS)
		return KERN_SUCCESS;
	(void)mach_port_destruct(space, made, wanted.flags & MPO_INSERT_SEND_RIGHT ? -1 : 0, context);
	return KERN_MEMORY_FAILURE;
}

kern_return_t mach_port_destruct_trap(mach_port_name_t target, mach_port_name_t name, mach_port_delta_t srdelta,
				      uint64_t guard)
{
	struct ipc_space *space = own_space(target);

	return space ? mach_port_destruct(space, name, srdelta, guard) : MACH_SEND_INVALID_DEST;
}

kern_return_t mach_port_guard_trap(mach_port_name_t target, mach_port_name_t name, uint64_t guard, boolean_t strict)
{
	struct ipc_space *space = own_space(target);

	return space ? mach_port_guard(space, name, guard, strict) : MACH_SEND_INVALID_DEST;
}

kern_return_t mach_port_unguard_trap(mach_port_name_t target, mach_port_name_t name, uint64_t guard)
{
	struct ipc_space *space = own_space(target);

	return space ? mach_port_unguard(space, name, guard) : MACH_SEND_INVALID_DEST;
}

kern_return_t mach_port_get_attributes_trap(mach_port_name_t target, mach_port_name_t name,
					    mach_port_flavor_t flavor, uint64_t info, uint64_t count)
{
	struct ipc_space *space = own_space(target);
	integer_t out[MACH_PORT_INFO_EXT_COUNT];
	mach_msg_type_number_t n;
	kern_return_t kr;

	if (!space)
		return MACH_SEND_INVALID_DEST;
	if (copyin(count, &n, sizeof n) != KERN_SUCCESS)
		return KERN_MEMORY_FAILURE;
	kr = mach_port_get_attributes(space, name, flavor, out, &n);
	if (kr != KERN_SUCCESS)
		return kr;
	if (copyout(out, info, n * sizeof *out) != KERN_SUCCESS || copyout(&n, count, sizeof n) != KERN_SUCCESS)
		return KERN_MEMORY_FAILURE;
	return KERN_SUCCESS;
}

/* The right of an earlier request gets a name. On a failure it is as if the program had let it go. */
static kern_return_t give_previous(struct ipc_space *space, struct ipc_port *right, uint64_t previous)
{
	mach_port_name_t name = right == IP_DEAD ? MACH_PORT_DEAD : MACH_PORT_NULL;
	kern_return_t kr = KERN_SUCCESS;

	if (IP_VALID(right)) {
		kr = ipc_object_copyout(space, right, MACH_MSG_TYPE_PORT_SEND_ONCE, true, &name);
		if (kr != KERN_SUCCESS) {
			ipc_port_release_right(right, MACH_MSG_TYPE_PORT_SEND_ONCE);
			return kr;
		}
	}
	if (copyout(&name, previous, sizeof name) == KERN_SUCCESS)
		return KERN_SUCCESS;
	(void)mach_port_deallocate(space, name);
	return KERN_MEMORY_FAILURE;
}

kern_return_t mach_port_request_notification_trap(mach_port_name_t target, mach_port_name_t name, mach_msg_id_t id,
						  mach_port_mscount_t sync, mach_port_name_t notify, uint64_t previous)
{
	struct ipc_space *space = own_space(target);
	struct ipc_port *right = IP_NULL, *before;
	kern_return_t kr;

	if (!space)
		return MACH_SEND_INVALID_DEST;
	if (notify == MACH_PORT_DEAD)
		return KERN_INVALID_CAPABILITY;
	if (notify != MACH_PORT_NULL) {
		kr = ipc_object_copyin(space, notify, MACH_MSG_TYPE_MAKE_SEND_ONCE, &right);
		if (kr != KERN_SUCCESS)
			return kr;
	}
	kr = mach_port_request_notification(space, name, id, sync, right, &before);
	if (kr != KERN_SUCCESS) {
		ipc_port_release_sonce(right); /* never used: nobody is told */
		return kr;
	}
	return give_previous(space, before, previous);
}
