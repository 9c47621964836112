/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_net_info.c - what the network holds and what it has counted, for host_info(HOST_NET_INFO). */
#include <base/string.h>
#include <ipc/ipc_net.h>
#include <ipc/ipc_net_impl.h>
#include <mach/host_info.h>
#include <roce/roce.h>

static void fill_engine(host_net_info_data_t *info, const struct netipc_stats *s)
{
	info->exports = s->exports;
	info->holders = s->holders;
	info->onces = s->onces;
	info->proxies = s->proxies;
	info->once_refs = s->once_refs;
	info->transits = s->transits;
	info->messages = s->messages;
	info->records = s->records;
	info->large_buffers = s->large_buffers;
	info->deliveries = s->deliveries;
	info->waiting = s->waiting;
	info->peers_alive = s->peers_alive;
	info->peers_connected = s->peers_connected;
	info->records_sent = s->records_sent;
	info->records_received = s->records_received;
	info->duplicates = s->duplicates;
	info->replayed = s->replayed;
	info->qp_errors = s->qp_errors;
	info->malformed = s->malformed;
	info->bad_mac = s->bad_mac;
	info->bad_right = s->bad_right;
	info->full = s->full;
	info->retracts = s->retracts;
	info->pulls = s->pulls;
	info->pulled_bytes = s->pulled_bytes;
	info->deaths = s->deaths;
	info->fences = s->fences;
}

static void fill_transport(host_net_info_data_t *info, const struct roce_usage *u, const uint64_t *c)
{
	info->qps = u->qps;
	info->regions = u->regions;
	info->pieces = u->pieces;
	info->small_buffers = u->small_buffers;
	info->receive_buffers = u->large_buffers;
	info->transmit_buffers = u->transmit_buffers;
	info->frames_in = c[ROCE_frames_in];
	info->frames_out = c[ROCE_frames_out];
	for (uint32_t i = ROCE_drop_short; i <= ROCE_drop_aeth; i++)
		info->frames_dropped += c[i];
	info->retransmitted = c[ROCE_retransmitted];
	info->timeouts = c[ROCE_timeouts];
	info->naks = c[ROCE_nak_sequence_out] + c[ROCE_nak_fatal_out];
	info->rnrs = c[ROCE_rnr_out];
}

void net_info(host_net_info_data_t *info)
{
	struct netipc_stats stats;
	struct roce_usage usage;

	memset(info, 0, sizeof(*info));
	spin_lock(&net.lock);
	netipc_get_stats(net.engine, &stats);
	usage = roce_usage(net.roce);
	info->incarnation = netipc_incarnation(net.engine);
	fill_engine(info, &stats);
	fill_transport(info, &usage, roce_counters(net.roce));
	spin_unlock(&net.lock);
}
