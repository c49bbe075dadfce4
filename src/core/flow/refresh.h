/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * refresh - one at a time per connection, journalled.
 *
 *   IDLE ─begin→ INTENT ─answer stored→ STORED
 *                   ├─ transient or refused as ours → FAILED, old pair kept, tried later
 *                   ├─ terminal → FAILED, connection reauth_required
 *                   └─ no answer → UNKNOWN: once more where the class permits, else reauth_required
 *
 * begin and the provider call are apart by a commit and by keeper's record: the
 * intent is durable before the refresh token leaves. The new pair is stored
 * under the fence of the attempt. Who waits shares the outcome.
 */

#include "core/flow/flow.h"

struct service;

enum refresh_need { REFRESH_NOT, REFRESH_SOON, REFRESH_NOW };

/* NOW: the token is over or nearly so. SOON: past four fifths of its life, with jitter. A token
 * that cannot be refreshed is NOT needed until it is over, then ERR_REAUTH_REQUIRED. */
must_check enum err refresh_needed(struct flow *flow, const struct connection_row *row,
				   enum refresh_need *ret);

/* Called once, in a later batch: OK, ERR_REAUTH_REQUIRED, ERR_PROVIDER_UNAVAILABLE … */
typedef void (*refresh_done_fn)(struct flow *flow, void *ctx, enum err err);

/* Joins the refresh under way, or begins one, as soon as it is its turn at the provider. @fn may be
 * NULL. ERR_PROVIDER_UNAVAILABLE while backing off, ERR_REAUTH_REQUIRED, ERR_OVERLOADED */
must_check enum err refresh_join(struct flow *flow, const struct connection_row *row,
				 refresh_done_fn fn, void *ctx);

/* Whether an old refresh token may be sent again after its answer was lost. */
bool refresh_may_retry(const struct service *service);
/* Whether one is under way that refresh_join() would join. */
bool refresh_under_way(const struct flow *flow, const struct connection_row *row);

/* A courier answer that nobody waits for: the last core died before it came. */
void refresh_found(struct flow *flow, const struct frame *frame);
/* At start and each second: attempts whose answer will not come any more. */
must_check enum err refresh_recover(struct flow *flow);
