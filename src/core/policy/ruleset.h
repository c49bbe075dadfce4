/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* ruleset - a compiled policy: per service two sorted tables of rules. */

#include "core/policy/limits.h"
#include "core/policy/rule.h"
#include "model/scopes.h"

struct exchange_rule {
	struct rule rule;
	bool restricted; /* to scopes; else whatever the account has granted */
	struct scopes scopes;
};

enum proxy_rule { PROXY_BLOCK, PROXY_READ, PROXY_ALLOW };

/* Rules of tools in the order of their patterns. */
struct rules {
	size_t n;
	struct rule *at;
};

struct service_rules {
	char id[SERVICE_MAX_BYTES + 1];
	unsigned line;
	struct exchange_rule exchange;
	enum proxy_rule proxy;
	unsigned proxy_line;
	struct rule otherwise; /* `default` */
	struct rules exact, prefixes;
};

struct policy {
	struct yaml *yaml; /* owns all text */
	struct bytes name;
	usec_t expires;
	unsigned networks_line;
	struct networks networks; /* n = 0: any */
	struct limits limits;
	size_t services_n;
	struct service_rules *services;
	size_t sorted[POLICY_SERVICES_MAX]; /* by id */
};

/* NULL if the file does not name it. */
const struct service_rules *ruleset_service(const struct policy *policy, struct bytes service);
/* The exact rule, else that of the longest prefix, else the default, which may be one that the file
 * does not have. NULL: the name is none. */
const struct rule *ruleset_rule(const struct service_rules *service, struct bytes tool);
void ruleset_sort(struct policy *policy);
