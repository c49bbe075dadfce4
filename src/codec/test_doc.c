/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/doc.h"

static enum err reads(struct bytes text)
{
	scoped(doc_done) struct doc doc = { 0 };

	return doc_read(text, &doc);
}

static void a_doc_takes_one_value_of_json(void **state)
{
	static const char *const good[] = {
		"0",
		"-0",
		"1e5",
		"1.50E-3",
		" [ ] ",
		"{}",
		"\"\"",
		"\"\\u00e4\\/\"",
		"\"\\u0000\"",
		"\"\\ud83d\\ude00\"",
		"null",
		"[true]",
		"\"\xc3\xa4\"",
		"\r\n\t[1 , 2]",
		"{\"a\":{\"a\":1}}",
		"[[]]",
		"12345678901234567890123456789012345678901234567890.5",
		"\"\xf4\x8f\xbf\xbf\"",
	};
	static const char *const bad[] = {
		"",
		"{} x",
		"{\"a\":1,\"a\":2}",
		"[1,]",
		"[,1]",
		"{,}",
		"{\"a\"}",
		"{\"a\":}",
		"{a:1}",
		"{\"a\":1,}",
		"'a'",
		"01",
		"-",
		"+1",
		"1.",
		".5",
		"1e",
		"1e+",
		"0x1",
		"nul",
		"nulls",
		"NaN",
		"[",
		"]",
		"[1 2]",
		"\"a",
		"\"\\\"",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\ud800\"",
		"\"\\udc00\"",
		"\"\\ud800\\u0041\"",
		"\"\x01\"",
		"\"\xc3\x28\"",
		"\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xff\"",
		"\"\xe2\x82\"",
		"\xef\xbb\xbf{}",
		"{\"a\":1,\"\\u0061\":2}",
		"1e1234567890",
		"[1]]",
		"\v1",
		"/**/1",
		"tru",
		"--1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(reads(str(good[i])), OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(reads(str(bad[i])), ERR_MALFORMED);
	assert_int_equal(reads((struct bytes){ (const uint8_t *)"{}\0", 3 }), ERR_MALFORMED);
	assert_int_equal(reads((struct bytes){ (const uint8_t *)"\"\0\"", 3 }), ERR_MALFORMED);
}

static void a_doc_never_reads_past_its_end(void **state)
{
	static const char text[] = "{\"a\":[1.5e3,true,null,\"\\ud83d\\ude00\xf0\x9f\x98\x80\"]}";

	(void)state;
	for (size_t n = 0; n < sizeof text - 1; n++) {
		uint8_t *copy = malloc(n + 1); /* exact, so that a sanitizer sees a step too far */
		assert_non_null(copy);
		uint8_t *exact = realloc(copy, n > 0 ? n : 1);
		assert_non_null(exact);
		memcpy(exact, text, n);
		assert_int_equal(reads((struct bytes){ exact, n }), ERR_MALFORMED);
		free(exact);
	}
	assert_int_equal(reads((struct bytes){ (const uint8_t *)text, sizeof text - 1 }), OK);
}

static void a_doc_is_bounded(void **state)
{
	struct dynbuf text;

	(void)state;
	dynbuf_init(&text, 2 * DOC_TEXT_MAX);
	for (int i = 0; i < DOC_DEPTH_MAX; i++)
		dynbuf_u8(&text, '[');
	for (int i = 0; i < DOC_DEPTH_MAX; i++)
		dynbuf_u8(&text, ']');
	assert_int_equal(reads(dynbuf_view(&text)), OK);
	dynbuf_reset(&text);
	for (int i = 0; i <= DOC_DEPTH_MAX; i++)
		dynbuf_u8(&text, '[');
	assert_int_equal(reads(dynbuf_view(&text)), ERR_TOO_LARGE);

	dynbuf_reset(&text);
	dynbuf_u8(&text, '[');
	for (size_t i = 0; i + 1 < DOC_NODES_MAX; i++)
		dynbuf_str(&text, i == 0 ? "1" : ",1");
	dynbuf_u8(&text, ']');
	assert_int_equal(reads(dynbuf_view(&text)), OK);
	text.n--;
	dynbuf_str(&text, ",1]");
	assert_int_equal(reads(dynbuf_view(&text)), ERR_TOO_LARGE);

	dynbuf_reset(&text);
	dynbuf_u8(&text, '"');
	while (text.n < DOC_TEXT_MAX - 1)
		dynbuf_u8(&text, 'a');
	dynbuf_u8(&text, '"');
	assert_int_equal(reads(dynbuf_view(&text)), OK);
	dynbuf_u8(&text, ' ');
	assert_int_equal(reads(dynbuf_view(&text)), ERR_TOO_LARGE);
	dynbuf_done(&text);
}

static void a_wide_object_has_no_name_twice_either(void **state)
{
	struct dynbuf text;

	(void)state;
	dynbuf_init(&text, DOC_TEXT_MAX);
	for (int i = 0; i < 5000; i++)
		dynbuf_printf(&text, "%s\"name-%d\":%d", i == 0 ? "{" : ",", (i * 7919) % 5000, i);
	const size_t n = text.n;
	dynbuf_u8(&text, '}');
	assert_int_equal(reads(dynbuf_view(&text)), OK);
	text.n = n;
	dynbuf_str(&text, ",\"n\\u0061me-1234\":0}");
	assert_int_equal(reads(dynbuf_view(&text)), ERR_MALFORMED);
	dynbuf_done(&text);
}

static void assert_raw(const struct doc *doc, uint32_t node, const char *text)
{
	if (text == NULL)
		assert_int_equal(node, DOC_NONE);
	else
		assert_true(bytes_is(doc_raw(doc, node), text));
}

static void what_is_in_a_doc_is_found(void **state)
{
	scoped(doc_done) struct doc doc = { 0 };
	static const char text[] = "{\"a\": [10, {\"b\\u002f~c\": 1.10}, \"\\u00e4\"], \"\": 7,"
				   " \"e\\\"\\ud83d\\ude00\": {\"x\":null}, \"a/b\":1, \"m~n\":2}";
	static const struct {
		const char *pointer, *raw;
	} rows[] = {
		{ "/a/0", "10" },
		{ "/a/1/b~1~0c", "1.10" },
		{ "/a/2", "\"\\u00e4\"" },
		{ "/", "7" },
		{ "/a/00", NULL },
		{ "/a/3", NULL },
		{ "/a/-", NULL },
		{ "/a/-1", NULL },
		{ "/a/", NULL },
		{ "a", NULL },
		{ "/e\"\xf0\x9f\x98\x80/x", "null" },
		{ "/a~1b", "1" },
		{ "/m~0n", "2" },
		{ "/m~n", NULL },
		{ "/m~", NULL },
		{ "/a/b", NULL },
		{ "/a/0/0", NULL },
		{ "/a/99999999999", NULL },
	};

	(void)state;
	assert_int_equal(doc_read(str(text), &doc), OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_raw(&doc, doc_pointer(&doc, str(rows[i].pointer)), rows[i].raw);
	assert_int_equal(doc_pointer(&doc, str("")), 0);
	const uint32_t a = doc_member(&doc, 0, str("a"));
	assert_int_equal(doc.nodes[a].count, 3);
	assert_int_equal(doc.nodes[0].count, 5);
	assert_int_equal(doc.nodes[0].next, doc.n);
	assert_raw(&doc, doc_element(&doc, a, 0), "10");
	assert_raw(&doc, doc_element(&doc, a, 3), NULL);
	assert_raw(&doc, doc_member(&doc, a, str("a")), NULL);
	assert_raw(&doc, doc_member(&doc, DOC_NONE, str("a")), NULL);
	assert_int_equal(doc_kind(&doc, DOC_NONE), 0);
	assert_null(doc_raw(&doc, DOC_NONE).p);
}

static void strings_are_compared_and_given_unescaped(void **state)
{
	scoped(doc_done) struct doc doc = { 0 };
	scoped(dynbuf_done) struct dynbuf out;
	static const char want[] = "a\"\\/\b\f\n\r\t\xc3\xa4\xf0\x9f\x98\x80z";
	static const struct bytes nul = { (const uint8_t *)"a\0b", 3 };

	(void)state;
	dynbuf_init(&out, 100);
	assert_int_equal(doc_read(str("[\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\uDE00z\","
				      "\"a\\u0000b\",\"plain\",5]"),
				  &doc),
			 OK);
	assert_int_equal(doc_string(&doc, 1, &out), OK);
	assert_true(bytes_is(dynbuf_view(&out), want));
	assert_true(doc_is(&doc, 1, str(want)));
	assert_false(doc_is(&doc, 1, (struct bytes){ (const uint8_t *)want, strlen(want) - 1 }));
	assert_false(doc_is(&doc, 1, str("a")));
	assert_true(doc_is(&doc, 2, nul));
	assert_false(doc_is(&doc, 2, str("a")));
	assert_true(doc_is(&doc, 3, str("plain")));
	assert_false(doc_is(&doc, 4, str("5")));
	assert_true(bytes_is(doc_plain(&doc, 3), "plain"));
	assert_null(doc_plain(&doc, 1).p);
	assert_int_equal(doc_string(&doc, 4, &out), ERR_MALFORMED);
	assert_int_equal(doc_length(&doc, 1), 12);
	assert_int_equal(doc_length(&doc, 4), 0);
}

static int compare_strings(const char *a, const char *b)
{
	scoped(doc_done) struct doc x = { 0 }, y = { 0 };

	assert_int_equal(doc_read(str(a), &x), OK);
	assert_int_equal(doc_read(str(b), &y), OK);
	const int forth = doc_string_compare(&x, 0, &y, 0), back = doc_string_compare(&y, 0, &x, 0);
	assert_int_equal(forth, -back);
	return forth;
}

/* RFC 8785 3.2.3 */
static void strings_are_ordered_by_utf16(void **state)
{
	(void)state;
	assert_int_equal(compare_strings("\"a\"", "\"b\""), -1);
	assert_int_equal(compare_strings("\"a\"", "\"ab\""), -1);
	assert_int_equal(compare_strings("\"\"", "\"\\u0000\""), -1);
	assert_int_equal(compare_strings("\"\\u0061\"", "\"a\""), 0);
	assert_int_equal(compare_strings("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""), 0);
	assert_int_equal(compare_strings("\"\xf0\x9f\x98\x80\"", "\"\xef\xac\xb3\""), -1);
	assert_int_equal(compare_strings("\"\xed\x9f\xbf\"", "\"\xf0\x9f\x98\x80\""), -1);
	assert_int_equal(compare_strings("\"\\uffff\"", "\"\\udbff\\udfff\""), 1);
}

static void numbers_are_compared_to_the_last_digit(void **state)
{
	/* each below the next */
	static const char *const rows[] = {
		"-1e999999999",
		"-12345678901234567890123456789.2",
		"-12345678901234567890123456789.1",
		"-2",
		"-1.0000000000000000000000000001",
		"-1",
		"-0.5",
		"-1e-999999999",
		"0",
		"1e-999999999",
		"0.0000000000000000000000000000001",
		"9007199254740992.99999999999999999",
		"9007199254740993",
		"9007199254740993.00000000000000001",
		"123e20",
		"1e999999999",
	};
	static const char *const same[][2] = {
		{ "1", "1.0" },	  { "1", "10e-1" },  { "-0", "0" },	  { "0e9", "0.000" },
		{ "1e2", "100" }, { "0.1", "1e-1" }, { "120", "1.2E+2" }, { "-5.50", "-55e-1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t j = 0; j < ARRAY_LEN(rows); j++)
			assert_int_equal(doc_number_compare(str(rows[i]), str(rows[j])),
					 i < j ? -1 : i > j);
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		assert_int_equal(doc_number_compare(str(same[i][0]), str(same[i][1])), 0);
}

static void whole_numbers_are_known_by_value(void **state)
{
	static const char *const whole[] = { "0",   "-0.00",  "5",   "-17",
					     "1.0", "1.50e1", "1e3", "0.0e-7" };
	static const char *const broken[] = { "0.5", "1e-1", "-1.05e1", "100e-3" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(whole); i++)
		assert_true(doc_number_whole(str(whole[i])));
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		assert_false(doc_number_whole(str(broken[i])));
}

static bool equals(const char *a, const char *b)
{
	scoped(doc_done) struct doc x = { 0 }, y = { 0 };
	size_t work = 1000;
	bool same;

	assert_int_equal(doc_read(str(a), &x), OK);
	assert_int_equal(doc_read(str(b), &y), OK);
	assert_int_equal(doc_equal(&x, 0, &y, 0, &work, &same), OK);
	return same;
}

static void values_are_equal_whatever_their_form(void **state)
{
	(void)state;
	assert_true(equals("{\"a\":1,\"b\":[1.0,\"\\u0061\",null]}",
			   " {\"b\":[1,\"a\",null], \"a\":1e0}"));
	assert_false(equals("{\"a\":1}", "{\"b\":1}"));
	assert_false(equals("{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}"));
	assert_false(equals("[1,2]", "[2,1]"));
	assert_false(equals("[1]", "[1,2]"));
	assert_false(equals("1", "\"1\""));
	assert_false(equals("true", "false"));
	assert_false(equals("[]", "{}"));
	assert_true(equals("{}", "{ }"));
}

static void comparing_wide_objects_ends(void **state)
{
	scoped(doc_done) struct doc x = { 0 }, y = { 0 };
	scoped(dynbuf_done) struct dynbuf a, b;
	size_t work = 100000;
	bool same;

	(void)state;
	dynbuf_init(&a, DOC_TEXT_MAX);
	dynbuf_init(&b, DOC_TEXT_MAX);
	for (int i = 0; i < 2000; i++) {
		dynbuf_printf(&a, "%s\"%d\":0", i == 0 ? "{" : ",", i);
		dynbuf_printf(&b, "%s\"%d\":0", i == 0 ? "{" : ",", 1999 - i);
	}
	dynbuf_u8(&a, '}');
	dynbuf_u8(&b, '}');
	assert_int_equal(doc_read(dynbuf_view(&a), &x), OK);
	assert_int_equal(doc_read(dynbuf_view(&b), &y), OK);
	assert_int_equal(doc_equal(&x, 0, &y, 0, &work, &same), ERR_TOO_LARGE);
	work = 10000000;
	assert_int_equal(doc_equal(&x, 0, &y, 0, &work, &same), OK);
	assert_true(same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_doc_takes_one_value_of_json),
		cmocka_unit_test(a_doc_never_reads_past_its_end),
		cmocka_unit_test(a_doc_is_bounded),
		cmocka_unit_test(a_wide_object_has_no_name_twice_either),
		cmocka_unit_test(what_is_in_a_doc_is_found),
		cmocka_unit_test(strings_are_compared_and_given_unescaped),
		cmocka_unit_test(strings_are_ordered_by_utf16),
		cmocka_unit_test(numbers_are_compared_to_the_last_digit),
		cmocka_unit_test(whole_numbers_are_known_by_value),
		cmocka_unit_test(values_are_equal_whatever_their_form),
		cmocka_unit_test(comparing_wide_objects_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
