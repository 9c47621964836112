/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * death.c - what the others see when a node dies, and when it comes back. Prints TAP, and asks the test for
 * deeds: "# please: kill 3", "# please: start 3".
 *
 *   death member SELF VICTIM OTHER   VICTIM has no name server
 *   death name SELF VICTIM OTHER     VICTIM has it; begins when "phase/2" is registered, which the first does last
 *
 * Only on node SELF it does anything.
 */
#include "node.h"

#include <mach/host_priv.h>
#include <pthread.h>
#include <servers/name_server.h>
#include <tests/peer.h>

#define SOON_MS 5000u    /* by when a death must be known everywhere */
#define FOREVER_MS 60000u
#define QUEUE 5u         /* messages that a port takes */

static mach_port_t other, victim;
static unsigned victim_number;
static uint64_t killed_ns;

static unsigned since_kill_ms(void)
{
	return (unsigned)((node_now_ns() - killed_ns) / 1000000);
}

/* An event that must come by SOON_MS after the request to kill. */
static void soon(bool seen, const char *what)
{
	unsigned ms = since_kill_ms();

	tap(seen && ms <= SOON_MS, "%s", what);
	printf("# %s: %u ms\n", what, ms);
}

static unsigned rest_ms(void)
{
	unsigned ms = since_kill_ms();

	return ms < SOON_MS ? SOON_MS - ms : 1;
}

/* ---- a call that somebody waits in ---- */

struct waiting {
	pthread_t thread;
	kern_return_t (*call)(mach_port_name_t name, int *got);
	mach_port_name_t name;
	kern_return_t result;
	int got;
	unsigned ms;
	bool done;
};

static void *wait_in(void *argument)
{
	struct waiting *w = argument;

	w->result = w->call(w->name, &w->got);
	w->ms = since_kill_ms();
	__atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void begin(struct waiting *w, kern_return_t (*call)(mach_port_name_t, int *), mach_port_name_t name)
{
	*w = (struct waiting){ .call = call, .name = name };
	if (pthread_create(&w->thread, NULL, wait_in, w) != 0)
		node_must(KERN_RESOURCE_SHORTAGE, "pthread_create");
}

/* It ended with an error of its own in time; if not, it is left behind. */
static void ended(struct waiting *w, bool by_call, const char *what)
{
	while (!__atomic_load_n(&w->done, __ATOMIC_ACQUIRE) && since_kill_ms() <= SOON_MS)
		node_sleep_ms(10);
	if (!__atomic_load_n(&w->done, __ATOMIC_ACQUIRE)) {
		tap(false, "%s", what);
		return;
	}
	(void)pthread_join(w->thread, NULL);
	tap((by_call ? w->result : w->got) != KERN_SUCCESS && w->ms <= SOON_MS, "%s", what);
	printf("# %s: %u ms, %s (%#x)\n", what, w->ms, mach_error_string(by_call ? w->result : w->got),
	       (unsigned)(by_call ? w->result : w->got));
}

static kern_return_t call_victim(mach_port_name_t name, int *got)
{
	mach_msg_id_t id;
	natural_t number;

	return peer_receive(victim, name, FOREVER_MS, got, &id, &number);
}

static kern_return_t fill_queue(mach_port_name_t name, int *got)
{
	*got = 0;
	for (unsigned i = 0; i <= QUEUE && *got == 0; i++)
		*got = node_send(name, MACH_MSG_TYPE_COPY_SEND, 1, MACH_PORT_NULL, 0, FOREVER_MS);
	return KERN_SUCCESS;
}

static kern_return_t other_sends(mach_port_name_t name, int *got)
{
	return peer_send(other, name, MACH_MSG_TYPE_COPY_SEND, 2, MACH_PORT_NULL, 0, FOREVER_MS, got);
}

static kern_return_t look_up_never(mach_port_name_t name_server, int *got)
{
	mach_port_t found;

	return name_look_up(name_server, "never", NAME_WAIT, &found);
}

/* ---- rights of the victim, and rights that it has ---- */

static mach_port_t new_port(void)
{
	mach_port_t port = MACH_PORT_NULL;

	node_must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "a port");
	return port;
}

static void watch(mach_port_t name, mach_msg_id_t id, natural_t sync, mach_port_t notices)
{
	mach_port_t previous;

	node_must(mach_port_request_notification(mach_task_self(), name, id, sync, notices, MACH_MSG_TYPE_MAKE_SEND_ONCE,
						 &previous), "mach_port_request_notification");
}

