/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/spend.h"

#include "crypto/crypto.h"

_Static_assert((int)STORE_SPENDS_MAX >= (int)POLICY_LIMITS_MAX, "one use may concern all limits");

static struct bytes byte_of(const uint8_t *b)
{
	return (struct bytes){ b, 1 };
}

/* A text with its end, so that two of them cannot be cut elsewhere; none of them holds a NUL. */
static struct id limit_id(const struct vault_row *vault, const struct policy_use *use,
			  const struct policy_limit *limit)
{
	static const uint8_t end = 0;
	const bool per_tool = limit->per == POLICY_PER_TOOL;
	const uint8_t per = (uint8_t)limit->per, budget = limit->budget;
	const struct bytes none = { NULL, 0 };
	uint8_t window[8], hash[SHA256_LEN];
	struct id id;

	put_u64(window, limit->window);
	const struct bytes parts[] = {
		str("valetkey limit 1"),
		byte_of(&end),
		byte_of(&per),
		byte_of(&budget),
		{ window, sizeof window },
		limit->per == POLICY_PER_USER ? id_bytes(&vault->user) : id_bytes(&vault->id),
		limit->tool,
		byte_of(&end),
		limit->counted,
		byte_of(&end),
		per_tool ? use->service : none,
		byte_of(&end),
		per_tool ? use->tool : none,
	};
	sha256(parts, ARRAY_LEN(parts), hash);
	memcpy(id.b, hash, sizeof id.b);
	return id;
}

/* A file may give the same limit twice: the smaller one holds. */
static struct store_spend *same(struct store_spend *at, size_t n, struct id id)
{
	for (size_t i = 0; i < n; i++)
		if (id_eq(at[i].id, id))
			return &at[i];
	return NULL;
}

enum err spend_limits(struct flow *flow, struct permit *permit, const struct policy_use *use)
{
	struct policy_limit limits[POLICY_LIMITS_MAX];
	struct store_spend at[POLICY_LIMITS_MAX];
	struct store_spends spends = { permit->vault.tenant, flow->now, 0, at };
	struct store_overspent over = { 0 };

	const size_t n = policy_limits(permit->policy, use, limits);
	for (size_t i = 0; i < n; i++) {
		const struct store_spend one = { limit_id(&permit->vault, use, &limits[i]),
						 limits[i].window, limits[i].max,
						 limits[i].amount };
		struct store_spend *twin = same(at, spends.n, one.id);
		if (twin == NULL)
			at[spends.n++] = one;
		else if (one.max < twin->max)
			twin->max = one.max;
	}
	if (spends.n == 0)
		return OK;
	const enum err err = store_spend(flow->store, &spends, &over);
	if (err != ERR_RATE_LIMITED)
		return err;
	if (over.again == 0)
		return ERR_BUDGET_SPENT;
	if (over.again > flow->now)
		permit->mend.retry_after_s = (over.again - flow->now + USEC_PER_S - 1) / USEC_PER_S;
	return ERR_RATE_LIMITED;
}

enum err spend_spent(struct flow *flow, const struct vault_row *vault, const struct policy_use *use,
		     const struct policy_limit *limit, uint64_t *ret)
{
	return store_spent(flow->store, vault->tenant, limit_id(vault, use, limit), limit->window,
			   flow->now, ret);
}
