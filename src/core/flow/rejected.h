/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * rejected - a provider did not accept the token that we hold.
 *
 * One way for all who call providers: the token is refreshed; where it cannot be,
 * or is too young for that to help, it is tried at the service's probe. Only what
 * the provider then says of the token itself makes the connection
 * reauth_required; an agent that provokes a 401 somewhere cannot.
 */

#include "core/flow/flow.h"

/* What has come of it, once, in a later batch: OK (call again, once), ERR_REAUTH_REQUIRED,
 * ERR_PROVIDER_UNAVAILABLE (the token is good, or nobody can tell). */
typedef void (*rejected_fn)(struct flow *flow, void *ctx, enum err err);

/* @used: version of the token that was refused. ERR_PROVIDER_UNAVAILABLE (tried a moment ago),
 * ERR_OVERLOADED, FAULT_NOMEM: @fn is not called. */
must_check enum err rejected_settle(struct flow *flow, const struct connection_row *row,
				    uint64_t used, rejected_fn fn, void *ctx);
