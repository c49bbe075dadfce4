/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/oauth/discovery.h"

#define HERE	 "https://mcp.acme.example/v1/mcp"
#define AS	 "https://auth.acme.example/one"
#define RESOURCE "{\"resource\":\"" HERE "\",\"authorization_servers\":[\"" AS "\"]}"
#define ENDPOINTS                                                                                  \
	"\"authorization_endpoint\":\"" AS "/authorize\",\"token_endpoint\":\"" AS "/token\","
#define PKCE   "\"code_challenge_methods_supported\":[\"S256\"]"
#define SERVER "{\"issuer\":\"" AS "\"," ENDPOINTS PKCE "}"

static struct discovery begin(const char *url)
{
	struct discovery d;

	assert_int_equal(discovery_begin(str(url), &d), OK);
	return d;
}

static struct discovery found(const char *resource, const char *server)
{
	struct discovery d = begin(HERE);

	assert_int_equal(discovery_resource_read(&d, str(resource)), OK);
	assert_int_equal(discovery_server_read(&d, str(server)), OK);
	return d;
}

static void resource_url_is(const struct discovery *d, unsigned n, const char *url)
{
	scoped(dynbuf_done) struct dynbuf out;

	dynbuf_init(&out, 1024);
	assert_int_equal(discovery_resource_url(d, n, &out), url != NULL);
	if (url != NULL)
		assert_true(bytes_is(dynbuf_view(&out), url));
}

static void server_url_is(const struct discovery *d, unsigned n, const char *url)
{
	scoped(dynbuf_done) struct dynbuf out;

	dynbuf_init(&out, 1024);
	assert_int_equal(discovery_server_url(d, n, &out), url != NULL);
	if (url != NULL)
		assert_true(bytes_is(dynbuf_view(&out), url));
}

static void the_metadata_are_looked_for_where_the_challenge_says_or_by_the_path(void **state)
{
	struct discovery d = begin(HERE);

	(void)state;
	resource_url_is(&d, 0,
			"https://mcp.acme.example/.well-known/oauth-protected-resource/v1/mcp");
	resource_url_is(&d, 1, "https://mcp.acme.example/.well-known/oauth-protected-resource");
	resource_url_is(&d, 2, NULL);
	d = begin("https://acme.example/");
	resource_url_is(&d, 0, "https://acme.example/.well-known/oauth-protected-resource");
	resource_url_is(&d, 1, NULL);
	discovery_challenge(&d, str("Bearer resource_metadata=\"https://acme.example/m\", "
				    "scope=\"b a\""));
	resource_url_is(&d, 0, "https://acme.example/m");
	resource_url_is(&d, 1, NULL);
	assert_string_equal(d.challenged, "a b");
}

static void an_issuer_with_a_path_has_three_places(void **state)
{
	struct discovery d = begin(HERE);

	(void)state;
	strcpy(d.issuer, AS);
	server_url_is(&d, 0,
		      "https://auth.acme.example/.well-known/oauth-authorization-server/one");
	server_url_is(&d, 1, "https://auth.acme.example/.well-known/openid-configuration/one");
	server_url_is(&d, 2, "https://auth.acme.example/one/.well-known/openid-configuration");
	server_url_is(&d, 3, NULL);
	strcpy(d.issuer, "https://auth.acme.example");
	server_url_is(&d, 0, "https://auth.acme.example/.well-known/oauth-authorization-server");
	server_url_is(&d, 1, "https://auth.acme.example/.well-known/openid-configuration");
	server_url_is(&d, 2, NULL);
}

static void only_addresses_that_a_service_may_have_begin(void **state)
{
	static const char *const bad[] = {
		"",
		"acme.example",
		"http://acme.example/mcp",
		"https://u@acme.example/mcp",
		"https://acme.example/mcp#x",
		"https://acme.example/{mcp}",
		"ftp://acme.example/",
	};
	struct discovery d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(discovery_begin(str(bad[i]), &d), ERR_MALFORMED);
	assert_int_equal(discovery_begin(str("http://127.0.0.1:7000/mcp?project=1"), &d), OK);
}

