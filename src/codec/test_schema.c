/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/schema.h"

static enum err check(const char *schema_text, const char *value, struct schema_fault *fault)
{
	scoped(schema_free) struct schema *schema = NULL;
	scoped(doc_done) struct doc doc = { 0 };
	struct schema_fault refused;

	if (schema_compile(str(schema_text), &refused, &schema) != OK)
		fail_msg("%s: %s at '%s'", schema_text, refused.why, refused.where);
	assert_int_equal(doc_read(str(value), &doc), OK);
	return schema_check(schema, &doc, 0, fault);
}

static void values_are_checked_to_the_last_digit(void **state)
{
	static const struct {
		const char *schema, *good, *bad;
	} rows[] = {
		{ "{\"type\":\"integer\"}", "1.0", "1.5" },
		{ "{\"type\":\"integer\"}", "123456789012345678901234567890", "\"1\"" },
		{ "{\"type\":[\"string\",\"null\"]}", "null", "false" },
		{ "{\"type\":\"boolean\"}", "false", "0" },
		{ "{\"minimum\":9007199254740993}", "9007199254740993", "9007199254740992.9" },
		{ "{\"exclusiveMaximum\":1e2}", "99.9", "100" },
		{ "{\"exclusiveMinimum\":0}", "1e-300", "0.0" },
		{ "{\"multipleOf\":0.01}", "19.99", "19.999" },
		{ "{\"multipleOf\":7}", "7e1", "1e30" },
		{ "{\"multipleOf\":3}", "3e500000000", "1e500000000" },
		{ "{\"multipleOf\":2.5}", "-7.50", "1" },
		{ "{\"minLength\":2,\"maxLength\":2}", "\"\\ud83d\\ude00\xc3\xa4\"",
		  "\"\xc3\xa4\"" },
		{ "{\"enum\":[1,\"a\",{\"x\":[1.0]}]}", "{\"x\":[1]}", "{\"x\":[2]}" },
		{ "{\"const\":{\"a\":1,\"b\":2}}", "{\"b\":2,\"a\":1.0}", "{\"a\":1}" },
		{ "{\"items\":{\"type\":\"string\"},\"minItems\":1,\"maxItems\":2}", "[\"a\"]",
		  "[1]" },
		{ "{\"prefixItems\":[{\"const\":1}],\"items\":{\"const\":2}}", "[1,2,2]", "[1,1]" },
		{ "{\"prefixItems\":[{\"const\":1},{\"const\":2}],\"items\":false}", "[1]",
		  "[1,2,3]" },
		{ "{\"uniqueItems\":true}", "[1,\"1\",[1],{\"a\":1}]",
		  "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1.0}]" },
		{ "{\"properties\":{\"a\":{\"type\":\"string\"}},\"additionalProperties\":false,"
		  "\"required\":[\"a\"]}",
		  "{\"\\u0061\":\"x\"}", "{\"a\":\"x\",\"b\":1}" },
		{ "{\"additionalProperties\":{\"type\":\"integer\"}}", "{\"a\":1}",
		  "{\"a\":\"1\"}" },
		{ "{\"propertyNames\":{\"maxLength\":1}}", "{\"a\":1}", "{\"ab\":1}" },
		{ "{\"minProperties\":1,\"maxProperties\":1}", "{\"a\":1}", "{}" },
		{ "{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"b\":1}", "{\"a\":1}" },
		{ "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "5", "4" },
		{ "{\"oneOf\":[{\"minimum\":5},{\"maximum\":9}]}", "4", "7" },
		{ "{\"allOf\":[{\"minimum\":5},{\"maximum\":9}]}", "7", "4" },
		{ "{\"not\":{\"required\":[\"a\"]}}", "{}", "{\"a\":1}" },
		{ "{\"if\":{\"const\":1},\"then\":true,\"else\":false}", "1", "2" },
		{ "{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]}}", "{\"c\":1}",
		  "{\"a\":1}" },
		{ "{\"$ref\":\"#/$defs/t\",\"$defs\":{\"t\":{\"type\":\"object\","
		  "\"additionalProperties\":{\"$ref\":\"#\"}}}}",
		  "{\"a\":{\"b\":{}}}", "{\"a\":{\"b\":1}}" },
		{ "{\"format\":\"date\"}", "\"2024-02-29\"", "\"2023-02-29\"" },
		{ "{\"format\":\"date-time\"}", "\"2026-11-23T03:00:00.5+01:00\"",
		  "\"2026-11-23 03:00:00Z\"" },
		{ "{\"format\":\"email\"}", "\"a.b+c@x.example\"", "\"a..b@x.example\"" },
		{ "{\"format\":\"ipv4\"}", "\"127.0.0.1\"", "\"127.0.0.256\"" },
		{ "{\"format\":\"uri\"}", "\"https:\\/\\/x.example/a?b#c\"", "\"x.example/a b\"" },
		{ "{\"format\":\"uuid\"}", "\"123e4567-e89b-12d3-a456-426614174000\"",
		  "\"123e4567\"" },
		{ "{\"format\":\"date\"}", "5", "\"\"" },
		{ "true", "1", NULL },
		{ "false", NULL, "1" },
		{ "{}", "null", NULL },
	};
	struct schema_fault fault;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].good != NULL && check(rows[i].schema, rows[i].good, &fault) != OK)
			fail_msg("%s refuses %s: %s", rows[i].schema, rows[i].good, fault.why);
		if (rows[i].bad != NULL &&
		    check(rows[i].schema, rows[i].bad, &fault) != ERR_MALFORMED)
			fail_msg("%s takes %s", rows[i].schema, rows[i].bad);
	}
}

