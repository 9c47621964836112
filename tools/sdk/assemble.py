#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Puts the SDK together: tools/sdk/assemble.py OUT LIBRARY. It works from wherever OUT is copied to.

OUT/include (headers, those that mig made, and .defs), OUT/lib (libmach.a, mig's modules), OUT/bin (meshach-cc, mig),
OUT/man (a page of each interface).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

MIG = '''#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mig - makes C of a .defs interface."""

import sys
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SDK / "lib/mig"))
sys.dont_write_bytecode = True

from migc.cli import main  # noqa: E402

sys.exit(main([f"-I{SDK}/include", *sys.argv[1:]]))
'''


def copy(folder: Path, pattern: str, to: Path) -> None:
    for path in sorted(folder.glob(pattern)):
        target = to / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def main() -> int:
    out, library = Path(sys.argv[1]), Path(sys.argv[2])
    for part in ("include", "lib", "man"):
        shutil.rmtree(out / part, ignore_errors=True)
    for folder in ("device", "mach", "mach_debug", "servers"):
        copy(Path("build/gen"), f"{folder}/*.h", out / "include")
        copy(Path("include/idl"), f"{folder}/*.defs", out / "include")
        # Last: <mach/notify.h> is written by hand, and mig makes one, too.
        copy(Path("include"), f"{folder}/**/*.h", out / "include")
    copy(Path("tools/mig"), "migc/*.py", out / "lib/mig")
    copy(Path("build/man"), "man3/*.3", out / "man")
    shutil.copyfile(library, out / "lib/libmach.a")
    (out / "bin").mkdir(parents=True, exist_ok=True)
    (out / "bin/mig").write_text(MIG)
    shutil.copyfile("tools/sdk/meshach-cc", out / "bin/meshach-cc")
    for name in ("mig", "meshach-cc"):
        (out / "bin" / name).chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main())
