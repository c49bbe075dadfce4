/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char *const tools[] = { "issues.comment", "issues.list", "a.b", "a", "" };
static const char *const texts[] = { "{}", "[1]",
				     "{\"a\":[\"x\",1.5e3],\"owner\":\"acme\",\"amount\":7}" };

/* A use that is not known in part gets nothing that a fully known one could not get. */
static void decide(const struct policy *policy, const struct policy_use *use)
{
	struct policy_limit limits[POLICY_LIMITS_MAX];
	struct policy_verdict verdict;

	const enum err err = policy_decide(policy, use, &verdict);
	if ((err == ERR_DENIED) != (verdict.effect == POLICY_BLOCK) ||
	    (err != OK && err != ERR_DENIED))
		abort();
	if (verdict.reason == NULL || (verdict.unsure && verdict.by_else))
		abort();
	if (use->tool.n > 0 && err == OK && !policy_shows(policy, use->service, use->tool))
		abort();
	if (policy_limits(policy, use, limits) > POLICY_LIMITS_MAX)
		abort();
}

static void decide_all(const struct policy *policy, struct bytes service)
{
	static const uint8_t address[16] = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 };
	struct policy_use use = { .service = service, .now = 1782907200 * USEC_PER_S };
	struct doc doc = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		use.tool = str(tools[i]);
		use.address = NULL;
		use.args = NULL;
		use.context = POLICY_CONTEXT_UNKNOWN;
		decide(policy, &use);
		use.address = address;
		use.context = POLICY_PRIVATE;
		for (size_t j = 0; j < ARRAY_LEN(texts); j++) {
			if (doc_read(str(texts[j]), &doc) != OK)
				abort();
			use.args = &doc;
			decide(policy, &use);
			doc_done(&doc);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct complaint complaint = { 0 };
	struct policy_decision decision;
	struct policy *policy = NULL;

	const enum err err =
		policy_compile((struct bytes){ p, n }, "fuzz", NULL, &complaint, &policy);
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
		decide_all(policy, str(id));
	}
	policy_free(&policy);
	return 0;
}
