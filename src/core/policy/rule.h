/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* rule - an effect with what has to hold for it: `issues.*: allow`, or {effect, when, else}. */

#include "core/policy/condition.h"

struct rule {
	struct bytes name;    /* as the file writes it; empty: not in the file */
	struct bytes pattern; /* of a tool: without the star */
	enum policy_effect effect, otherwise;
	unsigned line;
	size_t conditions_n;
	struct condition *conditions;
};

/* What `exchange` has beside a rule's own keys. */
struct rule_form {
	bool facts;	   /* conditions may ask for arguments, resource, context */
	const char *extra; /* a key that the caller reads; NULL: none */
};

/* An effect alone or a map. ERR_MALFORMED */
must_check enum err rule_read(const struct reader *r, const struct yaml_node *node,
			      const struct rule_form *form, struct rule *ret);
void rule_done(struct rule *rule);
/* Fills effect, line, rule and why. */
void rule_decide(const struct rule *rule, const struct policy_use *use, struct policy_verdict *ret);
bool rule_asks(const struct rule *rule, enum condition_kind kind);
/* Whether some use gets something other than block. */
bool rule_opens(const struct rule *rule);
