/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "cli/client.h"
#include "codec/token.h"

static char token[TOKEN_TEXT_MAX + 1];

static void environment(const char *url, const char *value)
{
	unsetenv("VALETKEY_URL");
	unsetenv("VALETKEY_TOKEN");
	if (url != NULL)
		setenv("VALETKEY_URL", url, 1);
	if (value != NULL)
		setenv("VALETKEY_TOKEN", value, 1);
}

static void refused(const char *data, const char *why_part)
{
	scoped(client_free) struct client *client = NULL;
	struct client_why why = { { 0 } };

	assert_int_equal(client_new(data, NULL, &why, &client), ERR_NOT_FOUND);
	assert_null(client);
	if (strstr(why.text, why_part) == NULL)
		fail_msg("%s", why.text);
	/* what is refused is never shown */
	assert_null(strstr(why.text, "vk_admin_0"));
}

static void without_a_name_there_is_no_daemon(void **state)
{
	environment(NULL, NULL);
	refused(NULL, "--data DIR");
	environment("http://localhost:1/", NULL);
	refused(NULL, "--data DIR");
	environment(NULL, NULL);
	refused("/nonexistent", "No daemon is running on /nonexistent");
}

static void a_token_goes_in_the_clear_to_this_machine_only(void **state)
{
	static const char *const elsewhere[] = {
		"http://example.com/",	   "http://192.0.2.1:7070", "http://localhost.example.com",
		"http://127.example.com/", "http://[2001:db8::1]/",
	};
	static const char *const here[] = {
		"http://localhost:7070",
		"http://127.0.0.1:7070/",
		"http://[::1]:7070/",
		"https://example.com",
	};

	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
		environment(elsewhere[i], token);
		refused(NULL, "in the clear");
	}
	for (size_t i = 0; i < ARRAY_LEN(here); i++) {
		scoped(client_free) struct client *client = NULL;
		struct client_why why;
		environment(here[i], token);
		assert_int_equal(client_new(NULL, NULL, &why, &client), OK);
		assert_int_equal(client_url(client)[strlen(client_url(client)) - 1], '/');
	}
}

static void half_a_token_is_told_from_a_wrong_one(void **state)
{
	char half[TOKEN_TEXT_MAX + 1];

	snprintf(half, sizeof half, "%.30s", token);
	environment("http://localhost:1/", half);
	refused(NULL, "no whole Valetkey token");
	environment("http://localhost:1/", "vk_admin_0");
	refused(NULL, "no whole Valetkey token");
	environment("not an address", token);
	refused(NULL, "address is none");
}

static void put_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static void the_data_directory_tells_where_its_daemon_is(void **state)
{
	char top[] = "/tmp/client.XXXXXX", path[128], text[256];
	scoped(client_free) struct client *client = NULL;
	struct client_why why;

	environment(NULL, NULL);
	assert_non_null(mkdtemp(top));
	snprintf(path, sizeof path, "%s/run", top);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/run/client.json", top);
	put_file(path, "{");
	refused(top, "damaged");
	snprintf(text, sizeof text, "{\"token_file\":\"%s/token\"}", top);
	put_file(path, text);
	refused(top, "No daemon has run yet");
	snprintf(text, sizeof text, "{\"url\":\"http://localhost:1/\",\"token_file\":\"%s/token\"}",
		 top);
	put_file(path, text);
	refused(top, "token cannot be read");
	snprintf(path, sizeof path, "%s/token", top);
	snprintf(text, sizeof text, "%s\n", token);
	put_file(path, text);
	assert_int_equal(client_new(top, NULL, &why, &client), OK);
	assert_string_equal(client_url(client), "http://localhost:1/");
	snprintf(text, sizeof text, "rm -rf -- '%s'", top);
	assert_int_equal(system(text), 0);
}

static void a_daemon_that_is_not_there_is_told_from_one_that_refuses(void **state)
{
	const struct client_request request = { .method = "GET", .path = "/users" };
	scoped(client_free) struct client *client = NULL;
	struct client_answer answer;
	struct client_why why = { { 0 } };

	environment("http://127.0.0.1:1/", token);
	assert_int_equal(client_new(NULL, NULL, &why, &client), OK);
	assert_int_equal(client_ask(client, &request, &why, &answer), ERR_PROVIDER_UNAVAILABLE);
	assert_non_null(strstr(why.text, "http://127.0.0.1:1/ does not answer"));
}

int main(void)
{
	static const uint8_t random[TOKEN_RANDOM_LEN] = { 1, 2, 3 };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_name_there_is_no_daemon),
		cmocka_unit_test(a_token_goes_in_the_clear_to_this_machine_only),
		cmocka_unit_test(half_a_token_is_told_from_a_wrong_one),
		cmocka_unit_test(the_data_directory_tells_where_its_daemon_is),
		cmocka_unit_test(a_daemon_that_is_not_there_is_told_from_one_that_refuses),
	};

	token_print(TOKEN_ADMIN, random, token);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
