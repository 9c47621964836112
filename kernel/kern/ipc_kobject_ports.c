/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_kobject_ports.c - the functions of interface mach_port: those of ipc/mach_port.h. */
#include <ipc/mach_port.h>
#include <kern/ipc_kobject_calls.h>
#include <kernel/mach_port_server.h>

static kern_return_t set_attributes(struct ipc_space *space, mach_port_name_t name, mach_port_flavor_t flavor,
				    mach_port_info_t info, mach_msg_type_number_t count)
{
	return mach_port_set_attributes(space, name, flavor, info, count);
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
};
