/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/scopes.h"

struct exchange_rule {
	enum policy_effect effect;
	unsigned line;
	bool restricted; /* to scopes; else whatever the account has granted */
	struct scopes scopes;
};

struct service_rule {
	char id[SERVICE_MAX_BYTES + 1];
	unsigned line;
	struct exchange_rule exchange;
	enum policy_effect otherwise;
};

struct policy {
	struct yaml *yaml; /* owns all text */
	struct bytes name;
	usec_t expires;
	size_t services_n;
	struct service_rule *services;
};

/* One compilation: where to complain. */
struct reader {
	const struct yaml *yaml;
	struct complaint *complaint;
};

#define REFUSE(r, node, ...) yaml_complain((r)->yaml, node, (r)->complaint, __VA_ARGS__)

/* What DESIGN promises and this version does not enforce. */
static const char *const later[] = { "tools", "proxy", "limits",   "networks",
				     "when",  "else",  "accounts", "account" };

static enum err check_keys(const struct reader *r, const struct yaml_node *node,
			   const char *const *names, size_t count)
{
	const struct yaml_node *unknown = yaml_unknown(node, names, count);

	if (unknown == NULL)
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(later); i++)
		if (bytes_is(unknown->name, later[i]))
			return REFUSE(r, unknown, "'%s' is not supported yet by this version",
				      later[i]);
	return REFUSE(r, unknown, "unknown key '%.*s'", (int)unknown->name.n, unknown->name.p);
}

static bool printable(struct bytes text, size_t max)
{
	if (text.n == 0 || text.n > max)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] == 0x7f)
			return false;
	return true;
}

static enum err read_effect(const struct reader *r, const struct yaml_node *node,
			    enum policy_effect *ret)
{
	static const char *const names[] = {
		[POLICY_BLOCK] = "block",
		[POLICY_ALLOW] = "allow",
		[POLICY_APPROVE] = "approve",
		[POLICY_STEP_UP] = "step_up",
	};
	struct bytes text;

	if (yaml_str(node, &text))
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (bytes_is(text, names[i])) {
				*ret = (enum policy_effect)i;
				return OK;
			}
	return REFUSE(r, node, "'%.*s' must be allow, approve, step_up or block", (int)node->name.n,
		      node->name.p);
}

/* "30m", "4h", "7d": at most ten years. */
static enum err read_duration(const struct reader *r, const struct yaml_node *node, usec_t *ret)
{
	static const struct {
		uint8_t unit;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	struct bytes text;
	uint64_t count;

	if (yaml_str(node, &text) && text.n > 1)
		for (size_t i = 0; i < ARRAY_LEN(units); i++) {
			const struct bytes digits = { text.p, text.n - 1 };
			const uint64_t max = (uint64_t)10 * 365 * 86400 / units[i].seconds;
			if (text.p[text.n - 1] != units[i].unit ||
			    bytes_u64(digits, max, &count) != OK || count == 0)
				continue;
			*ret = count * units[i].seconds * USEC_PER_S;
			return OK;
		}
	return REFUSE(r, node, "'%.*s' must be a length of time such as 30m, 4h or 7d",
		      (int)node->name.n, node->name.p);
}

static enum err read_scopes(const struct reader *r, const struct yaml_node *list,
			    struct scopes *ret)
{
	struct bytes name;

	if (list->kind != YAML_LIST || list->first == NULL)
		return REFUSE(r, list, "'scopes' must be a list with at least one scope");
	for (const struct yaml_node *node = list->first; node != NULL; node = node->next) {
		if (!yaml_str(node, &name) || !scope_ok(name))
			return REFUSE(r, node, "this is not a scope (RFC 6749 section 3.3)");
		if (scopes_has(ret, name))
			return REFUSE(r, node, "the scope '%.*s' is there twice", (int)name.n,
				      name.p);
		if (scopes_add(ret, name) != OK)
			return REFUSE(r, node, "more than %d scopes", SCOPES_MAX);
	}
	return OK;
}

static enum err read_exchange(const struct reader *r, const struct yaml_node *node,
			      struct exchange_rule *ret)
{
	static const char *const keys[] = { "effect", "scopes" };
	const struct yaml_node *effect = yaml_find(node, "effect");
	const struct yaml_node *scopes = yaml_find(node, "scopes");

