/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/upstream/definition.h"
#include "core/upstream/params.h"
#include "core/upstream/wire.h"

static enum err read_one(const char *json, struct definition *ret)
{
	struct doc doc = { 0 };

	assert_int_equal(doc_read(str(json), &doc), OK);
	const enum err err = definition_read(&doc, 0, ret);
	doc_done(&doc);
	return err;
}

static void expect_text(const char *json, const char *text, unsigned hidden)
{
	struct definition d;

	assert_int_equal(read_one(json, &d), OK);
	dynbuf_u8(&d.text, 0);
	assert_string_equal((const char *)d.text.p, text);
	assert_int_equal(d.hidden, hidden);
	definition_done(&d);
}

static void what_is_shown_has_no_character_that_nobody_sees(void **state)
{
	(void)state;
	expect_text(
		"{\"name\":\"a\",\"description\":\"r\xe2\x80\xaeun \\u200b\\u0007\xf3\xa0\x81\xa1 "
		"\\u00e9\\n\",\"inputSchema\":{\"type\":\"object\"}}",
		"{\"description\":\"run  \\u00e9\\n\",\"inputSchema\":{\"type\":\"object\"},"
		"\"name\":\"a\"}",
		4);
	expect_text("{\"name\":\"a\",\"icons\":[],\"inputSchema\":{\"type\":\"object\","
		    "\"$ref\":\"https://a.example/x\"},\"title\":\"\xf0\x9f\x98\x80\"}",
		    "{\"inputSchema\":{\"$ref\":\"https://a.example/x\",\"type\":\"object\"},"
		    "\"name\":\"a\",\"title\":\"\\ud83d\\ude00\"}",
		    0);
}

static void the_pin_is_of_the_whole_however_it_is_written(void **state)
{
	static const char *const same[] = {
		"{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\",\"x\":1.0}}",
		"{\"inputSchema\":{\"x\":1,\"type\":\"object\"}, \"name\":\"\\u0061\"}",
	};
	static const char *const other[] = {
		"{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\",\"x\":2}}",
		"{\"name\":\"a\",\"icons\":[],\"inputSchema\":{\"type\":\"object\",\"x\":1}}",
		"{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\",\"x\":1},"
		"\"description\":\"\\u200b\"}",
	};
	struct definition first, d;

	(void)state;
	assert_int_equal(read_one(same[0], &first), OK);
	/* A name is looked at where it lies: one with escapes is none. */
	assert_int_equal(read_one(same[1], &d), ERR_MALFORMED);
	definition_done(&d);
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		assert_int_equal(read_one(other[i], &d), OK);
		assert_string_not_equal(first.pin, d.pin);
		definition_done(&d);
	}
	assert_int_equal(
		read_one("{\"inputSchema\":{\"x\":1,\"type\":\"object\"},\"name\":\"a\"}", &d), OK);
	assert_string_equal(first.pin, d.pin);
	definition_done(&d);
	definition_done(&first);
}

static void what_is_no_tool_is_not_taken(void **state)
{
	static const char *const bad[] = {
		"[]",
		"{}",
		"{\"name\":\"a\"}",
		"{\"name\":\"a b\",\"inputSchema\":{\"type\":\"object\"}}",
		"{\"name\":\"a.\",\"inputSchema\":{\"type\":\"object\"}}",
		"{\"name\":\"../a\",\"inputSchema\":{\"type\":\"object\"}}",
		"{\"name\":\"a\",\"inputSchema\":{\"type\":\"string\"}}",
		"{\"name\":\"a\",\"annotations\":{\"read\\u200bOnlyHint\":true},"
		"\"inputSchema\":{\"type\":\"object\"}}",
		"{\"name\":\"a\",\"title\":1,\"inputSchema\":{\"type\":\"object\"}}",
		"{\"name\":\"a\",\"description\":{},\"inputSchema\":{\"type\":\"object\"}}",
		"{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\",\"b\":1,\"b\\u200b\":2}}",
	};
	struct definition d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (read_one(bad[i], &d) != ERR_MALFORMED)
			fail_msg("%s", bad[i]);
		definition_done(&d);
	}
}

