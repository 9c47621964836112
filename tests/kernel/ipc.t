#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: ports and messages on a booted node, as a program sees them, on one and on two processors."""

from runner import program
from report import done

program("tests/ipc_calls")
program("tests/ipc_calls", cpus=2)
done()
