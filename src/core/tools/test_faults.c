/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/graphql_request.h"
#include "codec/jcs.h"
#include "codec/schema.h"
#include "codec/select.h"
#include "core/tools/match.h"
#include "core/tools/sample.h"
#include "core/tools/summary.h"

/* Every allocation may fail: the answer is then FAULT_NOMEM, and nothing is left behind, which the
 * sanitized build looks at. */

static size_t countdown; /* 0: none fails */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
	return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

static struct service *service;
static struct doc variables;

static enum err match(const char *method, const char *target, const char *type, const char *body)
{
	const struct tools_raw raw = { .method = str(method),
				       .target = str(target),
				       .content_type = str(type),
				       .body = str(body),
				       .variables = &variables };
	static struct tools_found found;
	const enum err err = tools_match(service, &raw, &found);

	/* what is not found for want of memory is never found as something else */
	if (err == OK && found.tool == NULL && found.facts == NULL)
		fail_msg("%s is no tool", target);
	tools_found_done(&found);
	return err;
}

static enum err match_query(void)
{
	return match("GET",
		     "/repos/a/b/issues?fields=a,b&q=repo:b+is%3Aopen&labels=x,y&id[]=4&id[]=3",
		     NULL, NULL);
}

static enum err match_path(void)
{
	return match("PUT", "/contents/a/b/c", "application/json",
		     "{\"sha\":\"\\u0035\",\"content\":\"x\\n\"}");
}

static enum err match_form(void)
{
	return match("POST", "/charges", "application/x-www-form-urlencoded",
		     "amount=5&currency=eur");
}

static enum err match_graphql(void)
{
	return match(
		"POST", "/graphql", "application/json",
		"{\"query\":\"query A{...F} fragment F on Q{issue{id}}\",\"operationName\":\"A\"}");
}

static enum err build(const char *tool, const char *text)
{
	scoped(doc_done) struct doc args = { 0 };
	scoped(dynbuf_done) struct dynbuf line = { .max = SUMMARY_MAX_BYTES };
	const struct tools_values values = { .args = &args, .variables = &variables, .now = 1 };
	struct tools_request request;

	TRY(doc_read(str(text), &args));
	TRY(tools_summary(sample_tool(service, tool), &args, &line));
	const enum err err = tools_build(service, sample_tool(service, tool), 0, &values, &request);
	tools_request_done(&request);
	return err;
}

static enum err build_json(void)
{
	return build("issues.create", "{\"owner\":\"o\",\"repo\":\"r\",\"title\":\"\\u00e4\","
				      "\"weight\":2,\"labels\":[\"a\"]}");
}

static enum err build_form(void)
{
	return build("charges.create", "{\"amount\":5,\"meta\":{\"a\":[\"b\",{\"c\":1}]}}");
}

static enum err build_mail(void)
{
	return build("mail.send",
		     "{\"to\":[\"a@b\",\"c@d\"],\"subject\":\"\\u00e4\",\"body\":\"x\"}");
}

static enum err use_schema(void)
{
	static const char text[] =
		"{\"properties\":{\"a\":{\"format\":\"uri\"}},\"$defs\":{\"x\":true}}";
	scoped(schema_free) struct schema *schema = NULL;
	scoped(doc_done) struct doc doc = { 0 };

	TRY(schema_compile(str(text), NULL, &schema));
	TRY(doc_read(str("{\"a\":\"https:\\/\\/x\"}"), &doc));
	return schema_check(schema, &doc, 0, NULL);
}

static enum err print_wide(void)
{
	scoped(dynbuf_done) struct dynbuf text = { .max = 10000 }, out = { .max = 10000 };
	scoped(doc_done) struct doc doc = { 0 };

	for (int i = 0; i < 100; i++) {
		dynbuf_str(&text, i == 0 ? "{\"a0" : ",\"a");
		dynbuf_u8(&text, (uint8_t)('0' + i / 10));
		dynbuf_u8(&text, (uint8_t)('0' + i % 10));
		dynbuf_str(&text, "\":1");
	}
	dynbuf_u8(&text, '}');
	TRY(dynbuf_err(&text));
	TRY(doc_read(dynbuf_view(&text), &doc));
	return jcs_print(&doc, 0, JCS_ES, &out);
}

static enum err run_select(void)
{
	static struct select select;
	scoped(dynbuf_done) struct dynbuf out = { .max = 1000 };

	TRY(select_parse(str("from a\nfield b b\nbeside c c\n"), &select));
	return select_run(&select, str("{\"a\":[{\"b\":1}],\"c\":2}"), &out);
}

static void every_allocation_may_fail(void **state)
{
	static enum err (*const works[])(
		void) = { match_query, match_path, match_form, match_graphql, build_json,
			  build_form,  build_mail, use_schema, print_wide,    run_select };

	(void)state;
	service = sample_service();
	sample_read("{\"site\":\"s-1\"}", &variables);
	for (size_t i = 0; i < ARRAY_LEN(works); i++) {
		size_t n = 0;
		for (bool failed = true; failed;) {
			countdown = ++n;
			const enum err err = works[i]();
			failed = countdown == 0;
			countdown = 0;
			if (err != (failed ? FAULT_NOMEM : OK))
				fail_msg("work %zu, allocation %zu: %d", i, n, (int)err);
		}
		assert_true(n > 2);
	}
	doc_done(&variables);
	service_free(&service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
