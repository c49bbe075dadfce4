/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/flow/flow.h"
#include "crypto/crypto.h"

/* A core without store: a call, its event, and what is staged for gate. */
struct fixture {
	struct flow flow;
	struct call *call;
	uint64_t gone, room, append_id;
};

static struct fixture *fixture; /* the callbacks get no context of a test */

static void on_gone(struct flow *flow, struct call *call)
{
	fixture->gone++;
}

static void on_room(struct flow *flow, struct call *call)
{
	fixture->room++;
}

static int setup(void **state)
{
	static const uint8_t address[16] = { 1 };
	const struct ipc_http_request request = { .method = HTTP_GET,
						  .target = str("/x"),
						  .address = { address, sizeof address } };

	fixture = calloc(1, sizeof *fixture);
	assert_non_null(fixture);
	assert_int_equal(crypto_init(), OK);
	assert_int_equal(flow_init(&fixture->flow), OK);
	flow_batch_begin(&fixture->flow);
	flow_request_begin(&fixture->flow);
	assert_int_equal(call_new(&fixture->flow, 7, &request, &fixture->call), OK);
	fixture->call->gone = on_gone;
	fixture->call->room = on_room;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	flow_done(&fixture->flow);
	free(fixture);
	return 0;
}

static void note(void)
{
	struct ipc_record record;

	flow_record(&fixture->flow, fixture->call, EVENT_call, OUTCOME_DENIED, &record);
	assert_int_equal(flow_note(&fixture->flow, fixture->call, &record), OK);
	fixture->append_id = fixture->flow.next_op;
}

static void durable(void)
{
	static const uint8_t payload[16];
	const struct frame frame = { IPC_TYPE_appended, fixture->append_id, { payload, 16 } };

	assert_true(flow_reply(&fixture->flow, &frame));
}

static void not_durable(enum err err)
{
	const struct ipc_keeper_refused refused = { .err = (uint16_t)err };
	struct dynbuf out;

	dynbuf_init(&out, 100);
	ipc_keeper_refused_encode(&refused, &out);
	const struct frame frame = { IPC_TYPE_keeper_refused, fixture->append_id,
				     dynbuf_view(&out) };
	assert_true(flow_reply(&fixture->flow, &frame));
	dynbuf_done(&out);
}

/* The types of what is staged for gate, as a text; takes it off. */
static const char *staged(void)
{
	static const char *const names[] = {
		[IPC_TYPE_http_response] = "response ",
		[IPC_TYPE_http_begin] = "begin ",
		[IPC_TYPE_http_data] = "data ",
		[IPC_TYPE_http_end] = "end ",
	};
	static char text[256];
	struct bytes rest = dynbuf_view(&fixture->flow.staged[PEER_GATE]);
	struct frame frame;

	text[0] = 0;
	while (frame_next(&rest, &frame) == OK) {
		assert_int_equal(frame.id, 7);
		assert_true(strlen(text) < sizeof text - 16);
		strcat(text, names[frame.type]);
	}
	dynbuf_reset(&fixture->flow.staged[PEER_GATE]);
	return text;
}

static void pieces_leave_in_order(void **state)
{
	struct flow *flow = &fixture->flow;

	call_begin(flow, fixture->call, 200, true);
	call_data(flow, fixture->call, str("one"));
	call_data(flow, fixture->call, str("two"));
	call_end(flow, fixture->call, true);
	assert_string_equal(staged(), "begin data data end ");
	assert_int_equal(flow->calls.n, 0);
	call_sweep(flow);
}

static void nothing_leaves_before_its_event_is_durable(void **state)
{
	struct flow *flow = &fixture->flow;

	note();
	call_begin(flow, fixture->call, 200, true);
	call_data(flow, fixture->call, str("one"));
	assert_string_equal(staged(), "");
	call_sweep(flow);
	durable();
	assert_string_equal(staged(), "begin data ");
	call_data(flow, fixture->call, str("two"));
	assert_string_equal(staged(), "data ");
	note();
	call_data(flow, fixture->call, str("three"));
	call_end(flow, fixture->call, true);
	assert_string_equal(staged(), "");
	call_sweep(flow);
	durable();
	assert_string_equal(staged(), "data end ");
	call_sweep(flow);
}

static void an_event_that_is_not_durable_is_the_answer_instead(void **state)
{
	struct flow *flow = &fixture->flow;

	note();
	call_begin(flow, fixture->call, 200, true);
	call_data(flow, fixture->call, str("one"));
	not_durable(ERR_LOG_FULL);
	assert_string_equal(staged(), "response ");
	assert_int_equal(fixture->gone, 1);
	call_data(flow, fixture->call, str("two"));
	call_end(flow, fixture->call, true);
	assert_string_equal(staged(), "");
	call_sweep(flow);
}

static void a_later_event_that_is_not_durable_breaks_it_off(void **state)
{
	struct flow *flow = &fixture->flow;

	call_begin(flow, fixture->call, 200, true);
	assert_string_equal(staged(), "begin ");
	note();
	call_data(flow, fixture->call, str("one"));
	call_end(flow, fixture->call, true);
	not_durable(ERR_LOG_FULL);
	assert_string_equal(staged(), "end ");
	call_sweep(flow);
}

static void who_has_left_gets_nothing_more(void **state)
{
	struct flow *flow = &fixture->flow;

	call_begin(flow, fixture->call, 200, true);
	(void)staged();
	call_sweep(flow);
	call_gone(flow, 7);
	assert_int_equal(fixture->gone, 1);
	call_data(flow, fixture->call, str("one"));
	call_end(flow, fixture->call, true);
	assert_string_equal(staged(), "");
	call_sweep(flow);
}

static void a_slow_client_stops_the_source(void **state)
{
	struct flow *flow = &fixture->flow;

	call_begin(flow, fixture->call, 200, true);
	call_room(flow, 7, false);
	assert_true(fixture->call->full);
	assert_int_equal(fixture->room, 0);
	call_room(flow, 7, true);
	assert_false(fixture->call->full);
	assert_int_equal(fixture->room, 1);
	calls_gone(flow);
	assert_int_equal(fixture->gone, 1);
	call_room(flow, 7, true);
	assert_int_equal(fixture->room, 1);
	call_end(flow, fixture->call, false);
	call_sweep(flow);
}

static void a_large_piece_is_cut_to_what_a_frame_may_hold(void **state)
{
	static uint8_t large[IPC_PIECE_MAX + 1];
	struct flow *flow = &fixture->flow;

	call_begin(flow, fixture->call, 200, false);
	call_data(flow, fixture->call, (struct bytes){ large, sizeof large });
	call_end(flow, fixture->call, true);
	assert_string_equal(staged(), "begin data data end ");
	call_sweep(flow);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pieces_leave_in_order),
		CASE(nothing_leaves_before_its_event_is_durable),
		CASE(an_event_that_is_not_durable_is_the_answer_instead),
		CASE(a_later_event_that_is_not_durable_breaks_it_off),
		CASE(who_has_left_gets_nothing_more),
		CASE(a_slow_client_stops_the_source),
		CASE(a_large_piece_is_cut_to_what_a_frame_may_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
