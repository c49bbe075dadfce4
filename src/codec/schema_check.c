/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "codec/schema_rule.h"

/* What is being checked against what. */
struct check {
	const struct schema *schema;
	const struct doc *doc;
	struct schema_fault *fault;
	size_t work;
	unsigned depth;
	unsigned quiet; /* inside a choice, where a failure is no fault yet */
	const struct schema_rule *rule;
};

/* ERR_MALFORMED is the one answer that says "not valid". */
static enum err apply(struct check *c, uint32_t schema, uint32_t node);

static enum err spend(struct check *c, size_t n)
{
	if (c->work < n)
		return ERR_TOO_LARGE;
	c->work -= n;
	return OK;
}

static void set_where(struct check *c, uint32_t node)
{
	struct schema_fault *fault = c->fault;
	struct dynbuf where = { .max = SCHEMA_WHERE_MAX - 4 };

	doc_where(c->doc, node, &where);
	snprintf(fault->where, sizeof fault->where, "%.*s%s", (int)where.n,
		 where.p == NULL ? "" : (const char *)where.p,
		 dynbuf_err(&where) == OK ? "" : "\xe2\x80\xa6");
	dynbuf_done(&where);
}

/* @text, if there is one, is of the schema and follows the sentence. */
static enum err fails(struct check *c, uint32_t node, const char *why, struct bytes text)
{
	if (c->quiet > 0 || c->fault == NULL || c->fault->why[0] != 0)
		return ERR_MALFORMED;
	set_where(c, node);
	const size_t room = sizeof c->fault->why - strlen(why) - 5;
	const bool cut = text.n > room;
	snprintf(c->fault->why, sizeof c->fault->why, "%s%s%.*s%s", why, text.n > 0 ? " " : "",
		 (int)(cut ? room : text.n), text.p == NULL ? "" : (const char *)text.p,
		 cut ? "\xe2\x80\xa6" : "");
	return ERR_MALFORMED;
}

static struct bytes said(const struct check *c, uint32_t value)
{
	return doc_raw(&c->schema->doc, value);
}

static const struct bytes nothing = { NULL, 0 };

static enum err check_type(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const unsigned kind = doc_kind(c->doc, node);

	if ((rule->number & 1U << kind) != 0)
		return OK;
	if ((rule->number & SCHEMA_INTEGER_BIT) != 0 && kind == DOC_NUMBER &&
	    doc_number_whole(doc_raw(c->doc, node)))
		return OK;
	return fails(c, node, "must be of type", said(c, rule->value));
}

static enum err check_enum(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const struct doc *own = &c->schema->doc;
	const uint32_t end = own->nodes[rule->value].next;
	bool same = false;

	for (uint32_t at = rule->value + 1; at < end && !same; at = own->nodes[at].next)
		TRY(doc_equal(own, at, c->doc, node, &c->work, &same));
	return same ? OK : fails(c, node, "must be one of", said(c, rule->value));
}

static enum err check_const(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	bool same = false;

	TRY(doc_equal(&c->schema->doc, rule->value, c->doc, node, &c->work, &same));
	return same ? OK : fails(c, node, "must be", said(c, rule->value));
}

static enum err check_number(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const struct bytes value = doc_raw(c->doc, node), bound = said(c, rule->value);

	if (doc_kind(c->doc, node) != DOC_NUMBER)
		return OK;
	TRY(spend(c, value.n / 16 + 1));
	if (rule->keyword == SCHEMA_MULTIPLE)
		return doc_number_multiple(value, bound)
			       ? OK
			       : fails(c, node, "must be a multiple of", bound);
	const int order = doc_number_compare(value, bound);
	if (rule->keyword == SCHEMA_MINIMUM && order < 0)
		return fails(c, node, "must be at least", bound);
	if (rule->keyword == SCHEMA_MAXIMUM && order > 0)
		return fails(c, node, "must be at most", bound);
	if (rule->keyword == SCHEMA_ABOVE && order <= 0)
		return fails(c, node, "must be above", bound);
	if (rule->keyword == SCHEMA_BELOW && order >= 0)
		return fails(c, node, "must be below", bound);
	return OK;
}