static void pr_03_a_document_about_another_resource_is_not_used(void **state)
{
	static const struct {
		const char *resource;
		bool fits;
	} cases[] = {
		{ HERE, true },
		{ "https://mcp.acme.example", true },
		{ "https://mcp.acme.example/", true },
		{ "https://mcp.acme.example/v1", true },
		{ "https://mcp.acme.example/v1/", true },
		{ "https://mcp.acme.example/v1/m", false },
		{ "https://mcp.acme.example/v1/mcp/more", false },
		{ "https://mcp.acme.example/v1/mcp?a=b", false },
		{ "https://mcp.acme.example:8443/v1/mcp", false },
		{ "http://mcp.acme.example/v1/mcp", false },
		{ "https://evil.example/v1/mcp", false },
		{ "https://mcp.acme.example.evil.example/", false },
		{ "https://MCP.acme.example/v1/mcp", false },
		{ "https://mcp.acme.example/v1/../v1/mcp", false },
		{ "", false },
	};
	char text[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct discovery d = begin(HERE);
		snprintf(text, sizeof text,
			 "{\"resource\":\"%s\",\"authorization_servers\":[\"" AS "\"]}",
			 cases[i].resource);
		assert_int_equal(discovery_resource_read(&d, str(text)),
				 cases[i].fits ? OK : ERR_PROVIDER_REFUSED);
		if (cases[i].fits)
			assert_string_equal(d.resource, cases[i].resource);
		else
			assert_non_null(d.why);
	}
}

static void a_document_that_cannot_be_used_is_refused(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"resource\":[\"" HERE "\"],\"authorization_servers\":[\"" AS "\"]}",
		"{\"resource\":\"" HERE "\"}",
		"{\"resource\":\"" HERE "\",\"authorization_servers\":[]}",
		"{\"resource\":\"" HERE "\",\"authorization_servers\":\"" AS "\"}",
		"{\"resource\":\"" HERE "\",\"authorization_servers\":[7]}",
		"{\"resource\":\"" HERE "\",\"authorization_servers\":[\"http://evil.example\"]}",
		"{\"resource\":\"" HERE "\",\"authorization_servers\":[\"" AS "?a=b\"]}",
		"{\"resource\":\"" HERE "\",\"authorization_servers\":[\"" AS
		"\"],\"bearer_methods_supported\":[\"query\"]}",
		"{\"resource\":\"" HERE "\",\"authorization_servers\":[\"" AS
		"\"],\"scopes_supported\":[\"a b\"]}",
		"{\"resource\":\"" HERE "\",\"authorization_servers\":[\"" AS
		"\"],\"scopes_supported\":[{}]}",
	};
	static const char *const none[] = { "", "<html>", "[]", "{\"a\":1", "\"x\"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct discovery d = begin(HERE);
		assert_int_equal(discovery_resource_read(&d, str(bad[i])), ERR_PROVIDER_REFUSED);
	}
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		struct discovery d = begin(HERE);
		assert_int_equal(discovery_resource_read(&d, str(none[i])), ERR_NOT_FOUND);
	}
}

static void md_06_metadata_of_another_issuer_are_not_used(void **state)
{
	static const char *const others[] = {
		"https://auth.acme.example/one/", "https://auth.acme.example",
		"https://AUTH.acme.example/one",  "https://auth.acme.example:443/one",
		"https://evil.example",		  "",
	};
	char text[600];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct discovery d = begin(HERE);
		assert_int_equal(discovery_resource_read(&d, str(RESOURCE)), OK);
		snprintf(text, sizeof text, "{\"issuer\":\"%s\"," ENDPOINTS PKCE "}", others[i]);
		assert_int_equal(discovery_server_read(&d, str(text)), ERR_PROVIDER_REFUSED);
		assert_string_equal(d.authorize, "");
	}
}

static void without_what_is_needed_there_is_no_authorization(void **state)
{
	static const char *const bad[] = {
		"{\"issuer\":\"" AS "\"," ENDPOINTS
		"\"code_challenge_methods_supported\":[\"plain\"]}",
		"{\"issuer\":\"" AS "\"," ENDPOINTS "\"x\":1}",
		"{\"issuer\":\"" AS "\"," ENDPOINTS
		"\"code_challenge_methods_supported\":\"S256\"}",
		"{\"issuer\":\"" AS "\"," PKCE "}",
		"{\"issuer\":\"" AS "\",\"authorization_endpoint\":\"javascript:alert(1)\","
		"\"token_endpoint\":\"" AS "/token\"," PKCE "}",
		"{\"issuer\":\"" AS "\",\"authorization_endpoint\":\"" AS "/a\","
		"\"token_endpoint\":\"http://evil.example/token\"," PKCE "}",
		"{\"issuer\":\"" AS "\",\"authorization_endpoint\":\"" AS "/{client_id}\","
		"\"token_endpoint\":\"" AS "/token\"," PKCE "}",
		"{\"issuer\":\"" AS "\"," ENDPOINTS
		"\"revocation_endpoint\":\"file:///etc/passwd\"," PKCE "}",
		"{\"issuer\":\"" AS "\"," ENDPOINTS "\"registration_endpoint\":7," PKCE "}",
		"{\"issuer\":\"" AS "\"," ENDPOINTS "\"response_types_supported\":[\"token\"]," PKCE
		"}",
		"{\"issuer\":\"" AS "\"," ENDPOINTS
		"\"grant_types_supported\":[\"client_credentials\"]," PKCE "}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct discovery d = begin(HERE);
		assert_int_equal(discovery_resource_read(&d, str(RESOURCE)), OK);
		assert_int_equal(discovery_server_read(&d, str(bad[i])), ERR_PROVIDER_REFUSED);
		assert_non_null(d.why);
	}
}

