/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/host_notify.h - what a node tells who asked (host_request_notification). Values: XNU's. */
#pragma once

#define HOST_NOTIFY_CALENDAR_CHANGE 0 /* the calendar clock was set */
#define HOST_NOTIFY_TYPE_MAX 0