/* Length, elements, members: how many there are of a value of one kind. */
static enum err check_count(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const unsigned kind = doc_kind(c->doc, node);
	const bool length =
		rule->keyword == SCHEMA_MIN_LENGTH || rule->keyword == SCHEMA_MAX_LENGTH;
	const bool items = rule->keyword == SCHEMA_MIN_ITEMS || rule->keyword == SCHEMA_MAX_ITEMS;
	const bool least = rule->keyword == SCHEMA_MIN_LENGTH ||
			   rule->keyword == SCHEMA_MIN_ITEMS ||
			   rule->keyword == SCHEMA_MIN_PROPERTIES;

	if (kind != (length ? DOC_STRING : items ? DOC_ARRAY : DOC_OBJECT))
		return OK;
	if (length)
		TRY(spend(c, c->doc->nodes[node].len / 16 + 1));
	const uint64_t count = length ? doc_length(c->doc, node) : c->doc->nodes[node].count;
	if (least ? count >= rule->number : count <= rule->number)
		return OK;
	const char *why = length  ? (least ? "must have a length of at least"
					   : "must have a length of at most")
			  : items ? (least ? "must have at least this many elements:"
					   : "must have at most this many elements:")
				  : (least ? "must have at least this many members:"
					   : "must have at most this many members:");
	return fails(c, node, why, said(c, rule->value));
}

static enum err check_format(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	if (doc_kind(c->doc, node) != DOC_STRING)
		return OK;
	TRY(spend(c, c->doc->nodes[node].len / 16 + 1));
	return schema_format_ok(rule->number, c->doc, node)
		       ? OK
		       : fails(c, node, "must have the format", said(c, rule->value));
}

static enum err check_items(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const uint32_t skip =
		rule->beside[0] == DOC_NONE ? 0 : c->schema->doc.nodes[rule->beside[0]].count;
	uint32_t n = 0;

	if (doc_kind(c->doc, node) != DOC_ARRAY)
		return OK;
	for (uint32_t at = node + 1; at < c->doc->nodes[node].next; at = c->doc->nodes[at].next)
		if (n++ >= skip)
			TRY(apply(c, rule->value, at));
	return OK;
}

static enum err check_prefix(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const struct doc *own = &c->schema->doc;
	uint32_t schema = rule->value + 1;

	if (doc_kind(c->doc, node) != DOC_ARRAY)
		return OK;
	for (uint32_t at = node + 1;
	     at < c->doc->nodes[node].next && schema < own->nodes[rule->value].next;
	     at = c->doc->nodes[at].next, schema = own->nodes[schema].next)
		TRY(apply(c, schema, at));
	return OK;
}

static enum err check_unique(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const struct doc *doc = c->doc;
	bool same = false;

	if (rule->number == 0 || doc_kind(doc, node) != DOC_ARRAY)
		return OK;
	for (uint32_t a = node + 1; a < doc->nodes[node].next; a = doc->nodes[a].next)
		for (uint32_t b = node + 1; b < a; b = doc->nodes[b].next) {
			TRY(spend(c, doc->nodes[b].len / 64));
			TRY(doc_equal(doc, a, doc, b, &c->work, &same));
			if (same)
				return fails(c, a, "is there twice", nothing);
		}
	return OK;
}

/* The name of a member of the schema's text as a plain text; all that properties are looked up by.
 */
static enum err find_member(struct check *c, uint32_t object, const struct doc *names,
			    uint32_t name, uint32_t *ret)
{
	const struct doc *doc = c->doc;

	*ret = DOC_NONE;
	TRY(spend(c, doc->nodes[object].count + 1));
	for (uint32_t at = object + 1; at < doc->nodes[object].next; at = doc->nodes[at + 1].next)
		if (doc_string_compare(doc, at, names, name) == 0) {
			*ret = at + 1;
			return OK;
		}
	return OK;
}

