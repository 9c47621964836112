/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roce_side.c - our engine against Linux's rxe, each the requester in turn: roce_side LOCAL PEER MTU COUNT
 *
 * LOCAL and PEER are the sockets of a port of the fabric. Prints TAP lines without plan; exits 1 if one
 * of them is not ok.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hosted/link_dgram.h"
#include "talk.h"

#define SELF 0x0a4d0001u
#define GUEST 0x0a4d0002u
#define SECOND 1000000000ull
#define FLYING_MAX 32u

static struct link_dgram *fabric;
static struct provider *p;
static np_qp_t qp;
static uint32_t case_mtu, talk_number;
static uint8_t region[REGION_BYTES], local[FLYING_MAX][MESSAGE_MAX];
static struct talk peer, answer;
static uint32_t received, received_wrong, immediates, done, done_wrong, kind_now;
static bool answered, qp_error, failed;

static void check(bool good, const char *name)
{
	printf("%s - ROCE0401 %s, path MTU %u\n", good ? "ok" : "not ok", name, case_mtu);
	fflush(stdout);
	failed |= !good;
	if (good)
		return;
	/* What follows would wait for a dead queue pair. */
	for (uint32_t i = 0; i < ROCE_COUNTER_COUNT; i++)
		if (roce_counters(link_dgram_roce(fabric))[i] > 0)
			printf("# %s %llu\n", roce_counter_names[i],
			       (unsigned long long)roce_counters(link_dgram_roce(fabric))[i]);
	printf("# done %u wrong %u; received %u immediates %u wrong %u; QP error %d; answered %d status %d wrong %u\n",
	       done, done_wrong, received, immediates, received_wrong, qp_error, answered, answer.status,
	       answer.wrong);
	exit(1);
}

static void completed(const struct np_event *e)
{
	if (e->kind == NP_EV_SEND_DONE) {
		done = (uint32_t)e->wr_id + 1; /* it and all before */
		return;
	}
	for (uint32_t n = (uint32_t)e->wr_id, i = 0; kind_now == KIND_READ && i < message_length(n); i++)
		if (local[n % FLYING_MAX][i] != region_byte(request_offset(n) + i)) {
			done_wrong++;
			break;
		}
	done_wrong += e->status != NP_OK || e->wr_id != done;
	done++;
}

static void events(void)
{
	struct np_event e;

	while (p->ops->next_event(p, &e)) {
		switch (e.kind) {
		case NP_EV_DATAGRAM:
			if (e.length == sizeof(answer) && e.from == GUEST) {
				memcpy(&answer, e.data, sizeof(answer));
				answered = answer.magic == TALK_MAGIC && answer.number == talk_number;
			}
			break;
		case NP_EV_RECV:
			received_wrong += e.length != message_length(received);
			for (uint32_t i = 0; i < e.length; i++)
				if (e.data[i] != message_byte(received, i)) {
					received_wrong++;
					break;
				}
			received++;
			break;
		case NP_EV_WRITE_IMM:
			received_wrong += e.imm != immediates || e.length != message_length(immediates);
			immediates++;
			break;
		case NP_EV_QP_ERROR:
			qp_error = true;
			break;
		default:
			completed(&e);
		}
		if (e.buffer != NULL)
			p->ops->recv_done(p, e.buffer);
	}
}

/* Ask the guest, again every 200 ms; false: no answer. */
static bool ask(struct talk *t, uint64_t seconds)
{
	uint64_t end = link_dgram_now() + seconds * SECOND, next = 0;

	t->magic = TALK_MAGIC;
	t->number = ++talk_number;
	for (answered = false; !answered && link_dgram_now() < end; events()) {
		if (link_dgram_now() >= next) {
			p->ops->send_datagram(p, GUEST, t, sizeof(*t), link_dgram_now());
			next = link_dgram_now() + SECOND / 5;
		}
		link_dgram_wait(fabric, next);
	}
	return answered;
}

static void connect_qp(void)
{
	struct np_qp_params mine, theirs;
	struct talk t = { .op = TALK_CONNECT, .mtu = case_mtu, .addr = SELF };
	struct np_sge all = { region, sizeof(region) };

	received = received_wrong = immediates = done = done_wrong = 0;
	qp_error = false;
	for (uint32_t i = 0; i < REGION_BYTES; i++)
		region[i] = i < HALF ? region_byte(i) : 0;
	if (p->ops->qp_create(p, &qp, &mine) != NP_OK ||
	    p->ops->register_region(p, qp, &all, 1, NP_ACCESS_REMOTE_READ | NP_ACCESS_REMOTE_WRITE,
				    &peer.rkey) != NP_OK)
		exit(2);
	t.qpn = mine.qpn;
	t.psn = mine.psn;
	check(ask(&t, 60), "a queue pair is made with Linux rxe");
	theirs = (struct np_qp_params){ answer.qpn, answer.psn, case_mtu, GUEST };
	t.rkey = peer.rkey; /* ours, for the guest's requests */
	peer = answer;
	answer.rkey = t.rkey;
	if (p->ops->connect(p, qp, &theirs, link_dgram_now()) != NP_OK)
		exit(2);
}