static void a_long_description_is_cut_and_a_long_definition_refused(void **state)
{
	struct dynbuf json;
	struct doc doc = { 0 };
	struct definition d;

	(void)state;
	dynbuf_init(&json, 256 * 1024);
	dynbuf_str(&json,
		   "{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"},\"description\":\"");
	for (size_t i = 0; i < 20000; i++)
		dynbuf_u8(&json, 'x');
	dynbuf_str(&json, "\"}");
	assert_int_equal(doc_read(dynbuf_view(&json), &doc), OK);
	assert_int_equal(definition_read(&doc, 0, &d), OK);
	assert_in_range(d.text.n, DEFINITION_SAYS_MAX, DEFINITION_SAYS_MAX + 100);
	definition_done(&d);
	doc_done(&doc);
	json.n -= 2;
	for (size_t i = 0; i < 20000; i++)
		dynbuf_u8(&json, 'x');
	dynbuf_str(&json, "\"}");
	assert_int_equal(doc_read(dynbuf_view(&json), &doc), OK);
	assert_int_equal(definition_read(&doc, 0, &d), ERR_TOO_LARGE);
	definition_done(&d);
	doc_done(&doc);
	dynbuf_done(&json);
}

static void names_that_clients_cannot_tell_apart_meet(void **state)
{
	(void)state;
	assert_true(definition_names_meet("get-sum", "get_sum"));
	assert_true(definition_names_meet("a.b", "a-b"));
	assert_false(definition_names_meet("a", "a_"));
	assert_false(definition_names_meet("a", "b"));
}

static void a_request_says_all_about_itself_in_the_newer_era_alone(void **state)
{
	const struct wire_message message = { 7, "tools/call", str("\"name\":\"a\"") };
	struct wire_way way = { .modern = false };
	struct dynbuf out;

	(void)state;
	dynbuf_init(&out, 4096);
	wire_print(&way, &message, &out);
	dynbuf_u8(&out, 0);
	assert_string_equal((const char *)out.p, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":"
						 "\"tools/call\",\"params\":{\"name\":\"a\"}}");
	dynbuf_reset(&out);
	way.modern = true;
	wire_print(&way, &message, &out);
	dynbuf_u8(&out, 0);
	assert_non_null(
		strstr((const char *)out.p,
		       "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\""));
	dynbuf_done(&out);
}

static void only_the_answer_to_this_request_counts(void **state)
{
	static const struct {
		const char *json;
		enum err err;
		int code;
	} cases[] = {
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}", OK, 0 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{}}", ERR_MALFORMED, 0 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"result\":{}}", ERR_MALFORMED, 0 },
		{ "{\"jsonrpc\":\"2.0\",\"result\":{}}", ERR_MALFORMED, 0 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[]}", ERR_MALFORMED, 0 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{},\"error\":{}}", ERR_MALFORMED, 0 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32601,\"message\":\"no\\n\"}"
		  "}",
		  OK, -32601 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":\"no\"}", ERR_MALFORMED, 0 },
		{ "[]", ERR_MALFORMED, 0 },
	};
	struct wire_answer said;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (wire_read(str(cases[i].json), 7, &said) != cases[i].err)
			fail_msg("%s", cases[i].json);
		if (cases[i].err == OK)
			assert_int_equal(said.code, cases[i].code);
		if (cases[i].code != 0)
			assert_string_equal(said.words, "no ");
		wire_done(&said);
	}
}

static enum err add_line(void *ctx, const char *name, struct bytes value)
{
	struct dynbuf *out = ctx;

	dynbuf_printf(out, "%s: ", name);
	dynbuf_bytes(out, value);
	dynbuf_str(out, "\n");
	return OK;
}

