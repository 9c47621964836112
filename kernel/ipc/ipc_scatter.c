/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_scatter.c - reading, matching and answering scatter lists. Interface: ipc_scatter.h. */
#include <base/string.h>
#include <ipc/ipc_kmsg.h>
#include <ipc/ipc_scatter.h>
#include <kern/kalloc.h>
#include <machine/copyio.h>

static size_t bytes_of(uint32_t room)
{
	return sizeof(struct ipc_scatter) + room * sizeof(struct ipc_scatter_place);
}

void ipc_scatter_free(struct ipc_scatter *scatter)
{
	if (scatter)
		kfree(scatter, bytes_of(scatter->room));
}

static struct ipc_scatter_place place_of(const mach_msg_descriptor_t *d)
{
	if (d->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
		return (struct ipc_scatter_place){ .address = (uintptr_t)d->ool_ports.address,
						   .size = d->ool_ports.count,
						   .type = d->type.type,
						   .copy = d->ool_ports.copy };
	return (struct ipc_scatter_place){ .address = (uintptr_t)d->out_of_line.address,
					   .size = d->out_of_line.size,
					   .type = d->type.type,
					   .copy = d->out_of_line.copy };
}

/* The descriptors of a user's list of bytes bytes. */
static mach_msg_return_t decode(struct ipc_scatter *scatter, const mach_msg_descriptor_t *d, uint32_t count,
				size_t bytes)
{
	const char *end = (const char *)d + bytes;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t size;

		if ((size_t)(end - (const char *)d) < sizeof(mach_msg_type_descriptor_t))
			return MACH_RCV_INVALID_DATA;
		size = ikm_descriptor_size(d->type.type);
		if (size == 0)
			return MACH_RCV_INVALID_TYPE;
		if ((size_t)(end - (const char *)d) < size)
			return MACH_RCV_INVALID_DATA;
		if (d->type.type != MACH_MSG_PORT_DESCRIPTOR)
			scatter->places[scatter->count++] = place_of(d);
		d = (const mach_msg_descriptor_t *)((const char *)d + size);
	}
	return MACH_MSG_SUCCESS;
}

mach_msg_return_t ipc_scatter_copyin(uint64_t addr, mach_msg_size_t limit, struct ipc_scatter **out)
{
	struct ipc_scatter *scatter;
	mach_msg_return_t mr;
	mach_msg_base_t base;
	void *list;
	size_t bytes;

	*out = NULL;
	if (limit < sizeof base)
		return MACH_MSG_SUCCESS;
	if (copyin(addr, &base, sizeof base) != KERN_SUCCESS)
		return MACH_RCV_INVALID_DATA;
	if (base.body.msgh_descriptor_count == 0)
		return MACH_MSG_SUCCESS;
	if (base.body.msgh_descriptor_count > MACH_MSG_DESCRIPTOR_MAX)
		return MACH_RCV_INVALID_TYPE;
	bytes = base.body.msgh_descriptor_count * sizeof(mach_msg_descriptor_t);
	if (bytes > limit - sizeof base)
		bytes = limit - sizeof base;
	if (bytes == 0)
		return MACH_RCV_INVALID_DATA;
	list = kalloc(bytes);
	scatter = kalloc(bytes_of(base.body.msgh_descriptor_count));
	mr = list && scatter ? MACH_MSG_SUCCESS : MACH_RCV_INVALID_DATA;
	if (scatter)
		*scatter = (struct ipc_scatter){ .room = base.body.msgh_descriptor_count };
	if (mr == MACH_MSG_SUCCESS && copyin(addr + sizeof base, list, bytes) != KERN_SUCCESS)
		mr = MACH_RCV_INVALID_DATA;
	if (mr == MACH_MSG_SUCCESS)
		mr = decode(scatter, list, base.body.msgh_descriptor_count, bytes);
	if (list)
		kfree(list, bytes);
	if (mr == MACH_MSG_SUCCESS)
		*out = scatter;
	else
		ipc_scatter_free(scatter);
	return mr;
}

static bool is_memory(uint8_t type)
{
	return type == MACH_MSG_OOL_DESCRIPTOR || type == MACH_MSG_OOL_VOLATILE_DESCRIPTOR;
}

/* The list says what the message has, as far as it goes. */
static void say_needed(struct ipc_scatter *scatter, struct ipc_kmsg *kmsg)
{
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);

	scatter->count = 0;
	for (uint32_t i = 0; i < ikm_descriptor_count(kmsg) && scatter->count < scatter->room;
	     i++, d = ikm_descriptor_next(d)) {
		struct ipc_scatter_place p;

		if (d->type.type == MACH_MSG_PORT_DESCRIPTOR)
			continue;
		p = place_of(d);
		p.address = 0; /* a kernel address */
		p.copy = MACH_MSG_OVERWRITE;
		scatter->places[scatter->count++] = p;
	}
}

mach_msg_return_t ipc_scatter_check(struct ipc_scatter *scatter, const struct ipc_kmsg *const_kmsg)
{
	struct ipc_kmsg *kmsg = (struct ipc_kmsg *)(uintptr_t)const_kmsg;
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);
	uint32_t at = 0;

	if (!scatter)
		return MACH_MSG_SUCCESS;
	for (uint32_t i = 0; i < ikm_descriptor_count(kmsg) && at < scatter->count; i++, d = ikm_descriptor_next(d)) {
		const struct ipc_scatter_place *p = &scatter->places[at];

		if (d->type.type == MACH_MSG_PORT_DESCRIPTOR)
			continue;
		at++;
		if (p->type != d->type.type && !(is_memory(p->type) && is_memory(d->type.type)))
			return MACH_RCV_INVALID_TYPE;
		if (p->copy != MACH_MSG_ALLOCATE && p->copy != MACH_MSG_OVERWRITE &&
		    !(p->copy == MACH_MSG_PAGE_EXCHANGE && is_memory(p->type)))
			return MACH_RCV_INVALID_TYPE;
		if (p->copy != MACH_MSG_ALLOCATE && place_of(d).size > p->size) {
			say_needed(scatter, kmsg);
			return MACH_RCV_SCATTER_SMALL;
		}
	}
	return MACH_MSG_SUCCESS;
}

static uint32_t encode(const struct ipc_scatter_place *p, mach_msg_descriptor_t *d)
{
	memset(d, 0, sizeof *d);
	d->type.type = p->type;
	if (p->type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
		d->ool_ports.count = (mach_msg_size_t)p->size;
		d->ool_ports.copy = p->copy;
	} else {
		d->out_of_line.size = p->size;
		d->out_of_line.copy = p->copy;
	}
	return ikm_descriptor_size(p->type);
}

mach_msg_return_t ipc_scatter_copyout(const struct ipc_scatter *scatter, uint64_t addr, mach_msg_size_t limit)
{
	mach_msg_body_t body = { 0 };
	uint64_t at = sizeof(mach_msg_base_t);

	if (limit < at)
		return MACH_MSG_SUCCESS;
	for (uint32_t i = 0; i < scatter->count; i++) {
		mach_msg_descriptor_t d;
		uint32_t size = encode(&scatter->places[i], &d);

		if (size > limit - at)
			break;
		if (copyout(&d, addr + at, size) != KERN_SUCCESS)
			return MACH_RCV_INVALID_DATA;
		at += size;
		body.msgh_descriptor_count++;
	}
	if (copyout(&body, addr + sizeof(mach_msg_header_t), sizeof body) != KERN_SUCCESS)
		return MACH_RCV_INVALID_DATA;
	return MACH_MSG_SUCCESS;
}
