# SPDX-License-Identifier: BSD-2-Clause
"""mig [options] FILE.defs

Without options: FILE.h FILE_user.c FILE_server.h FILE_server.c FILE_table.c beside each other in -outdir (default .).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from . import kernel_user, manual, server, table, user
from .lexer import MigError, tokens
from .model import Subsystem
from .parser import Parser


def preprocess(path: str, includes: list[str], defines: list[str], depfile: str | None, target: str) -> str:
    command = ["gcc", "-E", "-C", "-undef", "-nostdinc", "-x", "c", *[f"-I{i}" for i in includes],
               *[f"-D{d}" for d in defines]]
    if depfile:
        command += ["-MD", "-MF", depfile, "-MT", target]
    done = subprocess.run([*command, path], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MigError(done.stderr.strip())
    return done.stdout


def read(path: str, includes: list[str], defines: list[str], depfile: str | None = None, target: str = "") -> Subsystem:
    return Parser(tokens(preprocess(path, includes, defines, depfile, target), path)).parse()


def arguments(argv: list[str] | None) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="mig", description="Make C of a .defs interface.")
    p.add_argument("file")
    p.add_argument("-I", dest="includes", action="append", default=[], metavar="DIR")
    p.add_argument("-D", dest="defines", action="append", default=[], metavar="NAME[=VALUE]")
    p.add_argument("-kernel", "--kernel", action="store_true", help="code for the kernel: server and caller")
    p.add_argument("-classic", "--classic", action="store_true", help="also NAME_server(), calling functions by name")
    p.add_argument("-outdir", "--outdir", default=".", help="where the files of default names go")
    for name, what in (("user", "callers' stubs"), ("header", "callers' header"), ("server", "server stubs"),
                       ("sheader", "server header"), ("table", "table of messages"), ("man", "manual page (default: none)")):
        p.add_argument(f"-{name}", f"--{name}", default=None, metavar="FILE", help=f"{what}; /dev/null: none")
    p.add_argument("-header-name", "--header-name", default=None, help="how stubs include the header, e.g. '<mach/x.h>'")
    p.add_argument("-sheader-name", "--sheader-name", default=None)
    p.add_argument("-depfile", "--depfile", default=None)
    p.add_argument("-source-name", "--source-name", default=None, help=argparse.SUPPRESS)
    return p.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    stem = Path(options.file).name.removesuffix(".defs")
    out = Path(options.outdir)
    paths = {
        "header": Path(options.header or out / f"{stem}.h"),
        "user": Path(options.user or out / f"{stem}_user.c"),
        "sheader": Path(options.sheader or out / f"{stem}_server.h"),
        "server": Path(options.server or out / f"{stem}_server.c"),
        "table": Path(options.table or out / f"{stem}_table.c"),
        "man": Path(options.man or "/dev/null"),
    }
    defines = ["KERNEL=1", "KERNEL_SERVER=1", "MESHACH_KERNEL=1"] if options.kernel else []
    wanted = [p for p in paths.values() if str(p) != "/dev/null"]
    try:
        subsystem = read(options.file, options.includes, [*defines, *options.defines], options.depfile,
                         str(wanted[0]) if wanted else "none")
        source = options.source_name or Path(options.file).name
        header_name = options.header_name or f'"{paths["header"].name}"'
        sheader_name = options.sheader_name or f'"{paths["sheader"].name}"'
        caller = kernel_user if options.kernel else user
        texts = {
            "header": caller.header(subsystem, source),
            "user": caller.source_file(subsystem, source, header_name),
            "sheader": server.header(subsystem, source, options.kernel, options.classic),
            "server": server.source_file(subsystem, source, sheader_name, options.kernel, options.classic),
            "table": table.table(subsystem, source),
            "man": manual.page(subsystem, source),
        }
        for key, path in paths.items():
            if str(path) != "/dev/null":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(texts[key])
    except (MigError, OSError) as error:
        print(f"mig: {error}", file=sys.stderr)
        return 1
    return 0
