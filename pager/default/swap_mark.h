/* SPDX-License-Identifier: BSD-2-Clause */
/* swap_mark.h - how a disk begins that the default pager may write to. */
#pragma once

#define SWAP_MARK "Meshach swap 1\n"