static void a_fault_says_where_and_why(void **state)
{
	static const struct {
		const char *schema, *value, *where, *why;
	} rows[] = {
		{ "{\"properties\":{\"a/b\":{\"items\":{\"type\":\"integer\"}}}}",
		  "{\"a/b\":[1,\"x\"]}", "/a~1b/1", "must be of type \"integer\"" },
		{ "{\"required\":[\"title\"]}", "{}", "", "lacks \"title\"" },
		{ "{\"additionalProperties\":false}", "{\"x\":1}", "/x", "is not known" },
		{ "{\"properties\":{\"s\":{\"enum\":[\"open\",\"closed\"]}}}", "{\"s\":\"x\"}",
		  "/s", "must be one of [\"open\",\"closed\"]" },
		{ "{\"anyOf\":[{\"type\":\"string\"},{\"const\":1}]}", "2", "",
		  "fits none of the forms it may have" },
		{ "{\"allOf\":[{\"not\":{\"type\":\"string\"}},{\"minimum\":3}]}", "2", "",
		  "must be at least 3" },
	};
	struct schema_fault fault;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(check(rows[i].schema, rows[i].value, &fault), ERR_MALFORMED);
		assert_string_equal(fault.where, rows[i].where);
		assert_string_equal(fault.why, rows[i].why);
	}
}

