/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nic.c - the machine's network cards: registry, polling discipline, idle polling.
 *
 * Interface, invariants: nic.h.
 * Polling: whoever wants to look sets `again` and tries to take `polling`; the one who has it clears
 *   `again`, harvests, lets go, and starts over if `again` was set meanwhile. So a look is never lost and
 *   never done by two.
 */

#include <device/nic.h>
#include <device/virtio_net.h>
#include <kern/assert.h>
#include <kern/clock.h>
#include <kern/printf.h>
#include <machine/cpu.h>
#include <sched/sched.h>
#include <stddef.h>

static struct list nics = LIST_INIT(nics); /* written at boot only */

#define NIC_IDLE_VAIN_MAX 6 /* at most 2^6 - 1 occasions are left out */

static struct nic *idle_nic; /* the one that idle CPUs poll; written once */

static void poll_later(struct timer *timer);

void nic_probe(void)
{
	virtio_net_probe();
}

void nic_register(struct nic *n)
{
	atomic_init(&n->opened, false);
	atomic_init(&n->polling, 0);
	atomic_init(&n->again, 0);
	atomic_init(&n->quiet, 0);
	timer_init(&n->later, poll_later);
	list_add_tail(&nics, &n->link);
	kprintf("%s: %02x:%02x:%02x:%02x:%02x:%02x mtu %u\n", n->name, n->mac[0], n->mac[1], n->mac[2],
		n->mac[3], n->mac[4], n->mac[5], n->mtu);
}

struct nic *nic_first(void)
{
	return list_first(&nics, struct nic, link);
}

kern_return_t nic_open(struct nic *n, const struct nic_user *user)
{
	kern_return_t kr;

	if (user->input == NULL || atomic_load(&n->opened))
		return KERN_INVALID_ARGUMENT;
	n->user = *user;
	kr = n->ops->open(n);
	if (kr != KERN_SUCCESS)
		return kr;
	atomic_store(&n->opened, true);
	atomic_store(&n->quiet, 1);
	nic_interrupts(n, true);
	if (idle_nic == NULL) {
		idle_nic = n;
		sched_idle_poll_register(nic_idle_begin, nic_idle_poll, nic_idle_end);
	}
	return KERN_SUCCESS;
}

/* One turn as the poller. */
static uint32_t poll_rounds(struct nic *n)
{
	uint32_t total = 0;

	for (unsigned round = 0; round < NIC_POLL_ROUNDS; round++) {
		total += n->ops->harvest(n, NIC_POLL_BUDGET);
		if (!n->ops->pending(n))
			break;
	}
	if (total > 0 && n->user.poll_done != NULL)
		n->user.poll_done(n->user.ctx);
	if (n->ops->pending(n)) /* no interrupt comes for these */
		timer_arm(&n->later, clock_now_ns() + NIC_FLOOD_PAUSE_NS);
	n->counters.polls++;
	n->counters.polls_empty += total == 0;
	return total;
}

uint32_t nic_poll(struct nic *n)
{
	uint32_t total = 0;

	cpu_irq_push();
	atomic_store(&n->again, 1);
	while (atomic_load(&n->again) != 0 && atomic_exchange(&n->polling, 1) == 0) {
		atomic_store(&n->again, 0);
		total += poll_rounds(n);
		atomic_store(&n->polling, 0);
	}
	cpu_irq_pop();
	return total;
}

static void poll_later(struct timer *timer)
{
	nic_poll(container_of(timer, struct nic, later));
}

void nic_interrupts(struct nic *n, bool on)
{
	if (!on) {
		if (atomic_fetch_add(&n->quiet, 1) == 0)
			n->ops->interrupts(n, false);
		return;
	}
	if (atomic_fetch_sub(&n->quiet, 1) != 1)
		return;
	n->ops->interrupts(n, true);
	if (n->ops->pending(n))
		nic_poll(n);
}

bool nic_idle_begin(void)
{
	const struct nic_counters *c = &idle_nic->counters;
	struct nic_idle *idle = &idle_nic->idle;

	if (c->rx_frames + c->tx_frames == idle->seen)
		return false;
	if (idle->skip > 0) {
		idle->skip--;
		idle->seen = c->rx_frames + c->tx_frames;
		return false;
	}
	idle->received = c->rx_frames;
	nic_interrupts(idle_nic, false);
	return true;
}

bool nic_idle_poll(void)
{
	return idle_nic->ops->pending(idle_nic) && nic_poll(idle_nic) > 0;
}

bool nic_idle_end(void)
{
	const struct nic_counters *c = &idle_nic->counters;
	struct nic_idle *idle = &idle_nic->idle;
	uint64_t before = c->polls;

	if (c->rx_frames != idle->received) {
		idle->vain = 0;
	} else {
		idle->vain += idle->vain < NIC_IDLE_VAIN_MAX;
		idle->skip = (1u << idle->vain) - 1;
	}
	nic_interrupts(idle_nic, true);
	idle->seen = c->rx_frames + c->tx_frames;
	return c->polls != before;
}
