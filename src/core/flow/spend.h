/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * spend - what a use costs, spent when it is permitted and before it happens.
 * A counter belongs to a vault, to one tool of a vault, or to a user, and to all
 * of the limit but its size: a new policy with the same limit goes on counting.
 */

#include "core/flow/permit.h"
#include "core/policy/policy.h"

/* Spends from every limit that concerns @use, or from none. ERR_RATE_LIMITED (@permit->mend says
 * when to come back), ERR_BUDGET_SPENT (it will never fit), ERR_FORGED */
must_check enum err spend_limits(struct flow *flow, struct permit *permit,
				 const struct policy_use *use);
/* What counts at present against one limit of policy_limits(). */
must_check enum err spend_spent(struct flow *flow, const struct vault_row *vault,
				const struct policy_use *use, const struct policy_limit *limit,
				uint64_t *ret);
