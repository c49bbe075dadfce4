/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/condition.h"

#include <stdlib.h>

enum { WINDOWS_MAX = 16 };

static const char *const subjects[] = {
	[CONDITION_ARG] = "arg",	   [CONDITION_RESOURCE] = "resource",
	[CONDITION_CONTEXT] = "context",   [CONDITION_TIME] = "time",
	[CONDITION_NETWORKS] = "networks",
};

static enum err read_arg(const struct reader *r, const struct yaml_node *node,
			 const struct yaml_node *subject, struct condition *ret)
{
	if (!yaml_str(subject, &ret->name) || !reader_pointer(ret->name))
		return REFUSE(r, subject, "'arg' is a JSON pointer such as /owner");
	return match_read(r, node, true, &ret->match);
}

static enum err read_resource(const struct reader *r, const struct yaml_node *node,
			      const struct yaml_node *subject, struct condition *ret)
{
	if (!yaml_str(subject, &ret->name) || ret->name.n == 0)
		return REFUSE(r, subject, "'resource' is a kind such as repository or channel");
	TRY(reader_known(r, subject, POLICY_NAME_RESOURCE, ret->name));
	return match_read(r, node, false, &ret->match);
}

static enum err read_context(const struct reader *r, const struct yaml_node *node,
			     const struct yaml_node *subject, struct condition *ret)
{
	struct bytes text;

	if (yaml_str(subject, &text) && bytes_is(text, "public"))
		ret->context = POLICY_PUBLIC;
	else if (yaml_str(subject, &text) && bytes_is(text, "private"))
		ret->context = POLICY_PRIVATE;
	else
		return REFUSE(r, subject, "'context' is public or private");
	return OK;
}

static enum err read_window(const struct reader *r, const struct yaml_node *node,
			    struct window *ret)
{
	struct bytes text;

	if (!yaml_str(node, &text))
		return REFUSE(r, node, "'time' is such as \"Mon-Fri 08:00-18:00 Europe/Berlin\"");
	const char *wrong = window_read(text, r->terms->zones, ret);
	return wrong == NULL ? OK : REFUSE(r, node, "%s: '%.*s'", wrong, (int)text.n, text.p);
}

static enum err read_time(const struct reader *r, const struct yaml_node *node,
			  const struct yaml_node *subject, struct condition *ret)
{
	const bool list = subject->kind == YAML_LIST;
	const size_t n = list ? reader_count(subject) : 1;

	if (n == 0 || n > WINDOWS_MAX)
		return REFUSE(r, subject, "'time' has 1 to %d windows", WINDOWS_MAX);
	ret->windows = calloc(n, sizeof *ret->windows);
	if (ret->windows == NULL)
		return FAULT_NOMEM;
	for (const struct yaml_node *child = list ? subject->first : subject; ret->windows_n < n;
	     child = child->next)
		TRY(read_window(r, child, &ret->windows[ret->windows_n++]));
	return OK;
}

static enum err read_networks(const struct reader *r, const struct yaml_node *node,
			      const struct yaml_node *subject, struct condition *ret)
{
	return condition_networks_read(r, subject, &ret->networks);
}

enum err condition_networks_read(const struct reader *r, const struct yaml_node *list,
				 struct networks *ret)
{
	struct bytes text;

	if (list->kind != YAML_LIST || list->first == NULL)
		return REFUSE(r, list, "'networks' is a list with at least one network");
	const size_t n = reader_count(list);
	if (n > POLICY_NETWORKS_MAX)
		return REFUSE(r, list, "more than %d networks", POLICY_NETWORKS_MAX);
	ret->at = calloc(n, sizeof *ret->at);
	if (ret->at == NULL)
		return FAULT_NOMEM;
	for (const struct yaml_node *node = list->first; node != NULL; node = node->next) {
		const char *wrong = "a network is a text";
		if (yaml_str(node, &text))
			wrong = network_read(text, &ret->at[ret->n]);
		if (wrong != NULL)
			return REFUSE(r, node, "%s", wrong);
		ret->n++;
	}
	return OK;
}

/* What each kind of condition is made of. */
static const struct {
	enum err (*read)(const struct reader *r, const struct yaml_node *node,
			 const struct yaml_node *subject, struct condition *ret);
	bool facts, compares;
} kinds[] = {
	[CONDITION_ARG] = { read_arg, true, true },
	[CONDITION_RESOURCE] = { read_resource, true, true },
	[CONDITION_CONTEXT] = { read_context, true, false },
	[CONDITION_TIME] = { read_time, false, false },
	[CONDITION_NETWORKS] = { read_networks, false, false },
};

