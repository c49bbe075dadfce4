/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/unify.h"

#include "core/tools/unify_body.h"

static bool same_letters(struct bytes a, struct bytes b)
{
	return a.n == b.n &&
	       (a.n == 0 || strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0);
}

/* "v3", "3", "2.1", "latest": what names a version of an interface. */
static bool is_version(struct bytes text)
{
	size_t i = text.n > 0 && (text.p[0] == 'v' || text.p[0] == 'V') ? 1 : 0;
	bool digits = false;

	if (bytes_caseis(text, "latest") || bytes_caseis(text, "beta"))
		return true;
	for (; i < text.n; i++) {
		if (text.p[i] >= '0' && text.p[i] <= '9')
			digits = true;
		else if (text.p[i] != '.' || !digits)
			return false;
	}
	return digits;
}

/* Servers may take these for the same: another case, a format or a space behind, another version.
 */
static enum unify_fit fit_literal(struct bytes want, struct bytes have)
{
	if (bytes_eq(want, have))
		return UNIFY_EXACT;
	while (have.n > 0 && have.p[0] == ' ')
		have = (struct bytes){ have.p + 1, have.n - 1 };
	const bool longer = have.n > want.n && (have.p[want.n] == '.' || have.p[want.n] == ' ');
	const struct bytes stem = { have.p, longer ? want.n : have.n };
	if (same_letters(want, stem) || (is_version(want) && is_version(have)))
		return UNIFY_NEAR;
	return UNIFY_NONE;
}

static bool take_text(struct unify *unify, struct bytes name, struct bytes text)
{
	return unify_take(unify, (struct unify_capture){ name, text, DOC_NONE, false });
}

/* An argument that stands in two places has one value. */
static bool same_value(const struct unify *unify, const struct unify_capture *a,
		       const struct unify_capture *b)
{
	if ((a->node == DOC_NONE) == (b->node == DOC_NONE))
		return bytes_eq(a->text, b->text);
	const struct unify_capture *text = a->node == DOC_NONE ? a : b;
	const struct unify_capture *value = a->node == DOC_NONE ? b : a;
	return doc_is(unify->body, value->node, text->text) ||
	       (doc_kind(unify->body, value->node) != DOC_STRING &&
		bytes_eq(value->text, text->text));
}

bool unify_take(struct unify *unify, struct unify_capture capture)
{
	for (size_t i = 0; i < unify->captures_n && !capture.element; i++)
		if (bytes_eq(unify->captures[i].name, capture.name))
			return same_value(unify, &unify->captures[i], &capture);
	if (unify->captures_n == UNIFY_CAPTURES_MAX)
		return false;
	unify->captures[unify->captures_n++] = capture;
	return true;
}

static bool variable_is(const struct unify *unify, struct bytes name, struct bytes text)
{
	const struct bytes value =
		value_variable(unify->service, unify->raw->from->variables, name);

	return value.p != NULL && bytes_eq(value, text);
}

/* What one place takes. */
static enum unify_fit fit_place(struct unify *unify, const struct template_part *part,
				struct bytes text)
{
	switch (part->kind) {
	case TEMPLATE_NAME:
	case TEMPLATE_SEGMENTS:
	case TEMPLATE_ENCODED:
		if (value_property(unify->tool, part->text) == NULL)
			return variable_is(unify, part->text, text) ? UNIFY_EXACT : UNIFY_NEAR;
		return take_text(unify, part->text, text) ? UNIFY_EXACT : UNIFY_NEAR;
	case TEMPLATE_LITERAL:
	case TEMPLATE_ANSWER:
	case TEMPLATE_NOW:
	case TEMPLATE_TODAY:
	case TEMPLATE_TOMORROW:
	case TEMPLATE_NOW_PLUS:
		break;
	}
	return UNIFY_NEAR; /* only Valetkey itself knows what belongs there */
}

/* A text with at most one place: what stands before and behind it, and the place. */
struct pattern {
	struct bytes before, behind;
	struct template_part place; /* kind 0: none */
};

static bool read_pattern(struct bytes template, struct pattern *ret)
{
	struct template_part part;

	*ret = (struct pattern){ 0 };
	while (template.n > 0) {
		if (template_next(&template, &part) != OK)
			return false;
		if (part.kind != TEMPLATE_LITERAL) {
			if (ret->place.kind != 0)
				return false;
			ret->place = part;
		} else if (ret->place.kind == 0) {
			ret->before = part.text;
		} else {
			ret->behind = part.text;
		}
	}
	return true;
}

/* Cuts what the pattern says off both ends; false if it does not stand there. */
static bool cut_ends(const struct pattern *pattern, struct bytes text, struct bytes *ret)
{
	const size_t ends = pattern->before.n + pattern->behind.n;

	if (text.n < ends)
		return false;
	const struct bytes head = { text.p, pattern->before.n };
	const struct bytes tail = { text.p + text.n - pattern->behind.n, pattern->behind.n };
	*ret = (struct bytes){ text.p + head.n, text.n - ends };
	return same_letters(head, pattern->before) && same_letters(tail, pattern->behind);
}

