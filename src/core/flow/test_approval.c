/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals over time: what the tests of the whole cannot wait for. */
#include "core/flow/approval.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/store/test_home.h"
#include "crypto/crypto.h"

static const uint8_t definition[32] = { 7 };
static struct flow flow;
static struct vault_row vault;
static struct home *home;

static void at(usec_t seconds)
{
	flow.now = seconds * USEC_PER_S;
	flow_request_begin(&flow);
}

static int begin(void **state)
{
	if (home_open(state) != 0)
		return -1;
	home = *state;
	flow = (struct flow){ .store = home->store, .generation = 7 };
	flow.tenant_default = home->tenant;
	assert_int_equal(flow_init(&flow), OK);
	must(store_vault_get(home->store, home->tenant, home->vault, &vault));
	at(1000);
	must(approval_sweep(&flow)); /* the one that home has put */
	return 0;
}

static int end(void **state)
{
	flow_done(&flow);
	return home_close(state);
}

static enum err ask(const char *arguments, usec_t life_s, struct approval_row *ret,
		    bool *ret_joined, usec_t *ret_again)
{
	const struct approval_ask wish = {
		.vault = &vault,
		.connection = home->connection,
		.service = str("github"),
		.tool = str("issues.create"),
		.kind = APPROVAL_TOOL,
		.summary = str("Open an issue"),
		.definition = definition,
		.payload = str(arguments),
		.scopes = str("repo"),
		.life = life_s * USEC_PER_S,
	};

	flow_request_begin(&flow);
	return approval_request(&flow, NULL, &wish, ret, ret_joined, ret_again);
}

static struct approval_row asked(const char *arguments)
{
	struct approval_row row;
	usec_t again;
	bool joined;

	must(ask(arguments, 300, &row, &joined, &again));
	return row;
}

static enum err answer(struct approval_row *row, bool approve)
{
	struct call call = { .tenant = home->tenant };
	const struct approval_decision decision = { .approve = approve };

	flow_request_begin(&flow);
	return approval_decide(&flow, &call, row->id, &decision, row);
}

static struct approval_row now_of(const struct approval_row *row)
{
	struct approval_row now;

	must(store_approval_get(home->store, row->tenant, row->id, &now));
	return now;
}

static enum approval_state told_state;

static void told(struct flow *f, struct approval_watcher *watcher, const struct approval_row *row)
{
	told_state = row->state;
	approval_unwatch(f, watcher);
}

static void it_ends_at_its_time_and_who_waits_is_told(void **state)
{
	struct approval_watcher watcher = { .told = told };
	struct approval_row row = asked("{\"a\":1}");
	struct bytes text;

	told_state = APPROVAL_PENDING;
	must(approval_watch(&flow, row.id, &watcher));
	at(1299);
	must(approval_sweep(&flow));
	assert_int_equal(now_of(&row).state, APPROVAL_PENDING);
	at(1300);
	answers(ERR_EXPIRED, answer(&row, true));
	must(approval_sweep(&flow));
	assert_int_equal(now_of(&row).state, APPROVAL_EXPIRED);
	assert_int_equal(told_state, APPROVAL_EXPIRED);
	answers(ERR_NOT_FOUND,
		store_approval_text(home->store, &row, APPROVAL_TEXT_PAYLOAD, &text));
}

static void a_yes_ends_with_the_time_too(void **state)
{
	struct approval_row row = asked("{\"a\":1}");
	struct bytes payload;

	must(answer(&row, true));
	at(1300);
	answers(ERR_EXPIRED, approval_consume(&flow, &row, &payload));
	must(approval_sweep(&flow));
	assert_int_equal(now_of(&row).state, APPROVAL_EXPIRED);
}

static void other_bytes_than_those_of_the_digest_are_not_executed(void **state)
{
	struct approval_row row = asked("{\"a\":1}"), changed;
	struct bytes payload;

	must(answer(&row, true));
	changed = row;
	changed.payload_hash[0] ^= 1;
	answers(ERR_FORGED, approval_consume(&flow, &changed, &payload));
	changed = row;
	changed.tool = str("repos.delete");
	answers(ERR_FORGED, approval_consume(&flow, &changed, &payload));
	must(approval_consume(&flow, &row, &payload));
	assert_true(bytes_is(payload, "{\"a\":1}"));
	answers(ERR_USED, approval_consume(&flow, &row, &payload));
}

