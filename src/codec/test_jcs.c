/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/jcs.h"

static enum err print(const char *text, enum jcs_numbers numbers, struct dynbuf *out)
{
	scoped(doc_done) struct doc doc = { 0 };

	dynbuf_reset(out);
	assert_int_equal(doc_read(str(text), &doc), OK);
	return jcs_print(&doc, 0, numbers, out);
}

static void prints(const char *text, const char *want)
{
	scoped(dynbuf_done) struct dynbuf out;

	dynbuf_init(&out, 10000);
	assert_int_equal(print(text, JCS_ES, &out), OK);
	dynbuf_u8(&out, 0);
	assert_string_equal((const char *)out.p, want);
}

/* RFC 8785 3.2.2 and 3.2.3 */
static void the_examples_of_the_rfc_come_out_as_printed(void **state)
{
	(void)state;
	prints("{ \"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, "
	       "0.000000000000000000000000001],"
	       " \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\","
	       " \"literals\": [null, true, false] }",
	       "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,"
	       "1e-27],\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
	prints("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\","
	       "\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\","
	       "\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
	       "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
	       "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
	       "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\","
	       "\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
	       "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
}

/* RFC 8785 appendix B */
static void numbers_are_printed_as_ecmascript_does(void **state)
{
	static const struct {
		uint64_t bits;
		const char *want;
	} rows[] = {
		{ 0x0000000000000000, "0" },
		{ 0x8000000000000000, "0" },
		{ 0x0000000000000001, "5e-324" },
		{ 0x8000000000000001, "-5e-324" },
		{ 0x7fefffffffffffff, "1.7976931348623157e+308" },
		{ 0xffefffffffffffff, "-1.7976931348623157e+308" },
		{ 0x4340000000000000, "9007199254740992" },
		{ 0xc340000000000000, "-9007199254740992" },
		{ 0x4430000000000000, "295147905179352830000" },
		{ 0x44b52d02c7e14af5, "9.999999999999997e+22" },
		{ 0x44b52d02c7e14af6, "1e+23" },
		{ 0x44b52d02c7e14af7, "1.0000000000000001e+23" },
		{ 0x444b1ae4d6e2ef4e, "999999999999999700000" },
		{ 0x444b1ae4d6e2ef4f, "999999999999999900000" },
		{ 0x444b1ae4d6e2ef50, "1e+21" },
		{ 0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7" },
		{ 0x3eb0c6f7a0b5ed8d, "0.000001" },
		{ 0x41b3de4355555553, "333333333.3333332" },
		{ 0x41b3de4355555554, "333333333.33333325" },
		{ 0x41b3de4355555555, "333333333.3333333" },
		{ 0x41b3de4355555556, "333333333.3333334" },
		{ 0x41b3de4355555557, "333333333.33333343" },
		{ 0xbecbf647612f3696, "-0.0000033333333333333333" },
		{ 0x43143ff3c1cb0959, "1424953923781206.2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		double value;
		char text[64];
		memcpy(&value, &rows[i].bits, sizeof value);
		/* the printed form is what a double holds, so it is the input too */
		prints(rows[i].want, rows[i].want);
		snprintf(text, sizeof text, "%.17g", value);
		assert_true(strtod(rows[i].want, NULL) - value == 0);
	}
}

static void a_whole_number_that_a_double_changes_is_refused(void **state)
{
	static const char *const bad[] = {
		"9007199254740993",   "1e309",	"12345678901234567890",
		"9007199254740993e0", "-1e400", "1.0000000000000000001e19"
	};
	scoped(dynbuf_done) struct dynbuf out;

	(void)state;
	dynbuf_init(&out, 10000);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(print(bad[i], JCS_ES, &out), ERR_UNSUPPORTED);
		assert_int_equal(print(bad[i], JCS_AS_IS, &out), OK);
		assert_true(bytes_is(dynbuf_view(&out), bad[i]));
	}
}

static void wide_objects_are_sorted_too(void **state)
{
	scoped(dynbuf_done) struct dynbuf in, out;
	scoped(doc_done) struct doc doc = { 0 };

	(void)state;
	dynbuf_init(&in, 100000);
	dynbuf_init(&out, 100000);
	for (int i = 0; i < 1000; i++)
		dynbuf_printf(&in, "%s\"n%04d\":[ ]", i == 0 ? "{" : " , ", (i * 7) % 1000);
	dynbuf_u8(&in, '}');
	assert_int_equal(doc_read(dynbuf_view(&in), &doc), OK);
	assert_int_equal(jcs_print(&doc, 0, JCS_ES, &out), OK);
	dynbuf_reset(&in);
	for (int i = 0; i < 1000; i++)
		dynbuf_printf(&in, "%s\"n%04d\":[]", i == 0 ? "{" : ",", i);
	dynbuf_u8(&in, '}');
	assert_true(bytes_eq(dynbuf_view(&in), dynbuf_view(&out)));
	out.max = out.n + 10;
	assert_int_equal(jcs_print(&doc, 0, JCS_ES, &out), ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfc_come_out_as_printed),
		cmocka_unit_test(numbers_are_printed_as_ecmascript_does),
		cmocka_unit_test(a_whole_number_that_a_double_changes_is_refused),
		cmocka_unit_test(wide_objects_are_sorted_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
