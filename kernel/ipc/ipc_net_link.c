/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_net_link.c - the network's start, and the way of frames and time into the engines.
 *
 * Frames come up from the card in an interrupt or from the idle loop's polling (D7), go into the RoCEv2 engine one
 * by one, and at the end of a batch the netipc engine is run once and its upcalls are handled in place: a waiting
 * receiver is let go by the interrupt. One timer serves both engines; it is only ever moved nearer, and looks
 * again when it fires.
 */
#include <base/string.h>
#include <device/nic.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_net_impl.h>
#include <kern/assert.h>
#include <kern/kalloc.h>
#include <kern/main.h>
#include <kern/options.h>
#include <kern/printf.h>
#include <machine/boot.h>
#include <machine/clock.h>
#include <roce/roce.h>
#include <vm/vm_page.h>

#define NET_CLUSTER 0x6d65736861636821ull /* nodes of other networks of netipc do not hear us */

_Static_assert(sizeof(struct nic_piece) == sizeof(struct np_sge) && ROCE_PIECES_MAX <= NIC_PIECES_MAX,
	       "frames pass as they are");

/* ---- time ---- */

static uint64_t soonest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Something is due at due_ns, and whatever the transport wants. net.lock held. */
void net_rearm_locked(uint64_t due_ns)
{
	due_ns = soonest(due_ns, roce_deadline(net.roce));
	if (due_ns >= net.armed_ns)
		return;
	net.armed_ns = due_ns;
	timer_arm(&net.timer, due_ns);
}

static void run(void)
{
	spin_lock(&net.lock);
	net_rearm_locked(netipc_poll(net.engine, clock_now_ns()));
	spin_unlock(&net.lock);
	net_drain(false);
}

static void timer_fired(struct timer *timer)
{
	spin_lock(&net.lock);
	net.armed_ns = UINT64_MAX;
	if (net.reap_ns != 0 && !net.reap_submitted && clock_now_ns() >= net.reap_ns + NET_REAP_NS) {
		net.reap_submitted = true;
		kworker_submit(&net.reap_work);
	} else if (net.reap_ns != 0 && !net.reap_submitted) {
		net_rearm_locked(net.reap_ns + NET_REAP_NS);
	}
	if (net.idle_ns != 0 && clock_now_ns() >= net.idle_ns)
		net_idle_expire_locked();
	else if (net.idle_ns != 0)
		net_rearm_locked(net.idle_ns);
	spin_unlock(&net.lock);
	run();
}

static void drain_later(struct kwork *work)
{
	spin_lock(&net.lock);
	net.drain_submitted = false;
	spin_unlock(&net.lock);
	net_drain(true);
}

static void reap_later(struct kwork *work)
{
	spin_lock(&net.lock);
	net.reap_submitted = false;
	spin_unlock(&net.lock);
	net_reap();
}

/* ---- frames ---- */

static enum roce_sent output(void *ctx, const struct np_sge *pieces, uint32_t count, uint32_t flags,
			     uint64_t cookie)
{
	switch (nic_transmit(net.nic, (const struct nic_piece *)pieces, count, 0, cookie)) {
	case NIC_SENT_COPIED:
		return ROCE_SENT_COPIED;
	case NIC_SENT_HELD:
		return ROCE_SENT_HELD;
	case NIC_NO_ROOM:
		return ROCE_SENT_NO_ROOM;
	default:
		return ROCE_SENT_BAD;
	}
}

static void input(void *ctx, const uint8_t *frame, uint32_t length, void *buffer)
{
	spin_lock(&net.lock);
	roce_input(net.roce, frame, length, clock_now_ns());
	spin_unlock(&net.lock);
	nic_release(net.nic, buffer);
}

static void transmitted(void *ctx, uint64_t cookie)
{
	spin_lock(&net.lock);
	roce_transmitted(net.roce, cookie);
	spin_unlock(&net.lock);
}

static void room(void *ctx)
{
	spin_lock(&net.lock);
	roce_room(net.roce);
	spin_unlock(&net.lock);
}

static void poll_done(void *ctx)
{
	run();
}

/* ---- start ---- */

