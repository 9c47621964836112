#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: page tables and kernel stacks: rights, referenced and modified bits, nothing lost."""

from runner import topic
from report import done

topic("pmap")
topic("pmap", cpu="qemu64")
topic("pmap", cpus=2)
topic("pmap_large")
topic("pmap_large", cpus=2)
topic("stacks")
topic("stacks", cpus=4)
done()
