/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_net.c - the fake provider's world: its clock (a heap of timers), its wire for datagrams, its
 * faults. See fake.h for the invariants.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provider/fake/fake_impl.h"

/* splitmix64: one multiply-xor chain per number, good enough to choose faults. */
uint64_t fake_random(struct fake_net *net)
{
	uint64_t z = (net->random += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

bool fake_chance(struct fake_net *net, uint32_t ppm)
{
	return ppm != 0 && fake_random(net) % 1000000 < ppm;
}

uint64_t fake_flight_ns(struct fake_net *net)
{
	uint64_t jitter = net->config.jitter_ns;

	return net->config.latency_ns + (jitter ? fake_random(net) % jitter : 0);
}

static bool timer_before(const struct fake_timer *a, const struct fake_timer *b)
{
	return a->time != b->time ? a->time < b->time : a->sequence < b->sequence;
}

void fake_timer_add(struct fake_net *net, struct fake_timer timer)
{
	uint32_t at = net->heap_count++;

	if (net->heap_count > net->heap_room) {
		net->heap_room = net->heap_room ? net->heap_room * 2 : 256;
		net->heap = realloc(net->heap, net->heap_room * sizeof(*net->heap));
		if (net->heap == NULL)
			abort();
	}
	timer.sequence = net->sequence++;
	for (uint32_t up; at > 0 && timer_before(&timer, &net->heap[up = (at - 1) / 2]); at = up)
		net->heap[at] = net->heap[up];
	net->heap[at] = timer;
}

static struct fake_timer timer_take(struct fake_net *net)
{
	struct fake_timer first = net->heap[0], last = net->heap[--net->heap_count];
	uint32_t at = 0;

	for (uint32_t down; (down = 2 * at + 1) < net->heap_count; at = down) {
		if (down + 1 < net->heap_count &&
		    timer_before(&net->heap[down + 1], &net->heap[down]))
			down++;
		if (!timer_before(&net->heap[down], &last))
			break;
		net->heap[at] = net->heap[down];
	}
	net->heap[at] = last;
	return first;
}

struct fake_node *fake_node_at(struct fake_net *net, np_addr_t addr)
{
	uint32_t i = addr - net->config.first_addr;

	return i < net->config.nodes ? net->nodes[i] : NULL;
}

bool fake_reaches(const struct fake_net *net, const struct fake_node *a, const struct fake_node *b)
{
	return a->up && b->up && !net->cut[a->number * net->config.nodes + b->number];
}

void fake_event_add(struct fake_node *node, const struct np_event *event)
{
	struct fake_event *e = malloc(sizeof(*e));

	if (e == NULL)
		abort();
	e->event = *event;
	list_add_tail(&node->events, &e->link);
}

struct fake_buffer *fake_buffer_get(struct fake_node *node, const void *data, uint32_t length)
{
	struct fake_buffer *buffer;

	if (node->buffers_out == node->net->config.recv_buffers)
		return NULL;
	buffer = malloc(sizeof(*buffer) + length);
	if (buffer == NULL)
		abort();
	if (length)
		memcpy(buffer->data, data, length);
	list_add_tail(&node->out, &buffer->link);
	node->buffers_out++;
	return buffer;
}

static void datagram_arrives(struct fake_net *net, const struct fake_timer *t)
{
	struct fake_node *node = net->nodes[t->node], *from = fake_node_at(net, t->from);
	struct fake_buffer *buffer = NULL;

	/* The sender may have crashed meanwhile: only the receiver and the cable count. */
	if (node->up && !net->cut[from->number * net->config.nodes + node->number])
		buffer = fake_buffer_get(node, t->bytes, t->length);
	if (buffer != NULL) {
		net->stats.datagrams_delivered++;
		fake_event_add(node, &(struct np_event){
			.kind = NP_EV_DATAGRAM, .qp = NP_QP_NONE, .data = buffer->data,
			.length = t->length, .buffer = buffer, .from = t->from });
	} else {
		net->stats.datagrams_lost++;
	}
	free(t->bytes);
}

uint64_t fake_net_advance(struct fake_net *net, uint64_t now_ns)
{
	while (net->heap_count > 0 && net->heap[0].time <= now_ns) {
		struct fake_timer t = timer_take(net);
		struct fake_node *node = net->nodes[t.node];
		bool current = node->life == t.life && t.kind != FAKE_T_DATAGRAM &&
			       node->qps[t.qp].generation == t.generation;

		if (net->now < t.time)
			net->now = t.time;
		if (t.kind == FAKE_T_DATAGRAM)
			datagram_arrives(net, &t);
		else if (t.kind == FAKE_T_QP && current)
			fake_qp_tick(net, node, t.qp);
		else if (t.kind == FAKE_T_BREAK && current)
			fake_qp_break(net, node, t.qp);
	}
	if (net->now < now_ns)
		net->now = now_ns;
	return net->heap_count ? net->heap[0].time : UINT64_MAX;
}

void fake_net_break_qp(struct fake_net *net, uint32_t node, np_qp_t qp, uint64_t now_ns)
{
	fake_net_advance(net, now_ns);
	fake_qp_break(net, net->nodes[node], qp);
}

bool fake_net_break_any(struct fake_net *net, uint64_t now_ns)
{
	uint32_t total = net->config.nodes * net->config.qps;
	uint32_t start = (uint32_t)(fake_random(net) % total);

	for (uint32_t i = 0; i < total; i++) {
		uint32_t at = (start + i) % total;
		struct fake_node *node = net->nodes[at / net->config.qps];
		np_qp_t qp = at % net->config.qps;

		if (node->up && node->qps[qp].state == FAKE_QP_READY) {
			fake_net_break_qp(net, node->number, qp, now_ns);
			return true;
		}
	}
	return false;
}

void fake_net_crash(struct fake_net *net, uint32_t node)
{
	fake_node_wipe(net->nodes[node]);
	net->nodes[node]->up = false;
	net->nodes[node]->life++;
}

void fake_net_restart(struct fake_net *net, uint32_t node)
{
	net->nodes[node]->up = true;
}

void fake_net_cut(struct fake_net *net, uint32_t a, uint32_t b, bool cut)
{
	net->cut[a * net->config.nodes + b] = cut;
	net->cut[b * net->config.nodes + a] = cut;
}

static void set_default(uint32_t *field, uint32_t value)
{
	if (*field == 0)
		*field = value;
}

void fake_net_set_faults(struct fake_net *net, const struct fake_config *config)
{
	net->config.latency_ns = config->latency_ns ? config->latency_ns : 10000;
	net->config.jitter_ns = config->jitter_ns;
	net->config.datagram_loss_ppm = config->datagram_loss_ppm;
	net->config.datagram_double_ppm = config->datagram_double_ppm;
	net->config.qp_error_ppm = config->qp_error_ppm;
}

struct fake_net *fake_net_create(const struct fake_config *config)
{
	struct fake_net *net = calloc(1, sizeof(*net));

	if (net == NULL)
		return NULL;
	net->config = *config;
	net->random = config->seed;
	set_default(&net->config.qps, 64);
	set_default(&net->config.sends, 64);
	set_default(&net->config.recv_buffers, 256);
	set_default(&net->config.mtu, 4096);
	if (net->config.ack_delay_ns == 0)
		net->config.ack_delay_ns = 1000000;
	if (net->config.qp_timeout_ns == 0)
		net->config.qp_timeout_ns = 60000000000u;
	fake_net_set_faults(net, config);
	net->nodes = calloc(config->nodes, sizeof(*net->nodes));
	net->cut = calloc(config->nodes, config->nodes);
	for (uint32_t i = 0; net->nodes && net->cut && i < config->nodes; i++) {
		struct fake_node *node = calloc(1, sizeof(*node));

		net->nodes[i] = node;
		if (node == NULL || (node->qps = calloc(net->config.qps, sizeof(*node->qps))) == NULL)
			goto undo;
		node->provider = (struct provider){ &fake_ops, config->first_addr + i };
		node->net = net;
		node->number = i;
		node->up = true;
		list_init(&node->events);
		list_init(&node->out);
	}
	if (net->nodes && net->cut)
		return net;
undo:
	fake_net_destroy(net);
	return NULL;
}

void fake_net_destroy(struct fake_net *net)
{
	for (uint32_t i = 0; net->nodes && i < net->config.nodes && net->nodes[i]; i++) {
		if (net->nodes[i]->qps != NULL)
			fake_node_wipe(net->nodes[i]);
		free(net->nodes[i]->qps);
		free(net->nodes[i]);
	}
	for (uint32_t i = 0; i < net->heap_count; i++)
		free(net->heap[i].bytes);
	free(net->heap);
	free(net->nodes);
	free(net->cut);
	free(net);
}

struct provider *fake_net_provider(struct fake_net *net, uint32_t node)
{
	return &net->nodes[node]->provider;
}

const struct fake_stats *fake_net_stats(const struct fake_net *net)
{
	return &net->stats;
}

uint32_t fake_net_qps(const struct fake_net *net, uint32_t node)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < net->config.qps; i++)
		count += net->nodes[node]->qps[i].state != FAKE_QP_FREE;
	return count;
}

uint32_t fake_net_regions(const struct fake_net *net, uint32_t node)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < FAKE_REGIONS; i++)
		count += net->nodes[node]->regions[i].pieces != NULL;
	return count;
}

uint32_t fake_net_buffers_out(const struct fake_net *net, uint32_t node)
{
	return net->nodes[node]->buffers_out;
}
