/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/catalog/catalog.h"
#include "core/tools/match.h"
#include "core/tools/sample.h"
#include "core/tools/summary.h"

/* Every built-in tool, with the least of its arguments and with all of them. */

#define VARIABLES                                                                                  \
	"{\"cloud_id\":\"c-1\",\"host\":\"gitlab.com\",\"login\":\"login.salesforce.com\","        \
	"\"instance\":\"acme.my.salesforce.com\"}"
#define ANSWER "{\"sha\":\"5a\",\"channel\":{\"last_read\":\"1.5\"}}"

static void print_sample(const struct yaml_node *schema, bool all, struct dynbuf *out);

static void print_quoted(struct dynbuf *out, struct bytes text)
{
	dynbuf_u8(out, '"');
	dynbuf_bytes(out, text);
	dynbuf_u8(out, '"');
}

static bool is_required(const struct yaml_node *schema, struct bytes name)
{
	const struct yaml_node *list = yaml_find(schema, "required");

	for (const struct yaml_node *node = list == NULL ? NULL : list->first; node != NULL;
	     node = node->next)
		if (bytes_eq(node->text, name))
			return true;
	return false;
}

static void print_object(const struct yaml_node *schema, bool all, struct dynbuf *out)
{
	const struct yaml_node *properties = yaml_find(schema, "properties");
	const struct yaml_node *least = yaml_find(schema, "minProperties");
	bool first = true, more = least != NULL; /* one more than those that are required */

	dynbuf_u8(out, '{');
	for (const struct yaml_node *node = properties == NULL ? NULL : properties->first;
	     node != NULL; node = node->next) {
		const bool must = is_required(schema, node->name);
		if (!all && !must && !more)
			continue;
		more = more && must;
		if (!first)
			dynbuf_u8(out, ',');
		first = false;
		print_quoted(out, node->name);
		dynbuf_u8(out, ':');
		print_sample(node, all, out);
	}
	dynbuf_u8(out, '}');
}

static struct bytes text_of(const struct yaml_node *schema)
{
	const struct yaml_node *words = yaml_find(schema, "enum");
	const struct yaml_node *format = yaml_find(schema, "format");

	if (words != NULL)
		return words->first->text;
	if (format == NULL)
		return str("7abc");
	return str(bytes_is(format->text, "date") ? "2027-03-01" : "2027-03-01T09:00:00Z");
}

static void print_sample(const struct yaml_node *schema, bool all, struct dynbuf *out)
{
	const struct bytes type = yaml_find(schema, "type")->text;
	const struct yaml_node *least = yaml_find(schema, "minimum");

	if (bytes_is(type, "object")) {
		print_object(schema, all, out);
	} else if (bytes_is(type, "array")) {
		dynbuf_u8(out, '[');
		print_sample(yaml_find(schema, "items"), all, out);
		dynbuf_u8(out, ']');
	} else if (bytes_is(type, "string")) {
		print_quoted(out, text_of(schema));
	} else if (bytes_is(type, "boolean")) {
		dynbuf_str(out, "true");
	} else {
		dynbuf_bytes(out, least == NULL ? str("2") : least->text);
	}
}

/* Whether all of it can be read off a request: nothing is computed or comes from an answer. */
static bool is_plain(const struct yaml_node *node)
{
	struct template_part part;

	if (node->kind != YAML_SCALAR) {
		for (const struct yaml_node *child = node->first; child != NULL;
		     child = child->next)
			if (!is_plain(child))
				return false;
		return true;
	}
	for (struct bytes rest = node->text; rest.n > 0;) {
		if (template_next(&rest, &part) != OK)
			return true;
		if (part.kind > TEMPLATE_ENCODED || bytes_is(part.text, "mail"))
			return false;
	}
	return true;
}

static bool is_recognisable(const struct service_tool *tool)
{
	const struct service_step *step = &tool->steps[tool->steps_n - 1];

	return tool->steps_n == 1 && step->mail == NULL && step->graphql.n == 0 &&
	       (step->query == NULL || is_plain(step->query)) &&
	       (step->body == NULL || is_plain(step->body));
}

static const char *method_of(const struct service_step *step)
{
	static const char *const names[] = { "", "GET", "POST", "PUT", "PATCH", "DELETE" };

	return names[step->method];
}

struct one {
	const struct service *service;
	const struct service_tool *tool;
	struct doc args, variables, answer;
};

