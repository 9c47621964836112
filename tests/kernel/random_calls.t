#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: calls of every kernel interface with arguments, rights and memory drawn by lot, on two processors.

Timeout: 400
"""

from runner import program
from report import done

program("test-random-calls", cpus=2, seconds=300)
done()
