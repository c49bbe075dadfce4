/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "courier/reply.h"

enum { MOST = 256 };

/* Feeds @stream in pieces of @step bytes; answers whether the reply was there. */
static bool feed(struct reply *reply, const char *stream, size_t step)
{
	struct bytes rest = str(stream), found;

	while (rest.n > 0) {
		const size_t n = step < rest.n ? step : rest.n;
		if (!reply_feed(reply, (struct bytes){ rest.p, n }))
			break;
		rest = (struct bytes){ rest.p + n, rest.n - n };
	}
	return reply_found(reply, &found);
}

static void the_response_is_found_however_it_is_cut(void **state)
{
	static const char stream[] =
		": hello\n\nevent: message\ndata: "
		"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":7}\n\n"
		"data: {\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{}}\n\n"
		"data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":7,\"result\":{\"a\":1}}\n\n"
		"data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"a\":2}}\n\n";
	struct bytes found;
	struct reply *reply;

	(void)state;
	for (size_t step = 1; step < sizeof stream; step++) {
		assert_int_equal(reply_new(7, MOST, &reply), OK);
		assert_true(feed(reply, stream, step));
		reply_found(reply, &found);
		assert_true(
			bytes_is(found, "{\"jsonrpc\":\"2.0\",\n\"id\":7,\"result\":{\"a\":1}}"));
		assert_false(reply_ended(reply));
		reply_free(&reply);
	}
}

static void what_is_no_response_to_it_is_passed_over(void **state)
{
	static const char *const streams[] = {
		"data: {\"id\":\"7\",\"result\":{}}\n\n", "data: {\"id\":7}\n\n",
		"data: {\"id\":7.0,\"result\":{}}\n\n",	  "data: {\"id\":7,\"result\":{}}\n",
		"data: [{\"id\":7,\"result\":{}}]\n\n",	  "data: {\"id\":7,\"result\":{}\n\n",
	};
	struct reply *reply;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		assert_int_equal(reply_new(7, MOST, &reply), OK);
		if (feed(reply, streams[i], 1000))
			fail_msg("%s", streams[i]);
		reply_free(&reply);
	}
}

static void too_much_before_it_ends_the_search(void **state)
{
	struct reply *reply;

	(void)state;
	assert_int_equal(reply_new(7, MOST, &reply), OK);
	for (size_t i = 0; i < 2 * MOST / 4; i++)
		assert_true(reply_feed(reply, str(": a\n")));
	assert_false(reply_feed(reply, str("data: {\"id\":7,\"result\":{}}\n\n")));
	assert_true(reply_ended(reply));
	reply_free(&reply);
	assert_int_equal(reply_new(7, MOST, &reply), OK);
	for (size_t i = 0; i < MOST + 64; i++)
		(void)reply_feed(reply, str("x"));
	assert_false(reply_feed(reply, str("x")));
	assert_true(reply_ended(reply));
	reply_free(&reply);
}

static void only_an_event_stream_that_went_well_is_read_so(void **state)
{
	struct httpc_header header = { str("content-type"),
				       str("text/event-stream; charset=utf-8") };
	struct httpc_response head = { .status = 200, .headers = &header, .header_count = 1 };
	const struct httpc_header *kept;
	struct reply *reply;
	size_t n;

	(void)state;
	assert_true(reply_streams(&head));
	assert_int_equal(reply_new(7, MOST, &reply), OK);
	assert_int_equal(reply_begin(reply, &head), OK);
	kept = reply_headers(reply, &n);
	assert_int_equal(n, 1);
	assert_true(bytes_is(kept[0].name, "content-type"));
	assert_true(bytes_is(kept[0].value, "text/event-stream; charset=utf-8"));
	reply_free(&reply);
	head.status = 400;
	assert_false(reply_streams(&head));
	head.status = 200;
	header.value = str("text/event-streams");
	assert_false(reply_streams(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_response_is_found_however_it_is_cut),
		cmocka_unit_test(what_is_no_response_to_it_is_passed_over),
		cmocka_unit_test(too_much_before_it_ends_the_search),
		cmocka_unit_test(only_an_event_stream_that_went_well_is_read_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