static enum err check_properties(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const struct doc *own = &c->schema->doc;
	uint32_t value;

	if (doc_kind(c->doc, node) != DOC_OBJECT)
		return OK;
	for (uint32_t name = rule->value + 1; name < own->nodes[rule->value].next;
	     name = own->nodes[name + 1].next) {
		TRY(find_member(c, node, own, name, &value));
		if (value != DOC_NONE)
			TRY(apply(c, name + 1, value));
	}
	return OK;
}

static enum err check_names_there(struct check *c, uint32_t names, uint32_t node)
{
	const struct doc *own = &c->schema->doc;
	uint32_t value;

	for (uint32_t name = names + 1; name < own->nodes[names].next;
	     name = own->nodes[name].next) {
		TRY(find_member(c, node, own, name, &value));
		if (value == DOC_NONE)
			return fails(c, node, "lacks", said(c, name));
	}
	return OK;
}

static enum err check_required(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	return doc_kind(c->doc, node) == DOC_OBJECT ? check_names_there(c, rule->value, node) : OK;
}

static enum err check_dependent(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const struct doc *own = &c->schema->doc;
	uint32_t value;

	if (doc_kind(c->doc, node) != DOC_OBJECT)
		return OK;
	for (uint32_t name = rule->value + 1; name < own->nodes[rule->value].next;
	     name = own->nodes[name + 1].next) {
		TRY(find_member(c, node, own, name, &value));
		if (value != DOC_NONE)
			TRY(check_names_there(c, name + 1, node));
	}
	return OK;
}

static bool is_property(const struct check *c, uint32_t properties, uint32_t name)
{
	const struct doc *own = &c->schema->doc;

	if (properties == DOC_NONE)
		return false;
	for (uint32_t at = properties + 1; at < own->nodes[properties].next;
	     at = own->nodes[at + 1].next)
		if (doc_string_compare(own, at, c->doc, name) == 0)
			return true;
	return false;
}

static enum err check_additional(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const struct doc *doc = c->doc;
	const uint32_t properties = rule->beside[0];
	const size_t known = properties == DOC_NONE ? 0 : c->schema->doc.nodes[properties].count;

	if (doc_kind(doc, node) != DOC_OBJECT)
		return OK;
	for (uint32_t name = node + 1; name < doc->nodes[node].next;
	     name = doc->nodes[name + 1].next) {
		TRY(spend(c, known + 1));
		if (is_property(c, properties, name))
			continue;
		if (doc_kind(&c->schema->doc, rule->value) == DOC_FALSE)
			return fails(c, name + 1, "is not known", nothing);
		TRY(apply(c, rule->value, name + 1));
	}
	return OK;
}

static enum err check_names(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const struct doc *doc = c->doc;

	if (doc_kind(doc, node) != DOC_OBJECT)
		return OK;
	for (uint32_t name = node + 1; name < doc->nodes[node].next;
	     name = doc->nodes[name + 1].next)
		TRY(apply(c, rule->value, name));
	return OK;
}

/* OK and *@ret: whether it is valid. */
static enum err is_valid(struct check *c, uint32_t schema, uint32_t node, bool *ret)
{
	c->quiet++;
	const enum err err = apply(c, schema, node);
	c->quiet--;
	*ret = err == OK;
	return err == ERR_MALFORMED ? OK : err;
}

static enum err check_choice(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const struct doc *own = &c->schema->doc;
	size_t fit = 0;
	bool valid;

	for (uint32_t at = rule->value + 1; at < own->nodes[rule->value].next;
	     at = own->nodes[at].next) {
		TRY(is_valid(c, at, node, &valid));
		fit += valid;
		if (valid && rule->keyword == SCHEMA_ANY)
			return OK;
	}
	if (fit == 0)
		return fails(c, node, "fits none of the forms it may have", nothing);
	return fit == 1 ? OK
			: fails(c, node, "fits several forms of which it must fit one", nothing);
}

