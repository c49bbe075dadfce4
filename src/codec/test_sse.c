/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/sse.h"

/* What came, each event followed by "|". */
static void note(void *ctx, struct bytes data)
{
	dynbuf_bytes(ctx, data);
	dynbuf_u8(ctx, '|');
}

/* @step bytes at a time. */
static enum err read_by(const char *text, size_t n, size_t step, struct dynbuf *out)
{
	struct sse sse;
	enum err err = OK;

	sse_init(&sse, 64);
	for (size_t i = 0; i < n && err == OK; i += step) {
		const size_t piece = n - i < step ? n - i : step;
		err = sse_feed(&sse, (struct bytes){ (const uint8_t *)text + i, piece }, note, out);
	}
	sse_done(&sse);
	return err;
}

static void is_read(const char *text, const char *events)
{
	for (size_t step = 1; step <= strlen(text); step++) {
		scoped(dynbuf_done) struct dynbuf out;

		dynbuf_init(&out, 1024);
		assert_int_equal(read_by(text, strlen(text), step, &out), OK);
		assert_true(bytes_is(dynbuf_view(&out), events));
	}
}

static void events_are_cut_wherever_the_pieces_end(void **state)
{
	(void)state;
	is_read("event: message\ndata: {\"a\":1}\n\ndata: two\n\n", "{\"a\":1}|two|");
	is_read("data: a\r\n\r\ndata:b\r\rdata:  c\n\n", "a|b| c|");
	is_read("data: a\ndata: b\n\n", "a\nb|");
}

static void comments_other_fields_and_empty_data_are_no_events(void **state)
{
	(void)state;
	is_read(": beat\n\nid: 7\nretry: 10\n\ndata\n\ndata: x\n\n", "x|");
	is_read("id: 1\ndata:\n\n", "");
	is_read("\xef\xbb\xbf"
		"data: marked\n\n",
		"marked|");
}

static void what_is_not_ended_is_no_event(void **state)
{
	(void)state;
	is_read("data: whole\n\ndata: half\n", "whole|");
}

static void a_line_and_an_event_are_bounded(void **state)
{
	scoped(dynbuf_done) struct dynbuf out;
	char text[200];

	(void)state;
	dynbuf_init(&out, 1024);
	memset(text, 'x', sizeof text);
	assert_int_equal(read_by(text, sizeof text, 7, &out), ERR_TOO_LARGE);
	for (size_t i = 0; i + 8 <= sizeof text; i += 8)
		memcpy(text + i, "data: y\n", 8);
	assert_int_equal(read_by(text, sizeof text, 7, &out), OK);
	for (size_t i = 0; i + 20 <= sizeof text; i += 20)
		memcpy(text + i, "data: yyyyyyyyyyyyy\n", 20);
	assert_int_equal(read_by(text, sizeof text, 7, &out), ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_cut_wherever_the_pieces_end),
		cmocka_unit_test(comments_other_fields_and_empty_data_are_no_events),
		cmocka_unit_test(what_is_not_ended_is_no_event),
		cmocka_unit_test(a_line_and_an_event_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
