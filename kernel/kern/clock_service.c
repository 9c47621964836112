/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock_service.c - clocks as ports, their alarms and sleepers. Interface: clock_service.h, and the calls of clock.defs and
 *   clock_priv.defs.
 *
 * Each clock has a page of terms that programs may map (clock_map_time), and that the kernel reads the time by, too.
 * The calendar is the monotonic clock plus an offset, read from the machine's battery clock at the boot. Setting it moves the
 * offset; alarms that wait on it are told KERN_ABORTED, sleepers wake: each looks at the new time itself.
 *
 * Invariants: C1 an alarm is on its clock's list until who takes it off (timer or set_time) hands it to the worker, or its port
 *   died: then it is forgotten, so that nobody leaves alarms of ten years behind.
 * Locking: clock lock -> the CPU's timer queue is never needed under it. Key: [I] immutable after the boot, [c] clock lock.
 * References: OSF MK kernel interface, clock_*(3).
 */
#include <base/list.h>
#include <ipc/ipc_notify.h>
#include <ipc/ipc_space.h>
#include <kern/clock.h>
#include <kern/clock_service.h>
#include <kern/ipc_kobject.h>
#include <kern/ipc_kobject_calls.h>
#include <kern/kalloc.h>
#include <kern/kworker.h>
#include <kernel/clock_priv_server.h>
#include <kernel/clock_reply.h>
#include <kernel/clock_server.h>
#include <kernel/host_notify_reply.h>
#include <mach/mapped_clock.h>
#include <machine/clock.h>
#include <sched/wait.h>
#include <vm/vm_device_pager.h>

#define CLOCKS 2
#define RESOLUTION_NS 1

struct clock {
	struct spinlock lock;
	clock_id_t id;             /* [I] */
	mapped_clock_t *mapped;    /* [I] its offset_ns: read and set in one piece */
	struct ipc_port *service;  /* [I] naked */
	struct ipc_port *control;  /* [I] naked */
	struct list alarms;        /* [c] of alarm.link */
	struct waitq sleepers;     /* [c] */
};

struct alarm {
	struct list link;       /* [c] */
	bool waiting;           /* [c] on the list */
	struct clock *clock;
	struct ipc_port *port;  /* send-once right */
	alarm_type_t type;
	kern_return_t code;     /* who took it off the list */
	struct timer timer;
	struct kwork work;
};

static struct clock clocks[CLOCKS];

/* What is mapped: nothing else may be on these pages. */
static union {
	mapped_clock_t clock;
	uint8_t page[PAGE_SIZE];
} _Alignas(PAGE_SIZE) mapped_pages[CLOCKS];

/* Who wants to know when the calendar is set. */
struct calendar_request {
	struct list link;      /* the calendar's lock */
	struct ipc_port *port; /* send-once right */
};
static struct list calendar_requests = LIST_INIT(calendar_requests);

/* What it shows less clock_now_ns(). */
static uint64_t offset_ns(const struct clock *c)
{
	return c->mapped->offset_ns;
}

static uint64_t shown_ns(const struct clock *c)
{
	return clock_now_ns() + offset_ns(c);
}

static mach_timespec_t timespec_of(uint64_t ns)
{
	return (mach_timespec_t){ .tv_sec = (unsigned int)(ns / NSEC_PER_SEC), .tv_nsec = (int)(ns % NSEC_PER_SEC) };
}

static uint64_t ns_of(const mach_timespec_t *t)
{
	return t->tv_sec * NSEC_PER_SEC + (uint64_t)t->tv_nsec;
}

static void port_died(struct ipc_port *port);

void clock_service_init(void)
{
	struct machine_clock_terms terms = machine_clock_terms();

	ipc_port_awaited_died = port_died;
	for (int i = 0; i < CLOCKS; i++) {
		struct clock *c = &clocks[i];

		spin_init(&c->lock, "clock");
		c->id = i;
		c->mapped = &mapped_pages[i].clock;
		c->mapped->tsc_start = terms.start;
		c->mapped->ns_per_tsc = terms.ns_per_tick;
		list_init(&c->alarms);
		waitq_init(&c->sleepers);
		c->service = ipc_port_alloc_special(ipc_space_kernel);
		c->control = ipc_port_alloc_special(ipc_space_kernel);
		if (c->service == NULL || c->control == NULL)
			panic("no memory for the clocks' ports");
		ipc_kobject_set(c->service, c, IKOT_CLOCK);
		ipc_kobject_set(c->control, c, IKOT_CLOCK_CTRL);
	}
	clocks[CALENDAR_CLOCK].mapped->offset_ns = machine_wall_seconds() * NSEC_PER_SEC - clock_now_ns();
}

