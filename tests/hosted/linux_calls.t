#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Description: the test of our Linux personality holds on Linux itself, but for its ports and its archive.
LINUX=1 exec build/programs/test-linux
