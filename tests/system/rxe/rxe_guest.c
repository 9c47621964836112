/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rxe_guest.c - a real RDMA peer: Linux's rxe through libibverbs, in a guest. It does what the other side
 * asks for (talk.h): takes part in a queue pair, sends, writes and reads by itself, checks every byte that comes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <linux/netlink.h>
#include <rdma/rdma_netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "talk.h"

#define RECEIVES 64
#define FLYING_MAX 8

static struct ibv_context *context;
static struct ibv_pd *pd;
static struct ibv_cq *cq;
static struct ibv_qp *qp;
static struct ibv_mr *region_mr, *receive_mr, *local_mr;
static uint8_t region[REGION_BYTES], receives[RECEIVES][MESSAGE_MAX], local[FLYING_MAX][MESSAGE_MAX];
static int gid_index = -1;
static uint32_t received, immediates, wrong, done, flying;
static int failed;

static void die(const char *what)
{
	printf("RXE-ERROR %s: %s\n", what, strerror(errno));
	fflush(stdout);
	sleep(1);
	exit(1);
}

static void attribute(char **at, uint16_t type, const char *value)
{
	struct nlattr *a = (struct nlattr *)*at;

	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + strlen(value) + 1);
	strcpy((char *)a + NLA_HDRLEN, value);
	*at += NLA_ALIGN(a->nla_len);
}

/* What `rdma link add rxe0 type rxe netdev eth0` does. */
static void add_device(void)
{
	char message[256] = { 0 }, *at = message + NLMSG_HDRLEN;
	struct nlmsghdr *head = (void *)message;
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_RDMA);
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[512];
	} answer;

	attribute(&at, RDMA_NLDEV_ATTR_DEV_NAME, "rxe0");
	attribute(&at, RDMA_NLDEV_ATTR_LINK_TYPE, "rxe");
	attribute(&at, RDMA_NLDEV_ATTR_NDEV_NAME, "eth0");
	head->nlmsg_len = (uint32_t)(at - message);
	head->nlmsg_type = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_NEWLINK);
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (s < 0 || send(s, message, head->nlmsg_len, 0) < 0 || recv(s, &answer, sizeof(answer), 0) < 0)
		die("netlink");
	if (answer.error.error != 0) {
		errno = -answer.error.error;
		die("adding rxe0");
	}
	close(s);
}

static void open_device(void)
{
	struct ibv_device **list;
	union ibv_gid gid;
	int count = 0;

	for (int i = 0; i < 100 && count == 0; i++) {
		list = ibv_get_device_list(&count);
		usleep(20000);
	}
	if (count == 0)
		die("no RDMA device");
	context = ibv_open_device(list[0]);
	if (context == NULL)
		die("ibv_open_device");
	pd = ibv_alloc_pd(context);
	cq = ibv_create_cq(context, 512, NULL, NULL, 0);
	region_mr = ibv_reg_mr(pd, region, sizeof(region), IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
							   IBV_ACCESS_REMOTE_WRITE);
	receive_mr = ibv_reg_mr(pd, receives, sizeof(receives), IBV_ACCESS_LOCAL_WRITE);
	local_mr = ibv_reg_mr(pd, local, sizeof(local), IBV_ACCESS_LOCAL_WRITE);
	if (!pd || !cq || !region_mr || !receive_mr || !local_mr)
		die("verbs objects");
	/* The GID that is an IPv4 address. */
	for (int i = 0; i < 16; i++)
		if (ibv_query_gid(context, 1, i, &gid) == 0 && gid.raw[10] == 0xff && gid.raw[11] == 0xff &&
		    gid.raw[12] == 10)
			gid_index = i;
	if (gid_index < 0)
		die("no IPv4 GID");
}

static void post_receive(uint32_t i)
{
	struct ibv_sge sge = { (uintptr_t)receives[i], MESSAGE_MAX, receive_mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = i, .sg_list = &sge, .num_sge = 1 }, *bad;

	if (ibv_post_recv(qp, &wr, &bad))
		die("ibv_post_recv");
}

static enum ibv_mtu mtu_of(uint32_t bytes)
{
	return bytes == 256 ? IBV_MTU_256 : bytes == 512 ? IBV_MTU_512 : bytes == 1024 ? IBV_MTU_1024 :
	       bytes == 2048 ? IBV_MTU_2048 : IBV_MTU_4096;
}

