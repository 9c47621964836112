/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_net_send.c - a kmsg for a proxy becomes a wire message, and lives until that is settled.
 *
 * The wire's body is the Mach message as a user would see it: header, descriptors, data, with no port names
 * and no addresses; the rights go beside it, the reply right first if the header says there is one, then
 * those of the descriptors in order; then the bytes of the out-of-line descriptors whose size is not 0.
 *
 * A sender waits for the verdict only if it gave a time limit: then a message that was not taken in time is
 * retracted, and the answer is true either way. Else it waits only while NET_CREDIT messages to that port are
 * out. Messages by send-once right never wait: no queue limit holds them.
 *
 * A receive right has the port's requests behind it, two send-once rights: ipc_net_move.c.
 */
#include <base/string.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_net_impl.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <kern/thread.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_page.h>
#include <wire/netipc_wire.h>

/* ---- walking a kmsg's rights and regions ---- */

struct walk {
	struct net_out *out;
	uint32_t rights, regions, moves;
	uint64_t bytes;
	mach_msg_return_t error;
};

static struct ipc_port **ool_ports(const mach_msg_descriptor_t *d)
{
	return (struct ipc_port **)(uintptr_t)d->ool_ports.kports;
}

static struct vm_map_copy *ool_copy(const mach_msg_descriptor_t *d)
{
	return (struct vm_map_copy *)(uintptr_t)d->out_of_line.kcopy;
}

static bool is_memory(const mach_msg_descriptor_t *d)
{
	return d->type.type == MACH_MSG_OOL_DESCRIPTOR || d->type.type == MACH_MSG_OOL_VOLATILE_DESCRIPTOR;
}

/* Call fn for each right: the reply's, then the descriptors'. fn may clear *port. */
static void each_right(struct ipc_kmsg *kmsg,
		       void (*fn)(void *ctx, struct ipc_port **port, mach_msg_type_name_t type), void *ctx)
{
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);
	mach_msg_type_name_t local = MACH_MSGH_BITS_LOCAL(kmsg->ikm_header->msgh_bits);
	uint32_t count = ikm_descriptor_count(kmsg);

	if (local != 0)
		fn(ctx, &kmsg->ikm_local_port, local);
	for (uint32_t i = 0; i < count; i++, d = ikm_descriptor_next(d)) {
		if (d->type.type == MACH_MSG_PORT_DESCRIPTOR) {
			struct ipc_port *port = (struct ipc_port *)(uintptr_t)d->port.kport;

			fn(ctx, &port, d->port.disposition);
			d->port.kport = (uintptr_t)port;
		} else if (d->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
			for (uint32_t j = 0; j < d->ool_ports.count; j++)
				fn(ctx, &ool_ports(d)[j], d->ool_ports.disposition);
		}
	}
}

static void count_right(void *ctx, struct ipc_port **port, mach_msg_type_name_t type)
{
	struct walk *w = ctx;

	w->rights++;
	if (type != MACH_MSG_TYPE_PORT_RECEIVE || !IP_VALID(*port))
		return;
	w->rights += 2;
	w->moves++;
	if ((*port)->ip_kotype != IKOT_NONE)
		w->error = MACH_SEND_INVALID_RIGHT; /* what it stands for is here */
}

static void note_kind(struct netipc_right_out *r, const struct ipc_port *port)
{
	if (port == IP_NULL)
		r->kind = NETIPC_RIGHT_NULL;
	else if (port == IP_DEAD)
		r->kind = NETIPC_RIGHT_DEAD;
}

static void note_right(void *ctx, struct ipc_port **port, mach_msg_type_name_t type)
{
	struct walk *w = ctx;
	struct netipc_right_out *r = &w->out->rights[w->rights];

	w->out->ports[w->rights++] = *port;
	*r = (struct netipc_right_out){ .kind = type == MACH_MSG_TYPE_PORT_SEND ? NETIPC_RIGHT_SEND
										: NETIPC_RIGHT_SEND_ONCE };
	note_kind(r, *port);
	if (type != MACH_MSG_TYPE_PORT_RECEIVE || !IP_VALID(*port))
		return;
	r->kind = NETIPC_RIGHT_RECEIVE;
	net_move_take(*port, &r->state, &w->out->ports[w->rights]);
	for (uint32_t i = 1; i <= 2; i++) {
		r[i] = (struct netipc_right_out){ .kind = NETIPC_RIGHT_SEND_ONCE };
		note_kind(&r[i], w->out->ports[w->rights++]);
	}
}

