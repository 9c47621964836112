/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.c - the switch's one loop: wait, move frames, run timers.
 *
 * A fabric whose ports are file descriptors is woken by them. One that must be polled (vhost) is
 * polled SPINS times after the last frame, and then arms its wake-ups and waits: a switch that only
 * spins starves the guests.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "switch.h"

#define SPINS 20u /* echo of two polling guests on 2 CPUs: 5: 28 us, 20: 13, 50: 17, 200: 40, 1000: 168 */
#define EVENTS 32
#define CAPTURE_FLUSH_NS 100000000ull

const char *loop_watch(struct sw *sw, struct watcher *watcher, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watcher};

	return epoll_ctl(sw->epoll, EPOLL_CTL_ADD, watcher->fd, &event) == 0 ? NULL
									     : strerror(errno);
}

void loop_change(struct sw *sw, struct watcher *watcher, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watcher};

	epoll_ctl(sw->epoll, EPOLL_CTL_MOD, watcher->fd, &event);
}

void loop_unwatch(struct sw *sw, struct watcher *watcher)
{
	epoll_ctl(sw->epoll, EPOLL_CTL_DEL, watcher->fd, NULL);
	sw->stale = true;
}

/* How long to wait, in ms rounded up; -1: until something happens. */
static int wait_ms(struct sw *sw, bool unflushed)
{
	int64_t ns = sw_timers(sw);

	if (sw->fabric->waiting != NULL && sw->fabric->waiting(sw))
		return 1;
	if (unflushed && (ns < 0 || ns > (int64_t)CAPTURE_FLUSH_NS))
		ns = CAPTURE_FLUSH_NS;
	return ns < 0 ? -1 : (int)((ns + 999999) / 1000000);
}

static void dispatch(struct sw *sw, int timeout)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(sw->epoll, events, EVENTS, timeout);

	sw->now_ns = sw_clock_ns();
	sw->stale = false;
	for (int i = 0; i < n && !sw->stale; i++) {
		struct watcher *watcher = events[i].data.ptr;

		watcher->ready(sw, watcher, events[i].events);
	}
}

void loop_run(struct sw *sw)
{
	const struct sw_fabric *fabric = sw->fabric;
	uint64_t flushed = 0;
	uint32_t spins = 0;

	while (!sw->quit) {
		bool capturing = sw->capture != NULL;

		sw->now_ns = sw_clock_ns();
		if (fabric->poll != NULL && fabric->poll(sw))
			spins = 0;
		else
			spins++;
		if (fabric->poll == NULL) {
			dispatch(sw, wait_ms(sw, capturing));
		} else if (spins < SPINS) {
			/* commands and timers must not wait for the traffic to end */
			if (spins % 64 == 0)
				dispatch(sw, 0);
			sw_timers(sw);
		} else {
			if (fabric->arm(sw, true))
				dispatch(sw, wait_ms(sw, capturing));
			fabric->arm(sw, false);
			spins = 0;
		}
		if (sw->capture != NULL && sw->now_ns - flushed > CAPTURE_FLUSH_NS) {
			capture_flush(sw->capture);
			flushed = sw->now_ns;
		}
	}
}
