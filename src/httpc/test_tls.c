/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "httpc/httpc.h"
#include "httpc/test_tls_server.h"

struct wait {
	struct loop *loop;
	enum httpc_outcome outcome;
};

static bool permit(void *ctx, const struct sockaddr *address)
{
	return true;
}

static void done(void *ctx, const struct httpc_response *response)
{
	struct wait *wait = ctx;

	wait->outcome = response->outcome;
	loop_stop(wait->loop);
}

static enum httpc_outcome call(const struct tls_server *server, const char *host,
			       const char *ca_file)
{
	struct httpc *httpc = NULL;
	struct wait wait = { 0 };
	char url[64];

	(void)snprintf(url, sizeof url, "https://%s:%u/page", host, server->port);
	const struct httpc_request request = {
		.method = "GET", .url = str(url), .total_ms = 5000, .answer_max = 65536
	};
	assert_int_equal(loop_new(&wait.loop), OK);
	assert_int_equal(
		httpc_new(wait.loop, &(struct httpc_options){ .ca_file = ca_file }, &httpc), OK);
	assert_int_equal(httpc_begin(httpc, &request, permit, done, &wait), OK);
	assert_int_equal(loop_run(wait.loop), OK);
	httpc_free(&httpc);
	loop_free(&wait.loop);
	return wait.outcome;
}

static void only_a_valid_certificate_of_a_known_authority_is_spoken_to(void **state)
{
	static const struct {
		const char *name, *version, *host, *ca_file;
		enum httpc_outcome outcome;
	} cases[] = {
		{ "good", "-tls1_3", "127.0.0.1", "good.pem", HTTPC_ANSWERED },
		{ "good", "-tls1_2", "127.0.0.1", "good.pem", HTTPC_ANSWERED },
		{ "good", "-tls1_1", "127.0.0.1", "good.pem", HTTPC_UNREACHABLE },
		{ "good", "-tls1_3", "localhost", "good.pem", HTTPC_UNREACHABLE },
		{ "good", "-tls1_3", "127.0.0.1", "other.pem", HTTPC_UNREACHABLE },
		{ "good", "-tls1_3", "127.0.0.1", NULL, HTTPC_UNREACHABLE },
		{ "expired", "-tls1_3", "127.0.0.1", "expired.pem", HTTPC_UNREACHABLE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tls_server server;
		tls_open(&server, cases[i].name, cases[i].version);
		const enum httpc_outcome outcome = call(&server, cases[i].host, cases[i].ca_file);
		tls_close(&server);
		if (outcome != cases[i].outcome)
			fail_msg("case %zu: outcome %d", i, (int)outcome);
	}
}

static void a_file_of_authorities_that_cannot_be_read_is_an_error(void **state)
{
	struct httpc *httpc = NULL;
	struct loop *loop = NULL;

	assert_int_equal(loop_new(&loop), OK);
	assert_int_equal(
		httpc_new(loop, &(struct httpc_options){ .ca_file = "nowhere.pem" }, &httpc),
		FAULT_SYSTEM);
	loop_free(&loop);
}

static int group_open(void **state)
{
	tls_folder_make();
	return 0;
}

static int group_close(void **state)
{
	tls_folder_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_valid_certificate_of_a_known_authority_is_spoken_to),
		cmocka_unit_test(a_file_of_authorities_that_cannot_be_read_is_an_error),
	};

	if (!tls_there())
		return 77; /* Meson's number for a test that was skipped */
	return cmocka_run_group_tests(tests, group_open, group_close);
}
