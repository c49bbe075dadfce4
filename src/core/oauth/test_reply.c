/* SPDX-License-Identifier: Apache-2.0 */
#include "core/oauth/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/catalog/catalog.h"

static const usec_t now = (usec_t)1795387546 * USEC_PER_S; /* 2026-11-22T22:45:46Z */

static struct service *compile(struct bytes text)
{
	struct complaint complaint = { 0 };
	struct service *service = NULL;

	if (service_compile(text, "f", &complaint, &service) != OK)
		fail_msg("%s", complaint.text);
	return service;
}

static struct service *builtin(const char *id)
{
	struct bytes text;

	assert_true(catalog_find(str(id), &text));
	return compile(text);
}

static struct service *plain(const char *more)
{
	struct service *service;
	struct dynbuf text;

	dynbuf_init(&text, 4096);
	dynbuf_str(&text, "id: notes\nname: Notes\noauth:\n"
			  "  authorize_url: https://a.example/a\n  token_url: https://a.example/t\n"
			  "  client_auth: basic\n  pkce: S256\n"
			  "  account: {url: https://a.example/me, id: sub}\n"
			  "  scopes: {a: {says: x, risk: low}}\n");
	dynbuf_str(&text, more);
	dynbuf_str(&text, "api: {hosts: [https://a.example], auth: bearer}\n");
	service = compile(dynbuf_view(&text));
	dynbuf_done(&text);
	return service;
}

struct row {
	const char *body;
	unsigned status;
	enum reply_class class;
	const char *error, *scopes;
	uint64_t life_s; /* 0: never */
};

static void check(const struct service *service, bool refresh, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct reply_input input = {
			.service = service,
			.refresh = refresh,
			.status = rows[i].status,
			.body = str(rows[i].body),
			/* Courier leaves an empty string where it cut a token out. */
			.found = strstr(rows[i].body, "access_token") == NULL	 ? 0u
				 : strstr(rows[i].body, "refresh_token") == NULL ? 1u
										 : 3u,
			.asked = str("b a"),
			.now = now,
		};
		struct reply reply;
		reply_read(&input, &reply);
		if (reply.class != rows[i].class)
			fail_msg("row %zu: class %d for %s", i, reply.class, rows[i].body);
		assert_string_equal(reply.error, rows[i].error);
		if (reply.class == REPLY_GRANTED) {
			assert_string_equal(reply.scopes, rows[i].scopes);
			assert_int_equal(reply.expires,
					 rows[i].life_s == 0 ? 0
							     : now + rows[i].life_s * USEC_PER_S);
			assert_int_equal(reply.rotated, input.found == 3);
		} else {
			assert_int_equal(reply.expires, 0);
			assert_string_equal(reply.scopes, "");
			assert_null(reply.variables);
		}
		reply_done(&reply);
	}
}

static void grants_of_the_plain_kind_are_read(void **state)
{
	static const struct row rows[] = {
		{ "{\"access_token\":\"\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"scope\":"
		  "\"b a b\"}",
		  200, REPLY_GRANTED, "", "a b", 3600 },
		{ "{\"access_token\":\"\",\"refresh_token\":\"\",\"token_type\":\"bearer\","
		  "\"expires_in\":\"3600\"}",
		  200, REPLY_GRANTED, "", "a b", 3600 },
		{ "{\"access_token\":\"\",\"scope\":\"\"}", 201, REPLY_GRANTED, "", "", 0 },
		{ "{\"access_token\":\"\",\"scope\":[\"x\",\"y\"],\"expires_in\":null}", 200,
		  REPLY_GRANTED, "", "x y", 0 },
	};
	struct service *service = plain("");

	check(service, false, rows, ARRAY_LEN(rows));
	check(service, true, rows, ARRAY_LEN(rows));
	service_free(&service);
}

static void what_cannot_be_understood_is_unusable_and_never_terminal(void **state)
{
	static const struct row rows[] = {
		{ "", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "<html>invalid_grant</html>", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "<html>invalid_grant</html>", 400, REPLY_UNUSABLE, "", "", 0 },
		{ "[]", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\"", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\",\"access_token\":\"\"}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\",\"expires_in\":-1}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\",\"expires_in\":0}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\",\"expires_in\":1e30}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\",\"expires_in\":315360001}", 200, REPLY_UNUSABLE, "", "",
		  0 },
		{ "{\"access_token\":\"\",\"expires_in\":\"abc\"}", 200, REPLY_UNUSABLE, "", "",
		  0 },
		{ "{\"access_token\":\"\",\"expires_in\":true}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\",\"token_type\":\"mac\"}", 200, REPLY_UNUSABLE, "", "",
		  0 },
		{ "{\"access_token\":\"\",\"token_type\":7}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\",\"scope\":7}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\",\"scope\":\"a\\\"b\"}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\"}", 302, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"error\":\"invalid_grant\"}", 302, REPLY_UNUSABLE, "invalid_grant", "", 0 },
		{ "{\"error\":\"something_new\"}", 400, REPLY_UNUSABLE, "something_new", "", 0 },
		{ "{\"error\":\"<b>bold</b>\"}", 400, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"error\":7}", 400, REPLY_UNUSABLE, "", "", 0 },
	};
	struct service *service = plain("");

	check(service, true, rows, ARRAY_LEN(rows));
	service_free(&service);
}

