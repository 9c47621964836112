#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the SDK makes programs in one command, wherever it is copied to."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lib"))
from report import check, done  # noqa: E402

MANY = """#include <mach/mach.h>
#include <mach/exc.h>
#include <mach/host_priv.h>
#include <mach/notify.h>
#include <mach/spawn.h>
#include <servers/bootstrap.h>
#include <servers/console.h>
#include <servers/name_server.h>
#include <servers/runner.h>
#include <servers/task_exit.h>
int main(void)
{
	vm_address_t page = 0;
	mach_port_t port;
	task_t task = mach_task_self();
	if (vm_allocate(task, &page, vm_page_size, TRUE) != KERN_SUCCESS)
		return 1;
	return mach_port_allocate(task, MACH_PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS;
}
"""


def cc(folder: str, *words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) if path is None else dict(os.environ, PATH=path)
    return subprocess.run([sys.executable, f"{folder}/moved sdk/bin/meshach-cc", *words], cwd=folder, capture_output=True,
                          text=True, env=environment)


def makes(name: str, folder: str, out: str, *words: str) -> None:
    result = cc(folder, *words)
    path = Path(folder) / out
    check(result.returncode == 0 and result.stderr == "" and path.exists(), name, result.stderr)


with tempfile.TemporaryDirectory(prefix="meshach-sdk-") as t:
    shutil.copytree(ROOT / "build/sdk", f"{t}/moved sdk")
    shutil.copytree(ROOT / "examples", f"{t}/examples")
    Path(f"{t}/many.c").write_text(MANY)
    makes("SDK0001 hello.c in one command", t, "hello", "examples/hello/hello.c", "-o", "hello")
    kind = subprocess.run(["file", "-b", f"{t}/hello"], capture_output=True, text=True).stdout if shutil.which("file") else ""
    check("dynamically" not in kind, "SDK0002 the program is static", kind)
    makes("SDK0003 all headers, no warning", t, "many", "-Wall", "-Wextra", "-Werror", "-std=c99", "-pedantic", "many.c", "-o", "many")
    makes("SDK0004 a client and its .defs", t, "counter", "examples/counter/client.c", "examples/counter/counter.defs", "-o", "counter")
    makes("SDK0005 a server and its .defs", t, "counter-server", "examples/counter/counter.defs", "examples/counter/server.c",
          "-O2", "-o", "counter-server")
    makes("SDK0006 -c makes objects", t, "counter_server.o", "-c", "examples/counter/counter.defs")
    check(Path(f"{t}/counter.h").exists() and Path(f"{t}/counter_user.o").exists(), "SDK0007 and leaves the headers")
    makes("SDK0008 objects link", t, "linked", "-I.", "examples/counter/client.c", "counter_user.o", "counter_table.o", "-o", "linked")
    Path(f"{t}/bad.defs").write_text("subsystem bad 1;\nroutine f(x : nothing);\n")
    result = cc(t, "many.c", "bad.defs", "-o", "bad")
    check(result.returncode != 0 and "bad.defs:2: unknown type 'nothing'" in result.stderr, "SDK0009 a bad .defs is told", result.stderr)
    result = cc(t, "many.c", "-o", "bad", path="/nonexistent")
    check(result.returncode == 1 and "musl-tools" in result.stderr and result.stderr.count("\n") == 1,
          "SDK0010 without musl-gcc: one sentence", result.stderr)
done()
