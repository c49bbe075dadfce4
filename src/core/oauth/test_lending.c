/* SPDX-License-Identifier: Apache-2.0 */
#include "core/oauth/lending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/oauth/client.h"

#define GRANT "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
#define TYPE  "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
#define GOOD  GRANT "&subject_token=vk_vault_x&subject_token_type=" TYPE "&audience=notes"

static enum err request(const char *text, struct form *form, struct lending_request *ret)
{
	assert_int_equal(form_parse(str(text), form), OK);
	return lending_request_read(form, ret);
}

static void a_request_is_read_and_its_faults_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		enum err err;
	} cases[] = {
		{ GOOD, OK },
		{ GOOD "&scope=a+b&connection=work&requested_token_type=" TYPE, OK },
		{ GOOD "&resource=urn%3Avaletkey%3Aconnection%3Awork", OK },
		{ "", ERR_MALFORMED },
		{ "audience=notes", ERR_MALFORMED },
		{ "grant_type=client_credentials", ERR_UNSUPPORTED_GRANT },
		{ "grant_type=password&username=a&password=b", ERR_UNSUPPORTED_GRANT },
		{ GOOD "&grant_type=password", ERR_MALFORMED },
		{ GRANT "&audience=notes", ERR_MALFORMED },
		{ GRANT "&subject_token=x&audience=notes", ERR_MALFORMED },
		{ GRANT "&subject_token_type=" TYPE "&audience=notes", ERR_MALFORMED },
		{ GRANT "&subject_token=&subject_token_type=" TYPE "&audience=notes",
		  ERR_MALFORMED },
		{ GRANT "&subject_token=x&subject_token_type=jwt&audience=notes", ERR_MALFORMED },
		{ GOOD "&subject_token=y", ERR_MALFORMED },
		{ GOOD "&actor_token=y", ERR_MALFORMED },
		{ GOOD "&actor_token_type=" TYPE, ERR_MALFORMED },
		{ GOOD "&actor_token=y&actor_token_type=" TYPE, ERR_MALFORMED },
		{ GOOD "&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt",
		  ERR_MALFORMED },
		{ GRANT "&subject_token=x&subject_token_type=" TYPE, ERR_INVALID_TARGET },
		{ GRANT "&subject_token=x&subject_token_type=" TYPE "&audience=No+tes",
		  ERR_INVALID_TARGET },
		{ GOOD "&audience=other", ERR_INVALID_TARGET },
		{ GOOD "&resource=%2Frelative", ERR_INVALID_TARGET },
		{ GOOD "&resource=https%3A%2F%2Fapi.example%2F%23part", ERR_INVALID_TARGET },
		{ GOOD "&resource=urn%3Avaletkey%3Aconnection%3A", ERR_INVALID_TARGET },
		{ GOOD "&resource=urn%3Avaletkey%3Aconnection%3Aa&connection=b", ERR_MALFORMED },
		{ GOOD "&scope=a&scope=b", ERR_MALFORMED },
		{ GOOD "&scope=a%22b", ERR_INVALID_SCOPE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lending_request lending;
		struct form form;
		const enum err err = request(cases[i].text, &form, &lending);
		if (err != cases[i].err)
			fail_msg("row %zu: %d for %s", i, err, cases[i].text);
		form_done(&form);
	}
}

static void the_account_may_be_named_in_two_ways(void **state)
{
	struct lending_request lending;
	struct form form;

	assert_int_equal(request(GOOD "&connection=work", &form, &lending), OK);
	assert_true(bytes_is(lending.connection, "work"));
	assert_true(bytes_is(lending.audience, "notes"));
	form_done(&form);
	assert_int_equal(
		request(GOOD "&resource=urn%3Avaletkey%3Aconnection%3Ahome", &form, &lending), OK);
	assert_true(bytes_is(lending.connection, "home"));
	form_done(&form);
	assert_int_equal(request(GOOD, &form, &lending), OK);
	assert_int_equal(lending.connection.n, 0);
	form_done(&form);
}

static void the_answer_leaves_a_place_for_the_token(void **state)
{
	struct dynbuf out;
	size_t at;

	dynbuf_init(&out, 1024);
	assert_int_equal(lending_answer_print(str("a b"), 3600, &out, &at), OK);
	assert_true(bytes_is(
		dynbuf_view(&out),
		"{\"access_token\":\"\",\"issued_token_type\":"
		"\"urn:ietf:params:oauth:token-type:access_token\",\"token_type\":\"Bearer\","
		"\"expires_in\":3600,\"scope\":\"a b\"}"));
	assert_memory_equal(out.p + at - 1, "\"\",", 3);
	dynbuf_reset(&out);
	assert_int_equal(lending_answer_print(str(""), 1, &out, &at), OK);
	assert_null(memmem(out.p, out.n, "scope", 5));
	dynbuf_done(&out);
}

