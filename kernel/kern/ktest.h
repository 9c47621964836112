/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ktest.h - tests that run in a booted kernel: `test=NAME` on the kernel command line.
 *
 * A test is a function in any file of the kernel, registered by KTEST(name). It calls ktest_ok() for each case,
 * and tests/kernel/NAME.t boots it and judges the output (tests/kernel/runner.py). It runs in the startup thread,
 * after all of the kernel is up, on all CPUs. `test=all` runs those that are not meant to end
 * in a panic, and are not to run apart (they want another node, or measure).
 */
#pragma once

#include <stdbool.h>

struct ktest {
	const char *name;
	void (*run)(void);
	bool apart; /* only by its name: meant to end in a panic, or a measurement */
};

#define KTEST_ENTRY_(test_name, apart_) \
	static void ktest_##test_name(void); \
	static const struct ktest ktest_entry_##test_name = { #test_name, ktest_##test_name, apart_ }; \
	__attribute__((section(".ktest_table"), used)) static const struct ktest *const \
		ktest_pointer_##test_name = &ktest_entry_##test_name; \
	static void ktest_##test_name(void)
/* KTEST(name) { body } */
#define KTEST(test_name) KTEST_ENTRY_(test_name, false)
#define KTEST_PANICS(test_name) KTEST_ENTRY_(test_name, true)
#define KTEST_APART(test_name) KTEST_ENTRY_(test_name, true)

/* One case: prints "ok N - text" or "not ok N - text". Returns good. */
bool ktest_ok(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Run the test of that name, print the plan, end the machine: 0 all good, 1 not. */
_Noreturn void ktest_run(const char *name);