static void connect_qp(struct talk *t)
{
	struct ibv_qp_init_attr init = { .send_cq = cq, .recv_cq = cq, .qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = 64, .max_recv_wr = RECEIVES, .max_send_sge = 1, .max_recv_sge = 1 } };
	struct ibv_qp_attr a = { .qp_state = IBV_QPS_INIT, .port_num = 1,
		.qp_access_flags = IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE };
	struct ibv_wc wc;
	uint32_t addr = htonl(t->addr);

	if (qp != NULL)
		ibv_destroy_qp(qp);
	while (ibv_poll_cq(cq, 1, &wc) > 0)
		;
	received = immediates = wrong = done = flying = 0;
	failed = 0;
	for (uint32_t i = 0; i < REGION_BYTES; i++)
		region[i] = i < HALF ? region_byte(i) : 0;
	qp = ibv_create_qp(pd, &init);
	if (qp == NULL)
		die("ibv_create_qp");
	if (ibv_modify_qp(qp, &a, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS))
		die("to INIT");
	for (uint32_t i = 0; i < RECEIVES; i++)
		post_receive(i);
	a = (struct ibv_qp_attr){ .qp_state = IBV_QPS_RTR, .path_mtu = mtu_of(t->mtu), .dest_qp_num = t->qpn,
		.rq_psn = t->psn, .max_dest_rd_atomic = 8, .min_rnr_timer = 8,
		.ah_attr = { .is_global = 1, .port_num = 1,
			     .grh = { .sgid_index = (uint8_t)gid_index, .hop_limit = 64 } } };
	a.ah_attr.grh.dgid.raw[10] = a.ah_attr.grh.dgid.raw[11] = 0xff;
	memcpy(a.ah_attr.grh.dgid.raw + 12, &addr, 4);
	if (ibv_modify_qp(qp, &a, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
				  IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER))
		die("to RTR");
	a = (struct ibv_qp_attr){ .qp_state = IBV_QPS_RTS, .sq_psn = 0xffff80, .timeout = 16, .retry_cnt = 7,
		.rnr_retry = 7, .max_rd_atomic = 8 };
	if (ibv_modify_qp(qp, &a, IBV_QP_STATE | IBV_QP_SQ_PSN | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
				  IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC))
		die("to RTS");
	/* What the other side now needs, in place of what it said. */
	t->qpn = qp->qp_num;
	t->psn = 0xffff80;
	t->rkey = region_mr->rkey;
	t->base = (uintptr_t)region;
}

static bool all_right(const uint8_t *bytes, uint32_t n, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if (bytes[i] != message_byte(n, i))
			return false;
	return true;
}

/* Request n of ours, of kind, against the other side's region. */
static void post(const struct talk *t, uint32_t n)
{
	static const enum ibv_wr_opcode opcodes[] = { IBV_WR_SEND, IBV_WR_RDMA_WRITE,
						      IBV_WR_RDMA_WRITE_WITH_IMM, IBV_WR_RDMA_READ };
	struct ibv_sge sge = { (uintptr_t)local[n % FLYING_MAX], message_length(n), local_mr->lkey };
	struct ibv_send_wr wr = { .wr_id = n | 0x80000000u, .sg_list = &sge, .num_sge = 1,
		.opcode = opcodes[t->kind], .send_flags = IBV_SEND_SIGNALED, .imm_data = htonl(n) }, *bad;

	for (uint32_t i = 0; i < sge.length; i++)
		local[n % FLYING_MAX][i] = t->kind == KIND_READ ? 0 : message_byte(n, i);
	wr.wr.rdma.rkey = t->rkey;
	wr.wr.rdma.remote_addr = request_offset(n) + (t->kind == KIND_READ ? 0 : HALF);
	if (ibv_post_send(qp, &wr, &bad))
		die("ibv_post_send");
	flying++;
}

/* Take completions. kind is that of what we posted. */
static void complete(uint32_t kind)
{
	struct ibv_wc wc;

	while (ibv_poll_cq(cq, 1, &wc) > 0) {
		if (wc.status != IBV_WC_SUCCESS) {
			if (failed == 0)
				failed = (int)wc.status;
			continue;
		}
		if (wc.wr_id & 0x80000000u) {
			uint32_t n = (uint32_t)wc.wr_id & 0x7fffffff;

			for (uint32_t i = 0; kind == KIND_READ && i < message_length(n); i++)
				if (local[n % FLYING_MAX][i] != region_byte(request_offset(n) + i)) {
					wrong++;
					break;
				}
			done++;
			flying--;
			continue;
		}
		if (wc.opcode == IBV_WC_RECV_RDMA_WITH_IMM) {
			immediates++;
		} else {
			wrong += wc.byte_len != message_length(received) ||
				 !all_right(receives[wc.wr_id], received, wc.byte_len);
			received++;
		}
		post_receive((uint32_t)wc.wr_id);
	}
}

static void run(struct talk *t)
{
	uint32_t n = 0;

	done = 0;
	while (done < t->count && failed == 0) {
		/* A SEND's slot may be written again when the one before in it is complete: in order. */
		while (n < t->count && n - done < FLYING_MAX)
			post(t, n++);
		complete(t->kind);
	}
	t->status = failed;
	t->wrong = wrong;
}

int main(void)
{
	struct sockaddr_in self = { .sin_family = AF_INET, .sin_port = htons(TALK_PORT) }, peer;
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct talk t, answer = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	add_device();
	open_device();
	if (s < 0 || bind(s, (struct sockaddr *)&self, sizeof(self)) != 0)
		die("UDP");
	printf("RXE-READY\n");
	for (;;) {
		socklen_t length = sizeof(peer);

		complete(KIND_SEND);
		if (recvfrom(s, &t, sizeof(t), MSG_DONTWAIT, (struct sockaddr *)&peer, &length) != sizeof(t) ||
		    t.magic != TALK_MAGIC) {
			usleep(100);
			continue;
		}
		if (t.number != answer.number) {
			answer = t;
			answer.status = 0;
			if (t.op == TALK_CONNECT)
				connect_qp(&answer);
			else if (t.op == TALK_RUN)
				run(&answer);
			answer.received = received;
			answer.immediates = immediates;
			answer.wrong = wrong;
			if (answer.status == 0)
				answer.status = failed;
		}
		sendto(s, &answer, sizeof(answer), 0, (struct sockaddr *)&peer, length);
		if (t.op == TALK_END)
			return 0;
	}
}
