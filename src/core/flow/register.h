/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * register - clients that nobody of the operator's has added: they register
 * themselves (RFC 7591, 7592), or publish a document (CIMD).
 *
 * Either way such a client may do nothing until a signed-in user has consented.
 * Their number is bounded, one that is never given a token goes after a day,
 * and one that is not used goes after half a year.
 */

#include "codec/json.h"
#include "core/flow/fetch.h"
#include "core/flow/objects.h"

enum {
	REGISTER_BODY_MAX = 16 * 1024,
	REGISTER_CLIENTS_MAX = 2000,
	REGISTER_UNUSED_S = 24 * 3600,
	REGISTER_IDLE_S = 180 * 24 * 3600,
};

struct registered {
	struct agent_row agent;
	usec_t created;
	json_t *meta;		   /* the caller's; ended by registered_done() */
	struct token_text secret;  /* empty: it has none, or is not shown again */
	struct token_text manager; /* the registration access token; empty: as it was shown */
};

void registered_done(struct registered *registered);

/* @ret_why: one sentence for who wrote the metadata, or NULL. All are taken back whole when they
 * fail. ERR_INVALID_METADATA, ERR_INVALID_REDIRECT, ERR_RATE_LIMITED (one address, or all, or too
 * many there are) */
must_check enum err register_client(struct flow *flow, struct call *call, const json_t *sent,
				    struct registered *ret, const char **ret_why);
/* Whom a registration access token may manage; @client_id must be that one's. ERR_INVALID_TOKEN,
 * ERR_FORBIDDEN (disabled) */
must_check enum err register_manager(struct flow *flow, struct bytes token, struct bytes client_id,
				     struct agent_row *ret);
must_check enum err register_read(struct flow *flow, const struct agent_row *agent,
				  struct registered *ret);
/* Replaces all of it (7592 2.2). As register_client(). */
must_check enum err register_change(struct flow *flow, struct call *call,
				    const struct agent_row *agent, const json_t *sent,
				    struct registered *ret, const char **ret_why);
/* The client, its secret and its registration access token (7592 2.3). */
must_check enum err register_remove(struct flow *flow, struct call *call,
				    const struct agent_row *agent);

/* What courier has read; see fetch_store_fn. ERR_INVALID_CLIENT */
enum err register_document(struct flow *flow, struct bytes url, struct id agent,
			   const struct fetched *fetched);
enum err register_keys(struct flow *flow, struct bytes url, struct id agent,
		       const struct fetched *fetched);

/* Removes some that are not used. */
must_check enum err register_sweep(struct flow *flow);
