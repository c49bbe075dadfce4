/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/rule.h"

#include <stdlib.h>

static enum err read_when(const struct reader *r, const struct yaml_node *list, bool facts,
			  struct rule *ret)
{
	if (list->kind != YAML_LIST || list->first == NULL)
		return REFUSE(r, list, "'when' is a list with at least one condition");
	const size_t n = reader_count(list);
	if (n > POLICY_CONDITIONS_MAX)
		return REFUSE(r, list, "more than %d conditions", POLICY_CONDITIONS_MAX);
	ret->conditions = calloc(n, sizeof *ret->conditions);
	if (ret->conditions == NULL)
		return FAULT_NOMEM;
	for (const struct yaml_node *node = list->first; node != NULL; node = node->next)
		TRY(condition_read(r, node, facts, &ret->conditions[ret->conditions_n++]));
	return OK;
}

static enum err read_map(const struct reader *r, const struct yaml_node *node,
			 const struct rule_form *form, struct rule *ret)
{
	const char *const keys[] = { "effect", "when", "else", form->extra };
	const struct yaml_node *effect = yaml_find(node, "effect");
	const struct yaml_node *when = yaml_find(node, "when");
	const struct yaml_node *otherwise = yaml_find(node, "else");

	TRY(reader_keys(r, node, keys, form->extra == NULL ? 3 : 4));
	if (effect == NULL)
		return REFUSE(r, node, "'%.*s' needs 'effect'", (int)node->name.n, node->name.p);
	TRY(reader_effect(r, effect, &ret->effect));
	ret->line = effect->line;
	if (otherwise != NULL && when == NULL)
		return REFUSE(r, otherwise, "'else' without 'when' never decides");
	if (otherwise != NULL)
		TRY(reader_effect(r, otherwise, &ret->otherwise));
	return when == NULL ? OK : read_when(r, when, form->facts, ret);
}

enum err rule_read(const struct reader *r, const struct yaml_node *node,
		   const struct rule_form *form, struct rule *ret)
{
	ret->name = node->name;
	ret->line = node->line;
	ret->otherwise = POLICY_BLOCK;
	return node->kind == YAML_MAP ? read_map(r, node, form, ret)
				      : reader_effect(r, node, &ret->effect);
}

void rule_done(struct rule *rule)
{
	for (size_t i = 0; i < rule->conditions_n; i++)
		condition_done(&rule->conditions[i]);
	free(rule->conditions);
	*rule = (struct rule){ 0 };
}

/* The next time that one of the windows opens. */
static usec_t opens_next(const struct condition *condition, usec_t now)
{
	usec_t first = 0;

	for (size_t i = 0; i < condition->windows_n; i++) {
		const usec_t next = window_next(&condition->windows[i], now);
		if (next != 0 && (first == 0 || next < first))
			first = next;
	}
	return first;
}

static enum policy_effect stricter(enum policy_effect a, enum policy_effect b)
{
	return a > b ? a : b;
}

void rule_decide(const struct rule *rule, const struct policy_use *use, struct policy_verdict *ret)
{
	const struct condition *failed = NULL;
	enum truth all = TRUTH_YES;

	for (size_t i = 0; i < rule->conditions_n && all != TRUTH_NO; i++) {
		const enum truth one = condition_test(&rule->conditions[i], use);
		if (one >= all)
			continue;
		all = one;
		failed = &rule->conditions[i];
	}
	ret->line = rule->line;
	ret->rule = rule->name;
	ret->effect = rule->effect;
	if (failed == NULL)
		return;
	ret->by_else = all == TRUTH_NO;
	ret->unsure = all == TRUTH_UNKNOWN;
	ret->effect = ret->unsure ? stricter(rule->effect, rule->otherwise) : rule->otherwise;
	ret->when_line = failed->line;
	ret->reason = condition_says(failed->kind, ret->unsure);
	if (ret->effect == POLICY_BLOCK)
		ret->again = opens_next(failed, use->now);
}

bool rule_asks(const struct rule *rule, enum condition_kind kind)
{
	for (size_t i = 0; i < rule->conditions_n; i++)
		if (rule->conditions[i].kind == kind)
			return true;
	return false;
}

bool rule_opens(const struct rule *rule)
{
	return rule->effect != POLICY_BLOCK ||
	       (rule->conditions_n > 0 && rule->otherwise != POLICY_BLOCK);
}
