/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * window - "Mon-Fri 08:00-18:00 Europe/Berlin": hours of the clock on the wall
 * of a zone, on some days of the week. The end is not part of it. One that ends
 * before it begins goes on past midnight and belongs to the day it began on. An
 * hour that summer time skips is nobody's, one that it repeats counts twice.
 */

#include "base/clock.h"
#include "core/policy/zones.h"

struct window {
	uint8_t days;	    /* bit 0: Sunday */
	int32_t begin, end; /* seconds of the day */
	const struct zone *zone;
};

/* Answers NULL, or what is wrong in words. Without days: each day. */
const char *window_read(struct bytes text, const struct zones *zones, struct window *ret);
bool window_open(const struct window *window, usec_t now);
/* When it is open again, to the second; 0 if not within ten days. Where the clocks skip the time at
 * which it begins, that time by the clock of before. */
usec_t window_next(const struct window *window, usec_t now);
