/* SPDX-License-Identifier: BSD-2-Clause */
/* processor.h - processors as objects: their ports, and taking them out of service. */
#pragma once

#include <mach/kern_return.h>
#include <stdbool.h>
#include <stdint.h>

struct ipc_port;

struct processor {
	uint32_t cpu;          /* [I] its number */
	bool running;          /* policy mutex: it takes threads */
	struct ipc_port *self; /* [I] once made */
};

/* Ports for the processors that are up now; again when more have come. */
void processor_init(void);
/* intran of .defs: NULL if port is no processor's. Processors are for ever: no reference. */
struct processor *convert_port_to_processor(struct ipc_port *port);
/* A send right to processor n's port; IP_NULL without memory. */
struct ipc_port *processor_port(uint32_t cpu);