static struct clock *convert(struct ipc_port *port, enum ipc_kotype type)
{
	struct clock *c = ipc_kobject_lock(port, type);

	if (c != NULL)
		ip_unlock(port);
	return c;
}

struct clock *convert_port_to_clock(struct ipc_port *port)
{
	return convert(port, IKOT_CLOCK);
}

struct clock *convert_port_to_clock_ctrl(struct ipc_port *port)
{
	return convert(port, IKOT_CLOCK_CTRL);
}

struct clock *clock_of_id(clock_id_t id)
{
	return id >= 0 && id < CLOCKS ? &clocks[id] : NULL;
}

struct ipc_port *clock_service_port(clock_id_t id)
{
	return id >= 0 && id < CLOCKS ? ipc_port_make_send(clocks[id].service) : IP_NULL;
}

struct ipc_port *clock_control_port(clock_id_t id)
{
	return id >= 0 && id < CLOCKS ? ipc_port_make_send(clocks[id].control) : IP_NULL;
}

uint64_t clock_calendar_ns(void)
{
	return shown_ns(&clocks[CALENDAR_CLOCK]);
}

/*
 * When, by clock_now_ns(), the clock shows this. *past: it does already.
 * Returns KERN_INVALID_VALUE for what is no time.
 */
static kern_return_t deadline_of(const struct clock *c, int type, const mach_timespec_t *t, uint64_t *deadline_ns, bool *past)
{
	uint64_t now = clock_now_ns(), shows = now + offset_ns(c);

	if (BAD_ALRMTYPE(type) || BAD_MACH_TIMESPEC(t))
		return KERN_INVALID_VALUE;
	if (type == TIME_RELATIVE) {
		*past = ns_of(t) == 0;
		*deadline_ns = now + ns_of(t);
	} else {
		*past = ns_of(t) <= shows;
		*deadline_ns = *past ? now : now + (ns_of(t) - shows);
	}
	return KERN_SUCCESS;
}

/* ---- who is told later: until then, or until the port dies ---- */

/* port, of a send-once right, is told later. False: it is dead, so nobody will be. */
static bool await(struct ipc_port *port)
{
	bool active;

	ip_lock(port);
	active = ip_active(port);
	port->ip_awaited = true;
	ip_unlock(port);
	return active;
}

static bool is_dead(struct ipc_port *port)
{
	bool active;

	ip_lock(port);
	active = ip_active(port);
	ip_unlock(port);
	return !active;
}

/* ---- alarms ---- */

static void alarm_tell(struct kwork *work)
{
	struct alarm *a = container_of(work, struct alarm, work);
	kern_return_t kr = clock_alarm_reply(a->port, a->code, a->type, timespec_of(shown_ns(a->clock)),
					     MACH_SEND_ALWAYS, WAIT_FOREVER);

	(void)kr; /* nobody is there to be told */
	kfree(a, sizeof(*a));
}

/* Take a off its clock's list; false: another did. */
static bool alarm_take_locked(struct alarm *a, kern_return_t code)
{
	if (!a->waiting)
		return false;
	a->waiting = false;
	a->code = code;
	list_remove(&a->link);
	return true;
}

static void alarm_due(struct timer *timer)
{
	struct alarm *a = container_of(timer, struct alarm, timer);
	struct clock *c = a->clock;
	bool mine;

	spin_lock(&c->lock);
	mine = alarm_take_locked(a, KERN_SUCCESS);
	spin_unlock(&c->lock);
	if (mine)
		kworker_submit(&a->work);
}

static void alarm_free(struct alarm *a)
{
	ipc_port_release_sonce(a->port);
	kfree(a, sizeof(*a));
}

