/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/policy.h"

#include "core/policy/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* 2026-07-01 12:00:00 UTC, a Wednesday. */
static const usec_t noon = 1782907200 * USEC_PER_S;
#define HOURS(n) ((usec_t)((int64_t)(n)*3600) * USEC_PER_S)

static struct zones *zones;

static int load_zones(void **state)
{
	static const char *const names[] = { "Europe/Berlin", "America/New_York", "Asia/Kolkata" };
	static uint8_t room[ZONE_TEXT_MAX];
	char path[128];

	if (zones_new(&zones) != OK)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", names[i]);
		FILE *file = fopen(path, "rb");
		if (file == NULL)
			return -1;
		const size_t n = fread(room, 1, sizeof room, file);
		fclose(file);
		if (zones_put(zones, str(names[i]), (struct bytes){ room, n }, 1704067200) != OK)
			return -1;
	}
	zones_sort(zones);
	return 0;
}

static int drop_zones(void **state)
{
	zones_free(&zones);
	return 0;
}

static struct policy *compile(const char *text)
{
	const struct policy_terms terms = { .zones = zones };
	struct complaint complaint = { 0 };
	struct policy *policy = NULL;

	if (policy_compile(str(text), "p.yaml", &terms, &complaint, &policy) != OK)
		fail_msg("%s", complaint.text);
	return policy;
}

static const char *refused(const char *text)
{
	static struct complaint complaint;
	const struct policy_terms terms = { .zones = zones };
	struct policy *policy = NULL;

	complaint.text[0] = 0;
	if (policy_compile(str(text), "p.yaml", &terms, &complaint, &policy) == OK)
		fail_msg("taken: %s", text);
	assert_null(policy);
	return complaint.text;
}

/* A policy with one rule for a.b, of which @when is the list of conditions. */
static struct policy *with_when(const char *when, const char *effect, const char *otherwise)
{
	char text[4096];

	snprintf(text, sizeof text,
		 "name: x\nservices:\n  a:\n    tools:\n      b.c:\n        effect: %s\n"
		 "        else: %s\n        when:\n          - %s\n",
		 effect, otherwise, when);
	return compile(text);
}

static enum policy_effect ask(const struct policy *policy, struct policy_use *use, const char *args)
{
	struct policy_verdict verdict;
	struct doc doc = { 0 };

	if (args != NULL)
		assert_int_equal(doc_read(str(args), &doc), OK);
	use->args = args == NULL ? NULL : &doc;
	const enum err err = policy_decide(policy, use, &verdict);
	assert_int_equal(err, verdict.effect == POLICY_BLOCK ? ERR_DENIED : OK);
	assert_non_null(verdict.reason);
	doc_done(&doc);
	return verdict.effect;
}

static const char file[] = "name: Coding agent\n"			    /* 1 */
			   "services:\n"				    /* 2 */
			   "  github:\n"				    /* 3 */
			   "    default: approve\n"			    /* 4 */
			   "    tools:\n"				    /* 5 */
			   "      issues.*: allow\n"			    /* 6 */
			   "      issues.comment: step_up\n"		    /* 7 */
			   "      issues.deep.*: block\n"		    /* 8 */
			   "      repos.delete: {effect: block}\n"	    /* 9 */
			   "      pulls.merge:\n"			    /* 10 */
			   "        effect: approve\n"			    /* 11 */
			   "        when:\n"				    /* 12 */
			   "          - {arg: /owner, in: [acme]}\n"	    /* 13 */
			   "          - {arg: /draft, eq: false}\n"	    /* 14 */
			   "        else: block\n"			    /* 15 */
			   "  slack:\n"					    /* 16 */
			   "    tools: {chat.post: {effect: allow, when: [" /* 17 */
			   "{context: private}], else: step_up}}\n"
			   "  jira:\n" /* 18 */
			   "    proxy: read\n"
			   "  google: {proxy: allow}\n"
			   "  notes: {default: {effect: allow, when: [{time: 08:00-18:00 UTC}]}}\n";

static void the_most_specific_entry_decides(void **state)
{
	static const struct {
		const char *service, *tool, *args;
		enum policy_effect effect;
		unsigned line, when_line;
		const char *rule;
		bool by_else;
	} cases[] = {
		{ "github", "issues.list", NULL, POLICY_ALLOW, 6, 0, "issues.*", false },
		{ "github", "issues.comment", NULL, POLICY_STEP_UP, 7, 0, "issues.comment", false },
		{ "github", "issues.comment.x", NULL, POLICY_ALLOW, 6, 0, "issues.*", false },
		{ "github", "issues.commen", NULL, POLICY_ALLOW, 6, 0, "issues.*", false },
		{ "github", "issues.deep.x", NULL, POLICY_BLOCK, 8, 0, "issues.deep.*", false },
		{ "github", "issues.deep", NULL, POLICY_ALLOW, 6, 0, "issues.*", false },
		{ "github", "issues", NULL, POLICY_APPROVE, 4, 0, "default", false },
		{ "github", "issuesx.list", NULL, POLICY_APPROVE, 4, 0, "default", false },
		{ "github", "Issues.list", NULL, POLICY_APPROVE, 4, 0, "default", false },
		{ "github", "repos.delete", NULL, POLICY_BLOCK, 9, 0, "repos.delete", false },
		{ "github", "pulls.merge", "{\"owner\":\"acme\",\"draft\":false}", POLICY_APPROVE,
		  11, 0, "pulls.merge", false },
		{ "github", "pulls.merge", "{\"owner\":\"evil\",\"draft\":false}", POLICY_BLOCK, 11,
		  13, "pulls.merge", true },
		{ "github", "pulls.merge", "{\"owner\":\"acme\",\"draft\":true}", POLICY_BLOCK, 11,
		  14, "pulls.merge", true },
		{ "github", "pulls.merge", "{\"owner\":\"evil\"}", POLICY_BLOCK, 11, 13,
		  "pulls.merge", true },
		{ "slack", "chat.post", NULL, POLICY_STEP_UP, 17, 17, "chat.post", false },
		{ "slack", "chat.other", NULL, POLICY_BLOCK, 16, 0, "", false },
		{ "jira", "issues.get", NULL, POLICY_BLOCK, 18, 0, "", false },
		{ "notes", "a.b", NULL, POLICY_ALLOW, 21, 0, "default", false },
		{ "none", "issues.list", NULL, POLICY_BLOCK, 0, 0, "", false },
		{ "githu", "issues.list", NULL, POLICY_BLOCK, 0, 0, "", false },
		{ "githubb", "issues.list", NULL, POLICY_BLOCK, 0, 0, "", false },
		{ "", "issues.list", NULL, POLICY_BLOCK, 0, 0, "", false },
	};
	struct policy *policy = compile(file);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_use use = { .service = str(cases[i].service),
					  .tool = str(cases[i].tool),
					  .class = POLICY_READ,
					  .now = noon };
		struct policy_verdict verdict;
		struct doc doc = { 0 };
		if (cases[i].args != NULL) {
			assert_int_equal(doc_read(str(cases[i].args), &doc), OK);
			use.args = &doc;
		}
		const enum err err = policy_decide(policy, &use, &verdict);
		if (verdict.effect != cases[i].effect || verdict.line != cases[i].line ||
		    verdict.when_line != cases[i].when_line ||
		    !bytes_is(verdict.rule, cases[i].rule) || verdict.by_else != cases[i].by_else)
			fail_msg("row %zu: %s at %u, condition %u, '%.*s': %s", i,
				 policy_effect_name(verdict.effect), verdict.line,
				 verdict.when_line, (int)verdict.rule.n, verdict.rule.p,
				 verdict.reason);
		assert_int_equal(err, verdict.effect == POLICY_BLOCK ? ERR_DENIED : OK);
		assert_int_equal(verdict.again, 0);
		doc_done(&doc);
	}
	policy_free(&policy);
}

static void each_kind_of_rule_gives_its_own_reason(void **state)
{
	static const struct {
		const char *service, *tool, *args, *reason;
	} cases[] = {
		{ "none", "a.b", NULL, "The policy does not name this service." },
		{ "github", "issues.comment", NULL, "The rule of this tool decides." },
		{ "github", "issues.list", NULL, "The rule of the longest prefix decides." },
		{ "github", "a.b", NULL,
		  "No rule names this tool: the service's default decides." },
		{ "jira", "a.b", NULL, "No rule names this tool, and the service has no default." },
		{ "github", "", NULL, "A request that matches no tool is not permitted." },
		{ "google", "", NULL, "Requests that match no tool are permitted." },
		{ "jira", "", NULL,
		  "Of requests that match no tool only those that read are permitted." },
		{ "github", "pulls.merge", "{}", "A condition on an argument does not hold." },
		{ "github", "pulls.merge", NULL,
		  "The arguments are not known, so the stricter effect counts." },
		{ "slack", "chat.post", NULL,
		  "Whether this is public or private is not known, so the stricter effect "
		  "counts." },
	};
	struct policy *policy = compile(file);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_use use = { .service = str(cases[i].service),
					  .tool = str(cases[i].tool),
					  .class = POLICY_WRITE,
					  .now = noon };
		struct policy_verdict verdict;
		struct doc doc = { 0 };
		if (cases[i].args != NULL) {
			assert_int_equal(doc_read(str(cases[i].args), &doc), OK);
			use.args = &doc;
		}
		err_ignore(policy_decide(policy, &use, &verdict));
		assert_string_equal(verdict.reason, cases[i].reason);
		doc_done(&doc);
	}
	policy_free(&policy);
}

static void a_name_too_long_for_a_tool_is_blocked_also_by_a_default(void **state)
{
	char name[POLICY_TOOL_MAX + 2];
	struct policy *policy = compile("name: x\nservices: {a: {default: allow}}");
	struct policy_use use = { .service = str("a"), .now = noon };
	struct policy_verdict verdict;

	memset(name, 'a', sizeof name);
	use.tool = (struct bytes){ (const uint8_t *)name, POLICY_TOOL_MAX };
	assert_int_equal(policy_decide(policy, &use, &verdict), OK);
	assert_true(policy_shows(policy, use.service, use.tool));
	use.tool.n++;
	assert_int_equal(policy_decide(policy, &use, &verdict), ERR_DENIED);
	assert_string_equal(verdict.reason, "No tool has a name of this length.");
	assert_false(policy_shows(policy, use.service, use.tool));
	assert_false(policy_needs_context(policy, use.service, use.tool));
	policy_free(&policy);
}

