/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame_echo.h - the floor under every remote call: raw Ethernet frames there and back, no protocol.
 *
 * One node answers (boot option test=bench-echo-server), the other measures (test=bench-echo). Nothing else
 * uses the card in these boots.
 */
#pragma once

/* Answer echo requests from now on; does not return. */
void bench_echo_server(void);
/* Measure with each wait policy, print `BENCH {json}` lines; panics if no server answers. */
void bench_echo_client(void);