/* We are the requester. */
static void our_requests(uint32_t kind, uint32_t count, const char *name)
{
	uint64_t end = link_dgram_now() + 60 * SECOND;
	uint32_t n = 0;

	kind_now = kind;
	done = done_wrong = 0;
	while (done < count && !qp_error && link_dgram_now() < end) {
		for (; n < count && n - done < FLYING_MAX; n++) {
			struct np_sge sge = { local[n % FLYING_MAX], message_length(n) };
			uint64_t at = peer.base + request_offset(n) + (kind == KIND_READ ? 0 : HALF);
			int status;

			for (uint32_t i = 0; i < sge.length; i++)
				local[n % FLYING_MAX][i] = kind == KIND_READ ? 0 : message_byte(n, i);
			if (kind == KIND_SEND)
				status = p->ops->post_send(p, qp, &sge, 1, n, 0, link_dgram_now());
			else if (kind == KIND_READ)
				status = p->ops->post_read(p, qp, &sge, 1, at, peer.rkey, n, link_dgram_now());
			else
				status = p->ops->post_write(p, qp, &sge, 1, at, peer.rkey,
							    kind == KIND_WRITE_IMM, n, n, link_dgram_now());
			if (status != NP_OK)
				break;
		}
		link_dgram_wait(fabric, link_dgram_now() + SECOND / 10);
		events();
	}
	check(done == count && done_wrong == 0 && !qp_error, name);
}

/* What we wrote, read back. */
static void read_back(uint32_t count)
{
	static uint8_t back[HALF], want[HALF];
	uint64_t end = link_dgram_now() + 60 * SECOND;

	memset(want, 0, sizeof(want));
	for (uint32_t n = 0; n < count; n++)
		for (uint32_t i = 0; i < message_length(n); i++)
			want[request_offset(n) + i] = message_byte(n, i);
	done = 0;
	kind_now = KIND_SEND; /* no check by completed() */
	p->ops->post_read(p, qp, &(struct np_sge){ back, HALF }, 1, peer.base + HALF, peer.rkey, 0,
			  link_dgram_now());
	while (done == 0 && !qp_error && link_dgram_now() < end) {
		link_dgram_wait(fabric, link_dgram_now() + SECOND / 10);
		events();
	}
	check(done == 1 && memcmp(back, want, HALF) == 0, "what was written is read back in one READ of 128 KiB");
}

/* The guest is the requester. */
static void guest_requests(uint32_t kind, uint32_t count, uint32_t rkey, const char *name)
{
	struct talk t = { .op = TALK_RUN, .kind = kind, .count = count, .rkey = rkey };
	bool good;

	received = received_wrong = immediates = 0;
	good = ask(&t, 60) && answer.status == 0 && answer.wrong == 0 && received_wrong == 0 && !qp_error;
	if (kind == KIND_SEND)
		good &= received == count;
	if (kind == KIND_WRITE_IMM)
		good &= immediates == count;
	check(good, name);
}

static bool written_here(uint32_t count)
{
	static uint8_t want[HALF];

	memset(want, 0, sizeof(want));
	for (uint32_t n = 0; n < count; n++)
		for (uint32_t i = 0; i < message_length(n); i++)
			want[request_offset(n) + i] = message_byte(n, i);
	return memcmp(region + HALF, want, HALF) == 0;
}

int main(int argc, char **argv)
{
	struct roce_config c = { ROCE_CONFIG_NODE, .self = SELF, .netmask = 0xffffff00,
				 .mac = { 2, 0x4d, 0, 0, 0, 1 }, .link_mtu = 9000 };
	struct talk t = { .op = TALK_RECEIVED };
	uint32_t count, rkey;
	const uint64_t *counters;
	const char *error;

	if (argc != 5)
		return 2;
	case_mtu = (uint32_t)atoi(argv[3]);
	count = (uint32_t)atoi(argv[4]);
	fabric = link_dgram_open(argv[1], argv[2], &c, &error);
	if (fabric == NULL) {
		fprintf(stderr, "roce_side: %s\n", error);
		return 2;
	}
	p = roce_provider(link_dgram_roce(fabric));
	connect_qp();
	rkey = answer.rkey;
	our_requests(KIND_SEND, count, "SENDs of all sizes to rxe");
	check(ask(&t, 30) && answer.received == count && answer.wrong == 0 && answer.status == 0,
	      "rxe received each once, in order, whole");
	our_requests(KIND_WRITE, count, "WRITEs to rxe");
	read_back(count);
	our_requests(KIND_WRITE_IMM, count, "WRITEs with immediate to rxe");
	check(ask(&t, 30) && answer.immediates == count && answer.wrong == 0, "rxe received each immediate");
	our_requests(KIND_READ, count, "READs from rxe");
	guest_requests(KIND_SEND, count, rkey, "SENDs from rxe");
	guest_requests(KIND_WRITE, count, rkey, "WRITEs from rxe");
	check(written_here(count), "they landed where they should");
	guest_requests(KIND_WRITE_IMM, count, rkey, "WRITEs with immediate from rxe");
	guest_requests(KIND_READ, count, rkey, "READs from rxe of our memory");
	/* An access error as IBTA has it: both ends say so. */
	peer.rkey ^= 0x100;
	kind_now = KIND_SEND;
	p->ops->post_read(p, qp, &(struct np_sge){ local, 64 }, 1, peer.base, peer.rkey, 0, link_dgram_now());
	for (uint64_t end = link_dgram_now() + 30 * SECOND; !qp_error && link_dgram_now() < end; events())
		link_dgram_wait(fabric, link_dgram_now() + SECOND / 10);
	counters = roce_counters(link_dgram_roce(fabric));
	check(qp_error && counters[ROCE_nak_fatal_in] == 1, "rxe refuses a wrong key with a NAK");
	for (uint32_t i = 0; i < ROCE_COUNTER_COUNT; i++)
		if (counters[i] > 0)
			printf("# %s %llu\n", roce_counter_names[i], (unsigned long long)counters[i]);
	check(counters[ROCE_drop_icrc] + counters[ROCE_drop_opcode] + counters[ROCE_drop_length] == 0,
	      "no packet of rxe was malformed to us");
	p->ops->close(p, qp);
	link_dgram_close(fabric);
	return failed;
}