static void *memory(size_t bytes)
{
	unsigned order = 0;
	struct vm_page *page;

	while (((size_t)PAGE_SIZE << order) < bytes)
		order++;
	page = order <= 10 ? vm_page_grab_contiguous(order) : NULL;
	if (page == NULL)
		boot_stop("there is not enough memory for the network's buffers (%lu KiB)",
			  (unsigned long)(bytes >> 10));
	vm_page_set_owner(page, order, PAGE_OWNER_NET, 0);
	return vm_page_virt(page);
}

static uint32_t hex_digit(char c)
{
	return c >= '0' && c <= '9' ? (uint32_t)(c - '0') : ((uint32_t)c | 0x20) - 'a' + 10;
}

/* Up to 32 hex digits of the command line's key. */
static bool cluster_key(uint64_t key[2])
{
	key[0] = key[1] = 0;
	for (uint32_t i = 0; i < 32 && boot_options.cluster_key[i] != '\0'; i++)
		key[i / 16] = key[i / 16] << 4 | hex_digit(boot_options.cluster_key[i]);
	return boot_options.cluster_key[0] != '\0';
}

static void start_roce(void)
{
	struct roce_config config = {
		ROCE_CONFIG_NODE,
		.self = boot_options.node_ip,
		.netmask = boot_options.node_mask,
		.link_mtu = boot_options.mtu && boot_options.mtu < net.nic->mtu ? boot_options.mtu
										: net.nic->mtu,
		.random = { machine_random64(), machine_random64() },
		.output = output,
	};
	size_t bytes;

	memcpy(config.mac, net.nic->mac, sizeof(config.mac));
	bytes = roce_memory_bytes(&config);
	net.roce = bytes ? roce_init(memory(bytes), bytes, &config) : NULL;
	if (net.roce == NULL)
		boot_stop("the card's MTU of %u bytes or the address node.ip= cannot be used", config.link_mtu);
}

static void start_netipc(void)
{
	struct netipc_config config = {
		.provider = roce_provider(net.roce),
		.self = boot_options.node_ip,
		.incarnation = machine_boot_stamp(),
		.cluster = NET_CLUSTER,
		.secret = { machine_random64(), machine_random64() },
		.mtu = roce_path_mtu(boot_options.mtu && boot_options.mtu < net.nic->mtu ? boot_options.mtu
											  : net.nic->mtu),
		.messages = 384,
		.large_buffers = 48,
		.records = 2048,
	};

	config.keyed = cluster_key(config.key);
	net.engine = netipc_init(memory(netipc_size(&config)), &config, clock_now_ns());
}

void ipc_net_start(void)
{
	struct nic_user user = { .input = input, .transmitted = transmitted, .room = room,
				 .poll_done = poll_done };

	if (boot_options.node_ip == 0) {
		kprintf("net: there is no node.ip= on the command line: this node has no network\n");
		return;
	}
	net.nic = nic_first();
	if (net.nic == NULL) {
		kprintf("net: no network card was found: this node has no network\n");
		return;
	}
	list_init(&net.reap);
	list_init(&net.reap_kmsgs);
	list_init(&net.backlog);
	list_init(&net.starved);
	list_init(&net.idle);
	waitq_init(&net.room);
	net.armed_ns = UINT64_MAX;
	timer_init(&net.timer, timer_fired);
	kwork_init(&net.drain_work, drain_later, false);
	kwork_init(&net.reap_work, reap_later, true);
	net.out_zone = zone_create("net_out", sizeof(struct net_out), 0);
	net.proxy_zone = zone_create("net_proxy", sizeof(struct net_proxy), 0);
	net_receive_init();
	start_roce();
	start_netipc();
	if (nic_open(net.nic, &user) != KERN_SUCCESS) {
		kprintf("net: the card %s does not start: this node has no network\n", net.nic->name);
		return;
	}
	ipc_net = &net_ops;
	kprintf("net: node %u.%u.%u.%u, MTU %u\n", boot_options.node_ip >> 24, boot_options.node_ip >> 16 & 255,
		boot_options.node_ip >> 8 & 255, boot_options.node_ip & 255, net.nic->mtu);
	run();
}
