#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the bench measures every row, on one node and across two, and its floors; Linux's part apart.

Timeout: 300
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from report import check, done  # noqa: E402

ROWS = ["null rpc separate task", "null rpc to port set", "1 make_send", "1 copy_send", "128 bytes inline",
        "1024 bytes inline", "4096 bytes inline", "1024 bytes ool", "4096 bytes ool", "8192 bytes ool", "65536 bytes ool",
        "1048576 bytes ool", "1 message without reply"]
EXCHANGE_ROWS = [f"{size} bytes exchanged" for size in (4096, 8192, 65536, 1048576)]
NAMES_ROWS = ["null rpc, few names", "null rpc, 1000 names", "null rpc, 100000 names"]
VM_ROWS = ["vm_allocate", "vm_deallocate", "vm_map", "vm_remap", "vm_protect", "vm_inherit", "vm_region", "vm_machine_attribute",
           "vm_read 4096", "vm_read 65536", "vm_write 4096", "vm_write 65536", "vm_copy 4096", "vm_copy 65536", "zero fill fault",
           "zero fill fault, 10 entries", "zero fill fault, 10000 entries", "zero fill fault in order", "zero fill fault, large page", "cow fault",
           "fault on a resident page"]
PORT_ROWS = [f"mach_port_{call}" for call in (
    "allocate (receive)", "allocate (port set)", "allocate (dead name)", "allocate_name", "destroy", "deallocate", "insert_right", "extract_right",
    "get_refs", "mod_refs", "type", "rename", "names", "get_attributes", "set_attributes", "set_mscount", "move_member", "get_set_status",
    "request_notification")]
SCHED_ROWS = ["thread switch, there and back (swtch)", "thread switch, hand-off to the named thread and back",
              "wakeup to dispatch, fixed priority", "wakeup to dispatch, real time", "thread_policy"]
PAGER_ROWS = ["null rpc to the pager", "page-in through a pager", "page-in through a pager, for a write", "page-in of a page, 16 at a time",
              "page-in / (null rpc + zero fill fault)", "page-out of a page, by msync"]
TASK_ROWS = ["task fork+exit+wait", "task create+terminate", "task create+terminate, memory inherited", "task suspend+resume", "task info",
             "task threads", "task get special port", "thread create+terminate", "thread create+join", "thread suspend+resume",
             "thread get state", "thread set state", "thread info", "exception, default", "exception, state", "exception, state identity",
             "semaphore signal+wait", "semaphore, to a thread and back", "timer arm+cancel", "timer arm+receive"]
FLOORS = ["trap", "thread switch", "address-space switch", "ipi", "ipi to a halted cpu", "frame echo sleeping", "frame echo",
          "frame echo polling", "frame echo 4 KiB"]

with tempfile.TemporaryDirectory(prefix="meshach-b-") as folder:
    found = f"{folder}/found.json"
    run = subprocess.run([sys.executable, "bench/run.py", "floors", "ipc", "port", "vm", "sched", "task", "--count", "100", "--json", found, "--svg",
                          f"{folder}/found.svg"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=280)
    check(run.returncode == 0, "BENCH0001 it runs to its end", run.stdout[-2000:])
    if run.returncode == 0:
        result = json.loads(Path(found).read_text())
        rows = {(row["name"], row["placement"]) for row in result["rows"]}
        wanted = {(name, placement) for name in ROWS for placement in ("local", "remote")} | {("null rpc same task", "local")}
        wanted |= {(name, "local") for name in NAMES_ROWS + EXCHANGE_ROWS + VM_ROWS}
        wanted |= {(name, "local") for name in PORT_ROWS + EXCHANGE_ROWS + PAGER_ROWS + TASK_ROWS}
        wanted |= {(name, "local") for name in SCHED_ROWS} | {("real-time dispatch, by the kernel (mean, longest)", "kernel")}
        check(wanted <= rows, "BENCH0002 every row is there, local and remote", f"{sorted(wanted - rows)}")
        check([row["name"] for row in result["floors"]] == FLOORS, "BENCH0003 every floor is there", f"{result['floors']}")
        check(all(0 < row["p50_us"] <= row["p99_us"] for row in result["rows"]) and all(row["n"] > 0 for row in result["rows"]),
              "BENCH0004 medians are above zero and not above the 99th percentile", f"{result['rows']}")
done()