enum unify_fit unify_text(struct unify *unify, struct bytes template, struct bytes text)
{
	struct pattern pattern;
	struct bytes middle;

	if (!read_pattern(template, &pattern))
		return UNIFY_NEAR;
	if (pattern.place.kind == 0) {
		unify->constants++;
		return bytes_eq(template, text) ? UNIFY_EXACT : UNIFY_NEAR;
	}
	if (!cut_ends(&pattern, text, &middle) || pattern.place.kind == TEMPLATE_SEGMENTS)
		return UNIFY_NEAR;
	const struct bytes head = { text.p, pattern.before.n };
	const struct bytes tail = { middle.p + middle.n, pattern.behind.n };
	if (!bytes_eq(head, pattern.before) || !bytes_eq(tail, pattern.behind))
		return UNIFY_NEAR;
	return fit_place(unify, &pattern.place, middle);
}

static enum unify_fit fit_segment(struct unify *unify, struct bytes template,
				  const struct raw_segment *segment)
{
	struct pattern pattern;
	struct bytes middle;

	if (!read_pattern(template, &pattern))
		return UNIFY_NEAR; /* two places: nobody knows where one ends */
	if (pattern.place.kind == 0) {
		const enum unify_fit fit =
			segment->slash ? UNIFY_NONE : fit_literal(template, segment->text);
		unify->constants += fit == UNIFY_EXACT;
		return fit;
	}
	if (!cut_ends(&pattern, segment->text, &middle) || middle.n == 0)
		return UNIFY_NONE;
	if (segment->slash && pattern.place.kind != TEMPLATE_ENCODED)
		return UNIFY_NEAR;
	return unify_text(unify, template, segment->text);
}

static size_t count_segments(struct bytes path)
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < path.n; i++)
		n += path.p[i] == '/';
	return n;
}

/* {+name}: as many segments as the rest of the template leaves. */
static enum err fit_several(struct unify *unify, struct bytes name, size_t from, size_t count,
			    enum unify_fit *ret)
{
	const struct raw_segment *segments = unify->raw->segments + from;
	struct bytes text = segments[0].text;
	void *memory;

	*ret = UNIFY_NEAR;
	size_t n = count - 1;
	for (size_t i = 0; i < count; i++) {
		if (segments[i].slash)
			return OK;
		n += segments[i].text.n;
	}
	if (count > 1) {
		TRY(arena_take(&unify->memory, n, &memory));
		uint8_t *to = memory;
		text = (struct bytes){ to, n };
		for (size_t i = 0; i < count; i++) {
			if (i > 0)
				*to++ = '/';
			to = put(to, segments[i].text.p, segments[i].text.n);
		}
	}
	if (take_text(unify, name, text))
		*ret = UNIFY_EXACT;
	return OK;
}

static enum err fit_path(struct unify *unify, struct bytes template, size_t *at,
			 enum unify_fit *ret)
{
	const struct raw *raw = unify->raw;
	struct template_part part;

	while (template.n > 1) {
		const size_t left = count_segments(template);
		template = (struct bytes){ template.p + 1, template.n - 1 };
		size_t n = 0;
		while (n < template.n && template.p[n] != '/')
			n++;
		const struct bytes segment = { template.p, n };
		const bool several =
			template_single(segment, &part) && part.kind == TEMPLATE_SEGMENTS;
		if (raw->segments_n - *at < left || (several && *ret == UNIFY_NONE)) {
			*ret = UNIFY_NONE;
			return OK;
		}
		enum unify_fit fit;
		const size_t count = several ? raw->segments_n - *at - left + 1 : 1;
		if (several)
			TRY(fit_several(unify, part.text, *at, count, &fit));
		else
			fit = fit_segment(unify, segment, &raw->segments[*at]);
		*ret = fit < *ret ? fit : *ret;
		if (*ret == UNIFY_NONE)
			return OK;
		*at += count;
		template = (struct bytes){ template.p + n, template.n - n };
	}
	return OK;
}

static enum err fit_target(struct unify *unify, const struct service_step *step,
			   enum unify_fit *ret)
{
	const struct raw *raw = unify->raw;
	const bool relative = step->path.p[0] == '/';
	struct bytes path = step->path;
	size_t at = 0;

	const size_t host =
		relative ? raw->base_host : raw_host_of(unify->service, step->path, &path);
	*ret = host == raw->host ? UNIFY_EXACT : UNIFY_NONE;
	if (relative && raw->base.p == NULL)
		*ret = UNIFY_NONE;
	if (*ret != UNIFY_NONE && relative)
		TRY(fit_path(unify, raw->base, &at, ret));
	if (*ret != UNIFY_NONE)
		TRY(fit_path(unify, path, &at, ret));
	if (at != raw->segments_n)
		*ret = UNIFY_NONE;
	return OK;
}

