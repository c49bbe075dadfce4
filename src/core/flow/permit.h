/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * permit - from what a caller shows to what it may use, in the order in which
 * every journey asks: token → vault → agent → policy → account → its token's
 * freshness. One place, so that no way in lacks a check that another has.
 *
 * All rows are those of the current transaction: a journey that has waited asks
 * again. Denials are events.
 */

#include "core/flow/flow.h"

struct policy;

/* What a caller shows; @client_id p = NULL: the vault token alone. */
struct permit_proof {
	struct bytes token, client_id, client_secret;
	struct id address;  /* from where: keyed pseudonym */
	const char *scope;  /* what an access token must be for; NULL: anything */
	const uint8_t *jkt; /* thumbprint of the key that signed for this request; NULL: none */
	struct id agent; /* that has proved itself by a key already, instead of a secret; or none */
};

/* What the page and the problem that name a remedy need to know; zero where it is not known. */
struct permit_mend {
	struct id vault, connection;
	char service[SERVICE_MAX_BYTES + 1];
	char missing[SCOPES_MAX_BYTES + 1];
	uint64_t retry_after_s;
};

struct permit {
	struct vault_row vault;
	struct id agent; /* who acts: the client of the grant, or the vault's agent; or none */
	const struct policy *policy; /* in force; see compiled.h for how long it may be used */
	struct connection_row connection;
	struct permit_mend mend;
	bool refreshed; /* waited for a refresh once already */
};

/* The vault of a live token of either kind (a vault's own, or an access token of ours), its agent
 * and its policy. ERR_INVALID_TOKEN, ERR_TOKEN_SCOPE, ERR_INVALID_CLIENT,
 * ERR_ACCESS_PAUSED, ERR_DENIED (the vault has expired), ERR_RATE_LIMITED (too many bad secrets for
 * one client from one address, or too many refusals of one vault: nothing is looked at for a
 * while). permit->vault.id is none unless the token was somebody's. */
must_check enum err permit_vault(struct flow *flow, const struct permit_proof *proof,
				 struct permit *permit);
/* The same for a vault whose holder has proved itself before. ERR_NOT_FOUND: there is none such any
 * more. */
must_check enum err permit_again(struct flow *flow, struct id tenant, struct id vault,
				 struct permit *permit);
/* The account of @service that @wanted (id or alias; empty: the default, else the only one) names
 * for the vault. ERR_NOT_CONNECTED, ERR_SEVERAL_ACCOUNTS, ERR_ACCESS_PAUSED, ERR_REAUTH_REQUIRED;
 * @service must fit permit_mend, else ERR_INVALID_TARGET. */
must_check enum err permit_account(struct flow *flow, struct permit *permit, struct bytes service,
				   struct bytes wanted);
/* Sees to the account's token: OK with *@ret_waits false when it serves, true when a refresh is
 * under way, after which @again is called once, in a later batch, with @call: ask anew from the
 * start, with the same @permit. ERR_PROVIDER_UNAVAILABLE, ERR_REAUTH_REQUIRED, ERR_OVERLOADED. */
typedef void (*permit_again_fn)(struct flow *flow, struct call *call);
must_check enum err permit_fresh(struct flow *flow, struct call *call, struct permit *permit,
				 permit_again_fn again, bool *ret_waits);

/* A record with what is known of vault, account and service. */
void permit_record(const struct flow *flow, const struct call *call, const struct permit *permit,
		   uint8_t kind, uint8_t outcome, struct ipc_record *ret);
/* Notes a denial, @record made by permit_record(); strangers' are counted, and noted some a second.
 * Answers @err, or ERR_OVERLOADED where it could not be noted. */
must_check enum err permit_deny(struct flow *flow, struct call *call, const struct permit *permit,
				struct ipc_record *record, enum err err);