static void raw_requests_follow_proxy_alone(void **state)
{
	static const struct {
		const char *service;
		enum policy_class class;
		enum policy_effect effect;
		unsigned line;
	} cases[] = {
		{ "github", POLICY_READ, POLICY_BLOCK, 3 },
		{ "jira", POLICY_READ, POLICY_ALLOW, 19 },
		{ "jira", POLICY_WRITE, POLICY_BLOCK, 19 },
		{ "jira", POLICY_DESTRUCTIVE, POLICY_BLOCK, 19 },
		{ "jira", 0, POLICY_BLOCK, 19 },
		{ "google", POLICY_DESTRUCTIVE, POLICY_ALLOW, 20 },
		{ "google", POLICY_READ, POLICY_ALLOW, 20 },
		{ "none", POLICY_READ, POLICY_BLOCK, 0 },
	};
	struct policy *policy = compile(file);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct policy_use use = { .service = str(cases[i].service),
						.class = cases[i].class,
						.now = noon };
		struct policy_verdict verdict;
		const enum err err = policy_decide(policy, &use, &verdict);
		assert_int_equal(verdict.effect, cases[i].effect);
		assert_int_equal(verdict.line, cases[i].line);
		assert_int_equal(err, verdict.effect == POLICY_BLOCK ? ERR_DENIED : OK);
		assert_true(cases[i].line == 0 || bytes_is(verdict.rule, "proxy"));
	}
	policy_free(&policy);
	policy = compile("name: x\nservices: {a: {proxy: block}}");
	const struct policy_use use = { .service = str("a"), .class = POLICY_READ };
	struct policy_verdict verdict;
	assert_int_equal(policy_decide(policy, &use, &verdict), ERR_DENIED);
	policy_free(&policy);
}

