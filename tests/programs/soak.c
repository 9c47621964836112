/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * soak.c - very many calls, and then nothing is left behind. Prints TAP.
 *
 *   soak serve NAME         register NAME for the cluster and answer ipc_perf's calls until killed
 *   soak call NAME COUNT    COUNT calls to NAME of all kinds; then this node's kernel holds what it held before
 *   soak snapshot           print what this node's kernel holds, once its network is quiet
 *
 * What a kernel holds: the objects in use in each of its zones, tasks, threads, free pages. The calls before the first
 * snapshot fill the caches; after the last one the program waits until acknowledgements have settled.
 */
#include <bench/ipc_perf.h>
#include <bench/ipc_perf_server.h>
#include <mach/mach.h>
#include <mach/host_info.h>
#include <mach/zone_info.h>
#include <servers/bootstrap_names.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WARM_UP 2000
#define ZONES_MAX 128
#define SETTLE_TRIES 50
#define SETTLE_US 100000
#define PAGES_SLACK 16 /* slabs and page tables that stay for the next use */

struct snapshot {
	uint32_t zones;
	zone_name_t names[ZONES_MAX];
	zone_info_t infos[ZONES_MAX];
	host_node_info_data_t node;
};

static void must(kern_return_t kr, const char *what)
{
	if (kr == KERN_SUCCESS)
		return;
	printf("Bail out! %s: %s (0x%x)\n", what, mach_error_string(kr), (unsigned)kr);
	exit(1);
}

static void take(struct snapshot *s)
{
	mach_msg_type_number_t names = 0, infos = 0, count = HOST_NODE_INFO_COUNT;
	zone_name_t *name;
	zone_info_t *info;

	must(host_zone_info(mach_host_self(), (void *)&name, &names, (void *)&info, &infos), "host_zone_info");
	s->zones = names < ZONES_MAX ? names : ZONES_MAX;
	memcpy(s->names, name, s->zones * sizeof(*name));
	memcpy(s->infos, info, s->zones * sizeof(*info));
	must(mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)name, names * sizeof(*name)), "deallocate");
	must(mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)info, infos * sizeof(*info)), "deallocate");
	must(host_info(mach_host_self(), HOST_NODE_INFO, (host_info_t)&s->node, &count), "host_info");
}

/* Does b hold no more than a? Less is fine: others on the node end too. Tells what it is, if told to. */
static bool holds_no_more(const struct snapshot *a, const struct snapshot *b, bool tell)
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
	if (pages > PAGES_SLACK)
		good = false;
	if (tell && !good)
		printf("# tasks %u %u, threads %u %u, pages less %ld\n", a->node.tasks, b->node.tasks, a->node.threads,
		       b->node.threads, (long)pages);
	return good;
}

/* ---- the server ---- */

static uint64_t answered;

static kern_return_t serve_nothing(mach_port_t server)
{
	answered++;
	return KERN_SUCCESS;
}

static kern_return_t serve_right(mach_port_t server, mach_port_t right)
{
	answered++;
	return mach_port_deallocate(mach_task_self(), right);
}

static kern_return_t serve_bytes(mach_port_t server, uint8_t *data)
{
	answered++;
	return KERN_SUCCESS;
}

static kern_return_t serve_ool(mach_port_t server, vm_offset_t data, mach_msg_type_number_t bytes)
{
	answered++;
	return mach_vm_deallocate(mach_task_self(), data, bytes);
}

static const struct ipc_perf_ops ops = {
	.ipc_perf_null = serve_nothing,
	.ipc_perf_make_send = serve_right,
	.ipc_perf_copy_send = serve_right,
	.ipc_perf_inline_128 = serve_bytes,
	.ipc_perf_inline_1024 = serve_bytes,
	.ipc_perf_inline_4096 = serve_bytes,
	.ipc_perf_ool = serve_ool,
};

static boolean_t demux(mach_msg_header_t *in, mach_msg_header_t *out)
{
	return ipc_perf_demux(&ops, in, out);
}

static int serve(const char *name)
{
	mach_port_t port;

	must(bootstrap_check_in(bootstrap_port, name, &port), "registering the name");
	must(mach_msg_server(demux, 16384, port, MACH_MSG_OPTION_NONE), "serving");
	return 1;
}

