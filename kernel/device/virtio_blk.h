/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio_blk.h - the virtio disk's driver; what it offers are devices vd0, vd1 ... (device.h). */
#pragma once

/* Register a device for every virtio-blk disk on the PCI bus. Once, at boot, in thread context. */
void virtio_blk_probe(void);
