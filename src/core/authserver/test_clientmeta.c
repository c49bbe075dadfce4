/* SPDX-License-Identifier: Apache-2.0 */
#include "core/authserver/clientmeta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define DOCUMENT "https://app.example/client.json"
#define REDIRECT "'redirect_uris':['https://app.example/cb']"
#define KEY                                                                                        \
	"{'kty':'EC','crv':'P-256','x':'l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs',"             \
	"'y':'9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA'}"

/* Quotes are written as ' for the eye. */
static enum err try_read(const char *text, enum clientmeta_from from, struct clientmeta *ret)
{
	scoped(json_free) json_t *json = NULL;
	const char *why = NULL;
	char room[8192];
	size_t n = strlen(text);

	assert_true(n < sizeof room);
	for (size_t i = 0; i < n; i++)
		room[i] = text[i] == '\'' ? '"' : text[i];
	assert_int_equal(
		json_parse((struct bytes){ (uint8_t *)room, n }, &json_request_limits, &json), OK);
	const enum err err = clientmeta_read(json, from, str(DOCUMENT), ret, &why);
	assert_true(err == OK || why != NULL);
	return err;
}

static void kept(const char *text, const char *expected)
{
	scoped(clientmeta_done) struct clientmeta meta = { 0 };
	scoped(dynbuf_done) struct dynbuf out = { .max = 8192 };

	assert_int_equal(try_read(text, CLIENTMETA_REGISTERED, &meta), OK);
	json_print(meta.json, &out);
	dynbuf_u8(&out, 0);
	assert_int_equal(dynbuf_err(&out), OK);
	for (size_t i = 0; i < out.n; i++)
		if (out.p[i] == '"')
			out.p[i] = '\'';
	assert_string_equal((char *)out.p, expected);
}

static void only_what_is_understood_is_kept(void **state)
{
	kept("{" REDIRECT "}", "{'redirect_uris':['https://app.example/cb'],"
			       "'token_endpoint_auth_method':'client_secret_basic',"
			       "'grant_types':['authorization_code'],'response_types':['code'],"
			       "'scope':'mcp:tools'}");
	kept("{'client_name':'Claude Code (x)','redirect_uris':['http://localhost:50578/callback'],"
	     "'grant_types':['authorization_code','refresh_token'],'response_types':['code'],"
	     "'token_endpoint_auth_method':'none','application_type':'native','scope':'mcp:tools "
	     "x',"
	     "'enabled':true,'tenant':'other','access_token_ttl':99999999,'client_id':'mine',"
	     "'client_secret':'mine','origin':'operator'}",
	     "{'client_name':'Claude Code (x)','application_type':'native',"
	     "'redirect_uris':['http://localhost:50578/callback'],"
	     "'token_endpoint_auth_method':'none',"
	     "'grant_types':['authorization_code','refresh_token'],'response_types':['code'],"
	     "'scope':'mcp:tools'}");
	kept("{" REDIRECT ",'scope':'exchange offline_access exchange mcp:tools x'}",
	     "{'redirect_uris':['https://app.example/cb'],"
	     "'token_endpoint_auth_method':'client_secret_basic',"
	     "'grant_types':['authorization_code'],'response_types':['code'],"
	     "'scope':'mcp:tools exchange'}");
	kept("{'grant_types':['client_credentials','urn:other'],'dpop_bound_access_tokens':true,"
	     "'token_endpoint_auth_method':'private_key_jwt','jwks':{'keys':[" KEY "]},"
	     "'token_endpoint_auth_signing_alg':'ES256'}",
	     "{'dpop_bound_access_tokens':true,'token_endpoint_auth_method':'private_key_jwt',"
	     "'grant_types':['client_credentials'],'response_types':[],'scope':'mcp:tools',"
	     "'jwks':{'keys':[" KEY "]},'token_endpoint_auth_signing_alg':'ES256'}");
}