/* ---- making a net_out ---- */

static mach_msg_return_t make_room(struct net_out *out, const struct walk *w, uint32_t pieces)
{
	out->rights = out->few;
	out->ports = out->few_ports;
	out->ool_sizes = out->ool;
	if (w->rights > NET_FEW_RIGHTS) {
		out->rights = kalloc(w->rights * sizeof(*out->rights));
		out->ports = kalloc(w->rights * sizeof(*out->ports));
	}
	if (w->regions > sizeof(out->ool) / sizeof(out->ool[0]))
		out->ool_sizes = kalloc(w->regions * sizeof(*out->ool_sizes));
	out->send.right_count = w->rights;
	out->send.ool_count = w->regions;
	if (out->rights != NULL)
		memset(out->rights, 0, w->rights * sizeof(*out->rights));
	for (uint32_t i = 0; i < w->moves; i++) {
		struct net_proxy *np = net_proxy_shell();

		if (np == NULL)
			return MACH_SEND_NO_BUFFER;
		np->spare = out->shells;
		out->shells = np;
	}
	if (pieces > 0) {
		out->pieces = kalloc(pieces * sizeof(*out->pieces));
		out->piece_room = pieces;
	}
	return out->rights && out->ports && out->ool_sizes && (pieces == 0 || out->pieces)
		       ? MACH_MSG_SUCCESS : MACH_SEND_NO_BUFFER;
}

/* The head of the message as it goes out: no port names, no kernel addresses. */
static mach_msg_return_t make_head(struct net_out *out)
{
	struct ipc_kmsg *kmsg = out->kmsg;
	uint32_t count = ikm_descriptor_count(kmsg);
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);
	mach_msg_header_t *h;

	out->head_bytes = sizeof(mach_msg_header_t);
	if (ikm_complex(kmsg)) {
		for (uint32_t i = 0; i < count; i++)
			d = ikm_descriptor_next(d);
		out->head_bytes = (uint32_t)((char *)d - (char *)kmsg->ikm_header);
	}
	out->head = out->head_bytes <= sizeof(out->small_head) ? &out->small_head : kalloc(out->head_bytes);
	if (out->head == NULL)
		return MACH_SEND_NO_BUFFER;
	memcpy(out->head, kmsg->ikm_header, out->head_bytes);
	h = out->head;
	h->msgh_bits &= MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS_REMOTE_MASK | MACH_MSGH_BITS_LOCAL_MASK;
	h->msgh_remote_port = h->msgh_local_port = h->msgh_voucher_port = MACH_PORT_NULL;
	d = (mach_msg_descriptor_t *)((mach_msg_base_t *)out->head + 1);
	for (uint32_t i = 0; i < count; i++, d = ikm_descriptor_next(d))
		d->type.pad1 = 0; /* where each kind has its address */
	out->body[0] = (struct np_sge){ out->head, out->head_bytes };
	out->body[1] = (struct np_sge){ (char *)kmsg->ikm_header + out->head_bytes,
					ikm_size(kmsg) - out->head_bytes };
	out->send.body = out->body;
	out->send.body_count = out->body[1].length ? 2 : 1;
	return MACH_MSG_SUCCESS;
}

/* The frames that a region lies in, wired, as pieces. May sleep for a pager. */
static mach_msg_return_t wire_region(struct net_out *out, struct vm_map_copy *copy, uint64_t size)
{
	for (uint64_t at = 0; at < size;) {
		struct vm_page *page;
		uint64_t in_page, part;

		if (out->send.pull_count == out->piece_room ||
		    vm_map_copy_wire_page(copy, at, &page) != KERN_SUCCESS)
			return MACH_SEND_INVALID_MEMORY;
		/* Only the first piece can begin inside its page. */
		in_page = at == 0 ? vm_map_copy_first_offset(copy) : 0;
		part = PAGE_SIZE - in_page < size - at ? PAGE_SIZE - in_page : size - at;
		out->pieces[out->send.pull_count++] =
			(struct np_sge){ (char *)vm_page_virt(page) + in_page, (uint32_t)part };
		at += part;
	}
	return MACH_MSG_SUCCESS;
}

