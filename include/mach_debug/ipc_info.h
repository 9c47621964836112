/* SPDX-License-Identifier: BSD-2-Clause */
/* mach_debug/ipc_info.h - what mach_port_space_info() and mach_port_space_basic_info() tell. Names: OSF Mach, XNU. */
#pragma once

#include <mach/port.h>

typedef struct ipc_info_space {
	natural_t iis_genno_mask; /* the bits of a name that are its generation */
	natural_t iis_table_size; /* entries there is memory for */
	natural_t iis_table_next; /* entries after it grows */
	natural_t iis_tree_size;  /* 0: all names are in the table */
	natural_t iis_tree_small; /* 0 */
	natural_t iis_tree_hash;  /* 0 */
} ipc_info_space_t;

typedef struct ipc_info_space_basic {
	natural_t iisb_genno_mask;
	natural_t iisb_table_size;
	natural_t iisb_table_next;
	natural_t iisb_table_inuse; /* names in use */
	natural_t iisb_reserved[2];
} ipc_info_space_basic_t;

typedef struct ipc_info_name {
	mach_port_name_t iin_name;
	integer_t iin_collision; /* 0 */
	mach_port_type_t iin_type; /* with the request bits */
	mach_port_urefs_t iin_urefs;
	natural_t iin_object; /* an id: the same for names of the same port or set, in every task of the node */
	natural_t iin_next;   /* index of the next entry in its list */
	natural_t iin_hash;   /* the bucket of the hash of send rights that it is in */
} ipc_info_name_t;

typedef struct ipc_info_tree_name {
	ipc_info_name_t iitn_name;
	mach_port_name_t iitn_lchild;
	mach_port_name_t iitn_rchild;
} ipc_info_tree_name_t;

typedef ipc_info_name_t *ipc_info_name_array_t;
typedef ipc_info_tree_name_t *ipc_info_tree_name_array_t;
