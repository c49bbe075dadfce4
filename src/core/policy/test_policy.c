/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char file[] = "name: Coding agent\n"					/* 1 */
			   "expires: 4h\n"						/* 2 */
			   "services:\n"						/* 3 */
			   "  github:\n"						/* 4 */
			   "    exchange: {effect: allow, scopes: [repo, read:user]}\n" /* 5 */
			   "    default: block\n"					/* 6 */
			   "  slack:\n"							/* 7 */
			   "    exchange:\n"						/* 8 */
			   "      effect: block\n"					/* 9 */
			   "  jira: {}\n"						/* 10 */
			   "  google:\n"						/* 11 */
			   "    exchange: {effect: allow}\n"				/* 12 */
			   "    default: approve\n";					/* 15 */

static struct policy *compile(const char *text)
{
	struct complaint complaint = { 0 };
	struct policy *policy = NULL;

	const enum err err = policy_compile(str(text), "p.yaml", NULL, &complaint, &policy);
	if (err != OK)
		fail_msg("%s", complaint.text);
	return policy;
}

static void it_decides_by_the_table(void **state)
{
	static const struct {
		const char *service, *asked, *granted; /* granted NULL: not known yet */
		enum err err;
		const char *scopes, *missing;
		unsigned line;
	} cases[] = {
		{ "github", "", "repo read:user gist", OK, "read:user repo", "", 5 },
		{ "github", "repo", "repo read:user", OK, "repo", "", 5 },
		{ "github", "repo gist", "repo gist", OK, "repo", "", 5 },
		{ "github", "repo read:user", "repo", OK, "repo", "", 5 },
		{ "github", "gist", "gist repo", ERR_INVALID_SCOPE, "", "", 5 },
		{ "github", "a\"b", "repo", ERR_INVALID_SCOPE, "", "", 0 },
		{ "github", "read:user", "repo", ERR_INSUFFICIENT_SCOPE, "", "read:user", 5 },
		{ "github", "", "gist", ERR_INSUFFICIENT_SCOPE, "", "read:user repo", 5 },
		{ "github", "", "", ERR_INSUFFICIENT_SCOPE, "", "read:user repo", 5 },
		{ "github", "", NULL, OK, "read:user repo", "", 5 },
		{ "github", "repo", NULL, OK, "repo", "", 5 },
		{ "github", "gist", NULL, ERR_INVALID_SCOPE, "", "", 5 },
		{ "slack", "", "chat:write", ERR_DENIED, "", "", 9 },
		{ "jira", "", "read:jira-work", ERR_DENIED, "", "", 10 },
		{ "notes", "", "notes.read", ERR_INVALID_TARGET, "", "", 0 },
		{ "", "", "", ERR_INVALID_TARGET, "", "", 0 },
		{ "githu", "", "repo", ERR_INVALID_TARGET, "", "", 0 },
		{ "google", "", "b a", OK, "a b", "", 12 },
		{ "google", "a", "b a", OK, "a", "", 12 },
		{ "google", "", "", OK, "", "", 12 },
		{ "google", "", NULL, OK, "", "", 12 },
		{ "google", "c", "a", ERR_INSUFFICIENT_SCOPE, "", "c", 12 },
	};
	struct policy *policy = compile(file);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct policy_facts facts = {
			.service = str(cases[i].service),
			.asked = str(cases[i].asked),
			.granted = str(cases[i].granted),
			.granted_known = cases[i].granted != NULL,
		};
		struct policy_decision decision;
		const enum err err = policy_decide_exchange(policy, &facts, &decision);
		if (err != cases[i].err || decision.line != cases[i].line)
			fail_msg("row %zu: %d at line %u", i, err, decision.line);
		assert_string_equal(decision.scopes, cases[i].scopes);
		assert_string_equal(decision.missing, cases[i].missing);
		assert_int_equal(decision.effect, err == OK ? POLICY_ALLOW : POLICY_BLOCK);
		assert_non_null(decision.reason);
	}
	policy_free(&policy);
	assert_null(policy);
}

static void it_answers_what_the_file_says_besides(void **state)
{
	struct policy *policy = compile(file);

	assert_true(bytes_is(policy_name(policy), "Coding agent"));
	assert_int_equal(policy_expires(policy, 1000), 1000 + (usec_t)4 * 3600 * USEC_PER_S);
	assert_string_equal(policy_service_at(policy, 0), "github");
	assert_string_equal(policy_service_at(policy, 3), "google");
	assert_null(policy_service_at(policy, 4));
	policy_free(&policy);
	policy = compile("name: Endless\nservices: {}\n");
	assert_int_equal(policy_expires(policy, 1000), 0);
	policy_free(&policy);
}

