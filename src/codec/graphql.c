/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/graphql.h"

#include <stdlib.h>

#include "codec/graphql_lexer.h"

enum { ITEMS_MAX = 2048, DEFINITIONS_MAX = GRAPHQL_OPERATIONS_MAX + GRAPHQL_FRAGMENTS_MAX };

/* What stands at the root of a definition: a field, or the name of a fragment. */
struct item {
	struct bytes name;
	bool spread;
	struct definition *fragment; /* of a spread, once all are read; NULL: not there */
};

struct definition {
	enum graphql_type type; /* 0: a fragment */
	struct bytes name;
	size_t first, count; /* items */
	bool met;	     /* while an operation is resolved */
};

struct parser {
	struct graphql_lexer lexer;
	unsigned depth;
	bool root; /* the selections being read are those of the definition itself */
	size_t definitions_n, fragments_n, items_n;
	struct definition definitions[DEFINITIONS_MAX];
	struct item items[ITEMS_MAX];
};

static enum err next(struct parser *p)
{
	return graphql_lexer_next(&p->lexer);
}

static bool at(const struct parser *p, enum graphql_token token)
{
	return p->lexer.token == token;
}

static bool at_word(const struct parser *p, const char *word)
{
	return at(p, GRAPHQL_NAME) && bytes_is(p->lexer.text, word);
}

static enum err expect(struct parser *p, enum graphql_token token)
{
	return at(p, token) ? next(p) : ERR_MALFORMED;
}

static enum err name(struct parser *p, struct bytes *ret)
{
	*ret = p->lexer.text;
	return expect(p, GRAPHQL_NAME);
}

static enum err descend(struct parser *p)
{
	return p->depth++ == GRAPHQL_DEPTH_MAX ? ERR_TOO_LARGE : OK;
}

static enum err value(struct parser *p, bool constant);

/* 2.9.7 and 2.9.8: both may be empty. */
static enum err list_value(struct parser *p, bool constant)
{
	TRY(expect(p, GRAPHQL_BRACKET));
	while (!at(p, GRAPHQL_BRACKET_END))
		TRY(value(p, constant));
	return next(p);
}

static enum err object_value(struct parser *p, bool constant)
{
	struct bytes ignored;

	TRY(expect(p, GRAPHQL_BRACE));
	while (!at(p, GRAPHQL_BRACE_END)) {
		TRY(name(p, &ignored));
		TRY(expect(p, GRAPHQL_COLON));
		TRY(value(p, constant));
	}
	return next(p);
}

static enum err variable(struct parser *p)
{
	struct bytes ignored;

	TRY(expect(p, GRAPHQL_DOLLAR));
	return name(p, &ignored);
}

static enum err value(struct parser *p, bool constant)
{
	TRY(descend(p));
	if (at(p, GRAPHQL_BRACKET))
		TRY(list_value(p, constant));
	else if (at(p, GRAPHQL_BRACE))
		TRY(object_value(p, constant));
	else if (at(p, GRAPHQL_DOLLAR) && !constant)
		TRY(variable(p));
	else if (at(p, GRAPHQL_NAME) || at(p, GRAPHQL_INT) || at(p, GRAPHQL_FLOAT) ||
		 at(p, GRAPHQL_STRING))
		TRY(next(p));
	else
		return ERR_MALFORMED;
	p->depth--;
	return OK;
}

static enum err arguments(struct parser *p, bool constant)
{
	struct bytes ignored;

	if (!at(p, GRAPHQL_OPEN))
		return OK;
	TRY(next(p));
	do {
		TRY(name(p, &ignored));
		TRY(expect(p, GRAPHQL_COLON));
		TRY(value(p, constant));
	} while (!at(p, GRAPHQL_CLOSE));
	return next(p);
}

static enum err directives(struct parser *p, bool constant)
{
	struct bytes ignored;

	while (at(p, GRAPHQL_AT)) {
		TRY(next(p));
		TRY(name(p, &ignored));
		TRY(arguments(p, constant));
	}
	return OK;
}

static enum err type(struct parser *p)
{
	struct bytes ignored;