	if (node->kind != YAML_MAP)
		return REFUSE(r, node, "'exchange' must be a map such as {effect: allow}");
	TRY(check_keys(r, node, keys, ARRAY_LEN(keys)));
	if (effect == NULL)
		return REFUSE(r, node, "'exchange' needs 'effect'");
	TRY(read_effect(r, effect, &ret->effect));
	if (ret->effect == POLICY_APPROVE || ret->effect == POLICY_STEP_UP)
		return REFUSE(
			r, effect,
			"an exchange that a person decides is not supported yet by this version");
	ret->line = effect->line;
	if (scopes == NULL)
		return OK;
	ret->restricted = true;
	return read_scopes(r, scopes, &ret->scopes);
}

static bool id_ok(struct bytes id)
{
	if (id.n == 0 || id.n > SERVICE_MAX_BYTES || id.p[0] < 'a' || id.p[0] > 'z')
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (!(id.p[i] >= 'a' && id.p[i] <= 'z') && !(id.p[i] >= '0' && id.p[i] <= '9') &&
		    id.p[i] != '-')
			return false;
	return true;
}

static enum err read_service(const struct reader *r, const struct yaml_node *node,
			     struct service_rule *ret)
{
	static const char *const keys[] = { "exchange", "default" };
	struct service_rule rule = { .line = node->line };
	const struct yaml_node *child;

	if (!id_ok(node->name) || bytes_str(node->name, rule.id, sizeof rule.id) != OK)
		return REFUSE(r, node, "'%.*s' is not a service id", (int)node->name.n,
			      node->name.p);
	if (node->kind != YAML_MAP)
		return REFUSE(r, node, "the rules of a service must be a map");
	TRY(check_keys(r, node, keys, ARRAY_LEN(keys)));
	rule.exchange.line = node->line;
	if ((child = yaml_find(node, "exchange")) != NULL)
		TRY(read_exchange(r, child, &rule.exchange));
	if ((child = yaml_find(node, "default")) != NULL)
		TRY(read_effect(r, child, &rule.otherwise));
	*ret = rule;
	return OK;
}

static enum err read_services(const struct reader *r, const struct yaml_node *map,
			      struct policy *policy)
{
	if (map == NULL || map->kind != YAML_MAP)
		return REFUSE(r, map, "a policy needs 'services', a map from service id to rules");
	policy->services = calloc(POLICY_SERVICES_MAX, sizeof *policy->services);
	if (policy->services == NULL)
		return FAULT_NOMEM;
	for (const struct yaml_node *node = map->first; node != NULL; node = node->next) {
		if (policy->services_n == POLICY_SERVICES_MAX)
			return REFUSE(r, node, "more than %d services", POLICY_SERVICES_MAX);
		TRY(read_service(r, node, &policy->services[policy->services_n]));
		policy->services_n++;
	}
	return OK;
}

static enum err read_policy(const struct reader *r, struct policy *policy)
{
	static const char *const keys[] = { "name", "expires", "services" };
	const struct yaml_node *root = yaml_root(r->yaml);
	const struct yaml_node *name = yaml_find(root, "name");
	const struct yaml_node *expires = yaml_find(root, "expires");

	if (root->kind != YAML_MAP)
		return REFUSE(r, root, "a policy is a map with 'name' and 'services'");
	TRY(check_keys(r, root, keys, ARRAY_LEN(keys)));
	if (!yaml_str(name, &policy->name) || !printable(policy->name, NAME_MAX_BYTES))
		return REFUSE(r, name, "a policy needs 'name', a text of 1 to %d bytes",
			      NAME_MAX_BYTES);
	if (expires != NULL)
		TRY(read_duration(r, expires, &policy->expires));
	return read_services(r, yaml_find(root, "services"), policy);
}

enum err policy_compile(struct bytes text, const char *file, struct complaint *complaint,
			struct policy **ret)
{
	scoped(policy_free) struct policy *policy = calloc(1, sizeof *policy);

