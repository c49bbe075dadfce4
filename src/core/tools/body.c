/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/body.h"

#include "codec/form.h"
#include "codec/jcs.h"
#include "core/tools/build.h"

enum { NAME_MAX_BYTES = 512 };

/* A scalar of the file: in quotes a string, plain null, true, false and integers are JSON. */
static void put_constant(const struct yaml_node *node, struct dynbuf *out)
{
	int64_t number;
	bool truth;

	if (node->kind == YAML_NULL)
		dynbuf_str(out, "null");
	else if (yaml_bool(node, &truth))
		dynbuf_str(out, truth ? "true" : "false");
	else if (yaml_int(node, &number))
		dynbuf_bytes(out, node->text);
	else
		jcs_string(node->text, out);
}

static enum err put_json(const struct value_scope *scope, const struct yaml_node *node,
			 struct dynbuf *out, bool *ret_absent);

static enum err put_single(const struct value_scope *scope, const struct template_part *part,
			   struct dynbuf *out, bool *ret_absent)
{
	struct value value;

	TRY(value_find(scope, part, &value));
	*ret_absent = value.kind == VALUE_ABSENT;
	if (value.kind == VALUE_DOC)
		dynbuf_bytes(out, doc_raw(value.doc, value.node));
	else if (value.kind == VALUE_DEFAULT)
		put_constant(value.yaml, out);
	else if (value.kind == VALUE_TEXT)
		jcs_string(value.text, out);
	return OK;
}

static enum err put_scalar(const struct value_scope *scope, const struct yaml_node *node,
			   struct dynbuf *out, bool *ret_absent)
{
	scoped(dynbuf_done) struct dynbuf text = { .max = TOOLS_BODY_MAX };
	struct template_part part;

	*ret_absent = false;
	if (template_single(node->text, &part))
		return put_single(scope, &part, out, ret_absent);
	if (memchr(node->text.n > 0 ? node->text.p : (const uint8_t *)"", '{', node->text.n) ==
	    NULL) {
		put_constant(node, out);
		return OK;
	}
	TRY(value_render(scope, node->text, NULL, &text, ret_absent));
	if (!*ret_absent)
		jcs_string(dynbuf_view(&text), out);
	return OK;
}

/* A map or a list; one that lost all it had in the file is absent itself. */
static enum err put_container(const struct value_scope *scope, const struct yaml_node *node,
			      struct dynbuf *out, bool *ret_absent)
{
	const bool map = node->kind == YAML_MAP;
	size_t put = 0;

	dynbuf_u8(out, map ? '{' : '[');
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		const size_t before = out->n;
		bool absent;
		if (put > 0)
			dynbuf_u8(out, ',');
		if (map) {
			jcs_string(child->name, out);
			dynbuf_u8(out, ':');
		}
		TRY(put_json(scope, child, out, &absent));
		TRY(dynbuf_err(out));
		if (absent)
			out->n = before;
		else
			put++;
	}
	dynbuf_u8(out, map ? '}' : ']');
	*ret_absent = put == 0 && node->first != NULL;
	return OK;
}

static enum err put_json(const struct value_scope *scope, const struct yaml_node *node,
			 struct dynbuf *out, bool *ret_absent)
{
	switch (node->kind) {
	case YAML_NULL:
		put_constant(node, out);
		*ret_absent = false;
		return OK;
	case YAML_SCALAR:
		return put_scalar(scope, node, out, ret_absent);
	case YAML_LIST:
	case YAML_MAP:
		return put_container(scope, node, out, ret_absent);
	}
	return FAULT_BUG;
}

static enum err put_map(const struct value_scope *scope, const struct yaml_node *node,
			struct dynbuf *out)
{
	const size_t before = out->n;
	bool absent = true;

	if (node != NULL)
		TRY(put_json(scope, node, out, &absent));
	TRY(dynbuf_err(out));
	if (absent) {
		out->n = before;
		dynbuf_str(out, "{}");
	}
	return dynbuf_err(out);
}

/* Form bodies nest by name: a[b]=c, a[0]=c. */
struct name {
	uint8_t text[NAME_MAX_BYTES];
	size_t n;
};

static enum err name_add(struct name *name, struct bytes part)
{
	const bool inside = name->n > 0;

