/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

struct yaml {
	struct yaml_node *root;
	struct cell *cells;
	size_t nodes;
	char file[128];
};

/* A node, its name and its text in one piece of memory; all of a tree hang on one chain. */
struct cell {
	struct yaml_node node; /* first: a node is its cell */
	struct cell *next;
	uint8_t text[];
};

struct frame {
	struct yaml_node *node, *last;
	size_t children;
};

struct builder {
	struct yaml *yaml;
	struct complaint *complaint;
	struct frame frames[YAML_DEPTH_MAX];
	size_t depth;
	yaml_event_t key; /* a scalar that waits for its value */
	bool has_key;
};

static enum err complain_at(const struct yaml *yaml, size_t line, struct complaint *complaint,
			    const char *reason)
{
	snprintf(complaint->text, sizeof complaint->text, "%s:%zu: %.360s", yaml->file, line,
		 reason);
	return ERR_MALFORMED;
}

static enum err refuse(const struct builder *b, const yaml_event_t *event, const char *reason)
{
	return complain_at(b->yaml, event->start_mark.line + 1, b->complaint, reason);
}

static struct bytes scalar_of(const yaml_event_t *event)
{
	return (struct bytes){ event->data.scalar.value, event->data.scalar.length };
}

static bool is_null(struct bytes text)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (bytes_is(text, words[i]))
			return true;
	return false;
}

static enum err node_new(struct builder *b, const yaml_event_t *event, enum yaml_kind kind,
			 struct yaml_node **ret)
{
	const bool scalar = event->type == YAML_SCALAR_EVENT;
	const struct bytes text = scalar ? scalar_of(event) : (struct bytes){ NULL, 0 };
	const struct bytes name = b->has_key ? scalar_of(&b->key) : (struct bytes){ NULL, 0 };
	struct cell *cell;

	if (b->yaml->nodes++ == YAML_NODES_MAX) {
		err_ignore(refuse(b, event, "the file has too many values"));
		return ERR_TOO_LARGE;
	}
	cell = calloc(1, sizeof *cell + text.n + name.n);
	if (cell == NULL)
		return FAULT_NOMEM;
	put(put(cell->text, text.p, text.n), name.p, name.n);
	cell->node = (struct yaml_node){
		.kind = kind,
		.line = (unsigned)(b->has_key ? b->key.start_mark.line : event->start_mark.line) +
			1,
		.text = { cell->text, text.n },
		.name = { b->has_key ? cell->text + text.n : NULL, name.n },
	};
	if (scalar) {
		cell->node.quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
		if (!cell->node.quoted && is_null(text))
			cell->node.kind = YAML_NULL;
	}
	cell->next = b->yaml->cells;
	b->yaml->cells = cell;
	*ret = &cell->node;
	return OK;
}

static void drop_key(struct builder *b)
{
	if (b->has_key)
		yaml_event_delete(&b->key);
	b->has_key = false;
}

/* Hangs a new node below the innermost list or map. */
static enum err attach(struct builder *b, const yaml_event_t *event, enum yaml_kind kind,
		       struct yaml_node **ret)
{
	struct frame *frame = b->depth == 0 ? NULL : &b->frames[b->depth - 1];
	struct yaml_node *node;

	if (frame != NULL && frame->node->kind == YAML_MAP && frame->children++ == YAML_MAP_MAX) {
		err_ignore(refuse(b, event, "the map has too many keys"));
		return ERR_TOO_LARGE;
	}
	TRY(node_new(b, event, kind, &node));
	drop_key(b);
	if (frame == NULL)
		b->yaml->root = node;
	else if (frame->last == NULL)
		frame->node->first = node;
	else
		frame->last->next = node;
	if (frame != NULL)
		frame->last = node;
	*ret = node;
	return OK;
}

static bool wants_key(const struct builder *b)
{
	return b->depth > 0 && b->frames[b->depth - 1].node->kind == YAML_MAP && !b->has_key;
}

/* Keeps the event: it is given back by drop_key(). */
static enum err take_key(struct builder *b, yaml_event_t *event)
{
	const struct bytes name = scalar_of(event);
	const struct frame *frame = &b->frames[b->depth - 1];

	for (const struct yaml_node *node = frame->node->first; node != NULL; node = node->next)
		if (bytes_eq(node->name, name))
			return refuse(b, event, "this key is there twice");
	b->key = *event;
	b->has_key = true;
	*event = (yaml_event_t){ 0 };
	return OK;
}

static enum err on_scalar(struct builder *b, yaml_event_t *event)
{
	const struct bytes text = scalar_of(event);
	struct yaml_node *node;

	if (event->data.scalar.anchor != NULL)
		return refuse(b, event, "anchors (&name) are not accepted");
	if (event->data.scalar.tag != NULL)
		return refuse(b, event, "tags (!name) are not accepted");
	if (text.n > 0 && memchr(text.p, 0, text.n) != NULL)
		return refuse(b, event, "a text holds a NUL character");
	if (wants_key(b))
		return take_key(b, event);
	return attach(b, event, YAML_SCALAR, &node);
}

static enum err on_start(struct builder *b, const yaml_event_t *event, enum yaml_kind kind)
{
	const bool list = kind == YAML_LIST;
	struct yaml_node *node;

	if ((list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor) != NULL)
		return refuse(b, event, "anchors (&name) are not accepted");
	if ((list ? event->data.sequence_start.tag : event->data.mapping_start.tag) != NULL)
		return refuse(b, event, "tags (!name) are not accepted");
	if (wants_key(b))
		return refuse(b, event, "a key must be a simple text");
	if (b->depth == YAML_DEPTH_MAX) {
		err_ignore(refuse(b, event, "the file is nested too deeply"));
		return ERR_TOO_LARGE;
	}
	TRY(attach(b, event, kind, &node));
	b->frames[b->depth++] = (struct frame){ .node = node };
	return OK;
}

