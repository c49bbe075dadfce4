/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/base64.h"
#include "codec/form.h"
#include "codec/json.h"
#include "codec/token.h"
#include "codec/uri.h"

static enum err parse_json(struct bytes text)
{
	scoped(json_free) json_t *value = NULL;

	return json_parse(text, &json_request_limits, &value);
}

/* N-05 */
static void json_takes_one_value_and_nothing_doubtful(void **state)
{
	static const char *const good[] = { "{}", " [1, -0, 1.5e3, \"\\u00e4\", null] ", "\"x\"",
					    "9223372036854775807" };
	static const char *const bad[] = {
		"",
		"{} x",
		"{\"a\":1,\"a\":2}",
		"[1e999]",
		"\"\\ud800\"",
		"\xef\xbb\xbf{}",
		"\"\\u0000\"",
		"[1,]",
		"{'a':1}",
		"[01]",
		"\"\xc3\x28\"",
		"nul",
		"[",
		"}",
		"\"a",
		"NaN",
		"\"\x01\"",
		"99999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(parse_json(str(good[i])), OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse_json(str(bad[i])), ERR_MALFORMED);
	assert_int_equal(parse_json((struct bytes){ (const uint8_t *)"{}\0", 3 }), ERR_MALFORMED);
}

/* N-05 */
static void json_is_bounded_before_it_allocates(void **state)
{
	struct dynbuf text;

	(void)state;
	dynbuf_init(&text, 2 * 1024 * 1024);
	for (int i = 0; i < 100000; i++)
		dynbuf_u8(&text, '[');
	assert_int_equal(parse_json(dynbuf_view(&text)), ERR_TOO_LARGE);
	dynbuf_reset(&text);
	dynbuf_u8(&text, '[');
	for (int i = 0; i < 1001; i++)
		dynbuf_str(&text, i == 0 ? "\"\"" : ",\"\"");
	dynbuf_u8(&text, ']');
	assert_int_equal(parse_json(dynbuf_view(&text)), ERR_TOO_LARGE);
	dynbuf_reset(&text);
	for (int i = 0; i < JSON_TEXT_MAX; i++)
		dynbuf_u8(&text, ' ');
	dynbuf_str(&text, "1");
	assert_int_equal(parse_json(dynbuf_view(&text)), ERR_TOO_LARGE);
	dynbuf_done(&text);
}

static void a_string_prints_as_json_whatever_its_bytes(void **state)
{
	struct dynbuf out;

	(void)state;
	dynbuf_init(&out, 1000);
	json_print_string(
		(struct bytes){ (const uint8_t *)"a\"\\\n\x7f\xc3\xa4\xff\xed\xa0\x80", 11 }, &out);
	dynbuf_u8(&out, 0);
	assert_string_equal((char *)out.p,
			    "\"a\\\"\\\\\\u000a\\u007f\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
			    "\xef\xbf\xbd\"");
	dynbuf_done(&out);
}

/* N-06 */
static void a_form_decodes_once_and_refuses_half_sequences(void **state)
{
	static const char *const bad[] = { "a=%", "a=%0", "a=%00", "%zz=1", "a=%4" };
	struct form form = { 0 };
	struct dynbuf many;

	(void)state;
	assert_int_equal(form_parse(str("a=1&b=%41+%2B&&c&=x&a=2"), &form), OK);
	assert_int_equal(form.n, 5);
	assert_true(bytes_is(form_find(&form, "a"), "1"));
	assert_true(bytes_is(form_find(&form, "b"), "A +"));
	assert_int_equal(form_find(&form, "c").n, 0);
	assert_non_null(form_find(&form, "c").p);
	assert_null(form_find(&form, "d").p);
	assert_int_equal(form_count(&form, "a"), 2);
	form_done(&form);
	assert_int_equal(form_parse(str("a=1;b=2"), &form), OK);
	assert_true(bytes_is(form_find(&form, "a"), "1;b=2"));
	form_done(&form);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(form_parse(str(bad[i]), &form), ERR_MALFORMED);
	dynbuf_init(&many, 100000);
	for (int i = 0; i < FORM_PAIRS_MAX + 1; i++)
		dynbuf_str(&many, "a=1&");
	assert_int_equal(form_parse(dynbuf_view(&many), &form), ERR_TOO_LARGE);
	dynbuf_done(&many);
}

static void a_form_reads_back_what_it_wrote(void **state)
{
	struct form form = { 0 };
	struct dynbuf out;
	uint8_t all[255];

	(void)state;
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (uint8_t)(i + 1);
	dynbuf_init(&out, 4096);
	form_add(&out, "x", (struct bytes){ all, sizeof all });
	form_add(&out, "y z", str("&="));
	assert_int_equal(form_parse(dynbuf_view(&out), &form), OK);
	assert_true(bytes_eq(form_find(&form, "x"), (struct bytes){ all, sizeof all }));
	assert_true(bytes_is(form_find(&form, "y z"), "&="));
	form_done(&form);
	dynbuf_done(&out);
}

static void a_uri_has_one_accepted_form(void **state)
{
	static const char *const bad[] = {
		"ftp://x/",
		"https://",
		"https://u@x/",
		"https://X/",
		"https://x/#f",
		"https://x:/",
		"https://x:0/",
		"https://x:65536/",
		"https://x/../y",
		"https://x/a\\b",
		"https://x/%",
		"https://x/ y",
		"//x/",
		"https://x..y/",
		"https://.x/",
		"https://[::1/",
		"https://[::1]x/",
		"https://x/\x01",
		"https://\xc3\xa4/",
		"https://x:80:90/",
	};
	struct uri uri, other;

	(void)state;
	assert_int_equal(uri_parse(str("https://api.example.com:8443/a/b?c=d"), &uri), OK);
	assert_true(uri.https && uri.port == 8443 && bytes_is(uri.host, "api.example.com"));
	assert_true(bytes_is(uri.path, "/a/b") && bytes_is(uri.query, "c=d"));
	assert_true(bytes_is(uri.origin, "https://api.example.com:8443"));
	assert_int_equal(uri_parse(str("http://[::1]:70?x"), &uri), OK);
	assert_true(bytes_is(uri.host, "::1") && uri.port == 70 && bytes_is(uri.path, "/"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(uri_parse(str(bad[i]), &uri), ERR_MALFORMED);
	assert_int_equal(uri_parse(str("https://x"), &uri), OK);
	assert_int_equal(uri_parse(str("https://x:443/y"), &other), OK);
	assert_true(uri_same_origin(&uri, &other));
	assert_int_equal(uri_parse(str("http://x:443/y"), &other), OK);
	assert_false(uri_same_origin(&uri, &other));
}

static struct bytes variable(void *ctx, struct bytes name)
{
	(void)ctx;
	return bytes_is(name, "id") ? str("a/b c") : (struct bytes){ NULL, 0 };
}

/* N-11 */
static void a_path_decodes_once_or_not_at_all(void **state)
{
	static const char *const bad[] = { "/%2f",   "/a//b", "/..",	"/%2e%2e/x", "/%00",
					   "/a%5cb", "x",     "/a/./b", "/%4" };
	struct dynbuf out;

	(void)state;
	dynbuf_init(&out, 1000);
	assert_int_equal(uri_path_decode(str("/%74oken/%C3%A4"), &out), OK);
	assert_true(bytes_is(dynbuf_view(&out), "/token/\xc3\xa4"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(uri_path_decode(str(bad[i]), &out), ERR_MALFORMED);
	dynbuf_reset(&out);
	assert_int_equal(uri_expand(str("/x/{id}?y"), variable, NULL, &out), OK);
	assert_true(bytes_is(dynbuf_view(&out), "/x/a%2Fb%20c?y"));
	assert_int_equal(uri_expand(str("/{no}"), variable, NULL, &out), ERR_NOT_FOUND);
	assert_int_equal(uri_expand(str("/{id"), variable, NULL, &out), ERR_MALFORMED);
	dynbuf_done(&out);
}

/* RFC 4648 section 10 */
static void base64_has_one_text_per_value(void **state)
{
	static const struct {
		const char *plain, *text;
	} vectors[] = { { "", "" },
			{ "f", "Zg==" },
			{ "fo", "Zm8=" },
			{ "foo", "Zm9v" },
			{ "foob", "Zm9vYg==" },
			{ "fooba", "Zm9vYmE=" },
			{ "foobar", "Zm9vYmFy" } };
	static const char *const bad[] = { "Z",	   "Zh==",  "Zm9=",   "Zg=",
					   "Z===", "Zm 9v", "Zm9v\n", "Zg" };
	struct dynbuf out;
	uint8_t back[16];
	size_t n;

	(void)state;
	dynbuf_init(&out, 100);
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		dynbuf_reset(&out);
		base64_print(str(vectors[i].plain), &out);
		assert_true(bytes_is(dynbuf_view(&out), vectors[i].text));
		assert_int_equal(base64_parse(str(vectors[i].text), back, sizeof back, &n), OK);
		assert_true(bytes_is((struct bytes){ back, n }, vectors[i].plain));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(base64_parse(str(bad[i]), back, sizeof back, &n), ERR_MALFORMED);
	assert_int_equal(base64url_parse(str("-_8"), back, sizeof back, &n), OK);
	assert_int_equal(base64url_parse(str("-_8="), back, sizeof back, &n), ERR_MALFORMED);
	assert_int_equal(base64url_parse(str("AAAA"), back, 2, &n), ERR_TOO_LARGE);
	assert_int_equal(hex_parse(str("00ff"), back, 2), OK);
	assert_int_equal(back[1], 255);
	assert_int_equal(hex_parse(str("00FF"), back, 2), ERR_MALFORMED);
	dynbuf_done(&out);
}

static void a_token_is_known_by_its_checksum(void **state)
{
	uint8_t random[TOKEN_RANDOM_LEN] = { 255, 255, 255 };
	char text[TOKEN_TEXT_MAX + 1];
	enum token_kind kind;

	(void)state;
	for (enum token_kind k = TOKEN_ADMIN; k <= TOKEN_TICKET; k++) {
		token_print(k, random, text);
		assert_int_equal(token_parse(str(text), &kind), OK);
		assert_int_equal(kind, k);
		for (size_t i = 0; text[i] != 0; i++) {
			const char was = text[i];
			text[i] = was == 'x' ? 'y' : 'x';
			assert_int_equal(token_parse(str(text), &kind), ERR_MALFORMED);
			text[i] = was;
		}
		assert_int_equal(
			token_parse((struct bytes){ (uint8_t *)text, strlen(text) - 1 }, &kind),
			ERR_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_takes_one_value_and_nothing_doubtful),
		cmocka_unit_test(json_is_bounded_before_it_allocates),
		cmocka_unit_test(a_string_prints_as_json_whatever_its_bytes),
		cmocka_unit_test(a_form_decodes_once_and_refuses_half_sequences),
		cmocka_unit_test(a_form_reads_back_what_it_wrote),
		cmocka_unit_test(a_uri_has_one_accepted_form),
		cmocka_unit_test(a_path_decodes_once_or_not_at_all),
		cmocka_unit_test(base64_has_one_text_per_value),
		cmocka_unit_test(a_token_is_known_by_its_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
