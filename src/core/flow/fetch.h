/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * fetch - what clients publish about themselves, read by courier: the document
 * that a client_id is the address of, and the keys at a jwks_uri.
 *
 * Strangers choose the address, so: https alone, through courier's guard, no
 * redirect, one deadline for the whole, few bytes, 200 and JSON or nothing.
 * One fetch per address at a time, whoever waits shares it; few at once, and
 * few in a row for one network address. What went wrong with one is remembered
 * nowhere; but where none has ever come and one could not be reached, there may
 * be no way out of here, and clients are not told for a while that they may be
 * documents.
 */

#include "core/flow/flow.h"

enum {
	FETCH_DEADLINE_MS = 5000,
	FETCH_KEYS_MAX = 32 * 1024,
	FETCH_LIFE_MIN_S = 60,
	FETCH_LIFE_S = 3600, /* where the answer does not say */
	FETCH_LIFE_MAX_S = 24 * 3600,
	FETCH_URL_MAX = 512,
};

struct fetched {
	enum err err;	   /* ERR_INVALID_CLIENT: it is not there, or is not what it should be */
	struct bytes body; /* JSON by its type, not read yet */
	usec_t until;	   /* how long it may be used: bounded from both sides */
};

/* Stores what came, in the batch of the answer. Answers what those who wait are told. */
typedef enum err (*fetch_store_fn)(struct flow *flow, struct bytes url, struct id agent,
				   const struct fetched *fetched);
/* Called once, in a later batch; OK: the rows hold what was fetched. */
typedef void (*fetch_again_fn)(struct flow *flow, struct call *call, enum err err);

struct fetch_want {
	struct bytes url;
	size_t max;	 /* bytes of the answer */
	struct id agent; /* whose; none where it is not known yet */
	fetch_store_fn store;
};

/* Keeps @call. ERR_RATE_LIMITED, ERR_OVERLOADED */
must_check enum err fetch_join(struct flow *flow, struct call *call, const struct fetch_want *want,
			       fetch_again_fn again);
/* Seconds that Cache-Control permits (RFC 9111 5.2.2), bounded; for tests. */
uint64_t fetch_life_s(struct bytes cache_control);
/* At the end of the process: nobody is told. */
void fetch_end_all(struct flow *flow);
