/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/unify_body.h"

#include <stdio.h>

enum { NAME_MAX_BYTES = 512 };

static bool names_argument(const struct unify *unify, struct bytes template)
{
	struct template_part part;

	while (template.n > 0) {
		if (template_next(&template, &part) != OK)
			return false;
		if (part.kind == TEMPLATE_NAME && value_property(unify->tool, part.text) != NULL)
			return true;
		if (part.kind == TEMPLATE_ANSWER)
			return true;
	}
	return false;
}

bool unify_may_lack(const struct unify *unify, const struct yaml_node *node)
{
	if (node->kind == YAML_SCALAR)
		return names_argument(unify, node->text);
	if (node->kind == YAML_NULL || node->first == NULL)
		return false;
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
		if (!unify_may_lack(unify, child))
			return false;
	return true;
}

static bool is_constant(const struct doc *doc, uint32_t at, const struct yaml_node *node)
{
	int64_t number;
	bool truth;

	if (node->kind == YAML_NULL)
		return doc_kind(doc, at) == DOC_NULL;
	if (yaml_bool(node, &truth))
		return doc_kind(doc, at) == (truth ? DOC_TRUE : DOC_FALSE);
	if (yaml_int(node, &number))
		return doc_kind(doc, at) == DOC_NUMBER && bytes_eq(doc_raw(doc, at), node->text);
	return doc_is(doc, at, node->text);
}

static enum err fit_value(struct unify *unify, const struct yaml_node *node, uint32_t at,
			  bool *ret);

/* The whole value is one argument. */
static bool take_value(struct unify *unify, const struct template_part *part, uint32_t at)
{
	const struct doc *doc = unify->body;
	const unsigned kind = doc_kind(doc, at);

	if (part->kind == TEMPLATE_ANSWER)
		return kind != DOC_OBJECT && kind != DOC_ARRAY;
	if (part->kind != TEMPLATE_NAME || value_property(unify->tool, part->text) == NULL)
		return false;
	return unify_take(unify, (struct unify_capture){ part->text, doc_raw(doc, at), at, false });
}

static enum err fit_scalar(struct unify *unify, const struct yaml_node *node, uint32_t at,
			   bool *ret)
{
	const struct doc *doc = unify->body;
	struct dynbuf text = { .max = UNIFY_MEMORY_MAX };
	struct template_part part;
	struct bytes copy = doc_plain(doc, at);

	if (template_single(node->text, &part)) {
		*ret = take_value(unify, &part, at);
		return OK;
	}
	if (node->text.n == 0 || memchr(node->text.p, '{', node->text.n) == NULL) {
		unify->constants++;
		*ret = is_constant(doc, at, node);
		return OK;
	}
	*ret = false;
	if (doc_kind(doc, at) != DOC_STRING)
		return OK;
	if (copy.p == NULL) {
		enum err err = doc_string(doc, at, &text);
		if (err == OK)
			err = dynbuf_err(&text);
		if (err == OK)
			err = arena_dup(&unify->memory, dynbuf_view(&text), &copy);
		dynbuf_done(&text);
		TRY(err);
	}
	*ret = unify_text(unify, node->text, copy) == UNIFY_EXACT;
	return OK;
}

static const struct yaml_node *child_of(const struct yaml_node *map, const struct doc *doc,
					uint32_t name)
{
	for (const struct yaml_node *child = map->first; child != NULL; child = child->next)
		if (doc_is(doc, name, child->name))
			return child;
	return NULL;
}

static enum err fit_map(struct unify *unify, const struct yaml_node *map, uint32_t object,
			bool *ret)
{
	const struct doc *doc = unify->body;
	const uint32_t end = doc->nodes[object].next;

	*ret = doc_kind(doc, object) == DOC_OBJECT;
	for (uint32_t name = object + 1; *ret && name < end; name = doc->nodes[name + 1].next) {
		const struct yaml_node *child = child_of(map, doc, name);
		*ret = child != NULL;
		if (child != NULL)
			TRY(fit_value(unify, child, name + 1, ret));
	}
	for (const struct yaml_node *child = map->first; *ret && child != NULL; child = child->next)
		*ret = doc_member(doc, object, child->name) != DOC_NONE ||
		       unify_may_lack(unify, child);
	return OK;
}