static void arguments_are_shown_as_the_headers_that_the_schema_names(void **state)
{
	static const char schema[] = "{\"type\":\"object\",\"properties\":{"
				     "\"a\":{\"type\":\"string\",\"x-mcp-header\":\"Region\"},"
				     "\"b\":{\"type\":\"integer\",\"x-mcp-header\":\"Count\"},"
				     "\"c\":{\"type\":\"boolean\",\"x-mcp-header\":\"Loud\"},"
				     "\"d\":{\"type\":\"string\",\"x-mcp-header\":\"Away\"},"
				     "\"e\":{\"type\":\"string\",\"x-mcp-header\":\"Null\"},"
				     "\"f\":{\"type\":\"object\",\"properties\":{"
				     "\"g\":{\"type\":\"string\",\"x-mcp-header\":\"Deep\"}}},"
				     "\"h\":{\"type\":\"string\"}}}";
	static const char args[] = "{\"a\":\"caf\\u00e9\",\"b\":12,\"c\":false,\"e\":null,"
				   "\"f\":{\"g\":\" x\"},\"h\":\"no\"}";
	struct doc doc = { 0 }, given = { 0 };
	struct dynbuf out;

	(void)state;
	dynbuf_init(&out, 4096);
	assert_int_equal(doc_read(str(schema), &doc), OK);
	assert_int_equal(doc_read(str(args), &given), OK);
	assert_int_equal(params_check(&doc, 0), OK);
	assert_int_equal(params_each(&doc, 0, &given, add_line, &out), OK);
	dynbuf_u8(&out, 0);
	assert_string_equal((const char *)out.p, "mcp-param-Region: =?base64?Y2Fmw6k=?=\n"
						 "mcp-param-Count: 12\nmcp-param-Loud: false\n"
						 "mcp-param-Deep: =?base64?IHg=?=\n");
	dynbuf_done(&out);
	doc_done(&given);
	doc_done(&doc);
}

static void a_schema_that_asks_for_other_headers_is_refused(void **state)
{
	static const char *const properties[] = {
		"\"a\":{\"type\":\"string\",\"x-mcp-header\":\"\"}",
		"\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A b\"}",
		"\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A:b\"}",
		"\"a\":{\"type\":\"string\",\"x-mcp-header\":\"R\xc3\xa9\"}",
		"\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A\\t\"}",
		"\"a\":{\"type\":\"string\",\"x-mcp-header\":1}",
		"\"a\":{\"type\":\"number\",\"x-mcp-header\":\"A\"}",
		"\"a\":{\"type\":\"object\",\"x-mcp-header\":\"A\"}",
		"\"a\":{\"type\":[\"string\",\"null\"],\"x-mcp-header\":\"A\"}",
		"\"a\":{\"x-mcp-header\":\"A\"}",
		"\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A\"},"
		"\"b\":{\"type\":\"string\",\"x-mcp-header\":\"a\"}",
		"\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\","
		"\"x-mcp-header\":\"A\"}}",
		"\"a\":{\"anyOf\":[{\"type\":\"string\",\"x-mcp-header\":\"A\"}]}",
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
		struct doc doc = { 0 };
		(void)snprintf(text, sizeof text, "{\"type\":\"object\",\"properties\":{%s}}",
			       properties[i]);
		assert_int_equal(doc_read(str(text), &doc), OK);
		if (params_check(&doc, 0) != ERR_MALFORMED)
			fail_msg("taken: %s", text);
		doc_done(&doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_shown_has_no_character_that_nobody_sees),
		cmocka_unit_test(the_pin_is_of_the_whole_however_it_is_written),
		cmocka_unit_test(what_is_no_tool_is_not_taken),
		cmocka_unit_test(a_long_description_is_cut_and_a_long_definition_refused),
		cmocka_unit_test(names_that_clients_cannot_tell_apart_meet),
		cmocka_unit_test(arguments_are_shown_as_the_headers_that_the_schema_names),
		cmocka_unit_test(a_schema_that_asks_for_other_headers_is_refused),
		cmocka_unit_test(a_request_says_all_about_itself_in_the_newer_era_alone),
		cmocka_unit_test(only_the_answer_to_this_request_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
