/* SPDX-License-Identifier: BSD-2-Clause */
/* Description: two engines on unix datagram sockets: small calls, bulk, a full socket, a peer that comes late and comes again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "hosted/link_dgram.h"

#define SECOND 1000000000ull

static char directory[] = "/tmp/link_dgram.XXXXXX", path[2][64];

static struct link_dgram *open_node(uint32_t i)
{
	struct roce_config c = { ROCE_CONFIG_NODE, .self = 0x0a4d0001 + i, .netmask = 0xffffff00,
				 .mac = { 2, 0, 0, 0, 0, (uint8_t)i }, .link_mtu = 9000 };
	const char *error;
	struct link_dgram *link = link_dgram_open(path[i], path[!i], &c, &error);

	if (link == NULL)
		fail_msg("%s", error);
	return link;
}

static struct provider *provider_of(struct link_dgram *link)
{
	return roce_provider(link_dgram_roce(link));
}

/* One step of both; waits a little if there is nothing to do. */
static void step(struct link_dgram *a, struct link_dgram *b)
{
	link_dgram_step(b);
	link_dgram_wait(a, link_dgram_now() + 100000);
}

static void connect_both(struct link_dgram *a, struct link_dgram *b, np_qp_t *qa, np_qp_t *qb)
{
	struct provider *pa = provider_of(a), *pb = provider_of(b);
	struct np_qp_params la, lb;

	assert_int_equal(pa->ops->qp_create(pa, qa, &la), NP_OK);
	assert_int_equal(pb->ops->qp_create(pb, qb, &lb), NP_OK);
	assert_int_equal(pa->ops->connect(pa, *qa, &lb, link_dgram_now()), NP_OK);
	assert_int_equal(pb->ops->connect(pb, *qb, &la, link_dgram_now()), NP_OK);
}

/* LINK0001 */
static void sends_and_reads_over_sockets_that_fill(void **state)
{
	static uint8_t region[1 << 20], copy[1 << 20], message[3000];
	struct link_dgram *a = open_node(0), *b = open_node(1);
	struct provider *pa = provider_of(a), *pb = provider_of(b);
	uint32_t rkey, sent = 0, got = 0, reads = 0;
	uint64_t limit = link_dgram_now() + 60 * SECOND;
	np_qp_t qa, qb;
	struct np_event e;

	connect_both(a, b, &qa, &qb);
	for (uint32_t i = 0; i < sizeof(region); i++)
		region[i] = (uint8_t)(i * 5 + (i >> 12));
	pb->ops->register_region(pb, qb, &(struct np_sge){ region, sizeof(region) }, 1,
				 NP_ACCESS_REMOTE_READ, &rkey);
	pa->ops->post_read(pa, qa, &(struct np_sge){ copy, sizeof(copy) }, 1, 0, rkey, 1, link_dgram_now());
	while ((got < 2000 || reads == 0) && link_dgram_now() < limit) {
		while (sent < 2000 && pa->ops->post_send(pa, qa, &(struct np_sge){ message, sizeof(message) }, 1,
							 sent, 0, link_dgram_now()) == NP_OK)
			sent++;
		step(a, b);
		while (pa->ops->next_event(pa, &e)) {
			assert_int_equal(e.status, NP_OK);
			reads += e.kind == NP_EV_READ_DONE;
		}
		while (pb->ops->next_event(pb, &e)) {
			assert_int_equal(e.kind, NP_EV_RECV);
			assert_int_equal(e.length, sizeof(message));
			got++;
			pb->ops->recv_done(pb, e.buffer);
		}
	}
	assert_int_equal(got, 2000);
	assert_int_equal(reads, 1);
	assert_memory_equal(copy, region, sizeof(region));
	/* An unix socket holds few datagrams: it was full, and nothing was lost by that. */
	assert_true(roce_counters(link_dgram_roce(a))[ROCE_no_room] > 0);
	assert_int_equal(roce_counters(link_dgram_roce(a))[ROCE_nak_sequence_in], 0);
	link_dgram_close(a);
	link_dgram_close(b);
}

/* LINK0002 */
static void a_peer_may_come_late_and_come_again(void **state)
{
	struct link_dgram *a = open_node(0), *b = NULL;
	struct provider *pa = provider_of(a);

	for (int round = 0; round < 3; round++) {
		uint64_t limit = link_dgram_now() + 30 * SECOND;
		struct np_event e = { 0 };

		/* To nobody: lost. */
		assert_int_equal(pa->ops->send_datagram(pa, NP_ADDR_BROADCAST, "x", 1, link_dgram_now()), NP_OK);
		b = open_node(1);
		pa->ops->send_datagram(pa, NP_ADDR_BROADCAST, "hello", 5, link_dgram_now());
		while (e.kind != NP_EV_DATAGRAM && link_dgram_now() < limit) {
			step(a, b);
			provider_of(b)->ops->next_event(provider_of(b), &e);
		}
		assert_int_equal(e.kind, NP_EV_DATAGRAM);
		assert_memory_equal(e.data, "hello", 5);
		link_dgram_close(b);
	}
	link_dgram_close(a);
}

/* LINK0003 */
static void a_path_that_cannot_be_is_refused(void **state)
{
	struct roce_config c = { ROCE_CONFIG_NODE, .self = 1, .netmask = 0xffffff00, .link_mtu = 1500 };
	const char *error = NULL;
	char longer[300];

	memset(longer, 'x', sizeof(longer));
	longer[299] = '\0';
	assert_null(link_dgram_open(longer, path[1], &c, &error));
	assert_string_equal(error, "the path of a socket is too long");
	assert_null(link_dgram_open("/nowhere/socket", path[1], &c, &error));
	assert_non_null(error);
	c.link_mtu = 100;
	assert_null(link_dgram_open(path[0], path[1], &c, &error));
	assert_string_equal(error, "the engine's configuration is not possible");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_and_reads_over_sockets_that_fill),
		cmocka_unit_test(a_peer_may_come_late_and_come_again),
		cmocka_unit_test(a_path_that_cannot_be_is_refused),
	};
	int failed;

	if (mkdtemp(directory) == NULL)
		return 1;
	snprintf(path[0], sizeof(path[0]), "%s/a", directory);
	snprintf(path[1], sizeof(path[1]), "%s/b", directory);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(directory);
	return failed;
}