static void check_found(const struct one *one, const struct tools_found *found)
{
	scoped(doc_done) struct doc args = { 0 };

	if (found->tool != one->tool)
		fail_msg("%s %.*s is taken for %.*s, near %zu", one->service->id,
			 (int)one->tool->name.n, (const char *)one->tool->name.p,
			 found->tool == NULL ? 7 : (int)found->tool->name.n,
			 found->tool == NULL ? "nothing" : (const char *)found->tool->name.p,
			 found->near_n);
	assert_int_equal(doc_read(dynbuf_view(&found->args), &args), OK);
	for (uint32_t at = 1; at < one->args.nodes[0].next;) {
		const struct bytes name = doc_raw(&one->args, at);
		const uint32_t value = one->args.nodes[at].next;
		const uint32_t there =
			doc_member(&args, 0, (struct bytes){ name.p + 1, name.n - 2 });
		if (!bytes_eq(doc_raw(&args, there), doc_raw(&one->args, value)))
			fail_msg("%s %.*s: the argument %.*s is lost", one->service->id,
				 (int)one->tool->name.n, (const char *)one->tool->name.p,
				 (int)name.n, (const char *)name.p);
		at = one->args.nodes[value].next;
	}
}

static bool is_near(const struct service_tool *tool, const struct tools_found *found)
{
	for (size_t i = 0; i < found->near_n; i++)
		if (found->near[i] == tool)
			return true;
	return false;
}

/* What the tool sends is, sent raw, the tool, or, where that cannot be told, near it. */
static void send_raw(const struct one *one, const struct tools_request *request)
{
	const struct service_step *step = &one->tool->steps[one->tool->steps_n - 1];
	const struct bytes url = dynbuf_view(&request->url);
	scoped(tools_found_done) struct tools_found found = { 0 };
	const struct tools_raw raw = {
		.method = str(method_of(step)),
		.target = { url.p + strlen("https:/"), url.n - strlen("https:/") },
		.content_type = request->content_type == NULL ? (struct bytes){ NULL, 0 }
							      : str(request->content_type),
		.body = dynbuf_view(&request->body),
		.variables = &one->variables,
	};

	const enum err err = tools_match(one->service, &raw, &found);
	if (err != OK)
		fail_msg("%s %.*s: sent raw, error %d", one->service->id, (int)one->tool->name.n,
			 (const char *)one->tool->name.p, (int)err);
	if (is_recognisable(one->tool))
		check_found(one, &found);
	else if (found.tool == NULL)
		assert_true(is_near(one->tool, &found));
	else
		assert_ptr_equal(found.tool, one->tool);
}

static void check_tool(const struct service *service, const struct service_tool *tool, bool all)
{
	struct one one = { .service = service, .tool = tool };
	struct dynbuf text, summary;

	dynbuf_init(&text, 64 * 1024);
	dynbuf_init(&summary, 64 * 1024);
	print_object(tool->input, all, &text);
	assert_int_equal(doc_read(dynbuf_view(&text), &one.args), OK);
	sample_read(VARIABLES, &one.variables);
	sample_read(ANSWER, &one.answer);
	const struct tools_values values = { .args = &one.args,
					     .answers = { &one.answer, &one.answer, &one.answer },
					     .variables = &one.variables,
					     .now = 1795000000123456 };
	for (size_t i = 0; i < tool->steps_n; i++) {
		struct tools_request request;
		const enum err err = tools_build(service, tool, i, &values, &request);
		if (err != OK)
			fail_msg("%s %.*s: error %d with %.*s", service->id, (int)tool->name.n,
				 (const char *)tool->name.p, (int)err, (int)text.n,
				 (const char *)text.p);
		if (i == tool->steps_n - 1)
			send_raw(&one, &request);
		tools_request_done(&request);
	}
	assert_int_equal(tools_summary(tool, &one.args, &summary), OK);
	assert_true(summary.n > 0);
	doc_done(&one.answer);
	doc_done(&one.variables);
	doc_done(&one.args);
	dynbuf_done(&summary);
	dynbuf_done(&text);
}

static void what_a_tool_sends_is_known_as_that_tool(void **state)
{
	struct complaint complaint;
	struct bytes text;
	const char *id;

	(void)state;
	for (size_t n = 0; (id = catalog_at(n)) != NULL; n++) {
		struct service *service = NULL;
		assert_true(catalog_find(str(id), &text));
		assert_int_equal(service_compile(text, id, &complaint, &service), OK);
		for (size_t i = 0; i < service->tools_n; i++) {
			check_tool(service, &service->tools[i], false);
			check_tool(service, &service->tools[i], true);
		}
		service_free(&service);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_tool_sends_is_known_as_that_tool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
