/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * clients - who asks at our authorization server.
 *
 * A client is a row of `agents`. What it has said of itself stands in
 * `registrations`: it came and registered (RFC 7591), or its client_id is the
 * https address of a document that says it (CIMD). An agent of the operator's
 * has no such row; what holds for it is made up from its own.
 *
 * No client_id that we make begins with https:// (they are printed ids), so the
 * two kinds cannot be taken for each other.
 */

#include "codec/json.h"
#include "core/flow/fetch.h"
#include "core/oauth/client.h"

enum client_origin { CLIENT_OPERATOR = 1, CLIENT_DYNAMIC, CLIENT_DOCUMENT };

enum { CLIENTS_KEYS_AGAIN_S = 60, CLIENTS_USED_EVERY_S = 3600 };

struct client {
	struct agent_row agent; /* its bytes live until the batch ends */
	enum client_origin origin;
	json_t *meta;	/* read it by core/authserver/clientmeta.h */
	usec_t changed; /* its redirects or keys: a consent from before holds no more; 0: never */
	bool proven;	/* by a secret or a key; a public client is not */
};

/* The client that @client_id names, active. @ret_waits true: its document is being fetched, and
 * @again is called once, in a later batch, after which (err OK) this one will answer.
 * ERR_INVALID_CLIENT: there is none such; ERR_RATE_LIMITED, ERR_OVERLOADED. The caller ends @ret by
 * clients_done(), also where it was not filled. */
must_check enum err clients_find(struct flow *flow, struct call *call, struct bytes client_id,
				 fetch_again_fn again, struct client *ret, bool *ret_waits);
/* The same for one that has to prove itself as it has registered: client_secret_basic and _post,
 * private_key_jwt, or none (then ret->proven is false). An assertion is used up by this.
 * ERR_INVALID_CLIENT, ERR_RATE_LIMITED (too many bad secrets from one address), ERR_OVERLOADED. */
must_check enum err clients_prove(struct flow *flow, struct call *call,
				  const struct client_proof *proof, fetch_again_fn again,
				  struct client *ret, bool *ret_waits);
void clients_done(struct client *client);

/* A client's secret alone, of any client that has one; throttled as above, @ret_wait_s then says
 * how long. ERR_INVALID_CLIENT, ERR_RATE_LIMITED */
must_check enum err clients_secret(struct flow *flow, const struct client_proof *proof,
				   struct id address, struct agent_row *ret, uint64_t *ret_wait_s);
/* The algorithms of assertions and proofs, one by one; NULL behind the last. */
const char *clients_algorithm(size_t n);
/* It was given a token: it does not expire for a while. */
must_check enum err clients_used(struct flow *flow, struct id tenant, struct id agent);
