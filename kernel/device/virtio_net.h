/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio_net.h - the virtio network card's driver; what it offers is a struct nic (nic.h). */
#pragma once

/* Register a nic for every virtio-net device on the PCI bus. Once, at boot. */
void virtio_net_probe(void);