static void it_refuses_with_file_line_and_reason(void **state)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{ "[]", "p.yaml:1: a policy is a map with 'name' and 'services'" },
		{ "services: {}", "p.yaml:1: a policy needs 'name', a text of 1 to 128 bytes" },
		{ "name: ''\nservices: {}",
		  "p.yaml:1: a policy needs 'name', a text of 1 to 128 bytes" },
		{ "name: x",
		  "p.yaml:1: a policy needs 'services', a map from service id to rules" },
		{ "name: x\nservices:\n  a:\n    exchange: {effect: approve}",
		  "p.yaml:4: an exchange is allowed or blocked: a person decides over calls, not "
		  "over tokens" },
		{ "name: x\nservices:\n  a:\n    exchange: {effect: step_up}",
		  "p.yaml:4: an exchange is allowed or blocked: a person decides over calls, not "
		  "over tokens" },
		{ "name: x\nservices:\n  a:\n    exchange:\n      effect: allow\n"
		  "      when: [{time: 08:00-09:00 UTC}]\n      else: approve",
		  "p.yaml:7: an exchange is allowed or blocked: a person decides over calls, not "
		  "over tokens" },
		{ "name: x\nservices:\n  a:\n    exchange:\n      effect: allow\n"
		  "      when: [{context: public}]",
		  "p.yaml:6: an exchange has no 'context'; 'time' and 'networks' may stand here" },
		{ "name: x\nowner: y\nservices: {}", "p.yaml:2: unknown key 'owner'" },
		{ "name: x\nservices:\n  a: {exchang: {}}", "p.yaml:3: unknown key 'exchang'" },
		{ "name: x\nservices:\n  A: {}", "p.yaml:3: 'A' is not a service id" },
		{ "name: x\nservices:\n  a: allow",
		  "p.yaml:3: the rules of a service must be a map" },
		{ "name: x\nservices:\n  a: {exchange: allow}",
		  "p.yaml:3: 'exchange' must be a map such as {effect: allow}" },
		{ "name: x\nservices:\n  a: {exchange: {scopes: [b]}}",
		  "p.yaml:3: 'exchange' needs 'effect'" },
		{ "name: x\nservices:\n  a: {exchange: {effect: Allow}}",
		  "p.yaml:3: 'effect' must be allow, approve, step_up or block" },
		{ "name: x\nservices:\n  a: {exchange: {effect: allow, scopes: []}}",
		  "p.yaml:3: 'scopes' must be a list with at least one scope" },
		{ "name: x\nservices:\n  a: {exchange: {effect: allow, scopes: repo}}",
		  "p.yaml:3: 'scopes' must be a list with at least one scope" },
		{ "name: x\nservices:\n  a: {exchange: {effect: allow, scopes: [a b]}}",
		  "p.yaml:3: this is not a scope (RFC 6749 section 3.3)" },
		{ "name: x\nservices:\n  a: {exchange: {effect: allow, scopes: [b, b]}}",
		  "p.yaml:3: the scope 'b' is there twice" },
		{ "name: x\nservices:\n  a: {default: deny}",
		  "p.yaml:3: 'default' must be allow, approve, step_up or block" },
		{ "name: x\nservices:\n  a: {accounts: [b]}", "p.yaml:3: unknown key 'accounts'" },
		{ "name: x\nexpires: 0h\nservices: {}",
		  "p.yaml:2: 'expires' must be a length of time such as 30m, 4h or 7d" },
		{ "name: x\nexpires: 99999d\nservices: {}",
		  "p.yaml:2: 'expires' must be a length of time such as 30m, 4h or 7d" },
		{ "name: x\nexpires: 2027-01-01\nservices: {}",
		  "p.yaml:2: 'expires' must be a length of time such as 30m, 4h or 7d" },
		{ "name: x\nservices: {a: {}, a: {}}", "p.yaml:2: this key is there twice" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct complaint complaint = { 0 };
		struct policy *policy = NULL;
		assert_int_equal(
			policy_compile(str(cases[i].text), "p.yaml", NULL, &complaint, &policy),
			ERR_MALFORMED);
		assert_null(policy);
		assert_string_equal(complaint.text, cases[i].complaint);
	}
}

