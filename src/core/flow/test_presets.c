/* SPDX-License-Identifier: Apache-2.0 */
/* What each preset decides about each tool of the built-in services, as a table that is looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/catalog/catalog.h"
#include "core/catalog/presets.h"
#include "core/policy/policy.h"

static struct service *load(const char *id)
{
	struct complaint complaint = { 0 };
	struct service *service = NULL;
	struct bytes yaml;

	assert_true(catalog_find(str(id), &yaml));
	if (service_compile(yaml, id, &complaint, &service) != OK)
		fail_msg("%s", complaint.text);
	return service;
}

static struct policy *preset_policy(const struct preset *preset, const struct service *service)
{
	struct complaint complaint = { 0 };
	struct policy *policy = NULL;
	struct dynbuf text;

	dynbuf_init(&text, 1024 * 1024);
	dynbuf_str(&text, "name: Golden\nservices:\n");
	presets_print(preset, service, &text);
	assert_int_equal(dynbuf_err(&text), OK);
	if (policy_compile(dynbuf_view(&text), "preset", NULL, &complaint, &policy) != OK)
		fail_msg("%s", complaint.text);
	dynbuf_done(&text);
	return policy;
}

static const char *decided(const struct policy *policy, const char *service, struct bytes tool,
			   enum policy_class class)
{
	const struct policy_use use = { .service = str(service), .tool = tool, .class = class };
	struct policy_verdict verdict;

	err_ignore(policy_decide(policy, &use, &verdict));
	return policy_effect_name(verdict.effect);
}

static const char *exchanged(const struct policy *policy, const char *service)
{
	const struct policy_facts facts = { .service = str(service) };
	struct policy_decision decision;

	err_ignore(policy_decide_exchange(policy, &facts, &decision));
	return policy_effect_name(decision.effect);
}

enum { PRESETS_MAX = 8 };

static void print_service(const struct service *service, FILE *out)
{
	static const char *const classes[] = { "", "read", "write", "destructive" };
	struct policy *policies[PRESETS_MAX] = { NULL };
	const struct preset *preset;

	for (size_t i = 0; (preset = presets_at(i)) != NULL; i++)
		policies[i] = preset_policy(preset, service);
	for (size_t i = 0; i < service->tools_n; i++) {
		const struct service_tool *tool = &service->tools[i];
		fprintf(out, "%-12s %-28.*s %-12s", service->id, (int)tool->name.n, tool->name.p,
			classes[tool->effect]);
		for (size_t p = 0; policies[p] != NULL; p++)
			fprintf(out, " %10s", decided(policies[p], service->id, tool->name, 0));
		putc('\n', out);
	}
	for (enum policy_class class = POLICY_READ; class <= POLICY_DESTRUCTIVE; class ++) {
		fprintf(out, "%-12s %-28s %-12s", service->id, "(raw request)", classes[class]);
		for (size_t p = 0; policies[p] != NULL; p++)
			fprintf(out, " %10s", decided(policies[p], service->id, str(""), class));
		putc('\n', out);
	}
	fprintf(out, "%-12s %-28s %-12s", service->id, "(exchange)", "");
	for (size_t p = 0; policies[p] != NULL; p++) {
		fprintf(out, " %10s", exchanged(policies[p], service->id));
		policy_free(&policies[p]);
	}
	putc('\n', out);
}

static void print_table(FILE *out)
{
	const struct preset *preset;
	const char *id;

	fprintf(out, "%-12s %-28s %-12s", "SERVICE", "TOOL", "DOES");
	for (size_t i = 0; (preset = presets_at(i)) != NULL; i++)
		fprintf(out, " %10s", presets_name(preset));
	putc('\n', out);
	for (size_t i = 0; (id = catalog_at(i)) != NULL; i++) {
		struct service *service = load(id);
		print_service(service, out);
		service_free(&service);
	}
}

static void every_decision_is_the_one_that_was_looked_at(void **state)
{
	char path[1024], *printed = NULL, *kept = NULL;
	size_t n = 0, size = 0;

	snprintf(path, sizeof path, "%s/tests/snapshots/presets.txt", getenv("VALETKEY_ROOT"));
	if (getenv("VALETKEY_SNAPSHOT") != NULL) {
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		print_table(file);
		assert_int_equal(fclose(file), 0);
	}
	FILE *memory = open_memstream(&printed, &n);
	assert_non_null(memory);
	print_table(memory);
	assert_int_equal(fclose(memory), 0);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_true(getdelim(&kept, &size, 0, file) > 0);
	fclose(file);
	if (strcmp(kept, printed) != 0)
		fail_msg("%s is not current: run './dev golden' and look at what changed", path);
	free(kept);
	free(printed);
}

static void what_is_destroyed_or_guarded_is_never_simply_allowed(void **state)
{
	static const struct {
		const char *service, *tool, *preset, *effect;
	} cases[] = {
#define PRESET(name, says, read, write, destroy)
#define AT_LEAST(service, tool, effect) { service, tool, "standard", effect },
#include "core/catalog/presets.def"
#undef PRESET
#undef AT_LEAST
		{ "github", "repos.get", "standard", "allow" },
		{ "github", "issues.create", "standard", "approve" },
		{ "google", "events.delete", "standard", "step_up" },
		{ "slack", "chat.post", "cautious", "step_up" },
		{ "github", "pulls.merge", "read-only", "block" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct service *service = load(cases[i].service);
		const char *effect = NULL;
		for (size_t t = 0; t < service->tools_n; t++)
			if (bytes_is(service->tools[t].name, cases[i].tool))
				effect = presets_effect(presets_find(str(cases[i].preset)), service,
							&service->tools[t]);
		if (effect == NULL)
			fail_msg("%s has no tool %s", cases[i].service, cases[i].tool);
		assert_string_equal(effect, cases[i].effect);
		service_free(&service);
	}
	assert_null(presets_find(str("open")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_decision_is_the_one_that_was_looked_at),
		cmocka_unit_test(what_is_destroyed_or_guarded_is_never_simply_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
