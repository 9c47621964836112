/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_debug.c - what the kernel's zones and locks do: host_zone_info, mach_zone_info, mach_zone_info_for_zone, host_lockgroup_info.
 *
 * Interface: host_info.h. Each object is told as it was at one moment.
 * References: XNU's mach_debug/zone_info.h and mach_debug/lockgroup_info.h, for names and shapes.
 */
#include <base/string.h>
#include <kern/host_info.h>
#include <kern/kalloc.h>
#include <kern/lock_stats.h>
#include <kern/printf.h>
#include <kern/task.h>
#include <vm/vm_map_copy.h>

#define ZONES_ROOM 128
#define LOCKS_ROOM 128

/* Two arrays of a reply, of the same count, under way. */
struct listing {
	void *of[2];
	size_t bytes[2];
	uint32_t count;
};

static bool listing_init(struct listing *l, size_t first, size_t second, uint32_t room)
{
	*l = (struct listing){ .bytes = { first, second } };
	for (unsigned i = 0; i < 2; i++)
		if (l->bytes[i] != 0 && (l->of[i] = kalloc_zeroed(l->bytes[i] * room)) == NULL)
			return false;
	return true;
}

static void listing_free(struct listing *l, uint32_t room)
{
	for (unsigned i = 0; i < 2; i++)
		if (l->of[i] != NULL)
			kfree(l->of[i], l->bytes[i] * room);
}

/* Into the reply: all or nothing. */
static kern_return_t listing_give(const struct listing *l, struct vm_map_copy **copies[2], mach_msg_type_number_t *counts[2])
{
	for (unsigned i = 0; i < 2; i++) {
		if (copies[i] == NULL)
			continue;
		*copies[i] = vm_map_copy_from_kernel(l->of[i], l->count * l->bytes[i]);
		*counts[i] = l->count;
		if (*copies[i] == NULL) {
			if (i == 1)
				vm_map_copy_discard(*copies[0]);
			return KERN_RESOURCE_SHORTAGE;
		}
	}
	return KERN_SUCCESS;
}

/* ---- zones ---- */

static void add_zone(void *ctx, const char *name, size_t size, uint64_t in_use, uint64_t pages)
{
	struct listing *l = ctx;

	if (l->count == ZONES_ROOM)
		return;
	ksnprintf(((zone_name_t *)l->of[0])[l->count].zn_name, sizeof(zone_name_t), "%s", name);
	((zone_info_t *)l->of[1])[l->count++] = (zone_info_t){ .zi_count = in_use, .zi_cur_size = pages * PAGE_SIZE,
							      .zi_elem_size = size };
}

static mach_zone_info_t zone_facts(size_t size, uint64_t in_use, uint64_t pages)
{
	return (mach_zone_info_t){ .mzi_count = in_use, .mzi_cur_size = pages * PAGE_SIZE, .mzi_elem_size = size,
				   .mzi_alloc_size = PAGE_SIZE, .mzi_collectable = pages * PAGE_SIZE - in_use * size };
}

static void add_mach_zone(void *ctx, const char *name, size_t size, uint64_t in_use, uint64_t pages)
{
	struct listing *l = ctx;

	if (l->count == ZONES_ROOM)
		return;
	ksnprintf(((mach_zone_name_t *)l->of[0])[l->count].mzn_name, sizeof(mach_zone_name_t), "%s", name);
	((mach_zone_info_t *)l->of[1])[l->count++] = zone_facts(size, in_use, pages);
}

static kern_return_t list_zones(struct host *host, void (*add)(void *, const char *, size_t, uint64_t, uint64_t),
				size_t name_bytes, size_t info_bytes, struct vm_map_copy **names,
				mach_msg_type_number_t *names_count, struct vm_map_copy **infos, mach_msg_type_number_t *infos_count)
{
	struct listing l;
	kern_return_t kr = KERN_RESOURCE_SHORTAGE;

	if (host == NULL)
		return KERN_INVALID_ARGUMENT;
	if (listing_init(&l, name_bytes, info_bytes, ZONES_ROOM)) {
		zone_for_each(add, &l);
		kr = listing_give(&l, (struct vm_map_copy **[]){ names, infos },
				  (mach_msg_type_number_t *[]){ names_count, infos_count });
	}
	listing_free(&l, ZONES_ROOM);
	return kr;
}

kern_return_t host_call_zone_info(struct host *host, struct vm_map_copy **names, mach_msg_type_number_t *names_count,
				  struct vm_map_copy **infos, mach_msg_type_number_t *infos_count)
{
	return list_zones(host, add_zone, sizeof(zone_name_t), sizeof(zone_info_t), names, names_count, infos, infos_count);
}

kern_return_t host_call_mach_zone_info(struct host *host, struct vm_map_copy **names, mach_msg_type_number_t *names_count,
				       struct vm_map_copy **infos, mach_msg_type_number_t *infos_count)
{
	return list_zones(host, add_mach_zone, sizeof(mach_zone_name_t), sizeof(mach_zone_info_t), names, names_count, infos,
			  infos_count);
}

struct search {
	const char *name;
	mach_zone_info_t *info;
	bool found;
};

static void look_at_zone(void *ctx, const char *name, size_t size, uint64_t in_use, uint64_t pages)
{
	struct search *s = ctx;

	if (s->found || strcmp(name, s->name) != 0)
		return;
	*s->info = zone_facts(size, in_use, pages);
	s->found = true;
}

kern_return_t host_call_mach_zone_info_for_zone(struct host *host, mach_zone_name_t name, mach_zone_info_t *info)
{
	struct search s = { .name = name.mzn_name, .info = info };

	if (host == NULL)
		return KERN_INVALID_HOST;
	name.mzn_name[sizeof(name.mzn_name) - 1] = '\0';
	zone_for_each(look_at_zone, &s);
	return s.found ? KERN_SUCCESS : KERN_INVALID_ARGUMENT;
}

/* ---- locks ---- */

kern_return_t host_call_lockgroup_info(struct host *host, struct vm_map_copy **infos, mach_msg_type_number_t *count)
{
	struct lock_stats stats;
	struct listing l;
	kern_return_t kr = KERN_RESOURCE_SHORTAGE;

	if (host == NULL)
		return KERN_INVALID_HOST;
	if (!lock_stats_get(1, &stats))
		return KERN_NOT_SUPPORTED;
	if (listing_init(&l, sizeof(lockgroup_info_t), 0, LOCKS_ROOM)) {
		while (l.count < LOCKS_ROOM && lock_stats_get(l.count + 1, &stats)) {
			lockgroup_info_t *info = &((lockgroup_info_t *)l.of[0])[l.count++];

			ksnprintf(info->lockgroup_name, sizeof(info->lockgroup_name), "%s", stats.name);
			info->lockgroup_attr = LOCKGROUP_ATTR_STAT;
			info->lock_spin_util_cnt = stats.taken;
			info->lock_spin_held_cnt = stats.taken;
			info->lock_spin_miss_cnt = stats.contended;
			info->lock_spin_held_max = stats.hold_max_ns;
			info->lock_spin_held_cum = stats.hold_ns;
		}
		kr = listing_give(&l, (struct vm_map_copy **[]){ infos, NULL }, (mach_msg_type_number_t *[]){ count, NULL });
	}
	listing_free(&l, LOCKS_ROOM);
	return kr;
}