static enum err on_document(struct builder *b, const yaml_event_t *event)
{
	if (b->yaml->root != NULL)
		return refuse(b, event, "the file holds a second document");
	if (event->data.document_start.version_directive != NULL ||
	    event->data.document_start.tag_directives.start !=
		    event->data.document_start.tag_directives.end)
		return refuse(b, event, "directives (%) are not accepted");
	return OK;
}

static enum err on_event(struct builder *b, yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(b, event);
	case YAML_ALIAS_EVENT:
		return refuse(b, event, "aliases (*name) are not accepted");
	case YAML_SCALAR_EVENT:
		return on_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(b, event, YAML_LIST);
	case YAML_MAPPING_START_EVENT:
		return on_start(b, event, YAML_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return OK;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return OK;
	}
	return FAULT_BUG;
}

static enum err syntax(const struct builder *b, const yaml_parser_t *parser)
{
	char reason[200];

	if (parser->error == YAML_MEMORY_ERROR)
		return FAULT_NOMEM;
	snprintf(reason, sizeof reason, "%s",
		 parser->problem == NULL ? "not YAML" : parser->problem);
	return complain_at(b->yaml, parser->problem_mark.line + 1, b->complaint, reason);
}

static enum err run(struct builder *b, yaml_parser_t *parser)
{
	enum err err = OK;
	bool end = false;

	while (err == OK && !end) {
		yaml_event_t event = { 0 };
		if (!yaml_parser_parse(parser, &event))
			return syntax(b, parser);
		end = event.type == YAML_STREAM_END_EVENT;
		err = on_event(b, &event);
		yaml_event_delete(&event);
	}
	if (err == OK && b->yaml->root == NULL)
		return complain_at(b->yaml, 1, b->complaint, "the file is empty");
	return err;
}

enum err yaml_parse(struct bytes text, const char *file, struct complaint *complaint,
		    struct yaml **ret)
{
	scoped(yaml_free) struct yaml *yaml = calloc(1, sizeof *yaml);
	struct builder b = { .yaml = yaml, .complaint = complaint };
	yaml_parser_t parser;

	if (yaml == NULL)
		return FAULT_NOMEM;
	snprintf(yaml->file, sizeof yaml->file, "%s", file);
	if (text.n > YAML_TEXT_MAX) {
		err_ignore(complain_at(yaml, 1, complaint, "the file is larger than 1 MiB"));
		return ERR_TOO_LARGE;
	}
	if (text.n == 0)
		return complain_at(yaml, 1, complaint, "the file is empty");
	if (!yaml_parser_initialize(&parser))
		return FAULT_NOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, text.p, text.n);
	const enum err err = run(&b, &parser);
	drop_key(&b);
	yaml_parser_delete(&parser);
	TRY(err);
	*ret = take(yaml);
	return OK;
}

void yaml_free(struct yaml **yamlp)
{
	struct yaml *yaml = *yamlp;

	if (yaml == NULL)
		return;
	while (yaml->cells != NULL) {
		struct cell *cell = yaml->cells;
		yaml->cells = cell->next;
		free(cell);
	}
	free(yaml);
	*yamlp = NULL;
}

const struct yaml_node *yaml_root(const struct yaml *yaml)
{
	return yaml->root;
}

const char *yaml_file(const struct yaml *yaml)
{
	return yaml->file;
}

const struct yaml_node *yaml_find(const struct yaml_node *node, const char *name)
{
	if (node == NULL || node->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		if (bytes_is(child->name, name))
			return child;
	return NULL;
}

enum err yaml_complain(const struct yaml *yaml, const struct yaml_node *node,
		       struct complaint *complaint, const char *fmt, ...)
{
	char reason[361];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof reason, fmt, args);
	va_end(args);
	/* What stands in a file may be quoted in a reason: it must not drive a terminal. */
	for (char *c = reason; *c != 0; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return complain_at(yaml, node == NULL ? 1 : node->line, complaint, reason);
}

static bool is_plain(const struct yaml_node *node)
{
	return node != NULL && node->kind == YAML_SCALAR && !node->quoted;
}

bool yaml_bool(const struct yaml_node *node, bool *ret)
{
	if (!is_plain(node) || (!bytes_is(node->text, "true") && !bytes_is(node->text, "false")))
		return false;
	*ret = bytes_is(node->text, "true");
	return true;
}

bool yaml_int(const struct yaml_node *node, int64_t *ret)
{
	struct bytes digits;
	uint64_t value;

	if (!is_plain(node))
		return false;
	digits = node->text;
	const bool negative = bytes_starts(digits, "-");
	if (negative) {
		digits.p++;
		digits.n--;
	}
	if (bytes_u64(digits, INT64_MAX, &value) != OK)
		return false;
	*ret = negative ? -(int64_t)value : (int64_t)value;
	return true;
}

bool yaml_str(const struct yaml_node *node, struct bytes *ret)
{
	if (node == NULL || node->kind != YAML_SCALAR)
		return false;
	*ret = node->text;
	return true;
}

const struct yaml_node *yaml_unknown(const struct yaml_node *node, const char *const *names,
				     size_t count)
{
	if (node == NULL || node->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		bool known = false;
		for (size_t i = 0; i < count; i++)
			known = known || bytes_is(child->name, names[i]);
		if (!known)
			return child;
	}
	return NULL;
}