	if (part.n + 2 > NAME_MAX_BYTES - name->n)
		return ERR_TOO_LARGE;
	if (inside)
		name->text[name->n++] = '[';
	put(name->text + name->n, part.p, part.n);
	name->n += part.n;
	if (inside)
		name->text[name->n++] = ']';
	return OK;
}

static enum err name_count(struct name *name, size_t n)
{
	char text[24];
	size_t at = sizeof text;

	do
		text[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	return name_add(name, (struct bytes){ (const uint8_t *)text + at, sizeof text - at });
}

static void put_pair(const struct name *name, struct bytes value, struct dynbuf *out)
{
	if (out->n > 0)
		dynbuf_u8(out, '&');
	form_encode((struct bytes){ name->text, name->n }, out);
	dynbuf_u8(out, '=');
	form_encode(value, out);
}

static enum err put_form_doc(const struct doc *doc, uint32_t node, struct name name,
			     struct dynbuf *out)
{
	const unsigned kind = doc_kind(doc, node);
	const uint32_t end = doc->nodes[node].next;
	scoped(dynbuf_done) struct dynbuf text = { .max = TOOLS_BODY_MAX };

	if (kind == DOC_ARRAY || kind == DOC_OBJECT) {
		size_t n = 0;
		for (uint32_t at = node + 1; at < end; at = doc->nodes[at].next) {
			struct name below = name;
			if (kind == DOC_OBJECT) {
				dynbuf_reset(&text);
				TRY(doc_string(doc, at++, &text));
				TRY(dynbuf_err(&text));
				TRY(name_add(&below, dynbuf_view(&text)));
			} else {
				TRY(name_count(&below, n++));
			}
			TRY(put_form_doc(doc, at, below, out));
		}
		return OK;
	}
	if (kind == DOC_NULL)
		return OK;
	const struct value value = { VALUE_DOC, .doc = doc, .node = node };
	TRY(value_text(&value, NULL, &text));
	TRY(dynbuf_err(&text));
	put_pair(&name, dynbuf_view(&text), out);
	return OK;
}

static enum err put_form_text(const struct value_scope *scope, const struct yaml_node *node,
			      const struct name *name, struct dynbuf *out)
{
	scoped(dynbuf_done) struct dynbuf text = { .max = TOOLS_BODY_MAX };
	struct template_part part;
	struct value value;
	bool absent;

	if (template_single(node->text, &part)) {
		TRY(value_find(scope, &part, &value));
		if (value.kind == VALUE_DOC)
			return put_form_doc(value.doc, value.node, *name, out);
	}
	TRY(value_render(scope, node->text, NULL, &text, &absent));
	if (!absent)
		put_pair(name, dynbuf_view(&text), out);
	return OK;
}

static enum err put_form(const struct value_scope *scope, const struct yaml_node *node,
			 struct name name, struct dynbuf *out)
{
	size_t n = 0;

	if (node->kind == YAML_NULL)
		return OK;
	if (node->kind == YAML_SCALAR)
		return put_form_text(scope, node, &name, out);
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		struct name below = name;
		TRY(node->kind == YAML_MAP ? name_add(&below, child->name)
					   : name_count(&below, n++));
		TRY(put_form(scope, child, below, out));
	}
	return dynbuf_err(out);
}

static enum err put_graphql(const struct value_scope *scope, const struct service_step *step,
			    struct dynbuf *out)
{
	dynbuf_str(out, "{\"query\":");
	jcs_string(step->graphql, out);
	dynbuf_str(out, ",\"variables\":");
	TRY(put_map(scope, step->variables, out));
	dynbuf_u8(out, '}');
	return dynbuf_err(out);
}

enum err body_print(const struct value_scope *scope, const struct service_step *step,
		    struct dynbuf *out, const char **ret_type)
{
	const struct name root = { .n = 0 };
	bool absent;

	*ret_type = NULL;
	if (step->graphql.n > 0) {
		*ret_type = "application/json";
		return put_graphql(scope, step, out);
	}
	if (step->body == NULL)
		return OK;
	switch (step->send) {
	case SERVICE_SEND_JSON:
		*ret_type = "application/json";
		return put_map(scope, step->body, out);
	case SERVICE_SEND_FORM:
		*ret_type = "application/x-www-form-urlencoded";
		return put_form(scope, step->body, root, out);
	case SERVICE_SEND_TEXT:
		*ret_type = "text/plain; charset=utf-8";
		return value_render(scope, step->body->text, NULL, out, &absent);
	}
	return FAULT_BUG;
}
