/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/value.h"

#include "codec/jcs.h"

enum { DAYS_MAX = 3660, DAY_S = 86400 };

const struct yaml_node *value_property(const struct service_tool *tool, struct bytes name)
{
	const struct yaml_node *properties = yaml_find(tool->input, "properties");

	for (const struct yaml_node *node = properties == NULL ? NULL : properties->first;
	     node != NULL; node = node->next)
		if (bytes_eq(node->name, name))
			return node;
	return NULL;
}

static struct bytes find_variable(const void *ctx, struct bytes name)
{
	const struct doc *variables = ctx;

	return doc_plain(variables, doc_member(variables, 0, name));
}

struct bytes value_variable(const struct service *service, const struct doc *variables,
			    struct bytes name)
{
	static const struct doc none;

	return service_value(service, name, find_variable, variables == NULL ? &none : variables);
}

static void set_doc(const struct doc *doc, uint32_t node, struct value *ret)
{
	if (node == DOC_NONE) {
		ret->kind = VALUE_ABSENT;
		return;
	}
	ret->kind = VALUE_DOC;
	ret->doc = doc;
	ret->node = node;
}

static enum err find_name(const struct value_scope *scope, struct bytes name, struct value *ret)
{
	const struct yaml_node *property = value_property(scope->tool, name);

	if (property != NULL) {
		const struct yaml_node *spare = yaml_find(property, "default");
		set_doc(scope->values->args, doc_member(scope->values->args, 0, name), ret);
		if (ret->kind == VALUE_ABSENT && spare != NULL && spare->kind == YAML_SCALAR)
			*ret = (struct value){ .kind = VALUE_DEFAULT, .yaml = spare };
		return OK;
	}
	if (scope->mail.p != NULL && bytes_is(name, "mail")) {
		*ret = (struct value){ .kind = VALUE_TEXT, .text = scope->mail };
		return OK;
	}
	ret->kind = VALUE_TEXT;
	ret->text = value_variable(scope->service, scope->values->variables, name);
	return ret->text.p == NULL ? ERR_NOT_FOUND : OK;
}

static enum err count_days(const struct value_scope *scope, struct bytes name, usec_t *at)
{
	const struct template_part part = { .kind = TEMPLATE_NAME, .text = name };
	scoped(dynbuf_done) struct dynbuf text = { .max = 16 };
	struct value value;
	uint64_t days = 0;

	TRY(find_name(scope, part.text, &value));
	if (value.kind == VALUE_ABSENT)
		return ERR_MALFORMED;
	TRY(value_text(&value, NULL, &text));
	if (bytes_u64(dynbuf_view(&text), DAYS_MAX, &days) != OK)
		return ERR_MALFORMED;
	*at += days * DAY_S * USEC_PER_S;
	return OK;
}

static enum err find_time(const struct value_scope *scope, const struct template_part *part,
			  struct value *ret)
{
	usec_t at = scope->values->now;

	if (at == 0)
		return ERR_NOT_FOUND;
	if (part->kind == TEMPLATE_TODAY || part->kind == TEMPLATE_TOMORROW)
		at -= at % (DAY_S * USEC_PER_S);
	if (part->kind == TEMPLATE_TOMORROW)
		at += DAY_S * USEC_PER_S;
	if (part->kind == TEMPLATE_NOW_PLUS)
		TRY(count_days(scope, part->text, &at));
	clock_print(at, ret->time);
	static const size_t seconds = 19; /* providers refuse six digits of a second */
	ret->time[seconds] = 'Z';
	ret->kind = VALUE_TEXT;
	ret->text = (struct bytes){ (const uint8_t *)ret->time, seconds + 1 };
	return OK;
}

enum err value_find(const struct value_scope *scope, const struct template_part *part,
		    struct value *ret)
{
	const struct doc *answer;