static mach_port_t new_port_of_victim(mach_port_name_t *there)
{
	mach_port_name_t name;
	mach_port_t here = new_port(), right;
	struct {
		struct node_message m;
		mach_msg_trailer_t trailer;
	} in;
	int got;

	/* The right comes in a message, as any right does. */
	node_must(mach_port_insert_right(mach_task_self(), here, here, MACH_MSG_TYPE_MAKE_SEND), "a right");
	node_must(peer_make(victim, there), "peer_make");
	node_must(peer_keep(victim, here, MACH_MSG_TYPE_MOVE_SEND, &name), "peer_keep");
	node_must(peer_send(victim, name, MACH_MSG_TYPE_MOVE_SEND, 3, *there, MACH_MSG_TYPE_MAKE_SEND, 1000, &got), "peer_send");
	node_must(mach_msg(&in.m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(in), here, 5000, MACH_PORT_NULL), "receiving");
	right = in.m.right.name;
	node_must(mach_port_mod_refs(mach_task_self(), here, MACH_PORT_RIGHT_RECEIVE, -1), "destroying a port");
	return right;
}

static mach_msg_id_t next(mach_port_t port, unsigned ms, natural_t *number)
{
	natural_t unused;
	mach_msg_id_t id;

	return node_receive(port, ms, &id, number != NULL ? number : &unused) == MACH_MSG_SUCCESS ? id : 0;
}

static void ask_kill(void)
{
	printf("# please: kill %u\n", victim_number);
	killed_ns = node_now_ns();
}

static mach_port_type_t type_of(mach_port_t name)
{
	mach_port_type_t type = 0;

	(void)mach_port_type(mach_task_self(), name, &type);
	return type;
}

static uint64_t incarnation_of(mach_port_t peer)
{
	mach_port_t task, thread, host;
	host_node_info_data_t info = { 0 };
	mach_msg_type_number_t count = HOST_NODE_INFO_COUNT;

	if (peer_objects(peer, &task, &thread, &host) != KERN_SUCCESS)
		return 0;
	(void)host_info(host, HOST_NODE_INFO, (host_info_t)&info, &count);
	return info.incarnation;
}

static void restart(const char *name, uint64_t incarnation)
{
	uint64_t begun = node_now_ns();
	mach_port_t again;

	printf("# please: start %u\n", victim_number);
	again = node_find(name, 60);
	tap(again != MACH_PORT_NULL, "DEATH0030 the node is started again and its peer has a name again");
	printf("# back after %u ms\n", (unsigned)((node_now_ns() - begun) / 1000000));
	tap(peer_tick(again, 1, 0) == KERN_SUCCESS, "DEATH0031 it can be called");
	tap(incarnation_of(again) > incarnation, "DEATH0032 it is a new incarnation");
	tap(again != victim && (type_of(victim) & MACH_PORT_TYPE_DEAD_NAME) != 0, "DEATH0033 rights to the old one are dead");
	(void)mach_port_deallocate(mach_task_self(), again);
}

static void member(void)
{
	mach_port_t mine = new_port(), senders = new_port(), names = new_port(), right, full, found;
	mach_port_name_t there, full_there, kept, at_other, full_at_other, other_notices;
	mach_port_t once_kept;
	uint64_t incarnation = incarnation_of(victim);
	struct waiting caller, sender, their_sender;
	mach_msg_id_t id = 0;
	natural_t number = 0;
	char name[32];
	int got = -1;

	(void)snprintf(name, sizeof(name), "peer/%u", victim_number);
	right = new_port_of_victim(&there);
	full = new_port_of_victim(&full_there);
	node_must(peer_keep(other, right, MACH_MSG_TYPE_COPY_SEND, &at_other), "peer_keep");
	node_must(peer_keep(other, full, MACH_MSG_TYPE_COPY_SEND, &full_at_other), "peer_keep");
	node_must(peer_make(other, &other_notices), "peer_make");
	node_must(peer_notify(other, at_other, MACH_NOTIFY_DEAD_NAME, 0, other_notices, &got), "peer_notify");
	watch(right, MACH_NOTIFY_DEAD_NAME, 0, names);
	watch(senders, MACH_NOTIFY_NO_SENDERS, 1, names);
	node_must(peer_keep(victim, senders, MACH_MSG_TYPE_MAKE_SEND, &kept), "peer_keep");
	node_must(peer_keep(victim, mine, MACH_MSG_TYPE_MAKE_SEND_ONCE, &once_kept), "peer_keep");
	begin(&caller, call_victim, there);
	begin(&sender, fill_queue, full);
	node_sleep_ms(500);
	begin(&their_sender, other_sends, full_at_other);
	node_sleep_ms(500);
	tap(!caller.done && !sender.done && !their_sender.done, "DEATH0001 a caller and two senders at a full queue wait");
	tap(next(names, 10, NULL) == 0 && next(mine, 10, NULL) == 0, "DEATH0002 and nothing was notified");
	ask_kill();

	/* Two notifications at one port, in either order. */
	for (int i = 0; i < 2; i++) {
		id = next(names, rest_ms(), &number);
		if (id == MACH_NOTIFY_DEAD_NAME)
			soon(number == right, "DEATH0003 a right to its port is a dead name");
		else
			soon(id == MACH_NOTIFY_NO_SENDERS, "DEATH0004 a port that only it had rights to has no senders");
	}
	soon(next(mine, rest_ms(), NULL) == MACH_NOTIFY_SEND_ONCE, "DEATH0005 its send-once right has died");
	ended(&caller, true, "DEATH0006 the caller got an error");
	ended(&sender, false, "DEATH0007 the sender got an error");
	ended(&their_sender, false, "DEATH0008 and so did the sender on the third node");
	node_must(peer_receive(other, other_notices, rest_ms(), &got, &id, &number), "peer_receive");
	soon(got == 0 && id == MACH_NOTIFY_DEAD_NAME && number == at_other, "DEATH0009 the third node's right is a dead name");
	tap(peer_tick(victim, 1, 0) == MACH_SEND_INVALID_DEST, "DEATH0010 a new call fails at once");
	while (bootstrap_look_up(bootstrap_port, name, &found) == KERN_SUCCESS && since_kill_ms() < SOON_MS) {
		(void)mach_port_deallocate(mach_task_self(), found);
		node_sleep_ms(50);
	}
	soon(bootstrap_look_up(bootstrap_port, name, &found) == KERN_INVALID_NAME, "DEATH0011 the name server forgot its name");
	tap(peer_tick(other, 1, 0) == KERN_SUCCESS, "DEATH0012 the third node answers");
	restart(name, incarnation);
	node_must(bootstrap_register(bootstrap_port, "phase/2", other), "registering phase/2");
}

