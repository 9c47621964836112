# SPDX-License-Identifier: BSD-2-Clause
"""The kernel image: which files it is made of, and how."""

from __future__ import annotations

from . import cores, mig
from .ninja import Writer

# One file a line, sorted, so that changes merge.
SOURCES: list[str] = [
    "kernel/arch/x86_64/acpi.c",
    "kernel/arch/x86_64/ap_trampoline.S",
    "kernel/arch/x86_64/apic.c",
    "kernel/arch/x86_64/backtrace.c",
    "kernel/arch/x86_64/boot.c",
    "kernel/arch/x86_64/clock.c",
    "kernel/arch/x86_64/copyio.S",
    "kernel/arch/x86_64/copyio.c",
    "kernel/arch/x86_64/cpu.c",
    "kernel/arch/x86_64/entry.S",
    "kernel/arch/x86_64/exit.c",
    "kernel/arch/x86_64/fpu.c",
    "kernel/arch/x86_64/idt.c",
    "kernel/arch/x86_64/interrupt.c",
    "kernel/arch/x86_64/ioapic.c",
    "kernel/arch/x86_64/kernel_virtual.c",
    "kernel/arch/x86_64/ktest_machine.c",
    "kernel/arch/x86_64/ktest_memory.c",
    "kernel/arch/x86_64/ktest_pcid.c",
    "kernel/arch/x86_64/ktest_user.S",
    "kernel/arch/x86_64/ktest_user.c",
    "kernel/arch/x86_64/multiboot.c",
    "kernel/arch/x86_64/pmap.c",
    "kernel/arch/x86_64/pmap_bootstrap.c",
    "kernel/arch/x86_64/pmap_pcid.c",
    "kernel/arch/x86_64/pmap_pv.c",
    "kernel/arch/x86_64/pmap_tlb.c",
    "kernel/arch/x86_64/random.c",
    "kernel/arch/x86_64/rtc.c",
    "kernel/arch/x86_64/serial.c",
    "kernel/arch/x86_64/smp.c",
    "kernel/arch/x86_64/switch.S",
    "kernel/arch/x86_64/thread.c",
    "kernel/arch/x86_64/thread_state.c",
    "kernel/arch/x86_64/trap.c",
    "kernel/arch/x86_64/trap_entry.S",
    "kernel/bench/frame_echo.c",
    "kernel/bench/ipi.c",
    "kernel/bench/sample.c",
    "kernel/ddb/ddb.c",
    "kernel/ddb/ddb_ipc.c",
    "kernel/ddb/ddb_machine.c",
    "kernel/ddb/ddb_task.c",
    "kernel/ddb/ddb_vm.c",
    "kernel/ddb/trace.c",
    "kernel/device/buffer_cache.c",
    "kernel/device/device.c",
    "kernel/device/device_io.c",
    "kernel/device/device_memory.c",
    "kernel/device/nic.c",
    "kernel/device/pci.c",
    "kernel/device/virtio_blk.c",
    "kernel/device/virtio_net.c",
    "kernel/device/virtio_pci.c",
    "kernel/device/virtio_queue.c",
    *cores.IPC,
    "kernel/ipc/ipc_net.c",
    "kernel/ipc/ipc_net_info.c",
    "kernel/ipc/ipc_net_link.c",
    "kernel/ipc/ipc_net_move.c",
    "kernel/ipc/ipc_net_receive.c",
    "kernel/ipc/ipc_net_send.c",
    "kernel/kern/archive.c",
    "kernel/kern/bootstrap.c",
    "kernel/kern/clock.c",
    "kernel/kern/clock_service.c",
    "kernel/kern/emulation.c",
    "kernel/kern/exception.c",
    "kernel/kern/exception_ask.c",
    "kernel/kern/exception_port.c",
    "kernel/kern/fault.c",
    "kernel/kern/host.c",
    "kernel/kern/host_calls.c",
    "kernel/kern/host_debug.c",
    "kernel/kern/host_info.c",
    "kernel/kern/ipc_kobject.c",
    "kernel/kern/ipc_kobject_ports.c",
    "kernel/kern/ipc_kobject_table.c",
    "kernel/kern/kalloc.c",
    "kernel/kern/ktest.c",
    "kernel/kern/kworker.c",
    "kernel/kern/late_answer.c",
    "kernel/kern/lock_remote.c",
    "kernel/kern/lock_set.c",
    "kernel/kern/main.c",
    "kernel/kern/mk_timer.c",
    "kernel/kern/options.c",
    "kernel/kern/panic.c",
    "kernel/kern/pc_sample.c",
    "kernel/kern/printf.c",
    "kernel/kern/restartable.c",
    "kernel/kern/semaphore.c",
    "kernel/kern/string.c",
    "kernel/kern/symbols.c",
    "kernel/kern/sync_calls.c",
    "kernel/kern/task.c",
    "kernel/kern/task_calls.c",
    "kernel/kern/task_info.c",
    "kernel/kern/task_limits.c",
    "kernel/kern/task_suspension.c",
    "kernel/kern/thread.c",
    "kernel/kern/thread_calls.c",
    "kernel/kern/thread_info.c",
    "kernel/kern/trap_table.c",
    "kernel/personality/linux.c",
    "kernel/personality/linux_descriptor.c",
    "kernel/personality/linux_epoll.c",
    "kernel/personality/linux_eventfd.c",
    "kernel/personality/linux_file.c",
    "kernel/personality/linux_memory.c",
    "kernel/personality/linux_memory_file.c",
    "kernel/personality/linux_poll.c",
    "kernel/personality/linux_port_file.c",
    "kernel/personality/linux_ports.c",
    "kernel/personality/linux_stream.c",
    "kernel/personality/linux_task.c",
    "kernel/personality/linux_thread.c",
    "kernel/personality/linux_time.c",
    "kernel/sched/donate.c",
    "kernel/sched/edf.c",
    "kernel/sched/ktest_sched.c",
    "kernel/sched/latency.c",
    "kernel/sched/mutex.c",
    "kernel/sched/processor.c",
    "kernel/sched/processor_set.c",
    "kernel/sched/processor_set_calls.c",
    "kernel/sched/run_queue.c",
    "kernel/sched/rwlock.c",
    "kernel/sched/sched.c",
    "kernel/sched/sched_calls.c",
    "kernel/sched/sched_policy.c",
    "kernel/sched/timer_queue.c",
    "kernel/sched/timeshare.c",
    "kernel/vm/ktest_vm.c",
    "kernel/vm/memory_object.c",
    "kernel/vm/vm_default_pager.c",
    "kernel/vm/vm_device_pager.c",
    "kernel/vm/vm_fault.c",
    "kernel/vm/vm_host_calls.c",
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
    "kernel/vm/vm_named_entry.c",
    "kernel/vm/vm_object.c",
    "kernel/vm/vm_object_cache.c",
    "kernel/vm/vm_object_chain.c",
    "kernel/vm/vm_object_collapse.c",
    "kernel/vm/vm_object_copy.c",
    "kernel/vm/vm_object_internal_pager.c",
    "kernel/vm/vm_object_stored.c",
    "kernel/vm/vm_object_walk.c",
    "kernel/vm/vm_page.c",
    "kernel/vm/vm_page_audit.c",
    "kernel/vm/vm_page_queue.c",
    "kernel/vm/vm_page_wait.c",
    "kernel/vm/vm_purgable.c",
    "kernel/vm/vm_pageout.c",
    "kernel/vm/vm_pager.c",
    "kernel/vm/vm_pager_data.c",
    "kernel/vm/vm_pager_page.c",
    "kernel/vm/vm_pager_port.c",
    "kernel/vm/vm_swap.c",
    "kernel/vm/vm_user.c",
    "kernel/vm/vm_user_info.c",
    "lib/base/crc32.c",
    "lib/base/elf.c",
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

# Compiled, not linked yet: they wait for a part that is still to land.
PENDING: list[str] = [
]

CFLAGS = (
    "-std=c17 -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only "
    "-fno-omit-frame-pointer -fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing "
    "-fno-jump-tables -fno-tree-switch-conversion "  # a table is one more page touched
    "-fno-omit-frame-pointer -mmemcpy-strategy=unrolled_loop:64:noalign,libcall:-1:noalign "
    "-mmemset-strategy=unrolled_loop:64:noalign,libcall:-1:noalign "
    "-fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing "
    "-ffunction-sections -fdata-sections -Wall -Wextra -Werror -Wno-unused-parameter -DMESHACH_KERNEL "
    "-Ikernel -Ikernel/arch/x86_64/include -Iinclude -Ilib -Inetipc/include -Inetipc -Ibuild/gen"
)

# Two kernels of the same sources: what runs and is measured, inlined across files (docs/why/2026-11-20-two-kernels.md), and what the
# tests boot, with KASSERT and without that.
VARIANTS: dict[str, str] = {
    "": "-flto=2 --param=max-inline-insns-auto=60 --param=inline-unit-growth=200 --param=max-inline-insns-single=300 "
        "--param=early-inlining-insns=40",
    "debug/": "-DMESHACH_DEBUG -DMESHACH_LATENCY",
}

# Not built unless asked for: `ninja build/latency/meshach.elf` is the measured kernel that also measures for how long interrupts are
# off (docs/book/sched.md); that costs two readings of the clock for each critical section.
VARIANTS_ON_DEMAND: dict[str, str] = {
    "latency/": VARIANTS[""] + " -DMESHACH_LATENCY",
}

# Of one of them only.
ONLY: dict[str, list[str]] = {
    "": ["kernel/kern/lock_stats_none.c"],
    "debug/": ["kernel/kern/lock_order.c"],
    "latency/": ["kernel/kern/lock_stats_none.c"],
}

# The compiler makes calls to these itself, after it has seen whole programs.
NOT_LTO: set[str] = {"kernel/kern/string.c"}


def object_name(source: str) -> str:
    """x.c and x.S may lie side by side."""
    stem, kind = source.rsplit(".", 1)
    return f"{stem}_{kind}" if kind == "S" else stem


def emit_variant(n: Writer, generated: list[str], variant: str, flags: str) -> list[str]:
    """The kernel build/VARIANTmeshach.elf; returns its targets."""
    out = f"build/{variant}kernel"

    def compiled(sources: list[str]) -> list[str]:
        return [n.build(f"{out}/{object_name(source)}.o", "kernel_cc", [source], order_only=generated,
                        flags="" if source in NOT_LTO or source.endswith(".S") else flags) for source in sources]

    objects, pending = compiled([*SOURCES, *mig.kernel_sources(), *ONLY[variant]]), compiled(PENDING)
    whole = n.build(f"{out}/whole.o", "kernel_whole", objects, flags=flags)
    # Twice: the first link's symbols become a table for backtraces in the second.
    script = [f"kernel/arch/x86_64/{name}.ld" for name in ("kernel", "hot_text", "hot_data")]
    first = n.build(f"{out}/first.elf64", "kernel_link", [whole], implicit=script)
    table = n.build(f"{out}/ksyms.S", "kernel_symbols", [first], implicit=["tools/ksyms.py"])
    symbols = n.build(f"{out}/ksyms.o", "kernel_cc", [table])
    elf = n.build(f"build/{variant}meshach.elf64", "kernel_link", [whole, symbols], implicit=script)
    return [n.build(f"build/{variant}meshach.elf", "kernel_elf32", [elf]), *pending]


def emit(n: Writer, generated: list[str]) -> list[str]:
    """Returns the default targets. generated: headers made by mig, built before any source."""
    n.comment("kernel")
    n.variable("kernel_cflags", CFLAGS)
    n.rule("kernel_cc", "gcc $kernel_cflags $flags -MMD -MF $out.d -c $in -o $out", "CC $in",
           depfile="$out.d", deps="gcc")
    n.rule("kernel_whole", "gcc $kernel_cflags $flags -Wno-maybe-uninitialized -Wno-stringop-overflow -r -flinker-output=nolto-rel -nostdlib "
           "$in -o $out", "WHOLE $out")
    n.rule("kernel_link", "gcc -nostdlib -static -no-pie -Wl,-T,kernel/arch/x86_64/kernel.ld "
           "-Wl,-z,max-page-size=4096 -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments $in -o $out",
           "LINK $out")
    n.rule("kernel_symbols", "tools/ksyms.py $in $out", "KSYMS $out")
    n.rule("kernel_elf32", "objcopy -S -O elf32-i386 $in $out", "ELF32 $out")
    for variant, flags in VARIANTS_ON_DEMAND.items():
        emit_variant(n, generated, variant, flags)
    return [target for variant, flags in VARIANTS.items() for target in emit_variant(n, generated, variant, flags)]