static mach_msg_return_t make_regions(struct net_out *out)
{
	mach_msg_descriptor_t *d = ikm_descriptors(out->kmsg);
	uint32_t count = ikm_descriptor_count(out->kmsg), n = 0;
	mach_msg_return_t mr = MACH_MSG_SUCCESS;

	for (uint32_t i = 0; i < out->send.body_count; i++)
		out->pieces[out->send.pull_count++] = out->body[i];
	for (uint32_t i = 0; i < count && mr == MACH_MSG_SUCCESS; i++, d = ikm_descriptor_next(d)) {
		if (!is_memory(d) || ool_copy(d) == NULL)
			continue;
		out->ool_sizes[n++] = d->out_of_line.size;
		mr = wire_region(out, ool_copy(d), d->out_of_line.size);
	}
	return mr;
}

static mach_msg_return_t out_fill(struct net_out *out)
{
	struct ipc_kmsg *kmsg = out->kmsg;
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);
	uint32_t count = ikm_descriptor_count(kmsg), pieces = 2;
	struct walk w = { .out = out, .error = MACH_MSG_SUCCESS };
	mach_msg_return_t mr;

	each_right(kmsg, count_right, &w);
	for (uint32_t i = 0; i < count; i++, d = ikm_descriptor_next(d))
		if (is_memory(d) && ool_copy(d) != NULL) {
			w.regions++;
			w.bytes += d->out_of_line.size;
			pieces += (uint32_t)(d->out_of_line.size / PAGE_SIZE) + 2;
		}
	if (w.error != MACH_MSG_SUCCESS)
		return w.error;
	if (w.rights > NW_RIGHTS_MAX || w.regions > NW_OOL_MAX ||
	    w.bytes > NW_PULL_MAX - NW_BODY_MAX || pieces * sizeof(struct np_sge) > 1u << 20)
		return MACH_SEND_TOO_LARGE;
	if (w.regions == 0 && netipc_fits(ikm_size(kmsg), w.rights, 0, 0))
		pieces = 0;
	mr = make_room(out, &w, pieces);
	if (mr == MACH_MSG_SUCCESS)
		mr = make_head(out);
	if (mr == MACH_MSG_SUCCESS && pieces > 0)
		mr = make_regions(out);
	w.rights = 0;
	if (mr == MACH_MSG_SUCCESS)
		each_right(kmsg, note_right, &w);
	out->send.rights = out->rights;
	out->send.ool = out->ool_sizes;
	out->send.pull = out->pieces;
	return mr;
}

static void unwire(struct ipc_kmsg *kmsg)
{
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);
	uint32_t count = ikm_descriptor_count(kmsg);

	for (uint32_t i = 0; i < count; i++, d = ikm_descriptor_next(d))
		if (is_memory(d))
			vm_map_copy_unwire(ool_copy(d));
}

/* All but the kmsg. Any context. */
static void out_shell_free(struct net_out *out)
{
	net_proxy_unmake(out->shells);
	if (out->rights != out->few && out->rights != NULL)
		kfree(out->rights, out->send.right_count * sizeof(*out->rights));
	if (out->ports != out->few_ports && out->ports != NULL)
		kfree(out->ports, out->send.right_count * sizeof(*out->ports));
	if (out->ool_sizes != out->ool && out->ool_sizes != NULL)
		kfree(out->ool_sizes, out->send.ool_count * sizeof(*out->ool_sizes));
	if (out->head != &out->small_head && out->head != NULL)
		kfree(out->head, out->head_bytes);
	if (out->pieces != NULL)
		kfree(out->pieces, out->piece_room * sizeof(*out->pieces));
	zone_free(net.out_zone, out);
}

