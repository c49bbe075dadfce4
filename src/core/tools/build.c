/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tools/build.h"

#include "codec/uri.h"
#include "core/tools/body.h"
#include "core/tools/mail.h"

enum { PLACE_MAX = 4096 };

void tools_request_done(struct tools_request *request)
{
	dynbuf_done(&request->url);
	dynbuf_done(&request->body);
	dynbuf_done(&request->headers_text);
	*request = (struct tools_request){ 0 };
}

static bool hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* What no path may hold even encoded: servers differ in how often they decode, and some take a
 * backslash for a slash. */
static bool path_bytes_ok(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		if (c < 0x20 || c == 0x7f || c == '\\')
			return false;
		if (c == '%' && i + 2 < text.n && hex(text.p[i + 1]) && hex(text.p[i + 2]))
			return false;
	}
	return true;
}

static enum err put_segments(struct bytes text, const char *slash, struct dynbuf *out)
{
	if (text.n == 0 || text.p[text.n - 1] == '/' || !path_bytes_ok(text))
		return ERR_MALFORMED;
	for (bool first = true; text.n > 0; first = false) {
		const struct bytes segment = bytes_cut(&text, '/');
		if (segment.n == 0 || bytes_is(segment, ".") || bytes_is(segment, ".."))
			return ERR_MALFORMED;
		if (!first && slash == NULL)
			return ERR_MALFORMED;
		if (!first)
			dynbuf_str(out, slash);
		uri_encode(segment, out);
	}
	return OK;
}

static enum err put_place(const struct value_scope *scope, const struct template_part *part,
			  struct dynbuf *out)
{
	scoped(dynbuf_done) struct dynbuf text = { .max = PLACE_MAX };
	struct value value;

	TRY(value_find(scope, part, &value));
	if (value.kind == VALUE_ABSENT)
		return ERR_NOT_FOUND;
	TRY(value_text(&value, NULL, &text));
	TRY(dynbuf_err(&text));
	const char *slash = part->kind == TEMPLATE_SEGMENTS  ? "/"
			    : part->kind == TEMPLATE_ENCODED ? "%2F"
							     : NULL;
	return put_segments(dynbuf_view(&text), slash, out);
}

static enum err put_path(const struct value_scope *scope, struct bytes template, struct dynbuf *out)
{
	struct template_part part;

	while (template.n > 0) {
		if (template_next(&template, &part) != OK)
			return FAULT_BUG;
		if (part.kind == TEMPLATE_LITERAL)
			dynbuf_bytes(out, part.text);
		else
			TRY(put_place(scope, &part, out));
	}
	return dynbuf_err(out);
}

static void put_parameter(struct bytes name, struct bytes value, struct dynbuf *out, bool *first)
{
	dynbuf_u8(out, *first ? '?' : '&');
	uri_encode(name, out);
	dynbuf_u8(out, '=');
	uri_encode(value, out);
	*first = false;
}

/* A list of one text: the parameter once for each element. */
static enum err put_repeated(const struct value_scope *scope, const struct yaml_node *node,
			     struct dynbuf *out, bool *first)
{
	struct template_part part;
	struct value value;
	scoped(dynbuf_done) struct dynbuf text = { .max = PLACE_MAX };

	if (!template_single(node->first->text, &part))
		return FAULT_BUG;
	TRY(value_find(scope, &part, &value));
	if (value.kind == VALUE_ABSENT)
		return OK;
	if (value.kind != VALUE_DOC || doc_kind(value.doc, value.node) != DOC_ARRAY)
		return ERR_MALFORMED;
	const struct doc_node *nodes = value.doc->nodes;
	for (uint32_t at = value.node + 1; at < nodes[value.node].next; at = nodes[at].next) {
		const struct value element = { VALUE_DOC, .doc = value.doc, .node = at };
		dynbuf_reset(&text);
		TRY(value_text(&element, NULL, &text));
		TRY(dynbuf_err(&text));
		put_parameter(node->name, dynbuf_view(&text), out, first);
	}
	return OK;
}

static enum err put_query(const struct value_scope *scope, const struct yaml_node *query,
			  struct dynbuf *out)
{
	bool first = true;

	for (const struct yaml_node *node = query == NULL ? NULL : query->first; node != NULL;
	     node = node->next) {
		scoped(dynbuf_done) struct dynbuf text = { .max = PLACE_MAX };
		bool absent;
		if (node->kind == YAML_LIST) {
			TRY(put_repeated(scope, node, out, &first));
			continue;
		}
		TRY(value_render(scope, node->text, ",", &text, &absent));
		if (!absent)
			put_parameter(node->name, dynbuf_view(&text), out, &first);
	}
	return dynbuf_err(out);
}

/* The variables of a connection stand in the base too. */
static enum err put_url(const struct value_scope *scope, const struct service *service,
			const struct service_step *step, struct dynbuf *out)
{
	struct uri uri;

	if (step->path.p[0] == '/')
		TRY(put_path(scope, service->api.base, out));
	TRY(put_path(scope, step->path, out));
	TRY(put_query(scope, step->query, out));
	return uri_parse(dynbuf_view(out), &uri);
}

static bool header_ok(struct bytes value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < 0x20 || value.p[i] >= 0x7f)
			return false;
	return value.n > 0 && value.p[0] != ' ' && value.p[value.n - 1] != ' ';
}