static void an_argument_is_compared_by_type_and_exactly(void **state)
{
	static const struct {
		const char *when, *args;
		bool holds;
	} cases[] = {
		{ "{arg: /a, eq: x}", "{\"a\":\"x\"}", true },
		{ "{arg: /a, eq: x}", "{\"a\":\"\\u0078\"}", true },
		{ "{arg: /a, eq: x}", "{\"a\":\"X\"}", false },
		{ "{arg: /a, eq: x}", "{\"a\":\"xx\"}", false },
		{ "{arg: /a, eq: x}", "{\"b\":\"x\"}", false },
		{ "{arg: /a, eq: x}", "{\"a\":{\"a\":\"x\"}}", false },
		{ "{arg: /a, eq: x}", "[]", false },
		{ "{arg: /a, eq: \"\"}", "{\"a\":\"x\"}", false },
		{ "{arg: /a, eq: 5}", "{\"a\":5}", true },
		{ "{arg: /a, eq: 5}", "{\"a\":5.0}", true },
		{ "{arg: /a, eq: 5}", "{\"a\":50e-1}", true },
		{ "{arg: /a, eq: 5}", "{\"a\":\"5\"}", false },
		{ "{arg: /a, eq: 5}", "{\"a\":6}", false },
		{ "{arg: /a, eq: \"5\"}", "{\"a\":5}", false },
		{ "{arg: /a, eq: \"5\"}", "{\"a\":\"5\"}", true },
		{ "{arg: /a, eq: -1.5e3}", "{\"a\":-1500}", true },
		{ "{arg: /a, eq: true}", "{\"a\":true}", true },
		{ "{arg: /a, eq: true}", "{\"a\":false}", false },
		{ "{arg: /a, eq: true}", "{\"a\":\"true\"}", false },
		{ "{arg: /a, eq: false}", "{\"a\":false}", true },
		{ "{arg: /a, eq: false}", "{\"a\":null}", false },
		{ "{arg: /a, eq: \"true\"}", "{\"a\":true}", false },
		{ "{arg: /a, eq: null}", "{\"a\":null}", true },
		{ "{arg: /a, eq: null}", "{}", false },
		{ "{arg: /a, eq: 1.2.3}", "{\"a\":\"1.2.3\"}", true },
		{ "{arg: /a, eq: 12:30}", "{\"a\":\"12:30\"}", true },
		{ "{arg: /a, eq: 3rd}", "{\"a\":\"3rd\"}", true },
		{ "{arg: /a, eq: -}", "{\"a\":\"-\"}", true },
		{ "{arg: /a, eq: 1e5x}", "{\"a\":\"1e5x\"}", true },
		{ "{arg: /a, eq: 123456789012345678901234567890}",
		  "{\"a\":123456789012345678901234567890}", true },
		{ "{arg: /a, eq: 123456789012345678901234567890}",
		  "{\"a\":123456789012345678901234567891}", false },
		{ "{arg: /a/b/1, eq: x}", "{\"a\":{\"b\":[\"y\",\"x\"]}}", true },
		{ "{arg: /a/b/0, eq: x}", "{\"a\":{\"b\":[\"y\",\"x\"]}}", false },
		{ "{arg: /a~1b~0, eq: x}", "{\"a/b~\":\"x\"}", true },
		{ "{arg: /a, in: [x, 5, true]}", "{\"a\":\"x\"}", true },
		{ "{arg: /a, in: [x, 5, true]}", "{\"a\":5}", true },
		{ "{arg: /a, in: [x, 5, true]}", "{\"a\":true}", true },
		{ "{arg: /a, in: [x, 5, true]}", "{\"a\":\"5\"}", false },
		{ "{arg: /a, in: [x, 5, true]}", "{\"a\":[\"x\",5]}", true },
		{ "{arg: /a, in: [x, 5, true]}", "{\"a\":[\"x\",6]}", false },
		{ "{arg: /a, in: [x, 5, true]}", "{\"a\":[6,\"x\"]}", false },
		{ "{arg: /a, in: [x, 5, true]}", "{\"a\":[]}", false },
		{ "{arg: /a, in: [x, 5, true]}", "{\"a\":[[\"x\"]]}", false },
		{ "{arg: /a, prefix: ab}", "{\"a\":\"abc\"}", true },
		{ "{arg: /a, prefix: ab}", "{\"a\":\"ab\"}", true },
		{ "{arg: /a, prefix: ab}", "{\"a\":\"\\u0061bc\"}", true },
		{ "{arg: /a, prefix: ab}", "{\"a\":\"a\"}", false },
		{ "{arg: /a, prefix: ab}", "{\"a\":\"xab\"}", false },
		{ "{arg: /a, prefix: ab}", "{\"a\":5}", false },
		{ "{arg: /a, prefix: ä€}", "{\"a\":\"\\u00e4\\u20acx\"}", true },
		{ "{arg: /a, prefix: ä€}", "{\"a\":\"ä€x\"}", true },
		{ "{arg: /a, prefix: \"😀\"}", "{\"a\":\"\\ud83d\\ude00!\"}", true },
		{ "{arg: /a, prefix: ä€}", "{\"a\":\"ä\"}", false },
		{ "{arg: /a, glob: \"docs/*.md\"}", "{\"a\":\"docs/a.md\"}", true },
		{ "{arg: /a, glob: \"docs/*.md\"}", "{\"a\":\"docs/.md\"}", true },
		{ "{arg: /a, glob: \"docs/*.md\"}", "{\"a\":\"docs/a/b.md\"}", false },
		{ "{arg: /a, glob: \"docs/**.md\"}", "{\"a\":\"docs/a/b.md\"}", true },
		{ "{arg: /a, glob: \"docs/**\"}", "{\"a\":\"docs/\"}", true },
		{ "{arg: /a, glob: \"docs/**\"}", "{\"a\":\"docs\"}", false },
		{ "{arg: /a, glob: \"docs/**\"}", "{\"a\":\"xdocs/a\"}", false },
		{ "{arg: /a, glob: \"a?c\"}", "{\"a\":\"abc\"}", true },
		{ "{arg: /a, glob: \"a?c\"}", "{\"a\":\"aäc\"}", true },
		{ "{arg: /a, glob: \"a?c\"}", "{\"a\":\"a/c\"}", false },
		{ "{arg: /a, glob: \"a?c\"}", "{\"a\":\"ac\"}", false },
		{ "{arg: /a, glob: \"a?c\"}", "{\"a\":\"abcd\"}", false },
		{ "{arg: /a, glob: \"*@acme.example\"}",
		  "{\"a\":[\"x@acme.example\",\"y@acme.example\"]}", true },
		{ "{arg: /a, glob: \"*@acme.example\"}",
		  "{\"a\":[\"x@acme.example\",\"y@evil.example\"]}", false },
		{ "{arg: /a, glob: \"*a*b*\"}", "{\"a\":\"xxaxxbxx\"}", true },
		{ "{arg: /a, glob: \"*a*b*\"}", "{\"a\":\"xxbxxaxx\"}", false },
		{ "{arg: /a, glob: \"***\"}", "{\"a\":\"x/y\"}", true },
		{ "{arg: /a, glob: \"a***b*\"}", "{\"a\":\"a/x/bb\"}", true },
		{ "{arg: /a, glob: \"a*?b\"}", "{\"a\":\"ab\"}", false },
		{ "{arg: /a, glob: \"a*?b\"}", "{\"a\":\"axxb\"}", true },
		{ "{arg: /a, glob: \"*/*\"}", "{\"a\":\"a/b\"}", true },
		{ "{arg: /a, glob: \"*/*\"}", "{\"a\":\"a/b/c\"}", false },
		{ "{arg: /a, glob: \"[ab]\"}", "{\"a\":\"a\"}", false },
		{ "{arg: /a, glob: \"[ab]\"}", "{\"a\":\"[ab]\"}", true },
		{ "{arg: /a, glob: \"*\"}", "{\"a\":\"\"}", true },
		{ "{arg: /a, glob: \"*\"}", "{\"a\":7}", false },
		{ "{arg: /a, lt: 100}", "{\"a\":99.999999999999999999999999}", true },
		{ "{arg: /a, lt: 100}", "{\"a\":100}", false },
		{ "{arg: /a, lt: 100}", "{\"a\":1e2}", false },
		{ "{arg: /a, lt: 100}", "{\"a\":-1e9}", true },
		{ "{arg: /a, lt: 100}", "{\"a\":101}", false },
		{ "{arg: /a, lt: 100}", "{\"a\":\"5\"}", false },
		{ "{arg: /a, lt: 100}", "{\"a\":null}", false },
		{ "{arg: /a, lt: 9007199254740993}", "{\"a\":9007199254740992}", true },
		{ "{arg: /a, lt: 9007199254740993}", "{\"a\":9007199254740993}", false },
		{ "{arg: /a, gt: 0.1}", "{\"a\":0.10000000000000000000001}", true },
		{ "{arg: /a, gt: 0.1}", "{\"a\":0.1}", false },
		{ "{arg: /a, gt: 0.1}", "{\"a\":0}", false },
		{ "{arg: /a, gt: 0.1}", "{\"a\":\"1\"}", false },
		{ "{arg: /a, gt: -5}", "{\"a\":[-4,-3]}", true },
		{ "{arg: /a, gt: -5}", "{\"a\":[-4,-6]}", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy *policy = with_when(cases[i].when, "allow", "approve");
		struct policy_use use = { .service = str("a"), .tool = str("b.c") };
		if ((ask(policy, &use, cases[i].args) == POLICY_ALLOW) != cases[i].holds)
			fail_msg("row %zu: %s on %s", i, cases[i].when, cases[i].args);
		policy_free(&policy);
	}
}

static void what_is_not_known_gets_the_stricter_effect(void **state)
{
	static const struct {
		const char *when, *effect, *otherwise;
		enum policy_effect gets;
	} cases[] = {
		{ "{arg: /a, eq: x}", "allow", "approve", POLICY_APPROVE },
		{ "{arg: /a, eq: x}", "approve", "allow", POLICY_APPROVE },
		{ "{arg: /a, eq: x}", "step_up", "approve", POLICY_STEP_UP },
		{ "{arg: /a, eq: x}", "allow", "block", POLICY_BLOCK },
		{ "{arg: /a, eq: x}", "block", "allow", POLICY_BLOCK },
		{ "{context: public}", "block", "allow", POLICY_BLOCK },
		{ "{context: private}", "allow", "step_up", POLICY_STEP_UP },
		{ "{resource: repository, eq: a}", "allow", "approve", POLICY_APPROVE },
		{ "{networks: [10.0.0.0/8]}", "allow", "approve", POLICY_APPROVE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy *policy =
			with_when(cases[i].when, cases[i].effect, cases[i].otherwise);
		struct policy_use use = { .service = str("a"), .tool = str("b.c") };
		struct policy_verdict verdict;
		assert_int_equal(ask(policy, &use, NULL), cases[i].gets);
		err_ignore(policy_decide(policy, &use, &verdict));
		assert_true(verdict.unsure);
		assert_false(verdict.by_else);
		assert_int_equal(verdict.when_line, 9);
		policy_free(&policy);
	}
}

static void what_does_not_hold_outweighs_what_is_not_known(void **state)
{
	struct policy *policy = with_when("{context: public}\n          - {arg: /a, eq: x}\n"
					  "          - {arg: /a, eq: y}",
					  "block", "allow");
	struct policy_use use = { .service = str("a"), .tool = str("b.c") };

	assert_int_equal(ask(policy, &use, "{\"a\":\"x\"}"), POLICY_ALLOW);
	assert_int_equal(ask(policy, &use, "{}"), POLICY_ALLOW);
	policy_free(&policy);
}

static void without_else_it_is_block(void **state)
{
	struct policy *policy = compile("name: x\nservices: {a: {tools: {b.c: {effect: allow, "
					"when: [{arg: /a, eq: x}]}}}}");
	struct policy_use use = { .service = str("a"), .tool = str("b.c") };

	assert_int_equal(ask(policy, &use, "{\"a\":\"x\"}"), POLICY_ALLOW);
	assert_int_equal(ask(policy, &use, "{\"a\":\"y\"}"), POLICY_BLOCK);
	policy_free(&policy);
}

static void a_pattern_is_quick_also_where_it_is_hostile(void **state)
{
	static char args[100 * 1024];
	struct policy *policy = with_when("{arg: /a, glob: \"**a**a**a**a**a**a**a**a**a**b\"}",
					  "allow", "approve");
	struct policy_use use = { .service = str("a"), .tool = str("b.c") };
	size_t n = (size_t)snprintf(args, sizeof args, "{\"a\":\"");

	memset(args + n, 'a', (64 * 1024));
	n += (64 * 1024);
	strcpy(args + n, "\"}");
	assert_int_equal(ask(policy, &use, args), POLICY_APPROVE);
	args[n - 1] = 'b';
	assert_int_equal(ask(policy, &use, args), POLICY_ALLOW);
	/* One letter more than a pattern is compared with: not known. */
	strcpy(args + n, "b\"}");
	assert_int_equal(ask(policy, &use, args), POLICY_APPROVE);
	policy_free(&policy);
}

static void each_resource_of_the_kind_has_to_fit(void **state)
{
	static const struct {
		const char *when;
		struct policy_resource resources[3];
		size_t n;
		enum policy_effect effect;
	} cases[] = {
#define R(k, i) { { (const uint8_t *)k, sizeof k - 1 }, { (const uint8_t *)i, sizeof i - 1 } }
		{ "{resource: repository, eq: acme/site}",
		  { R("repository", "acme/site") },
		  1,
		  POLICY_ALLOW },
		{ "{resource: repository, eq: acme/site}",
		  { R("repository", "acme/sites") },
		  1,
		  POLICY_APPROVE },
		{ "{resource: repository, glob: acme/*}",
		  { R("repository", "acme/a"), R("repository", "acme/b") },
		  2,
		  POLICY_ALLOW },
		{ "{resource: repository, glob: acme/*}",
		  { R("repository", "acme/a"), R("repository", "evil/b") },
		  2,
		  POLICY_APPROVE },
		{ "{resource: repository, glob: acme/*}",
		  { R("repository", "evil/a"), R("repository", "acme/b") },
		  2,
		  POLICY_APPROVE },
		{ "{resource: repository, glob: acme/*}",
		  { R("channel", "evil/a"), R("repository", "acme/b") },
		  2,
		  POLICY_ALLOW },
		{ "{resource: channel, in: [C1, C2]}", { R("channel", "C2") }, 1, POLICY_ALLOW },
		{ "{resource: channel, in: [C1, C2]}", { R("channel", "C3") }, 1, POLICY_APPROVE },
		{ "{resource: channel, prefix: C}", { R("channel", "C3") }, 1, POLICY_ALLOW },
		{ "{resource: channel, prefix: C}", { R("channel", "D3") }, 1, POLICY_APPROVE },
		{ "{resource: channel, glob: \"?\"}",
		  { R("channel", "\xc3\xa4") },
		  1,
		  POLICY_ALLOW },
		{ "{resource: channel, glob: \"ä\"}", { R("channel", "\xc3") }, 1, POLICY_APPROVE },
		{ "{resource: channel, glob: \"??\"}",
		  { R("channel", "\xc3\xc3") },
		  1,
		  POLICY_ALLOW },
		{ "{resource: channel, glob: \"??\"}",
		  { R("channel", "\xed\xa0") },
		  1,
		  POLICY_ALLOW },
		{ "{resource: channel, glob: \"???\"}",
		  { R("channel", "\xed\xa0\x80") },
		  1,
		  POLICY_ALLOW },
		{ "{resource: channel, glob: \"??\"}",
		  { R("channel", "\xc0\x80") },
		  1,
		  POLICY_ALLOW },
		{ "{resource: channel, glob: \"???\"}",
		  { R("channel", "\xe0\x80\x80") },
		  1,
		  POLICY_ALLOW },
		{ "{resource: channel, glob: \"????\"}",
		  { R("channel", "\xf4\x90\x80\x80") },
		  1,
		  POLICY_ALLOW },
		{ "{resource: channel, glob: \"?\"}",
		  { R("channel", "\xf4\x8f\xbf\xbf") },
		  1,
		  POLICY_ALLOW },
		{ "{resource: channel, glob: \"?\"}",
		  { R("channel", "\xf0\x9f\x98\x80") },
		  1,
		  POLICY_ALLOW },
		{ "{resource: channel, eq: C1}", { R("repository", "C1") }, 1, POLICY_APPROVE },
		{ "{resource: channel, glob: \"*\"}", { R("channel", "") }, 1, POLICY_APPROVE },
		{ "{resource: channel, eq: C1}",
		  { R("channel", "C1"), R("channel", "") },
		  2,
		  POLICY_APPROVE },
#undef R
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy *policy = with_when(cases[i].when, "allow", "approve");
		struct policy_use use = { .service = str("a"), .tool = str("b.c") };
		memcpy(use.resources, cases[i].resources, sizeof cases[i].resources);
		use.resources_n = cases[i].n;
		if (ask(policy, &use, NULL) != cases[i].effect)
			fail_msg("row %zu", i);
		policy_free(&policy);
	}
}

static void public_and_private_are_told_apart(void **state)
{
	struct policy *public = with_when("{context: public}", "allow", "approve");
	struct policy *private = with_when("{context: private}", "allow", "approve");
	struct policy_use use = { .service = str("a"), .tool = str("b.c") };

	use.context = POLICY_PUBLIC;
	assert_int_equal(ask(public, &use, NULL), POLICY_ALLOW);
	assert_int_equal(ask(private, &use, NULL), POLICY_APPROVE);
	use.context = POLICY_PRIVATE;
	assert_int_equal(ask(public, &use, NULL), POLICY_APPROVE);
	assert_int_equal(ask(private, &use, NULL), POLICY_ALLOW);
	assert_true(policy_needs_context(public, str("a"), str("b.c")));
	assert_false(policy_needs_context(public, str("a"), str("b.d")));
	assert_false(policy_needs_context(public, str("b"), str("b.c")));
	assert_false(policy_needs_context(public, str("a"), str("")));
	policy_free(&public);
	policy_free(&private);
	struct policy *policy = compile(file);
	assert_true(policy_needs_context(policy, str("slack"), str("chat.post")));
	assert_false(policy_needs_context(policy, str("github"), str("pulls.merge")));
	policy_free(&policy);
}

static void a_list_shows_what_could_be_permitted(void **state)
{
	struct policy *policy = compile(file);

	assert_true(policy_shows(policy, str("github"), str("issues.list")));
	assert_true(policy_shows(policy, str("github"), str("pulls.merge")));
	assert_true(policy_shows(policy, str("github"), str("what.ever")));
	assert_false(policy_shows(policy, str("github"), str("repos.delete")));
	assert_false(policy_shows(policy, str("github"), str("issues.deep.x")));
	assert_false(policy_shows(policy, str("jira"), str("issues.get")));
	assert_false(policy_shows(policy, str("none"), str("issues.get")));
	assert_false(policy_shows(policy, str("github"), str("")));
	policy_free(&policy);
	policy = with_when("{context: public}", "block", "approve");
	assert_true(policy_shows(policy, str("a"), str("b.c")));
	policy_free(&policy);
	policy = with_when("{context: public}", "block", "block");
	assert_false(policy_shows(policy, str("a"), str("b.c")));
	policy_free(&policy);
}

/* Times are given as UTC hours from noon of Wednesday, 2026-07-01. */
static void windows_follow_the_clock_on_the_wall(void **state)
{
	static const struct {
		const char *window;
		usec_t at;
		bool open;
	} cases[] = {
#define AT(s) ((usec_t)(s)*USEC_PER_S)
		{ "08:00-18:00 UTC", AT(1782907200), true },
		{ "12:00-18:00 UTC", AT(1782907200), true },
		{ "12:01-18:00 UTC", AT(1782907200), false },
		{ "08:00-12:00 UTC", AT(1782907200), false },
		{ "08:00-12:00 UTC", AT(1782907199), true },
		{ "Wed 08:00-18:00 UTC", AT(1782907200), true },
		{ "Tue 08:00-18:00 UTC", AT(1782907200), false },
		{ "Thu 08:00-18:00 UTC", AT(1782907200), false },
		{ "Mon-Fri 08:00-18:00 UTC", AT(1782907200), true },
		{ "Fri-Mon 08:00-18:00 UTC", AT(1782907200), false },
		{ "Fri-Wed 08:00-18:00 UTC", AT(1782907200), true },
		{ "Mon,Wed,Fri 08:00-18:00 UTC", AT(1782907200), true },
		{ "Mon,Thu-Fri 08:00-18:00 UTC", AT(1782907200), false },
		{ "Sun 00:00-24:00 UTC", AT(1782604800), true }, /* 2026-06-28 */
		{ "Sun 00:00-24:00 UTC", AT(1782691199), true },
		{ "Sun 00:00-24:00 UTC", AT(1782691200), false },
		{ "Sun 00:00-24:00 UTC", AT(1782604799), false },
		{ "Sat 22:00-06:00 UTC", AT(1782604800), true },
		{ "Sat 22:00-06:00 UTC", AT(1782604800 + 6 * 3600 - 1), true },
		{ "Sat 22:00-06:00 UTC", AT(1782604800 + 6 * 3600), false },
		{ "Sat 22:00-06:00 UTC", AT(1782604800 - 2 * 3600), true },
		{ "Sat 22:00-06:00 UTC", AT(1782604800 - 2 * 3600 - 1), false },
		{ "Sun 22:00-06:00 UTC", AT(1782604800), false },
		/* Berlin is two hours ahead in July and one in January. */
		{ "14:00-14:30 Europe/Berlin", AT(1782907200), true },
		{ "13:00-13:30 Europe/Berlin", AT(1782907200), false },
		{ "13:00-13:30 Europe/Berlin", AT(1767268800), true }, /* 2026-01-01 12:00 */
		{ "14:00-14:30 Europe/Berlin", AT(1767268800), false },
		{ "17:30-17:31 Asia/Kolkata", AT(1782907200), true },
		{ "08:00-08:01 America/New_York", AT(1782907200), true },
		/* 2026-03-29: 02:00 becomes 03:00 in Berlin at 01:00 UTC. */
		{ "02:00-03:00 Europe/Berlin", AT(1774746000 - 1), false },
		{ "02:00-03:00 Europe/Berlin", AT(1774746000), false },
		{ "03:00-04:00 Europe/Berlin", AT(1774746000), true },
		/* 2026-10-25: 03:00 becomes 02:00 in Berlin at 01:00 UTC. */
		{ "02:00-03:00 Europe/Berlin", AT(1792890000 - 3600), true },
		{ "02:00-03:00 Europe/Berlin", AT(1792890000), true },
		{ "02:00-03:00 Europe/Berlin", AT(1792890000 + 3600), false },
		/* The day is that of the zone: 23:30 on Wednesday here is Thursday there. */
		{ "Thu 00:00-02:00 Europe/Berlin", AT(1782907200 + 11 * 3600 + 1800), true },
		{ "Wed 00:00-02:00 Europe/Berlin", AT(1782907200 + 11 * 3600 + 1800), false },
		{ "Wed 19:30-19:31 America/New_York", AT(1782907200 + 11 * 3600 + 1800), true },
		{ "Wed 20:00-21:00 America/New_York", AT(1782907200 + 12 * 3600), true },
		{ "Thu 00:00-24:00 UTC", 0, true },		 /* 1970-01-01 */
		{ "Wed 19:00-20:00 America/New_York", 0, true }, /* before midnight there */
		{ "Sat-Mon 00:00-24:00 UTC", AT(1782604800), true },
		{ "Sat-Mon 00:00-24:00 UTC", AT(1782604800 + 2 * 86400), false },
		{ "Sat-Sat 00:00-24:00 UTC", AT(1782604800), false },
	};
	char when[128];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(when, sizeof when, "{time: \"%s\"}", cases[i].window);
		struct policy *policy = with_when(when, "allow", "approve");
		struct policy_use use = { .service = str("a"),
					  .tool = str("b.c"),
					  .now = cases[i].at };
		if ((ask(policy, &use, NULL) == POLICY_ALLOW) != cases[i].open)
			fail_msg("row %zu: %s", i, cases[i].window);
		policy_free(&policy);
	}
}

static void one_of_several_windows_is_enough(void **state)
{
	struct policy *policy =
		with_when("{time: [08:00-09:00 UTC, 11:00-13:00 UTC]}", "allow", "approve");
	struct policy_use use = { .service = str("a"), .tool = str("b.c"), .now = noon };

	assert_int_equal(ask(policy, &use, NULL), POLICY_ALLOW);
	use.now = noon - HOURS(4);
	assert_int_equal(ask(policy, &use, NULL), POLICY_ALLOW);
	use.now = noon - HOURS(2);
	assert_int_equal(ask(policy, &use, NULL), POLICY_APPROVE);
	policy_free(&policy);
}

static void a_refusal_for_the_hour_says_when_it_opens(void **state)
{
	static const struct {
		const char *when, *otherwise;
		int64_t again; /* seconds from noon; 0: none */
	} cases[] = {
		{ "{time: \"14:00-15:00 UTC\"}", "block", 2 * 3600 },
		{ "{time: \"10:00-11:00 UTC\"}", "block", 22 * 3600 },
		{ "{time: \"Mon 10:00-11:00 UTC\"}", "block", 5 * 86400 - 2 * 3600 },
		{ "{time: \"14:00-15:00 UTC\"}", "approve", 0 },
		{ "{time: [14:00-15:00 UTC, 13:00-13:30 UTC, 16:00-17:00 UTC]}", "block", 3600 },
		{ "{time: \"18:00-19:00 Europe/Berlin\"}", "block", 4 * 3600 },
		{ "{time: \"22:00-02:00 UTC\"}", "block", 10 * 3600 },
		{ "{time: \"Wed 08:00-11:00 UTC\"}", "block", 7 * 86400 - 4 * 3600 },
		{ "{time: \"20:00-21:00 Asia/Kolkata\"}", "block", 9000 },
		{ "{time: \"Thu 00:00-01:00 Asia/Kolkata\"}", "block", 23400 },
		{ "{time: \"09:00-10:00 America/New_York\"}", "block", 3600 },
		{ "{arg: /a, eq: x}", "block", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy *policy = with_when(cases[i].when, "allow", cases[i].otherwise);
		const struct policy_use use = { .service = str("a"),
						.tool = str("b.c"),
						.now = noon };
		struct policy_verdict verdict;
		const usec_t again =
			cases[i].again == 0 ? 0 : noon + (usec_t)cases[i].again * USEC_PER_S;
		err_ignore(policy_decide(policy, &use, &verdict));
		if (verdict.again != again)
			fail_msg("row %zu: %lld", i,
				 (long long)((int64_t)verdict.again - (int64_t)noon) / 1000000);
		policy_free(&policy);
	}
}

static const uint8_t *address(const char *text)
{
	static uint8_t at[16];
	static const struct {
		const char *text;
		uint8_t at[16];
	} known[] = {
		{ "127.0.0.1", { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } },
		{ "10.1.2.3", { [10] = 0xff, [11] = 0xff, [12] = 10, 1, 2, 3 } },
		{ "11.1.2.3", { [10] = 0xff, [11] = 0xff, [12] = 11, 1, 2, 3 } },
		{ "10.1.2.131", { [10] = 0xff, [11] = 0xff, [12] = 10, 1, 2, 131 } },
		{ "::1", { [15] = 1 } },
		{ "::a01:203", { [12] = 10, 1, 2, 3 } },
		{ "2001:db8::1", { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
		{ "2001:db9::1", { 0x20, 0x01, 0x0d, 0xb9, [15] = 1 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(text, known[i].text) == 0)
			memcpy(at, known[i].at, sizeof at);
	return at;
}

static void networks_are_told_by_their_prefix(void **state)
{
	static const struct {
		const char *networks, *address;
		bool in;
	} cases[] = {
		{ "[127.0.0.0/8]", "127.0.0.1", true },
		{ "[127.0.0.0/8]", "10.1.2.3", false },
		{ "[127.0.0.1]", "127.0.0.1", true },
		{ "[127.0.0.2]", "127.0.0.1", false },
		{ "[10.0.0.0/8]", "11.1.2.3", false },
		{ "[10.0.0.0/7]", "11.1.2.3", true },
		{ "[10.1.2.0/25]", "10.1.2.3", true },
		{ "[10.1.2.0/25]", "10.1.2.131", false },
		{ "[10.1.2.128/25]", "10.1.2.131", true },
		{ "[0.0.0.0/0]", "11.1.2.3", true },
		{ "[0.0.0.0/0]", "::1", false },
		{ "[\"::/0\"]", "11.1.2.3", true },
		{ "[\"::/0\"]", "::1", true },
		{ "[10.0.0.0/8]", "::a01:203", false },
		{ "[\"::1\"]", "::1", true },
		{ "[\"::1\"]", "127.0.0.1", false },
		{ "[\"2001:db8::/32\"]", "2001:db8::1", true },
		{ "[\"2001:db8::/32\"]", "2001:db9::1", false },
		{ "[\"2001:db8::/31\"]", "2001:db9::1", true },
		{ "[127.0.0.0/8, 10.1.2.3/32]", "10.1.2.3", true },
	};
	char text[256];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof text, "{networks: %s}", cases[i].networks);
		struct policy *rule = with_when(text, "allow", "approve");
		snprintf(text, sizeof text,
			 "name: x\nservices: {a: {default: allow, exchange: {effect: allow}}}\n"
			 "networks: %s\n",
			 cases[i].networks);
		struct policy *whole = compile(text);
		struct policy_use use = { .service = str("a"),
					  .tool = str("b.c"),
					  .address = address(cases[i].address) };
		if ((ask(rule, &use, NULL) == POLICY_ALLOW) != cases[i].in)
			fail_msg("row %zu", i);
		if ((ask(whole, &use, NULL) == POLICY_ALLOW) != cases[i].in)
			fail_msg("row %zu of the whole policy", i);
		policy_free(&rule);
		policy_free(&whole);
	}
}

static void the_policys_networks_go_before_everything(void **state)
{
	struct policy *policy = compile("name: x\nservices: {a: {default: allow, proxy: allow, "
					"exchange: {effect: allow}}}\nnetworks: [10.0.0.0/8]\n");
	struct policy_use use = { .service = str("a"), .tool = str("b.c") };
	struct policy_facts facts = { .service = str("a") };
	struct policy_decision decision;
	struct policy_verdict verdict;

	assert_int_equal(policy_decide(policy, &use, &verdict), ERR_DENIED);
	assert_int_equal(verdict.line, 3);
	assert_true(bytes_is(verdict.rule, "networks"));
	assert_string_equal(verdict.reason,
			    "The agent's address is not known, and the policy names networks.");
	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), ERR_DENIED);
	assert_int_equal(decision.line, 3);
	use.address = facts.address = address("127.0.0.1");
	assert_int_equal(policy_decide(policy, &use, &verdict), ERR_DENIED);
	assert_string_equal(verdict.reason,
			    "The agent's address is in none of the policy's networks.");
	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), ERR_DENIED);
	use.tool = str("");
	assert_int_equal(policy_decide(policy, &use, &verdict), ERR_DENIED);
	use.address = facts.address = address("10.1.2.3");
	assert_int_equal(policy_decide(policy, &use, &verdict), OK);
	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), OK);
	policy_free(&policy);
}