/* The receive rights in it have not moved: what their ports asked for is theirs again. Nothing locked. */
static void requests_back(struct net_out *out)
{
	for (uint32_t i = 0; out->rights != NULL && out->ports != NULL && i < out->send.right_count; i++)
		if (out->rights[i].kind == NETIPC_RIGHT_RECEIVE) {
			net_move_put_back(out->ports[i], &out->ports[i + 1]);
			out->rights[i].kind = NETIPC_RIGHT_NULL;
		}
}

struct forget {
	struct net_out *out;
	uint32_t at;
};

static void forget_moved(void *ctx, struct ipc_port **port, mach_msg_type_name_t type)
{
	struct forget *f = ctx;
	uint32_t at = f->at++;

	if (type != MACH_MSG_TYPE_PORT_RECEIVE || !IP_VALID(*port))
		return;
	f->at += 2;
	if (f->out->ports[at] == IP_NULL)
		*port = IP_NULL;
}

/* The receive rights that net_ports_moved() took out of out->ports go from the message too. */
void net_out_forget_moved(struct net_out *out)
{
	struct forget f = { .out = out };

	each_right(out->kmsg, forget_moved, &f);
}

static void right_gone(void *ctx, struct ipc_port **port, mach_msg_type_name_t type)
{
	struct ipc_port *gone = *port;

	*port = IP_NULL;
	net_right_gone(gone, type);
}

/* The rights of an accepted message are the receiver's: what is left here is memory. Thread context. */
static void strip(struct net_out *out)
{
	struct ipc_kmsg *kmsg = out->kmsg;
	struct ipc_port *dest = kmsg->ikm_remote_port;

	kmsg->ikm_remote_port = IP_NULL;
	net_right_gone(dest, MACH_MSGH_BITS_REMOTE(kmsg->ikm_header->msgh_bits));
	for (uint32_t i = 0; i < out->send.right_count; i++)
		if (out->rights[i].kind == NETIPC_RIGHT_RECEIVE) {
			net_right_gone(out->ports[i + 1], MACH_MSG_TYPE_PORT_SEND_ONCE);
			net_right_gone(out->ports[i + 2], MACH_MSG_TYPE_PORT_SEND_ONCE);
		}
	each_right(kmsg, right_gone, NULL);
}

/* Settled, and nobody looks at it: thread context. */
void net_out_free(struct net_out *out)
{
	if (out->kmsg != NULL) {
		if (out->rights_moved)
			strip(out);
		else
			requests_back(out);
		unwire(out->kmsg);
		ipc_kmsg_destroy(out->kmsg);
	}
	out_shell_free(out);
}

/* Can it be disposed of in an interrupt? No memory, no right whose loss may notify anybody. */
static bool is_plain(const struct net_out *out)
{
	const struct ipc_kmsg *kmsg = out->kmsg;
	struct ipc_port *reply = kmsg != NULL ? kmsg->ikm_local_port : IP_NULL;

	return kmsg != NULL && out->rights_moved && out->pieces == NULL && !ikm_complex(kmsg) &&
	       (!IP_VALID(reply) || reply->ip_remote ||
		MACH_MSGH_BITS_LOCAL(kmsg->ikm_header->msgh_bits) == MACH_MSG_TYPE_PORT_SEND_ONCE);
}

/* One of the out's references goes; net.lock held on entry, NOT on return. */
static void out_put_unlock(struct net_out *out)
{
	if (--out->references > 0) {
		spin_unlock(&net.lock);
		return;
	}
	if (!is_plain(out)) {
		net_reap_out_locked(out);
		spin_unlock(&net.lock);
		return;
	}
	spin_unlock(&net.lock);
	strip(out);
	ipc_kmsg_free(out->kmsg);
	out_shell_free(out);
}

/* ---- sending ---- */

/* The engine's handles for the rights, as they are now. */
static void resolve_rights_locked(struct net_out *out)
{
	for (uint32_t i = 0; i < out->send.right_count; i++) {
		struct netipc_right_out *r = &out->rights[i];
		struct ipc_port *port = out->ports[i];
		bool active;

		if (!IP_VALID(port))
			continue;
		r->port = port;
		r->slot = net_slot(port);
		r->proxy = NULL;
		if (port->ip_remote && r->kind != NETIPC_RIGHT_RECEIVE) {
			struct net_proxy *np = port->ip_proxy;

			r->proxy = np != NULL ? np->engine : NULL;
			active = r->proxy != NULL;
		} else {
			ip_lock(port);
			active = ip_active(port);
			ip_unlock(port);
		}
		if (!active)
			r->kind = NETIPC_RIGHT_DEAD;
	}
}

