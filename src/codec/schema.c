/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/schema_rule.h"

enum { COUNT_MAX = 1000000000, MULTIPLE_DIGITS = 18 };

struct compiler {
	struct schema *schema;
	struct schema_fault *fault;
	size_t room;
	uint32_t at; /* the schema that is being read */
};

typedef enum err (*read_fn)(struct compiler *c, struct schema_rule *rule);

static enum err refuse(struct compiler *c, enum err err, uint32_t node, const char *why)
{
	struct dynbuf where = { .max = SCHEMA_WHERE_MAX };

	doc_where(&c->schema->doc, node, &where);
	if (c->fault != NULL) {
		snprintf(c->fault->where, sizeof c->fault->where, "%.*s", (int)where.n,
			 where.p == NULL ? "" : (const char *)where.p);
		snprintf(c->fault->why, sizeof c->fault->why, "%s", why);
	}
	dynbuf_done(&where);
	return err;
}

static unsigned kind_of(const struct compiler *c, uint32_t node)
{
	return doc_kind(&c->schema->doc, node);
}

static enum err read_note(struct compiler *c, struct schema_rule *rule)
{
	return OK;
}

static bool type_bit(const struct doc *doc, uint32_t node, uint64_t *bits)
{
	static const struct {
		const char *name;
		unsigned bits;
	} types[] = {
		{ "null", 1U << DOC_NULL },	   { "boolean", 1U << DOC_TRUE | 1U << DOC_FALSE },
		{ "integer", SCHEMA_INTEGER_BIT }, { "number", 1U << DOC_NUMBER },
		{ "string", 1U << DOC_STRING },	   { "array", 1U << DOC_ARRAY },
		{ "object", 1U << DOC_OBJECT },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (doc_is(doc, node, str(types[i].name))) {
			*bits |= types[i].bits;
			return true;
		}
	return false;
}

static enum err read_type(struct compiler *c, struct schema_rule *rule)
{
	const struct doc *doc = &c->schema->doc;
	const uint32_t end = doc->nodes[rule->value].next;
	const bool list = kind_of(c, rule->value) == DOC_ARRAY;
	bool good = !list || doc->nodes[rule->value].count > 0;

	for (uint32_t at = rule->value + list; good && at < end; at = doc->nodes[at].next)
		good = type_bit(doc, at, &rule->number);
	return good ? OK : refuse(c, ERR_MALFORMED, rule->value, "this is no type");
}

static enum err read_list(struct compiler *c, struct schema_rule *rule)
{
	if (kind_of(c, rule->value) != DOC_ARRAY || c->schema->doc.nodes[rule->value].count == 0)
		return refuse(c, ERR_MALFORMED, rule->value, "this must list something");
	return OK;
}

static enum err read_number(struct compiler *c, struct schema_rule *rule)
{
	if (kind_of(c, rule->value) != DOC_NUMBER)
		return refuse(c, ERR_MALFORMED, rule->value, "this must be a number");
	return OK;
}

static enum err read_multiple(struct compiler *c, struct schema_rule *rule)
{
	const struct bytes text = doc_raw(&c->schema->doc, rule->value);

	TRY(read_number(c, rule));
	if (doc_number_compare(text, str("0")) <= 0 || doc_number_digits(text) > MULTIPLE_DIGITS)
		return refuse(c, ERR_MALFORMED, rule->value,
			      "this must be above 0 and have at most 18 digits");
	return OK;
}

static enum err read_count(struct compiler *c, struct schema_rule *rule)
{
	const struct bytes text = doc_raw(&c->schema->doc, rule->value);

	if (kind_of(c, rule->value) != DOC_NUMBER ||
	    bytes_u64(text, COUNT_MAX, &rule->number) != OK)
		return refuse(c, ERR_MALFORMED, rule->value, "this must be a count");
	return OK;
}

static enum err read_truth(struct compiler *c, struct schema_rule *rule)
{
	const unsigned kind = kind_of(c, rule->value);

	rule->number = kind == DOC_TRUE;
	if (kind != DOC_TRUE && kind != DOC_FALSE)
		return refuse(c, ERR_MALFORMED, rule->value, "this must be true or false");
	return OK;
}

static enum err read_format(struct compiler *c, struct schema_rule *rule)
{
	if (!schema_format_find(&c->schema->doc, rule->value, &rule->number))
		return refuse(c, ERR_UNSUPPORTED, rule->value, "this format is not known here");
	return OK;
}

/* Where the keyword @name of the schema that is being read is. */
static uint32_t keyword_node(const struct compiler *c, const char *name)
{
	return doc_member(&c->schema->doc, c->at, str(name));
}

static enum err read_items(struct compiler *c, struct schema_rule *rule)
{
	rule->beside[0] = keyword_node(c, "prefixItems");
	return OK;
}

static enum err read_additional(struct compiler *c, struct schema_rule *rule)
{
	rule->beside[0] = keyword_node(c, "properties");
	return OK;
}

static enum err read_if(struct compiler *c, struct schema_rule *rule)
{
	rule->beside[0] = keyword_node(c, "then");
	rule->beside[1] = keyword_node(c, "else");
	return OK;
}

static enum err read_map(struct compiler *c, struct schema_rule *rule)
{
	if (kind_of(c, rule->value) != DOC_OBJECT)
		return refuse(c, ERR_MALFORMED, rule->value, "this must be an object");
	return OK;
}

static bool is_names(const struct doc *doc, uint32_t array)
{
	if (doc_kind(doc, array) != DOC_ARRAY)
		return false;
	for (uint32_t at = array + 1; at < doc->nodes[array].next; at = doc->nodes[at].next)
		if (doc_kind(doc, at) != DOC_STRING)
			return false;
	return true;
}

static enum err read_names(struct compiler *c, struct schema_rule *rule)
{
	if (!is_names(&c->schema->doc, rule->value))
		return refuse(c, ERR_MALFORMED, rule->value, "this must list names");
	return OK;
}

static enum err read_dependent(struct compiler *c, struct schema_rule *rule)
{
	const struct doc *doc = &c->schema->doc;

	TRY(read_map(c, rule));
	for (uint32_t at = rule->value + 1; at < doc->nodes[rule->value].next;
	     at = doc->nodes[at + 1].next)
		if (!is_names(doc, at + 1))
			return refuse(c, ERR_MALFORMED, at + 1, "this must list names");
	return OK;
}

static enum err read_ref(struct compiler *c, struct schema_rule *rule)
{
	const struct bytes text = doc_plain(&c->schema->doc, rule->value);

	if (text.n == 0 || text.p[0] != '#' || memchr(text.p, '%', text.n) != NULL)
		return refuse(c, ERR_UNSUPPORTED, rule->value,
			      "only references into this schema are known here");
	const struct bytes pointer = { text.p + 1, text.n - 1 };
	rule->number = doc_pointer(&c->schema->doc, pointer);
	if (rule->number == DOC_NONE)
		return refuse(c, ERR_MALFORMED, rule->value, "there is nothing at this place");
	return OK;
}

static enum err read_dialect(struct compiler *c, struct schema_rule *rule)
{
	const struct doc *doc = &c->schema->doc;

	if (!doc_is(doc, rule->value, str("https://json-schema.org/draft/2020-12/schema")))
		return refuse(c, ERR_UNSUPPORTED, rule->value, "only draft 2020-12 is known here");
	return OK;
}

/* How the value of a keyword holds schemas of its own. */
enum holds { NOTHING, SCHEMA, SCHEMAS, MAP_OF_SCHEMAS };

static const struct keyword {
	const char *name;
	enum schema_keyword keyword;
	read_fn read;
	enum holds holds;
} keywords[] = {
	{ "$comment", SCHEMA_NOTE, read_note, NOTHING },
	{ "$defs", SCHEMA_DEFS, read_map, MAP_OF_SCHEMAS },
	{ "$ref", SCHEMA_REF, read_ref, NOTHING },
	{ "$schema", SCHEMA_NOTE, read_dialect, NOTHING },
	{ "additionalProperties", SCHEMA_ADDITIONAL, read_additional, SCHEMA },
	{ "allOf", SCHEMA_ALL, read_list, SCHEMAS },
	{ "anyOf", SCHEMA_ANY, read_list, SCHEMAS },
	{ "const", SCHEMA_CONST, read_note, NOTHING },
	{ "default", SCHEMA_NOTE, read_note, NOTHING },
	{ "dependentRequired", SCHEMA_DEPENDENT, read_dependent, NOTHING },
	{ "deprecated", SCHEMA_NOTE, read_note, NOTHING },
	{ "description", SCHEMA_NOTE, read_note, NOTHING },
	{ "else", SCHEMA_BRANCH, read_note, SCHEMA },
	{ "enum", SCHEMA_ENUM, read_list, NOTHING },
	{ "examples", SCHEMA_NOTE, read_note, NOTHING },
	{ "exclusiveMaximum", SCHEMA_BELOW, read_number, NOTHING },
	{ "exclusiveMinimum", SCHEMA_ABOVE, read_number, NOTHING },
	{ "format", SCHEMA_FORMAT, read_format, NOTHING },
	{ "if", SCHEMA_IF, read_if, SCHEMA },
	{ "items", SCHEMA_ITEMS, read_items, SCHEMA },
	{ "maxItems", SCHEMA_MAX_ITEMS, read_count, NOTHING },
	{ "maxLength", SCHEMA_MAX_LENGTH, read_count, NOTHING },
	{ "maxProperties", SCHEMA_MAX_PROPERTIES, read_count, NOTHING },
	{ "maximum", SCHEMA_MAXIMUM, read_number, NOTHING },
	{ "minItems", SCHEMA_MIN_ITEMS, read_count, NOTHING },
	{ "minLength", SCHEMA_MIN_LENGTH, read_count, NOTHING },
	{ "minProperties", SCHEMA_MIN_PROPERTIES, read_count, NOTHING },
	{ "minimum", SCHEMA_MINIMUM, read_number, NOTHING },
	{ "multipleOf", SCHEMA_MULTIPLE, read_multiple, NOTHING },
	{ "not", SCHEMA_NOT, read_note, SCHEMA },
	{ "oneOf", SCHEMA_ONE, read_list, SCHEMAS },
	{ "prefixItems", SCHEMA_PREFIX, read_list, SCHEMAS },
	{ "properties", SCHEMA_PROPERTIES, read_map, MAP_OF_SCHEMAS },
	{ "propertyNames", SCHEMA_NAMES, read_note, SCHEMA },
	{ "readOnly", SCHEMA_NOTE, read_note, NOTHING },
	{ "required", SCHEMA_REQUIRED, read_names, NOTHING },
	{ "then", SCHEMA_BRANCH, read_note, SCHEMA },
	{ "title", SCHEMA_NOTE, read_note, NOTHING },
	{ "type", SCHEMA_TYPE, read_type, NOTHING },
	{ "uniqueItems", SCHEMA_UNIQUE, read_truth, NOTHING },
	{ "writeOnly", SCHEMA_NOTE, read_note, NOTHING },
};

static const struct keyword *keyword_find(const struct doc *doc, uint32_t name)
{
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
		if (doc_is(doc, name, str(keywords[i].name)))
			return &keywords[i];
	return NULL;
}

static enum err add_rule(struct compiler *c, const struct keyword *keyword, uint32_t value)
{
	struct schema *schema = c->schema;
	struct schema_rule rule = { .keyword = keyword->keyword,
				    .value = value,
				    .beside = { DOC_NONE, DOC_NONE } };

	TRY(keyword->read(c, &rule));
	if (keyword->keyword == SCHEMA_NOTE || keyword->keyword == SCHEMA_BRANCH)
		return OK;
	if (schema->rules_n == c->room) {
		const size_t room = c->room == 0 ? 32 : c->room * 2;
		struct schema_rule *rules = realloc(schema->rules, room * sizeof *rules);
		if (rules == NULL)
			return FAULT_NOMEM;
		schema->rules = rules;
		c->room = room;
	}
	schema->rules[schema->rules_n++] = rule;
	return OK;
}

static enum err compile(struct compiler *c, uint32_t node);

static enum err compile_held(struct compiler *c, enum holds holds, uint32_t value)
{
	const struct doc *doc = &c->schema->doc;
	const uint32_t end = doc->nodes[value].next;

	if (holds == SCHEMA)
		return compile(c, value);
	if (holds == NOTHING)
		return OK;
	for (uint32_t at = value + 1; at < end; at = doc->nodes[at].next) {
		if (holds == MAP_OF_SCHEMAS)
			at++;
		TRY(compile(c, at));
	}
	return OK;
}

/* The rules of one schema lie together; those of the schemas in it come behind. */
static enum err compile(struct compiler *c, uint32_t node)
{
	const struct doc *doc = &c->schema->doc;
	struct schema_part *part = &c->schema->parts[node];
	const uint32_t end = doc->nodes[node].next;
	const unsigned kind = kind_of(c, node);

	if (kind == DOC_TRUE || kind == DOC_FALSE)
		return OK;
	if (kind != DOC_OBJECT)
		return refuse(c, ERR_MALFORMED, node, "this is no schema");
	c->at = node;
	part->first = (uint32_t)c->schema->rules_n;
	for (uint32_t name = node + 1; name < end; name = doc->nodes[name + 1].next) {
		const struct keyword *keyword = keyword_find(doc, name);
		if (keyword == NULL)
			return refuse(c, ERR_UNSUPPORTED, name + 1,
				      "this keyword is not known here");
		TRY(add_rule(c, keyword, name + 1));
	}
	part->count = (uint32_t)c->schema->rules_n - part->first;
	part->seen = 1;
	for (uint32_t name = node + 1; name < end; name = doc->nodes[name + 1].next)
		TRY(compile_held(c, keyword_find(doc, name)->holds, name + 1));
	return OK;
}

/* A reference must name something that was compiled as a schema. */
static enum err check_refs(struct compiler *c)
{
	const struct schema *schema = c->schema;

	for (size_t i = 0; i < schema->rules_n; i++) {
		const struct schema_rule *rule = &schema->rules[i];
		if (rule->keyword != SCHEMA_REF)
			continue;
		const uint32_t to = (uint32_t)rule->number;
		const unsigned kind = kind_of(c, to);
		if (kind == DOC_OBJECT ? schema->parts[to].seen == 0
				       : kind != DOC_TRUE && kind != DOC_FALSE)
			return refuse(c, ERR_MALFORMED, rule->value, "there is no schema there");
	}
	return OK;
}

/* Follows what applies to the same value: 1 not looked at, 2 on the way, 3 ends. */
static enum err check_cycle(struct compiler *c, uint32_t node, unsigned depth)
{
	struct schema *schema = c->schema;
	struct schema_part *part = &schema->parts[node];

	if (part->seen == 3 || kind_of(c, node) != DOC_OBJECT)
		return OK;
	if (part->seen == 2)
		return refuse(c, ERR_MALFORMED, node, "this schema leads back to itself");
	if (depth == SCHEMA_DEPTH_MAX)
		return ERR_TOO_LARGE;
	part->seen = 2;
	for (uint32_t i = part->first; i < part->first + part->count; i++) {
		const struct schema_rule *rule = &schema->rules[i];
		const uint32_t end = schema->doc.nodes[rule->value].next;
		if (rule->keyword == SCHEMA_REF)
			TRY(check_cycle(c, (uint32_t)rule->number, depth + 1));
		if (rule->keyword == SCHEMA_NOT || rule->keyword == SCHEMA_IF)
			TRY(check_cycle(c, rule->value, depth + 1));
		for (size_t k = 0; k < 2 && rule->keyword == SCHEMA_IF; k++)
			if (rule->beside[k] != DOC_NONE)
				TRY(check_cycle(c, rule->beside[k], depth + 1));
		if (rule->keyword == SCHEMA_ALL || rule->keyword == SCHEMA_ANY ||
		    rule->keyword == SCHEMA_ONE)
			for (uint32_t at = rule->value + 1; at < end;
			     at = schema->doc.nodes[at].next)
				TRY(check_cycle(c, at, depth + 1));
	}
	part->seen = 3;
	return OK;
}

static enum err compile_all(struct compiler *c)
{
	TRY(compile(c, 0));
	TRY(check_refs(c));
	for (uint32_t node = 0; node < c->schema->doc.n; node++)
		if (c->schema->parts[node].seen == 1)
			TRY(check_cycle(c, node, 0));
	return OK;
}

enum err schema_compile(struct bytes text, struct schema_fault *fault, struct schema **ret)
{
	scoped(schema_free) struct schema *schema = NULL;

	if (fault != NULL)
		*fault = (struct schema_fault){ .why = "this is no JSON" };
	if (text.n > SCHEMA_TEXT_MAX)
		return ERR_TOO_LARGE;
	schema = calloc(1, sizeof *schema);
	if (schema == NULL)
		return FAULT_NOMEM;
	TRY(buf_dup(text, &schema->text));
	TRY(doc_read(buf_bytes(schema->text), &schema->doc));
	schema->parts = calloc(schema->doc.n, sizeof *schema->parts);
	if (schema->parts == NULL)
		return FAULT_NOMEM;
	struct compiler c = { .schema = schema, .fault = fault };
	TRY(compile_all(&c));
	*ret = take(schema);
	return OK;
}

void schema_free(struct schema **schemap)
{
	struct schema *schema = *schemap;

	if (schema == NULL)
		return;
	doc_done(&schema->doc);
	buf_free(&schema->text);
	free(schema->parts);
	free(schema->rules);
	free(schema);
	*schemap = NULL;
}

struct bytes schema_text(const struct schema *schema)
{
	return buf_bytes(schema->text);
}
