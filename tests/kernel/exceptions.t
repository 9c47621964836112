#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: exceptions as messages, and handlers that mean harm, on one processor and on two.

Timeout: 300
"""

from runner import program
from report import done

for cpus in (1, 2):
    program("test-exception-kinds", cpus=cpus)
    program("test-hostile-handlers", cpus=cpus)
done()