static void an_exchange_may_have_hours_and_networks(void **state)
{
	struct policy *policy = compile(
		"name: x\nservices:\n  a:\n    exchange:\n      effect: allow\n"
		"      when: [{time: 11:00-13:00 UTC}, {networks: [10.0.0.0/8]}]\n"
		"  b:\n    exchange:\n      effect: block\n      when: [{time: 11:00-13:00 UTC}]\n"
		"      else: allow\n");
	struct policy_facts facts = { .service = str("a"),
				      .now = noon,
				      .address = address("10.1.2.3") };
	struct policy_decision decision;

	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), OK);
	assert_int_equal(decision.effect, POLICY_ALLOW);
	facts.now = noon + HOURS(1);
	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), ERR_DENIED);
	assert_int_equal(decision.effect, POLICY_BLOCK);
	assert_string_equal(decision.reason, "It is outside the hours that the policy gives.");
	facts.now = noon;
	facts.address = NULL;
	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), ERR_DENIED);
	facts.service = str("b");
	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), ERR_DENIED);
	facts.now = noon + HOURS(1);
	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), OK);
	policy_free(&policy);
}

static const char limited[] = "name: x\n"
			      "services: {a: {default: allow}, b: {default: allow}}\n"
			      "limits:\n"
			      "  - {per: vault, rate: 100/1h}\n"
			      "  - {per: tool, tool: a.issues.comment, rate: 10/1m}\n"
			      "  - {per: user, tool: a.issues.*, rate: 20/1d}\n"
			      "  - {per: vault, tool: b.*, budget: 500}\n"
			      "  - {per: user, tool: b.pay.*, budget: 1000/30d, arg: /amount}\n";

