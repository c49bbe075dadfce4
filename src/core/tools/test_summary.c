/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/tools/sample.h"
#include "core/tools/summary.h"

static void sums_up(const char *tool, const char *args, const char *want)
{
	struct service *service = sample_service();
	scoped(doc_done) struct doc doc = { 0 };
	scoped(dynbuf_done) struct dynbuf out;

	dynbuf_init(&out, SUMMARY_MAX_BYTES);
	sample_read(args, &doc);
	assert_int_equal(tools_summary(sample_tool(service, tool), &doc, &out), OK);
	dynbuf_u8(&out, 0);
	assert_string_equal((const char *)out.p, want);
	service_free(&service);
}

static void a_summary_names_the_arguments(void **state)
{
	(void)state;
	sums_up("issues.get", "{\"owner\":\"acme\",\"repo\":\"site\",\"number\":1e2}",
		"Read #1e2 in acme/site");
	sums_up("issues.get", "{\"owner\":\"acme\",\"repo\":\"\"}", "Read #\xe2\x80\x93 in acme/");
	sums_up("mail.send",
		"{\"to\":[\"a@x\", \"b@x\"],\"subject\":\"{to} Gr\xc3\xbc\xc3\x9f"
		"e \xf0\x9f\x99\x82\"}",
		"Send to [\"a@x\", \"b@x\"]: {to} Gr\xc3\xbc\xc3\x9f"
		"e \xf0\x9f\x99\x82");
}

static void what_hides_is_made_visible(void **state)
{
	(void)state;
	sums_up("issues.create",
		"{\"owner\":\"a\",\"repo\":\"b\",\"title\":\"x\\u202etxt\\u200b\\n\\t\\u0000\\ufeff"
		"\\udb40\\udc41\\u0085\\u2066\"}",
		"Open an issue in a/b: x[U+202E]txt[U+200B]\xe2\x8f\x8e[U+0009][U+0000][U+FEFF]"
		"[U+E0041][U+0085][U+2066]");
}

static void what_is_long_is_cut_with_a_note(void **state)
{
	char args[1500] = "{\"owner\":\"a\",\"repo\":\"b\",\"title\":\"",
	     want[1500] = "Open an issue in a/b: ";

	(void)state;
	for (int i = 0; i < 250; i++)
		strcat(args, "\xc3\xa4");
	strcat(args, "\"}");
	for (int i = 0; i < SUMMARY_VALUE_MAX; i++)
		strcat(want, "\xc3\xa4");
	strcat(want, "\xe2\x80\xa6 [50 more characters]");
	sums_up("issues.create", args, want);
}

static void bytes_that_are_no_text_are_shown_as_bytes(void **state)
{
	static const uint8_t bad[] = { 'a', 0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0xe2, 0x82 };
	scoped(dynbuf_done) struct dynbuf out;

	(void)state;
	dynbuf_init(&out, 1000);
	tools_visible((struct bytes){ bad, sizeof bad }, 100, &out);
	dynbuf_u8(&out, 0);
	assert_string_equal((const char *)out.p, "a[byte FF][byte C3]([byte ED][byte A0][byte 80]"
						 "[byte E2][byte 82]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_summary_names_the_arguments),
		cmocka_unit_test(what_hides_is_made_visible),
		cmocka_unit_test(what_is_long_is_cut_with_a_note),
		cmocka_unit_test(bytes_that_are_no_text_are_shown_as_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
