# SPDX-License-Identifier: BSD-2-Clause
"""The commands of configure.py that people type: demo, test, bench.

Each says which Debian packages it wants and why, asks, installs them, builds with ninja, and runs.
Long output goes to build/logs and is shown only when something fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .packages import wanted

LOGS = Path("build/logs")
TAIL_LINES = 60


class Refused(Exception):
    """The command cannot go on; the text is the one sentence that says why."""


def say(text: str) -> None:
    print(text, flush=True)


def system_name() -> tuple[str, bool]:
    """Returns the name of this system, and whether it is Debian 12."""
    fields: dict[str, str] = {}
    try:
        for line in Path("/etc/os-release").read_text().splitlines():
            key, _, value = line.partition("=")
            fields[key] = value.strip('"')
    except OSError:
        pass
    name = fields.get("PRETTY_NAME", sys.platform)
    return name, fields.get("ID") == "debian" and fields.get("VERSION_ID") == "12"


def installed(packages: list[str]) -> set[str]:
    answer = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}


def logged(name: str, command: list[str], environment: dict[str, str] | None = None) -> int:
    """Runs command with its output in build/logs/NAME.log; returns its status."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / f"{name}.log", "w") as log:
        log.write("$ " + " ".join(command) + "\n")
        log.flush()
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                              env=dict(os.environ, **(environment or {}))).returncode


def must(name: str, what: str, command: list[str], environment: dict[str, str] | None = None) -> None:
    """Runs a logged command; on failure shows the end of its log and refuses."""
    if logged(name, command, environment):
        lines = (LOGS / f"{name}.log").read_text(errors="replace").splitlines()
        print("\n".join(lines[-TAIL_LINES:]), file=sys.stderr)
        raise Refused(f"{what} failed; the whole log is {LOGS / f'{name}.log'}")


def apt_get() -> list[str]:
    """The command prefix that may install packages here."""
    if os.geteuid() == 0:
        return ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    if shutil.which("sudo"):
        return ["sudo", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    raise Refused("installing packages needs root: run this as root, or install sudo, or install the packages yourself")


def install(command: str, yes: bool, no_install: bool) -> None:
    """Purpose: have every package that command wants. Raises Refused with the reason when they cannot be had."""
    name, debian12 = system_name()
    if not debian12:
        raise Refused(f"Meshach's commands are for Debian 12 and this is {name}: use a Debian 12 machine, VM or container")
    table = wanted(command)
    missing = sorted(set(table) - installed(list(table)))
    if not missing:
        return
    say(f"`{command}` wants {len(missing)} Debian package{'s' if len(missing) > 1 else ''} that this machine does not have:")
    for package in missing:
        say(f"  {package:18} {table[package]}")
    line = "apt-get install --no-install-recommends " + " ".join(missing)
    if no_install:
        raise Refused(f"--no-install was given; install them with: {line}")
    prefix = apt_get()
    if not yes and sys.stdin.isatty() and sys.stdout.isatty():
        try:
            answer = input("Install them with apt-get? [Y/n] ").strip().lower()
        except EOFError:
            answer = "n"
        if answer not in ("", "y", "yes"):
            raise Refused(f"nothing was installed; the line to do it yourself: {line}")
    if prefix[0] == "sudo" and subprocess.run(["sudo", "-v"]).returncode:
        raise Refused("sudo did not let us install packages: run this as root, or install the packages yourself")
    say("installing ...")
    get = [*prefix, "install", "-y", "--no-install-recommends", *missing]
    if logged("install", get):
        # Most often the package lists are absent or old.
        must("update", "apt-get update", [*prefix, "update"])
        must("install", "apt-get install", get)


def build(target: str) -> None:
    say("building ...")
    started = time.monotonic()
    must("build", "the build", ["ninja", target])
    say(f"built in {time.monotonic() - started:.0f} s")


def script(name: str):  # type: ignore[no-untyped-def]
    """A command that hands its arguments to a script of the tree."""
    def run(arguments: list[str]) -> int:
        if not Path(name).exists():
            raise Refused(f"this tree has no {name} yet")
        return subprocess.run([sys.executable, name, *arguments]).returncode
    return run


COMMANDS = {"demo": script("tools/demo.py"), "test": script("tests/run.py"), "bench": script("bench/run.py")}

USAGE = """usage: ./configure.py                                      write build.ninja
       ./configure.py --check                              exit 1 if build.ninja is stale
       ./configure.py demo  [--yes | --no-install]         boot three nodes and call from one to another
       ./configure.py test  [--yes | --no-install] [NAME]  build and run the tests (those whose path has NAME in it)
       ./configure.py bench [--yes | --no-install] [...]   measure, beside Linux; arguments go to bench/run.py"""


def main(arguments: list[str], configure) -> int:  # type: ignore[no-untyped-def]
    """Purpose: run one of COMMANDS. configure: writes build.ninja. Returns the exit status."""
    command, rest = arguments[0], arguments[1:]
    if command in ("-h", "--help", "help"):
        print(USAGE)
        return 0
    if command not in COMMANDS:
        print(f"configure.py: there is no command '{command}'\n{USAGE}", file=sys.stderr)
        return 2
    yes, no_install = "--yes" in rest, "--no-install" in rest
    rest = [word for word in rest if word not in ("--yes", "--no-install")]
    try:
        if yes and no_install:
            raise Refused("--yes and --no-install contradict each other")
        install(command, yes, no_install)
        configure()
        build("all" if command == "test" else "system")
        return COMMANDS[command](rest)
    except Refused as refusal:
        print(f"configure.py {command}: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"configure.py {command}: interrupted", file=sys.stderr)
        return 130