/* Which methods servers confuse. */
static enum unify_fit fit_method(const struct unify *unify, const struct service_step *step)
{
	const enum service_method have = unify->raw->method, want = step->method;

	if (have == want)
		return UNIFY_EXACT;
	if (unify->service->api.rpc || step->graphql.n > 0)
		return UNIFY_NEAR;
	const bool want_sends =
		want == SERVICE_POST || want == SERVICE_PUT || want == SERVICE_PATCH;
	const bool have_sends =
		have == SERVICE_POST || have == SERVICE_PUT || have == SERVICE_PATCH;
	return want_sends && have_sends ? UNIFY_NEAR : UNIFY_NONE;
}

static enum unify_fit fit_repeated(struct unify *unify, const struct yaml_node *node)
{
	struct raw *raw = unify->raw;
	struct template_part part;

	if (!template_single(node->first->text, &part) || part.kind != TEMPLATE_NAME ||
	    value_property(unify->tool, part.text) == NULL)
		return UNIFY_NEAR;
	for (size_t i = 0; i < raw->parameters_n; i++) {
		struct raw_parameter *have = &raw->parameters[i];
		if (!bytes_eq(have->name, node->name))
			continue;
		have->used = true;
		if (!unify_take(unify,
				(struct unify_capture){ part.text, have->value, DOC_NONE, true }))
			return UNIFY_NEAR;
	}
	return UNIFY_EXACT;
}

static enum unify_fit fit_parameter(struct unify *unify, const struct yaml_node *node)
{
	struct raw *raw = unify->raw;
	struct raw_parameter *found = NULL;

	if (node->kind == YAML_LIST)
		return fit_repeated(unify, node);
	for (size_t i = 0; i < raw->parameters_n; i++)
		if (bytes_eq(raw->parameters[i].name, node->name)) {
			if (found != NULL)
				return UNIFY_NEAR;
			found = &raw->parameters[i];
		}
	if (found == NULL)
		return unify_may_lack(unify, node) ? UNIFY_EXACT : UNIFY_NEAR;
	found->used = true;
	return unify_text(unify, node->text, found->value);
}

static enum unify_fit fit_query(struct unify *unify, const struct yaml_node *query)
{
	struct raw *raw = unify->raw;
	enum unify_fit fit = UNIFY_EXACT;

	for (size_t i = 0; i < raw->parameters_n; i++)
		raw->parameters[i].used = false;
	for (const struct yaml_node *node = query == NULL ? NULL : query->first;
	     node != NULL && fit == UNIFY_EXACT; node = node->next)
		fit = fit_parameter(unify, node);
	for (size_t i = 0; i < raw->parameters_n; i++)
		if (!raw->parameters[i].used)
			fit = UNIFY_NEAR;
	return fit;
}

static enum unify_fit fit_header(struct unify *unify, const struct yaml_node *node)
{
	const struct tools_raw *from = unify->raw->from;
	const struct tools_header *found = NULL;

	for (size_t i = 0; i < from->headers_n; i++)
		if (same_letters(from->headers[i].name, node->name)) {
			if (found != NULL)
				return UNIFY_NEAR;
			found = &from->headers[i];
		}
	if (found == NULL)
		return unify_may_lack(unify, node) ? UNIFY_EXACT : UNIFY_NEAR;
	return unify_text(unify, node->text, found->value);
}

static enum unify_fit fit_headers(struct unify *unify, const struct yaml_node *headers)
{
	enum unify_fit fit = UNIFY_EXACT;

	for (const struct yaml_node *node = headers == NULL ? NULL : headers->first;
	     node != NULL && fit == UNIFY_EXACT; node = node->next)
		fit = fit_header(unify, node);
	return fit;
}

enum err unify_tool(struct unify *unify, const struct service_tool *tool, enum unify_fit *ret)
{
	const struct service_step *step = &tool->steps[tool->steps_n - 1];
	const enum unify_fit method = fit_method(unify, step);
	enum unify_fit fit;

	unify->tool = tool;
	unify->captures_n = 0;
	unify->constants = 0;
	*ret = UNIFY_NONE;
	if (method == UNIFY_NONE)
		return OK;
	TRY(fit_target(unify, step, &fit));
	if (fit == UNIFY_NONE)
		return OK;
	*ret = UNIFY_NEAR;
	if (fit != UNIFY_EXACT || method != UNIFY_EXACT || step->mail != NULL ||
	    step->graphql.n > 0 || fit_query(unify, step->query) != UNIFY_EXACT ||
	    fit_headers(unify, step->headers) != UNIFY_EXACT)
		return OK;
	return unify_body(unify, step, ret);
}
