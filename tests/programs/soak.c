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
#include "residue.h"

#include <bench/ipc_perf.h>
#include <bench/ipc_perf_server.h>
#include <mach/mach.h>
#include <servers/bootstrap_names.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WARM_UP 2000
#define SETTLE_TRIES 50
#define SETTLE_US 100000

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

	residue_must(bootstrap_check_in(bootstrap_port, name, &port), "registering the name");
	residue_must(mach_msg_server(demux, 16384, port, MACH_MSG_OPTION_NONE), "serving");
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
		residue_must(one_call(server, own, i), "a call");
}

static int call(const char *name, unsigned long count)
{
	static struct residue before, after;
	mach_port_t server, own;
	bool good = false;

	residue_must(bootstrap_look_up_wait(bootstrap_port, name, &server), "looking the server up");
	residue_must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &own), "a port");
	residue_must(mach_port_insert_right(mach_task_self(), own, own, MACH_MSG_TYPE_MAKE_SEND), "its right");
	calls(server, own, WARM_UP);
	residue_take(&before);
	usleep(5 * SETTLE_US);
	residue_take(&before);
	calls(server, own, count);
	for (int i = 0; i < SETTLE_TRIES && !good; i++) {
		usleep(SETTLE_US);
		residue_take(&after);
		good = residue_none(&before, &after, i == SETTLE_TRIES - 1);
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
	static struct residue s;
	host_net_info_data_t n;
	bool networked = net_info(&n);

	residue_take(&s);
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
