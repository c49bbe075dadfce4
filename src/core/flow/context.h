/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * context - whether what a use reaches is public or private, as the provider
 * says: asked with the account's own token, on record, and remembered for a
 * minute, for raw requests come in crowds. What cannot be found out is not known,
 * and what reaches both kinds is neither. Calls of tools ask in toolrun.h.
 */

#include "core/catalog/service.h"
#include "core/flow/permit.h"
#include "core/policy/policy.h"

struct contexts;

must_check enum err contexts_new(struct contexts **ret);
void contexts_free(struct contexts **contextsp);

/* What is remembered of the resources of @use for the account of @permit. */
enum policy_context context_known(const struct flow *flow, const struct permit *permit,
				  const struct policy_use *use);

typedef void (*context_again_fn)(struct flow *flow, void *ctx);

struct context_want {
	const struct service *service;
	const struct service_tool *tool;
	const struct policy_use *use; /* with the resources of the tool, in its order */
	context_again_fn again;
	void *ctx;
};

/* Asks about all that is not remembered, after a refresh of the token where that is due. OK:
 * @want->again is called once, in a later batch; where *@ret_asked is true context_known() then
 * answers what came of it, and nothing more is to be asked for this journey. Any error: it is not
 * known, and nobody is called. ERR_NOT_FOUND: there is nothing to ask. */
must_check enum err context_ask(struct flow *flow, struct permit *permit,
				const struct context_want *want, bool *ret_asked);
