/* SPDX-License-Identifier: BSD-2-Clause */
/* info.c - what programs ask of the default pager (default_pager_object.defs). */
#include "info.h"
#include "object.h"

#include <mach/default_pager_object_server.h>
#include <mach/notify.h>
#include <string.h>

#define OBJECT_BYTES_MAX (1ULL << 40)

static kern_return_t new_port(mach_port_t *port)
{
	mach_port_t previous = MACH_PORT_NULL;
	kern_return_t result = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, port);

	if (result != KERN_SUCCESS)
		return result;
	result = mach_port_request_notification(mach_task_self(), *port, MACH_NOTIFY_NO_SENDERS, 1, *port,
						MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
	if (result == KERN_SUCCESS)
		result = mach_port_move_member(mach_task_self(), *port, port_set);
	if (result != KERN_SUCCESS)
		(void)mach_port_mod_refs(mach_task_self(), *port, MACH_PORT_RIGHT_RECEIVE, -1);
	return result;
}

static kern_return_t do_create(mach_port_t pager, mach_port_t *memory_object, vm_size_t size)
{
	kern_return_t result;

	if (pager != default_port || size == 0 || size > OBJECT_BYTES_MAX)
		return KERN_INVALID_ARGUMENT;
	result = new_port(memory_object);
	if (result != KERN_SUCCESS)
		return KERN_RESOURCE_SHORTAGE;
	if (object_new(*memory_object, size, true) != NULL)
		return KERN_SUCCESS;
	(void)mach_port_mod_refs(mach_task_self(), *memory_object, MACH_PORT_RIGHT_RECEIVE, -1);
	return KERN_RESOURCE_SHORTAGE;
}

static kern_return_t do_info(mach_port_t pager, default_pager_info_t *info)
{
	if (pager != default_port)
		return KERN_INVALID_ARGUMENT;
	*info = (default_pager_info_t){ .dpi_total_space = store_total() * PAGE_BYTES,
					.dpi_free_space = store_free_count() * PAGE_BYTES,
					.dpi_page_size = PAGE_BYTES };
	return KERN_SUCCESS;
}

/* Memory for an answer, which the reply gives away. */
static kern_return_t answer_memory(uint64_t bytes, void **out)
{
	mach_vm_address_t at = 0;

	*out = NULL;
	if (bytes == 0)
		return KERN_SUCCESS;
	if (mach_vm_allocate(mach_task_self(), &at, bytes, VM_FLAGS_ANYWHERE) != KERN_SUCCESS)
		return KERN_RESOURCE_SHORTAGE;
	*out = (void *)(uintptr_t)at;
	return KERN_SUCCESS;
}

static kern_return_t do_objects(mach_port_t pager, default_pager_object_t **out, mach_msg_type_number_t *count)
{
	kern_return_t result;
	uint32_t n = 0;

	if (pager != default_port)
		return KERN_INVALID_ARGUMENT;
	result = answer_memory(object_count * sizeof(**out), (void **)out);
	if (result != KERN_SUCCESS)
		return result;
	for (const struct object *o = objects; o != NULL; o = o->list_next)
		(*out)[n++] = (default_pager_object_t){ .dpo_object = o->id, .dpo_size = o->stored * PAGE_BYTES };
	*count = n;
	return KERN_SUCCESS;
}

struct pages {
	uint64_t object;
	default_pager_page_t *out;
	uint64_t count, room;
};

static void take_page(void *arg, uint64_t object, uint64_t page, place_t place)
{
	struct pages *p = arg;

	(void)place;
	if (object == p->object && p->count < p->room)
		p->out[p->count++].dpp_offset = page * PAGE_BYTES;
}

static kern_return_t do_pages(mach_port_t pager, uint64_t object, default_pager_page_t **out, mach_msg_type_number_t *count)
{
	const struct object *o = objects;
	struct pages p = { .object = object };
	kern_return_t result;

	while (o != NULL && o->id != object)
		o = o->list_next;
	if (pager != default_port || o == NULL)
		return KERN_INVALID_ARGUMENT;
	p.room = o->stored;
	result = answer_memory(p.room * sizeof(**out), (void **)&p.out);
	if (result != KERN_SUCCESS)
		return result;
	page_map_each(take_page, &p);
	*out = p.out;
	*count = (mach_msg_type_number_t)p.count;
	return KERN_SUCCESS;
}

static struct store *store_named(const char *name)
{
	for (uint32_t i = 0; i < store_count; i++)
		if (stores[i].device != MACH_PORT_NULL && strcmp(stores[i].name, name) == 0)
			return &stores[i];
	return NULL;
}

static kern_return_t do_store_create(mach_port_t pager, mach_port_t device, char *name)
{
	kern_return_t result;

	if (pager != default_port || name[0] == '\0' || strlen(name) >= sizeof(stores[0].name) || store_named(name) != NULL)
		return KERN_INVALID_ARGUMENT;
	result = store_add(device, name);
	if (result == KERN_SUCCESS) {
		capacity_changed();
		object_retry();
	}
	return result;
}

static kern_return_t do_store_delete(mach_port_t pager, char *name)
{
	struct store *s = store_named(name);

	if (pager != default_port || s == NULL)
		return KERN_INVALID_ARGUMENT;
	if (s->blocks.free + s->blocks.bad + 1 != s->blocks.total)
		return KERN_FAILURE;
	(void)mach_port_deallocate(mach_task_self(), s->device);
	s->device = MACH_PORT_NULL;
	s->down = true;
	capacity_changed();
	return KERN_SUCCESS;
}

static kern_return_t do_store_info(mach_port_t pager, char *name, backing_store_flavor_t flavor, backing_store_info_t out,
				   mach_msg_type_number_t *count)
{
	const struct store *s = store_named(name);
	backing_store_basic_info_data_t info;

	if (pager != default_port || s == NULL || flavor != BACKING_STORE_BASIC_INFO ||
	    *count < BACKING_STORE_BASIC_INFO_COUNT)
		return KERN_INVALID_ARGUMENT;
	info = (backing_store_basic_info_data_t){ .bs_pages_total = s->blocks.total - 1,
						  .bs_pages_free = s->blocks.free,
						  .bs_pages_bad = s->blocks.bad,
						  .bs_pages_in = s->reads,
						  .bs_pages_out = s->writes,
						  .bs_errors = s->errors,
						  .bs_down = s->down };
	memcpy(out, &info, sizeof(info));
	*count = BACKING_STORE_BASIC_INFO_COUNT;
	return KERN_SUCCESS;
}

const struct default_pager_object_ops info_calls = {
	.default_pager_object_create = do_create,
	.default_pager_info = do_info,
	.default_pager_objects = do_objects,
	.default_pager_object_pages = do_pages,
	.default_pager_backing_store_create = do_store_create,
	.default_pager_backing_store_delete = do_store_delete,
	.default_pager_backing_store_info = do_store_info,
};
