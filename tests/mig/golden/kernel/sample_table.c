/* Made by mig from sample.defs; do not edit. */
#include <mach/mig.h>
#include <stddef.h>

static const struct mig_variable sample_strings_request_variables[] = {
	{ MIG_STRING, 24, 1, 32 },
	{ MIG_FIXED_STRING, 28, 1, 16 },
};
static const struct mig_variable sample_strings_reply_variables[] = {
	{ MIG_STRING, 28, 1, 32 },
	{ MIG_FIXED_STRING, 32, 1, 16 },
};
static const struct mig_variable sample_arrays_request_variables[] = {
	{ MIG_ARRAY, 24, 4, 10 },
	{ MIG_ARRAY, 28, 1, 100 },
};
static const struct mig_variable sample_arrays_reply_variables[] = {
	{ MIG_ARRAY, 28, 4, 10 },
	{ MIG_ARRAY, 32, 1, 100 },
};
static const struct mig_descriptor sample_rights_request_descriptors[] = {
	{ MACH_MSG_PORT_DESCRIPTOR, 17, 0, 0, 0 },
	{ MACH_MSG_PORT_DESCRIPTOR, 17, 0, 0, 0 },
	{ MACH_MSG_PORT_DESCRIPTOR, 17, 0, 0, 0 },
	{ MACH_MSG_PORT_DESCRIPTOR, 18, 0, 0, 0 },
};
static const struct mig_descriptor sample_rights_reply_descriptors[] = {
	{ MACH_MSG_PORT_DESCRIPTOR, 17, 0, 0, 0 },
};
static const struct mig_descriptor sample_receive_request_descriptors[] = {
	{ MACH_MSG_PORT_DESCRIPTOR, 16, 0, 0, 0 },
	{ MACH_MSG_PORT_DESCRIPTOR, 0, 0, 0, 0 },
};
static const struct mig_descriptor sample_receive_reply_descriptors[] = {
	{ MACH_MSG_PORT_DESCRIPTOR, 0, 0, 0, 0 },
};
static const struct mig_descriptor sample_memory_request_descriptors[] = {
	{ MACH_MSG_OOL_DESCRIPTOR, 0, 0, 4, 0 },
	{ MACH_MSG_OOL_DESCRIPTOR, 0, 0, 1, 64 },
};
static const struct mig_descriptor sample_memory_reply_descriptors[] = {
	{ MACH_MSG_OOL_DESCRIPTOR, 0, 0, 4, 0 },
};
static const struct mig_descriptor sample_ports_request_descriptors[] = {
	{ MACH_MSG_OOL_PORTS_DESCRIPTOR, 17, 0, 0, 8 },
};
static const struct mig_descriptor sample_ports_reply_descriptors[] = {
	{ MACH_MSG_OOL_PORTS_DESCRIPTOR, 17, 0, 0, 8 },
};
static const struct mig_descriptor sample_note_request_descriptors[] = {
	{ MACH_MSG_PORT_DESCRIPTOR, 17, 0, 0, 0 },
};
static const struct mig_descriptor sample_typed_request_descriptors[] = {
	{ MACH_MSG_PORT_DESCRIPTOR, 17, 0, 0, 0 },
};
static const struct mig_variable sample_typed_request_variables[] = {
	{ MIG_ARRAY, 48, 4, 10 },
};
static const struct mig_variable sample_inout_request_variables[] = {
	{ MIG_STRING, 24, 1, 32 },
	{ MIG_ARRAY, 28, 4, 10 },
	{ MIG_ARRAY, 32, 1, 100 },
};
static const struct mig_variable sample_inout_reply_variables[] = {
	{ MIG_ARRAY, 28, 4, 10 },
	{ MIG_ARRAY, 32, 1, 100 },
};

static const struct mig_routine routines[14] = {
	[0] = { "sample_add", 0,
		{ 32, 32, 0, 0, NULL, NULL },
		{ 32, 32, 0, 0, NULL, NULL } },
	[1] = { "sample_mixed", 0,
		{ 64, 64, 0, 0, NULL, NULL },
		{ 56, 56, 0, 0, NULL, NULL } },
	[2] = { "sample_strings", 0,
		{ 48, 80, 0, 2, NULL, sample_strings_request_variables },
		{ 48, 80, 0, 2, NULL, sample_strings_reply_variables } },
	[3] = { "sample_arrays", 0,
		{ 48, 192, 0, 2, NULL, sample_arrays_request_variables },
		{ 48, 192, 0, 2, NULL, sample_arrays_reply_variables } },
	[5] = { "sample_rights", 0,
		{ 96, 96, 4, 0, sample_rights_request_descriptors, NULL },
		{ 48, 48, 1, 0, sample_rights_reply_descriptors, NULL } },
	[6] = { "sample_receive", 0,
		{ 64, 64, 2, 0, sample_receive_request_descriptors, NULL },
		{ 48, 48, 1, 0, sample_receive_reply_descriptors, NULL } },
	[7] = { "sample_memory", 0,
		{ 80, 80, 2, 0, sample_memory_request_descriptors, NULL },
		{ 56, 56, 1, 0, sample_memory_reply_descriptors, NULL } },
	[8] = { "sample_ports", 0,
		{ 48, 48, 1, 0, sample_ports_request_descriptors, NULL },
		{ 56, 56, 1, 0, sample_ports_reply_descriptors, NULL } },
	[9] = { "sample_note", MIG_SIMPLE,
		{ 56, 56, 1, 0, sample_note_request_descriptors, NULL },
		{ 0, 0, 0, 0, NULL, NULL } },
	[10] = { "sample_later", MIG_TAKES_REPLY | MIG_REPLY_ONCE,
		{ 28, 28, 0, 0, NULL, NULL },
		{ 32, 32, 0, 0, NULL, NULL } },
	[11] = { "sample_timed", 0,
		{ 24, 24, 0, 0, NULL, NULL },
		{ 32, 32, 0, 0, NULL, NULL } },
	[12] = { "sample_typed", MIG_SIMPLE,
		{ 56, 96, 1, 1, sample_typed_request_descriptors, sample_typed_request_variables },
		{ 0, 0, 0, 0, NULL, NULL } },
	[13] = { "sample_inout", 0,
		{ 40, 216, 0, 3, NULL, sample_inout_request_variables },
		{ 40, 184, 0, 2, NULL, sample_inout_reply_variables } },
};

const struct mig_subsystem sample_subsystem = {
	"sample", 90000, 14, 216, 192, routines
};
