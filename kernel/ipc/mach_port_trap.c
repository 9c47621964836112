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