static void what_cannot_be_taken_refuses_the_whole(void **state)
{
	static const struct {
		const char *text;
		enum err err;
	} cases[] = {
		{ "[]", ERR_INVALID_METADATA },
		{ "{}", ERR_INVALID_REDIRECT },
		{ "{'redirect_uris':[]}", ERR_INVALID_REDIRECT },
		{ "{'redirect_uris':'https://app.example/cb'}", ERR_INVALID_REDIRECT },
		{ "{'redirect_uris':[1]}", ERR_INVALID_REDIRECT },
		{ "{'redirect_uris':['https://app.example/cb','javascript:alert(1)']}",
		  ERR_INVALID_REDIRECT },
		{ "{'redirect_uris':['http://app.example/cb']}", ERR_INVALID_REDIRECT },
		{ "{'redirect_uris':['myapp:/cb']}", ERR_INVALID_REDIRECT },
		{ "{" REDIRECT ",'jwks':{'keys':[" KEY "]},'jwks_uri':'https://app.example/k'}",
		  ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'jwks_uri':'http://app.example/k'}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'jwks':{'keys':[]}}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'jwks':{'keys':[{'kty':'oct','k':'AAAA'}]}}",
		  ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'jwks':{'keys':[{'kty':'EC','crv':'P-256','d':'AA'}]}}",
		  ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'token_endpoint_auth_method':'private_key_jwt'}",
		  ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'token_endpoint_auth_method':'tls_client_auth'}",
		  ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'token_endpoint_auth_method':1}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'token_endpoint_auth_signing_alg':'none'}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'token_endpoint_auth_signing_alg':'HS256'}",
		  ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'grant_types':['implicit']}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'grant_types':['refresh_token']}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'grant_types':'authorization_code'}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'grant_types':['client_credentials'],"
		  "'token_endpoint_auth_method':'none'}",
		  ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'response_types':['token']}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'response_types':'code'}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'client_name':''}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'client_name':'a\\u202eb'}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'client_name':'a\\u200bb'}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'client_name':'a\\nb'}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'client_name':7}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'client_uri':'javascript:alert(1)'}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'dpop_bound_access_tokens':'yes'}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'application_type':'other'}", ERR_INVALID_METADATA },
		{ "{" REDIRECT ",'scope':['a']}", ERR_INVALID_METADATA },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct clientmeta meta = { 0 };
		const enum err err = try_read(cases[i].text, CLIENTMETA_REGISTERED, &meta);
		if (err != cases[i].err)
			fail_msg("%s: %s", cases[i].text, err == OK ? "OK" : err_row(err)->name);
		assert_null(meta.json);
	}
}

static void a_document_names_itself_and_shares_no_secret(void **state)
{
#define SELF "{'client_id':'" DOCUMENT "','client_name':'App'," REDIRECT
	static const struct {
		const char *text;
		enum err err;
	} cases[] = {
		{ SELF "}", OK },
		{ SELF ",'token_endpoint_auth_method':'none'}", OK },
		{ SELF ",'token_endpoint_auth_method':'private_key_jwt',"
		       "'jwks_uri':'https://app.example/keys'}",
		  OK },
		{ "{'client_id':'" DOCUMENT "/','client_name':'App'," REDIRECT "}",
		  ERR_INVALID_METADATA },
		{ "{'client_name':'App'," REDIRECT "}", ERR_INVALID_METADATA },
		{ "{'client_id':'" DOCUMENT "'," REDIRECT "}", ERR_INVALID_METADATA },
		{ "{'client_id':'" DOCUMENT "','client_name':'App'}", ERR_INVALID_REDIRECT },
		{ SELF ",'client_secret':'x'}", ERR_INVALID_METADATA },
		{ SELF ",'client_secret_expires_at':0}", ERR_INVALID_METADATA },
		{ SELF ",'token_endpoint_auth_method':'client_secret_basic'}",
		  ERR_INVALID_METADATA },
		{ SELF ",'token_endpoint_auth_method':'client_secret_post'}",
		  ERR_INVALID_METADATA },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scoped(clientmeta_done) struct clientmeta meta = { 0 };
		const enum err err = try_read(cases[i].text, CLIENTMETA_DOCUMENT, &meta);
		if (err != cases[i].err)
			fail_msg("%s: %d", cases[i].text, err);
		if (err == OK)
			assert_true(bytes_is(json_str(meta.json, "client_id"), DOCUMENT));
	}
}

