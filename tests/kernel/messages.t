#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: mach_msg in full on a booted node; and the short way of calls (mach_msg_fast.c) is not to be told from the
long one: the same random calls leave the same record with ipc.fast=0 and ipc.fast=1.

Timeout: 300
"""

import re

from runner import program
from report import check, done

RECORD = re.compile(r"^# record (\w+)$", re.MULTILINE)

records = [RECORD.findall(program("tests/messages", options=f"ipc.fast={fast}").text) for fast in (1, 0)]
check(len(records[0]) == 1 and records[0] == records[1], "MSG0092 calls of both ways have the same record", str(records))
done()
