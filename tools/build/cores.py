# SPDX-License-Identifier: BSD-2-Clause
"""Kernel code that more than the kernel is made of: unit tests, hosted nodes and fuzzers build it, too. One file a line, sorted."""

from __future__ import annotations

# All of ipc but the network glue.
IPC: list[str] = [
    "kernel/ipc/ipc_entry.c",
    "kernel/ipc/ipc_guard.c",
    "kernel/ipc/ipc_init.c",
    "kernel/ipc/ipc_kmsg.c",
    "kernel/ipc/ipc_kmsg_copyin.c",
    "kernel/ipc/ipc_kmsg_copyout.c",
    "kernel/ipc/ipc_mqueue.c",
    "kernel/ipc/ipc_notify.c",
    "kernel/ipc/ipc_object.c",
    "kernel/ipc/ipc_order.c",
    "kernel/ipc/ipc_port.c",
    "kernel/ipc/ipc_pset.c",
    "kernel/ipc/ipc_right.c",
    "kernel/ipc/ipc_scatter.c",
    "kernel/ipc/ipc_space.c",
    "kernel/ipc/ipc_tt.c",
    "kernel/ipc/mach_msg.c",
    "kernel/ipc/mach_msg_fast.c",
    "kernel/ipc/mach_port.c",
    "kernel/ipc/mach_port_attributes.c",
    "kernel/ipc/mach_port_info.c",
    "kernel/ipc/mach_port_list.c",
    "kernel/ipc/mach_port_trap.c",
]
