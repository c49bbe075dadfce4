/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/policy/glob.h"
#include "core/policy/match.h"

/* Where one more, one less or the other way round makes a difference. */

static struct zones *zones;

static int load_zones(void **state)
{
	static uint8_t room[ZONE_TEXT_MAX];
	FILE *file = fopen("/usr/share/zoneinfo/America/New_York", "rb");

	if (file == NULL || zones_new(&zones) != OK)
		return -1;
	const size_t n = fread(room, 1, sizeof room, file);
	fclose(file);
	return zones_put(zones, str("America/New_York"), (struct bytes){ room, n }, 1704067200) ==
			       OK
		       ? 0
		       : -1;
}

static int drop_zones(void **state)
{
	zones_free(&zones);
	return 0;
}

static bool takes(const char *text, struct complaint *complaint, struct policy **ret)
{
	const struct policy_terms terms = { .zones = zones };

	*complaint = (struct complaint){ 0 };
	*ret = NULL;
	return policy_compile(str(text), "p", &terms, complaint, ret) == OK;
}

static struct policy *compile(const char *text)
{
	struct complaint complaint;
	struct policy *policy;

	if (!takes(text, &complaint, &policy))
		fail_msg("%s", complaint.text);
	return policy;
}

/* The rule of a.b with these conditions, which blocks where they do not hold. */
static struct policy *with_when(const char *when)
{
	char text[512];

	snprintf(text, sizeof text,
		 "name: x\nservices: {a: {tools: {b: {effect: allow, when: [%s]}}}}", when);
	return compile(text);
}

static void check_refused(const char *text, const char *why)
{
	struct complaint complaint;
	struct policy *policy;

	if (takes(text, &complaint, &policy))
		fail_msg("taken: %s", text);
	assert_null(policy);
	if (strstr(complaint.text, why) == NULL)
		fail_msg("%s: %s", text, complaint.text);
}

static void what_does_not_belong_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
#define TOOL(rule)     "name: x\nservices: {a: {tools: {b: {" rule "}}}}"
#define EXCHANGE(rule) "name: x\nservices: {a: {exchange: {" rule "}}}"
#define TIME(window)   TOOL("effect: allow, when: [{time: \"" window "\"}]")
		{ TOOL("effect: allow, scopes: [c]"), "unknown key 'scopes'" },
		{ TOOL("effect: allow, x: y"), "unknown key 'x'" },
		{ EXCHANGE("effect: allow, x: y"), "unknown key 'x'" },
		{ EXCHANGE("effect: allow, when: [{arg: /a, eq: b}]"), "an exchange has no 'arg'" },
		{ EXCHANGE("effect: allow, when: [{resource: c, eq: b}]"),
		  "an exchange has no 'resource'" },
		{ TOOL("effect: allow, when: [{time: 08:00-09:00 UTC, eq: b}]"),
		  "unknown key 'eq'" },
		{ TOOL("effect: allow, when: [{networks: [10.0.0.0/8], in: [b]}]"),
		  "unknown key 'in'" },
		{ TIME("A 08:00-18:00 UTC"), "days are written as" },
		{ TIME("Ab 08:00-18:00 UTC"), "days are written as" },
		{ TIME("Mon,X 08:00-18:00 UTC"), "days are written as" },
		{ TIME("Mon, 08:00-18:00 UTC"), "days are written as" },
		{ TIME(" 08:00-18:00 UTC"), "hours are written as" },
		{ "name: x\nservices: {}\n"
		  "networks: [\"1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21\"]",
		  "a network is written as" },
		{ "name: x\nservices: {}\nnetworks: [\"10.0.0.1\\0\"]", "a text holds a NUL" },
		{ "name: x\nservices: {}\nnetworks: [/]", "a network is written as" },
#define COUNTED(pointer)                                                                           \
	"name: x\nservices: {a: {}}\nlimits: [{per: vault, budget: 1, arg: \"" pointer "\"}]"
		{ COUNTED("amount"), "'arg' is a JSON pointer" },
		{ COUNTED("a/b"), "'arg' is a JSON pointer" },
		{ COUNTED("/a~2"), "'arg' is a JSON pointer" },
		{ COUNTED("/~"), "'arg' is a JSON pointer" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_refused(cases[i].text, cases[i].why);
	struct policy *policy = compile(COUNTED("/"));
	policy_free(&policy);
}

static void sixteen_windows_are_not_too_many(void **state)
{
	char when[512] = "{time: [";

	for (int i = 0; i < 16; i++)
		snprintf(when + strlen(when), sizeof when - strlen(when), "%s0%d:00-0%d:30 UTC",
			 i == 0 ? "" : ",", i % 8, i % 8);
	strcat(when, "]}");
	struct policy *policy = with_when(when);
	policy_free(&policy);
}