static void what_is_not_known_is_refused_when_compiled(void **state)
{
	static const struct {
		const char *schema;
		enum err err;
		const char *where;
	} rows[] = {
		{ "{\"properties\":{\"a\":{\"pattern\":\"x\"}}}", ERR_UNSUPPORTED,
		  "/properties/a/pattern" },
		{ "{\"patternProperties\":{}}", ERR_UNSUPPORTED, "/patternProperties" },
		{ "{\"unevaluatedProperties\":false}", ERR_UNSUPPORTED, "/unevaluatedProperties" },
		{ "{\"$id\":\"x\"}", ERR_UNSUPPORTED, "/$id" },
		{ "{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", ERR_UNSUPPORTED,
		  "/$schema" },
		{ "{\"$ref\":\"other.json\"}", ERR_UNSUPPORTED, "/$ref" },
		{ "{\"$ref\":\"#/$defs/x\"}", ERR_MALFORMED, "/$ref" },
		{ "{\"$ref\":\"#/enum/0\",\"enum\":[{}]}", ERR_MALFORMED, "/$ref" },
		{ "{\"$ref\":\"#\"}", ERR_MALFORMED, "" },
		{ "{\"anyOf\":[{\"$ref\":\"#/$defs/"
		  "a\"}],\"$defs\":{\"a\":{\"not\":{\"$ref\":\"#\"}}}}",
		  ERR_MALFORMED, "" },
		{ "{\"format\":\"regex\"}", ERR_UNSUPPORTED, "/format" },
		{ "{\"type\":\"text\"}", ERR_MALFORMED, "/type" },
		{ "{\"type\":[]}", ERR_MALFORMED, "/type" },
		{ "{\"type\":5}", ERR_MALFORMED, "/type" },
		{ "{\"enum\":[]}", ERR_MALFORMED, "/enum" },
		{ "{\"required\":[1]}", ERR_MALFORMED, "/required" },
		{ "{\"required\":\"a\"}", ERR_MALFORMED, "/required" },
		{ "{\"minimum\":\"1\"}", ERR_MALFORMED, "/minimum" },
		{ "{\"multipleOf\":0}", ERR_MALFORMED, "/multipleOf" },
		{ "{\"multipleOf\":-1}", ERR_MALFORMED, "/multipleOf" },
		{ "{\"minLength\":1.5}", ERR_MALFORMED, "/minLength" },
		{ "{\"minLength\":-1}", ERR_MALFORMED, "/minLength" },
		{ "{\"uniqueItems\":1}", ERR_MALFORMED, "/uniqueItems" },
		{ "{\"items\":[]}", ERR_MALFORMED, "/items" },
		{ "{\"properties\":{\"a\":1}}", ERR_MALFORMED, "/properties/a" },
		{ "{\"not\":1}", ERR_MALFORMED, "/not" },
		{ "5", ERR_MALFORMED, "" },
		{ "{", ERR_MALFORMED, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct schema *schema = NULL;
		struct schema_fault fault;
		if (schema_compile(str(rows[i].schema), &fault, &schema) != rows[i].err)
			fail_msg("%s", rows[i].schema);
		assert_null(schema);
		assert_string_equal(fault.where, rows[i].where);
		assert_true(fault.why[0] != 0);
	}
}

static void checking_ends(void **state)
{
	scoped(dynbuf_done) struct dynbuf text = { .max = 1000000 };
	struct schema_fault fault;

	(void)state;
	/* twice as much with each $defs */
	dynbuf_str(&text, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
	for (int i = 0; i < 40; i++)
		dynbuf_printf(&text,
			      "\"d%d\":{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"},"
			      "{\"$ref\":\"#/$defs/d%d\"}]},",
			      i, i + 1, i + 1);
	dynbuf_str(&text, "\"d40\":true}}");
	dynbuf_u8(&text, 0);
	assert_int_equal(check((const char *)text.p, "1", &fault), ERR_TOO_LARGE);

	dynbuf_reset(&text);
	dynbuf_str(&text, "[0");
	for (int i = 1; i < 3000; i++)
		dynbuf_printf(&text, ",%d", i);
	dynbuf_str(&text, "]");
	dynbuf_u8(&text, 0);
	assert_int_equal(check("{\"uniqueItems\":true}", (const char *)text.p, &fault),
			 ERR_TOO_LARGE);
	assert_int_equal(check("{\"items\":{\"type\":\"integer\"}}", (const char *)text.p, &fault),
			 OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_checked_to_the_last_digit),
		cmocka_unit_test(a_fault_says_where_and_why),
		cmocka_unit_test(what_is_not_known_is_refused_when_compiled),
		cmocka_unit_test(checking_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