static enum err check_all(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	const struct doc *own = &c->schema->doc;

	for (uint32_t at = rule->value + 1; at < own->nodes[rule->value].next;
	     at = own->nodes[at].next)
		TRY(apply(c, at, node));
	return OK;
}

static enum err check_not(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	bool valid;

	TRY(is_valid(c, rule->value, node, &valid));
	return valid ? fails(c, node, "has a form it must not have", nothing) : OK;
}

static enum err check_if(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	bool valid;

	TRY(is_valid(c, rule->value, node, &valid));
	const uint32_t branch = rule->beside[valid ? 0 : 1];
	return branch == DOC_NONE ? OK : apply(c, branch, node);
}

static enum err check_ref(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	return apply(c, (uint32_t)rule->number, node);
}

static enum err check_rule(struct check *c, const struct schema_rule *rule, uint32_t node)
{
	switch (rule->keyword) {
	case SCHEMA_TYPE:
		return check_type(c, rule, node);
	case SCHEMA_ENUM:
		return check_enum(c, rule, node);
	case SCHEMA_CONST:
		return check_const(c, rule, node);
	case SCHEMA_MINIMUM:
	case SCHEMA_MAXIMUM:
	case SCHEMA_ABOVE:
	case SCHEMA_BELOW:
	case SCHEMA_MULTIPLE:
		return check_number(c, rule, node);
	case SCHEMA_MIN_LENGTH:
	case SCHEMA_MAX_LENGTH:
	case SCHEMA_MIN_ITEMS:
	case SCHEMA_MAX_ITEMS:
	case SCHEMA_MIN_PROPERTIES:
	case SCHEMA_MAX_PROPERTIES:
		return check_count(c, rule, node);
	case SCHEMA_FORMAT:
		return check_format(c, rule, node);
	case SCHEMA_ITEMS:
		return check_items(c, rule, node);
	case SCHEMA_PREFIX:
		return check_prefix(c, rule, node);
	case SCHEMA_UNIQUE:
		return check_unique(c, rule, node);
	case SCHEMA_PROPERTIES:
		return check_properties(c, rule, node);
	case SCHEMA_REQUIRED:
		return check_required(c, rule, node);
	case SCHEMA_ADDITIONAL:
		return check_additional(c, rule, node);
	case SCHEMA_NAMES:
		return check_names(c, rule, node);
	case SCHEMA_DEPENDENT:
		return check_dependent(c, rule, node);
	case SCHEMA_ALL:
		return check_all(c, rule, node);
	case SCHEMA_ANY:
	case SCHEMA_ONE:
		return check_choice(c, rule, node);
	case SCHEMA_NOT:
		return check_not(c, rule, node);
	case SCHEMA_IF:
		return check_if(c, rule, node);
	case SCHEMA_REF:
		return check_ref(c, rule, node);
	case SCHEMA_DEFS:
		return OK;
	case SCHEMA_NOTE:
	case SCHEMA_BRANCH:
		break;
	}
	return FAULT_BUG;
}

static enum err apply(struct check *c, uint32_t schema, uint32_t node)
{
	const struct schema_part *part = &c->schema->parts[schema];

	TRY(spend(c, 1 + part->count));
	if (doc_kind(&c->schema->doc, schema) == DOC_FALSE)
		return fails(c, node, "must not be there", nothing);
	if (c->depth == SCHEMA_DEPTH_MAX)
		return ERR_TOO_LARGE;
	c->depth++;
	for (uint32_t i = part->first; i < part->first + part->count; i++)
		TRY(check_rule(c, &c->schema->rules[i], node));
	c->depth--;
	return OK;
}

enum err schema_check(const struct schema *schema, const struct doc *doc, uint32_t node,
		      struct schema_fault *fault)
{
	struct check c = { .schema = schema, .doc = doc, .fault = fault, .work = SCHEMA_WORK_MAX };

	if (node >= doc->n)
		return FAULT_BUG;
	if (fault != NULL)
		fault->where[0] = fault->why[0] = 0;
	return apply(&c, 0, node);
}
