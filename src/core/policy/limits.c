/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/limits.h"

enum { COUNT_MAX = 1000000000, AMOUNT_DIGITS = 15 };

static enum err read_per(const struct reader *r, const struct yaml_node *node, enum policy_per *ret)
{
	static const char *const names[] = {
		[POLICY_PER_VAULT] = "vault",
		[POLICY_PER_TOOL] = "tool",
		[POLICY_PER_USER] = "user",
	};
	struct bytes text;

	if (yaml_str(node, &text))
		for (size_t i = POLICY_PER_VAULT; i < ARRAY_LEN(names); i++)
			if (bytes_is(text, names[i])) {
				*ret = (enum policy_per)i;
				return OK;
			}
	return REFUSE(r, node, "'per' is vault, tool or user");
}

/* "github.issues.comment", "github.issues.*", "github.*" */
static enum err read_filter(const struct reader *r, const struct yaml_node *node, struct limit *ret)
{
	struct reader of = *r;
	struct bytes rest;

	if (!yaml_str(node, &ret->filter))
		return REFUSE(r, node, "'tool' is such as github.issues.comment or github.*");
	rest = ret->filter;
	ret->service = bytes_cut(&rest, '.');
	of.service = ret->service;
	if (ret->service.n == 0 || rest.n == 0)
		return REFUSE(r, node, "'tool' begins with a service: github.issues.comment");
	TRY(reader_known(&of, node, POLICY_NAME_SERVICE, (struct bytes){ NULL, 0 }));
	if (bytes_is(rest, "*"))
		return OK;
	if (!reader_pattern(rest, &ret->prefix, &ret->tool))
		return REFUSE(r, node, "'%.*s' is not the name of a tool", (int)rest.n, rest.p);
	return reader_known(&of, node, ret->prefix ? POLICY_NAME_TOOLS : POLICY_NAME_TOOL,
			    ret->tool);
}

/* "100/1h"; a budget may be without end: "500" */
static enum err read_amount(const struct reader *r, const struct yaml_node *node, struct limit *ret)
{
	const char *const form = ret->budget ? "'budget' is such as 500/30d, or 500 without end"
					     : "'rate' is such as 100/1h";
	struct bytes rest, count;

	if (!yaml_str(node, &rest))
		return REFUSE(r, node, "%s", form);
	const bool windowed = memchr(rest.p, '/', rest.n) != NULL;
	count = bytes_cut(&rest, '/');
	if (bytes_u64(count, COUNT_MAX, &ret->max) != OK || ret->max == 0)
		return REFUSE(r, node, "%s", form);
	if (!windowed)
		return ret->budget ? OK : REFUSE(r, node, "%s", form);
	return reader_duration(rest, &ret->window) ? OK : REFUSE(r, node, "%s", form);
}

static enum err read_counted(const struct reader *r, const struct yaml_node *node,
			     struct limit *ret)
{
	if (!ret->budget)
		return REFUSE(r, node, "only a budget counts an argument");
	if (!yaml_str(node, &ret->counted) || !reader_pointer(ret->counted))
		return REFUSE(r, node, "'arg' is a JSON pointer such as /amount");
	return OK;
}

static enum err read_limit(const struct reader *r, const struct yaml_node *node, struct limit *ret)
{
	static const char *const keys[] = { "per", "tool", "rate", "budget", "arg" };
	const struct yaml_node *rate = yaml_find(node, "rate");
	const struct yaml_node *budget = yaml_find(node, "budget");
	const struct yaml_node *tool = yaml_find(node, "tool");
	const struct yaml_node *counted = yaml_find(node, "arg");

	if (node->kind != YAML_MAP)
		return REFUSE(r, node, "a limit is a map such as {per: vault, rate: 100/1h}");
	TRY(reader_keys(r, node, keys, ARRAY_LEN(keys)));
	if ((rate == NULL) == (budget == NULL))
		return REFUSE(r, node, "a limit has either 'rate' or 'budget'");
	if (yaml_find(node, "per") == NULL)
		return REFUSE(r, node, "a limit needs 'per': vault, tool or user");
	ret->line = node->line;
	ret->budget = budget != NULL;
	TRY(read_per(r, yaml_find(node, "per"), &ret->per));
	TRY(read_amount(r, ret->budget ? budget : rate, ret));
	if (tool != NULL)
		TRY(read_filter(r, tool, ret));
	return counted == NULL ? OK : read_counted(r, counted, ret);
}

enum err limits_read(const struct reader *r, const struct yaml_node *list, struct limits *ret)
{
	if (list->kind != YAML_LIST || list->first == NULL)
		return REFUSE(r, list, "'limits' is a list with at least one limit");
	for (const struct yaml_node *node = list->first; node != NULL; node = node->next) {
		if (ret->n == POLICY_LIMITS_MAX)
			return REFUSE(r, node, "more than %d limits", POLICY_LIMITS_MAX);
		TRY(read_limit(r, node, &ret->at[ret->n]));
		ret->n++;
	}
	return OK;
}

static bool concerns(const struct limit *limit, const struct policy_use *use)
{
	if (limit->filter.n == 0)
		return true;
	if (!bytes_eq(limit->service, use->service))
		return false;
	if (limit->tool.n == 0 || bytes_eq(limit->tool, use->tool))
		return true;
	return limit->prefix && use->tool.n > limit->tool.n &&
	       memcmp(use->tool.p, limit->tool.p, limit->tool.n) == 0;
}

/* A whole number written in digits alone; nothing else can be added up without loss. */
static uint64_t amount_of(const struct limit *limit, const struct policy_use *use)
{
	uint64_t amount;

	if (limit->counted.n == 0)
		return 1;
	if (use->args == NULL)
		return UINT64_MAX;
	const uint32_t node = doc_pointer(use->args, limit->counted);
	const struct bytes digits = doc_raw(use->args, node);
	if (doc_kind(use->args, node) != DOC_NUMBER || digits.n > AMOUNT_DIGITS ||
	    bytes_u64(digits, UINT64_MAX, &amount) != OK)
		return UINT64_MAX;
	return amount;
}

size_t limits_find(const struct limits *limits, const struct policy_use *use,
		   struct policy_limit ret[static POLICY_LIMITS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < limits->n; i++) {
		const struct limit *limit = &limits->at[i];
		if (!concerns(limit, use))
			continue;
		ret[n++] = (struct policy_limit){
			.per = limit->per,
			.budget = limit->budget,
			.tool = limit->filter,
			.counted = limit->counted,
			.window = limit->window,
			.max = limit->max,
			.amount = amount_of(limit, use),
			.line = limit->line,
		};
	}
	return n;
}