static enum err check_form(const struct reader *r, const struct yaml_node *node,
			   enum condition_kind kind)
{
	const char *const alone[] = { subjects[kind] };
	const char *const compared[] = { subjects[kind], "eq", "in", "prefix", "glob", "lt", "gt" };

	if (kinds[kind].compares)
		return reader_keys(r, node, compared, ARRAY_LEN(compared));
	return reader_keys(r, node, alone, ARRAY_LEN(alone));
}

enum err condition_read(const struct reader *r, const struct yaml_node *node, bool facts,
			struct condition *ret)
{
	if (node->kind != YAML_MAP)
		return REFUSE(r, node, "a condition is a map such as {arg: /owner, eq: acme}");
	for (size_t i = CONDITION_ARG; i < ARRAY_LEN(subjects); i++) {
		const struct yaml_node *subject = yaml_find(node, subjects[i]);
		if (subject == NULL)
			continue;
		ret->kind = (enum condition_kind)i;
		ret->line = node->line;
		if (!facts && kinds[i].facts)
			return REFUSE(r, subject,
				      "an exchange has no '%s'; 'time' and 'networks' "
				      "may stand here",
				      subjects[i]);
		TRY(check_form(r, node, ret->kind));
		return kinds[i].read(r, node, subject, ret);
	}
	return REFUSE(r, node,
		      "a condition is about one of arg, resource, context, time, networks");
}

void condition_done(struct condition *condition)
{
	match_done(&condition->match);
	free(condition->windows);
	free(condition->networks.at);
	*condition = (struct condition){ 0 };
}

static enum truth test_arg(const struct condition *condition, const struct policy_use *use)
{
	if (use->args == NULL)
		return TRUTH_UNKNOWN;
	const uint32_t node = doc_pointer(use->args, condition->name);
	return node == DOC_NONE ? TRUTH_NO : match_node(&condition->match, use->args, node);
}

/* A use may touch several of a kind: each has to fit. */
static enum truth test_resource(const struct condition *condition, const struct policy_use *use)
{
	enum truth all = TRUTH_YES;
	size_t n = 0;

	for (size_t i = 0; i < use->resources_n && i < POLICY_RESOURCES_MAX; i++) {
		if (!bytes_eq(use->resources[i].kind, condition->name))
			continue;
		const struct bytes id = use->resources[i].id;
		const enum truth one =
			id.n == 0 ? TRUTH_UNKNOWN : match_text(&condition->match, id);
		all = one < all ? one : all;
		n++;
	}
	return n == 0 ? TRUTH_UNKNOWN : all;
}

static enum truth test_time(const struct condition *condition, usec_t now)
{
	for (size_t i = 0; i < condition->windows_n; i++)
		if (window_open(&condition->windows[i], now))
			return TRUTH_YES;
	return TRUTH_NO;
}

enum truth condition_networks_test(const struct networks *networks, const uint8_t *address)
{
	if (address == NULL)
		return TRUTH_UNKNOWN;
	for (size_t i = 0; i < networks->n; i++)
		if (network_has(&networks->at[i], address))
			return TRUTH_YES;
	return TRUTH_NO;
}

enum truth condition_test(const struct condition *condition, const struct policy_use *use)
{
	switch (condition->kind) {
	case CONDITION_ARG:
		return test_arg(condition, use);
	case CONDITION_RESOURCE:
		return test_resource(condition, use);
	case CONDITION_CONTEXT:
		if (use->context == POLICY_CONTEXT_UNKNOWN)
			return TRUTH_UNKNOWN;
		return use->context == condition->context ? TRUTH_YES : TRUTH_NO;
	case CONDITION_TIME:
		return test_time(condition, use->now);
	case CONDITION_NETWORKS:
		return condition_networks_test(&condition->networks, use->address);
	}
	return TRUTH_NO;
}

const char *condition_says(enum condition_kind kind, bool unsure)
{
	static const struct {
		const char *no, *unsure;
	} says[] = {
		[CONDITION_ARG] = { "A condition on an argument does not hold.",
				    "The arguments are not known, so the stricter effect counts." },
		[CONDITION_RESOURCE] = { "A condition on the resource does not hold.",
					 "Which resource this is about is not known, so the "
					 "stricter "
					 "effect counts." },
		[CONDITION_CONTEXT] = { "The condition on public or private does not hold.",
					"Whether this is public or private is not known, so the "
					"stricter effect counts." },
		[CONDITION_TIME] = { "It is outside the hours that the policy gives.",
				     "The time is not known, so the stricter effect counts." },
		[CONDITION_NETWORKS] = { "The agent's address is in none of the networks that the "
					 "condition names.",
					 "The agent's address is not known, so the stricter effect "
					 "counts." },
	};

	return unsure ? says[kind].unsure : says[kind].no;
}
