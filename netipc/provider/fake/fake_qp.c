/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_qp.c - the fake provider's calls, and what happens to a work request in flight.
 *
 * A work request: posted -> flying -> (arrives at the peer) -> arrived -> (acknowledged) -> event.
 * Only the head of flying can arrive; while the peer is away it waits (F1). See fake.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provider/fake/fake_impl.h"

#define QPN_GENERATION_SHIFT 12
#define FAKE_RETRY_NS 1000000u /* a blocked head tries again */

static struct fake_node *node_of(struct provider *p)
{
	return container_of(p, struct fake_node, provider);
}

static struct fake_qp *qp_of(struct fake_node *node, np_qp_t qp)
{
	return node->up && qp < node->net->config.qps && node->qps[qp].state != FAKE_QP_FREE ?
	       &node->qps[qp] : NULL;
}

static void tick_at(struct fake_node *node, np_qp_t qp, uint64_t time)
{
	fake_timer_add(node->net, (struct fake_timer){
		.time = time, .kind = FAKE_T_QP, .node = node->number, .life = node->life,
		.qp = qp, .generation = node->qps[qp].generation });
}

static void work_free(struct fake_qp *qp, struct fake_work *work)
{
	list_remove(&work->link);
	free(work->bytes);
	free(work);
	qp->outstanding--;
}

static void gather(uint8_t *to, const struct np_sge *sge, uint32_t count)
{
	for (uint32_t i = 0; i < count; to += sge[i++].length)
		if (sge[i].length)
			memcpy(to, sge[i].base, sge[i].length);
}

/* F3: the caller kept its bytes as they were. */
static void check_unchanged(const struct fake_work *work)
{
	const uint8_t *at = work->bytes;

	for (uint32_t i = 0; i < work->sge_count; at += work->sge[i++].length)
		if (work->sge[i].length && memcmp(at, work->sge[i].base, work->sge[i].length) != 0) {
			fprintf(stderr, "fake: bytes of work request %llu changed while in flight\n",
				(unsigned long long)work->wr_id);
			abort();
		}
}

/* The region that rkey names, if qp may do access at [offset, offset + length). */
static struct fake_region *region_check(struct fake_node *node, np_qp_t qp, uint32_t rkey,
					uint64_t offset, uint32_t length, uint32_t access)
{
	struct fake_region *region = &node->regions[rkey % FAKE_REGIONS];
	uint64_t size = 0;

	if (region->pieces == NULL || region->rkey != rkey || region->qp != qp ||
	    (region->access & access) == 0)
		return NULL;
	for (uint32_t i = 0; i < region->count; i++)
		size += region->pieces[i].length;
	return offset <= size && length <= size - offset ? region : NULL;
}

static void region_copy(struct fake_region *region, uint64_t offset, uint8_t *bytes,
			uint32_t length, bool to_region)
{
	for (uint32_t i = 0; i < region->count && length > 0; i++) {
		const struct np_sge *piece = &region->pieces[i];
		uint64_t part = piece->length - offset;
		uint8_t *at = (uint8_t *)piece->base + offset;

		if (offset >= piece->length) {
			offset -= piece->length;
			continue;
		}
		if (part > length)
			part = length;
		memcpy(to_region ? at : bytes, to_region ? bytes : at, part);
		bytes += part;
		length -= part;
		offset = 0;
	}
}

/* The QP at the other end if it is connected to this one now, else NULL. */
static struct fake_qp *peer_of(struct fake_node *node, struct fake_qp *qp, struct fake_node **peer,
			       np_qp_t *number)
{
	struct fake_node *other = fake_node_at(node->net, qp->remote.addr);
	np_qp_t at = qp->remote.qpn & ((1u << QPN_GENERATION_SHIFT) - 1);
	struct fake_qp *theirs;

	if (other == NULL || !fake_reaches(node->net, node, other) || at >= node->net->config.qps)
		return NULL;
	theirs = &other->qps[at];
	if (theirs->state != FAKE_QP_READY || theirs->local.qpn != qp->remote.qpn ||
	    theirs->local.psn != qp->remote.psn || theirs->remote.qpn != qp->local.qpn ||
	    theirs->remote.addr != qp->local.addr || theirs->remote.psn != qp->local.psn)
		return NULL;
	*peer = other;
	*number = at;
	return theirs;
}

