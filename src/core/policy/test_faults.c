/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Every allocation of a compilation may fail: the answer is then FAULT_NOMEM, and nothing is left
 * behind, which the sanitized build looks at. A decision makes none. */

static size_t countdown, made; /* countdown 0: none fails */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
	made++;
	return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

static const char file[] =
	"name: x\n"
	"services:\n"
	"  a:\n"
	"    exchange: {effect: allow, scopes: [b], when: [{time: 08:00-18:00 UTC}]}\n"
	"    default: {effect: allow, when: [{networks: [10.0.0.0/8]}], else: approve}\n"
	"    tools:\n"
	"      c.d: {effect: allow, when: [{arg: /a, glob: \"x*\"}, {resource: r, in: [y, z]}]}\n"
	"      c.*: {effect: block, when: [{arg: /a, eq: 1}, {context: public}]}\n"
	"limits: [{per: vault, rate: 1/1h}]\n"
	"networks: [10.0.0.0/8, \"::1\"]\n";

static void every_allocation_may_fail(void **state)
{
	struct complaint complaint;
	size_t n = 0;

	for (bool failed = true; failed;) {
		struct policy *policy = NULL;
		countdown = ++n;
		const enum err err = policy_compile(str(file), "p", NULL, &complaint, &policy);
		failed = countdown == 0;
		countdown = 0;
		if (err != (failed ? FAULT_NOMEM : OK))
			fail_msg("allocation %zu: %d %s", n, (int)err, complaint.text);
		assert_true(failed == (policy == NULL));
		policy_free(&policy);
	}
	assert_true(n > 15);
	struct zones *zones = NULL;
	countdown = 1;
	assert_int_equal(zones_new(&zones), FAULT_NOMEM);
	assert_null(zones);
}

static void a_decision_allocates_nothing(void **state)
{
	static const char *const tools[] = { "c.d", "c.e", "other", "" };
	const uint8_t address[16] = { [10] = 0xff, [11] = 0xff, [12] = 10 };
	struct policy_limit limits[POLICY_LIMITS_MAX];
	struct policy_decision decision;
	struct policy_verdict verdict;
	struct complaint complaint;
	struct policy *policy = NULL;
	struct doc args = { 0 };

	assert_int_equal(policy_compile(str(file), "p", NULL, &complaint, &policy), OK);
	assert_int_equal(doc_read(str("{\"a\":\"x\\u0079\"}"), &args), OK);
	made = 0;
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		struct policy_use use = { .service = str("a"),
					  .tool = str(tools[i]),
					  .args = &args,
					  .address = address };
		use.resources[0] = (struct policy_resource){ str("r"), str("y") };
		use.resources_n = 1;
		err_ignore(policy_decide(policy, &use, &verdict));
		assert_int_equal(policy_limits(policy, &use, limits), 1);
	}
	const struct policy_facts facts = { .service = str("a"), .address = address };
	err_ignore(policy_decide_exchange(policy, &facts, &decision));
	assert_int_equal(made, 0);
	doc_done(&args);
	policy_free(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(a_decision_allocates_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
