/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/bridge/message.h"

static void a_request_is_told_from_what_needs_no_answer(void **state)
{
	struct message m;

	(void)state;
	assert_int_equal(message_read(str("{\"id\":1e0,\"method\":\"ping\"}"), &m), OK);
	assert_true(m.request && !m.answer && bytes_is(m.id, "1e0"));
	message_done(&m);
	assert_int_equal(message_read(str("{\"method\":\"x\"}"), &m), OK);
	assert_true(!m.request && !m.answer);
	message_done(&m);
	assert_int_equal(message_read(str("{\"id\":\"a\\u0041\",\"result\":{}}"), &m), OK);
	assert_true(!m.request && m.answer && bytes_is(m.id, "\"a\\u0041\""));
	message_done(&m);
	assert_int_equal(message_read(str("[]"), &m), OK);
	assert_true(!m.request && !m.answer);
	message_done(&m);
	assert_int_equal(message_read(str("{\"id\":null,\"method\":\"x\"}"), &m), OK);
	assert_false(m.request);
	message_done(&m);
	assert_int_equal(message_read(str("no"), &m), ERR_MALFORMED);
	message_done(&m);
}

static void the_era_is_what_the_message_claims(void **state)
{
	struct message m;

	(void)state;
	assert_int_equal(
		message_read(str("{\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
				 "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}"),
			     &m),
		OK);
	assert_true(bytes_is(m.modern, "2026-07-28"));
	message_done(&m);
	assert_int_equal(message_read(str("{\"id\":1,\"result\":{\"protocolVersion\":\"x\"}}"), &m),
			 OK);
	assert_true(m.modern.p == NULL && bytes_is(m.version, "x"));
	message_done(&m);
}

static void names(const char *json, const char *name)
{
	struct message m;

	assert_int_equal(message_read(str(json), &m), OK);
	assert_true(bytes_is(dynbuf_view(&m.name), name));
	message_done(&m);
}

static void a_name_is_one_that_a_header_can_carry(void **state)
{
	(void)state;
	names("{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a_b\"}}", "a_b");
	names("{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\" a\"}}",
	      "=?base64?IGE=?=");
	names("{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"\\u00e4\\n\"}}",
	      "=?base64?w6QK?=");
	names("{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"=?base64?x?=\"}}",
	      "=?base64?PT9iYXNlNjQ/eD89?=");
	names("{\"id\":1,\"method\":\"tools/list\",\"params\":{\"name\":\"x\"}}", "");
}

static void a_refusal_is_one_line_with_the_same_id(void **state)
{
	scoped(dynbuf_done) struct dynbuf out;

	(void)state;
	dynbuf_init(&out, 1024);
	message_refuse(str("10000000000000000001"), (struct bytes){ NULL, 0 }, "no \"way\"", &out);
	assert_true(bytes_is(dynbuf_view(&out),
			     "{\"jsonrpc\":\"2.0\",\"id\":10000000000000000001,\"error\":"
			     "{\"code\":-32603,\"message\":\"no \\\"way\\\"\"}}"));
	dynbuf_reset(&out);
	message_refuse(str("1"), str("{\"code\":1,\r\n\"message\":\"m\"}"), "", &out);
	assert_true(bytes_is(dynbuf_view(&out), "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":"
						"{\"code\":1,  \"message\":\"m\"}}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_told_from_what_needs_no_answer),
		cmocka_unit_test(the_era_is_what_the_message_claims),
		cmocka_unit_test(a_name_is_one_that_a_header_can_carry),
		cmocka_unit_test(a_refusal_is_one_line_with_the_same_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