static void a_client_proves_itself_as_both_sides_can(void **state)
{
	static const struct {
		const char *methods, *asked;
		enum err err;
		enum service_auth auth;
	} cases[] = {
		{ "", "", OK, SERVICE_AUTH_BASIC },
		{ "[\"client_secret_post\",\"client_secret_basic\"]", "", OK, SERVICE_AUTH_BASIC },
		{ "[\"none\",\"client_secret_post\"]", "", OK, SERVICE_AUTH_POST },
		{ "[\"none\"]", "", OK, SERVICE_AUTH_NONE },
		{ "[\"none\",\"client_secret_post\"]", "none", OK, SERVICE_AUTH_NONE },
		{ "[\"none\"]", "basic", ERR_PROVIDER_REFUSED, 0 },
		{ "[\"private_key_jwt\"]", "", ERR_PROVIDER_REFUSED, 0 },
		{ "[]", "", ERR_PROVIDER_REFUSED, 0 },
	};
	char text[600];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum service_auth auth = 0;
		snprintf(text, sizeof text, "{\"issuer\":\"" AS "\"," ENDPOINTS "%s%s%s" PKCE "}",
			 cases[i].methods[0] == 0 ? ""
						  : "\"token_endpoint_auth_methods_supported\":",
			 cases[i].methods, cases[i].methods[0] == 0 ? "" : ",");
		struct discovery d = found(RESOURCE, text);
		assert_int_equal(discovery_auth(&d, str(cases[i].asked), &auth), cases[i].err);
		assert_int_equal(auth, cases[i].auth);
	}
}

static void only_a_server_of_march_2025_has_fixed_places(void **state)
{
	struct discovery d = begin("https://acme.example/mcp");

	(void)state;
	assert_int_equal(discovery_no_resource(&d), ERR_UNSUPPORTED);
	d.refused = true;
	assert_int_equal(discovery_no_resource(&d), OK);
	assert_string_equal(d.issuer, "https://acme.example");
	assert_int_equal(discovery_no_server(&d), OK);
	assert_string_equal(d.token, "https://acme.example/token");
	d = begin(HERE);
	assert_int_equal(discovery_resource_read(&d, str(RESOURCE)), OK);
	assert_int_equal(discovery_no_server(&d), ERR_PROVIDER_REFUSED);
	d = begin(HERE);
	d.refused = true;
	discovery_challenge(&d, str("Bearer resource_metadata=\"https://mcp.acme.example/m\""));
	assert_int_equal(discovery_no_resource(&d), ERR_PROVIDER_REFUSED);
}

