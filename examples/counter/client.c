/* SPDX-License-Identifier: BSD-2-Clause */
/* client.c - counter [AMOUNT [TIMES]]: add to the cluster's counter and print its value. */
#include "counter.h"

#include <mach/mach.h>
#include <servers/bootstrap.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	long long amount = argc > 1 ? atoll(argv[1]) : 1;
	int times = argc > 2 ? atoi(argv[2]) : 1;
	mach_port_t counter;
	int64_t value = 0;
	kern_return_t result = bootstrap_look_up_wait(bootstrap_port, "counter", &counter);

	if (result != KERN_SUCCESS) {
		mach_error("counter: looking up", result);
		return 1;
	}
	for (int i = 0; i < times; i++) {
		result = counter_add(counter, amount, &value);
		if (result != KERN_SUCCESS) {
			mach_error("counter: counter_add", result);
			return 1;
		}
	}
	printf("counter: %lld\n", (long long)value);
	return 0;
}
