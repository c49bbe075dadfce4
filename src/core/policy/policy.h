/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * policy - a vault's policy file, compiled and never changed afterwards, and the
 * decision over one use. Pure: no I/O, no clock; what is not permitted is denied.
 * docs/policy-file.md lists every key. A key of a later version is refused by
 * name: a rule that would not be enforced must not look as if it were.
 */

#include "codec/yaml.h"
#include "model/rows.h"

enum { POLICY_SERVICES_MAX = 64 };

struct policy;

/* ERR_MALFORMED, ERR_TOO_LARGE; @complaint is then filled. */
must_check enum err policy_compile(struct bytes text, const char *file, struct complaint *complaint,
				   struct policy **ret);
void policy_free(struct policy **policyp);

struct bytes policy_name(const struct policy *policy);
/* The n-th service id of the file, in its order, or NULL. */
const char *policy_service_at(const struct policy *policy, size_t n);
/* When a vault that got this policy at @now ends; 0: never. */
usec_t policy_expires(const struct policy *policy, usec_t now);

struct policy_facts {
	struct bytes service;
	struct bytes asked;   /* separated by spaces; empty: all that policy and grant permit */
	struct bytes granted; /* separated by spaces; looked at if granted_known */
	bool granted_known;
	usec_t now;
};

enum policy_effect { POLICY_BLOCK, POLICY_ALLOW, POLICY_APPROVE, POLICY_STEP_UP };

struct policy_decision {
	enum policy_effect effect;
	const char *reason;		    /* one sentence, static */
	unsigned line;			    /* of the rule that decided; 0: no rule is the reason */
	char scopes[SCOPES_MAX_BYTES + 1];  /* asked and permitted and granted, sorted */
	char missing[SCOPES_MAX_BYTES + 1]; /* with ERR_INSUFFICIENT_SCOPE: asked and permitted */
};

/*
 * May the provider's own token be lent? @ret is filled whatever the answer.
 *   ERR_INVALID_TARGET      the policy does not name the service
 *   ERR_DENIED              it does, and does not allow this
 *   ERR_INVALID_SCOPE       a scope asked for is malformed, or none of them is permitted
 *   ERR_INSUFFICIENT_SCOPE  permitted, and not granted by the account: @ret->missing
 * Where only some of the scopes asked for are permitted and granted the answer is OK with those.
 */
must_check enum err policy_decide_exchange(const struct policy *policy,
					   const struct policy_facts *facts,
					   struct policy_decision *ret);
