/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Description: the fake provider keeps the provider contract, and its faults are the ones it promises.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "provider/fake/fake.h"

#define ADDR 0x0a4d0001u

struct pair {
	struct fake_net *net;
	struct provider *a, *b;
	np_qp_t qa, qb;
	uint64_t now;
};

static struct pair pair_make(struct fake_config config)
{
	struct pair t = { .now = 1000 };
	struct np_qp_params pa, pb;

	config.nodes = 3;
	config.first_addr = ADDR;
	t.net = fake_net_create(&config);
	assert_non_null(t.net);
	t.a = fake_net_provider(t.net, 0);
	t.b = fake_net_provider(t.net, 1);
	assert_int_equal(t.a->ops->qp_create(t.a, &t.qa, &pa), NP_OK);
	assert_int_equal(t.b->ops->qp_create(t.b, &t.qb, &pb), NP_OK);
	assert_int_equal(t.a->ops->connect(t.a, t.qa, &pb, t.now), NP_OK);
	assert_int_equal(t.b->ops->connect(t.b, t.qb, &pa, t.now), NP_OK);
	return t;
}

/* Run the world for span_ns. */
static void run(struct pair *t, uint64_t span_ns)
{
	uint64_t end = t->now + span_ns;

	while (fake_net_advance(t->net, t->now) <= end)
		t->now = fake_net_advance(t->net, t->now);
	t->now = end;
}

/* FAKE0001 */
static void sends_arrive_whole_once_and_in_order(void **state)
{
	struct pair t = pair_make((struct fake_config){ .seed = 1, .jitter_ns = 50000 });
	static uint32_t words[5000];
	uint32_t sent = 0, got = 0;
	uint64_t done = 0;
	struct np_event e;

	while (got < 5000 || done < 5000) {
		for (; sent < 5000; sent++) {
			struct np_sge sge = { &words[sent], 4 };

			words[sent] = sent * 7;
			if (t.a->ops->post_send(t.a, t.qa, &sge, 1, sent + 1,
						sent % 32 == 0 ? NP_SEND_SOLICIT_ACK : 0,
						t.now) == NP_E_AGAIN)
				break;
		}
		run(&t, 30000);
		while (t.b->ops->next_event(t.b, &e)) {
			assert_int_equal(e.kind, NP_EV_RECV);
			assert_int_equal(e.qp, t.qb);
			assert_int_equal(e.length, 4);
			assert_memory_equal(e.data, &words[got], 4);
			got++;
			t.b->ops->recv_done(t.b, e.buffer);
		}
		while (t.a->ops->next_event(t.a, &e)) {
			assert_int_equal(e.kind, NP_EV_SEND_DONE);
			assert_int_equal(e.wr_id, ++done);
		}
	}
	assert_int_equal(fake_net_buffers_out(t.net, 1), 0);
	fake_net_destroy(t.net);
}

/* FAKE0002 */
static void a_broken_qp_delivers_a_prefix_and_says_so_once(void **state)
{
	bool seen[11] = { 0 };

	for (uint64_t seed = 0; seed < 200; seed++) {
		struct pair t = pair_make((struct fake_config){ .seed = seed });
		uint8_t bytes[10];
		struct np_event e;
		uint32_t got = 0;

		for (uint8_t i = 0; i < 10; i++) {
			bytes[i] = i;
			assert_int_equal(t.a->ops->post_send(t.a, t.qa, &(struct np_sge){ &bytes[i], 1 },
							     1, i, 0, t.now), NP_OK);
		}
		fake_net_break_qp(t.net, 0, t.qa, t.now);
		memset(bytes, 0xee, sizeof(bytes)); /* ours again */
		assert_int_equal(t.a->ops->post_send(t.a, t.qa, NULL, 0, 9, 0, t.now), NP_E_INVALID);
		run(&t, 1000000000);
		while (t.b->ops->next_event(t.b, &e))
			if (e.kind == NP_EV_RECV) {
				assert_int_equal(e.data[0], got++);
				t.b->ops->recv_done(t.b, e.buffer);
			}
		assert_true(got <= 10);
		seen[got] = true;
		assert_true(t.a->ops->next_event(t.a, &e));
		assert_int_equal(e.kind, NP_EV_QP_ERROR);
		assert_false(t.a->ops->next_event(t.a, &e));
		t.a->ops->close(t.a, t.qa);
		assert_int_equal(fake_net_qps(t.net, 0), 0);
		fake_net_destroy(t.net);
	}
	for (int i = 0; i <= 10; i++)
		assert_true(seen[i]);
}

