/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc_net_receive.c - a wire message becomes a kmsg and goes to its port, or is refused.
 *
 * Decode then perform: the body is checked as hostile and everything is allocated before the engine is told to
 * accept; after that nothing can fail but the port's death. Only a pulled body is checked later, when it is there.
 */
#include <base/string.h>
#include <ipc/ipc_mqueue.h>
#include <ipc/ipc_net_impl.h>
#include <ipc/ipc_space.h>
#include <ipc/mach_msg.h>
#include <kern/assert.h>
#include <kern/ipc_kobject.h>
#include <kern/kalloc.h>
#include <vm/vm_map_copy.h>
#include <vm/vm_page.h>
#include <wire/netipc_wire.h>

/* A message being taken in. */
struct net_in {
	struct kwork work;         /* a call on a kernel object */
	struct ipc_kmsg *kmsg;
	uint32_t right_count, ool_count;
	uint32_t ports_done;       /* rights used up by the descriptors */
	struct netipc_right_in *rights;
	struct ipc_port **ports;
	bool circular;
	/* pulling */
	struct vm_page **pages;
	uint32_t page_count, piece_count;
	struct np_sge *pieces;
	bool body_pulled;
	/* from here on: not cleared */
	struct netipc_right_in few[NET_FEW_RIGHTS];
	struct ipc_port *few_ports[NET_FEW_RIGHTS];
	uint8_t said[NW_RIGHTS_MAX]; /* enum netipc_right_kind, as the message was checked */
	/* the first ool_count of each */
	uint64_t ool[NW_OOL_MAX];
	struct vm_map_copy *copies[NW_OOL_MAX];
};

void net_receive_init(void)
{
	net.in_zone = zone_create("net_in", sizeof(struct net_in), 0);
}

/* ---- checking the body ---- */

static uint32_t type_of_kind(enum netipc_right_kind kind, uint32_t said)
{
	if (kind == NETIPC_RIGHT_SEND)
		return MACH_MSG_TYPE_PORT_SEND;
	if (kind == NETIPC_RIGHT_SEND_ONCE)
		return MACH_MSG_TYPE_PORT_SEND_ONCE;
	if (kind == NETIPC_RIGHT_RECEIVE)
		return MACH_MSG_TYPE_PORT_RECEIVE;
	return said; /* null or dead: what the sender says it would be */
}

static bool is_send_type(uint32_t type)
{
	return type == MACH_MSG_TYPE_PORT_SEND || type == MACH_MSG_TYPE_PORT_SEND_ONCE;
}

struct check {
	const struct net_in *in;
	enum netipc_right_kind (*kind)(const void *ctx, uint32_t i);
	const void *ctx;
	uint32_t rights, regions;
};

/* The next right of the message may be one that is said to be of this type. */
static bool check_right(struct check *c, uint32_t said)
{
	enum netipc_right_kind kind;

	if (c->rights >= c->in->right_count || !(is_send_type(said) || said == MACH_MSG_TYPE_PORT_RECEIVE))
		return false;
	kind = c->kind(c->ctx, c->rights++);
	if (kind == NETIPC_RIGHT_RECEIVE) { /* its port's requests are behind it: the engine looks */
		c->rights += 2;
		if (c->rights > c->in->right_count)
			return false;
	}
	return type_of_kind(kind, said) == said;
}

static bool check_descriptor(struct check *c, const mach_msg_descriptor_t *d)
{
	switch (d->type.type) {
	case MACH_MSG_PORT_DESCRIPTOR:
		return check_right(c, d->port.disposition);
	case MACH_MSG_OOL_DESCRIPTOR:
	case MACH_MSG_OOL_VOLATILE_DESCRIPTOR:
		if (d->out_of_line.copy > MACH_MSG_VIRTUAL_COPY || d->out_of_line.deallocate > 1)
			return false;
		return d->out_of_line.size == 0 ||
		       (c->regions < c->in->ool_count && c->in->ool[c->regions++] == d->out_of_line.size);
	case MACH_MSG_OOL_PORTS_DESCRIPTOR:
		if (d->ool_ports.count > c->in->right_count || d->ool_ports.copy > MACH_MSG_VIRTUAL_COPY)
			return false;
		for (uint32_t i = 0; i < d->ool_ports.count; i++)
			if (!check_right(c, d->ool_ports.disposition))
				return false;
		return true;
	default:
		return false;
	}
}

