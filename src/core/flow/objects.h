/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * objects - what an operator makes and changes: tenants, users, agents,
 * services and their clients, admin tokens. Each verb checks, writes and puts
 * its event down in the transaction of the call.
 */

#include "codec/json.h"
#include "codec/token.h"
#include "core/flow/flow.h"

struct complaint;

/* A token of our own as text; wipe after use. */
struct token_text {
	char s[TOKEN_TEXT_MAX + 1];
};

/* Issues a token for @object; earlier ones stay as they are. @expires 0: never. */
must_check enum err token_issue(struct flow *flow, enum own_token_kind kind, struct id tenant,
				struct id object, usec_t expires, struct token_text *ret);

/* The owner of a live token of that kind. ERR_INVALID_TOKEN whatever is wrong with it. */
must_check enum err token_check(struct flow *flow, struct bytes text, enum own_token_kind kind,
				struct own_token_row *ret);

/* ERR_MALFORMED (1 to 64 of a-z 0-9 - _), ERR_EXISTS */
must_check enum err tenant_create(struct flow *flow, struct call *call, struct bytes name,
				  struct tenant_row *ret);

/* A local user. ERR_MALFORMED, ERR_EXISTS */
must_check enum err user_create(struct flow *flow, struct call *call, struct bytes subject,
				struct bytes email, struct bytes name, struct user_row *ret);

/* ERR_MALFORMED, ERR_EXISTS */
must_check enum err agent_create(struct flow *flow, struct call *call, struct bytes name,
				 struct bytes redirect_uris, struct agent_row *ret,
				 struct token_text *ret_secret);
/* The old secret stops working at once. ERR_NOT_FOUND, ERR_CONFLICT (disabled) */
must_check enum err agent_rotate_secret(struct flow *flow, struct call *call, struct id id,
					struct agent_row *ret, struct token_text *ret_secret);
/* All it holds stops working at once. ERR_NOT_FOUND */
must_check enum err agent_disable(struct flow *flow, struct call *call, struct id id,
				  struct agent_row *ret);

/* Checks and stores a service file. ERR_MALFORMED (@complaint says where), ERR_TOO_LARGE */
must_check enum err service_add(struct flow *flow, struct call *call, struct bytes yaml,
				struct complaint *complaint, struct service_row *ret);
struct client_new {
	struct bytes client_id;
	json_t *variables; /* those that the operator gives; NULL: none */
};
/* Other values for the operator's variables do not reach a secret that is sealed already: it is to
 * be set again. ERR_NOT_FOUND (no such service), ERR_MALFORMED, ERR_VARIABLE */
must_check enum err service_client_set(struct flow *flow, struct call *call, struct bytes service,
				       const struct client_new *new);
/* Takes the secret that gate has sealed for keeper; answers through call->done, result NULL.
 * ERR_NOT_FOUND, ERR_MALFORMED (no capsule) */
must_check enum err service_secret_set(struct flow *flow, struct call *call, struct bytes service);

/* ERR_CONFLICT: changes nothing where @name is no sane name: 1 to @max bytes of printable UTF-8. */
bool name_ok(struct bytes name, size_t max);
