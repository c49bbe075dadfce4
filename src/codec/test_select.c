/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "codec/doc.h"
#include "codec/select.h"

static void selects(const char *lines, const char *answer, const char *want)
{
	scoped(dynbuf_done) struct dynbuf out;
	static struct select select;

	dynbuf_init(&out, 1000);
	assert_int_equal(select_parse(str(lines), &select), OK);
	assert_int_equal(select_run(&select, str(answer), &out), OK);
	dynbuf_u8(&out, 0);
	assert_int_equal(dynbuf_err(&out), OK);
	assert_string_equal((const char *)out.p, want);
}

static void fields_are_taken_of_an_object(void **state)
{
	(void)state;
	selects("field id id\nfield author user.login\n",
		"{\"secret\":1, \"id\": 12345678901234567890.10, \"user\":{\"login\":\"a\\u0062\","
		"\"x\":1}}",
		"{\"id\":12345678901234567890.10,\"author\":\"a\\u0062\"}");
}

static void fields_are_taken_of_each_element(void **state)
{
	(void)state;
	selects("field id id\n", "[{\"id\":1,\"x\":2},{\"id\":{\"a\": [ ]}},{},7]",
		"[{\"id\":1},{\"id\":{\"a\": [ ]}},{},{}]");
	selects("from data.list\nfield n 1.n\n", "{\"data\":{\"list\":[[{\"n\":0},{\"n\":1}]]}}",
		"[{\"n\":1}]");
}

static void what_is_not_there_is_left_out(void **state)
{
	(void)state;
	selects("field a a\nfield b b.c\nfield d d.0\nfield e e\n",
		"{\"a\":null,\"b\":1,\"d\":{\"x\":1}}", "{\"a\":null}");
	selects("from items\nfield a a\n", "{}", "null");
	selects("from items\nfield a a\n", "{\"items\":\"text with all of it\"}", "null");
	selects("field a a\n", "\"text\"", "null");
}

static void the_mark_of_the_next_page_stays(void **state)
{
	(void)state;
	selects("from files\nfield id id\nbeside next nextPageToken\nbeside more a.b\n",
		"{\"files\":[{\"id\":1}],\"nextPageToken\":\"x\"}",
		"{\"items\":[{\"id\":1}],\"next\":\"x\"}");
	selects("from files\nfield id id\nbeside next next\n", "{\"next\":2}",
		"{\"items\":null,\"next\":2}");
}

static void doubtful_lines_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"from a\n",
		"field a\n",
		"field a \n",
		"field a a..b\n",
		"field a a.\n",
		"field a .a\n",
		"field a a\n\nfield b b\n",
		"field a\" a\n",
		"field a a\nfield a b\n",
		"field a a\nfrom b\n",
		"from a\nfrom b\nfield a a\n",
		"field a a b\n",
		"beside items x\nfield a a\n",
		"other a a\n",
		"field a 1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17\n",
	};
	static struct select select;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (select_parse(str(bad[i]), &select) != ERR_MALFORMED)
			fail_msg("row %zu is accepted", i);
}

static void what_comes_out_is_bounded(void **state)
{
	scoped(dynbuf_done) struct dynbuf out, in;
	static struct select select;

	(void)state;
	dynbuf_init(&out, 100);
	dynbuf_init(&in, 10000);
	assert_int_equal(select_parse(str("field a a\nfield b a"), &select), OK);
	dynbuf_str(&in, "{\"a\":\"");
	for (int i = 0; i < 90; i++)
		dynbuf_u8(&in, 'x');
	dynbuf_str(&in, "\"}");
	assert_int_equal(select_run(&select, dynbuf_view(&in), &out), ERR_TOO_LARGE);
	dynbuf_reset(&out);
	assert_int_equal(select_run(&select, str("{\"a\":1,\"a\":2}"), &out), ERR_MALFORMED);
	assert_int_equal(select_run(&select, str("<html>"), &out), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_taken_of_an_object),
		cmocka_unit_test(fields_are_taken_of_each_element),
		cmocka_unit_test(what_is_not_there_is_left_out),
		cmocka_unit_test(the_mark_of_the_next_page_stays),
		cmocka_unit_test(doubtful_lines_are_refused),
		cmocka_unit_test(what_comes_out_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