/* The head of flying does its effect at the peer; false: it could not yet. */
static bool arrive(struct fake_net *net, struct fake_work *work, struct fake_node *peer,
		   np_qp_t peer_qp)
{
	struct fake_region *region;
	struct fake_buffer *buffer;

	if (work->op == FAKE_SEND) {
		buffer = fake_buffer_get(peer, work->bytes, work->length);
		if (buffer == NULL) {
			net->stats.receiver_not_ready++;
			return false;
		}
		net->stats.sends_delivered++;
		fake_event_add(peer, &(struct np_event){
			.kind = NP_EV_RECV, .qp = peer_qp, .data = buffer->data,
			.length = work->length, .buffer = buffer, .from = 0 });
		return true;
	}
	region = region_check(peer, peer_qp, work->rkey, work->remote_offset, work->length,
			      work->op == FAKE_READ ? NP_ACCESS_REMOTE_READ : NP_ACCESS_REMOTE_WRITE);
	if (region == NULL && !(work->op == FAKE_WRITE && work->length == 0)) {
		net->stats.remote_access_errors++;
		work->status = NP_E_REMOTE_ACCESS;
		return true;
	}
	if (work->op == FAKE_READ)
		net->stats.reads++;
	else
		net->stats.writes++;
	if (region != NULL)
		region_copy(region, work->remote_offset, work->bytes, work->length,
			    work->op == FAKE_WRITE);
	if (work->with_imm)
		fake_event_add(peer, &(struct np_event){
			.kind = NP_EV_WRITE_IMM, .qp = peer_qp, .imm = work->imm,
			.rkey = work->rkey, .length = work->length });
	return true;
}

/* To the error state: nothing of the caller's is touched after this (F3). */
static void fail(struct fake_node *node, np_qp_t number)
{
	struct fake_qp *qp = &node->qps[number];

	qp->state = FAKE_QP_ERROR;
	LIST_FOR_EACH_SAFE(l, next, &qp->flying) {
		node->net->stats.sends_dropped_by_error++;
		work_free(qp, container_of(l, struct fake_work, link));
	}
	LIST_FOR_EACH_SAFE(l, next, &qp->arrived)
		work_free(qp, container_of(l, struct fake_work, link));
	node->net->stats.qp_errors++;
	fake_event_add(node, &(struct np_event){ .kind = NP_EV_QP_ERROR, .qp = number });
}

void fake_qp_break(struct fake_net *net, struct fake_node *node, np_qp_t number)
{
	struct fake_qp *qp = qp_of(node, number), *theirs;
	struct fake_node *peer;
	np_qp_t peer_number;
	uint32_t flying = 0;

	if (qp == NULL || qp->state != FAKE_QP_READY)
		return;
	theirs = peer_of(node, qp, &peer, &peer_number);
	if (theirs != NULL) {
		LIST_FOR_EACH(l, &qp->flying)
			flying++;
		flying = (uint32_t)(fake_random(net) % (flying + 1));
		/* F2: a prefix lands. */
		while (flying-- > 0 && arrive(net, list_first(&qp->flying, struct fake_work, link),
					      peer, peer_number))
			work_free(qp, list_first(&qp->flying, struct fake_work, link));
		if (fake_random(net) & 1)
			fake_timer_add(net, (struct fake_timer){
				.time = net->now + fake_flight_ns(net) +
					fake_random(net) % (4 * FAKE_RETRY_NS),
				.kind = FAKE_T_BREAK, .node = peer->number, .life = peer->life,
				.qp = peer_number, .generation = theirs->generation });
	}
	fail(node, number);
}

/* An acknowledged work request becomes its event. false: it took the QP with it. */
static bool complete(struct fake_node *node, np_qp_t number, struct fake_work *work)
{
	static const enum np_event_kind done[] = { NP_EV_SEND_DONE, NP_EV_READ_DONE, NP_EV_WRITE_DONE };
	struct fake_qp *qp = &node->qps[number];
	const uint8_t *from = work->bytes;
	int status = work->status;

	if (work->op != FAKE_READ)
		check_unchanged(work);
	else if (status == NP_OK)
		for (uint32_t i = 0; i < work->sge_count; from += work->sge[i++].length)
			memcpy((void *)work->sge[i].base, from, work->sge[i].length);
	fake_event_add(node, &(struct np_event){ .kind = done[work->op], .qp = number,
						 .wr_id = work->wr_id, .status = status });
	work_free(qp, work);
	if (status != NP_OK)
		fail(node, number);
	return status == NP_OK;
}

