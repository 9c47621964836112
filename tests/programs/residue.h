/* SPDX-License-Identifier: BSD-2-Clause */
/* residue.h - for test programs: what this node's kernel holds, before and after: objects of each zone, tasks, threads, pages. */
#pragma once

#include <mach/mach.h>
#include <mach/host_info.h>
#include <mach/zone_info.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESIDUE_ZONES_MAX 128
#define RESIDUE_PAGES_SLACK 48 /* slabs and page tables that stay for the next use */

struct residue {
	uint32_t zones;
	zone_name_t names[RESIDUE_ZONES_MAX];
	zone_info_t infos[RESIDUE_ZONES_MAX];
	host_node_info_data_t node;
};

static inline void residue_must(kern_return_t kr, const char *what)
{
	if (kr == KERN_SUCCESS)
		return;
	printf("Bail out! %s: %s (0x%x)\n", what, mach_error_string(kr), (unsigned)kr);
	exit(1);
}

/* What the node of host holds. */
static inline void residue_take_of(mach_port_t host, struct residue *s)
{
	mach_msg_type_number_t names = 0, infos = 0, count = HOST_NODE_INFO_COUNT;
	zone_name_t *name;
	zone_info_t *info;

	residue_must(host_zone_info(host, (void *)&name, &names, (void *)&info, &infos), "host_zone_info");
	s->zones = names < RESIDUE_ZONES_MAX ? names : RESIDUE_ZONES_MAX;
	memcpy(s->names, name, s->zones * sizeof(*name));
	memcpy(s->infos, info, s->zones * sizeof(*info));
	residue_must(mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)name, names * sizeof(*name)), "deallocate");
	residue_must(mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)info, infos * sizeof(*info)), "deallocate");
	residue_must(host_info(host, HOST_NODE_INFO, (host_info_t)&s->node, &count), "host_info");
}

static inline void residue_take(struct residue *s)
{
	residue_take_of(mach_host_self(), s);
}

/* The objects of a zone; UINT64_MAX: there is no such zone. */
static inline uint64_t residue_zone_count(const char *name)
{
	static struct residue now;

	residue_take(&now);
	for (uint32_t i = 0; i < now.zones; i++)
		if (strcmp(now.names[i].zn_name, name) == 0)
			return now.infos[i].zi_count;
	return UINT64_MAX;
}

/* Does b hold no more than a? Less is fine: others on the node end too. Tells what it is, if told to. */
static inline bool residue_none(const struct residue *a, const struct residue *b, bool tell)
{
	int64_t pages = ((int64_t)a->node.free_bytes - (int64_t)b->node.free_bytes) / 4096;
	bool good = a->zones == b->zones && a->node.tasks >= b->node.tasks && a->node.threads >= b->node.threads;

	for (uint32_t i = 0; i < a->zones && i < b->zones; i++)
		if (a->infos[i].zi_count < b->infos[i].zi_count) {
			good = false;
			if (tell)
				printf("# zone %s: %lu before, %lu after\n", a->names[i].zn_name,
				       (unsigned long)a->infos[i].zi_count, (unsigned long)b->infos[i].zi_count);
		}
	if (pages > RESIDUE_PAGES_SLACK)
		good = false;
	if (tell && !good)
		printf("# tasks %u %u, threads %u %u, pages less %ld\n", a->node.tasks, b->node.tasks, a->node.threads,
		       b->node.threads, (long)pages);
	return good;
}
