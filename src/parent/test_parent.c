/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "parent/config.h"
#include "parent/listen.h"

static struct complaint complaint;

static enum err parse(struct config *config, const char *text)
{
	complaint.text[0] = 0;
	return config_parse(config, str(text), "valetkey.yaml", &complaint);
}

static void a_file_of_every_kind_of_value_is_read(void **state)
{
	scoped(config_done) struct config config = { 0 };

	(void)state;
	assert_int_equal(parse(&config, "listen: [\"127.0.0.1:1\", \"[::1]:2\"]\n"
					"issuer: https://keys.example/\n"
					"tls:\n  certificate: /a/b.pem\n  key: /a/b.key\n"
					"behind_proxy: true\n"
					"limits: {connections: 12}\n"
					"log:\n  level: warn\n"),
			 OK);
	struct bytes rest = config_text(&config, CONFIG_LISTEN);
	assert_true(bytes_is(config_item(&rest), "127.0.0.1:1"));
	assert_true(bytes_is(config_item(&rest), "[::1]:2"));
	assert_null(config_item(&rest).p);
	assert_true(bytes_is(config_text(&config, CONFIG_TLS_KEY), "/a/b.key"));
	assert_true(config_true(&config, CONFIG_BEHIND_PROXY));
	assert_true(bytes_is(config_text(&config, CONFIG_LIMITS_CONNECTIONS), "12"));
	assert_int_equal(config_log_level(&config), LOG_WARN);
	assert_false(config_has(&config, CONFIG_KEY_FILE));
}

static void what_the_file_may_not_say_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{ "issuer: http://a/\nisuer: x\n", "valetkey.yaml:2: unknown key isuer" },
		{ "tls:\n  certificat: x\n", "valetkey.yaml:2: unknown key tls.certificat" },
		{ "tls: x\n", "valetkey.yaml:1: tls holds keys beneath it" },
		{ "tls:\n  key:\n    deeper: x\n", "tls.key must be" },
		{ "tls.key: x\nlisten: 127.0.0.1:1\n", "valetkey.yaml:2: listen is a list" },
		{ "behind_proxy: perhaps\n",
		  "valetkey.yaml:1: behind_proxy must be true or false" },
		{ "limits:\n  connections: 0\n", "valetkey.yaml:2: limits.connections must be a" },
		{ "limits:\n  connections: many\n", "limits.connections must be a number" },
		{ "log:\n  level: loud\n", "log.level must be debug" },
		{ "egress:\n  allow: [[a]]\n", "an item of egress.allow must be HOST:PORT" },
		{ "issuer: \"\"\n", "issuer must not be empty" },
		{ "issuer: \"a\\nb\"\n", "issuer must not be empty or hold control characters" },
		{ "- a\n- b\n", "the file must be keys and values" },
		{ "issuer: a\nissuer: b\n", "valetkey.yaml:2:" },
		{ "issuer: [\n", "valetkey.yaml:" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scoped(config_done) struct config config = { 0 };
		assert_int_equal(parse(&config, cases[i].text), ERR_MALFORMED);
		if (strstr(complaint.text, cases[i].complaint) == NULL)
			fail_msg("%s: %s", cases[i].text, complaint.text);
	}
}

static void a_missing_file_is_named(void **state)
{
	scoped(config_done) struct config config = { 0 };

	(void)state;
	assert_int_equal(config_load(&config, "/nowhere/valetkey.yaml", &complaint), ERR_MALFORMED);
	assert_non_null(strstr(complaint.text, "/nowhere/valetkey.yaml: there is no such file"));
}

static void the_command_line_takes_the_place_of_the_file(void **state)
{
	scoped(config_done) struct config config = { 0 };

	(void)state;
	assert_int_equal(parse(&config, "issuer: http://file/\nlisten: [\"127.0.0.1:1\"]\n"), OK);
	assert_int_equal(config_set(&config, CONFIG_ISSUER, str("http://line/")), OK);
	assert_int_equal(config_set(&config, CONFIG_LISTEN, str("127.0.0.1:2")), OK);
	assert_int_equal(config_add(&config, CONFIG_LISTEN, str("127.0.0.1:3")), OK);
	assert_int_equal(config_set(&config, CONFIG_BEHIND_PROXY, str("maybe")), ERR_MALFORMED);
	assert_true(bytes_is(config_text(&config, CONFIG_ISSUER), "http://line/"));
	assert_true(bytes_is(config_text(&config, CONFIG_LISTEN), "127.0.0.1:2\n127.0.0.1:3\n"));
}

static void the_help_names_every_key(void **state)
{
	static const char *const names[] = {
#define CONFIG(id, name, type, otherwise, form, says) name,
#include "parent/config.def"
#undef CONFIG
	};
	struct dynbuf out;

	(void)state;
	dynbuf_init(&out, 64 * 1024);
	config_help(&out);
	dynbuf_u8(&out, 0);
	assert_int_equal(dynbuf_err(&out), OK);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_non_null(strstr((const char *)out.p, names[i]));
	dynbuf_done(&out);
}

static void only_numeric_addresses_with_a_port_are_listened_on(void **state)
{
	static const struct {
		const char *text;
		enum err err;
		bool loopback;
	} cases[] = {
		{ "127.0.0.1:7070", OK, true },
		{ "127.200.0.1:1", OK, true },
		{ "[::1]:7070", OK, true },
		{ "0.0.0.0:80", OK, false },
		{ "192.0.2.1:80", OK, false },
		{ "[::]:80", OK, false },
		{ "[::ffff:127.0.0.1]:80", OK, false },
		{ "localhost:7070", ERR_MALFORMED, false },
		{ "127.0.0.1", ERR_MALFORMED, false },
		{ ":7070", ERR_MALFORMED, false },
		{ "127.0.0.1:", ERR_MALFORMED, false },
		{ "127.0.0.1:65536", ERR_MALFORMED, false },
		{ "127.0.0.1:-1", ERR_MALFORMED, false },
		{ "127.1:80", ERR_MALFORMED, false },
		{ "::1:80", ERR_MALFORMED, false },
		{ "[::1:80", ERR_MALFORMED, false },
		{ "[]:80", ERR_MALFORMED, false },
		{ "", ERR_MALFORMED, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct listen_address address;
		const enum err err = listen_parse(str(cases[i].text), &address);
		if (err != cases[i].err ||
		    (err == OK && listen_loopback(&address) != cases[i].loopback))
			fail_msg("%s: %d", cases[i].text, (int)err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_of_every_kind_of_value_is_read),
		cmocka_unit_test(what_the_file_may_not_say_is_refused_with_its_line),
		cmocka_unit_test(a_missing_file_is_named),
		cmocka_unit_test(the_command_line_takes_the_place_of_the_file),
		cmocka_unit_test(the_help_names_every_key),
		cmocka_unit_test(only_numeric_addresses_with_a_port_are_listened_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
