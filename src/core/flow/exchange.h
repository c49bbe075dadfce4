/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * exchange - RFC 8693: a vault token against the provider's own token.
 *
 * Decided from the rows as they are in this transaction. If the provider token
 * is about to end it is refreshed first, and the decision is made again after.
 * The token itself goes from keeper to gate; core knows its scopes and its end.
 */

#include "core/flow/permit.h"

struct exchange_request {
	struct bytes subject_token;
	struct bytes audience;	 /* service id */
	struct bytes scope;	 /* separated by spaces; empty: all that policy and grant permit */
	struct bytes connection; /* connection id or alias; empty: the default */
	struct bytes client_id, client_secret; /* p = NULL: the vault token alone */
	struct id agent; /* that has proved itself by a key already; or none */
};

/* What call->done gets; valid for the call. After a refusal the members that are known are set too:
 * service, vault, missing. */
struct exchange_result {
	struct bytes capsule;
	struct bytes scope;
	uint64_t expires_in_s;
};

/* Answers through call->done, also when it refuses; @call->mine then points to a struct
 * permit_mend. */
void exchange_begin(struct flow *flow, struct call *call, const struct exchange_request *request);
