# SPDX-License-Identifier: BSD-2-Clause
"""Boots the kernel in Bochs: a second x86, stricter than QEMU's translator and with processors that have PCIDs.

boot() takes what runner.boot() takes and gives what it gives, so `topic(NAME, machine=bochs.boot)` runs a test there. The kernel comes from a
CD, by GRUB. Bochs tells no exit status: it is good when the kernel asked for the end (exit.c) and did not panic. Its time is counted in
instructions, so it does not depend on how busy the host is. Debian's Bochs has a debugger, which must be told to go on, and only draws on a
terminal: it gets one.
"""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import tempfile
import termios
import threading
from pathlib import Path

from runner import GOOD, KERNEL, PANICKED, Boot
from report import skip

CONFIG = """\
plugin_ctrl: unmapped=1, biosdev=1, e1000=0, parallel=0
display_library: term
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model={cpu}, count={cpus}, ips=50000000, reset_on_triple_fault=0
megs: {memory}
ata0-master: type=cdrom, path={folder}/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={folder}/console
clock: sync=none
log: {folder}/log
panic: action=fatal
speaker: enabled=0
"""


def need() -> None:
    """Skip the test if something is not installed; `./configure.py test` tells the command that installs it."""
    for command in ("bochs", "grub-mkimage", "xorriso"):
        if shutil.which(command) is None:
            skip(f"{command} is not installed")
    if not Path("/usr/lib/grub/i386-pc/multiboot.mod").exists():
        skip("GRUB's modules for PCs are not installed")


def _cd(folder: str, kernel: str, options: str, archive: str | None) -> None:
    """Make boot.iso: it loads the kernel, and the archive as its module, without a menu."""
    tree = Path(folder, "cd")
    tree.mkdir()
    shutil.copy(kernel, tree / "kernel")
    lines = [f"multiboot /kernel {options}", "boot"]
    if archive is not None:
        shutil.copy(archive, tree / "archive")
        lines.insert(1, "module /archive")
    Path(folder, "grub.cfg").write_text("".join(line + "\n" for line in lines))
    subprocess.run(["grub-mkimage", "-O", "i386-pc-eltorito", "-c", f"{folder}/grub.cfg", "-p", "/", "-o", str(tree / "loader"),
                    "biosdisk", "iso9660", "multiboot"], check=True)
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-b", "loader", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
                    "-o", f"{folder}/boot.iso", str(tree)], check=True, stderr=subprocess.DEVNULL)


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass  # the other side is closed


def _run(folder: str, seconds: float) -> None:
    """Bochs on a terminal of its own, until it ends or its time is over."""
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
    threading.Thread(target=_drain, args=(mine,), daemon=True).start()
    with subprocess.Popen(["bochs", "-q", "-f", f"{folder}/config", "-rc", f"{folder}/go"], stdin=its, stdout=its, stderr=its,
                          env={**os.environ, "TERM": "vt100"}) as bochs:
        os.close(its)
        try:
            bochs.wait(seconds)
        except subprocess.TimeoutExpired:
            bochs.kill()
    os.close(mine)


def boot(options: str = "", *, cpus: int = 1, cpu: str = "corei7_skylake_x", memory: int = 128, archive: str | None = None,
         seconds: float = 240, kernel: str = KERNEL) -> Boot:
    """Boot the kernel with a command line; cpu: one of `bochs --help cpu`."""
    with tempfile.TemporaryDirectory(prefix="meshach-bochs-") as folder:
        _cd(folder, kernel, options, archive)
        Path(folder, "config").write_text(CONFIG.format(cpu=cpu, cpus=cpus, memory=memory, folder=folder))
        Path(folder, "go").write_text("c\n")
        _run(folder, seconds)
        console, log = Path(folder, "console"), Path(folder, "log")
        text = console.read_bytes().decode(errors="replace").replace("\r", "") if console.exists() else ""
        said = log.read_bytes().decode(errors="replace") if log.exists() else ""
    status = -1 if "Shutdown port" not in said else PANICKED if "PANIC:" in text else GOOD
    if status == -1:
        text += "".join(f"\nbochs: {line}" for line in said.splitlines()[-20:])
    return Boot(status, text)
