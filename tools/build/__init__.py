# SPDX-License-Identifier: BSD-2-Clause
"""The tables from which configure.py writes build.ninja, one module per area."""