/* Do header and descriptors of the kmsg agree with the rights and regions beside it? */
static bool check_body(const struct net_in *in, uint32_t size,
		       enum netipc_right_kind (*kind)(const void *ctx, uint32_t i), const void *ctx)
{
	struct check c = { .in = in, .kind = kind, .ctx = ctx };
	const mach_msg_header_t *h = in->kmsg->ikm_header;
	uint32_t at = sizeof(mach_msg_base_t), count;
	uint32_t local = MACH_MSGH_BITS_LOCAL(h->msgh_bits);

	if (h->msgh_size != size || size % 4 != 0 ||
	    (h->msgh_bits & ~(MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS_REMOTE_MASK | MACH_MSGH_BITS_LOCAL_MASK)))
		return false;
	if (local != 0 && !(is_send_type(local) && check_right(&c, local)))
		return false;
	if (!(h->msgh_bits & MACH_MSGH_BITS_COMPLEX))
		return c.rights == in->right_count && in->ool_count == 0;
	if (size < at)
		return false;
	count = ikm_descriptor_count(in->kmsg);
	if (count > MACH_MSG_DESCRIPTOR_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const mach_msg_descriptor_t *d = (const void *)((const char *)h + at);
		uint32_t bytes;

		if (size - at < sizeof(d->type) || (bytes = ikm_descriptor_size(d->type.type)) == 0 ||
		    size - at < bytes || !check_descriptor(&c, d))
			return false;
		at += bytes;
	}
	return c.rights == in->right_count && c.regions == in->ool_count;
}

static enum netipc_right_kind kind_offered(const void *ctx, uint32_t i)
{
	return netipc_delivery_right(ctx, i);
}

static enum netipc_right_kind kind_taken(const void *ctx, uint32_t i)
{
	const struct net_in *in = ctx;

	return in->said[i];
}

/* ---- making and unmaking a net_in ---- */

static void in_free(struct net_in *in)
{
	for (uint32_t i = 0; i < in->ool_count; i++)
		vm_map_copy_discard(in->copies[i]);
	for (uint32_t i = 0; i < in->page_count; i++)
		if (in->pages[i] != NULL)
			vm_page_release(in->pages[i]);
	if (in->pages != NULL)
		kfree(in->pages, in->page_count * sizeof(*in->pages));
	if (in->pieces != NULL)
		kfree(in->pieces, (in->page_count + 1) * sizeof(*in->pieces));
	if (in->rights != in->few && in->rights != NULL)
		kfree(in->rights, in->right_count * sizeof(*in->rights));
	if (in->ports != in->few_ports && in->ports != NULL)
		kfree(in->ports, in->right_count * sizeof(*in->ports));
	zone_free(net.in_zone, in);
}

static struct net_in *in_make(const struct netipc_deliver *d)
{
	struct net_in *in = zone_alloc(net.in_zone);

	if (in == NULL)
		return NULL;
	memset(in, 0, offsetof(struct net_in, few));
	in->right_count = d->right_count;
	in->ool_count = d->ool_count;
	memset(in->copies, 0, d->ool_count * sizeof(in->copies[0]));
	memcpy(in->ool, d->ool, d->ool_count * sizeof(in->ool[0]));
	in->body_pulled = d->body == NULL;
	in->rights = in->few;
	in->ports = in->few_ports;
	if (d->right_count > NET_FEW_RIGHTS) {
		in->rights = kalloc(d->right_count * sizeof(*in->rights));
		in->ports = kalloc(d->right_count * sizeof(*in->ports));
	}
	in->kmsg = ipc_kmsg_alloc(d->body_size);
	if (in->kmsg != NULL && in->rights != NULL && in->ports != NULL)
		return in;
	if (in->kmsg != NULL)
		ipc_kmsg_free(in->kmsg);
	in_free(in);
	return NULL;
}

/* Out-of-line bytes that came in the SEND. */
static bool copy_regions(struct net_in *in, const uint8_t *data)
{
	for (uint32_t i = 0; i < in->ool_count; i++) {
		in->copies[i] = vm_map_copy_from_kernel(data, in->ool[i]);
		if (in->copies[i] == NULL)
			return false;
		data += in->ool[i];
	}
	return true;
}

