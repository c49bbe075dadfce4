/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate/fields.h"
#include "gate/path.h"
#include "gate/peer.h"
#include "gate/splice.h"

static void a_path_has_one_spelling(void **state)
{
	static const char *const good[] = {
		"/",	   "/a",	 "/a/",	 "/oauth/token", "/a;b/c", "/a%20b",
		"/%C3%A9", "/a..b/.c/d", "/...", "/a:b@c,d",	 "/a%3Fb", "/~a-b_c.d",
	};
	static const char *const bad[] = {
		"",	  "a",		"*",	 "//",	     "/a//b",	"/a//",	    "/.",
		"/..",	  "/a/./b",	"/a/..", "/../a",    "/%2e%2e", "/a%2Fb",   "/a%2fb",
		"/a%5cb", "/a\\b",	"/a%00", "/a%0ab",   "/a%7f",	"/%74oken", "/%41",
		"/a%2d",  "/%",		"/%2",	 "/%zz",     "/%2g",	"/a%25b",   "/a b",
		"/a\x7f", "/a\xc3\xa9", "/%7e",	 "/a/%2e/b",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(path_check(str(good[i])), OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(path_check(str(bad[i])), ERR_MALFORMED);
}

static void below_proxy_a_slash_may_be_encoded(void **state)
{
	static const char *const good[] = {
		"/proxy/gitlab/projects/a%2Fb",
		"/proxy/gitlab/projects/a%2fb%2Fc",
		"/proxy/x/%2F",
		"/proxy/x/a%2F..b",
	};
	static const char *const bad[] = {
		"/proxy/x/a%2F..%2Fb", "/proxy/x/%2e%2e",      "/proxy/x/..%2Fb", "/proxy/x/a%2f..",
		"/proxy/x/a%2F.",      "/proxy/x/a%252Fb",     "/proxy/x/a%5Cb",  "/proxy/x//b",
		"/proxyx/a%2Fb",       "/api/v1/a%2Fproxy%2F", "/proxy/x/a%00",	  "/a/proxy/b%2Fc",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(path_check(str(good[i])), OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(path_check(str(bad[i])), ERR_MALFORMED);
	assert_true(path_proxied(str("/proxy/x")));
	assert_false(path_proxied(str("/proxyx")));
}

static void a_pattern_stands_for_whole_segments(void **state)
{
	static const char pattern[] = "/api/v1/services/*/client-secret";

	assert_true(path_is(str("/api/v1/services/github/client-secret"), pattern));
	assert_true(path_is(str("/api/v1/services/github/client-secret/"), pattern));
	assert_false(path_is(str("/api/v1/services//client-secret"), pattern));
	assert_false(path_is(str("/api/v1/services/a/b/client-secret"), pattern));
	assert_false(path_is(str("/api/v1/services/a/client-secrets"), pattern));
	assert_false(path_is(str("/api/v1/services/a"), pattern));
	assert_false(path_is(str("/api/v1/services/a/client-secret/x"), pattern));
	assert_true(bytes_is(path_of(str("/a?b?c")), "/a"));
}

static void resolve(const char *trust_text, const char *socket, const char *forwarded,
		    const char *expected)
{
	struct peer_trust trust;
	struct peer peer = { 0 };
	uint8_t want[PEER_LEN];

	assert_int_equal(peer_trust_parse(str(trust_text), &trust), OK);
	assert_int_equal(peer_parse(str(socket), peer.address), OK);
	assert_int_equal(peer_parse(str(expected), want), OK);
	peer_resolve(&trust, str(forwarded), str("http, https"), &peer);
	assert_memory_equal(peer.address, want, PEER_LEN);
	assert_int_equal(peer.secure, peer_trusted(&trust, peer.address) || trust.n > 0);
}

static void a_proxy_is_believed_only_where_it_is_trusted(void **state)
{
	struct peer_trust trust;

	resolve("", "127.0.0.1", "1.2.3.4", "127.0.0.1");
	resolve("false", "127.0.0.1", "1.2.3.4", "127.0.0.1");
	resolve("true", "127.0.0.1", "1.2.3.4", "1.2.3.4");
	resolve("true", "::1", "1.2.3.4", "1.2.3.4");
	resolve("true", "127.0.0.1", "9.9.9.9, 1.2.3.4", "1.2.3.4");
	resolve("127.0.0.1 10.0.0.0/8", "10.1.2.3", "9.9.9.9, 1.2.3.4,10.9.9.9", "1.2.3.4");
	resolve("10.0.0.0/8", "10.1.2.3", "9.9.9.9, what?, 10.9.9.9", "10.9.9.9");
	resolve("10.0.0.0/8", "10.1.2.3", "", "10.1.2.3");
	resolve("10.0.0.0/8", "10.1.2.3", "10.0.0.1, 10.0.0.2", "10.0.0.1");
	resolve("fd00::/8", "fd12::1", "[2001:db8::7]:443", "2001:db8::7");
	resolve("10.0.0.0/9", "10.127.0.1", "1.2.3.4:5678", "1.2.3.4");

	assert_int_equal(peer_trust_parse(str("10.0.0.0/33"), &trust), ERR_MALFORMED);
	assert_int_equal(peer_trust_parse(str("proxy.example"), &trust), ERR_MALFORMED);
	assert_int_equal(peer_trust_parse(str("yes"), &trust), ERR_MALFORMED);
	assert_int_equal(peer_trust_parse(str("10.0.0.0/"), &trust), ERR_MALFORMED);
}

static void an_untrusted_neighbour_is_not_secure_by_its_own_word(void **state)
{
	struct peer_trust trust;
	struct peer peer = { 0 };

	assert_int_equal(peer_trust_parse(str("10.0.0.0/8"), &trust), OK);
	assert_int_equal(peer_parse(str("11.0.0.1"), peer.address), OK);
	peer_resolve(&trust, str("1.2.3.4"), str("https"), &peer);
	assert_false(peer.secure);
}

static void a_socket_tells_its_address(void **state)
{
	const struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr = { htonl(0x7f000001) } };
	uint8_t have[PEER_LEN], want[PEER_LEN];

	peer_of_socket((const struct sockaddr *)&v4, have);
	assert_int_equal(peer_parse(str("127.0.0.1"), want), OK);
	assert_memory_equal(have, want, PEER_LEN);
}

static void a_secret_is_written_into_its_place(void **state)
{
	const struct bytes body = str("{\"t\":\"\"}");
	struct buf *out = NULL;

	assert_int_equal(splice_make(body, 6, str("abc"), &out), OK);
	assert_true(bytes_is(buf_bytes(out), "{\"t\":\"abc\"}"));
	buf_free(&out);
	assert_int_equal(splice_make(body, 6, str("a\"b\\c\n\x1f"), &out), OK);
	assert_true(bytes_is(buf_bytes(out), "{\"t\":\"a\\\"b\\\\c\\u000a\\u001f\"}"));
	buf_free(&out);
	assert_int_equal(splice_make(body, 8, str("x"), &out), OK);
	assert_true(bytes_is(buf_bytes(out), "{\"t\":\"\"}x"));
	buf_free(&out);
	assert_int_equal(splice_make(body, 9, str("x"), &out), ERR_MALFORMED);
	assert_null(out);
}

static struct bytes find(const struct fields *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (bytes_caseis(str(f->rows[i].name), name))
			return f->rows[i].value;
	return (struct bytes){ NULL, 0 };
}

static enum err answer_of(const char *name, const char *value, bool secure, struct fields *ret)
{
	static struct dynbuf list;

	dynbuf_done(&list);
	dynbuf_init(&list, 64 * 1024);
	ipc_headers_add(&list, name, str(value));
	return fields_for_answer(dynbuf_view(&list), secure, ret);
}

static void every_answer_has_its_lines(void **state)
{
	static struct fields f;

	assert_int_equal(answer_of("content-type", "application/json", false, &f), OK);
	assert_true(bytes_is(find(&f, "X-Content-Type-Options"), "nosniff"));
	assert_true(bytes_is(find(&f, "Cache-Control"), "no-store"));
	assert_true(bytes_is(find(&f, "Referrer-Policy"), "no-referrer"));
	assert_null(find(&f, "Strict-Transport-Security").p);
	assert_null(find(&f, "X-Frame-Options").p);

	assert_int_equal(answer_of("content-type", "text/html; charset=utf-8", true, &f), OK);
	assert_true(bytes_starts(find(&f, "Content-Security-Policy"), "default-src 'none'; style"));
	assert_non_null(find(&f, "Strict-Transport-Security").p);
	assert_non_null(find(&f, "Cross-Origin-Opener-Policy").p);
}

static void what_core_says_goes_before(void **state)
{
	static struct fields f;

	assert_int_equal(answer_of("cache-control", "public, max-age=60", false, &f), OK);
	assert_true(bytes_is(find(&f, "Cache-Control"), "public, max-age=60"));
	assert_int_equal(answer_of("content-security-policy", "default-src x", false, &f), OK);
	assert_true(bytes_is(find(&f, "Content-Security-Policy"), "default-src x"));
}

static void core_does_not_write_the_lines_of_framing(void **state)
{
	static const char *const names[] = { "content-length", "Transfer-Encoding", "connection",
					     "date", "" };
	static struct fields f;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(answer_of(names[i], "1", false, &f), ERR_MALFORMED);
	assert_int_equal(fields_for_answer(str("junk"), false, &f), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_has_one_spelling),
		cmocka_unit_test(below_proxy_a_slash_may_be_encoded),
		cmocka_unit_test(a_pattern_stands_for_whole_segments),
		cmocka_unit_test(a_proxy_is_believed_only_where_it_is_trusted),
		cmocka_unit_test(an_untrusted_neighbour_is_not_secure_by_its_own_word),
		cmocka_unit_test(a_socket_tells_its_address),
		cmocka_unit_test(a_secret_is_written_into_its_place),
		cmocka_unit_test(every_answer_has_its_lines),
		cmocka_unit_test(what_core_says_goes_before),
		cmocka_unit_test(core_does_not_write_the_lines_of_framing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
