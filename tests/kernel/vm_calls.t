#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: every call on memory, as a message about another task, with each of its errors.

Timeout: 120
"""

from runner import program
from report import done

program("tests/vm_every", cpus=2)
done()