/* The QP makes no progress now; true: for too long, and it has failed. */
static bool blocked_too_long(struct fake_node *node, np_qp_t number)
{
	struct fake_net *net = node->net;
	struct fake_qp *qp = &node->qps[number];

	if (qp->blocked_since == UINT64_MAX)
		qp->blocked_since = net->now;
	if (net->now - qp->blocked_since < net->config.qp_timeout_ns)
		return false;
	fail(node, number);
	return true;
}

/* Arrivals and acknowledgements of one QP that are due. */
void fake_qp_tick(struct fake_net *net, struct fake_node *node, np_qp_t number)
{
	struct fake_qp *qp = qp_of(node, number);
	struct fake_node *peer;
	struct fake_work *work;
	np_qp_t peer_number;

	if (qp == NULL || qp->state != FAKE_QP_READY)
		return;
	while ((work = list_first(&qp->flying, struct fake_work, link)) != NULL &&
	       work->arrive_ns <= net->now) {
		if (fake_chance(net, net->config.qp_error_ppm)) {
			fake_qp_break(net, node, number);
			return;
		}
		if (peer_of(node, qp, &peer, &peer_number) == NULL ||
		    !arrive(net, work, peer, peer_number)) {
			if (blocked_too_long(node, number))
				return;
			work->arrive_ns = net->now + FAKE_RETRY_NS;
			tick_at(node, number, work->arrive_ns);
			break;
		}
		qp->blocked_since = UINT64_MAX;
		work->ack_ns = net->now + fake_flight_ns(net);
		if (work->op == FAKE_SEND && (work->flags & NP_SEND_SOLICIT_ACK) == 0)
			work->ack_ns += net->config.ack_delay_ns;
		list_remove(&work->link);
		list_add_tail(&qp->arrived, &work->link);
		tick_at(node, number, work->ack_ns);
	}
	/* An acknowledgement covers all that arrived before: the newest that is due completes the rest. */
	LIST_FOR_EACH(l, &qp->arrived) {
		work = container_of(l, struct fake_work, link);
		if (work->ack_ns > net->now)
			continue;
		for (struct list *first = qp->arrived.next; first != l; first = first->next)
			container_of(first, struct fake_work, link)->ack_ns = net->now;
	}
	while ((work = list_first(&qp->arrived, struct fake_work, link)) != NULL &&
	       work->ack_ns <= net->now) {
		if (peer_of(node, qp, &peer, &peer_number) == NULL &&
		    !(fake_node_at(net, qp->remote.addr) &&
		      fake_reaches(net, node, fake_node_at(net, qp->remote.addr)))) {
			/* The acknowledgement cannot come through a cut cable: later, or never. */
			if (blocked_too_long(node, number))
				return;
			tick_at(node, number, work->ack_ns = net->now + FAKE_RETRY_NS);
			break;
		}
		if (!complete(node, number, work))
			return;
	}
}

static int op_qp_create(struct provider *p, np_qp_t *number, struct np_qp_params *local)
{
	struct fake_node *node = node_of(p);

	for (np_qp_t i = 0; node->up && i < node->net->config.qps; i++) {
		struct fake_qp *qp = &node->qps[i];
		uint32_t generation = qp->generation + 1;

		if (qp->state != FAKE_QP_FREE)
			continue;
		*qp = (struct fake_qp){ .state = FAKE_QP_RESET, .generation = generation,
					.blocked_since = UINT64_MAX };
		list_init(&qp->flying);
		list_init(&qp->arrived);
		qp->local = (struct np_qp_params){
			.qpn = i | (generation & 0xfff) << QPN_GENERATION_SHIFT,
			.psn = fake_random(node->net) & 0xffffff, .mtu = node->net->config.mtu,
			.addr = p->self };
		*local = qp->local;
		*number = i;
		return NP_OK;
	}
	return NP_E_NO_RESOURCE;
}

static int op_connect(struct provider *p, np_qp_t number, const struct np_qp_params *remote,
		      uint64_t now_ns)
{
	struct fake_qp *qp = qp_of(node_of(p), number);

	fake_net_advance(node_of(p)->net, now_ns);
	if (qp == NULL || qp->state != FAKE_QP_RESET || remote->mtu < 256)
		return NP_E_INVALID;
	qp->remote = *remote;
	qp->state = FAKE_QP_READY;
	return NP_OK;
}

