# SPDX-License-Identifier: BSD-2-Clause
"""Host programs: unit tests of portable code under ASan and UBSan, fuzzers, tools in C."""

from __future__ import annotations

from . import cores
from .ninja import Writer

# The doubles of the machine that kernel code on the host is linked with (tests/unit/host/include/host/host.h).
HOST: list[str] = [
    "kernel/sched/donate.c",
    "kernel/sched/timer_queue.c",
    "tests/unit/host/copyio.c",
    "tests/unit/host/kalloc.c",
    "tests/unit/host/mutex.c",
    "tests/unit/host/print.c",
    "tests/unit/host/thread.c",
    "tests/unit/host/vm_map_copy.c",
    "tests/unit/host/wait.c",
]

# All of ipc but the network glue, over doubled tasks and memory; and what its tests share.
IPC: list[str] = [
    *cores.IPC,
    "tests/unit/host/task.c",
    "tests/unit/ipc/fixture.c",
    *HOST,
]

# The doubles for VM's tests: the real page allocator and zones run on an arena.
VM_HOST: list[str] = [
    "kernel/kern/fault.c",
    "kernel/kern/kalloc.c",
    "kernel/sched/rwlock.c",
    "kernel/vm/vm_page.c",
    "kernel/vm/vm_page_queue.c",
    "kernel/vm/vm_page_wait.c",
    "kernel/vm/vm_swap.c",
    "kernel/sched/donate.c",
    "kernel/sched/timer_queue.c",
    "tests/unit/host/mutex.c",
    "tests/unit/host/print.c",
    "tests/unit/host/thread.c",
    "tests/unit/host/wait.c",
    "tests/unit/vm/arena.c",
]

# All of VM but its message interface, over page tables that are a table.
VM: list[str] = [
    "kernel/vm/vm_fault.c",
    "kernel/vm/vm_map.c",
    "kernel/vm/vm_map_access.c",
    "kernel/vm/vm_map_advise.c",
    "kernel/vm/vm_map_copy.c",
    "kernel/vm/vm_map_exchange.c",
    "kernel/vm/vm_map_fork.c",
    "kernel/vm/vm_map_large.c",
    "kernel/vm/vm_map_lookup.c",
    "kernel/vm/vm_map_region.c",
    "kernel/vm/vm_map_pager.c",
    "kernel/vm/vm_map_tree.c",
    "kernel/vm/vm_map_wire.c",
    "kernel/vm/vm_object.c",
    "kernel/vm/vm_object_cache.c",
    "kernel/vm/vm_object_chain.c",
    "kernel/vm/vm_object_collapse.c",
    "kernel/vm/vm_purgable.c",
    "kernel/vm/vm_object_copy.c",
    "kernel/vm/vm_object_stored.c",
    "kernel/vm/vm_object_walk.c",
    "kernel/vm/vm_pager.c",
    "kernel/vm/vm_pager_data.c",
    "tests/unit/vm/fake_pager.c",
    "tests/unit/vm/fake_pmap.c",
]

# VM's allocations, which fake_pmap.c makes fail on demand.
VM_WRAP = "-Wl," + ",".join(f"--wrap={name}" for name in (
    "kalloc", "kalloc_zeroed", "vm_page_grab", "vm_page_grab_user", "vm_page_grab_zeroed", "zone_alloc", "zone_alloc_zeroed"))

# netipc's transport: portable, the same files as in the kernel.
ROCE: list[str] = [
    "lib/base/crc32.c",
    "lib/base/siphash.c",
    "netipc/roce/ack.c",
    "netipc/roce/answer.c",
    "netipc/roce/arp.c",
    "netipc/roce/event.c",
    "netipc/roce/ip.c",
    "netipc/roce/link.c",
    "netipc/roce/opcode.c",
    "netipc/roce/post.c",
    "netipc/roce/qp.c",
    "netipc/roce/region.c",
    "netipc/roce/request.c",
    "netipc/roce/roce.c",
    "netipc/roce/send.c",
    "netipc/roce/timer.c",
]

# The engine above it, and the simulator of clusters that drives it in tests.
NETIPC: list[str] = [
    "lib/base/siphash.c",
    "netipc/engine/bulk.c",
    "netipc/engine/connect.c",
    "netipc/engine/engine.c",
    "netipc/engine/export.c",
    "netipc/engine/member.c",
    "netipc/engine/move.c",
    "netipc/engine/proxy.c",
    "netipc/engine/receive.c",
    "netipc/engine/send.c",
    "netipc/engine/stream.c",
]

