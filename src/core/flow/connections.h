/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * connections - an account from consent to removal.
 *
 *   connect_start → link → connect_open (binds the browser, goes to the provider)
 *   → connect_return (consumes state) → code redeemed → tokens sealed → account
 *   asked for → connected
 */

#include "codec/form.h"
#include "codec/json.h"
#include "core/flow/flow.h"
#include "core/flow/objects.h"

struct connect_new {
	struct bytes user; /* subject of a local user */
	struct bytes service, alias;
	struct bytes scopes;  /* separated by spaces; empty: the service's own default */
	struct id connection; /* to be connected again or widened; none: a new account */
	json_t *variables;    /* those that are given at the start; NULL: none */
};

/* ERR_NOT_FOUND (user or service), ERR_INVALID_SCOPE (one the service does not have),
 * ERR_NO_CLIENT, ERR_VARIABLE */
must_check enum err connect_start(struct flow *flow, struct call *call,
				  const struct connect_new *new, struct token_text *ret_ticket);

/* What the page of a link shows. Reads only. ERR_NOT_FOUND, ERR_EXPIRED, ERR_USED */
struct connect_view {
	struct consent_row consent;
	struct user_row user;
	const struct service *service;
};
must_check enum err connect_view(struct flow *flow, struct bytes ticket, struct connect_view *ret);

enum { BROWSER_TEXT_LEN = 43, CONNECT_URL_MAX = 8192 };

/* A fresh value for the cookie that a link is bound to. */
void connect_browser(char to[static BROWSER_TEXT_LEN + 1]);

/* Binds the link to @browser and makes the address at the provider to go to.
 * ERR_NOT_FOUND, ERR_EXPIRED, ERR_USED (another browser), ERR_CONFLICT (no client) */
must_check enum err connect_open(struct flow *flow, struct call *call, struct bytes ticket,
				 struct bytes browser, struct dynbuf *ret_url);

/* What the provider sent the browser back with. */
struct connect_answer {
	struct bytes state, code, iss, error;
	const struct form *query; /* all of it: some services send more */
};
/* call->done gets this, also when it failed: the page says which account of which service. */
struct connect_result {
	enum err err;
	char service[64];
	char account[256];
	char scopes[SCOPES_MAX_BYTES + 1];
};
/* Consumes the state for that browser and redeems the code; answers through call->done. */
void connect_return(struct flow *flow, struct call *call, const struct connect_answer *answer,
		    struct bytes browser);

/* PAUSED or CONNECTED again. ERR_NOT_FOUND, ERR_CONFLICT (not in a state to) */
must_check enum err connection_pause(struct flow *flow, struct call *call, struct id id,
				     struct connection_row *ret);
must_check enum err connection_resume(struct flow *flow, struct call *call, struct id id,
				      struct connection_row *ret);
/* Refuses agents at once, asks the provider to revoke, probes, destroys the tokens. Answers
 * through call->done with a struct connection_row. ERR_NOT_FOUND */
must_check enum err connection_remove(struct flow *flow, struct call *call, struct id id);
/* Tries a pending revocation again. */
void connection_revoke_again(struct flow *flow, const struct connection_row *row);
