/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * vaults - one agent's permission profile for one user: its policy, its token,
 * its bindings, and the switch that stops it.
 */

#include "core/flow/objects.h"

struct vault_new {
	struct bytes user; /* subject of a local user */
	struct bytes name;
	struct id agent; /* none: whoever holds the token */
	struct bytes policy;
};

/* ERR_NOT_FOUND (user or agent), ERR_MALFORMED (name or policy: @complaint says where) */
must_check enum err vault_create(struct flow *flow, struct call *call, const struct vault_new *new,
				 struct complaint *complaint, struct vault_row *ret,
				 struct token_text *ret_token);
/* Publishes a new version. ERR_NOT_FOUND, ERR_MALFORMED, ERR_CONFLICT (deleted) */
must_check enum err vault_policy_set(struct flow *flow, struct call *call, struct id id,
				     struct bytes policy, struct complaint *complaint,
				     struct vault_row *ret);
/* The old token stops working at once. ERR_NOT_FOUND, ERR_CONFLICT (deleted) */
must_check enum err vault_rotate_token(struct flow *flow, struct call *call, struct id id,
				       struct vault_row *ret, struct token_text *ret_token);
/* ACTIVE, PAUSED or DELETED, which is final and revokes the token.
 * ERR_NOT_FOUND, ERR_CONFLICT (deleted) */
must_check enum err vault_state_set(struct flow *flow, struct call *call, struct id id,
				    enum vault_state state, struct vault_row *ret);
/* ERR_NOT_FOUND (vault, or no such connection of the vault's user and that service), ERR_MALFORMED
 */
must_check enum err vault_bind(struct flow *flow, struct call *call, struct id id,
			       const struct binding_row *binding);