static void note_exports_locked(struct net_out *out, const bool *had)
{
	for (uint32_t i = 0; i < out->send.right_count; i++) {
		struct ipc_port *port = out->ports[i];
		bool again = false;

		if (had[i] || !IP_VALID(port) || ip_is_away(port) || *net_slot(port) == NULL)
			continue;
		for (uint32_t j = 0; j < i; j++)
			again |= out->ports[j] == port;
		if (!again)
			net_export_made_locked(port);
	}
}

/* Hand it to the engine. net.lock held. */
static int post_locked(struct net_out *out)
{
	struct net_proxy *np = out->kmsg->ikm_remote_port->ip_proxy;
	bool had[NW_RIGHTS_MAX];
	int rc;

	if (np == NULL || np->engine == NULL)
		return NETIPC_DEAD;
	resolve_rights_locked(out);
	for (uint32_t i = 0; i < out->send.right_count; i++)
		had[i] = IP_VALID(out->ports[i]) && !ip_is_away(out->ports[i]) && *net_slot(out->ports[i]) != NULL;
	out->send.to = np->engine;
	rc = netipc_send(net.engine, &out->send, &out->message, clock_now_ns());
	if (rc != NETIPC_OK)
		return rc;
	if (!out->held)
		out->order = ++np->order;
	note_exports_locked(out, had);
	out->proxy = np;
	np->outstanding++;
	return NETIPC_OK;
}

/* To be sent when the port is where it goes, in its order. */
static void hold_locked(struct net_proxy *np, struct net_out *out)
{
	struct list *before = np->held.next;

	if (out->order == 0)
		out->order = ++np->order;
	while (before != &np->held && container_of(before, struct net_out, link)->order < out->order)
		before = before->next;
	out->held = true;
	out->proxy = np;
	out->message = NULL;
	list_add_tail(before, &out->link);
}

static mach_msg_return_t result_of(enum wait_result result)
{
	return result == WAIT_TIMED_OUT ? MACH_SEND_TIMED_OUT : MACH_SEND_INTERRUPTED;
}

/* Until np's state has changed, or the time is over. net.lock is given up meanwhile. */
static enum wait_result wait_for_turn_locked(struct net_proxy *np, uint64_t deadline_ns)
{
	enum wait_result result;

	if (deadline_ns == IPC_NO_WAIT)
		return WAIT_TIMED_OUT;
	np->waiters++;
	result = waitq_block(&np->senders, &net.lock, WAIT_ABORTABLE, deadline_ns);
	spin_lock(&net.lock);
	np->waiters--;
	net_proxy_put_locked(np);
	return result;
}

/*
 * Post it, waiting for credit and for room; net.lock held on entry and return. MACH_MSG_SUCCESS: it is the
 * engine's.
 */
static mach_msg_return_t post_waiting_locked(struct net_out *out, uint64_t deadline_ns, bool may_wait)
{
	enum wait_result result = WAIT_WOKEN;

	for (;;) {
		struct ipc_port *port = out->kmsg->ikm_remote_port;
		struct net_proxy *np = port->ip_proxy;
		int rc;

		if (result != WAIT_WOKEN)
			return result_of(result);
		if (!port->ip_remote && ip_active(port))
			return IPC_IS_ELSEWHERE; /* here, that is */
		if (np == NULL || np->engine == NULL)
			return MACH_SEND_INVALID_DEST;
		if (may_wait && !out->moved && (np->outstanding >= NET_CREDIT || np->moving || !list_empty(&np->held))) {
			result = wait_for_turn_locked(np, deadline_ns);
			continue;
		}
		rc = post_locked(out);
		switch (rc) {
		case NETIPC_OK:
			return MACH_MSG_SUCCESS;
		case NETIPC_MOVING:
			if (!may_wait) {
				hold_locked(np, out);
				return MACH_MSG_SUCCESS;
			}
			result = wait_for_turn_locked(np, deadline_ns);
			break;
		case NETIPC_AGAIN:
			if (!may_wait)
				return MACH_SEND_NO_BUFFER;
			if (deadline_ns == IPC_NO_WAIT)
				return MACH_SEND_TIMED_OUT;
			result = waitq_block(&net.room, &net.lock, WAIT_ABORTABLE, deadline_ns);
			spin_lock(&net.lock);
			break;
		case NETIPC_DEAD:
		case NETIPC_NO_RIGHT: /* the send-once right turned out to be void */
			return MACH_SEND_INVALID_DEST;
		case NETIPC_TOO_LARGE:
			return MACH_SEND_TOO_LARGE;
		case NETIPC_UNSUPPORTED:
			return MACH_SEND_INVALID_RIGHT;
		default:
			return MACH_SEND_NO_BUFFER;
		}
	}
}