static void terminal_config_interaction_and_transient_are_told_apart(void **state)
{
	static const struct row rows[] = {
		{ "{\"error\":\"invalid_grant\"}", 400, REPLY_TERMINAL, "invalid_grant", "", 0 },
		{ "{\"error\":\"invalid_grant\"}", 403, REPLY_TERMINAL, "invalid_grant", "", 0 },
		{ "{\"error\":\"invalid_grant\",\"access_token\":\"\"}", 200, REPLY_TERMINAL,
		  "invalid_grant", "", 0 },
		{ "{\"error\":\"invalid_client\"}", 401, REPLY_CONFIG, "invalid_client", "", 0 },
		{ "{\"error\":\"unauthorized_client\"}", 400, REPLY_CONFIG, "unauthorized_client",
		  "", 0 },
		{ "", 401, REPLY_CONFIG, "", "", 0 },
		{ "{\"error\":\"interaction_required\"}", 400, REPLY_INTERACTION,
		  "interaction_required", "", 0 },
		{ "{\"error\":\"invalid_grant\"}", 500, REPLY_TRANSIENT, "invalid_grant", "", 0 },
		{ "{\"error\":\"invalid_grant\"}", 429, REPLY_TRANSIENT, "invalid_grant", "", 0 },
		{ "<html>", 502, REPLY_TRANSIENT, "", "", 0 },
		{ "", 503, REPLY_TRANSIENT, "", "", 0 },
		{ "{\"access_token\":\"\"}", 504, REPLY_TRANSIENT, "", "", 0 },
		{ "{\"error\":\"temporarily_unavailable\"}", 400, REPLY_TRANSIENT,
		  "temporarily_unavailable", "", 0 },
	};
	struct service *service = plain("");

	check(service, true, rows, ARRAY_LEN(rows));
	service_free(&service);
	assert_int_equal(reply_err(REPLY_GRANTED), OK);
	assert_int_equal(reply_err(REPLY_TERMINAL), ERR_REAUTH_REQUIRED);
	assert_int_equal(reply_err(REPLY_INTERACTION), ERR_REAUTH_REQUIRED);
	assert_int_equal(reply_err(REPLY_CONFIG), ERR_PROVIDER_REFUSED);
	assert_int_equal(reply_err(REPLY_TRANSIENT), ERR_PROVIDER_UNAVAILABLE);
	assert_int_equal(reply_err(REPLY_UNUSABLE), ERR_PROVIDER_UNAVAILABLE);
}

static void github_says_errors_under_status_200_and_commas_in_scopes(void **state)
{
	static const struct row rows[] = {
		{ "{\"access_token\":\"\",\"token_type\":\"bearer\",\"scope\":\"repo,read:user\"}",
		  200, REPLY_GRANTED, "", "read:user repo", 0 },
		{ "{\"error\":\"bad_refresh_token\"}", 200, REPLY_TERMINAL, "bad_refresh_token", "",
		  0 },
		{ "{\"error\":\"incorrect_client_credentials\"}", 200, REPLY_CONFIG,
		  "incorrect_client_credentials", "", 0 },
	};
	struct service *service = builtin("github");

	check(service, true, rows, ARRAY_LEN(rows));
	service_free(&service);
}

static void slack_nests_the_first_reply_and_says_ok_false(void **state)
{
	static const struct row first[] = {
		{ "{\"ok\":true,\"authed_user\":{\"access_token\":\"\",\"refresh_token\":\"\","
		  "\"expires_in\":43200,"
		  "\"scope\":\"chat:write,users:read\",\"token_type\":\"user\"}}",
		  200, REPLY_GRANTED, "", "chat:write users:read", 43200 },
		{ "{\"ok\":true,\"authed_user\":{\"access_token\":\"\",\"token_type\":\"bot\"}}",
		  200, REPLY_UNUSABLE, "", "", 0 },
	};
	static const struct row later[] = {
		{ "{\"ok\":true,\"access_token\":\"\",\"refresh_token\":\"\",\"expires_in\":43200,"
		  "\"token_type\":\"user\","
		  "\"authed_user\":{\"id\":\"U1\"}}",
		  200, REPLY_GRANTED, "", "a b", 43200 },
		{ "{\"ok\":false,\"error\":\"invalid_refresh_token\"}", 200, REPLY_TERMINAL,
		  "invalid_refresh_token", "", 0 },
		{ "{\"ok\":false,\"error\":\"bad_client_secret\"}", 200, REPLY_CONFIG,
		  "bad_client_secret", "", 0 },
		{ "{\"ok\":false,\"error\":\"ratelimited\"}", 200, REPLY_TRANSIENT, "ratelimited",
		  "", 0 },
		{ "{\"ok\":false}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"ok\":false,\"access_token\":\"\"}", 200, REPLY_UNUSABLE, "", "", 0 },
	};
	struct service *service = builtin("slack");

	check(service, false, first, ARRAY_LEN(first));
	check(service, true, later, ARRAY_LEN(later));
	service_free(&service);
}

