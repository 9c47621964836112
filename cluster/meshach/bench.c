/* SPDX-License-Identifier: BSD-2-Clause */
/* bench.c - `meshach bench`: the measuring script of the tree that this program was built in. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "meshach.h"

int command_bench(const struct options *o)
{
	char script[PATH_BYTES * 2];
	char *arguments[64] = {"python3", script};
	int count = 2;

	snprintf(script, sizeof script, "%s/../bench/run.py", o->image);
	if (access(script, R_OK) != 0)
		die("%s is not there: bench runs from a build folder in the source tree", script);
	for (int i = 0; i < o->rest_count && count < 63; i++)
		arguments[count++] = o->rest[i];
	execvp(arguments[0], arguments);
	die("python3: %s", strerror(errno));
}