static mach_msg_return_t verdict_of(const struct net_out *out)
{
	switch (out->sent) {
	case NETIPC_SENT_ACCEPTED:
		return MACH_MSG_SUCCESS;
	case NETIPC_SENT_INVALID_DEST:
		return MACH_SEND_INVALID_DEST;
	case NETIPC_SENT_NO_MEMORY:
		return MACH_SEND_NO_BUFFER;
	case NETIPC_SENT_MOVED:
	case NETIPC_SENT_RETRACTED:
		return MACH_SEND_TIMED_OUT;
	case NETIPC_SENT_REFUSED:
		return MACH_SEND_INVALID_RIGHT;
	default:
		return MACH_SEND_TRANSPORT_ERROR;
	}
}

/* A held one is not with the engine: it is taken back here. net.lock held. */
static void retract_locked(struct net_out *out)
{
	struct net_proxy *np = out->proxy;

	if (!out->held) {
		netipc_retract(net.engine, out->message, clock_now_ns());
		return;
	}
	list_remove(&out->link);
	out->held = false;
	out->proxy = NULL;
	out->sent = NETIPC_SENT_RETRACTED;
	out->settled = true;
	net_proxy_put_locked(np);
}

/*
 * Wait for the verdict; a limit that passes, or an abort, retracts the message, and then the answer is near.
 * net.lock held on entry, NOT on return. The out's waiter reference goes.
 */