/* Frames for what will be pulled, and the list of them. */
static bool make_frames(struct net_in *in, bool data_pulled)
{
	uint32_t count = 0, n = 0;

	for (uint32_t i = 0; data_pulled && i < in->ool_count; i++)
		count += (uint32_t)((in->ool[i] + PAGE_SIZE - 1) / PAGE_SIZE);
	in->pieces = kalloc((count + 1) * sizeof(*in->pieces));
	in->pages = count ? kalloc_zeroed(count * sizeof(*in->pages)) : NULL;
	in->page_count = in->pieces != NULL && in->pages != NULL ? count : 0;
	if (in->pieces == NULL || (count > 0 && in->pages == NULL)) {
		if (in->pieces != NULL)
			kfree(in->pieces, (count + 1) * sizeof(*in->pieces));
		in->pieces = NULL;
		return false;
	}
	if (in->body_pulled)
		in->pieces[in->piece_count++] =
			(struct np_sge){ in->kmsg->ikm_header, ikm_size(in->kmsg) };
	for (uint32_t i = 0; data_pulled && i < in->ool_count; i++)
		for (uint64_t at = 0; at < in->ool[i]; at += PAGE_SIZE) {
			uint64_t part = in->ool[i] - at < PAGE_SIZE ? in->ool[i] - at : PAGE_SIZE;

			in->pages[n] = vm_page_grab();
			if (in->pages[n] == NULL)
				return false;
			vm_page_set_owner(in->pages[n], 0, PAGE_OWNER_NET, 0);
			in->pieces[in->piece_count++] =
				(struct np_sge){ vm_page_virt(in->pages[n++]), (uint32_t)part };
		}
	return true;
}

/* The pulled frames become the regions' memory. */
static bool adopt_frames(struct net_in *in)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->ool_count && in->page_count > 0; i++) {
		uint32_t count = (uint32_t)((in->ool[i] + PAGE_SIZE - 1) / PAGE_SIZE);

		in->copies[i] = vm_map_copy_from_pages(&in->pages[n], count, 0, in->ool[i], false);
		if (in->copies[i] == NULL)
			return false;
		memset(&in->pages[n], 0, count * sizeof(*in->pages));
		n += count;
	}
	return true;
}

/* ---- from rights and regions to a kmsg in kernel form ---- */

/* The next right, in kernel form; a receive right goes in transit, with its requests in place. */
static struct ipc_port *next_port(struct net_in *in)
{
	struct ipc_port *port = in->ports[in->ports_done];

	if (in->said[in->ports_done++] != NETIPC_RIGHT_RECEIVE)
		return port;
	net_move_requests(port, &in->ports[in->ports_done]);
	in->ports_done += 2;
	if (IP_VALID(port))
		in->circular |= ipc_port_check_circularity(port, in->kmsg->ikm_remote_port);
	return port;
}

/* Checked: put the rights and regions where the descriptors say. */
static void fill_kmsg(struct net_in *in)
{
	struct ipc_kmsg *kmsg = in->kmsg;
	mach_msg_header_t *h = kmsg->ikm_header;
	uint32_t count = ikm_descriptor_count(kmsg), region = 0;
	mach_msg_descriptor_t *d = ikm_descriptors(kmsg);

	if (MACH_MSGH_BITS_LOCAL(h->msgh_bits) != 0)
		kmsg->ikm_local_port = next_port(in);
	for (uint32_t i = 0; i < count; i++, d = ikm_descriptor_next(d)) {
		struct ipc_port **ports;

		switch (d->type.type) {
		case MACH_MSG_PORT_DESCRIPTOR:
			d->port.kport = (uintptr_t)next_port(in);
			break;
		case MACH_MSG_OOL_PORTS_DESCRIPTOR:
			ports = d->ool_ports.count ? kalloc(d->ool_ports.count * sizeof(*ports)) : NULL;
			if (d->ool_ports.count != 0 && ports == NULL) {
				/* Too late to refuse: the rights die, the message says so by being shorter. */
				for (uint32_t j = 0; j < d->ool_ports.count; j++)
					ipc_port_release_right(next_port(in), d->ool_ports.disposition);
				d->ool_ports.count = 0;
			}
			for (uint32_t j = 0; j < d->ool_ports.count; j++)
				ports[j] = next_port(in);
			d->ool_ports.kports = (uintptr_t)ports;
			break;
		default:
			d->out_of_line.kcopy = 0;
			if (d->out_of_line.size != 0) {
				d->out_of_line.kcopy = (uintptr_t)in->copies[region];
				in->copies[region++] = NULL;
			}
		}
	}
}

static void call_kernel_object(struct kwork *work)
{
	struct net_in *in = container_of(work, struct net_in, work);
	struct ipc_kmsg *kmsg = in->kmsg;

	in_free(in);
	if (ipc_kmsg_send(kmsg, MACH_SEND_ALWAYS, IPC_NO_WAIT, NULL) != MACH_MSG_SUCCESS)
		ipc_kmsg_destroy(kmsg);
}