static void a_refusal_leaves_out_what_it_does_not_know(void **state)
{
	struct lending_refusal refusal = { .err = ERR_INVALID_TOKEN };
	struct dynbuf out;

	dynbuf_init(&out, 1024);
	assert_int_equal(lending_refusal_print(&refusal, &out), OK);
	assert_memory_equal(out.p, "{\"error\":\"invalid_request\",", 27);
	assert_null(memmem(out.p, out.n, "null", 4));
	assert_null(memmem(out.p, out.n, "error_uri", 9));
	assert_int_equal(lending_status(ERR_INVALID_TOKEN), 400);
	assert_int_equal(lending_status(ERR_INVALID_CLIENT), 401);
	dynbuf_reset(&out);
	refusal = (struct lending_refusal){ ERR_INSUFFICIENT_SCOPE, str("https://v/connect"),
					    str("a") };
	assert_int_equal(lending_refusal_print(&refusal, &out), OK);
	assert_memory_equal(out.p, "{\"error\":\"insufficient_scope\",", 30);
	assert_non_null(
		memmem(out.p, out.n, "\"error_uri\":\"https://v/connect\",\"scope\":\"a\"}", 43));
	/* Every row fits the sentence's room and 6749 5.2's character set. */
	for (enum err err = 1; err < ERR_COUNT; err++) {
		dynbuf_reset(&out);
		refusal = (struct lending_refusal){ .err = err };
		assert_int_equal(lending_refusal_print(&refusal, &out), OK);
		assert_null(memchr(out.p, '\\', out.n));
		assert_int_equal(out.p[out.n - 1], '}');
	}
	dynbuf_done(&out);
}

static void a_client_proves_itself_in_one_way_at_a_time(void **state)
{
	static const struct {
		const char *header, *body;
		enum err err;
		const char *id, *secret;
	} cases[] = {
		{ NULL, "", OK, NULL, NULL },
		{ NULL, "client_id=a", OK, "a", NULL },
		{ NULL, "client_id=a&client_secret=b", OK, "a", "b" },
		{ "Basic YTpi", "", OK, "a", "b" },
		{ "basic YTpi", "", OK, "a", "b" },
		{ "Basic YTpi", "client_id=a", OK, "a", "b" },
		{ "Basic YSUzQTpiJTJCOmM=", "", OK, "a:", "b+:c" },
		{ "Basic YTpi", "client_id=z", ERR_MALFORMED, NULL, NULL },
		{ "Basic YTpi", "client_id=a&client_secret=b", ERR_MALFORMED, NULL, NULL },
		{ "Basic YTpi", "client_assertion=x", ERR_MALFORMED, NULL, NULL },
		{ NULL, "client_id=a&client_secret=b&client_assertion=x", ERR_MALFORMED, NULL,
		  NULL },
		{ NULL, "client_id=a&client_id=a", ERR_MALFORMED, NULL, NULL },
		{ NULL, "client_id=a&client_secret=b&client_secret=b", ERR_MALFORMED, NULL, NULL },
		{ NULL, "client_assertion=x", ERR_INVALID_CLIENT, NULL, NULL },
		{ NULL, "client_secret=b", ERR_INVALID_CLIENT, NULL, NULL },
		{ "Bearer YTpi", "", ERR_INVALID_CLIENT, NULL, NULL },
		{ "Basic", "", ERR_INVALID_CLIENT, NULL, NULL },
		{ "Basic !", "", ERR_INVALID_CLIENT, NULL, NULL },
		{ "Basic YWI=", "", ERR_INVALID_CLIENT, NULL, NULL },
		{ "Basic OmI=", "", ERR_INVALID_CLIENT, NULL, NULL },
		{ "Basic YTolWg==", "", ERR_INVALID_CLIENT, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client_proof proof;
		struct form form;
		assert_int_equal(form_parse(str(cases[i].body), &form), OK);
		const enum err err = client_proof_read(str(cases[i].header), &form, &proof);
		if (err != cases[i].err)
			fail_msg("row %zu: %d", i, err);
		assert_int_equal(proof.basic, cases[i].header != NULL);
		if (err == OK) {
			assert_true(bytes_eq(proof.id, str(cases[i].id)));
			assert_true(bytes_eq(proof.secret, str(cases[i].secret)));
			assert_int_equal(proof.id.p == NULL, cases[i].id == NULL);
			assert_int_equal(proof.secret.p == NULL, cases[i].secret == NULL);
		}
		client_proof_done(&proof);
		form_done(&form);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read_and_its_faults_are_told_apart),
		cmocka_unit_test(the_account_may_be_named_in_two_ways),
		cmocka_unit_test(the_answer_leaves_a_place_for_the_token),
		cmocka_unit_test(a_refusal_leaves_out_what_it_does_not_know),
		cmocka_unit_test(a_client_proves_itself_in_one_way_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