static void qp_wipe(struct fake_node *node, np_qp_t number)
{
	struct fake_qp *qp = &node->qps[number];

	if (qp->state == FAKE_QP_FREE)
		return;
	LIST_FOR_EACH_SAFE(l, next, &qp->flying)
		work_free(qp, container_of(l, struct fake_work, link));
	LIST_FOR_EACH_SAFE(l, next, &qp->arrived)
		work_free(qp, container_of(l, struct fake_work, link));
	for (uint32_t i = 0; i < FAKE_REGIONS; i++)
		if (node->regions[i].pieces != NULL && node->regions[i].qp == number) {
			free(node->regions[i].pieces);
			node->regions[i].pieces = NULL;
		}
	qp->state = FAKE_QP_FREE;
}

static void buffer_free(struct fake_node *node, struct fake_buffer *buffer)
{
	list_remove(&buffer->link);
	free(buffer);
	node->buffers_out--;
}

static void op_close(struct provider *p, np_qp_t number)
{
	struct fake_node *node = node_of(p);

	if (qp_of(node, number) == NULL)
		return;
	LIST_FOR_EACH_SAFE(l, next, &node->events) {
		struct fake_event *e = container_of(l, struct fake_event, link);

		if (e->event.qp != number)
			continue;
		if (e->event.buffer != NULL)
			buffer_free(node, e->event.buffer);
		list_remove(&e->link);
		free(e);
	}
	qp_wipe(node, number);
}

void fake_node_wipe(struct fake_node *node)
{
	for (np_qp_t i = 0; i < node->net->config.qps; i++)
		qp_wipe(node, i);
	LIST_FOR_EACH_SAFE(l, next, &node->events)
		free(container_of(l, struct fake_event, link));
	list_init(&node->events);
	LIST_FOR_EACH_SAFE(l, next, &node->out)
		buffer_free(node, container_of(l, struct fake_buffer, link));
}

/* Purpose: the common part of the three posts. *out is flying on return of NP_OK. */
static int post(struct provider *p, np_qp_t number, enum fake_op op, const struct np_sge *sge,
		uint32_t sge_count, uint64_t wr_id, uint64_t now_ns, struct fake_work **out)
{
	struct fake_node *node = node_of(p);
	struct fake_qp *qp;
	struct fake_work *work;
	uint64_t length = 0;

	fake_net_advance(node->net, now_ns);
	qp = qp_of(node, number);
	if (qp == NULL || qp->state != FAKE_QP_READY || sge_count > NP_MAX_SGE)
		return NP_E_INVALID;
	for (uint32_t i = 0; i < sge_count; i++)
		length += sge[i].length;
	if (length > (op == FAKE_SEND ? NP_SEND_MAX : 0x7fffffffu))
		return NP_E_INVALID;
	if (qp->outstanding == node->net->config.sends)
		return NP_E_AGAIN;
	work = calloc(1, sizeof(*work));
	if (work == NULL || (work->bytes = malloc(length + 1)) == NULL)
		abort();
	work->op = op;
	work->wr_id = wr_id;
	work->length = (uint32_t)length;
	work->sge_count = sge_count;
	if (sge_count)
		memcpy(work->sge, sge, sge_count * sizeof(*sge));
	if (op != FAKE_READ)
		gather(work->bytes, sge, sge_count);
	work->arrive_ns = now_ns + fake_flight_ns(node->net);
	if (work->arrive_ns < qp->last_arrive_ns)
		work->arrive_ns = qp->last_arrive_ns;
	qp->last_arrive_ns = work->arrive_ns;
	list_add_tail(&qp->flying, &work->link);
	qp->outstanding++;
	tick_at(node, number, work->arrive_ns);
	*out = work;
	return NP_OK;
}

static int op_post_send(struct provider *p, np_qp_t qp, const struct np_sge *sge, uint32_t sge_count,
			uint64_t wr_id, uint32_t flags, uint64_t now_ns)
{
	struct fake_work *work;
	int r = post(p, qp, FAKE_SEND, sge, sge_count, wr_id, now_ns, &work);

	if (r == NP_OK)
		work->flags = flags;
	return r;
}

static int op_post_read(struct provider *p, np_qp_t qp, const struct np_sge *local,
			uint32_t sge_count, uint64_t remote_offset, uint32_t rkey, uint64_t wr_id,
			uint64_t now_ns)
{
	struct fake_work *work;
	int r = post(p, qp, FAKE_READ, local, sge_count, wr_id, now_ns, &work);

	if (r == NP_OK) {
		work->remote_offset = remote_offset;
		work->rkey = rkey;
	}
	return r;
}