static void every_condition_of_a_rule_may_ask_for_context(void **state)
{
	struct policy *policy = with_when("{arg: /c, eq: d}, {arg: /e, eq: f}, {context: private}");

	assert_true(policy_needs_context(policy, str("a"), str("b")));
	policy_free(&policy);
}

static void two_rules_are_found_in_either_order(void **state)
{
	static const char *const texts[] = {
		"name: x\nservices: {a: {tools: {b.c: allow, d.e: allow, f.*: allow, h.*: allow}}}",
		"name: x\nservices: {a: {tools: {h.*: allow, f.*: allow, d.e: allow, b.c: allow}}}",
	};
	static const char *const tools[] = { "b.c", "d.e", "f.x", "h.x" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct policy *policy = compile(texts[i]);
		for (size_t k = 0; k < ARRAY_LEN(tools); k++) {
			const struct policy_use use = { .service = str("a"),
							.tool = str(tools[k]) };
			struct policy_verdict verdict;
			if (policy_decide(policy, &use, &verdict) != OK)
				fail_msg("%s in order %zu", tools[k], i);
		}
		policy_free(&policy);
	}
}

static void what_nobody_said_was_granted_is_not_looked_at(void **state)
{
	struct policy *policy = compile(EXCHANGE("effect: allow, scopes: [c, d]"));
	struct policy_facts facts = { .service = str("a"), .granted = str("d") };
	struct policy_decision decision;

	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), OK);
	assert_string_equal(decision.scopes, "c d");
	facts.granted = str("\"");
	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), OK);
	facts.granted = str("d");
	facts.granted_known = true;
	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), OK);
	assert_string_equal(decision.scopes, "d");
	policy_free(&policy);
}

static void the_next_opening_is_right_where_the_clocks_are_behind_or_change(void **state)
{
	static const struct {
		const char *window;
		usec_t at, next; /* seconds */
	} cases[] = {
		/* 2026-07-02 02:00 UTC is 22:00 on the evening before */
		{ "23:00-23:30 America/New_York", 1782957600, 1782961200 },
		{ "Wed 23:00-23:30 America/New_York", 1782957600, 1782961200 },
		/* 2026-03-08: 02:00 becomes 03:00 at 07:00 UTC, asked half an hour before */
		{ "03:00-04:00 America/New_York", 1772951400, 1772953200 },
		{ "01:45-01:50 America/New_York", 1772951400, 1772952300 },
		/* 2026-11-01: 02:00 becomes 01:00 at 06:00 UTC, asked an hour before */
		{ "01:30-01:40 America/New_York", 1793509200, 1793511000 },
		{ "03:00-04:00 America/New_York", 1793509200, 1793520000 },
		/* half past one comes again */
		{ "01:30-01:40 America/New_York", 1793512800, 1793514600 },
		/* half past two does not come: by the time of before */
		{ "02:30-04:00 America/New_York", 1772951400, 1772955000 },
	};
	char when[128];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(when, sizeof when, "{time: \"%s\"}", cases[i].window);
		struct policy *policy = with_when(when);
		const struct policy_use use = { .service = str("a"),
						.tool = str("b"),
						.now = cases[i].at * USEC_PER_S };
		struct policy_verdict verdict;
		assert_int_equal(policy_decide(policy, &use, &verdict), ERR_DENIED);
		if (verdict.again != cases[i].next * USEC_PER_S)
			fail_msg("row %zu: %llu", i, (unsigned long long)verdict.again / 1000000);
		policy_free(&policy);
	}
}

static enum policy_effect decide(const char *when, const char *args, const char *resource)
{
	struct policy *policy = with_when(when);
	struct policy_use use = { .service = str("a"), .tool = str("b") };
	struct policy_verdict verdict;
	struct doc doc = { 0 };

	assert_int_equal(doc_read(str(args), &doc), OK);
	use.args = &doc;
	use.resources[0] = (struct policy_resource){ str("r"), str(resource) };
	use.resources_n = 1;
	err_ignore(policy_decide(policy, &use, &verdict));
	policy_free(&policy);
	doc_done(&doc);
	return verdict.effect;
}

static void an_id_is_no_json_text(void **state)
{
	static const char prefix[] = "{resource: r, prefix: \"ab\"}";
	static const char glob[] = "{resource: r, glob: \"ab*\"}";

	assert_int_equal(decide(prefix, "{}", "abc"), POLICY_ALLOW);
	assert_int_equal(decide(prefix, "{}", "a\\u0062c"), POLICY_BLOCK);
	assert_int_equal(decide(glob, "{}", "abc"), POLICY_ALLOW);
	assert_int_equal(decide(glob, "{}", "a\\u0062c"), POLICY_BLOCK);
}

