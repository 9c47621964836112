/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_kobject_ports.c - the functions of interface mach_port: those of ipc/mach_port.h. */
#include <base/string.h>
#include <ipc/mach_port.h>
#include <kern/ipc_kobject_calls.h>
#include <kernel/mach_port_server.h>

static kern_return_t set_attributes(struct ipc_space *space, mach_port_name_t name, mach_port_flavor_t flavor,
				    mach_port_info_t info, mach_msg_type_number_t count)
{
	return mach_port_set_attributes(space, name, flavor, info, count);
}

static kern_return_t assert_attributes(struct ipc_space *space, mach_port_name_t name, mach_port_flavor_t flavor,
				       mach_port_info_t info, mach_msg_type_number_t count)
{
	return mach_port_assert_attributes(space, name, flavor, info, count);
}

/* proto is a right of the request's, and that is not consumed: it must be none. */
static kern_return_t allocate_full(struct ipc_space *space, mach_port_right_t right, mach_port_t proto, mach_port_qos_t *qos,
				   mach_port_name_t *name)
{
	return proto == IP_NULL ? mach_port_allocate_full(space, right, qos, name) : KERN_INVALID_VALUE;
}

static kern_return_t construct(struct ipc_space *space, mach_port_options_words_t words, uint64_t context,
			       mach_port_name_t *name)
{
	mach_port_options_t options;

	_Static_assert(sizeof(options) == sizeof(mach_port_options_words_t), "the words of a message");
	memcpy(&options, words, sizeof(options));
	return mach_port_construct(space, &options, context, name);
}

const struct mach_port_ops mach_port_calls = {
	.mach_port_names = mach_port_names,
	.mach_port_type = mach_port_type,
	.mach_port_rename = mach_port_rename,
	.mach_port_allocate_name = mach_port_allocate_name,
	.mach_port_allocate = mach_port_allocate,
	.mach_port_destroy = mach_port_destroy,
	.mach_port_deallocate = mach_port_deallocate,
	.mach_port_get_refs = mach_port_get_refs,
	.mach_port_mod_refs = mach_port_mod_refs,
	.mach_port_set_mscount = mach_port_set_mscount,
	.mach_port_get_set_status = mach_port_get_set_status,
	.mach_port_move_member = mach_port_move_member,
	.mach_port_request_notification = mach_port_request_notification,
	.mach_port_insert_right = mach_port_insert_right,
	.mach_port_extract_right = mach_port_extract_right,
	.mach_port_set_seqno = mach_port_set_seqno,
	.mach_port_get_attributes = mach_port_get_attributes,
	.mach_port_set_attributes = set_attributes,
	.mach_port_get_srights = mach_port_get_srights,
	.mach_port_get_context = mach_port_get_context,
	.mach_port_set_context = mach_port_set_context,
	.mach_port_insert_member = mach_port_insert_member,
	.mach_port_extract_member = mach_port_extract_member,
	.mach_port_peek = mach_port_peek,
	.mach_port_allocate_qos = mach_port_allocate_qos,
	.mach_port_allocate_full = allocate_full,
	.task_set_port_space = task_set_port_space,
	.mach_port_space_info = mach_port_space_info,
	.mach_port_dnrequest_info = mach_port_dnrequest_info,
	.mach_port_kernel_object = mach_port_kernel_object,
	.mach_port_kobject = mach_port_kobject,
	.mach_port_construct = construct,
	.mach_port_destruct = mach_port_destruct,
	.mach_port_guard = mach_port_guard,
	.mach_port_unguard = mach_port_unguard,
	.mach_port_space_basic_info = mach_port_space_basic_info,
	.mach_port_guard_with_flags = mach_port_guard_with_flags,
	.mach_port_swap_guard = mach_port_swap_guard,
	.mach_port_kobject_description = mach_port_kobject_description,
	.mach_port_assert_attributes = assert_attributes,
};
