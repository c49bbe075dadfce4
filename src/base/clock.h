/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Microseconds: since 1970 UTC on the wall clock, since boot on the boot clock. */
typedef uint64_t usec_t;

#define USEC_PER_MS ((usec_t)1000)
#define USEC_PER_S  ((usec_t)1000000)

usec_t clock_wall(void);
/* Counts through suspend and is never set: for leases, deadlines and durations. */
usec_t clock_boot(void);

enum { CLOCK_TEXT_LEN = 27 };
/* Prints 2026-11-22T21:45:46.123456Z and an end mark. */
void clock_print(usec_t t, char to[static CLOCK_TEXT_LEN + 1]);
