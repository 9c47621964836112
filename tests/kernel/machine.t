#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: time, interrupts between CPUs, and what is typed on the console."""

from runner import topic
from report import done

topic("clock")
topic("clock", cpus=4)
topic("clock", cpu="qemu64", cpus=2)
topic("ping", cpus=4)
topic("console_input", typed="early typed\n")
done()