static enum err fit_list(struct unify *unify, const struct yaml_node *list, uint32_t array,
			 bool *ret)
{
	const struct doc *doc = unify->body;
	const uint32_t end = doc->nodes[array].next;
	const struct yaml_node *child = list->first;

	*ret = doc_kind(doc, array) == DOC_ARRAY;
	for (uint32_t at = array + 1; *ret && at < end; at = doc->nodes[at].next) {
		*ret = child != NULL;
		if (child != NULL) {
			TRY(fit_value(unify, child, at, ret));
			child = child->next;
		}
	}
	*ret = *ret && child == NULL;
	return OK;
}

static enum err fit_value(struct unify *unify, const struct yaml_node *node, uint32_t at, bool *ret)
{
	switch (node->kind) {
	case YAML_NULL:
		*ret = is_constant(unify->body, at, node);
		return OK;
	case YAML_SCALAR:
		return fit_scalar(unify, node, at, ret);
	case YAML_LIST:
		return fit_list(unify, node, at, ret);
	case YAML_MAP:
		return fit_map(unify, node, at, ret);
	}
	return FAULT_BUG;
}

/* Form bodies nest by name: a[b]=c. Arguments that are arrays or objects are not read back. */
struct form_fit {
	struct unify *unify;
	bool used[FORM_PAIRS_MAX];
	uint8_t name[NAME_MAX_BYTES];
	size_t n;
};

static bool fit_pair(struct form_fit *fit, const struct yaml_node *node)
{
	const struct form *form = fit->unify->form;
	size_t found = form->n;

	for (size_t i = 0; i < form->n; i++) {
		if (!bytes_eq(form->pairs[i].name, (struct bytes){ fit->name, fit->n }))
			continue;
		if (found < form->n)
			return false;
		found = i;
	}
	if (found == form->n)
		return unify_may_lack(fit->unify, node);
	fit->used[found] = true;
	return unify_text(fit->unify, node->text, form->pairs[found].value) == UNIFY_EXACT;
}

static bool fit_form(struct form_fit *fit, const struct yaml_node *node)
{
	const size_t n = fit->n;
	unsigned count = 0;
	bool good = true;

	if (node->kind == YAML_NULL)
		return true;
	if (node->kind == YAML_SCALAR)
		return fit_pair(fit, node);
	for (const struct yaml_node *child = node->first; good && child != NULL;
	     child = child->next) {
		const struct bytes name = node->kind == YAML_MAP ? child->name : str("");
		char number[16];
		const int digits = snprintf(number, sizeof number, "%u", count++);
		const struct bytes part =
			node->kind == YAML_MAP
				? name
				: (struct bytes){ (const uint8_t *)number, (size_t)digits };
		if (part.n + 2 > NAME_MAX_BYTES - n)
			return false;
		uint8_t *to = fit->name + n;
		if (n > 0)
			*to++ = '[';
		to = put(to, part.p, part.n);
		if (n > 0)
			*to++ = ']';
		fit->n = (size_t)(to - fit->name);
		good = fit_form(fit, child);
	}
	fit->n = n;
	return good;
}

static bool is_form(struct unify *unify, const struct yaml_node *body)
{
	struct form_fit fit = { .unify = unify };

	if (unify->form == NULL || !fit_form(&fit, body))
		return false;
	for (size_t i = 0; i < unify->form->n; i++)
		if (!fit.used[i])
			return false;
	return true;
}

enum err unify_body(struct unify *unify, const struct service_step *step, enum unify_fit *ret)
{
	const struct tools_raw *raw = unify->raw->from;
	bool fits = false;

	if (step->body == NULL) {
		fits = raw->body.n == 0 && !raw->partial;
	} else if (raw->partial) {
		fits = false;
	} else if (step->send == SERVICE_SEND_TEXT) {
		fits = raw_type_is(raw, "text/plain") && raw->content_encoding.p == NULL &&
		       unify_text(unify, step->body->text, raw->body) == UNIFY_EXACT;
	} else if (step->send == SERVICE_SEND_FORM && raw->body.n > 0) {
		fits = is_form(unify, step->body);
	} else if (unify->body != NULL) {
		TRY(fit_value(unify, step->body, 0, &fits));
	} else if (raw->body.n == 0) {
		fits = unify_may_lack(unify, step->body);
	}
	*ret = fits ? UNIFY_EXACT : UNIFY_NEAR;
	return OK;
}
