/* SPDX-License-Identifier: Apache-2.0 */
#include "core/oauth/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/catalog/catalog.h"
#include "core/oauth/pkce.h"

static struct service *builtin(const char *id)
{
	struct complaint complaint = { 0 };
	struct service *service = NULL;
	struct bytes text;

	assert_true(catalog_find(str(id), &text));
	if (service_compile(text, id, &complaint, &service) != OK)
		fail_msg("%s", complaint.text);
	return service;
}

static void assert_text(const struct dynbuf *text, const char *want)
{
	if (!bytes_is(dynbuf_view(text), want))
		fail_msg("%.*s is not %s", (int)text->n, text->p, want);
}

static void pkce_is_that_of_rfc_7636(void **state)
{
	char verifier[PKCE_TEXT_LEN + 1], other[PKCE_TEXT_LEN + 1], challenge[PKCE_TEXT_LEN + 1];

	/* Appendix B. */
	pkce_challenge(str("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), challenge);
	assert_string_equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
	pkce_verifier(verifier);
	pkce_verifier(other);
	assert_int_equal(strlen(verifier), PKCE_TEXT_LEN);
	assert_string_not_equal(verifier, other);
	assert_true(pkce_verifier_ok(str(verifier)));
	verifier[42] = 0;
	assert_false(pkce_verifier_ok(str(verifier)));
	verifier[42] = '=';
	assert_false(pkce_verifier_ok(str(verifier)));
}

static void scopes_asked_for_are_those_of_the_file_and_its_constants(void **state)
{
	char text[SCOPES_MAX_BYTES + 1];
	struct service *service = builtin("jira");
	struct scopes scopes;

	assert_int_equal(provider_scopes(service, str("write:jira-work"), &scopes), OK);
	assert_int_equal(scopes_print(&scopes, text), OK);
	assert_string_equal(text, "offline_access read:me write:jira-work");
	assert_int_equal(provider_scopes(service, str(""), &scopes), OK);
	assert_int_equal(scopes_print(&scopes, text), OK);
	assert_string_equal(text, "offline_access read:jira-work read:me");
	assert_int_equal(provider_scopes(service, str("admin"), &scopes), ERR_INVALID_SCOPE);
	assert_int_equal(provider_scopes(service, str("a\"b"), &scopes), ERR_INVALID_SCOPE);
	service_free(&service);
}

static void authorize(const char *id, const char *asked, const char *want)
{
	struct service *service = builtin(id);
	struct scopes scopes;
	struct dynbuf out;

	assert_int_equal(provider_scopes(service, str(asked), &scopes), OK);
	const struct provider_party party = { str("my id"),
					      str("http://localhost:7070/login/callback"), NULL };
	const struct provider_consent consent = {
		.state = str("s1"),
		.challenge = str("c1"),
		.scopes = &scopes,
	};
	dynbuf_init(&out, PROVIDER_URL_MAX);
	assert_int_equal(provider_authorize(service, &party, &consent, &out), OK);
	assert_text(&out, want);
	dynbuf_done(&out);
	service_free(&service);
}

static void the_browser_is_sent_with_what_each_provider_wants(void **state)
{
	authorize("github", "repo read:user",
		  "https://github.com/login/oauth/authorize?client_id=my+id"
		  "&redirect_uri=http%3A%2F%2Flocalhost%3A7070%2Flogin%2Fcallback&state=s1&"
		  "response_type=code"
		  "&code_challenge=c1&code_challenge_method=S256&prompt=select_account&scope=read%"
		  "3Auser+repo");
	authorize("slack", "users:read chat:write",
		  "https://slack.com/oauth/v2/authorize?client_id=my+id"
		  "&redirect_uri=http%3A%2F%2Flocalhost%3A7070%2Flogin%2Fcallback&state=s1&"
		  "response_type=code"
		  "&user_scope=chat%3Awrite%2Cusers%3Aread");
}

static void a_code_is_redeemed_without_any_secret_in_the_text(void **state)
{
	struct service *service = builtin("github");
	struct provider_call call;

	assert_int_equal(
		provider_call_code(service,
				   &(struct provider_party){ str("id"), str("http://x/cb"), NULL },
				   str("c&d"), str("v"), &call),
		OK);
	assert_text(&call.url, "https://github.com/login/oauth/access_token");
	assert_text(&call.body,
		    "grant_type=authorization_code&code=c%26d&redirect_uri=http%3A%2F%2Fx%2Fcb"
		    "&code_verifier=v&client_id=id");
	assert_int_equal(call.method, SERVICE_POST);
	assert_int_equal(call.kind, PROVIDER_BODY_FORM);
	assert_int_equal(call.placements_n, 1);
	assert_int_equal(call.placements[0].secret, PROVIDER_CLIENT_SECRET);
	assert_int_equal(call.placements[0].how, PROVIDER_MEMBER);
	assert_true(bytes_is(call.placements[0].name, "client_secret"));
	assert_int_equal(call.headers.n, 1);
	assert_true(bytes_is(call.headers.at[0].value, "application/json"));
	assert_int_equal(call.cuts_n, 2);
	assert_true(bytes_is(call.cuts[0], "access_token"));
	provider_call_done(&call);
	service_free(&service);
}

static void a_refresh_places_both_secrets_and_cuts_where_the_file_says(void **state)
{
	struct service *service = builtin("slack");
	struct provider_call call;

	assert_int_equal(provider_call_refresh(service,
					       &(struct provider_party){ .client_id = str("id") },
					       &call),
			 OK);
	assert_text(&call.body, "grant_type=refresh_token");
	assert_int_equal(call.placements_n, 2);
	assert_int_equal(call.placements[0].how, PROVIDER_BASIC);
	assert_true(bytes_is(call.placements[0].user, "id"));
	assert_int_equal(call.placements[1].secret, PROVIDER_REFRESH);
	assert_true(bytes_is(call.placements[1].name, "refresh_token"));
	assert_true(bytes_is(call.cuts[1], "refresh_token"));
	provider_call_done(&call);
	assert_int_equal(provider_call_code(service,
					    &(struct provider_party){ str("id"), str("r"), NULL },
					    str("c"), str("v"), &call),
			 OK);
	assert_true(bytes_is(call.cuts[0], "authed_user.access_token"));
	assert_text(&call.body, "grant_type=authorization_code&code=c&redirect_uri=r");
	provider_call_done(&call);
	service_free(&service);
}

static void revocation_takes_the_form_of_each_provider(void **state)
{
	struct service *service = builtin("github");
	struct provider_call call;

	assert_int_equal(provider_call_revoke(service,
					      &(struct provider_party){ .client_id = str("a/b") },
					      true, &call),
			 OK);
	assert_text(&call.url, "https://api.github.com/applications/a%2Fb/token");
	assert_int_equal(call.method, SERVICE_DELETE);
	assert_text(&call.body, "{}");
	assert_int_equal(call.placements[0].secret, PROVIDER_ACCESS);
	assert_true(bytes_is(call.placements[0].name, "access_token"));
	assert_int_equal(call.placements[1].how, PROVIDER_BASIC);
	provider_call_done(&call);
	service_free(&service);

	service = builtin("google");
	assert_int_equal(provider_call_revoke(service,
					      &(struct provider_party){ .client_id = str("id") },
					      true, &call),
			 OK);
	assert_int_equal(call.placements_n, 1);
	assert_int_equal(call.placements[0].secret, PROVIDER_REFRESH);
	assert_text(&call.body, "");
	provider_call_done(&call);
	assert_int_equal(provider_call_revoke(service,
					      &(struct provider_party){ .client_id = str("id") },
					      false, &call),
			 OK);
	assert_int_equal(call.placements[0].secret, PROVIDER_ACCESS);
	provider_call_done(&call);
	service_free(&service);

	service = builtin("slack");
	assert_int_equal(provider_call_revoke(service,
					      &(struct provider_party){ .client_id = str("id") },
					      true, &call),
			 OK);
	assert_int_equal(call.placements[0].how, PROVIDER_BEARER);
	assert_int_equal(call.placements[0].secret, PROVIDER_ACCESS);
	assert_int_equal(call.kind, PROVIDER_BODY_NONE);
	provider_call_done(&call);
	service_free(&service);

	service = builtin("jira");
	assert_int_equal(provider_call_revoke(service,
					      &(struct provider_party){ .client_id = str("id") },
					      true, &call),
			 ERR_UNSUPPORTED);
	provider_call_done(&call);
	service_free(&service);
}

static void an_account_may_be_asked_for_by_graphql(void **state)
{
	struct service *service = builtin("linear");
	struct provider_call call;

	assert_int_equal(provider_call_account(service, NULL, &call), OK);
	assert_int_equal(call.method, SERVICE_POST);
	assert_int_equal(call.kind, PROVIDER_BODY_JSON);
	assert_text(&call.body, "{\"query\":\"{ viewer { id email } }\"}");
	provider_call_done(&call);
	service_free(&service);
}

static void accounts_are_named_by_id_and_name(void **state)
{
	struct service *service = builtin("github");
	struct provider_account account;
	struct provider_call call;

	assert_int_equal(provider_call_account(service, NULL, &call), OK);
	assert_text(&call.url, "https://api.github.com/user");
	assert_int_equal(call.placements[0].how, PROVIDER_BEARER);
	provider_call_done(&call);
	assert_int_equal(provider_account_read(service, 200,
					       str("{\"id\":583231,\"login\":\"ada\"}"), &account),
			 OK);
	assert_string_equal(account.id, "583231");
	assert_string_equal(account.name, "ada");
	assert_int_equal(provider_account_read(service, 200, str("{\"id\":7}"), &account), OK);
	assert_string_equal(account.name, "7");
	assert_int_equal(provider_account_read(service, 200, str("{\"login\":\"ada\"}"), &account),
			 ERR_MALFORMED);
	assert_int_equal(provider_account_read(service, 200, str("<html>"), &account),
			 ERR_MALFORMED);
	assert_int_equal(provider_account_read(service, 401, str("{}"), &account),
			 ERR_PROVIDER_REFUSED);
	assert_int_equal(provider_account_read(service, 503, str("{}"), &account),
			 ERR_PROVIDER_UNAVAILABLE);
	service_free(&service);

	service = builtin("slack");
	assert_int_equal(
		provider_account_read(service, 200,
				      str("{\"ok\":true,\"team_id\":\"T1\",\"user_id\":\"U1\","
					  "\"user\":\"ada\",\"team\":\"Acme\"}"),
				      &account),
		OK);
	assert_string_equal(account.id, "T1/U1");
	assert_string_equal(account.name, "ada, Acme");
	assert_int_equal(provider_account_read(service, 200,
					       str("{\"ok\":false,\"error\":\"invalid_auth\"}"),
					       &account),
			 ERR_PROVIDER_REFUSED);
	service_free(&service);
}

static void the_second_step_finds_variables_and_checks_them(void **state)
{
	struct service *service = builtin("jira");
	scoped(json_free) json_t *variables = json_object();

	assert_int_equal(provider_take_discover(
				 service, 200, str("[{\"id\":\"1-2\"},{\"id\":\"9\"}]"), variables),
			 OK);
	assert_true(bytes_is(json_str(variables, "cloud_id"), "1-2"));
	assert_int_equal(
		provider_take_discover(service, 200, str("[{\"id\":\"../x\"}]"), variables),
		ERR_MALFORMED);
	assert_int_equal(provider_take_discover(service, 200, str("[]"), variables), ERR_MALFORMED);
	assert_true(bytes_is(json_str(variables, "cloud_id"), "1-2"));
	service_free(&service);
}

static void a_dead_token_is_told_from_an_unknown_state(void **state)
{
	struct service *service = builtin("slack");

	assert_int_equal(provider_probe_read(service, 200, str("{\"ok\":true}")), PROVIDER_ALIVE);
	assert_int_equal(provider_probe_read(service, 200,
					     str("{\"ok\":false,\"error\":\"token_revoked\"}")),
			 PROVIDER_DEAD);
	assert_int_equal(
		provider_probe_read(service, 200, str("{\"ok\":false,\"error\":\"ratelimited\"}")),
		PROVIDER_LIFE_UNKNOWN);
	assert_int_equal(provider_probe_read(service, 401, str("")), PROVIDER_DEAD);
	assert_int_equal(provider_probe_read(service, 403, str("")), PROVIDER_LIFE_UNKNOWN);
	assert_int_equal(provider_probe_read(service, 500, str("")), PROVIDER_LIFE_UNKNOWN);
	assert_int_equal(provider_revoke_read(service, 200, str("{\"ok\":true}")), OK);
	assert_int_equal(provider_revoke_read(service, 200,
					      str("{\"ok\":false,\"error\":\"token_revoked\"}")),
			 OK);
	assert_int_equal(provider_revoke_read(service, 200,
					      str("{\"ok\":false,\"error\":\"no_permission\"}")),
			 ERR_PROVIDER_REFUSED);
	assert_int_equal(provider_revoke_read(service, 503, str("")), ERR_PROVIDER_UNAVAILABLE);
	service_free(&service);
	service = builtin("google");
	assert_int_equal(provider_revoke_read(service, 400, str("{\"error\":\"invalid_token\"}")),
			 OK);
	assert_int_equal(provider_revoke_read(service, 401, str("{\"error\":\"invalid_client\"}")),
			 ERR_PROVIDER_REFUSED);
	service_free(&service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pkce_is_that_of_rfc_7636),
		cmocka_unit_test(scopes_asked_for_are_those_of_the_file_and_its_constants),
		cmocka_unit_test(the_browser_is_sent_with_what_each_provider_wants),
		cmocka_unit_test(a_code_is_redeemed_without_any_secret_in_the_text),
		cmocka_unit_test(a_refresh_places_both_secrets_and_cuts_where_the_file_says),
		cmocka_unit_test(revocation_takes_the_form_of_each_provider),
		cmocka_unit_test(accounts_are_named_by_id_and_name),
		cmocka_unit_test(an_account_may_be_asked_for_by_graphql),
		cmocka_unit_test(the_second_step_finds_variables_and_checks_them),
		cmocka_unit_test(a_dead_token_is_told_from_an_unknown_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
