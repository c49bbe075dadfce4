/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ipc/origins.h"

static void a_pattern_stands_for_names_below_it_alone(void **state)
{
	const struct bytes list = str("https://acme.com\nhttps://*.zen.example\nhttp://*.a.b:81");
	static const struct {
		const char *line;
		bool allowed;
	} rows[] = {
		{ "https://acme.com", true },
		{ "https://www.acme.com", false },
		{ "http://acme.com", false },
		{ "https://a.zen.example", true },
		{ "https://a.b.zen.example", true },
		{ "https://zen.example", false },
		{ "https://.zen.example", false },
		{ "https://evilzen.example", false },
		{ "https://a.zen.example:444", false },
		{ "https://evil.example/a.zen.example", false },
		{ "http://a.zen.example", false },
		{ "https://*.zen.example", true },
		{ "https://*.a.zen.example", true },
		{ "https://*.example", false },
		{ "http://x.a.b:81", true },
		{ "http://x.a.b", false },
		{ "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (origins_allow(list, str(rows[i].line)) != rows[i].allowed)
			fail_msg("%s", rows[i].line);
	assert_false(origins_allow(str(""), str("https://acme.com")));
}

static void what_two_lists_have_in_common_is_left(void **state)
{
	static const struct {
		const char *a, *b, *met;
	} rows[] = {
		{ "https://a\nhttps://b", "https://a\nhttps://b", "https://a\nhttps://b" },
		{ "https://a\nhttps://b", "https://b\nhttps://c", "https://b" },
		{ "https://a", "https://b", "" },
		{ "https://x.zen.example", "https://*.zen.example", "https://x.zen.example" },
		{ "https://*.zen.example", "https://x.zen.example\nhttps://y.example",
		  "https://x.zen.example" },
		{ "https://*.zen.example", "https://*.a.zen.example", "https://*.a.zen.example" },
		{ "https://a", "", "" },
		{ "", "https://a", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		scoped(dynbuf_done) struct dynbuf met;
		dynbuf_init(&met, 256);
		origins_meet(str(rows[i].a), str(rows[i].b), &met);
		assert_true(bytes_is(dynbuf_view(&met), rows[i].met));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_stands_for_names_below_it_alone),
		cmocka_unit_test(what_two_lists_have_in_common_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
