# SPDX-License-Identifier: BSD-2-Clause
"""Meshach's interface generator: lexer -> parser -> model -> layout -> emitters of C."""
