#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: external pagers: the memory object protocol in both directions, with pagers that are slow, wrong, silent or dead.

Timeout: 300
"""

from runner import program
from report import done

program("test-pagers", cpus=2, seconds=240)
program("test-pager-answers", cpus=2, seconds=120)
done()