	if (policy == NULL)
		return FAULT_NOMEM;
	TRY(yaml_parse(text, file, complaint, &policy->yaml));
	const struct reader reader = { policy->yaml, complaint };
	TRY(read_policy(&reader, policy));
	*ret = take(policy);
	return OK;
}

void policy_free(struct policy **policyp)
{
	struct policy *policy = *policyp;

	if (policy == NULL)
		return;
	yaml_free(&policy->yaml);
	free(policy->services);
	free(policy);
	*policyp = NULL;
}

struct bytes policy_name(const struct policy *policy)
{
	return policy->name;
}

const char *policy_service_at(const struct policy *policy, size_t n)
{
	return n < policy->services_n ? policy->services[n].id : NULL;
}

usec_t policy_expires(const struct policy *policy, usec_t now)
{
	return policy->expires == 0 ? 0 : now + policy->expires;
}

static const struct service_rule *rule_of(const struct policy *policy, struct bytes service)
{
	for (size_t i = 0; i < policy->services_n; i++)
		if (bytes_is(service, policy->services[i].id))
			return &policy->services[i];
	return NULL;
}

static enum err say(struct policy_decision *ret, enum err err, unsigned line, const char *reason)
{
	ret->effect = err == OK ? POLICY_ALLOW : POLICY_BLOCK;
	ret->line = line;
	ret->reason = reason;
	return err;
}

/* asked ∩ policy, then ∩ granted. */
static enum err decide_scopes(const struct exchange_rule *rule, const struct policy_facts *facts,
			      struct policy_decision *ret)
{
	struct scopes asked, granted, permitted, given, missing;

	if (scopes_parse(facts->asked, " ", &asked) != OK)
		return say(ret, ERR_INVALID_SCOPE, 0, "The scopes asked for are malformed.");
	if (!facts->granted_known)
		granted = (struct scopes){ 0 };
	else if (scopes_parse(facts->granted, " ", &granted) != OK)
		return say(ret, ERR_DENIED, 0, "The scopes on record cannot be read.");
	if (asked.n == 0)
		permitted = rule->restricted ? rule->scopes : granted;
	else if (rule->restricted)
		scopes_meet(&asked, &rule->scopes, &permitted);
	else
		permitted = asked;
	if (asked.n > 0 && permitted.n == 0)
		return say(ret, ERR_INVALID_SCOPE, rule->line,
			   "The policy permits none of the scopes asked for.");
	given = permitted;
	if (facts->granted_known) {
		scopes_meet(&permitted, &granted, &given);
		scopes_without(&permitted, &granted, &missing);
		if (given.n == 0 && missing.n > 0) {
			if (scopes_print(&missing, ret->missing) != OK)
				return say(ret, ERR_INVALID_SCOPE, rule->line, "Too many scopes.");
			return say(ret, ERR_INSUFFICIENT_SCOPE, rule->line,
				   "The account has granted none of the scopes needed.");
		}
	}
	if (scopes_print(&given, ret->scopes) != OK)
		return say(ret, ERR_INVALID_SCOPE, rule->line, "Too many scopes.");
	return say(ret, OK, rule->line, "The policy permits this exchange.");
}

enum err policy_decide_exchange(const struct policy *policy, const struct policy_facts *facts,
				struct policy_decision *ret)
{
	const struct service_rule *rule = rule_of(policy, facts->service);

	*ret = (struct policy_decision){ .effect = POLICY_BLOCK };
	if (rule == NULL)
		return say(ret, ERR_INVALID_TARGET, 0, "The policy does not name this service.");
	if (rule->exchange.effect != POLICY_ALLOW)
		return say(ret, ERR_DENIED, rule->exchange.line,
			   "The policy does not permit exchanges for this service.");
	return decide_scopes(&rule->exchange, facts, ret);
}
