/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mig_server.c - from a message to a server's function and back.
 *
 * Interface: mig_dispatch (mach/mig.h; M1, M3 there).
 */
#include <mach/mig.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void mig_overrun(const char *routine)
{
	fprintf(stderr, "mig: the server's %s wrote more than its room\n", routine);
	abort();
}

/* A request of a simpleroutine that carries a reply right nobody will use. */
static void drop_reply_right(mach_msg_header_t *in)
{
	mach_msg_header_t only = { .msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(in->msgh_bits), 0),
				   .msgh_size = sizeof(only),
				   .msgh_remote_port = in->msgh_remote_port };

	mach_msg_destroy(&only);
	in->msgh_remote_port = MACH_PORT_NULL;
}

MIG_HOT boolean_t mig_dispatch(const struct mig_server *server, const void *ops, mach_msg_header_t *in, mach_msg_header_t *out)
{
	const struct mig_routine *routine = mig_routine_of(server->subsystem, in->msgh_id);
	mig_reply_error_t *error = (mig_reply_error_t *)out;
	kern_return_t result;

	out->msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(in->msgh_bits), 0);
	out->msgh_size = sizeof(*error);
	out->msgh_remote_port = in->msgh_remote_port;
	out->msgh_local_port = MACH_PORT_NULL;
	out->msgh_voucher_port = MACH_PORT_NULL;
	out->msgh_id = in->msgh_id + 100;
	error->RetCode = MIG_BAD_ID;
	if (routine == NULL)
		return FALSE;
	result = MIG_BAD_ARGUMENTS;
	if (mig_check_reply_right(routine, MACH_MSGH_BITS_REMOTE(in->msgh_bits)))
		result = mig_is_plain(&routine->request, in, in->msgh_size)
				 ? KERN_SUCCESS : mig_check(&routine->request, in, in->msgh_size);
	if (result == KERN_SUCCESS)
		result = server->stubs[in->msgh_id - server->subsystem->base](ops, in->msgh_local_port,
									      in->msgh_remote_port, in, out);
	if (routine->flags & MIG_SIMPLE) {
		bool took_reply = (routine->flags & MIG_TAKES_REPLY) &&
				  (result == KERN_SUCCESS || result == MIG_NO_REPLY);

		if (!took_reply && in->msgh_remote_port != MACH_PORT_NULL)
			drop_reply_right(in);
		out->msgh_remote_port = MACH_PORT_NULL;
		if (result == MIG_NO_REPLY)
			result = KERN_SUCCESS;
	} else if (result == MIG_NO_REPLY) {
		out->msgh_remote_port = MACH_PORT_NULL;
		result = KERN_SUCCESS;
		error->RetCode = MIG_NO_REPLY;
		out->msgh_bits &= ~MACH_MSGH_BITS_COMPLEX;
		return TRUE;
	}
	if (result != KERN_SUCCESS || (routine->flags & MIG_SIMPLE)) {
		out->msgh_bits &= ~MACH_MSGH_BITS_COMPLEX;
		out->msgh_size = sizeof(*error);
		error->RetCode = result;
	} else if ((out->msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0) {
		error->RetCode = KERN_SUCCESS;
	}
	return TRUE;
}