static void name_server_dies(void)
{
	mach_port_t names = new_port(), name_server = MACH_PORT_NULL, found = MACH_PORT_NULL, mine = new_port();
	uint64_t incarnation = incarnation_of(victim), begun;
	struct waiting looker;
	natural_t number = 0;
	char name[32];
	kern_return_t kr;

	node_must(host_name_server(mach_host_self(), &name_server), "host_name_server");
	watch(name_server, MACH_NOTIFY_DEAD_NAME, 0, names);
	begin(&looker, look_up_never, name_server);
	node_sleep_ms(500);
	tap(!looker.done, "DEATH0040 somebody waits for a name");
	ask_kill();
	soon(next(names, rest_ms(), &number) == MACH_NOTIFY_DEAD_NAME && number == name_server,
	     "DEATH0041 the right to the name server is a dead name");
	ended(&looker, true, "DEATH0042 who waited for a name got an error");
	begun = node_now_ns();
	kr = bootstrap_look_up(bootstrap_port, "peer/3", &found);
	tap(kr == KERN_OPERATION_TIMED_OUT && node_now_ns() - begun < 15000000000u,
	    "DEATH0043 a look-up waits a while for a name server, then says so");
	for (uint64_t i = 0; i < 100 && kr != KERN_FAILURE; i++)
		kr = peer_tick(other, 2, i) == KERN_SUCCESS ? KERN_SUCCESS : KERN_FAILURE;
	tap(kr == KERN_SUCCESS, "DEATH0044 the two that are left call each other");
	(void)snprintf(name, sizeof(name), "peer/%u", victim_number);
	restart(name, incarnation);
	node_must(mach_port_insert_right(mach_task_self(), mine, mine, MACH_MSG_TYPE_MAKE_SEND), "a right");
	tap_result(bootstrap_register(bootstrap_port, "again", mine), KERN_SUCCESS, "DEATH0045 names are registered again");
	tap(bootstrap_look_up(bootstrap_port, "again", &found) == KERN_SUCCESS && found == mine, "DEATH0046 and found");
	for (unsigned node = 1; node <= 3; node++) {
		(void)snprintf(name, sizeof(name), "runner/%u", node);
		tap(node_find(name, 10) != MACH_PORT_NULL, "DEATH0047 the new name server knows the runner of node %u", node);
	}
}

int main(int argc, char **argv)
{
	unsigned other_number;

	if (argc != 5 || node_number() != (unsigned)atoi(argv[2]))
		return 0;
	victim_number = (unsigned)atoi(argv[3]);
	other_number = (unsigned)atoi(argv[4]);
	if (strcmp(argv[1], "name") == 0 && node_find("phase/2", 200) == MACH_PORT_NULL)
		return 1;
	victim = node_find_peer(victim_number);
	other = node_find_peer(other_number);
	if (strcmp(argv[1], "member") == 0)
		member();
	else
		name_server_dies();
	return tap_done();
}