static void a_text_that_only_begins_like_a_number_is_a_text(void **state)
{
	assert_int_equal(decide("{arg: /a, eq: 0x}", "{\"a\":\"0x\"}", ""), POLICY_ALLOW);
	assert_int_equal(decide("{arg: /a, eq: 0o}", "{\"a\":\"0o\"}", ""), POLICY_ALLOW);
	assert_int_equal(decide("{arg: /a, eq: +}", "{\"a\":\"+\"}", ""), POLICY_ALLOW);
}

static bool fits(const char *pattern, const char *text)
{
	struct glob glob;
	struct glob_places places;
	struct bytes rest = str(text);

	assert_int_equal(glob_read(str(pattern), &glob), OK);
	glob_begin(&glob, &places);
	while (rest.n > 0)
		glob_step(&glob, &places, glob_letter(&rest));
	return glob_fits(&glob, &places);
}

static void a_pattern_of_all_its_places_fits_to_the_last(void **state)
{
	char pattern[GLOB_TOKENS_MAX + 1], text[GLOB_TOKENS_MAX + 2];

	for (size_t i = 0; i < GLOB_TOKENS_MAX; i++)
		pattern[i] = (char)('0' + i % 10);
	pattern[GLOB_TOKENS_MAX] = 0;
	assert_true(fits(pattern, pattern));
	for (size_t i = 0; i < GLOB_TOKENS_MAX; i++) {
		strcpy(text, pattern);
		text[i] = 'x';
		assert_false(fits(pattern, text));
		/* the pattern with a sign in this place */
		strcpy(text, pattern);
		text[i] = '?';
		assert_true(fits(text, pattern));
		text[i] = '*';
		assert_true(fits(text, pattern));
	}
	strcpy(text, pattern);
	strcat(text, "x");
	assert_false(fits(pattern, text));
	text[GLOB_TOKENS_MAX - 1] = 0;
	assert_false(fits(pattern, text));
}

static void a_letter_is_not_read_beyond_the_text(void **state)
{
	static const char *const letters[] = { "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };

	for (size_t i = 0; i < ARRAY_LEN(letters); i++)
		for (size_t n = 1; n < strlen(letters[i]); n++) {
			/* the rest of the letter stands behind the text, and is not of it */
			struct bytes rest = { (const uint8_t *)letters[i], n };
			const uint32_t first = glob_letter(&rest);
			assert_int_equal(first, 0x110000 + (uint8_t)letters[i][0]);
			assert_int_equal(rest.n, n - 1);
		}
	struct bytes lone = str("\x80");
	assert_int_equal(glob_letter(&lone), 0x110080);
	lone = str("\xc2\x80");
	assert_int_equal(glob_letter(&lone), 0x80);
}

static void the_first_letter_of_a_zones_name_is_looked_at_too(void **state)
{
	static const char *const bad[] = { ".", ".a", "@a", " a", "/a" };
	struct zones *few = NULL;

	assert_int_equal(zones_new(&few), OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		/* a good file, so that the name alone is wrong */
		static uint8_t room[4096];
		FILE *in = fopen("/usr/share/zoneinfo/Etc/UTC", "rb");
		assert_non_null(in);
		const struct bytes tzif = { room, fread(room, 1, sizeof room, in) };
		fclose(in);
		if (zones_put(few, str(bad[i]), tzif, 0) != ERR_MALFORMED)
			fail_msg("'%s'", bad[i]);
	}
	zones_free(&few);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_belong_is_refused),
		cmocka_unit_test(sixteen_windows_are_not_too_many),
		cmocka_unit_test(every_condition_of_a_rule_may_ask_for_context),
		cmocka_unit_test(two_rules_are_found_in_either_order),
		cmocka_unit_test(what_nobody_said_was_granted_is_not_looked_at),
		cmocka_unit_test(the_next_opening_is_right_where_the_clocks_are_behind_or_change),
		cmocka_unit_test(an_id_is_no_json_text),
		cmocka_unit_test(a_text_that_only_begins_like_a_number_is_a_text),
		cmocka_unit_test(a_pattern_of_all_its_places_fits_to_the_last),
		cmocka_unit_test(a_letter_is_not_read_beyond_the_text),
		cmocka_unit_test(the_first_letter_of_a_zones_name_is_looked_at_too),
	};

	return cmocka_run_group_tests(tests, load_zones, drop_zones);
}