static void a_registration_answers_a_client_that_can_prove_itself(void **state)
{
	static const struct {
		const char *answer;
		bool secret;
		enum err err;
		enum service_auth auth;
	} cases[] = {
		{ "{\"client_id\":\"c\"}", true, OK, SERVICE_AUTH_BASIC },
		{ "{\"client_id\":\"c\"}", false, ERR_PROVIDER_REFUSED, 0 },
		{ "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"none\"}", false, OK,
		  SERVICE_AUTH_NONE },
		{ "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"client_secret_post\"}",
		  true, OK, SERVICE_AUTH_POST },
		{ "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"private_key_jwt\"}", true,
		  ERR_PROVIDER_REFUSED, 0 },
		{ "{\"client_id\":\"\"}", true, ERR_PROVIDER_REFUSED, 0 },
		{ "{\"client_id\":\"a\\nb\"}", true, ERR_PROVIDER_REFUSED, 0 },
		{ "{\"client_id\":7}", true, ERR_PROVIDER_REFUSED, 0 },
		{ "nothing", true, ERR_PROVIDER_REFUSED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct discovery_registered registered = { 0 };
		struct discovery d = found(RESOURCE, SERVER);
		assert_int_equal(discovery_registered(&d, str(cases[i].answer), cases[i].secret,
						      SERVICE_AUTH_BASIC, &registered),
				 cases[i].err);
		assert_int_equal(registered.auth, cases[i].auth);
	}
}

static struct service *printed(const struct discovery *d)
{
	const struct discovery_naming naming = { .name = str("Acme \"quoted\" é") };
	scoped(dynbuf_done) struct dynbuf text;
	struct complaint complaint = { { 0 } };
	struct service *service = NULL;

	dynbuf_init(&text, DISCOVERY_FILE_MAX);
	assert_int_equal(discovery_print(d, &naming, SERVICE_AUTH_POST, &text), OK);
	if (service_compile(dynbuf_view(&text), "file", &complaint, &service) != OK)
		fail_msg("%s", complaint.text);
	return service;
}

static void what_was_found_is_a_service_that_compiles(void **state)
{
	struct discovery d = found(
		"{\"resource\":\"" HERE "\",\"authorization_servers\":[\"" AS
		"\"],\"scopes_supported\":[\"notes.read\",\"notes.write\",\"offline_access\"]}",
		"{\"issuer\":\"" AS "\"," ENDPOINTS "\"scopes_supported\":[\"offline_access\"],"
		"\"authorization_response_iss_parameter_supported\":true,"
		"\"revocation_endpoint\":\"" AS "/revoke\"," PKCE "}");

	(void)state;
	discovery_challenge(&d, str("Bearer scope=\"notes.read\""));
	struct service *service = printed(&d);
	assert_string_equal(service->id, "acme-example");
	assert_true(bytes_is(service->name, "Acme \"quoted\" é"));
	assert_true(bytes_is(service->mcp.url, HERE));
	assert_true(service->oauth.pkce);
	assert_false(service->oauth.iss_optional);
	assert_true(bytes_is(service->oauth.issuer, AS));
	assert_int_equal(service->oauth.auth, SERVICE_AUTH_POST);
	assert_int_equal(service->oauth.scopes_n, 3);
	assert_int_equal(service->oauth.scope_default.n, 1);
	assert_true(bytes_is(service->oauth.scope_always.at[0], "offline_access"));
	assert_true(bytes_is(service->oauth.token_params.at[0].value, HERE));
	assert_true(bytes_is(service->oauth.refresh_params.at[0].name, "resource"));
	assert_true(bytes_is(service->oauth.revoke.url, AS "/revoke"));
	service_free(&service);
}

static void without_scopes_none_are_asked_for(void **state)
{
	struct discovery d = found(RESOURCE, "{\"issuer\":\"" AS "\"," ENDPOINTS
					     "\"scopes_supported\":[\"offline_access\"]," PKCE "}");

	(void)state;
	struct service *service = printed(&d);
	assert_false(service->oauth.has_scopes);
	assert_true(service->oauth.iss_optional);
	service_free(&service);
}

static void an_id_follows_from_the_host(void **state)
{
	static const char *const cases[][2] = {
		{ "https://mcp.linear.app/mcp", "linear-app" },
		{ "https://www.acme.example/", "acme-example" },
		{ "https://acme.example/", "acme-example" },
		{ "http://127.0.0.1:9/mcp", "mcp-127-0-0-1" },
		{ "https://mcp.a-very-long-name-of-a-company.example/",
		  "a-very-long-name-of-a-company-ex" },
	};
	char id[SERVICE_ID_LEN + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct discovery d = begin(cases[i][0]);
		discovery_id(&d, id);
		assert_string_equal(id, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_metadata_are_looked_for_where_the_challenge_says_or_by_the_path),
		cmocka_unit_test(an_issuer_with_a_path_has_three_places),
		cmocka_unit_test(only_addresses_that_a_service_may_have_begin),
		cmocka_unit_test(pr_03_a_document_about_another_resource_is_not_used),
		cmocka_unit_test(a_document_that_cannot_be_used_is_refused),
		cmocka_unit_test(md_06_metadata_of_another_issuer_are_not_used),
		cmocka_unit_test(without_what_is_needed_there_is_no_authorization),
		cmocka_unit_test(a_client_proves_itself_as_both_sides_can),
		cmocka_unit_test(only_a_server_of_march_2025_has_fixed_places),
		cmocka_unit_test(a_registration_answers_a_client_that_can_prove_itself),
		cmocka_unit_test(what_was_found_is_a_service_that_compiles),
		cmocka_unit_test(without_scopes_none_are_asked_for),
		cmocka_unit_test(an_id_follows_from_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
