/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/match.h"

#include <stdlib.h>

static const char *const ops[] = {
	[MATCH_EQ] = "eq",     [MATCH_IN] = "in", [MATCH_PREFIX] = "prefix",
	[MATCH_GLOB] = "glob", [MATCH_LT] = "lt", [MATCH_GT] = "gt",
};

/* What the core schema of YAML 1.2 (section 10.3.2) reads as a number. */
static bool is_yaml_number(struct bytes text)
{
	static const char *const words[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN" };
	size_t digits = 0, points = 0, i = 0;

	if (text.n > 2 && text.p[0] == '0' && (text.p[1] == 'x' || text.p[1] == 'o'))
		return true;
	if (text.n > 0 && (text.p[0] == '+' || text.p[0] == '-'))
		text = (struct bytes){ text.p + 1, text.n - 1 };
	for (size_t w = 0; w < ARRAY_LEN(words); w++)
		if (bytes_is(text, words[w]))
			return true;
	for (; i < text.n && ((text.p[i] >= '0' && text.p[i] <= '9') || text.p[i] == '.'); i++) {
		points += text.p[i] == '.';
		digits += text.p[i] != '.';
	}
	if (digits == 0 || points > 1)
		return false;
	if (i < text.n && (text.p[i] == 'e' || text.p[i] == 'E'))
		for (i++; i < text.n && memchr("0123456789+-", text.p[i], 12) != NULL;)
			i++;
	return i == text.n;
}

static enum err read_number(const struct reader *r, const struct yaml_node *node, struct bytes text)
{
	scoped(doc_done) struct doc doc = { 0 };
	const enum err err = doc_read(text, &doc);

	if (err < OK)
		return err;
	if (err != OK || doc_kind(&doc, 0) != DOC_NUMBER || doc.nodes[0].len != text.n)
		return REFUSE(r, node, "write '%.*s' in quotes, or as a number of JSON",
			      (int)text.n, text.p);
	return OK;
}

static enum err read_value(const struct reader *r, const struct yaml_node *node, struct value *ret)
{
	bool yes;

	if (node->kind == YAML_NULL) {
		ret->kind = DOC_NULL;
		return OK;
	}
	if (yaml_bool(node, &yes)) {
		ret->kind = yes ? DOC_TRUE : DOC_FALSE;
		return OK;
	}
	if (!yaml_str(node, &ret->text))
		return REFUSE(r, node, "a value is a text, a number, true, false or null");
	ret->kind = DOC_STRING;
	if (node->quoted || !is_yaml_number(ret->text))
		return OK;
	ret->kind = DOC_NUMBER;
	return read_number(r, node, ret->text);
}

static enum err read_glob(const struct reader *r, const struct yaml_node *node, struct value *ret)
{
	ret->glob = malloc(sizeof *ret->glob);
	if (ret->glob == NULL)
		return FAULT_NOMEM;
	if (glob_read(ret->text, ret->glob) != OK)
		return REFUSE(r, node, "a pattern has at most %d characters", GLOB_TOKENS_MAX);
	return OK;
}

/* What each operator wants. */
static enum err read_operand(const struct reader *r, const struct yaml_node *node, bool numbers,
			     enum match_op op, struct value *ret)
{
	TRY(read_value(r, node, ret));
	const bool order = op == MATCH_LT || op == MATCH_GT;
	if (order && ret->kind != DOC_NUMBER)
		return REFUSE(r, node, "'%s' compares with a number", ops[op]);
	const bool text_only = !numbers || op == MATCH_PREFIX || op == MATCH_GLOB;
	if (!order && text_only && ret->kind != DOC_STRING)
		return REFUSE(r, node, "'%s' compares with a text here: put it in quotes", ops[op]);
	if (text_only && !order && ret->text.n == 0)
		return REFUSE(r, node, "'%s' compares with a text that is not empty", ops[op]);
	return op == MATCH_GLOB ? read_glob(r, node, ret) : OK;
}

static enum err read_list(const struct reader *r, const struct yaml_node *list, bool numbers,
			  struct match *ret)
{
	size_t n = 0;

	if (list->kind != YAML_LIST || list->first == NULL)
		return REFUSE(r, list, "'in' is a list with at least one value");
	for (const struct yaml_node *node = list->first; node != NULL; node = node->next)
		n++;
	if (n > READER_VALUES_MAX)
		return REFUSE(r, list, "'in' has more than %d values", READER_VALUES_MAX);
	ret->values = calloc(n, sizeof *ret->values);
	if (ret->values == NULL)
		return FAULT_NOMEM;
	for (const struct yaml_node *node = list->first; node != NULL; node = node->next)
		TRY(read_operand(r, node, numbers, MATCH_IN, &ret->values[ret->values_n++]));
	return OK;
}

static const struct yaml_node *find_op(const struct reader *r, const struct yaml_node *node,
				       enum match_op *ret)
{
	const struct yaml_node *found = NULL;

	for (size_t op = MATCH_EQ; op < ARRAY_LEN(ops); op++) {
		const struct yaml_node *child = yaml_find(node, ops[op]);
		if (child == NULL)
			continue;
		if (found != NULL) {
			err_ignore(REFUSE(r, child, "a condition has one comparison, not two"));
			return NULL;
		}
		found = child;
		*ret = (enum match_op)op;
	}
	if (found == NULL)
		err_ignore(
			REFUSE(r, node, "a condition needs one of eq, in, prefix, glob, lt or gt"));
	return found;
}

enum err match_read(const struct reader *r, const struct yaml_node *node, bool numbers,
		    struct match *ret)
{
	const struct yaml_node *operand = find_op(r, node, &ret->op);

	if (operand == NULL)
		return ERR_MALFORMED;
	if (!numbers && (ret->op == MATCH_LT || ret->op == MATCH_GT))
		return REFUSE(r, operand, "'%s' compares numbers, and this is a text",
			      ops[ret->op]);
	if (ret->op == MATCH_IN)
		return read_list(r, operand, numbers, ret);
	ret->values = calloc(1, sizeof *ret->values);
	if (ret->values == NULL)
		return FAULT_NOMEM;
	ret->values_n = 1;
	return read_operand(r, operand, numbers, ret->op, ret->values);
}

void match_done(struct match *match)
{
	for (size_t i = 0; i < match->values_n; i++)
		free(match->values[i].glob);
	free(match->values);
	*match = (struct match){ 0 };
}

/* A text letter by letter, from JSON or as it is. */
struct letters {
	struct bytes rest;
	bool json;
};

static uint32_t letter_of(struct letters *letters)
{
	return letters->json ? doc_letter(&letters->rest) : glob_letter(&letters->rest);
}

static enum truth truth_of(bool holds)
{
	return holds ? TRUTH_YES : TRUTH_NO;
}

static enum truth begins(struct letters letters, struct bytes with)
{
	while (with.n > 0)
		if (letters.rest.n == 0 || glob_letter(&with) != letter_of(&letters))
			return TRUTH_NO;
	return TRUTH_YES;
}

static enum truth fits(struct letters letters, const struct glob *glob)
{
	struct glob_places places;

	if (letters.rest.n > MATCH_GLOB_TEXT_MAX)
		return TRUTH_UNKNOWN;
	glob_begin(glob, &places);
	while (letters.rest.n > 0)
		glob_step(glob, &places, letter_of(&letters));
	return truth_of(glob_fits(glob, &places));
}

static bool same(const struct value *value, const struct doc *doc, uint32_t node)
{
	if (value->kind != doc_kind(doc, node))
		return false;
	if (value->kind == DOC_STRING)
		return doc_is(doc, node, value->text);
	return value->kind != DOC_NUMBER ||
	       doc_number_compare(doc_raw(doc, node), value->text) == 0;
}

static enum truth one_node(const struct match *match, const struct doc *doc, uint32_t node)
{
	const struct letters letters = { doc_letters(doc, node), true };
	const struct value *value = match->values;
	int order = 0;

	switch (match->op) {
	case MATCH_EQ:
	case MATCH_IN:
		for (size_t i = 0; i < match->values_n; i++)
			if (same(&value[i], doc, node))
				return TRUTH_YES;
		return TRUTH_NO;
	case MATCH_PREFIX:
		return letters.rest.p == NULL ? TRUTH_NO : begins(letters, value->text);
	case MATCH_GLOB:
		return letters.rest.p == NULL ? TRUTH_NO : fits(letters, value->glob);
	case MATCH_LT:
	case MATCH_GT:
		if (doc_kind(doc, node) == DOC_NUMBER)
			order = doc_number_compare(doc_raw(doc, node), value->text);
		return truth_of(match->op == MATCH_LT ? order < 0 : order > 0);
	}
	return TRUTH_NO;
}

enum truth match_node(const struct match *match, const struct doc *doc, uint32_t node)
{
	enum truth all = TRUTH_YES;

	if (doc_kind(doc, node) != DOC_ARRAY)
		return one_node(match, doc, node);
	if (doc->nodes[node].count == 0)
		return TRUTH_NO;
	for (uint32_t at = node + 1; at < doc->nodes[node].next; at = doc->nodes[at].next) {
		const enum truth one = one_node(match, doc, at);
		all = one < all ? one : all;
	}
	return all;
}

enum truth match_text(const struct match *match, struct bytes text)
{
	switch (match->op) {
	case MATCH_EQ:
	case MATCH_IN:
		for (size_t i = 0; i < match->values_n; i++)
			if (bytes_eq(match->values[i].text, text))
				return TRUTH_YES;
		return TRUTH_NO;
	case MATCH_PREFIX:
		return begins((struct letters){ text, false }, match->values->text);
	case MATCH_GLOB:
		return fits((struct letters){ text, false }, match->values->glob);
	case MATCH_LT:
	case MATCH_GT:
		break;
	}
	return TRUTH_NO;
}
