/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mig_check.c - the one checker of messages against their declared form; in programs and in the kernel.
 *
 * Interface: mig_check, mig_check_reply, mig_check_reply_id, mig_routine_of (mach/mig.h).
 * Invariant: reads only bytes [0, size) of the message, whatever they hold.
 */
#include <mach/mig.h>
#include <mach/notify.h>

static uint32_t descriptor_bytes(uint8_t type)
{
	return type == MACH_MSG_OOL_DESCRIPTOR ? sizeof(mach_msg_ool_descriptor_t)
					       : sizeof(mach_msg_port_descriptor_t);
}

static bool count_fits(const struct mig_descriptor *want, uint64_t count)
{
	return want->exact ? count == want->max : want->max == 0 || count <= want->max;
}

static bool disposition_fits(const struct mig_descriptor *want, uint8_t disposition)
{
	return want->disposition == 0 ? MACH_MSG_TYPE_PORT_ANY_RIGHT(disposition)
				      : disposition == want->disposition;
}

/* One descriptor at p, which lies within the message. */
static bool descriptor_fits(const struct mig_descriptor *want, const char *p)
{
	const mach_msg_type_descriptor_t *any = (const void *)p;

	if (any->type != want->type)
		return false;
	if (want->type == MACH_MSG_PORT_DESCRIPTOR) {
		const mach_msg_port_descriptor_t *port = (const void *)p;

		return disposition_fits(want, port->disposition);
	}
	if (want->type == MACH_MSG_OOL_DESCRIPTOR) {
		const mach_msg_ool_descriptor_t *memory = (const void *)p;

		return memory->size % want->element == 0 && memory->size / want->element <= UINT32_MAX &&
		       count_fits(want, memory->size / want->element);
	}
	const mach_msg_ool_ports_descriptor_t *ports = (const void *)p;

	return disposition_fits(want, ports->disposition) && count_fits(want, ports->count);
}

/* Every descriptor in turn; the message is at least fixed_size long, so that all lie within it. */
static bool descriptors_fit(const struct mig_layout *l, const mach_msg_header_t *msg)
{
	bool complex = (msg->msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0;
	const mach_msg_base_t *base = (const void *)msg;
	const char *p = (const char *)(base + 1);

	if (l->descriptor_count == 0)
		return !complex;
	if (!complex || base->body.msgh_descriptor_count != l->descriptor_count)
		return false;
	for (uint32_t i = 0; i < l->descriptor_count; i++) {
		if (!descriptor_fits(&l->descriptors[i], p))
			return false;
		p += descriptor_bytes(l->descriptors[i].type);
	}
	return true;
}

static bool has_nul(const char *s, uint32_t max)
{
	for (uint32_t i = 0; i < max; i++)
		if (s[i] == 0)
			return true;
	return false;
}

/* The variable part: counts within their limits, and together exactly the message's length. */
static bool variables_fit(const struct mig_layout *l, const mach_msg_header_t *msg, uint32_t size)
{
	const char *base = (const char *)msg;
	uint32_t at = l->fixed_size;

	for (uint32_t i = 0; i < l->variable_count; i++) {
		const struct mig_variable *v = &l->variables[i];
		uint32_t count;

		if (v->kind == MIG_FIXED_STRING) {
			if (!has_nul(base + v->offset, v->max))
				return false;
			continue;
		}
		count = *(const uint32_t *)(const void *)(base + v->offset);
		if (count > v->max)
			return false;
		at = MIG_ALIGN(at, 8u);
		if (at > size || count > (size - at) / v->element)
			return false;
		at += count * v->element;
		if (v->kind == MIG_STRING && (count == 0 || base[at - 1] != 0))
			return false;
	}
	return MIG_ALIGN(at, 4u) == size;
}

MIG_HOT kern_return_t mig_check(const struct mig_layout *l, const mach_msg_header_t *msg, uint32_t size)
{
	if (l->fixed_size == 0 || size < l->fixed_size || size > l->max_size || size != msg->msgh_size)
		return MIG_BAD_ARGUMENTS;
	if (!descriptors_fit(l, msg) || !variables_fit(l, msg, size))
		return MIG_BAD_ARGUMENTS;
	return KERN_SUCCESS;
}

kern_return_t mig_check_reply(const struct mig_layout *l, const mach_msg_header_t *msg, uint32_t size)
{
	if ((msg->msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0) {
		const mig_reply_error_t *error = (const void *)msg;

		if (size < sizeof(*error))
			return MIG_TYPE_ERROR;
		if (error->RetCode != KERN_SUCCESS)
			return size == sizeof(*error) ? error->RetCode : MIG_TYPE_ERROR;
	}
	return mig_check(l, msg, size) == KERN_SUCCESS ? KERN_SUCCESS : MIG_TYPE_ERROR;
}

MIG_HOT kern_return_t mig_check_reply_id(const struct mig_routine *routine, const mach_msg_header_t *msg, mach_msg_id_t request_id)
{
	if (msg->msgh_id == MACH_NOTIFY_SEND_ONCE)
		return MIG_SERVER_DIED;
	if (msg->msgh_id != request_id + 100)
		return MIG_REPLY_MISMATCH;
	return mig_check_reply(&routine->reply, msg, msg->msgh_size);
}