/* The next alarm of c that would tell port, taken off; NULL: none. */
static struct alarm *alarm_take_of(struct clock *c, const struct ipc_port *port)
{
	struct alarm *found = NULL;

	spin_lock(&c->lock);
	LIST_FOR_EACH(l, &c->alarms) {
		struct alarm *a = container_of(l, struct alarm, link);

		if (a->port == port) {
			found = a;
			(void)alarm_take_locked(a, KERN_ABORTED);
			break;
		}
	}
	spin_unlock(&c->lock);
	return found;
}

static void alarms_forget(const struct ipc_port *port)
{
	for (int i = 0; i < CLOCKS; i++) {
		struct alarm *a;

		while ((a = alarm_take_of(&clocks[i], port)) != NULL) {
			(void)timer_cancel(&a->timer);
			alarm_free(a);
		}
	}
}

static kern_return_t call_alarm(struct clock *c, alarm_type_t type, mach_timespec_t time, struct ipc_port *port)
{
	uint64_t deadline_ns = 0;
	bool past = false;
	struct alarm *a;
	kern_return_t kr;

	if (c == NULL)
		return KERN_INVALID_ARGUMENT;
	if (!IP_VALID(port))
		return KERN_INVALID_CAPABILITY;
	if (!await(port))
		return KERN_INVALID_CAPABILITY;
	a = kalloc_zeroed(sizeof(*a));
	if (a == NULL)
		return KERN_RESOURCE_SHORTAGE;
	kr = deadline_of(c, type, &time, &deadline_ns, &past);
	a->clock = c;
	a->port = port;
	a->type = type;
	a->code = kr;
	timer_init(&a->timer, alarm_due);
	kwork_init(&a->work, alarm_tell, false);
	if (kr != KERN_SUCCESS || past) {
		alarm_tell(&a->work);
		return KERN_SUCCESS;
	}
	spin_lock(&c->lock);
	a->waiting = true;
	list_add_tail(&c->alarms, &a->link);
	timer_arm(&a->timer, deadline_ns);
	spin_unlock(&c->lock);
	if (is_dead(port))
		alarms_forget(port); /* it died before it was on the list */
	return KERN_SUCCESS;
}

/* What waits on the clock learns that it was set. */
static void flush_alarms(struct clock *c)
{
	for (;;) {
		struct alarm *a;

		spin_lock(&c->lock);
		a = list_first(&c->alarms, struct alarm, link);
		if (a != NULL)
			(void)alarm_take_locked(a, KERN_ABORTED);
		else
			(void)waitq_wake_all(&c->sleepers);
		spin_unlock(&c->lock);
		if (a == NULL)
			return;
		(void)timer_cancel(&a->timer);
		alarm_tell(&a->work);
	}
}

/* ---- who wants to know that the calendar was set ---- */

static void requests_forget(const struct ipc_port *port)
{
	struct clock *c = &clocks[CALENDAR_CLOCK];
	struct list gone;

	list_init(&gone);
	spin_lock(&c->lock);
	LIST_FOR_EACH_SAFE(pos, tmp, &calendar_requests) {
		struct calendar_request *r = container_of(pos, struct calendar_request, link);

		if (r->port != port)
			continue;
		list_remove(&r->link);
		list_add_tail(&gone, &r->link);
	}
	spin_unlock(&c->lock);
	LIST_FOR_EACH_SAFE(pos, tmp, &gone) {
		struct calendar_request *r = container_of(pos, struct calendar_request, link);

		ipc_port_release_sonce(r->port);
		kfree(r, sizeof(*r));
	}
}

kern_return_t clock_calendar_notify(struct ipc_port *port)
{
	struct calendar_request *r = kalloc_zeroed(sizeof(*r));
	struct clock *c = &clocks[CALENDAR_CLOCK];

	if (r == NULL)
		return KERN_RESOURCE_SHORTAGE;
	if (!await(port)) {
		kfree(r, sizeof(*r));
		return KERN_INVALID_CAPABILITY;
	}
	r->port = port;
	spin_lock(&c->lock);
	list_add_tail(&calendar_requests, &r->link);
	spin_unlock(&c->lock);
	if (is_dead(port))
		requests_forget(port);
	return KERN_SUCCESS;
}