/* ---- the calls ---- */

static uint8_t bytes[8192];

static kern_return_t one_call(mach_port_t server, mach_port_t own, unsigned long i)
{
	switch (i % 16) {
	case 3:
		return ipc_perf_make_send(server, own);
	case 5:
		return ipc_perf_copy_send(server, own);
	case 7:
		return ipc_perf_inline_128(server, bytes);
	case 9:
		return ipc_perf_inline_4096(server, bytes);
	case 11:
		return i % 64 == 11 ? ipc_perf_ool(server, (vm_offset_t)bytes, sizeof(bytes)) : ipc_perf_null(server);
	default:
		return ipc_perf_null(server);
	}
}

static void calls(mach_port_t server, mach_port_t own, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		must(one_call(server, own, i), "a call");
}

static int call(const char *name, unsigned long count)
{
	static struct snapshot before, after;
	mach_port_t server, own;
	bool good = false;

	must(bootstrap_look_up_wait(bootstrap_port, name, &server), "looking the server up");
	must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &own), "a port");
	must(mach_port_insert_right(mach_task_self(), own, own, MACH_MSG_TYPE_MAKE_SEND), "its right");
	calls(server, own, WARM_UP);
	take(&before);
	usleep(5 * SETTLE_US);
	take(&before);
	calls(server, own, count);
	for (int i = 0; i < SETTLE_TRIES && !good; i++) {
		usleep(SETTLE_US);
		take(&after);
		good = holds_no_more(&before, &after, i == SETTLE_TRIES - 1);
	}
	printf("%s 1 - SOAK0001 %lu calls leave the kernel as it was\n1..1\n", good ? "ok" : "not ok", count);
	return good ? 0 : 1;
}

/*
 * What the network holds, when it is quiet. This program's own coming here was some forty messages, whose bytes are
 * kept until the other node's transport has acknowledged them: what is counted before that, or after this program has
 * begun to print, is the observer. It sleeps always, so that it touches the same pages each time. False: a node
 * without a network.
 */
static bool net_info(host_net_info_data_t *n)
{
	for (int i = 0; i < SETTLE_TRIES; i++) {
		mach_msg_type_number_t count = HOST_NET_INFO_COUNT;

		usleep(SETTLE_US);
		if (host_info(mach_host_self(), HOST_NET_INFO, (host_info_t)n, &count) != KERN_SUCCESS)
			return false;
		if (n->messages + n->records + n->transmit_buffers == 0)
			break;
	}
	return true;
}

static void print_network(const host_net_info_data_t *n)
{
	printf("net_exports %u\nnet_holders %u\nnet_onces %u\nnet_proxies %u\nnet_once_refs %u\nnet_transits %u\n", n->exports,
	       n->holders, n->onces, n->proxies, n->once_refs, n->transits);
	printf("net_messages %u\nnet_records %u\nnet_large_buffers %u\nnet_deliveries %u\nnet_waiting %u\n", n->messages,
	       n->records, n->large_buffers, n->deliveries, n->waiting);
	printf("net_qps %u\nnet_regions %u\nnet_pieces %u\nnet_transmit_buffers %u\n", n->qps, n->regions, n->pieces,
	       n->transmit_buffers);
}

static int snapshot(void)
{
	static struct snapshot s;
	host_net_info_data_t n;
	bool networked = net_info(&n);

	take(&s);
	for (uint32_t i = 0; i < s.zones; i++)
		printf("zone %s %lu\n", s.names[i].zn_name, (unsigned long)s.infos[i].zi_count);
	printf("tasks %u\nthreads %u\nfree_pages %lu\n", s.node.tasks, s.node.threads,
	       (unsigned long)(s.node.free_bytes / 4096));
	if (networked)
		print_network(&n);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2]);
	if (argc == 4 && strcmp(argv[1], "call") == 0)
		return call(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 2 && strcmp(argv[1], "snapshot") == 0)
		return snapshot();
	fprintf(stderr, "usage: soak serve NAME | call NAME COUNT | snapshot\n");
	return 2;
}
