/* SPDX-License-Identifier: Apache-2.0 */

/*
 * later - a wall clock that is ahead by VALETKEY_TEST_LATER seconds, for a
 * program that is started with this library preloaded. For tests alone.
 */

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long ahead;

__attribute__((constructor)) static void read_ahead(void)
{
	const char *text = getenv("VALETKEY_TEST_LATER");

	ahead = text == NULL ? 0 : strtol(text, NULL, 10);
}

int clock_gettime(clockid_t which, struct timespec *ret)
{
	const long result = syscall(SYS_clock_gettime, which, ret);

	if (result == 0 && which == CLOCK_REALTIME)
		ret->tv_sec += ahead;
	return (int)result;
}