static void expiry_follows_the_file(void **state)
{
	static const struct row never[] = { { "{\"access_token\":\"\",\"expires_in\":0}", 200,
					      REPLY_GRANTED, "", "a b", 0 } };
	static const struct row assume[] = {
		{ "{\"access_token\":\"\"}", 200, REPLY_GRANTED, "", "a b", 7200 },
		{ "{\"access_token\":\"\",\"expires_in\":60}", 200, REPLY_GRANTED, "", "a b", 60 },
	};
	static const struct row at[] = {
		{ "{\"access_token\":\"\",\"ends\":1795387606}", 200, REPLY_GRANTED, "", "a b",
		  60 },
		{ "{\"access_token\":\"\",\"ends\":\"2026-11-22T22:46:46Z\"}", 200, REPLY_GRANTED,
		  "", "a b", 60 },
		{ "{\"access_token\":\"\",\"ends\":\"2026-11-22T22:46:46.999Z\"}", 200,
		  REPLY_GRANTED, "", "a b", 60 },
		{ "{\"access_token\":\"\",\"ends\":\"2026-11-22T22:46:46+01:00\"}", 200,
		  REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\",\"ends\":5}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\",\"ends\":99999999999}", 200, REPLY_UNUSABLE, "", "", 0 },
		{ "{\"access_token\":\"\",\"ends\":\"soon\"}", 200, REPLY_UNUSABLE, "", "", 0 },
	};
	struct service *service = plain("  expiry: never\n");

	check(service, false, never, ARRAY_LEN(never));
	service_free(&service);
	service = plain("  expiry: {assume: 7200}\n");
	check(service, false, assume, ARRAY_LEN(assume));
	service_free(&service);
	service = plain("  reply: {expires_at: ends}\n");
	check(service, false, at, ARRAY_LEN(at));
	service_free(&service);
}

static void a_variable_of_the_reply_must_pass_its_check(void **state)
{
	struct service *service =
		plain("  variables: {team: {from: reply, path: team.id, check: id}}\n");
	struct reply_input input = { .service = service, .status = 200, .found = 1, .now = now };
	struct reply reply;

	input.body = str("{\"access_token\":\"\",\"team\":{\"id\":\"T1\"}}");
	reply_read(&input, &reply);
	assert_int_equal(reply.class, REPLY_GRANTED);
	assert_true(bytes_is(json_str(reply.variables, "team"), "T1"));
	reply_done(&reply);
	input.body = str("{\"access_token\":\"\",\"team\":{\"id\":\"../T1\"}}");
	reply_read(&input, &reply);
	assert_int_equal(reply.class, REPLY_UNUSABLE);
	input.body = str("{\"access_token\":\"\"}");
	reply_read(&input, &reply);
	assert_int_equal(reply.class, REPLY_UNUSABLE);
	input.refresh = true;
	reply_read(&input, &reply);
	assert_int_equal(reply.class, REPLY_GRANTED);
	assert_null(reply.variables);
	service_free(&service);
}

static void retry_after_is_honoured_up_to_an_hour(void **state)
{
	static const struct {
		const char *value;
		uint64_t seconds;
	} cases[] = {
		{ "30", 30 },
		{ "3600", 3600 },
		{ "1000000000", 3600 },
		{ "99999999999999999999999", 0 },
		{ "0", 0 },
		{ "-5", 0 },
		{ "soon", 0 },
		{ "", 0 },
		{ "Sun, 22 Nov 2026 22:46:46 GMT", 60 },
		{ "Sun, 22 Nov 2026 22:44:46 GMT", 0 },
		{ "Sun, 22 Nov 2099 22:44:46 GMT", 3600 },
		{ "Sun, 22 Nov 2026 22:46:46 GMT junk", 0 },
	};
	struct service *service = plain("");
	struct reply reply;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct reply_input input = { .service = service,
						   .status = i % 2 == 0 ? 429 : 503,
						   .retry_after = str(cases[i].value),
						   .now = now };
		reply_read(&input, &reply);
		assert_int_equal(reply.class, REPLY_TRANSIENT);
		assert_int_equal(reply.retry_after_s, cases[i].seconds);
	}
	service_free(&service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grants_of_the_plain_kind_are_read),
		cmocka_unit_test(what_cannot_be_understood_is_unusable_and_never_terminal),
		cmocka_unit_test(terminal_config_interaction_and_transient_are_told_apart),
		cmocka_unit_test(github_says_errors_under_status_200_and_commas_in_scopes),
		cmocka_unit_test(slack_nests_the_first_reply_and_says_ok_false),
		cmocka_unit_test(expiry_follows_the_file),
		cmocka_unit_test(a_variable_of_the_reply_must_pass_its_check),
		cmocka_unit_test(retry_after_is_honoured_up_to_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