static mach_msg_return_t wait_verdict_unlock(struct net_out *out, uint64_t deadline_ns)
{
	mach_msg_return_t mr, gave_up = MACH_SEND_TIMED_OUT;
	enum wait_result result;

	if (!out->settled && deadline_ns == IPC_NO_WAIT) {
		retract_locked(out);
	} else if (!out->settled) {
		result = waitq_block(&out->wait, &net.lock, WAIT_ABORTABLE, deadline_ns);
		spin_lock(&net.lock);
		if (!out->settled) {
			gave_up = result_of(result);
			retract_locked(out);
		}
	}
	net_rearm_locked(netipc_deadline(net.engine));
	while (!out->settled) {
		spin_unlock(&net.lock);
		net_drain(true);
		spin_lock(&net.lock);
		if (out->settled)
			break;
		(void)waitq_block(&out->wait, &net.lock, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
		spin_lock(&net.lock);
	}
	mr = verdict_of(out);
	if (mr == MACH_SEND_TIMED_OUT)
		mr = gave_up;
	if (mr == MACH_MSG_SUCCESS) {
		out_put_unlock(out);
		return mr;
	}
	spin_unlock(&net.lock);
	/* The caller has the kmsg again; rights whose fate nobody knows count as moved. */
	if (out->rights_moved)
		strip(out);
	else
		requests_back(out);
	unwire(out->kmsg);
	out_shell_free(out);
	return mr;
}

/* Who sends it, for the wire: the receiving kernel says which node that is. */
static void net_tokens_out(const struct ipc_tokens *tokens, uint32_t sender[NETIPC_SENDER_WORDS])
{
	memcpy(sender, &tokens->security, sizeof(tokens->security));
	memcpy(sender + 2, &tokens->audit, (NETIPC_SENDER_WORDS - 2) * sizeof(*sender));
}

/* Who sent it first, of another node: the last two words of its audit token. */
static uint64_t origin_of(const struct ipc_tokens *tokens)
{
	return (uint64_t)tokens->audit.val[AUDIT_TOKEN_NODE] << 32 | tokens->audit.val[AUDIT_TOKEN_INCARNATION];
}

static mach_msg_return_t send(struct ipc_kmsg *kmsg, mach_msg_option_t option, uint64_t deadline_ns, bool moved)
{
	bool once = MACH_MSGH_BITS_REMOTE(kmsg->ikm_header->msgh_bits) == MACH_MSG_TYPE_PORT_SEND_ONCE;
	bool always = (option & MACH_SEND_ALWAYS) != 0;
	bool waited = moved || (deadline_ns != WAIT_FOREVER && !once && !always);
	struct net_out *out;
	mach_msg_return_t mr;

	if (net.reap_count > 0)
		net_reap();
	out = zone_alloc(net.out_zone);
	if (out == NULL)
		return MACH_SEND_NO_BUFFER;
	memset(out, 0, offsetof(struct net_out, body));
	out->kmsg = kmsg;
	out->waited = waited;
	out->references = 1 + waited;
	out->moved = moved;
	list_init(&out->link);
	waitq_init(&out->wait);
	out->send.cookie = out;
	out->send.priority = kmsg->ikm_priority;
	net_tokens_out(&kmsg->ikm_tokens, out->send.sender);
	out->send.flags = (waited ? NETIPC_SEND_WAITING : 0u) | (once ? NETIPC_SEND_ONCE : 0u) |
			  (moved ? NETIPC_SEND_MOVED : 0u);
	out->send.origin = moved ? origin_of(&kmsg->ikm_tokens) : 0;
	mr = out_fill(out);
	if (mr != MACH_MSG_SUCCESS) {
		requests_back(out);
		unwire(kmsg);
		out_shell_free(out);
		return mr;
	}
	spin_lock(&net.lock);
	mr = post_waiting_locked(out, deadline_ns, moved || (!once && !always));
	if (mr == MACH_SEND_NO_BUFFER && always) {
		list_add_tail(&net.backlog, &out->link); /* NETIPC_UP_ROOM sends it */
		mr = MACH_MSG_SUCCESS;
	} else if (mr == MACH_MSG_SUCCESS && waited) {
		mr = wait_verdict_unlock(out, deadline_ns);
		if (mr == MACH_SEND_TIMED_OUT && (option & MACH_SEND_NOTIFY)) {
			spin_lock(&net.lock);
			net_want_room_locked(kmsg->ikm_remote_port->ip_proxy);
			spin_unlock(&net.lock);
		}
		net_drain(true);
		return mr;
	}
	if (mr == MACH_SEND_TIMED_OUT && (option & MACH_SEND_NOTIFY))
		net_want_room_locked(kmsg->ikm_remote_port->ip_proxy);
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
	net_drain(true);
	if (mr != MACH_MSG_SUCCESS) {
		requests_back(out);
		unwire(kmsg);
		out_shell_free(out);
	}
	return mr;
}

mach_msg_return_t net_send(struct ipc_kmsg *kmsg, mach_msg_option_t option, uint64_t deadline_ns)
{
	return send(kmsg, option, deadline_ns, false);
}

mach_msg_return_t net_send_moved(struct ipc_kmsg *kmsg)
{
	return send(kmsg, MACH_MSG_OPTION_NONE, WAIT_FOREVER, true);
}

/* ---- messages that a moving port turned away ---- */

/* net.lock held. Settled without the engine; true: the waiter, if any, has been told. */
static void held_settle_locked(struct net_out *out, enum netipc_sent sent)
{
	out->held = false;
	out->proxy = NULL;
	out->sent = sent;
	out->settled = true;
	if (out->waited) {
		(void)waitq_wake_one(&out->wait);
		if (sent != NETIPC_SENT_ACCEPTED)
			return; /* all is the waiter's */
	}
	if (--out->references == 0)
		net_reap_out_locked(out);
}

/* Those of np may go now, if it is ready for them: all that were out are settled. net.lock held. */
void net_held_flush_locked(struct net_proxy *np)
{
	if (list_empty(&np->held) ||
	    (np->engine != NULL && (np->outstanding > 0 || np->moving || !netipc_proxy_ready(np->engine))))
		return;
	while (!list_empty(&np->held)) {
		struct net_out *out = list_first(&np->held, struct net_out, link);
		int rc = np->engine != NULL ? post_locked(out) : NETIPC_DEAD;

		if (rc == NETIPC_MOVING || rc == NETIPC_AGAIN || rc == NETIPC_NO_MEMORY) {
			if (rc != NETIPC_MOVING && list_empty(&np->starved_link))
				list_add_tail(&net.starved, &np->starved_link);
			return; /* PROXY_MOVED, or net_room() */
		}
		list_remove(&out->link);
		out->held = false;
		if (rc != NETIPC_OK)
			held_settle_locked(out, NETIPC_SENT_INVALID_DEST);
	}
	waitq_wake_all(&np->senders);
}

/* Its port is arriving here: into the queue. Thread context, nothing locked. */
void net_out_deliver_here(struct net_out *out)
{
	struct ipc_kmsg *kmsg = out->kmsg;
	struct ipc_port *port = kmsg->ikm_remote_port;
	bool circular = false;

	for (uint32_t i = 0; i < out->send.right_count; i++)
		if (out->rights[i].kind == NETIPC_RIGHT_RECEIVE) {
			ipc_port_end_transit(out->ports[i]);
			circular |= ipc_port_check_circularity(out->ports[i], port);
		}
	requests_back(out);
	unwire(kmsg);
	if (circular || ipc_mqueue_deliver(kmsg) != MACH_MSG_SUCCESS)
		ipc_kmsg_destroy(kmsg);
	spin_lock(&net.lock);
	out->kmsg = NULL;
	held_settle_locked(out, NETIPC_SENT_ACCEPTED);
	spin_unlock(&net.lock);
}

/* ---- upcalls ---- */

void net_sent(const struct netipc_upcall *u)
{
	struct net_out *out = u->cookie;
	struct net_proxy *np;

	if (u->rights_moved)
		net_ports_moved(out);
	spin_lock(&net.lock);
	if (u->sent == NETIPC_SENT_MOVED && !out->moved) {
		np = out->proxy;
		np->outstanding--;
		hold_locked(np, out);
		net_held_flush_locked(np);
		net_rearm_locked(netipc_deadline(net.engine));
		spin_unlock(&net.lock);
		return;
	}
	out->sent = u->sent;
	out->rights_moved = u->rights_moved;
	out->settled = true;
	np = out->proxy;
	out->proxy = NULL;
	np->outstanding--;
	(void)waitq_wake_one(&np->senders);
	net_held_flush_locked(np);
	net_proxy_put_locked(np);
	out->references += u->pulling;
	if (out->waited) {
		(void)waitq_wake_one(&out->wait);
		if (u->sent != NETIPC_SENT_ACCEPTED) { /* all is the waiter's */
			spin_unlock(&net.lock);
			return;
		}
	}
	out_put_unlock(out);
}

void net_released(struct net_out *out)
{
	spin_lock(&net.lock);
	out_put_unlock(out);
}

/* There is room: first the kernel's own, then whoever waits. */
void net_room(void)
{
	struct list starved = LIST_INIT(starved);

	spin_lock(&net.lock);
	list_splice_tail(&starved, &net.starved);
	while (!list_empty(&net.backlog)) {
		struct net_out *out = list_first(&net.backlog, struct net_out, link);
		int rc = post_locked(out);

		if (rc == NETIPC_AGAIN || rc == NETIPC_NO_MEMORY)
			break;
		list_remove(&out->link);
		if (rc == NETIPC_MOVING)
			hold_locked(out->kmsg->ikm_remote_port->ip_proxy, out);
		else if (rc != NETIPC_OK)
			net_reap_out_locked(out); /* its rights die with it */
	}
	while (!list_empty(&starved)) {
		struct net_proxy *np = list_first(&starved, struct net_proxy, starved_link);

		list_remove(&np->starved_link);
		net_held_flush_locked(np);
	}
	(void)waitq_wake_all(&net.room);
	spin_unlock(&net.lock);
}
