/* SPDX-License-Identifier: Apache-2.0 */
#include "core/authserver/redirect.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void what_may_be_registered(void **state)
{
	static const struct {
		const char *uri;
		bool client, operator;
	} cases[] = {
		{ "https://app.example/cb", true, true },
		{ "https://app.example:8443/cb?tenant=1", true, true },
		{ "https://vscode.dev/redirect", true, true },
		{ "http://127.0.0.1/cb", true, true },
		{ "http://127.0.0.1:33418/", true, true },
		{ "http://[::1]:7000/cb", true, true },
		{ "http://localhost/callback", true, true },
		{ "cursor://anysphere.cursor-mcp/oauth/callback", true, true },
		{ "vscode://publisher.extension/did-authenticate", true, true },
		{ "com.example.app:/oauth", true, true },
		{ "myapp:/cb", false, true },
		{ "z39+a-1.x:/cb", true, true },
		{ "a:/cb", false, true },
		{ "zz:/cb", false, true },
		{ "a.b:/cb", true, true },
		{ ".ab:/cb", false, false },
		{ "ab.:/cb", false, true },
		{ "1ab.c:/cb", false, false },
		{ "{b.c:/cb", false, false },
		{ "a_b.c:/cb", false, false },
		{ "a/b.c:/cb", false, false },
		{ "aB.c:/cb", false, false },
		{ "app://a.b", true, true },
		{ "app://ab./x", false, true },
		{ "app://.ab/x", false, true },
		{ "app://x@a.b/x", false, false },
		{ "app://@/x", false, false },
		{ "about://a.b/x", false, false },
		{ "x-apple-helpbasic://a.b/x", false, false },
		{ "com.example.app:/a\x7f", false, false },
		{ "com.example.app:/a\x01", false, false },
		{ "com.example.app:/a~", true, true },
		{ "com.example.app:/!", true, true },
		{ "myapp://cb", false, true },
		{ "myapp://cb?x=a.b", false, true },
		{ "myapp:cb", false, false },
		{ "http://app.example/cb", false, false },
		{ "http://127.0.0.2/cb", false, false },
		{ "http://127.0.0.1.evil.example/cb", false, false },
		{ "http://localhost.evil.example/cb", false, false },
		{ "http://10.0.0.1/cb", false, false },
		{ "https://user@app.example/cb", false, false },
		{ "https://app.example/cb#x", false, false },
		{ "cursor://anysphere.cursor-mcp/cb#x", false, false },
		{ "cursor://me@anysphere.cursor-mcp/cb", false, false },
		{ "javascript:alert(1)", false, false },
		{ "javascript://a.b/%0aalert(1)", false, false },
		{ "data:text/html,x", false, false },
		{ "data://a.b/x", false, false },
		{ "file:///etc/passwd", false, false },
		{ "file://a.b/x", false, false },
		{ "vbscript://a.b/x", false, false },
		{ "blob:https://app.example/x", false, false },
		{ "blob://a.b/x", false, false },
		{ "JavaScript://a.b/x", false, false },
		{ "HTTPS://app.example/cb", false, false },
		{ "https://App.example/cb", false, false },
		{ "https:///cb", false, false },
		{ "https:app.example/cb", false, false },
		{ "//app.example/cb", false, false },
		{ "/cb", false, false },
		{ "cb", false, false },
		{ "", false, false },
		{ ":", false, false },
		{ "https://app.example/ cb", false, false },
		{ "https://app.example/../cb", false, false },
		{ "com.example.app:/a\\b", false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const bool client = redirect_check(str(cases[i].uri), REDIRECT_BY_CLIENT) == OK;
		const bool operator= redirect_check(str(cases[i].uri), REDIRECT_BY_OPERATOR) == OK;
		if (client != cases[i].client || operator!= cases[i].operator)
			fail_msg("%s: %d %d", cases[i].uri, client, operator);
	}
}

static void what_is_asked_is_what_was_registered_but_for_a_loopback_port(void **state)
{
	static const struct {
		const char *registered, *asked;
		bool allowed;
	} cases[] = {
		{ "https://app.example/cb", "https://app.example/cb", true },
		{ "https://app.example/cb", "https://app.example/cb/", false },
		{ "https://app.example/cb", "https://app.example/CB", false },
		{ "https://app.example/cb", "https://app.example/cb?", false },
		{ "https://app.example/cb", "https://app.example/cb?a=b", false },
		{ "https://app.example/cb", "https://app.example:443/cb", false },
		{ "https://app.example/cb", "https://app.example:8443/cb", false },
		{ "https://app.example/cb", "https://u@app.example/cb", false },
		{ "https://app.example/cb", "https://app.example/%63b", false },
		{ "https://app.example/cb", "https://app.example/x/../cb", false },
		{ "https://app.example/cb", "https://app.example/cb#", false },
		{ "https://app.example/cb", "http://app.example/cb", false },
		{ "https://app.example/cb", "https://app.example.evil.example/cb", false },
		{ "http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", true },
		{ "http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb", true },
		{ "http://127.0.0.1:1/cb", "http://127.0.0.1/cb", true },
		{ "http://127.0.0.1/cb", "http://127.0.0.1:49152/other", false },
		{ "http://127.0.0.1/cb", "http://127.0.0.1:49152/cb?x=1", false },
		{ "http://127.0.0.1/cb", "http://127.0.0.1:49152/cb/", false },
		{ "http://127.0.0.1/cb", "http://localhost:49152/cb", false },
		{ "http://127.0.0.1/cb", "https://127.0.0.1:49152/cb", false },
		{ "http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false },
		{ "http://127.0.0.1/cb", "http://127.0.0.1:70000/cb", false },
		{ "http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", false },
		{ "http://[::1]/cb", "http://[::1]:5/cb", true },
		{ "http://localhost/callback", "http://localhost:50578/callback", true },
		{ "https://localhost/cb", "https://localhost:5/cb", false },
		{ "https://127.0.0.1/cb", "https://127.0.0.1:5/cb", false },
		{ "cursor://a.b/cb", "cursor://a.b/cb", true },
		{ "cursor://a.b/cb", "cursor://a.b:1/cb", false },
		{ "", "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (redirect_allowed(str(cases[i].registered), str(cases[i].asked)) !=
		    cases[i].allowed)
			fail_msg("%s %s", cases[i].registered, cases[i].asked);
}

static void the_consent_page_is_told_where_it_goes(void **state)
{
	static const struct {
		const char *uri, *shown;
		bool loopback;
	} cases[] = {
		{ "https://app.example/cb", "app.example", false },
		{ "https://app.example:8443/cb", "app.example:8443", false },
		{ "https://app.example?a=b", "app.example", false },
		{ "http://localhost:5/cb", "localhost:5", true },
		{ "http://[::1]:5/cb", "[::1]:5", true },
		{ "https://localhost/cb", "localhost", false },
		{ "cursor://a.b/cb", "cursor", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct bytes shown = redirect_shown(str(cases[i].uri));
		if (!bytes_is(shown, cases[i].shown))
			fail_msg("%s: %.*s", cases[i].uri, (int)shown.n, (const char *)shown.p);
		assert_int_equal(redirect_is_loopback(str(cases[i].uri)), cases[i].loopback);
	}
}

static void what_is_too_long_is_neither_registered_nor_allowed(void **state)
{
	char uri[REDIRECT_TEXT_MAX + 2] = "https://app.example/";

	memset(uri + strlen(uri), 'a', REDIRECT_TEXT_MAX - strlen(uri));
	assert_int_equal(redirect_check(str(uri), REDIRECT_BY_CLIENT), OK);
	assert_true(redirect_allowed(str(uri), str(uri)));
	uri[REDIRECT_TEXT_MAX] = 'a';
	assert_int_equal(redirect_check(str(uri), REDIRECT_BY_OPERATOR), ERR_MALFORMED);
	assert_false(redirect_allowed(str(uri), str(uri)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_be_registered),
		cmocka_unit_test(what_is_asked_is_what_was_registered_but_for_a_loopback_port),
		cmocka_unit_test(the_consent_page_is_told_where_it_goes),
		cmocka_unit_test(what_is_too_long_is_neither_registered_nor_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
