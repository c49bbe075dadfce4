/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/policies.h"

#include <stdlib.h>

#include "core/flow/compiled.h"
#include "core/policy/policy.h"

enum err policies_draft(struct flow *flow, struct call *call, struct bytes yaml,
			struct policies_change *change)
{
	const struct policy *policy;

	TRY(store_vault_get(flow->store, call->tenant, change->vault, &change->row));
	if (change->row.state == VAULT_DELETED)
		return ERR_CONFLICT;
	TRY(compiled_policy_text(flow, call->tenant, yaml, &change->complaint, &policy));
	const struct policy_row draft = {
		.vault = change->vault,
		.tenant = call->tenant,
		.version = change->row.policy_version,
		.yaml = yaml,
		.created = flow->now,
	};
	return store_draft_put(flow->store, &draft);
}

enum err policies_publish(struct flow *flow, struct call *call, struct policies_change *change)
{
	struct policy_row draft;

	TRY(store_vault_get(flow->store, call->tenant, change->vault, &change->row));
	TRY(store_draft_get(flow->store, call->tenant, change->vault, &draft));
	if (draft.version != change->row.policy_version)
		return ERR_CONFLICT;
	TRY(vault_policy_set(flow, call, change->vault, draft.yaml, &change->complaint,
			     &change->row));
	return store_draft_del(flow->store, call->tenant, change->vault);
}

enum err policies_rollback(struct flow *flow, struct call *call, struct policies_change *change)
{
	struct policy_row old;

	TRY(store_vault_get(flow->store, call->tenant, change->vault, &change->row));
	if (change->version == change->row.policy_version)
		return ERR_CONFLICT;
	TRY(store_policy_get(flow->store, call->tenant, change->vault, change->version, &old));
	return vault_policy_set(flow, call, change->vault, old.yaml, &change->complaint,
				&change->row);
}