static void a_use_spends_what_concerns_it(void **state)
{
	static const struct {
		const char *service, *tool, *args;
		unsigned lines[4];
		uint64_t amount; /* of the last */
	} cases[] = {
		{ "a", "issues.comment", NULL, { 4, 5, 6 }, 1 },
		{ "a", "issues.list", NULL, { 4, 6 }, 1 },
		{ "a", "issues", NULL, { 4 }, 1 },
		{ "a", "issues.", NULL, { 4, 6 }, 1 },
		{ "a", "pulls.get", NULL, { 4 }, 1 },
		{ "a", "", NULL, { 4 }, 1 },
		{ "b", "issues.comment", NULL, { 4, 7 }, 1 },
		{ "b", "", NULL, { 4, 7 }, 1 },
		{ "b", "pay.now", "{\"amount\":250}", { 4, 7, 8 }, 250 },
		{ "b", "pay.now", "{\"amount\":0}", { 4, 7, 8 }, 0 },
		{ "b", "pay.now", "{\"amount\":999999999999999}", { 4, 7, 8 }, 999999999999999 },
		{ "b", "pay.now", "{\"amount\":1000000000000000}", { 4, 7, 8 }, UINT64_MAX },
		{ "b", "pay.now", "{\"amount\":-1}", { 4, 7, 8 }, UINT64_MAX },
		{ "b", "pay.now", "{\"amount\":1.5}", { 4, 7, 8 }, UINT64_MAX },
		{ "b", "pay.now", "{\"amount\":1e2}", { 4, 7, 8 }, UINT64_MAX },
		{ "b", "pay.now", "{\"amount\":\"5\"}", { 4, 7, 8 }, UINT64_MAX },
		{ "b", "pay.now", "{}", { 4, 7, 8 }, UINT64_MAX },
		{ "b", "pay.now", NULL, { 4, 7, 8 }, UINT64_MAX },
	};
	struct policy *policy = compile(limited);
	struct policy_limit found[POLICY_LIMITS_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_use use = { .service = str(cases[i].service),
					  .tool = str(cases[i].tool) };
		struct doc doc = { 0 };
		if (cases[i].args != NULL) {
			assert_int_equal(doc_read(str(cases[i].args), &doc), OK);
			use.args = &doc;
		}
		const size_t n = policy_limits(policy, &use, found);
		for (size_t j = 0; j < 4; j++)
			if ((j < n ? found[j].line : 0) != cases[i].lines[j])
				fail_msg("row %zu, limit %zu", i, j);
		assert_true(found[n - 1].amount == cases[i].amount);
		doc_done(&doc);
	}
	policy_free(&policy);
}

static void a_limit_says_what_it_counts(void **state)
{
	struct policy *policy = compile(limited);
	struct policy_use use = { .service = str("b"), .tool = str("pay.now") };
	struct policy_limit found[POLICY_LIMITS_MAX];

	assert_int_equal(policy_limits(policy, &use, found), 3);
	assert_int_equal(found[0].per, POLICY_PER_VAULT);
	assert_false(found[0].budget);
	assert_int_equal(found[0].tool.n, 0);
	assert_int_equal(found[0].counted.n, 0);
	assert_true(found[0].window == HOURS(1));
	assert_int_equal(found[0].max, 100);
	assert_true(found[1].budget);
	assert_true(bytes_is(found[1].tool, "b.*"));
	assert_int_equal(found[1].window, 0);
	assert_int_equal(found[1].max, 500);
	assert_int_equal(found[2].per, POLICY_PER_USER);
	assert_true(bytes_is(found[2].tool, "b.pay.*"));
	assert_true(bytes_is(found[2].counted, "/amount"));
	assert_true(found[2].window == HOURS(30 * 24));
	assert_int_equal(found[2].max, 1000);
	use = (struct policy_use){ .service = str("a"), .tool = str("issues.comment") };
	assert_int_equal(policy_limits(policy, &use, found), 3);
	assert_int_equal(found[1].per, POLICY_PER_TOOL);
	assert_true(found[1].window == 60 * USEC_PER_S);
	policy_free(&policy);
	policy = compile("name: x\nservices: {a: {}}\n");
	assert_int_equal(policy_limits(policy, &use, found), 0);
	policy_free(&policy);
}

