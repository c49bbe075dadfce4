/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * grants - what a user lets a client of ours do with one vault.
 *
 *   consent → CODE ─redeemed once, with PKCE→ ACTIVE ─revoked→ REVOKED
 *                └─ a code used twice ────────────────────────┘
 *
 * A grant is of one (client, user, vault, scope). Its tokens are opaque rows:
 * access tokens of ACCESS_LIFE_S, and one live refresh token that is used up by
 * each refresh (RFC 9700 4.14). A refresh token that comes a second time
 * revokes the grant, and with it all its tokens. What was issued under another
 * generation of the store holds no more: a restore would revive what was spent.
 *
 * A grant does what its vault permits at the moment of each use; nothing of the
 * policy is in it.
 */

#include "core/flow/objects.h"

enum {
	GRANTS_CODE_LIFE_S = 60, /* RFC 6749 4.1.2 */
	GRANTS_ACCESS_LIFE_S = 15 * 60,
	GRANTS_REFRESH_LIFE_S = 30 * 24 * 3600,
	GRANTS_VERIFIER_MIN = 43, /* RFC 7636 4.1 */
	GRANTS_VERIFIER_MAX = 128,
};

/* What a token of ours may be used for; a vault's own token may be used for all. */
#define GRANTS_SCOPE_MCP      "mcp:tools"
#define GRANTS_SCOPE_PROXY    "proxy"
#define GRANTS_SCOPE_EXCHANGE "exchange"

struct grant_scope {
	const char *name, *says; /* to a person who is asked */
};
/* One by one; NULL behind the last. */
const struct grant_scope *grants_scope(size_t n);
/* @asked: separated by spaces; empty: GRANTS_SCOPE_MCP. In the order of grants_scope(), each once.
 * ERR_INVALID_SCOPE: one is not ours (`offline_access` is left out: it changes nothing). */
must_check enum err grants_scopes(struct bytes asked, char to[static SCOPES_MAX_BYTES + 1]);
bool grants_scope_has(struct bytes scopes, const char *name);

/* The vault whose MCP address @resource is (RFC 8707), of whatever tenant. ERR_INVALID_TARGET */
must_check enum err grants_resource(const struct flow *flow, struct bytes resource, struct id *ret);
/* The other way round. */
enum { GRANTS_RESOURCE_MAX = FLOW_REDIRECT_MAX + 64 };
void grants_resource_print(const struct flow *flow, struct id vault,
			   char to[static GRANTS_RESOURCE_MAX]);
/* Whether the client @agent may have a grant for the vault: one that has an agent serves that one
 * alone. ERR_INVALID_TARGET: not, or there is no such vault of this user. */
must_check enum err grants_vault(struct flow *flow, struct id tenant, struct id user,
				 struct id agent, struct id vault, struct vault_row *ret);

/* A user's yes. ERR_INVALID_TARGET */
struct grants_yes {
	struct id agent, user, vault;
	struct bytes scope; /* as grants_scopes() printed it */
	struct bytes redirect;
	bool redirect_sent; /* else it was the only one */
	uint8_t challenge[32];
	const uint8_t *jkt; /* 32 bytes; NULL: bound to no key yet */
};
must_check enum err grants_code(struct flow *flow, struct call *call, const struct grants_yes *yes,
				struct token_text *ret_code);

/* Who asks for tokens: the client as it has proved itself, and the key of its DPoP proof. */
struct grants_client {
	struct id tenant, agent;
	const uint8_t *jkt; /* 32 bytes; NULL: no proof came */
	bool confidential;
};

/* Wipe after use. */
struct grants_tokens {
	struct token_text access, refresh; /* refresh: empty where there is none */
	char scope[SCOPES_MAX_BYTES + 1];
	struct id vault;
	bool bound; /* to the key of the proof: token_type DPoP */
};

/* Each is one conditional write; who loses gets ERR_INVALID_GRANT, which also stands for whatever
 * is wrong with the code or token. ERR_INVALID_SCOPE (more than granted), ERR_INVALID_TARGET
 * (another resource), ERR_INVALID_DPOP_PROOF (a proof is missing). */
struct grants_redemption {
	struct bytes code, verifier;
	struct bytes redirect; /* p = NULL: not sent */
	struct bytes resource; /* likewise; else the one that was consented to */
	bool refreshable;      /* the client has registered the grant */
};
struct grants_renewal {
	struct bytes token, scope, resource;
};
must_check enum err grants_redeem(struct flow *flow, struct call *call,
				  const struct grants_client *client,
				  const struct grants_redemption *redemption,
				  struct grants_tokens *ret);
must_check enum err grants_refresh(struct flow *flow, struct call *call,
				   const struct grants_client *client,
				   const struct grants_renewal *renewal, struct grants_tokens *ret);
/* client_credentials: a confidential client for a vault that is its own.
 * ERR_UNAUTHORIZED_CLIENT, ERR_INVALID_TARGET, ERR_INVALID_SCOPE */
must_check enum err grants_client_credentials(struct flow *flow, struct call *call,
					      const struct grants_client *client,
					      struct bytes resource, struct bytes scope,
					      struct grants_tokens *ret);

/* The live grant of a live token of either kind. ERR_INVALID_TOKEN */
must_check enum err grants_live(struct flow *flow, struct bytes token, struct grant_row *ret,
				struct grant_token_row *ret_token);
/* Whether its tokens are bound to a key, and the member `cnf` that says so (RFC 9449 6.2). */
bool grants_is_bound(const struct grant_row *row);
json_t *grants_cnf(const struct grant_row *row);
/* All its tokens end now. OK also where it was revoked before. */
must_check enum err grants_revoke(struct flow *flow, struct call *call, struct id tenant,
				  struct id grant);
/* Forgets what has expired; a grant that is over is kept for a day, to know its code again. */
must_check enum err grants_sweep(struct flow *flow);