	switch (part->kind) {
	case TEMPLATE_LITERAL:
		ret->kind = VALUE_TEXT;
		ret->text = part->text;
		return OK;
	case TEMPLATE_NAME:
	case TEMPLATE_SEGMENTS:
	case TEMPLATE_ENCODED:
		return find_name(scope, part->text, ret);
	case TEMPLATE_ANSWER:
		if (part->step >= SERVICE_STEPS_MAX)
			return FAULT_BUG;
		answer = scope->values->answers[part->step - 1];
		set_doc(answer, answer == NULL ? DOC_NONE : doc_follow(answer, 0, part->text), ret);
		return OK;
	case TEMPLATE_NOW:
	case TEMPLATE_TODAY:
	case TEMPLATE_TOMORROW:
	case TEMPLATE_NOW_PLUS:
		return find_time(scope, part, ret);
	}
	return FAULT_BUG;
}

/* One way to write a number, for a provider may read 1e3 or 5.0 differently from a policy. */
static bool number_plain(struct bytes raw)
{
	for (size_t i = 0; i < raw.n; i++)
		if (raw.p[i] == 'e' || raw.p[i] == 'E')
			return false;
	return !bytes_starts(raw, "-0") || memchr(raw.p, '.', raw.n) != NULL
		       ? memchr(raw.p, '.', raw.n) == NULL || !doc_number_whole(raw)
		       : false;
}

static enum err scalar_text(const struct doc *doc, uint32_t node, struct dynbuf *out)
{
	switch (doc_kind(doc, node)) {
	case DOC_STRING:
		return doc_string(doc, node, out);
	case DOC_NUMBER:
		if (!number_plain(doc_raw(doc, node)))
			return ERR_MALFORMED;
		dynbuf_bytes(out, doc_raw(doc, node));
		return OK;
	case DOC_TRUE:
	case DOC_FALSE:
		dynbuf_bytes(out, doc_raw(doc, node));
		return OK;
	default:
		return ERR_MALFORMED;
	}
}

static enum err array_text(const struct doc *doc, uint32_t array, const char *join,
			   struct dynbuf *out)
{
	const uint32_t end = doc->nodes[array].next;

	for (uint32_t at = array + 1; at < end; at = doc->nodes[at].next) {
		if (at != array + 1)
			dynbuf_str(out, join);
		const size_t before = out->n;
		TRY(scalar_text(doc, at, out));
		TRY(dynbuf_err(out));
		/* one element would become two */
		if (out->n > before && memchr(out->p + before, join[0], out->n - before) != NULL)
			return ERR_MALFORMED;
	}
	return OK;
}

enum err value_text(const struct value *value, const char *join, struct dynbuf *out)
{
	switch (value->kind) {
	case VALUE_DOC:
		if (doc_kind(value->doc, value->node) != DOC_ARRAY)
			return scalar_text(value->doc, value->node, out);
		return join == NULL ? ERR_MALFORMED
				    : array_text(value->doc, value->node, join, out);
	case VALUE_DEFAULT:
		dynbuf_bytes(out, value->yaml->text);
		return OK;
	case VALUE_TEXT:
		dynbuf_bytes(out, value->text);
		return OK;
	case VALUE_ABSENT:
		break;
	}
	return FAULT_BUG;
}

static bool is_null(const struct value *value)
{
	return value->kind == VALUE_DOC && doc_kind(value->doc, value->node) == DOC_NULL;
}

enum err value_render(const struct value_scope *scope, struct bytes template, const char *join,
		      struct dynbuf *out, bool *ret_absent)
{
	const size_t before = out->n;
	struct template_part part;
	struct value value;

	while (template.n > 0) {
		if (template_next(&template, &part) != OK)
			return FAULT_BUG;
		TRY(value_find(scope, &part, &value));
		if (value.kind == VALUE_ABSENT || is_null(&value)) {
			out->n = before;
			*ret_absent = true;
			return OK;
		}
		TRY(value_text(&value, join, out));
	}
	*ret_absent = false;
	return dynbuf_err(out);
}
