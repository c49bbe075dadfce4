/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static usec_t clock_read(clockid_t which)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(which, &ts);
	return (usec_t)ts.tv_sec * USEC_PER_S + (usec_t)ts.tv_nsec / 1000;
}

usec_t clock_wall(void)
{
	return clock_read(CLOCK_REALTIME);
}

usec_t clock_boot(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

void clock_print(usec_t t, char to[static CLOCK_TEXT_LEN + 1])
{
	const time_t s = (time_t)(t / USEC_PER_S);
	struct tm tm;
	char text[64];

	gmtime_r(&s, &tm);
	const size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof text - n, ".%06uZ", (unsigned)(t % USEC_PER_S));
	snprintf(to, CLOCK_TEXT_LEN + 1, "%.27s", text);
}