static void a_malformed_rule_is_refused_with_line_and_reason(void **state)
{
#define RULE(text) "name: x\nservices:\n  a:\n    tools:\n      b.c:\n" text
#define WHEN(text) RULE("        effect: allow\n        when:\n          - " text)
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{ RULE("        when: []"), "p.yaml:5: 'b.c' needs 'effect'" },
		{ RULE("        effect: maybe"),
		  "p.yaml:6: 'effect' must be allow, approve, step_up or block" },
		{ RULE("        effect: allow\n        else: block"),
		  "p.yaml:7: 'else' without 'when' never decides" },
		{ RULE("        effect: allow\n        when: []"),
		  "p.yaml:7: 'when' is a list with at least one condition" },
		{ RULE("        effect: allow\n        when: {arg: /a, eq: b}"),
		  "p.yaml:7: 'when' is a list with at least one condition" },
		{ RULE("        effect: allow\n        if: []"), "p.yaml:7: unknown key 'if'" },
		{ RULE("        effect: allow\n        scopes: [a]"),
		  "p.yaml:7: unknown key 'scopes'" },
		{ RULE("        effect: allow\n        when: [{time: 08:00-09:00 UTC}]\n"
		       "        else: maybe"),
		  "p.yaml:8: 'else' must be allow, approve, step_up or block" },
		{ WHEN("x"), "p.yaml:8: a condition is a map such as {arg: /owner, eq: acme}" },
		{ WHEN("{}"),
		  "p.yaml:8: a condition is about one of arg, resource, context, time, networks" },
		{ WHEN("{org: acme}"),
		  "p.yaml:8: a condition is about one of arg, resource, context, time, networks" },
		{ WHEN("{arg: /a}"),
		  "p.yaml:8: a condition needs one of eq, in, prefix, glob, lt or gt" },
		{ WHEN("{arg: /a, matches: '.*'}"), "p.yaml:8: unknown key 'matches'" },
		{ WHEN("{arg: /a, eq: 1, lt: 5}"),
		  "p.yaml:8: a condition has one comparison, not two" },
		{ WHEN("{arg: a, eq: 1}"), "p.yaml:8: 'arg' is a JSON pointer such as /owner" },
		{ WHEN("{arg: '', eq: 1}"), "p.yaml:8: 'arg' is a JSON pointer such as /owner" },
		{ WHEN("{arg: /a~, eq: 1}"), "p.yaml:8: 'arg' is a JSON pointer such as /owner" },
		{ WHEN("{arg: /a~2, eq: 1}"), "p.yaml:8: 'arg' is a JSON pointer such as /owner" },
		{ WHEN("{arg: [a], eq: 1}"), "p.yaml:8: 'arg' is a JSON pointer such as /owner" },
		{ WHEN("{arg: /a, eq: [1]}"),
		  "p.yaml:8: a value is a text, a number, true, false or null" },
		{ WHEN("{arg: /a, eq: 0x10}"),
		  "p.yaml:8: write '0x10' in quotes, or as a number of JSON" },
		{ WHEN("{arg: /a, eq: 0o7}"),
		  "p.yaml:8: write '0o7' in quotes, or as a number of JSON" },
		{ WHEN("{arg: /a, eq: 007}"),
		  "p.yaml:8: write '007' in quotes, or as a number of JSON" },
		{ WHEN("{arg: /a, eq: +5}"),
		  "p.yaml:8: write '+5' in quotes, or as a number of JSON" },
		{ WHEN("{arg: /a, eq: .5}"),
		  "p.yaml:8: write '.5' in quotes, or as a number of JSON" },
		{ WHEN("{arg: /a, eq: 5.}"),
		  "p.yaml:8: write '5.' in quotes, or as a number of JSON" },
		{ WHEN("{arg: /a, eq: -.inf}"),
		  "p.yaml:8: write '-.inf' in quotes, or as a number of JSON" },
		{ WHEN("{arg: /a, eq: .NaN}"),
		  "p.yaml:8: write '.NaN' in quotes, or as a number of JSON" },
		{ WHEN("{arg: /a, lt: x}"), "p.yaml:8: 'lt' compares with a number" },
		{ WHEN("{arg: /a, gt: '5'}"), "p.yaml:8: 'gt' compares with a number" },
		{ WHEN("{arg: /a, prefix: 5}"),
		  "p.yaml:8: 'prefix' compares with a text here: put it in quotes" },
		{ WHEN("{arg: /a, glob: true}"),
		  "p.yaml:8: 'glob' compares with a text here: put it in quotes" },
		{ WHEN("{arg: /a, prefix: ''}"),
		  "p.yaml:8: 'prefix' compares with a text that is not empty" },
		{ WHEN("{arg: /a, glob: ''}"),
		  "p.yaml:8: 'glob' compares with a text that is not empty" },
		{ WHEN("{arg: /a, in: x}"), "p.yaml:8: 'in' is a list with at least one value" },
		{ WHEN("{arg: /a, in: []}"), "p.yaml:8: 'in' is a list with at least one value" },
		{ WHEN("{arg: /a, in: [x, {}]}"),
		  "p.yaml:8: a value is a text, a number, true, false or null" },
		{ WHEN("{arg: /a, context: public, eq: 5}"), "p.yaml:8: unknown key 'context'" },
		{ WHEN("{resource: '', eq: x}"),
		  "p.yaml:8: 'resource' is a kind such as repository or channel" },
		{ WHEN("{resource: a, eq: 5}"),
		  "p.yaml:8: 'eq' compares with a text here: put it in quotes" },
		{ WHEN("{resource: a, in: [x, 5]}"),
		  "p.yaml:8: 'in' compares with a text here: put it in quotes" },
		{ WHEN("{resource: a, lt: 5}"),
		  "p.yaml:8: 'lt' compares numbers, and this is a text" },
		{ WHEN("{resource: a, gt: 5}"),
		  "p.yaml:8: 'gt' compares numbers, and this is a text" },
		{ WHEN("{context: secret}"), "p.yaml:8: 'context' is public or private" },
		{ WHEN("{context: [public]}"), "p.yaml:8: 'context' is public or private" },
		{ WHEN("{context: public, eq: x}"), "p.yaml:8: unknown key 'eq'" },
		{ WHEN("{time: {}}"),
		  "p.yaml:8: 'time' is such as \"Mon-Fri 08:00-18:00 Europe/Berlin\"" },
		{ WHEN("{time: []}"), "p.yaml:8: 'time' has 1 to 16 windows" },
		{ WHEN("{time: '08:00-18:00'}"),
		  "p.yaml:8: a time zone such as Europe/Berlin or UTC is missing: '08:00-18:00'" },
		{ WHEN("{time: '08:00-18:00 Europe/Berlim'}"),
		  "p.yaml:8: there is no such time zone: '08:00-18:00 Europe/Berlim'" },
		{ WHEN("{time: '08:00-18:00 UTC x'}"),
		  "p.yaml:8: there is no such time zone: '08:00-18:00 UTC x'" },
		{ WHEN("{time: '8:00-18:00 UTC'}"),
		  "p.yaml:8: hours are written as 08:00-18:00: '8:00-18:00 UTC'" },
		{ WHEN("{time: '08:00-18:60 UTC'}"),
		  "p.yaml:8: hours are written as 08:00-18:00: '08:00-18:60 UTC'" },
		{ WHEN("{time: '08:00-24:01 UTC'}"),
		  "p.yaml:8: hours are written as 08:00-18:00: '08:00-24:01 UTC'" },
		{ WHEN("{time: '08:00 UTC'}"),
		  "p.yaml:8: hours are written as 08:00-18:00: '08:00 UTC'" },
		{ WHEN("{time: '08.00-18:00 UTC'}"),
		  "p.yaml:8: hours are written as 08:00-18:00: '08.00-18:00 UTC'" },
		{ WHEN("{time: '08:0a-18:00 UTC'}"),
		  "p.yaml:8: hours are written as 08:00-18:00: '08:0a-18:00 UTC'" },
		{ WHEN("{time: '08:00-18:0/ UTC'}"),
		  "p.yaml:8: hours are written as 08:00-18:00: '08:00-18:0/ UTC'" },
		{ WHEN("{time: '08:00-08:00 UTC'}"),
		  "p.yaml:8: hours that begin where they end are no window: '08:00-08:00 UTC'" },
		{ WHEN("{time: '24:00-08:00 UTC'}"),
		  "p.yaml:8: hours that begin where they end are no window: '24:00-08:00 UTC'" },
		{ WHEN("{time: 'Monday 08:00-18:00 UTC'}"),
		  "p.yaml:8: days are written as Mon-Fri or Mon,Wed,Sat: 'Monday 08:00-18:00 "
		  "UTC'" },
		{ WHEN("{time: 'Mon- 08:00-18:00 UTC'}"),
		  "p.yaml:8: days are written as Mon-Fri or Mon,Wed,Sat: 'Mon- 08:00-18:00 UTC'" },
		{ WHEN("{time: 'Mon, 08:00-18:00 UTC'}"),
		  "p.yaml:8: days are written as Mon-Fri or Mon,Wed,Sat: 'Mon, 08:00-18:00 UTC'" },
		{ WHEN("{time: 'Mon,,Tue 08:00-18:00 UTC'}"),
		  "p.yaml:8: days are written as Mon-Fri or Mon,Wed,Sat: 'Mon,,Tue 08:00-18:00 "
		  "UTC'" },
		{ WHEN("{networks: 10.0.0.0/8}"),
		  "p.yaml:8: 'networks' is a list with at least one network" },
		{ WHEN("{networks: []}"),
		  "p.yaml:8: 'networks' is a list with at least one network" },
		{ WHEN("{networks: [{}]}"), "p.yaml:8: a network is a text" },
		{ WHEN("{networks: [localhost]}"),
		  "p.yaml:8: a network is written as 10.0.0.0/8 or 2001:db8::/32" },
		{ WHEN("{networks: ['']}"),
		  "p.yaml:8: a network is written as 10.0.0.0/8 or 2001:db8::/32" },
		{ WHEN("{networks: [10.0.0.0/33]}"),
		  "p.yaml:8: the length of a network's prefix is at most 32, or 128 for IPv6" },
		{ WHEN("{networks: ['::/129']}"),
		  "p.yaml:8: the length of a network's prefix is at most 32, or 128 for IPv6" },
		{ WHEN("{networks: [10.0.0.0/]}"),
		  "p.yaml:8: the length of a network's prefix is at most 32, or 128 for IPv6" },
		{ WHEN("{networks: [10.0.0.1/8]}"),
		  "p.yaml:8: the address has bits behind the network's prefix" },
		{ WHEN("{networks: [10.1.2.131/25]}"),
		  "p.yaml:8: the address has bits behind the network's prefix" },
		{ "name: x\nservices: {a: {tools: {}}}",
		  "p.yaml:2: 'tools' is a map from tool to effect" },
		{ "name: x\nservices: {a: {tools: [b.c]}}",
		  "p.yaml:2: 'tools' is a map from tool to effect" },
		{ "name: x\nservices: {a: {tools: {b.c: deny}}}",
		  "p.yaml:2: 'b.c' must be allow, approve, step_up or block" },
		{ "name: x\nservices: {a: {tools: {b.c: [allow]}}}",
		  "p.yaml:2: 'b.c' must be allow, approve, step_up or block" },
		{ "name: x\nservices: {a: {tools: {'*': allow}}}",
		  "p.yaml:2: '*' is not the name of a tool, nor a prefix such as issues.*" },
		{ "name: x\nservices: {a: {tools: {'.*': allow}}}",
		  "p.yaml:2: '.*' is not the name of a tool, nor a prefix such as issues.*" },
		{ "name: x\nservices: {a: {tools: {'iss*': allow}}}",
		  "p.yaml:2: 'iss*' is not the name of a tool, nor a prefix such as issues.*" },
		{ "name: x\nservices: {a: {tools: {'*.get': allow}}}",
		  "p.yaml:2: '*.get' is not the name of a tool, nor a prefix such as issues.*" },
		{ "name: x\nservices: {a: {tools: {'a..b': allow}}}",
		  "p.yaml:2: 'a..b' is not the name of a tool, nor a prefix such as issues.*" },
		{ "name: x\nservices: {a: {tools: {'a.': allow}}}",
		  "p.yaml:2: 'a.' is not the name of a tool, nor a prefix such as issues.*" },
		{ "name: x\nservices: {a: {tools: {'a..*': allow}}}",
		  "p.yaml:2: 'a..*' is not the name of a tool, nor a prefix such as issues.*" },
		{ "name: x\nservices: {a: {tools: {'': allow}}}",
		  "p.yaml:2: '' is not the name of a tool, nor a prefix such as issues.*" },
		{ "name: x\nservices: {a: {proxy: write}}",
		  "p.yaml:2: 'proxy' must be block, read or allow" },
		{ "name: x\nservices: {a: {proxy: [read]}}",
		  "p.yaml:2: 'proxy' must be block, read or allow" },
		{ "name: x\nservices: {a: {proxy: true}}",
		  "p.yaml:2: 'proxy' must be block, read or allow" },
		{ "name: x\nservices: {a: {}}\nnetworks: 10.0.0.0/8",
		  "p.yaml:3: 'networks' is a list with at least one network" },
		{ "name: x\nservices: {a: {}}\nlimits: {}",
		  "p.yaml:3: 'limits' is a list with at least one limit" },
		{ "name: x\nservices: {a: {}}\nlimits: []",
		  "p.yaml:3: 'limits' is a list with at least one limit" },
		{ "name: x\nservices: {a: {}}\nlimits: [5]",
		  "p.yaml:3: a limit is a map such as {per: vault, rate: 100/1h}" },
		{ "name: x\nservices: {a: {}}\nlimits: [{rate: 1/1h}]",
		  "p.yaml:3: a limit needs 'per': vault, tool or user" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault}]",
		  "p.yaml:3: a limit has either 'rate' or 'budget'" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: 1/1h, budget: 5}]",
		  "p.yaml:3: a limit has either 'rate' or 'budget'" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: agent, rate: 1/1h}]",
		  "p.yaml:3: 'per' is vault, tool or user" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: 1/1h, burst: 3}]",
		  "p.yaml:3: unknown key 'burst'" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: 0/1h}]",
		  "p.yaml:3: 'rate' is such as 100/1h" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: 5}]",
		  "p.yaml:3: 'rate' is such as 100/1h" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: 5/h}]",
		  "p.yaml:3: 'rate' is such as 100/1h" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: 1000000001/1h}]",
		  "p.yaml:3: 'rate' is such as 100/1h" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: []}]",
		  "p.yaml:3: 'rate' is such as 100/1h" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, budget: 5/0d}]",
		  "p.yaml:3: 'budget' is such as 500/30d, or 500 without end" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, budget: x}]",
		  "p.yaml:3: 'budget' is such as 500/30d, or 500 without end" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: 1/1h, arg: /a}]",
		  "p.yaml:3: only a budget counts an argument" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, budget: 1, arg: a}]",
		  "p.yaml:3: 'arg' is a JSON pointer such as /amount" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: 1/1h, tool: a}]",
		  "p.yaml:3: 'tool' begins with a service: github.issues.comment" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: 1/1h, tool: .a}]",
		  "p.yaml:3: 'tool' begins with a service: github.issues.comment" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: 1/1h, tool: [a]}]",
		  "p.yaml:3: 'tool' is such as github.issues.comment or github.*" },
		{ "name: x\nservices: {a: {}}\nlimits: [{per: vault, rate: 1/1h, tool: a.b*}]",
		  "p.yaml:3: 'b*' is not the name of a tool" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(refused(cases[i].text), cases[i].complaint);
}