/* A pager's answers end other calls: they do not wait behind those. */
static void call_later(struct net_in *in, bool answer)
{
	bool urgent = ipc_kobject_frees_memory(in->kmsg->ikm_header->msgh_id);

	if (answer)
		kwork_init(&in->work, call_kernel_object, urgent);
	else
		kwork_init_call(&in->work, call_kernel_object, urgent);
	kworker_submit(&in->work); /* D4 */
}

/* The whole kmsg, destination included, to its port. Frees in. */
static void hand_over(struct net_in *in)
{
	struct ipc_kmsg *kmsg = in->kmsg;
	struct ipc_port *port = kmsg->ikm_remote_port;
	bool kernel, answer, circular;

	ip_lock(port);
	kernel = ip_active(port) && port->ip_receiver == ipc_space_kernel;
	answer = kernel && port->ip_kotype == IKOT_MEMORY_OBJECT_CONTROL;
	ip_unlock(port);
	if (kernel) {
		call_later(in, answer);
		return;
	}
	circular = in->circular;
	in_free(in);
	if (circular || (ipc_mqueue_deliver(kmsg) != MACH_MSG_SUCCESS && !net_move_follow(kmsg)))
		net_reap_kmsg(kmsg);
}

/* The destination right that the message used, now the kmsg's. net.lock held. */
static void take_destination_locked(struct ipc_kmsg *kmsg, struct ipc_port *port, bool once)
{
	mach_msg_header_t *h = kmsg->ikm_header;

	ip_lock(port);
	if (!once) /* of a port that is dead by now, too: the end of the kmsg takes it off */
		port->ip_srights++;
	ip_reference(port);
	ip_unlock(port);
	kmsg->ikm_remote_port = port;
	kmsg->ikm_local_port = IP_NULL;
	kmsg->ikm_net_flags = once ? MACH_MSG_TYPE_PORT_SEND_ONCE : MACH_MSG_TYPE_PORT_SEND;
	kmsg->ikm_net = ikm_size(kmsg);
	h->msgh_bits = (h->msgh_bits & ~MACH_MSGH_BITS_REMOTE_MASK) |
		       (once ? MACH_MSG_TYPE_PORT_SEND_ONCE : MACH_MSG_TYPE_PORT_SEND);
}

/* ---- a message is offered ---- */

/* Its sender: what its node says of the task, and which node and which boot of it that is, which we know. */
static struct ipc_tokens tokens_of(const struct netipc_deliver *d)
{
	struct ipc_tokens tokens;

	memcpy(&tokens.security, d->sender, sizeof(tokens.security));
	memcpy(&tokens.audit, d->sender + 2, (NETIPC_SENDER_WORDS - 2) * sizeof(*d->sender));
	tokens.audit.val[AUDIT_TOKEN_NODE] = d->origin ? (uint32_t)(d->origin >> 32) : d->from;
	tokens.audit.val[AUDIT_TOKEN_INCARNATION] = (uint32_t)(d->origin ? d->origin : d->from_incarnation);
	return tokens;
}

static void refuse(const struct netipc_deliver *d, enum netipc_refusal why)
{
	spin_lock(&net.lock);
	netipc_deliver_refuse(net.engine, d->delivery, why, clock_now_ns());
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
}

/* True: it was told that the queue is full. */
static bool port_full(const struct netipc_deliver *d)
{
	struct ipc_port *port = d->port;
	int rc;

	if (d->once || d->granted || d->moved)
		return false;
	while (ipc_mqueue_full(port)) {
		spin_lock(&net.lock);
		rc = netipc_deliver_full(net.engine, d->delivery, clock_now_ns());
		net_rearm_locked(netipc_deadline(net.engine));
		spin_unlock(&net.lock);
		if (rc == NETIPC_OK)
			return true;
	}
	return false;
}

/* Proxies for the rights that will need one. net.lock held, so that their number stays true. */
static bool make_spares_locked(const struct netipc_deliver *d, struct net_proxy **spares)
{
	uint32_t count = netipc_delivery_new_proxies(net.engine, d->delivery);

	*spares = NULL;
	while (count-- > 0) {
		struct net_proxy *np = net_proxy_make();

		if (np == NULL)
			return false;
		np->spare = *spares;
		*spares = np;
	}
	return true;
}

