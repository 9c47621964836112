/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * assert.h - panic and the two assertions.
 *
 * KASSERT states an invariant (debug builds only); VERIFY guards memory safety and is always on.
 * Never assert on a user's or the wire's input: answer an error.
 */
#pragma once

/* cold: the code that calls it is moved out of its function's way. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2), cold));

#define VERIFY(cond) \
	((cond) ? (void)0 : panic("%s:%d: VERIFY(%s) failed", __FILE__, __LINE__, #cond))
#ifdef MESHACH_DEBUG
#define KASSERT(cond) \
	((cond) ? (void)0 : panic("%s:%d: KASSERT(%s) failed", __FILE__, __LINE__, #cond))
#else
#define KASSERT(cond) ((void)sizeof(cond))
#endif