static void port_died(struct ipc_port *port)
{
	alarms_forget(port);
	requests_forget(port);
}

static void tell_calendar_changed(void)
{
	struct clock *c = &clocks[CALENDAR_CLOCK];
	struct list requests;

	list_init(&requests);
	spin_lock(&c->lock);
	list_splice_tail(&requests, &calendar_requests);
	spin_unlock(&c->lock);
	LIST_FOR_EACH_SAFE(pos, tmp, &requests) {
		struct calendar_request *r = container_of(pos, struct calendar_request, link);
		kern_return_t kr = host_calendar_changed(r->port, MACH_SEND_ALWAYS, WAIT_FOREVER);

		(void)kr; /* nobody is there to be told */
		kfree(r, sizeof(*r));
	}
}

/* ---- the rest ---- */

kern_return_t clock_service_sleep(struct clock *c, sleep_type_t type, mach_timespec_t *time)
{
	enum wait_result waited = WAIT_TIMED_OUT;
	uint64_t deadline_ns;
	kern_return_t kr;
	bool past;

	if (c == NULL)
		return KERN_INVALID_ARGUMENT;
	kr = deadline_of(c, type, time, &deadline_ns, &past);
	if (kr != KERN_SUCCESS)
		return kr;
	if (!past) {
		spin_lock(&c->lock);
		waited = waitq_block(&c->sleepers, &c->lock, WAIT_ABORTABLE, deadline_ns);
	}
	*time = timespec_of(shown_ns(c));
	return waited == WAIT_INTERRUPTED ? KERN_ABORTED : KERN_SUCCESS;
}

static kern_return_t call_get_time(struct clock *c, mach_timespec_t *time)
{
	if (c == NULL)
		return KERN_INVALID_ARGUMENT;
	*time = timespec_of(shown_ns(c));
	return KERN_SUCCESS;
}

static kern_return_t call_get_attributes(struct clock *c, clock_flavor_t flavor, clock_attr_t attribute,
					 mach_msg_type_number_t *count)
{
	if (c == NULL)
		return KERN_INVALID_ARGUMENT;
	if (*count < 1)
		return KERN_FAILURE;
	switch (flavor) {
	case CLOCK_GET_TIME_RES:
	case CLOCK_MAP_TIME_RES:
	case CLOCK_ALARM_CURRES:
	case CLOCK_ALARM_MINRES:
	case CLOCK_ALARM_MAXRES:
		*attribute = RESOLUTION_NS;
		*count = 1;
		return KERN_SUCCESS;
	default:
		return KERN_INVALID_VALUE;
	}
}

static kern_return_t call_map_time(struct clock *c, struct ipc_port **pager)
{
	if (c == NULL)
		return KERN_INVALID_ARGUMENT;
	return vm_device_pager_create(virt_to_phys(c->mapped), PAGE_SIZE, VM_PROT_READ, PMAP_CACHED, pager);
}

static kern_return_t call_set_time(struct clock *c, mach_timespec_t time)
{
	if (c == NULL)
		return KERN_INVALID_ARGUMENT;
	if (c->id != CALENDAR_CLOCK)
		return KERN_FAILURE;
	if (BAD_MACH_TIMESPEC(&time))
		return KERN_INVALID_VALUE;
	c->mapped->offset_ns = ns_of(&time) - clock_now_ns();
	flush_alarms(c);
	tell_calendar_changed();
	return KERN_SUCCESS;
}

static kern_return_t call_set_attributes(struct clock *c, clock_flavor_t flavor, clock_attr_t attribute,
					 mach_msg_type_number_t count)
{
	return c == NULL ? KERN_INVALID_ARGUMENT : KERN_FAILURE;
}

const struct clock_ops clock_calls = {
	.clock_get_time = call_get_time,
	.clock_get_attributes = call_get_attributes,
	.clock_alarm = call_alarm,
	.clock_map_time = call_map_time,
};

const struct clock_priv_ops clock_priv_calls = {
	.clock_set_time = call_set_time,
	.clock_set_attributes = call_set_attributes,
};