/* Repeats @part @n times between @head and @tail. */
static char *repeat(const char *head, const char *part, size_t n, const char *tail)
{
	const size_t max = strlen(head) + (strlen(part) + 16) * n + strlen(tail) + 1;
	char *text = malloc(max);
	size_t at = (size_t)snprintf(text, max, "%s", head);

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, max - at, part, i);
	snprintf(text + at, max - at, "%s", tail);
	return text;
}

static void every_list_has_a_ceiling(void **state)
{
	static const struct {
		const char *head, *part;
		size_t max;
		const char *tail, *complaint;
	} cases[] = {
		{ "name: x\nservices: {", "s%zu: {},", POLICY_SERVICES_MAX, "}",
		  "p.yaml:2: more than 64 services" },
		{ "name: x\nservices: {a: {tools: {b.c: {effect: allow, when: [",
		  "{arg: /a, eq: %zu},", POLICY_CONDITIONS_MAX, "]}}}}",
		  "p.yaml:2: more than 16 conditions" },
		{ "name: x\nservices: {a: {tools: {b.c: {effect: allow, when: [{arg: /a, in: [",
		  "%zu,", POLICY_VALUES_MAX, "]}]}}}}", "p.yaml:2: 'in' has more than 256 values" },
		{ "name: x\nservices: {a: {}}\nnetworks: [", "10.0.0.%zu,", POLICY_NETWORKS_MAX,
		  "]", "p.yaml:3: more than 64 networks" },
		{ "name: x\nservices: {a: {}}\nlimits: [", "{per: vault, rate: 1/1%zuh},", 0, "]",
		  NULL },
		{ "name: x\nservices: {a: {tools: {b.c: {effect: allow, when: [{time: [",
		  "00:00-0%zu:01 UTC,", 10, "]}]}}}}", NULL },
		{ "name: x\nservices: {a: {tools: {b.c: {effect: allow, when: [{arg: /a, glob: \"",
		  "a", 120, "\"}]}}}}", "p.yaml:2: a pattern has at most 120 characters" },
		{ "name: x\nservices: {a: {tools: {a.", "b", POLICY_TOOL_MAX - 2, ": allow}}}",
		  NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].max == 0)
			continue;
		char *good = repeat(cases[i].head, cases[i].part, cases[i].max, cases[i].tail);
		struct policy *policy = compile(good);
		policy_free(&policy);
		free(good);
		if (cases[i].complaint == NULL)
			continue;
		char *bad = repeat(cases[i].head, cases[i].part, cases[i].max + 1, cases[i].tail);
		assert_string_equal(refused(bad), cases[i].complaint);
		free(bad);
	}
}

static void limits_have_a_ceiling_and_a_long_name_is_none(void **state)
{
	static const char head[] = "name: x\nservices: {a: {}}\nlimits: [";
	char *text = repeat(head, "{per: vault, rate: 1/1h},", POLICY_LIMITS_MAX, "]");
	struct policy *policy = compile(text);

	policy_free(&policy);
	free(text);
	text = repeat(head, "{per: vault, rate: 1/1h},", POLICY_LIMITS_MAX + 1, "]");
	assert_string_equal(refused(text), "p.yaml:3: more than 32 limits");
	free(text);
	text = repeat("name: x\nservices: {a: {tools: {a.", "b", POLICY_TOOL_MAX - 1, ": allow}}}");
	assert_non_null(strstr(refused(text), "is not the name of a tool"));
	free(text);
	text = repeat("name: x\nservices: {a: {tools: {b.c: {effect: allow, when: [{time: [",
		      "00:00-01:00 UTC,", 17, "]}]}}}}");
	assert_string_equal(refused(text), "p.yaml:2: 'time' has 1 to 16 windows");
	free(text);
}

static enum err known(void *ctx, enum policy_name what, struct bytes service, struct bytes name)
{
	const char *const names[] = {
		[POLICY_NAME_SERVICE] = "",
		[POLICY_NAME_TOOL] = "issues.get",
		[POLICY_NAME_TOOLS] = "issues.",
		[POLICY_NAME_RESOURCE] = "repository",
	};

	++*(unsigned *)ctx;
	if (bytes_is(service, "broken"))
		return FAULT_STORE;
	return bytes_is(service, "github") && bytes_is(name, names[what]) ? OK : ERR_NOT_FOUND;
}

static void a_name_that_nobody_has_is_refused(void **state)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{ "name: x\nservices: {githup: {}}",
		  "p.yaml:2: there is no service 'githup'; 'valetkey service list' shows them" },
		{ "name: x\nservices: {github: {tools: {issues.git: allow}}}",
		  "p.yaml:2: github has no tool 'issues.git'; 'valetkey service show github' "
		  "lists them" },
		{ "name: x\nservices: {github: {tools: {issue.*: allow}}}",
		  "p.yaml:2: no tool of github begins with 'issue.'" },
		{ "name: x\nservices: {github: {tools: {issues.get: {effect: allow, when: "
		  "[{resource: repo, eq: a}]}}}}",
		  "p.yaml:2: no tool of github names a resource 'repo'" },
		{ "name: x\nservices: {github: {}}\nlimits: [{per: tool, tool: githup.a.b, rate: "
		  "1/1h}]",
		  "p.yaml:3: there is no service 'githup'; 'valetkey service list' shows them" },
		{ "name: x\nservices: {github: {}}\nlimits: [{per: tool, tool: github.a.b, rate: "
		  "1/1h}]",
		  "p.yaml:3: github has no tool 'a.b'; 'valetkey service show github' lists them" },
		{ "name: x\nservices: {github: {}}\nlimits: [{per: tool, tool: github.a.*, rate: "
		  "1/1h}]",
		  "p.yaml:3: no tool of github begins with 'a.'" },
	};
	unsigned asked = 0;
	const struct policy_terms terms = { .zones = zones, .known = known, .ctx = &asked };
	struct complaint complaint;
	struct policy *policy = NULL;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(
			policy_compile(str(cases[i].text), "p.yaml", &terms, &complaint, &policy),
			ERR_MALFORMED);
		assert_string_equal(complaint.text, cases[i].complaint);
	}
	assert_int_equal(policy_compile(str("name: x\nservices: {broken: {}}"), "p.yaml", &terms,
					&complaint, &policy),
			 FAULT_STORE);
	asked = 0;
	assert_int_equal(
		policy_compile(
			str("name: x\nservices: {github: {tools: {issues.get: {effect: allow, "
			    "when: [{resource: repository, eq: a}]}, issues.*: block}}}\n"
			    "limits: [{per: tool, tool: github.issues.get, rate: 1/1h}, "
			    "{per: tool, tool: github.*, rate: 1/1h}, "
			    "{per: tool, tool: github.issues.*, rate: 1/1h}]"),
			"p.yaml", &terms, &complaint, &policy),
		OK);
	assert_int_equal(asked, 9);
	policy_free(&policy);
}

static void a_tools_name_is_words_joined_by_dots(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} cases[] = {
		{ "a.b", true },     { "a", true },	  { "a.b.c", true },
		{ "AZ.az", true },   { "a_0.b-9", true }, { "0.9", true },
		{ "a.*", true },     { "a.b.*", true },	  { "'@.b'", false },
		{ "'[.b'", false },  { "'`.b'", false },  { "'{.b'", false },
		{ "'/.b'", false },  { "':.b'", false },  { "'a b.c'", false },
		{ "'a.b*'", false }, { "'a*'", false },	  { "'a.*.b'", false },
		{ "'..*'", false },
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct complaint complaint;
		struct policy *policy = NULL;
		snprintf(text, sizeof text, "name: x\nservices: {a: {tools: {%s: allow}}}",
			 cases[i].name);
		const enum err err = policy_compile(str(text), "p", NULL, &complaint, &policy);
		if ((err == OK) != cases[i].good)
			fail_msg("%s", cases[i].name);
		policy_free(&policy);
	}
}

static void a_pointer_is_checked_to_its_last_letter(void **state)
{
	static const struct {
		const char *pointer;
		bool good;
	} cases[] = {
		{ "/", true },	  { "/a~0", true }, { "/~1", true },
		{ "/a/b", true }, { "/~", false },  { "/~2", false },
		{ "/a~", false }, { "a/", false },  { "~0", false },
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct complaint complaint;
		struct policy *policy = NULL;
		snprintf(text, sizeof text,
			 "name: x\nservices: {a: {default: {effect: allow, when: "
			 "[{arg: \"%s\", eq: b}]}}}",
			 cases[i].pointer);
		const enum err err = policy_compile(str(text), "p", NULL, &complaint, &policy);
		if ((err == OK) != cases[i].good)
			fail_msg("%s", cases[i].pointer);
		policy_free(&policy);
	}
	assert_string_equal(refused("name: x\nservices: {a: {}}\nlimits: [{per: vault, budget: 1, "
				    "arg: ''}]"),
			    "p.yaml:3: 'arg' is a JSON pointer such as /amount");
	assert_string_equal(refused("name: x\nservices: {a: {}}\nlimits: [{per: vault, budget: 1, "
				    "arg: [a]}]"),
			    "p.yaml:3: 'arg' is a JSON pointer such as /amount");
}

static void letters_are_those_of_utf8_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		size_t letters;
	} cases[] = {
		{ "\x7f", 1 },
		{ "\xc2\x80", 1 },
		{ "\xdf\xbf", 1 },
		{ "\xe0\xa0\x80", 1 },
		{ "\xef\xbf\xbf", 1 },
		{ "\xf0\x90\x80\x80", 1 },
		{ "\xf4\x8f\xbf\xbf", 1 },
		{ "\xed\x9f\xbf", 1 },
		{ "\xee\x80\x80", 1 },
		{ "\x80", 1 },
		{ "\xc1\xbf", 2 },
		{ "\xc2", 1 },
		{ "\xc2x", 2 },
		{ "\xe0\x9f\xbf", 3 },
		{ "\xe1\x80", 2 },
		{ "\xed\xa0\x80", 3 },
		{ "\xed\xbf\xbf", 3 },
		{ "\xf0\x8f\xbf\xbf", 4 },
		{ "\xf4\x90\x80\x80", 4 },
		{ "\xf5\x80\x80\x80", 4 },
		{ "\xf1\x80\x80", 3 },
		{ "\xff\xfe", 2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bytes rest = str(cases[i].text);
		size_t n = 0;
		for (; rest.n > 0; n++)
			(void)glob_letter(&rest);
		if (n != cases[i].letters)
			fail_msg("row %zu: %zu", i, n);
	}
	struct bytes a = str("\x80"), b = str("\x81"), euro = str("\xe2\x82\xac");
	assert_int_not_equal(glob_letter(&a), glob_letter(&b));
	assert_int_equal(glob_letter(&euro), 0x20ac);
	euro = str("\xf0\x9f\x98\x80");
	assert_int_equal(glob_letter(&euro), 0x1f600);
	assert_int_equal(euro.n, 0);
}

