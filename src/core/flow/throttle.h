/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * throttle - how often something may fail before it is not looked at any more.
 *
 * A bucket per key, refilled with time. The table has a fixed size: where a
 * crowd of keys needs more room, the bucket that was used longest ago makes
 * way, so its key starts with a full one again. Nothing here is durable.
 */

#include "base/clock.h"
#include "base/id.h"

enum { THROTTLE_SETS = 1024, THROTTLE_WAYS = 4 };

struct throttle_bucket {
	struct id key; /* none: free */
	usec_t at;     /* when `left` was true; boot clock */
	usec_t left;   /* in time: one take costs `every` */
};

struct throttle {
	struct throttle_bucket set[THROTTLE_SETS][THROTTLE_WAYS];
};

struct throttle_rate {
	unsigned burst; /* takes at once from a full bucket */
	usec_t every;	/* one more comes back in this time */
};

/* The key of what @label counts, for @a and @b; either may be empty. */
struct id throttle_key(const char *label, struct bytes a, struct bytes b);
/* How long until @key has something to take, 0 if it has now. Changes nothing. */
usec_t throttle_wait(const struct throttle *throttle, struct id key, struct throttle_rate rate,
		     usec_t now);
/* Takes one, if there is one. */
void throttle_take(struct throttle *throttle, struct id key, struct throttle_rate rate, usec_t now);