	TRY(descend(p));
	if (at(p, GRAPHQL_BRACKET)) {
		TRY(next(p));
		TRY(type(p));
		TRY(expect(p, GRAPHQL_BRACKET_END));
	} else {
		TRY(name(p, &ignored));
	}
	p->depth--;
	return at(p, GRAPHQL_BANG) ? next(p) : OK;
}

static enum err variable_definitions(struct parser *p)
{
	if (!at(p, GRAPHQL_OPEN))
		return OK;
	TRY(next(p));
	do {
		TRY(variable(p));
		TRY(expect(p, GRAPHQL_COLON));
		TRY(type(p));
		if (at(p, GRAPHQL_EQUALS)) {
			TRY(next(p));
			TRY(value(p, true));
		}
		TRY(directives(p, true));
	} while (!at(p, GRAPHQL_CLOSE));
	return next(p);
}

static enum err add_item(struct parser *p, struct bytes text, bool spread)
{
	if (!p->root)
		return OK;
	if (p->items_n == ITEMS_MAX)
		return ERR_TOO_LARGE;
	p->items[p->items_n++] = (struct item){ .name = text, .spread = spread };
	p->definitions[p->definitions_n].count++;
	return OK;
}

static enum err selection_set(struct parser *p);

static enum err field(struct parser *p)
{
	const bool root = p->root;
	struct bytes text;

	TRY(name(p, &text));
	if (at(p, GRAPHQL_COLON)) { /* that was the alias */
		TRY(next(p));
		TRY(name(p, &text));
	}
	TRY(add_item(p, text, false));
	TRY(arguments(p, false));
	TRY(directives(p, false));
	if (!at(p, GRAPHQL_BRACE))
		return OK;
	p->root = false;
	TRY(selection_set(p));
	p->root = root;
	return OK;
}

/* 2.8: a spread, or a fragment in place, whose fields are those of the set around it. */
static enum err fragment(struct parser *p)
{
	struct bytes text;

	TRY(next(p));
	if (at(p, GRAPHQL_NAME) && !at_word(p, "on")) {
		TRY(name(p, &text));
		TRY(add_item(p, text, true));
		return directives(p, false);
	}
	if (at_word(p, "on")) {
		TRY(next(p));
		TRY(name(p, &text));
	}
	TRY(directives(p, false));
	return selection_set(p);
}

static enum err selection_set(struct parser *p)
{
	TRY(expect(p, GRAPHQL_BRACE));
	TRY(descend(p));
	do
		TRY(at(p, GRAPHQL_SPREAD) ? fragment(p) : field(p));
	while (!at(p, GRAPHQL_BRACE_END));
	p->depth--;
	return next(p);
}

static enum err operation(struct parser *p, struct definition *definition)
{
	definition->type = GRAPHQL_QUERY;
	if (at(p, GRAPHQL_BRACE))
		return selection_set(p);
	if (at_word(p, "mutation"))
		definition->type = GRAPHQL_MUTATION;
	if (at_word(p, "subscription"))
		definition->type = GRAPHQL_SUBSCRIPTION;
	TRY(next(p));
	if (at(p, GRAPHQL_NAME))
		TRY(name(p, &definition->name));
	TRY(variable_definitions(p));
	TRY(directives(p, false));
	return selection_set(p);
}

static enum err fragment_definition(struct parser *p, struct definition *definition)
{
	struct bytes ignored;

	TRY(next(p));
	if (at_word(p, "on"))
		return ERR_MALFORMED;
	TRY(name(p, &definition->name));
	if (!at_word(p, "on"))
		return ERR_MALFORMED;
	TRY(next(p));
	TRY(name(p, &ignored));
	TRY(directives(p, false));
	return selection_set(p);
}

static bool is_type_system(const struct parser *p)
{
	static const char *const words[] = { "schema", "scalar", "type",      "interface", "union",
					     "enum",   "input",	 "directive", "extend" };

	if (at(p, GRAPHQL_STRING)) /* a description */
		return true;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (at_word(p, words[i]))
			return true;
	return false;
}

static enum err definition(struct parser *p)
{
	struct definition *to = &p->definitions[p->definitions_n];