static void it_says_where_it_is_not_sure(void **state)
{
	struct policy *policy = compile(
		"name: x\nservices:\n  a: {proxy: read, default: allow}\n  b:\n    exchange:\n"
		"      effect: allow\n      when: [{time: 11:00-13:00 UTC},\n"
		"        {networks: [10.0.0.0/8]}]\nnetworks: [10.0.0.0/7]\n");
	struct policy_use use = { .service = str("a"), .tool = str(""), .now = noon };
	struct policy_facts facts = { .service = str("b"), .now = noon };
	struct policy_decision decision;
	struct policy_verdict verdict;

	err_ignore(policy_decide(policy, &use, &verdict));
	assert_true(verdict.unsure); /* where the agent is */
	err_ignore(policy_decide_exchange(policy, &facts, &decision));
	assert_true(decision.unsure);
	assert_int_equal(decision.when_line, 0);
	use.address = facts.address = address("127.0.0.1");
	err_ignore(policy_decide(policy, &use, &verdict));
	assert_false(verdict.unsure);
	use.address = facts.address = address("11.1.2.3");
	err_ignore(policy_decide(policy, &use, &verdict));
	assert_int_equal(verdict.effect, POLICY_BLOCK);
	assert_true(verdict.unsure); /* what the request does */
	use.class = POLICY_WRITE;
	err_ignore(policy_decide(policy, &use, &verdict));
	assert_false(verdict.unsure);
	err_ignore(policy_decide_exchange(policy, &facts, &decision));
	assert_false(decision.unsure);
	assert_int_equal(decision.when_line, 8);
	facts.now = noon + HOURS(2);
	err_ignore(policy_decide_exchange(policy, &facts, &decision));
	assert_int_equal(decision.when_line, 7);
	policy_free(&policy);
	policy = compile("name: x\nservices:\n  b:\n    exchange:\n      effect: allow\n"
			 "      when: [{networks: [10.0.0.0/8]}]\n");
	facts.address = NULL;
	assert_int_equal(policy_decide_exchange(policy, &facts, &decision), ERR_DENIED);
	assert_true(decision.unsure);
	policy_free(&policy);
}

static void a_resource_without_an_id_is_not_known(void **state)
{
	struct policy *policy = with_when("{resource: k, eq: x}", "block", "allow");
	struct policy_use use = { .service = str("a"), .tool = str("b.c") };

	use.resources[0] = (struct policy_resource){ str("k"), str("") };
	use.resources_n = 1;
	assert_int_equal(ask(policy, &use, NULL), POLICY_BLOCK);
	use.resources[0].id = str("y");
	assert_int_equal(ask(policy, &use, NULL), POLICY_ALLOW);
	policy_free(&policy);
}

static void no_more_than_four_resources_are_looked_at(void **state)
{
	struct policy *policy = with_when("{resource: k, eq: x}", "allow", "approve");
	struct policy_use use = { .service = str("a"), .tool = str("b.c") };

	for (size_t i = 0; i < POLICY_RESOURCES_MAX; i++)
		use.resources[i] = (struct policy_resource){ str("k"), str("x") };
	use.resources_n = POLICY_RESOURCES_MAX;
	assert_int_equal(ask(policy, &use, NULL), POLICY_ALLOW);
	use.resources_n = POLICY_RESOURCES_MAX + 7;
	assert_int_equal(ask(policy, &use, NULL), POLICY_ALLOW);
	use.resources[POLICY_RESOURCES_MAX - 1].id = str("y");
	assert_int_equal(ask(policy, &use, NULL), POLICY_APPROVE);
	use.resources_n = POLICY_RESOURCES_MAX - 1;
	assert_int_equal(ask(policy, &use, NULL), POLICY_ALLOW);
	use.resources_n = 0;
	assert_int_equal(ask(policy, &use, NULL), POLICY_APPROVE);
	policy_free(&policy);
}

static void rules_are_found_among_many(void **state)
{
	char text[8192], tool[32];
	size_t n = (size_t)snprintf(text, sizeof text, "name: x\nservices:\n");

	for (int s = 9; s >= 0; s--) {
		n += (size_t)snprintf(text + n, sizeof text - n, "  s%d:\n    tools:\n", s);
		for (int t = 9; t >= 0; t--)
			n += (size_t)snprintf(text + n, sizeof text - n,
					      "      g%d.a: %s\n      g%d.*: approve\n", t,
					      t == s ? "block" : "allow", t);
	}
	struct policy *policy = compile(text);
	for (int s = 0; s < 10; s++) {
		const char service[] = { 's', (char)('0' + s), 0 };
		struct policy_use use = { .service = str(service) };
		for (int t = 0; t < 10; t++) {
			snprintf(tool, sizeof tool, "g%d.a", t);
			use.tool = str(tool);
			assert_int_equal(ask(policy, &use, NULL),
					 t == s ? POLICY_BLOCK : POLICY_ALLOW);
			snprintf(tool, sizeof tool, "g%d.b", t);
			use.tool = str(tool);
			assert_int_equal(ask(policy, &use, NULL), POLICY_APPROVE);
		}
	}
	struct policy_use other = { .service = str("s5"), .tool = str("g10.a") };
	assert_int_equal(ask(policy, &other, NULL), POLICY_BLOCK);
	other.tool = str("g5x");
	assert_int_equal(ask(policy, &other, NULL), POLICY_BLOCK);
	policy_free(&policy);
}

static void the_table_of_zones_takes_names_of_the_database(void **state)
{
	static const char *const good[] = {
		"A", "z", "Etc/GMT+5", "Etc/GMT-14", "America/Port-au-Prince", "W_0/9a/Zz"
	};
	static const char *const bad[] = { "",	 "/etc", "a b", "a.b", "a@",
					   "a[", "a`",	 "a{",	"a:",  "a\x01" };
	static uint8_t room[4096];
	char lengthy[ZONES_NAME_MAX + 2] = { 0 };
	struct zones *few = NULL;

	FILE *in = fopen("/usr/share/zoneinfo/Etc/UTC", "rb");
	assert_non_null(in);
	const struct bytes tzif = { room, fread(room, 1, sizeof room, in) };
	fclose(in);
	assert_int_equal(zones_new(&few), OK);
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(zones_put(few, str(good[i]), tzif, 0), OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (zones_put(few, str(bad[i]), tzif, 0) != ERR_MALFORMED)
			fail_msg("'%s'", bad[i]);
	memset(lengthy, 'a', ZONES_NAME_MAX);
	assert_int_equal(zones_put(few, str(lengthy), tzif, 0), OK);
	lengthy[ZONES_NAME_MAX] = 'a';
	assert_int_equal(zones_put(few, str(lengthy), tzif, 0), ERR_MALFORMED);
	assert_int_equal(zones_put(few, str("A"), tzif, 0), ERR_EXISTS);
	char name[16];
	for (size_t i = zones_count(few); i < ZONES_MAX; i++) {
		snprintf(name, sizeof name, "n%zu", i);
		assert_int_equal(zones_put(few, str(name), tzif, 0), OK);
	}
	assert_int_equal(zones_put(few, str("more"), tzif, 0), ERR_TOO_LARGE);
	zones_sort(few);
	assert_non_null(zones_find(few, str("W_0/9a/Zz")));
	assert_non_null(zones_find(few, str("n1499")));
	zones_free(&few);
	assert_null(few);
	zones_free(&few);
}

static void the_table_of_zones_takes_each_name_once(void **state)
{
	static const char tzif[] = "TZif2";
	static const char *const bad[] = { "", "/etc", "a b", "a\x01", "..", "a.b" };
	static char lengthy[ZONES_NAME_MAX + 2];

	memset(lengthy, 'a', sizeof lengthy - 1);
	assert_int_equal(zones_count(zones), 3);
	assert_int_equal(zones_put(zones, str("Europe/Berlin"), str(tzif), 0), ERR_EXISTS);
	assert_int_equal(zones_put(zones, str("Europe/Paris"), str(tzif), 0), ERR_MALFORMED);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(zones_put(zones, str(bad[i]), str(tzif), 0), ERR_MALFORMED);
	assert_int_equal(zones_put(zones, str(lengthy), str(tzif), 0), ERR_MALFORMED);
	assert_int_equal(zones_count(zones), 3);
	assert_non_null(zones_find(zones, str("Asia/Kolkata")));
	assert_non_null(zones_find(zones, str("UTC")));
	assert_null(zones_find(zones, str("Asia/kolkata")));
	assert_null(zones_find(zones, str(lengthy)));
	assert_null(zones_find(NULL, str("Asia/Kolkata")));
	assert_non_null(zones_find(NULL, str("UTC")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_entry_decides),
		cmocka_unit_test(each_kind_of_rule_gives_its_own_reason),
		cmocka_unit_test(a_name_too_long_for_a_tool_is_blocked_also_by_a_default),
		cmocka_unit_test(raw_requests_follow_proxy_alone),
		cmocka_unit_test(an_argument_is_compared_by_type_and_exactly),
		cmocka_unit_test(what_is_not_known_gets_the_stricter_effect),
		cmocka_unit_test(what_does_not_hold_outweighs_what_is_not_known),
		cmocka_unit_test(without_else_it_is_block),
		cmocka_unit_test(a_pattern_is_quick_also_where_it_is_hostile),
		cmocka_unit_test(each_resource_of_the_kind_has_to_fit),
		cmocka_unit_test(public_and_private_are_told_apart),
		cmocka_unit_test(a_list_shows_what_could_be_permitted),
		cmocka_unit_test(windows_follow_the_clock_on_the_wall),
		cmocka_unit_test(one_of_several_windows_is_enough),
		cmocka_unit_test(a_refusal_for_the_hour_says_when_it_opens),
		cmocka_unit_test(networks_are_told_by_their_prefix),
		cmocka_unit_test(the_policys_networks_go_before_everything),
		cmocka_unit_test(an_exchange_may_have_hours_and_networks),
		cmocka_unit_test(a_use_spends_what_concerns_it),
		cmocka_unit_test(a_limit_says_what_it_counts),
		cmocka_unit_test(a_malformed_rule_is_refused_with_line_and_reason),
		cmocka_unit_test(every_list_has_a_ceiling),
		cmocka_unit_test(limits_have_a_ceiling_and_a_long_name_is_none),
		cmocka_unit_test(a_name_that_nobody_has_is_refused),
		cmocka_unit_test(a_tools_name_is_words_joined_by_dots),
		cmocka_unit_test(a_pointer_is_checked_to_its_last_letter),
		cmocka_unit_test(letters_are_those_of_utf8_and_nothing_else),
		cmocka_unit_test(it_says_where_it_is_not_sure),
		cmocka_unit_test(a_resource_without_an_id_is_not_known),
		cmocka_unit_test(no_more_than_four_resources_are_looked_at),
		cmocka_unit_test(rules_are_found_among_many),
		cmocka_unit_test(the_table_of_zones_takes_names_of_the_database),
		cmocka_unit_test(the_table_of_zones_takes_each_name_once),
	};

	return cmocka_run_group_tests(tests, load_zones, drop_zones);
}
