/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_port.h - ports for the tests of calls on memory. */
#pragma once

#include <ipc/ipc_port.h>
#include <stdint.h>

/* Ports that exist. */
extern uint32_t fake_ports;