static bool takes(const char *text)
{
	struct complaint complaint = { 0 };
	struct policy *policy = NULL;

	const enum err err = policy_compile(str(text), "p.yaml", NULL, &complaint, &policy);
	policy_free(&policy);
	return err == OK;
}

static void an_id_of_a_service_is_letters_digits_and_hyphens(void **state)
{
	static const struct {
		const char *id;
		bool good;
	} cases[] = {
		{ "a", true },
		{ "z", true },
		{ "a0", true },
		{ "z9-a-z", true },
		{ "sandbox-github", true },
		{ "abcdefghijklmnopqrstuvwxyz012345", true }, /* 32 */
		{ "abcdefghijklmnopqrstuvwxyz0123456", false },
		{ "''", false },
		{ "0a", false },
		{ "'-a'", false },
		{ "'`a'", false },
		{ "'{a'", false },
		{ "A", false },
		{ "aA", false },
		{ "a_b", false },
		{ "a.b", false },
		{ "'a/b'", false },
		{ "'a:b'", false },
		{ "'a`b'", false },
		{ "'a{b'", false },
		{ "'a b'", false },
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof text, "name: x\nservices:\n  %s: {}\n", cases[i].id);
		if (takes(text) != cases[i].good)
			fail_msg("%s", cases[i].id);
	}
}

static void a_name_is_a_line_of_at_most_128_bytes(void **state)
{
	char text[256] = "services: {}\nname: ";
	const size_t head = strlen(text);

	memset(text + head, 'n', NAME_MAX_BYTES);
	assert_true(takes(text));
	text[head + NAME_MAX_BYTES] = 'n';
	assert_false(takes(text));
	assert_true(takes("name: \"a b~\"\nservices: {}"));
	assert_true(takes("name: \" \"\nservices: {}"));
	assert_false(takes("name: \"a\\x7f\"\nservices: {}"));
	assert_false(takes("name: \"a\\x1f\"\nservices: {}"));
	assert_false(takes("name: \"\\na\"\nservices: {}"));
	assert_false(takes("name: [a]\nservices: {}"));
}

static void a_length_of_time_is_at_most_ten_years(void **state)
{
	static const struct {
		const char *text;
		usec_t seconds; /* 0: refused */
	} cases[] = {
		{ "1s", 1 },	     { "90s", 90 },
		{ "30m", 1800 },     { "1h", 3600 },
		{ "2d", 172800 },    { "3650d", 315360000 },
		{ "3651d", 0 },	     { "87600h", 315360000 },
		{ "87601h", 0 },     { "5256000m", 315360000 },
		{ "5256001m", 0 },   { "315360000s", 315360000 },
		{ "315360001s", 0 }, { "1w", 0 },
		{ "s", 0 },	     { "5", 0 },
		{ "''", 0 },	     { "-1h", 0 },
		{ "1.5h", 0 },	     { "[1h]", 0 },
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof text, "name: x\nexpires: %s\nservices: {}\n", cases[i].text);
		if (takes(text) != (cases[i].seconds != 0))
			fail_msg("%s", cases[i].text);
		if (cases[i].seconds == 0)
			continue;
		struct policy *policy = compile(text);
		assert_true(policy_expires(policy, 5) == 5 + cases[i].seconds * USEC_PER_S);
		policy_free(&policy);
	}
}

static void what_is_granted_has_to_be_readable(void **state)
{
	struct policy *policy = compile(file);
	const struct policy_facts facts = { .service = str("github"),
					    .granted = str("a\"b"),
					    .granted_known = true };
	struct policy_decision decision;

	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), ERR_DENIED);
	assert_int_equal(decision.line, 0);
	assert_string_equal(decision.reason, "The scopes on record cannot be read.");
	policy_free(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_decides_by_the_table),
		cmocka_unit_test(it_answers_what_the_file_says_besides),
		cmocka_unit_test(it_refuses_with_file_line_and_reason),
		cmocka_unit_test(an_id_of_a_service_is_letters_digits_and_hyphens),
		cmocka_unit_test(a_name_is_a_line_of_at_most_128_bytes),
		cmocka_unit_test(a_length_of_time_is_at_most_ten_years),
		cmocka_unit_test(what_is_granted_has_to_be_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
