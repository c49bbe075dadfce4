/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct complaint complaint = { 0 };
	struct policy_decision decision;
	struct policy *policy = NULL;

	const enum err err = policy_compile((struct bytes){ p, n }, "fuzz", &complaint, &policy);
	if (err > OK && complaint.text[0] == 0)
		abort();
	if (err != OK)
		return 0;
	const char *id;
	for (size_t i = 0; (id = policy_service_at(policy, i)) != NULL; i++) {
		const struct policy_facts facts = { .service = str(id),
						    .granted = str("a b"),
						    .granted_known = true };
		const enum err decided = policy_decide_exchange(policy, &facts, &decision);
		if ((decided == OK) != (decision.effect == POLICY_ALLOW))
			abort();
	}
	policy_free(&policy);
	return 0;
}