static void an_address_that_could_mean_two_things_is_not_fetched(void **state)
{
	static const struct {
		const char *url;
		bool ok;
	} cases[] = {
		{ DOCUMENT, true },
		{ "https://app.example:8443/c", true },
		{ "http://app.example/c", false },
		{ "https://app.example", false },
		{ "https://app.example/", false },
		{ "https://app.example/a/../c", false },
		{ "https://app.example/./c", false },
		{ "https://app.example/c#x", false },
		{ "https://u@app.example/c", false },
		{ "https://u:p@app.example/c", false },
		{ "agent_01", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (clientmeta_address_ok(str(cases[i].url)) != cases[i].ok)
			fail_msg("%s", cases[i].url);
}

static void consent_is_to_redirects_and_keys(void **state)
{
	static const struct {
		const char *text;
		bool same;
	} cases[] = {
		{ SELF "}", true },
		{ SELF ",'client_uri':'https://app.example/'}", true },
		{ SELF ",'jwks_uri':'https://app.example/keys'}", false },
		{ SELF ",'jwks':{'keys':[" KEY "]}}", false },
		{ "{'client_id':'" DOCUMENT "','client_name':'App',"
		  "'redirect_uris':['https://app.example/other']}",
		  false },
	};
	scoped(clientmeta_done) struct clientmeta first = { 0 };
	uint8_t a[32], b[32];

	assert_int_equal(try_read(SELF "}", CLIENTMETA_DOCUMENT, &first), OK);
	assert_int_equal(clientmeta_fingerprint(first.json, a), OK);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scoped(clientmeta_done) struct clientmeta meta = { 0 };
		assert_int_equal(try_read(cases[i].text, CLIENTMETA_DOCUMENT, &meta), OK);
		assert_int_equal(clientmeta_fingerprint(meta.json, b), OK);
		assert_int_equal(memcmp(a, b, sizeof a) == 0, cases[i].same);
	}
	assert_true(clientmeta_redirects(first.json, str("https://app.example/cb")));
	assert_false(clientmeta_redirects(first.json, str("https://app.example/")));
	assert_true(clientmeta_grants(first.json, "authorization_code"));
	assert_false(clientmeta_grants(first.json, "refresh_token"));
	assert_int_equal(clientmeta_auth(first.json), CLIENTMETA_NONE);
	assert_false(clientmeta_flag(first.json, "dpop_bound_access_tokens"));
}

static void a_name_shows_all_that_it_holds(void **state)
{
	static const struct {
		const char *escape;
		bool ok;
	} cases[] = {
		{ "A name, 1-2 (\\u00e9 \\u4e2d \\ud83d\\ude00)", true },
		{ "\\u001f", false },
		{ "\\u0020", true },
		{ "~", true },
		{ "\\u007f", false },
		{ "\\u009f", false },
		{ "\\u00a0", true },
		{ "\\u00ad", false },
		{ "\\u061c", false },
		{ "\\u180b", false },
		{ "\\u180f", false },
		{ "\\u1810", true },
		{ "\\u200a", true },
		{ "\\u200b", false },
		{ "\\u200f", false },
		{ "\\u2010", true },
		{ "\\u2027", true },
		{ "\\u2028", false },
		{ "\\u202e", false },
		{ "\\u202f", true },
		{ "\\u205f", true },
		{ "\\u2060", false },
		{ "\\u2066", false },
		{ "\\u206f", false },
		{ "\\u2070", true },
		{ "\\ufe0f", false },
		{ "\\ufeff", false },
		{ "\\ufffb", false },
		{ "\\udb40\\udc41", false },
		{ "\\ufdff", true },
		{ "\\ufe10", true },
	};
	char text[256];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scoped(clientmeta_done) struct clientmeta meta = { 0 };
		snprintf(text, sizeof text, "{" REDIRECT ",'client_name':'a%sb'}", cases[i].escape);
		const enum err err = try_read(text, CLIENTMETA_REGISTERED, &meta);
		if ((err == OK) != cases[i].ok)
			fail_msg("%s: %d", cases[i].escape, err);
	}
}

