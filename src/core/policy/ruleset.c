/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/ruleset.h"

#include <stdlib.h>

static int compare(struct bytes a, struct bytes b)
{
	const int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_pattern(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	return compare(x->pattern, y->pattern);
}

static int by_id(const void *a, const void *b, void *ctx)
{
	const struct policy *policy = ctx;

	return strcmp(policy->services[*(const size_t *)a].id,
		      policy->services[*(const size_t *)b].id);
}

static void sort(struct rules *rules)
{
	if (rules->n > 1)
		qsort(rules->at, rules->n, sizeof *rules->at, by_pattern);
}

void ruleset_sort(struct policy *policy)
{
	for (size_t i = 0; i < policy->services_n; i++) {
		policy->sorted[i] = i;
		sort(&policy->services[i].exact);
		sort(&policy->services[i].prefixes);
	}
	qsort_r(policy->sorted, policy->services_n, sizeof policy->sorted[0], by_id, policy);
}

const struct service_rules *ruleset_service(const struct policy *policy, struct bytes service)
{
	size_t low = 0, high = policy->services_n;

	while (low < high) {
		const size_t middle = (low + high) / 2;
		const struct service_rules *at = &policy->services[policy->sorted[middle]];
		const int order = compare(service, str(at->id));
		if (order == 0)
			return at;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static const struct rule *find(const struct rules *rules, struct bytes pattern)
{
	size_t low = 0, high = rules->n;

	while (low < high) {
		const size_t middle = (low + high) / 2;
		const int order = compare(pattern, rules->at[middle].pattern);
		if (order == 0)
			return &rules->at[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct rule *ruleset_rule(const struct service_rules *service, struct bytes tool)
{
	if (tool.n == 0 || tool.n > POLICY_TOOL_MAX)
		return NULL;
	const struct rule *rule = find(&service->exact, tool);
	for (size_t n = service->prefixes.n == 0 ? 0 : tool.n - 1; rule == NULL && n > 0; n--)
		if (tool.p[n - 1] == '.')
			rule = find(&service->prefixes, (struct bytes){ tool.p, n });
	return rule == NULL ? &service->otherwise : rule;
}