/* FAKE0003 */
static void reads_and_writes_go_where_the_rkey_says(void **state)
{
	struct pair t = pair_make((struct fake_config){ .seed = 3 });
	char left[8] = "abcdefg", right[8] = "hijklmn", to[6] = "";
	struct np_sge pieces[2] = { { left, 7 }, { right, 7 } };
	struct np_event e;
	uint32_t rkey;

	assert_int_equal(t.b->ops->register_region(t.b, t.qb, pieces, 2,
						   NP_ACCESS_REMOTE_READ | NP_ACCESS_REMOTE_WRITE,
						   &rkey), NP_OK);
	t.a->ops->post_read(t.a, t.qa, &(struct np_sge){ to, 5 }, 1, 5, rkey, 1, t.now);
	t.a->ops->post_write(t.a, t.qa, &(struct np_sge){ "XY", 2 }, 1, 6, rkey, true, 77, 2, t.now);
	run(&t, 10000000);
	assert_true(t.a->ops->next_event(t.a, &e) && e.kind == NP_EV_READ_DONE && e.wr_id == 1);
	assert_memory_equal(to, "fghij", 5);
	assert_true(t.a->ops->next_event(t.a, &e) && e.kind == NP_EV_WRITE_DONE && e.wr_id == 2);
	assert_true(t.b->ops->next_event(t.b, &e) && e.kind == NP_EV_WRITE_IMM);
	assert_int_equal(e.imm, 77);
	assert_int_equal(e.rkey, rkey);
	assert_string_equal(left, "abcdefX");
	assert_string_equal(right, "Yijklmn");
	t.b->ops->invalidate(t.b, rkey);
	assert_int_equal(fake_net_regions(t.net, 1), 0);
	t.a->ops->post_read(t.a, t.qa, &(struct np_sge){ to, 5 }, 1, 5, rkey, 3, t.now);
	run(&t, 10000000);
	assert_true(t.a->ops->next_event(t.a, &e) && e.kind == NP_EV_READ_DONE);
	assert_int_equal(e.status, NP_E_REMOTE_ACCESS);
	assert_true(t.a->ops->next_event(t.a, &e) && e.kind == NP_EV_QP_ERROR);
	fake_net_destroy(t.net);
}

/* FAKE0004 */
static void datagrams_are_lost_doubled_and_broadcast(void **state)
{
	struct pair t = pair_make((struct fake_config){ .seed = 4, .datagram_loss_ppm = 200000,
							.datagram_double_ppm = 200000 });
	uint32_t got = 0;
	struct np_event e;

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(t.a->ops->send_datagram(t.a, NP_ADDR_BROADCAST, "hi", 2, t.now), NP_OK);
		run(&t, 100000);
		while (t.b->ops->next_event(t.b, &e)) {
			assert_int_equal(e.kind, NP_EV_DATAGRAM);
			assert_int_equal(e.from, ADDR);
			assert_memory_equal(e.data, "hi", 2);
			t.b->ops->recv_done(t.b, e.buffer);
			got++;
		}
		while (fake_net_provider(t.net, 2)->ops->next_event(fake_net_provider(t.net, 2), &e))
			t.b->ops->recv_done(fake_net_provider(t.net, 2), e.buffer);
	}
	assert_in_range(got, 880, 1040); /* 1000 x 0.8 x 1.2 */
	assert_in_range(fake_net_stats(t.net)->datagrams_lost, 320, 480);
	fake_net_destroy(t.net);
}

/* FAKE0005 */
static void a_crashed_peer_costs_the_qp_only_after_its_timeout(void **state)
{
	struct pair t = pair_make((struct fake_config){ .seed = 5, .qp_timeout_ns = 5000000000u });
	struct np_qp_params local;
	struct np_event e;
	np_qp_t qp;

	fake_net_crash(t.net, 1);
	assert_int_equal(t.b->ops->qp_create(t.b, &qp, &local), NP_E_NO_RESOURCE);
	t.a->ops->post_send(t.a, t.qa, &(struct np_sge){ "x", 1 }, 1, 1, 0, t.now);
	run(&t, 4900000000u);
	assert_false(t.a->ops->next_event(t.a, &e));
	fake_net_restart(t.net, 1);
	assert_int_equal(t.b->ops->qp_create(t.b, &qp, &local), NP_OK);
	run(&t, 200000000);
	assert_true(t.a->ops->next_event(t.a, &e));
	assert_int_equal(e.kind, NP_EV_QP_ERROR);
	assert_false(t.b->ops->next_event(t.b, &e));
	fake_net_destroy(t.net);
}

/* FAKE0006 */
static void a_cut_link_delays_and_loses_no_send(void **state)
{
	struct pair t = pair_make((struct fake_config){ .seed = 6 });
	struct np_event e;

	fake_net_cut(t.net, 0, 1, true);
	t.a->ops->post_send(t.a, t.qa, &(struct np_sge){ "x", 1 }, 1, 1, 0, t.now);
	t.a->ops->send_datagram(t.a, ADDR + 1, "d", 1, t.now);
	run(&t, 1000000000);
	assert_false(t.b->ops->next_event(t.b, &e));
	fake_net_cut(t.net, 0, 1, false);
	run(&t, 10000000);
	assert_true(t.b->ops->next_event(t.b, &e) && e.kind == NP_EV_RECV);
	t.b->ops->recv_done(t.b, e.buffer);
	assert_false(t.b->ops->next_event(t.b, &e));
	assert_true(t.a->ops->next_event(t.a, &e) && e.kind == NP_EV_SEND_DONE);
	fake_net_destroy(t.net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_arrive_whole_once_and_in_order),
		cmocka_unit_test(a_broken_qp_delivers_a_prefix_and_says_so_once),
		cmocka_unit_test(reads_and_writes_go_where_the_rkey_says),
		cmocka_unit_test(datagrams_are_lost_doubled_and_broadcast),
		cmocka_unit_test(a_crashed_peer_costs_the_qp_only_after_its_timeout),
		cmocka_unit_test(a_cut_link_delays_and_loses_no_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