SIM: list[str] = [
    "netipc/provider/fake/fake_net.c",
    "netipc/provider/fake/fake_qp.c",
    "tests/sim/netipc_sim.c",
    "tests/sim/sim_fake.c",
    "tests/sim/sim_roce.c",
    "tests/unit/roce/net.c",
]

# Test name -> its source files (tests/unit mirrors the source tree). Each is one cmocka program.
UNIT: dict[str, list[str]] = {
    "boot_input": ["kernel/kern/archive.c", "kernel/kern/options.c", "lib/base/elf.c",
                   "tests/unit/kern/boot_input_test.c", *HOST],
    "buffer_cache": ["kernel/device/buffer_cache.c", "tests/unit/device/buffer_cache_test.c", *VM_HOST],
    "crc32": ["lib/base/crc32.c", "tests/unit/base/crc32_test.c"],
    "exception_port": ["kernel/kern/exception_port.c", "tests/unit/kern/exception_port_test.c", *IPC],
    "fake": ["netipc/provider/fake/fake_net.c", "netipc/provider/fake/fake_qp.c", "tests/unit/provider/fake_test.c"],
    "host": ["tests/unit/host/smoke_test.c", *HOST],
    "ipc_attribute": ["tests/unit/ipc/attribute_test.c", *IPC],
    "ipc_body": ["tests/unit/ipc/body_test.c", *IPC],
    "ipc_fast": ["tests/unit/ipc/fast_test.c", *IPC],
    "ipc_model": ["tests/unit/ipc/audit.c", "tests/unit/ipc/model_test.c", "tests/unit/ipc/world.c", *IPC],
    "ipc_msg": ["tests/unit/ipc/msg_test.c", *IPC],
    "ipc_notify": ["tests/unit/ipc/notify_test.c", *IPC],
    "ipc_option": ["tests/unit/ipc/option_test.c", *IPC],
    "ipc_order": ["tests/unit/ipc/order_test.c", *IPC],
    "ipc_right": ["tests/unit/ipc/right_test.c", *IPC],
    "ipc_semantics": ["tests/unit/ipc/semantics_test.c", *IPC],
    "ipc_smp": ["tests/unit/ipc/audit.c", "tests/unit/ipc/smp_test.c", "tests/unit/ipc/world.c", *IPC],
    "netipc": ["tests/unit/netipc/engine_test.c", *SIM, *ROCE, *(s for s in NETIPC if s not in ROCE)],
    "netipc_onces": ["lib/base/siphash.c", "netipc/provider/fake/fake_net.c", "netipc/provider/fake/fake_qp.c",
                     "tests/sim/sim_fake.c", "tests/unit/netipc/onces_test.c", *(s for s in NETIPC if s not in ROCE)],
    "ipc_wait": ["tests/unit/ipc/wait_test.c", *IPC],
    "pcid": ["kernel/arch/x86_64/pmap_pcid.c", "tests/unit/arch/pcid_test.c"],
    "roce": ["tests/unit/roce/net.c", "tests/unit/roce/roce_test.c", *ROCE],
    "rwlock": ["kernel/sched/rwlock.c", "tests/unit/sched/rwlock_test.c", *HOST],
    "sched": ["kernel/sched/edf.c", "kernel/sched/run_queue.c", "kernel/sched/timeshare.c", "tests/unit/sched/sched_test.c", *HOST],
    "siphash": ["lib/base/siphash.c", "tests/unit/base/siphash_test.c"],
    "sync": ["kernel/kern/late_answer.c", "kernel/kern/lock_remote.c", "kernel/kern/lock_set.c", "kernel/kern/semaphore.c", "tests/unit/kern/sync_test.c", *IPC],
    "virtio_queue": ["kernel/device/virtio_queue.c", "tests/unit/device/virtio_queue_test.c", *HOST],
    "vm_chain": ["tests/unit/vm/vm_chain_test.c", *VM, *VM_HOST],
    "vm_exchange": ["tests/unit/vm/vm_exchange_test.c", *VM, *VM_HOST],
    "vm_map": ["tests/unit/vm/vm_map_test.c", *VM, *VM_HOST],
    "vm_model": ["tests/unit/vm/vm_model_test.c", *VM, *VM_HOST],
    "vm_smp": ["tests/unit/vm/vm_smp_test.c", *VM, *VM_HOST],
    "vm_user": ["kernel/vm/vm_device_pager.c", "kernel/vm/vm_named_entry.c", "kernel/vm/vm_user.c", "kernel/vm/vm_user_info.c", "tests/unit/vm/fake_port.c", "tests/unit/vm/vm_user_test.c", *VM, *VM_HOST],
    "vm_pager": ["tests/unit/vm/vm_pager_test.c", *VM, *VM_HOST],
    "vm_page": ["tests/unit/vm/vm_page_test.c", *VM_HOST],
    "vm_pageout": ["kernel/vm/vm_object_internal_pager.c", "kernel/vm/vm_pageout.c", "tests/unit/vm/vm_pageout_test.c", *VM, *VM_HOST],
}

