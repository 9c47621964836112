/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_init.h - ipc at boot: its zones and special spaces, before the first task. */
#pragma once

void ipc_init(void);