static bool has_header(const struct yaml_node *headers, struct bytes name)
{
	char text[129];

	for (const struct yaml_node *node = headers == NULL ? NULL : headers->first; node != NULL;
	     node = node->next)
		if (bytes_str(node->name, text, sizeof text) == OK && bytes_caseis(name, text))
			return true;
	return false;
}

/* @value lies in headers_text, which may still move: its place is set at the end. */
static enum err add_header(struct tools_request *request, struct bytes name, size_t from)
{
	const struct dynbuf *text = &request->headers_text;

	TRY(dynbuf_err(text));
	if (request->headers_n == TOOLS_HEADERS_MAX)
		return ERR_TOO_LARGE;
	if (text->n > from && !header_ok((struct bytes){ text->p + from, text->n - from }))
		return ERR_MALFORMED;
	request->headers[request->headers_n++] =
		(struct tools_header){ name, { NULL, text->n - from } };
	return OK;
}

static enum err put_headers(const struct value_scope *scope, const struct service *service,
			    const struct service_step *step, struct tools_request *request)
{
	const struct service_pairs *constant = &service->api.headers;
	struct dynbuf *text = &request->headers_text;
	bool absent;

	for (size_t i = 0; i < constant->n; i++) {
		const size_t from = text->n;
		if (has_header(step->headers, constant->at[i].name))
			continue;
		TRY(value_render(scope, constant->at[i].value, ",", text, &absent));
		TRY(add_header(request, constant->at[i].name, from));
	}
	for (const struct yaml_node *node = step->headers == NULL ? NULL : step->headers->first;
	     node != NULL; node = node->next) {
		const size_t from = text->n;
		TRY(value_render(scope, node->text, ",", text, &absent));
		if (!absent)
			TRY(add_header(request, node->name, from));
	}
	size_t at = 0;
	for (size_t i = 0; i < request->headers_n; i++) {
		request->headers[i].value.p = text->p + at;
		at += request->headers[i].value.n;
	}
	return OK;
}

enum err tools_own_header(const struct service *service, const struct doc *variables, size_t n,
			  struct dynbuf *out)
{
	static const struct service_tool none;
	const struct tools_values values = { .variables = variables };
	const struct value_scope scope = { .service = service, .tool = &none, .values = &values };
	const size_t from = out->n;
	bool absent;

	TRY(value_render(&scope, service->api.headers.at[n].value, ",", out, &absent));
	TRY(dynbuf_err(out));
	return out->n == from || header_ok((struct bytes){ out->p + from, out->n - from })
		       ? OK
		       : ERR_MALFORMED;
}

enum err tools_build(const struct service *service, const struct service_tool *tool, size_t step_at,
		     const struct tools_values *values, struct tools_request *ret)
{
	const struct service_step *step = &tool->steps[step_at];
	struct value_scope scope = { .service = service, .tool = tool, .values = values };
	scoped(dynbuf_done) struct dynbuf mail = { .max = TOOLS_BODY_MAX };

	*ret = (struct tools_request){ .method = step->method };
	dynbuf_init(&ret->url, TOOLS_URL_MAX);
	dynbuf_init(&ret->body, TOOLS_BODY_MAX);
	dynbuf_init(&ret->headers_text, TOOLS_HEADERS_TEXT_MAX);
	if (step_at >= tool->steps_n || doc_kind(values->args, 0) != DOC_OBJECT)
		return FAULT_BUG;
	TRY(put_url(&scope, service, step, &ret->url));
	TRY(put_headers(&scope, service, step, ret));
	if (step->mail != NULL) {
		TRY(mail_print(&scope, step->mail, &mail));
		scope.mail = dynbuf_view(&mail);
	}
	return body_print(&scope, step, &ret->body, &ret->content_type);
}

static void put_field(const struct yaml_node *field, const char *word, struct dynbuf *out)
{
	const struct bytes path = field->kind == YAML_MAP ? field->first->text : field->text;
	struct bytes name = field->kind == YAML_MAP ? field->first->name : path, rest = path;

	while (field->kind != YAML_MAP && rest.n > 0)
		name = bytes_cut(&rest, '.');
	dynbuf_str(out, word);
	dynbuf_bytes(out, name);
	dynbuf_u8(out, ' ');
	dynbuf_bytes(out, path);
	dynbuf_u8(out, '\n');
}

enum err tools_select(const struct service_tool *tool, struct dynbuf *out)
{
	static const struct {
		const char *key, *word;
	} lists[] = { { "fields", "field " }, { "beside", "beside " } };
	const struct yaml_node *from = yaml_find(tool->select, "from");

	if (tool->select == NULL)
		return OK;
	if (from != NULL) {
		dynbuf_str(out, "from ");
		dynbuf_bytes(out, from->text);
		dynbuf_u8(out, '\n');
	}
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const struct yaml_node *list = yaml_find(tool->select, lists[i].key);
		for (const struct yaml_node *field = list == NULL ? NULL : list->first;
		     field != NULL; field = field->next)
			put_field(field, lists[i].word, out);
	}
	return dynbuf_err(out);
}

enum err tools_text(const struct service_tool *tool, struct bytes template, const struct doc *args,
		    struct dynbuf *out)
{
	const struct tools_values values = { .args = args };
	const struct value_scope scope = { .tool = tool, .values = &values };
	bool absent;

	TRY(value_render(&scope, template, NULL, out, &absent));
	return absent ? ERR_NOT_FOUND : OK;
}