# Fuzzers of the same kind, in build/tests/fuzz: a short run is a test.
FUZZ: dict[str, list[str]] = {
    "fuzz_mach_msg": ["tests/fuzz/fuzz_mach_msg.c", "tests/unit/ipc/audit.c", "tests/unit/ipc/world.c", *IPC],
}

# More for the linker of some of them.
LINK: dict[str, str] = {
    "vm_chain": VM_WRAP,
    "vm_exchange": VM_WRAP,
    "vm_map": VM_WRAP,
    "vm_model": VM_WRAP,
    "vm_pageout": VM_WRAP,
    "vm_pager": VM_WRAP,
    "vm_smp": VM_WRAP,
    "vm_user": VM_WRAP,
}

# Of them, those that are also built under ThreadSanitizer, as NAME_tsan: the cores of IPC and VM, all cases.
TSAN: list[str] = [
    "exception_port",
    "host",
    *(name for name in UNIT if name.startswith(("ipc_", "vm_"))),
    "rwlock",
    "sched",
    "sync",
]

# Kernel code on the host sees tests/unit/host/include/machine in place of the machine's headers.
CFLAGS = (
    "-std=gnu17 -g -O1 -fno-omit-frame-pointer -Wall -Wextra -Werror -Wno-unused-parameter "
    "-DMESHACH_KERNEL -DMESHACH_DEBUG -DMESHACH_HOST -Ikernel -Itests/unit/host/include -Iinclude -Ilib "
    "-Inetipc/include -Inetipc -Ibuild/gen"
)


def emit(n: Writer, generated: list[str]) -> list[str]:
    n.comment("unit tests on the host")
    n.variable("host_cflags", CFLAGS)
    n.rule("host_cc", "gcc $host_cflags -fsanitize=address,undefined -fno-sanitize-recover=all $flags "
           "-MMD -MF $out.d -c $in -o $out", "HOSTCC $in", depfile="$out.d", deps="gcc")
    n.rule("host_link", "gcc -fsanitize=address,undefined $in -o $out $libs -lpthread", "HOSTLINK $out")
    targets = []
    programs = {f"unit/{name}": sources for name, sources in UNIT.items()}
    programs |= {f"fuzz/{name}": sources for name, sources in FUZZ.items()}
    for path, sources in programs.items():
        name = path.split("/")[1]
        objects = [n.build(f"build/host/{source.rsplit('.', 1)[0]}.o", "host_cc", [source],
                           order_only=generated) for source in sources]
        targets.append(n.build(f"build/tests/{path}", "host_link", objects,
                               libs=" ".join(["-lcmocka", *filter(None, [LINK.get(name)])])))
    n.rule("tsan_cc", "gcc $host_cflags -fsanitize=thread $flags -MMD -MF $out.d -c $in -o $out",
           "TSANCC $in", depfile="$out.d", deps="gcc")
    n.rule("tsan_link", "gcc -fsanitize=thread $in -o $out $libs -lpthread", "TSANLINK $out")
    for name in TSAN:
        objects = [n.build(f"build/tsan/{source.rsplit('.', 1)[0]}.o", "tsan_cc", [source],
                           order_only=generated) for source in UNIT[name]]
        targets.append(n.build(f"build/tests/unit/{name}_tsan", "tsan_link", objects,
                               libs=" ".join(["-lcmocka", *filter(None, [LINK.get(name)])])))
    return targets