	if (is_type_system(p))
		return ERR_UNSUPPORTED;
	if (p->definitions_n == DEFINITIONS_MAX)
		return ERR_TOO_LARGE;
	*to = (struct definition){ .first = p->items_n };
	p->root = true;
	if (at_word(p, "fragment"))
		TRY(fragment_definition(p, to));
	else if (at(p, GRAPHQL_BRACE) || at_word(p, "query") || at_word(p, "mutation") ||
		 at_word(p, "subscription"))
		TRY(operation(p, to));
	else
		return ERR_MALFORMED;
	p->fragments_n += to->type == 0;
	p->definitions_n++;
	return p->fragments_n > GRAPHQL_FRAGMENTS_MAX ||
			       p->definitions_n - p->fragments_n > GRAPHQL_OPERATIONS_MAX
		       ? ERR_TOO_LARGE
		       : OK;
}

static struct definition *find_fragment(struct parser *p, struct bytes text)
{
	for (size_t i = 0; i < p->definitions_n; i++)
		if (p->definitions[i].type == 0 && bytes_eq(p->definitions[i].name, text))
			return &p->definitions[i];
	return NULL;
}

static enum err add_field(struct graphql_operation *to, struct bytes text)
{
	for (size_t i = 0; i < to->fields_n; i++)
		if (bytes_eq(to->fields[i], text))
			return OK;
	if (to->fields_n == GRAPHQL_FIELDS_MAX)
		return ERR_TOO_LARGE;
	to->fields[to->fields_n++] = text;
	return OK;
}

static enum err resolve(struct parser *p, struct definition *from, struct graphql_operation *to,
			bool *sound)
{
	from->met = true;
	for (size_t i = from->first; i < from->first + from->count; i++) {
		if (!p->items[i].spread) {
			TRY(add_field(to, p->items[i].name));
			continue;
		}
		if (p->items[i].fragment == NULL)
			*sound = false;
		else if (!p->items[i].fragment->met)
			TRY(resolve(p, p->items[i].fragment, to, sound));
	}
	return OK;
}

static bool names_differ(const struct parser *p)
{
	const size_t operations = p->definitions_n - p->fragments_n;

	for (size_t i = 0; i < p->definitions_n; i++) {
		const struct definition *a = &p->definitions[i];
		if (a->type != 0 && a->name.n == 0 && operations > 1)
			return false;
		for (size_t k = 0; k < i; k++) {
			const struct definition *b = &p->definitions[k];
			if ((a->type == 0) == (b->type == 0) && bytes_eq(a->name, b->name))
				return false;
		}
	}
	return true;
}

static enum err collect(struct parser *p, struct graphql *ret)
{
	ret->sound = names_differ(p);
	ret->operations_n = 0;
	for (size_t i = 0; i < p->items_n; i++)
		if (p->items[i].spread)
			p->items[i].fragment = find_fragment(p, p->items[i].name);
	for (size_t i = 0; i < p->definitions_n; i++) {
		struct definition *from = &p->definitions[i];
		if (from->type == 0)
			continue;
		struct graphql_operation *to = &ret->operations[ret->operations_n++];
		to->type = from->type;
		to->name = from->name;
		to->fields_n = 0;
		for (size_t k = 0; k < p->definitions_n; k++)
			p->definitions[k].met = false;
		TRY(resolve(p, from, to, &ret->sound));
	}
	return OK;
}

static enum err parse(struct parser *p, struct graphql *ret)
{
	TRY(next(p));
	do
		TRY(definition(p));
	while (!at(p, GRAPHQL_END));
	return collect(p, ret);
}

enum err graphql_parse(struct bytes text, struct graphql *ret)
{
	if (text.n > GRAPHQL_TEXT_MAX)
		return ERR_TOO_LARGE;
	struct parser *p = malloc(sizeof *p);
	if (p == NULL)
		return FAULT_NOMEM;
	p->lexer = (struct graphql_lexer){ .rest = text };
	p->depth = 0;
	p->definitions_n = p->fragments_n = p->items_n = 0;
	const enum err err = parse(p, ret);
	free(p);
	return err;
}

const char *graphql_type_name(enum graphql_type type)
{
	static const char *const names[] = { "", "query", "mutation", "subscription" };

	return names[type];
}