static int accept(const struct netipc_deliver *d, struct net_in *in)
{
	struct net_proxy *spares;
	int rc = NETIPC_NO_MEMORY;

	for (uint32_t i = 0; i < d->right_count; i++)
		in->said[i] = (uint8_t)netipc_delivery_right(d->delivery, i);
	spin_lock(&net.lock);
	if (!make_spares_locked(d, &spares)) {
		netipc_deliver_refuse(net.engine, d->delivery, NETIPC_REFUSE_NO_MEMORY, clock_now_ns());
		goto out;
	}
	rc = netipc_deliver_accept(net.engine, d->delivery, in->rights, in->pieces, in->piece_count, in,
				   clock_now_ns());
	if (rc != NETIPC_OK)
		goto out;
	for (uint32_t i = 0; i < d->right_count; i++)
		in->ports[i] = net_right_take_locked(&in->rights[i], &spares);
	take_destination_locked(in->kmsg, d->port, d->once);
out:
	net_rearm_locked(netipc_deadline(net.engine));
	spin_unlock(&net.lock);
	net_proxy_unmake(spares);
	return rc;
}

void net_deliver(const struct netipc_deliver *d)
{
	bool data_pulled = d->pull_size > 0 && d->ool_count > 0 && d->ool_data == NULL;
	struct net_in *in;
	struct ipc_port *port = d->port;

	if (port == NULL || d->body_size < sizeof(mach_msg_header_t) || d->body_size > MACH_MSG_INLINE_MAX) {
		refuse(d, port == NULL ? NETIPC_REFUSE_INVALID_DEST : NETIPC_REFUSE_MALFORMED);
		return;
	}
	if (port_full(d))
		return;
	in = in_make(d);
	if (in == NULL) {
		refuse(d, NETIPC_REFUSE_NO_MEMORY);
		return;
	}
	if (d->body != NULL) {
		memcpy(in->kmsg->ikm_header, d->body, d->body_size);
		if (!check_body(in, d->body_size, kind_offered, d->delivery)) {
			refuse(d, NETIPC_REFUSE_MALFORMED);
			goto drop;
		}
	}
	if ((d->ool_count > 0 && !data_pulled && !copy_regions(in, d->ool_data)) ||
	    (d->pull_size > 0 && !make_frames(in, data_pulled))) {
		refuse(d, NETIPC_REFUSE_NO_MEMORY);
		goto drop;
	}
	in->kmsg->ikm_from_net = true;
	in->kmsg->ikm_tokens = tokens_of(d);
	in->kmsg->ikm_priority = d->priority;
	if (accept(d, in) != NETIPC_OK)
		goto drop;
	if (d->pull_size > 0)
		return; /* net_pulled() goes on */
	fill_kmsg(in);
	hand_over(in);
	return;
drop:
	ipc_kmsg_free(in->kmsg);
	in_free(in);
}

/* Rights that came with a message that is no message: they die. Thread context. */
static void drop_rights(struct net_in *in)
{
	for (uint32_t i = 0; i < in->right_count; i++)
		ipc_port_release_right(in->ports[i], type_of_kind(in->rights[i].kind, MACH_MSG_TYPE_PORT_SEND));
	ipc_port_release_right(in->kmsg->ikm_remote_port, MACH_MSGH_BITS_REMOTE(in->kmsg->ikm_header->msgh_bits));
	ipc_kmsg_free(in->kmsg);
	in_free(in);
}

void net_pulled(void *cookie, int status)
{
	struct net_in *in = cookie;
	struct ipc_kmsg *kmsg = in->kmsg;
	mach_msg_bits_t remote = MACH_MSGH_BITS_REMOTE(kmsg->ikm_header->msgh_bits);
	uint32_t size = ikm_size(kmsg);

	if (in->body_pulled) {
		/* The READ wrote the header: the destination is what was accepted, not what it says. */
		bool good;

		remote = in->kmsg->ikm_net_flags;
		size = (uint32_t)kmsg->ikm_net;
		good = status == NETIPC_OK && check_body(in, size, kind_taken, in);
		kmsg->ikm_header->msgh_bits = (kmsg->ikm_header->msgh_bits & ~MACH_MSGH_BITS_REMOTE_MASK) | remote;
		if (!good)
			status = NETIPC_DEAD;
	}
	if (status != NETIPC_OK || !adopt_frames(in)) {
		drop_rights(in);
		return;
	}
	fill_kmsg(in);
	hand_over(in);
}