static int op_post_write(struct provider *p, np_qp_t qp, const struct np_sge *sge,
			 uint32_t sge_count, uint64_t remote_offset, uint32_t rkey, bool with_imm,
			 uint32_t imm, uint64_t wr_id, uint64_t now_ns)
{
	struct fake_work *work;
	int r = post(p, qp, FAKE_WRITE, sge, sge_count, wr_id, now_ns, &work);

	if (r == NP_OK) {
		work->remote_offset = remote_offset;
		work->rkey = rkey;
		work->with_imm = with_imm;
		work->imm = imm;
	}
	return r;
}

static int op_register_region(struct provider *p, np_qp_t qp, const struct np_sge *pieces,
			      uint32_t count, uint32_t access, uint32_t *rkey)
{
	struct fake_node *node = node_of(p);

	if (qp_of(node, qp) == NULL || count == 0)
		return NP_E_INVALID;
	for (uint32_t i = 0; i < FAKE_REGIONS; i++) {
		struct fake_region *region = &node->regions[i];

		if (region->pieces != NULL)
			continue;
		region->pieces = malloc(count * sizeof(*pieces));
		if (region->pieces == NULL)
			abort();
		memcpy(region->pieces, pieces, count * sizeof(*pieces));
		region->count = count;
		region->qp = qp;
		region->access = access;
		region->rkey = (uint32_t)fake_random(node->net) / FAKE_REGIONS * FAKE_REGIONS + i;
		*rkey = region->rkey;
		return NP_OK;
	}
	return NP_E_NO_RESOURCE;
}

static void op_invalidate(struct provider *p, uint32_t rkey)
{
	struct fake_region *region = &node_of(p)->regions[rkey % FAKE_REGIONS];

	if (region->pieces == NULL || region->rkey != rkey)
		return;
	free(region->pieces);
	region->pieces = NULL;
}

static void datagram_fly(struct fake_net *net, struct fake_node *from, struct fake_node *to,
			 const void *data, uint32_t length)
{
	uint32_t copies = 1;

	if (fake_chance(net, net->config.datagram_loss_ppm)) {
		net->stats.datagrams_lost++;
		return;
	}
	if (fake_chance(net, net->config.datagram_double_ppm)) {
		net->stats.datagrams_doubled++;
		copies = 2;
	}
	while (copies-- > 0) {
		uint8_t *bytes = malloc(length + 1);

		if (bytes == NULL)
			abort();
		if (length)
			memcpy(bytes, data, length);
		fake_timer_add(net, (struct fake_timer){
			.time = net->now + fake_flight_ns(net), .kind = FAKE_T_DATAGRAM,
			.node = to->number, .bytes = bytes, .length = length,
			.from = from->provider.self });
	}
}

static int op_send_datagram(struct provider *p, np_addr_t to, const void *data, uint32_t length,
			    uint64_t now_ns)
{
	struct fake_node *node = node_of(p);
	struct fake_net *net = node->net;

	if (length > 1024 || !node->up)
		return NP_E_INVALID;
	fake_net_advance(net, now_ns);
	if (to != NP_ADDR_BROADCAST) {
		if (fake_node_at(net, to) != NULL)
			datagram_fly(net, node, fake_node_at(net, to), data, length);
		return NP_OK;
	}
	for (uint32_t i = 0; i < net->config.nodes; i++)
		if (i != node->number)
			datagram_fly(net, node, net->nodes[i], data, length);
	return NP_OK;
}

static bool op_next_event(struct provider *p, struct np_event *event)
{
	struct fake_event *e = list_first(&node_of(p)->events, struct fake_event, link);

	if (e == NULL)
		return false;
	*event = e->event;
	list_remove(&e->link);
	free(e);
	return true;
}

static void op_recv_done(struct provider *p, void *buffer)
{
	buffer_free(node_of(p), buffer);
}

static uint64_t op_run(struct provider *p, uint64_t now_ns)
{
	return fake_net_advance(node_of(p)->net, now_ns);
}

const struct provider_ops fake_ops = {
	.qp_create = op_qp_create,
	.connect = op_connect,
	.close = op_close,
	.post_send = op_post_send,
	.post_read = op_post_read,
	.post_write = op_post_write,
	.register_region = op_register_region,
	.invalidate = op_invalidate,
	.send_datagram = op_send_datagram,
	.next_event = op_next_event,
	.recv_done = op_recv_done,
	.run = op_run,
};