static void each_denial_in_a_row_doubles_the_time_until_the_next_request(void **state)
{
	static const usec_t waits[] = { 10, 20, 40, 80 };
	struct approval_row row;
	usec_t again, time = 1000;
	bool joined;

	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		at(time);
		row = asked("{\"a\":1}");
		must(answer(&row, false));
		at(time + waits[i] - 1);
		answers(ERR_APPROVAL_DENIED, ask("{\"a\":1}", 300, &row, &joined, &again));
		answers(ERR_RATE_LIMITED, ask("{\"a\":2}", 300, &row, &joined, &again));
		assert_int_equal(again, (time + waits[i]) * USEC_PER_S);
		time += waits[i];
	}
	at(time);
	row = asked("{\"a\":3}");
	must(answer(&row, true));
	at(time + 1);
	row = asked("{\"a\":4}");
	must(answer(&row, false));
	at(time + 11);
	(void)asked("{\"a\":5}"); /* a yes between them begins the count anew */
}

static void a_result_is_kept_for_a_day_and_a_repeat_gets_it_once(void **state)
{
	struct approval_row row = asked("{\"a\":1}"), again_row;
	struct bytes payload, text;
	usec_t again;
	bool joined;

	must(answer(&row, true));
	must(approval_consume(&flow, &row, &payload));
	must(approval_settle(&flow, &row, APPROVAL_OK, str("done")));
	must(ask("{\"a\":1}", 300, &again_row, &joined, &again));
	assert_true(joined && id_eq(again_row.id, row.id));
	must(store_approval_heard(home->store, &row, flow.now + 300 * USEC_PER_S));
	must(ask("{\"a\":1}", 300, &again_row, &joined, &again));
	assert_false(joined);
	at(1299);
	must(approval_sweep(&flow));
	must(store_approval_text(home->store, &row, APPROVAL_TEXT_RESULT, &text));
	at(1300);
	must(approval_sweep(&flow));
	answers(ERR_NOT_FOUND, store_approval_text(home->store, &row, APPROVAL_TEXT_RESULT, &text));
}

/* Written down here byte by byte, so that another program can check a digest. */
static void the_object_is_canonical_json(void **state)
{
	const struct approval_row row = {
		.service = str("github"),
		.tool = str("issues.\"create\""),
		.kind = APPROVAL_TOOL,
		.scopes = str("repo user"),
		.policy_version = 3,
		.created = 1,
		.expires = UINT64_MAX,
		.step_up = true,
	};
	char zeros[65] = { 0 };
	char expected[2048];
	struct dynbuf out;

	memset(zeros, '0', 64);
	snprintf(expected, sizeof expected,
		 "{\"account\":\"\",\"agent\":\"\",\"arguments\":\"%s\",\"created\":\"1\","
		 "\"definition\":\"%s\",\"expires\":\"18446744073709551615\",\"kind\":\"tool\","
		 "\"nonce\":\"%s\",\"policy_version\":\"3\",\"scopes\":\"repo user\","
		 "\"service\":\"github\",\"step_up\":\"yes\",\"tenant\":\"\","
		 "\"tool\":\"issues.\\\"create\\\"\",\"user\":\"\",\"vault\":\"\"}",
		 zeros, zeros, zeros);
	dynbuf_init(&out, sizeof expected);
	approval_print(&row, &out);
	assert_int_equal(dynbuf_err(&out), OK);
	assert_true(bytes_is(dynbuf_view(&out), expected));
	dynbuf_done(&out);
}

#define timed_test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		timed_test(it_ends_at_its_time_and_who_waits_is_told),
		timed_test(a_yes_ends_with_the_time_too),
		timed_test(other_bytes_than_those_of_the_digest_are_not_executed),
		timed_test(each_denial_in_a_row_doubles_the_time_until_the_next_request),
		timed_test(a_result_is_kept_for_a_day_and_a_repeat_gets_it_once),
		cmocka_unit_test(the_object_is_canonical_json),
	};

	return crypto_init() != OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
