/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file_pager.c - see file_pager.h. Read-only: a mapping that writes must be a private one (mach_vm_map's copy), or its writes fail.
 *
 * What lies beyond a file's end in its last page is zero.
 */
#include "file_pager.h"

#include <mach/pager.h>
#include <stdlib.h>
#include <string.h>

#define READ_AHEAD (64u * 1024)

struct file {
	struct file *next;
	const uint8_t *data;
	uint64_t size;
	struct pager_object *object;
};

static struct pager *pager; /* made on first use */
static struct file *files;

static kern_return_t read_file(struct pager_object *object, uint64_t offset, uint32_t length, void *buffer, vm_prot_t *lock)
{
	const struct file *f = pager_object_context(object);
	uint64_t left = f->size - offset; /* offset lies in the object, hence in the file */

	memcpy(buffer, f->data + offset, left < length ? left : length);
	return KERN_SUCCESS;
}

static const struct pager_ops ops = { .read = read_file };

static struct file *find(const void *data)
{
	struct file *f = files;

	while (f != NULL && f->data != data)
		f = f->next;
	return f;
}

static kern_return_t start(void)
{
	kern_return_t kr = pager_create(&pager);

	return kr == KERN_SUCCESS ? pager_start(pager) : kr;
}

static kern_return_t add(const void *data, uint64_t size, struct file **out)
{
	static const struct pager_attributes attributes = { .copy_strategy = MEMORY_OBJECT_COPY_DELAY, .cluster_size = READ_AHEAD,
							    .may_cache = TRUE };
	struct file *f = calloc(1, sizeof(*f));
	kern_return_t kr = KERN_RESOURCE_SHORTAGE;

	if (f == NULL)
		return kr;
	f->data = data;
	f->size = size;
	kr = pager_object_create(pager, &ops, size, f, &attributes, &f->object);
	if (kr != KERN_SUCCESS) {
		free(f);
		return kr;
	}
	f->next = files;
	files = f;
	*out = f;
	return KERN_SUCCESS;
}

kern_return_t file_pager_object(const void *data, uint64_t size, mach_port_t *object)
{
	struct file *f = find(data);
	kern_return_t kr = KERN_SUCCESS;

	if (size == 0)
		return KERN_INVALID_ARGUMENT;
	if (pager == NULL)
		kr = start();
	if (kr == KERN_SUCCESS && f == NULL)
		kr = add(data, size, &f);
	if (kr == KERN_SUCCESS)
		*object = pager_object_port(f->object);
	return kr;
}
