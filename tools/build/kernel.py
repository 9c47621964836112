# SPDX-License-Identifier: BSD-2-Clause
"""The kernel image: which files it is made of, and how."""

from __future__ import annotations

from .ninja import Writer

# One file a line, sorted, so that changes merge.
SOURCES: list[str] = [
]

# Compiled, not linked yet: they wait for a part that is still to land.
PENDING: list[str] = [
    "kernel/personality/linux_task.c",
    "kernel/personality/linux_memory.c",
    "kernel/personality/linux_file.c",
    "kernel/kern/bootstrap.c",
    "kernel/kern/trap_table.c",
    "kernel/kern/thread.c",
    "kernel/kern/task.c",
    "kernel/kern/exception.c",
    "kernel/kern/host.c",
    "kernel/bench/frame_echo.c",
    "kernel/bench/sample.c",
    "lib/base/elf.c",
    "kernel/device/nic.c",
    "kernel/device/pci.c",
    "kernel/device/virtio_net.c",
    "kernel/device/virtio_pci.c",
    "kernel/device/virtio_queue.c",
    "kernel/kern/archive.c",
    "kernel/kern/clock.c",
    "kernel/kern/kworker.c",
    "kernel/kern/options.c",
    "kernel/personality/linux.c",
    "kernel/personality/linux_thread.c",
    "kernel/personality/linux_time.c",
    "kernel/sched/mutex.c",
    "kernel/sched/sched.c",
]

CFLAGS = (
    "-std=c17 -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only "
    "-fno-omit-frame-pointer -fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing "
    "-Wall -Wextra -Werror -Wno-unused-parameter -DMESHACH_KERNEL -DMESHACH_DEBUG "
    "-Ikernel -Ikernel/arch/x86_64/include -Iinclude -Ilib -Inetipc/include -Inetipc -Ibuild/gen"
)


def emit(n: Writer, generated: list[str]) -> list[str]:
    """Returns the default targets. generated: headers made by mig, built before any source."""
    n.comment("kernel")
    n.variable("kernel_cflags", CFLAGS)
    n.rule("kernel_cc", "gcc $kernel_cflags -MMD -MF $out.d -c $in -o $out", "CC $in",
           depfile="$out.d", deps="gcc")
    n.rule("kernel_link", "gcc -nostdlib -static -no-pie -Wl,-T,kernel/arch/x86_64/kernel.ld "
           "-Wl,-z,max-page-size=4096 -Wl,--build-id=none -Wl,-z,noexecstack $in -o $out", "LINK $out")
    n.rule("kernel_elf32", "objcopy -O elf32-i386 $in $out", "ELF32 $out")
    def compiled(sources: list[str]) -> list[str]:
        return [n.build(f"build/kernel/{source.rsplit('.', 1)[0]}.o", "kernel_cc", [source],
                        order_only=generated) for source in sources]

    objects, pending = compiled(SOURCES), compiled(PENDING)
    if not objects:
        return pending
    elf = n.build("build/meshach.elf64", "kernel_link", objects, implicit=["kernel/arch/x86_64/kernel.ld"])
    return [n.build("build/meshach.elf", "kernel_elf32", [elf]), *pending]
