/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_port.h - the calls on a task's port space (<mach/mach_port.h>, subsystem mach_port), and
 * the traps that are shortcuts of some of them for one's own task.
 *
 * Conditions, of all: nothing locked; space is referenced and may be dead (KERN_INVALID_TASK), NULL likewise.
 *   Arrays come back as copies in transit (struct vm_map_copy, NULL if empty) that the reply carries.
 */
#pragma once

#include <ipc/ipc_port.h>

struct ipc_space;
struct vm_map_copy;

kern_return_t mach_port_names(struct ipc_space *space, struct vm_map_copy **names,
			      mach_msg_type_number_t *names_count, struct vm_map_copy **types,
			      mach_msg_type_number_t *types_count);
kern_return_t mach_port_type(struct ipc_space *space, mach_port_name_t name, mach_port_type_t *type);
kern_return_t mach_port_rename(struct ipc_space *space, mach_port_name_t old_name,
			       mach_port_name_t new_name);
kern_return_t mach_port_allocate(struct ipc_space *space, mach_port_right_t right,
				 mach_port_name_t *name);
kern_return_t mach_port_allocate_name(struct ipc_space *space, mach_port_right_t right,
				      mach_port_name_t name);
kern_return_t mach_port_destroy(struct ipc_space *space, mach_port_name_t name);
kern_return_t mach_port_deallocate(struct ipc_space *space, mach_port_name_t name);
kern_return_t mach_port_get_refs(struct ipc_space *space, mach_port_name_t name,
				 mach_port_right_t right, mach_port_urefs_t *refs);
kern_return_t mach_port_mod_refs(struct ipc_space *space, mach_port_name_t name,
				 mach_port_right_t right, mach_port_delta_t delta);
kern_return_t mach_port_set_mscount(struct ipc_space *space, mach_port_name_t name,
				    mach_port_mscount_t mscount);
kern_return_t mach_port_set_seqno(struct ipc_space *space, mach_port_name_t name,
				  mach_port_seqno_t seqno);
kern_return_t mach_port_get_srights(struct ipc_space *space, mach_port_name_t name,
				    mach_port_rights_t *srights);
kern_return_t mach_port_get_context(struct ipc_space *space, mach_port_name_t name, uint64_t *context);
kern_return_t mach_port_set_context(struct ipc_space *space, mach_port_name_t name, uint64_t context);
kern_return_t mach_port_get_set_status(struct ipc_space *space, mach_port_name_t name,
				       struct vm_map_copy **members, mach_msg_type_number_t *count);
kern_return_t mach_port_move_member(struct ipc_space *space, mach_port_name_t member,
				    mach_port_name_t after);
kern_return_t mach_port_insert_member(struct ipc_space *space, mach_port_name_t name,
				      mach_port_name_t pset);
kern_return_t mach_port_extract_member(struct ipc_space *space, mach_port_name_t name,
				       mach_port_name_t pset);
/* Consumes notify (a send-once right) on success; *previous is a send-once right or IP_NULL. */
kern_return_t mach_port_request_notification(struct ipc_space *space, mach_port_name_t name,
					     mach_msg_id_t id, mach_port_mscount_t sync,
					     struct ipc_port *notify, struct ipc_port **previous);
/* Consumes poly (a right of kind poly_type, PORT_*) on success. */
kern_return_t mach_port_insert_right(struct ipc_space *space, mach_port_name_t name,
				     struct ipc_port *poly, mach_msg_type_name_t poly_type);
/* *poly_type: the kind of *poly, PORT_*. */
kern_return_t mach_port_extract_right(struct ipc_space *space, mach_port_name_t name,
				      mach_msg_type_name_t disposition, struct ipc_port **poly,
				      mach_msg_type_name_t *poly_type);
/* *count: elements that fit in, elements given out. KERN_FAILURE: too few. */
kern_return_t mach_port_get_attributes(struct ipc_space *space, mach_port_name_t name,
				       mach_port_flavor_t flavor, integer_t *info,
				       mach_msg_type_number_t *count);
kern_return_t mach_port_set_attributes(struct ipc_space *space, mach_port_name_t name,
				       mach_port_flavor_t flavor, const integer_t *info,
				       mach_msg_type_number_t count);

/*
 * Traps: target must name the calling task itself, else MACH_SEND_INVALID_DEST and the library sends the
 * message instead. Pointers are the user's; KERN_MEMORY_FAILURE, and then nothing is done or it is undone.
 */
kern_return_t mach_port_allocate_trap(mach_port_name_t target, mach_port_right_t right, uint64_t name);
kern_return_t mach_port_destroy_trap(mach_port_name_t target, mach_port_name_t name);
kern_return_t mach_port_deallocate_trap(mach_port_name_t target, mach_port_name_t name);
kern_return_t mach_port_mod_refs_trap(mach_port_name_t target, mach_port_name_t name,
				      mach_port_right_t right, mach_port_delta_t delta);
kern_return_t mach_port_move_member_trap(mach_port_name_t target, mach_port_name_t member,
					 mach_port_name_t after);
kern_return_t mach_port_insert_right_trap(mach_port_name_t target, mach_port_name_t name,
					  mach_port_name_t poly, mach_msg_type_name_t poly_type);
kern_return_t mach_port_insert_member_trap(mach_port_name_t target, mach_port_name_t name,
					   mach_port_name_t pset);
kern_return_t mach_port_extract_member_trap(mach_port_name_t target, mach_port_name_t name,
					    mach_port_name_t pset);
kern_return_t mach_port_type_trap(mach_port_name_t target, mach_port_name_t name, uint64_t type);
