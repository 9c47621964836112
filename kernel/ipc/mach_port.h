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
#include <mach/boolean.h>
#include <mach/vm_types.h>
#include <mach_debug/ipc_info.h>

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
kern_return_t mach_port_assert_attributes(struct ipc_space *space, mach_port_name_t name,
					  mach_port_flavor_t flavor, const integer_t *info,
					  mach_msg_type_number_t count);
/* *trailer_size: bytes of room, then bytes written. */
kern_return_t mach_port_peek(struct ipc_space *space, mach_port_name_t name, mach_msg_trailer_type_t trailer_type,
			     mach_port_seqno_t *seqno, mach_msg_size_t *size, mach_msg_id_t *id,
			     char *trailer, mach_msg_type_number_t *trailer_size);
kern_return_t mach_port_allocate_qos(struct ipc_space *space, mach_port_right_t right, mach_port_qos_t *qos,
				     mach_port_name_t *name);
kern_return_t mach_port_allocate_full(struct ipc_space *space, mach_port_right_t right, mach_port_qos_t *qos,
				      mach_port_name_t *name);
kern_return_t mach_port_construct(struct ipc_space *space, const mach_port_options_t *options, uint64_t context,
				  mach_port_name_t *name);
kern_return_t mach_port_destruct(struct ipc_space *space, mach_port_name_t name, mach_port_delta_t srdelta,
				 uint64_t guard);
/* Guards. A violation raises EXC_GUARD in the calling thread (ipc_guard.h). */
kern_return_t mach_port_guard(struct ipc_space *space, mach_port_name_t name, uint64_t guard, boolean_t strict);
kern_return_t mach_port_guard_with_flags(struct ipc_space *space, mach_port_name_t name, uint64_t guard,
					 uint64_t flags);
kern_return_t mach_port_unguard(struct ipc_space *space, mach_port_name_t name, uint64_t guard);
kern_return_t mach_port_swap_guard(struct ipc_space *space, mach_port_name_t name, uint64_t from, uint64_t to);
/* Looking at a space. Ids of objects are no addresses. */
kern_return_t mach_port_space_info(struct ipc_space *space, ipc_info_space_t *info, struct vm_map_copy **table,
				   mach_msg_type_number_t *table_count, struct vm_map_copy **tree,
				   mach_msg_type_number_t *tree_count);
kern_return_t mach_port_space_basic_info(struct ipc_space *space, ipc_info_space_basic_t *info);
kern_return_t mach_port_dnrequest_info(struct ipc_space *space, mach_port_name_t name, unsigned *total,
				       unsigned *used);
kern_return_t mach_port_kobject(struct ipc_space *space, mach_port_name_t name, natural_t *type,
				mach_vm_address_t *address);
kern_return_t mach_port_kernel_object(struct ipc_space *space, mach_port_name_t name, unsigned *type,
				      vm_offset_t *address);
kern_return_t mach_port_kobject_description(struct ipc_space *space, mach_port_name_t name, natural_t *type,
					    mach_vm_address_t *address, kobject_description_t description);
kern_return_t task_set_port_space(struct ipc_space *space, int table_entries);

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
kern_return_t mach_port_construct_trap(mach_port_name_t target, uint64_t options, uint64_t context, uint64_t name);
kern_return_t mach_port_destruct_trap(mach_port_name_t target, mach_port_name_t name, mach_port_delta_t srdelta,
				      uint64_t guard);
kern_return_t mach_port_guard_trap(mach_port_name_t target, mach_port_name_t name, uint64_t guard, boolean_t strict);
kern_return_t mach_port_unguard_trap(mach_port_name_t target, mach_port_name_t name, uint64_t guard);
/* count: of elements, in and out. */
kern_return_t mach_port_get_attributes_trap(mach_port_name_t target, mach_port_name_t name,
					    mach_port_flavor_t flavor, uint64_t info, uint64_t count);
/* notify: the name of a receive right, of which a send-once right is made; *previous: the name of one. */
kern_return_t mach_port_request_notification_trap(mach_port_name_t target, mach_port_name_t name, mach_msg_id_t id,
						  mach_port_mscount_t sync, mach_port_name_t notify, uint64_t previous);