/* A member of @n letters, as long as may be and one longer. */
static void a_member_has_its_ceiling(void **state)
{
	static const struct {
		const char *begin, *end;
		size_t max;
	} cases[] = {
		{ "{" REDIRECT ",'client_name':'", "'}", CLIENTMETA_NAME_MAX },
		{ "{" REDIRECT ",'client_uri':'https://a.example/", "'}", CLIENTMETA_URL_MAX - 18 },
		{ "{" REDIRECT ",'jwks_uri':'https://a.example/", "'}", CLIENTMETA_URL_MAX - 18 },
		{ "{'redirect_uris':['https://a.example/", "']}", REDIRECT_TEXT_MAX - 18 },
	};
	char text[4096];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int over = 0; over < 2; over++) {
			scoped(clientmeta_done) struct clientmeta meta = { 0 };
			snprintf(text, sizeof text, "%s%0*d%s", cases[i].begin,
				 (int)cases[i].max + over, 0, cases[i].end);
			assert_int_equal(try_read(text, CLIENTMETA_REGISTERED, &meta) == OK, !over);
		}
	}
}

static void there_are_sixteen_redirects_at_most(void **state)
{
	for (int n = 15; n < 18; n++) {
		scoped(clientmeta_done) struct clientmeta meta = { 0 };
		char text[2048] = "{'redirect_uris':['https://a.example/'";
		for (int i = 1; i < n; i++)
			strcat(text, ",'https://a.example/x'");
		strcat(text, "]}");
		assert_int_equal(try_read(text, CLIENTMETA_REGISTERED, &meta) == OK, n <= 16);
	}
}

static void each_member_of_its_kind_is_kept(void **state)
{
	kept("{" REDIRECT ",'software_id':'s','software_version':'1','client_name':'n',"
	     "'policy_uri':'https://p.example/','tos_uri':'https://t.example/',"
	     "'logo_uri':'https://l.example/','client_uri':'https://c.example/',"
	     "'require_pushed_authorization_requests':true,'dpop_bound_access_tokens':false,"
	     "'application_type':'web','jwks_uri':'https://k.example/'}",
	     "{'client_name':'n','software_id':'s','software_version':'1',"
	     "'client_uri':'https://c.example/','logo_uri':'https://l.example/',"
	     "'tos_uri':'https://t.example/','policy_uri':'https://p.example/',"
	     "'require_pushed_authorization_requests':true,'application_type':'web',"
	     "'redirect_uris':['https://app.example/cb'],"
	     "'token_endpoint_auth_method':'client_secret_basic',"
	     "'grant_types':['authorization_code'],'response_types':['code'],"
	     "'scope':'mcp:tools','jwks_uri':'https://k.example/'}");
}

static void what_was_kept_says_how_the_client_proves_itself(void **state)
{
	static const struct {
		const char *method;
		enum clientmeta_auth auth;
	} cases[] = {
		{ "none", CLIENTMETA_NONE },
		{ "client_secret_basic", CLIENTMETA_BASIC },
		{ "client_secret_post", CLIENTMETA_POST },
		{ "private_key_jwt", CLIENTMETA_KEY },
	};
	char text[512];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scoped(clientmeta_done) struct clientmeta meta = { 0 };
		snprintf(text, sizeof text,
			 "{" REDIRECT ",'token_endpoint_auth_method':'%s','jwks':{'keys':[" KEY
			 "]}}",
			 cases[i].method);
		assert_int_equal(try_read(text, CLIENTMETA_REGISTERED, &meta), OK);
		assert_int_equal(meta.auth, cases[i].auth);
		assert_int_equal(clientmeta_auth(meta.json), cases[i].auth);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_understood_is_kept),
		cmocka_unit_test(what_cannot_be_taken_refuses_the_whole),
		cmocka_unit_test(a_document_names_itself_and_shares_no_secret),
		cmocka_unit_test(an_address_that_could_mean_two_things_is_not_fetched),
		cmocka_unit_test(consent_is_to_redirects_and_keys),
		cmocka_unit_test(a_name_shows_all_that_it_holds),
		cmocka_unit_test(a_member_has_its_ceiling),
		cmocka_unit_test(there_are_sixteen_redirects_at_most),
		cmocka_unit_test(each_member_of_its_kind_is_kept),
		cmocka_unit_test(what_was_kept_says_how_the_client_proves_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
