/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ipc/ipc.h"

static void fill_release(struct dynbuf *out)
{
	const struct ipc_release m = {
		.receiver = RECEIVER_COURIER,
		.binding = { 9, 8, 7 },
		.record = str("record"),
		.items = str("items"),
	};

	FRAME_PUT(out, 42, release, &m);
	assert_int_equal(dynbuf_err(out), OK);
}

static void a_message_reads_back_as_it_was_written(void **state)
{
	struct dynbuf out;
	struct frame frame;
	struct ipc_release back;

	(void)state;
	dynbuf_init(&out, 4096);
	fill_release(&out);
	struct bytes wire = dynbuf_view(&out);
	assert_int_equal(frame_next(&wire, &frame), OK);
	assert_int_equal(wire.n, 0);
	assert_int_equal(frame.type, IPC_TYPE_release);
	assert_int_equal(frame.id, 42);
	assert_int_equal(ipc_release_decode(frame.payload, &back), OK);
	assert_int_equal(back.receiver, RECEIVER_COURIER);
	assert_int_equal(back.binding[2], 7);
	assert_true(bytes_is(back.record, "record") && bytes_is(back.items, "items"));
	dynbuf_done(&out);
}

static void a_short_or_long_message_is_refused(void **state)
{
	struct dynbuf out;
	struct ipc_release back;

	(void)state;
	dynbuf_init(&out, 4096);
	fill_release(&out);
	dynbuf_u8(&out, 0);
	const uint8_t *payload = out.p + IPC_FRAME_HEAD;
	const size_t whole = out.n - 1 - IPC_FRAME_HEAD;
	for (size_t n = 0; n <= whole + 1; n++)
		assert_int_equal(ipc_release_decode((struct bytes){ payload, n }, &back),
				 n == whole ? OK : ERR_MALFORMED);
	dynbuf_done(&out);
}

static void a_frame_waits_until_it_is_whole_and_is_bounded(void **state)
{
	struct dynbuf out;
	struct frame frame;

	(void)state;
	dynbuf_init(&out, 4096);
	fill_release(&out);
	for (size_t n = 0; n < out.n; n++) {
		struct bytes part = { out.p, n };
		assert_int_equal(frame_next(&part, &frame), ERR_NOT_FOUND);
		assert_int_equal(part.n, n);
	}
	uint8_t head[5] = { 0xff, 0xff, 0xff, 0xff, IPC_VERSION };
	struct bytes huge = { head, sizeof head };
	assert_int_equal(frame_next(&huge, &frame), ERR_MALFORMED);
	put_u32(head, 3);
	assert_int_equal(frame_next(&huge, &frame), ERR_MALFORMED);
	put_u32(head, 100);
	head[4] = IPC_VERSION + 1;
	assert_int_equal(frame_next(&huge, &frame), ERR_MALFORMED);
	dynbuf_done(&out);
}

static void a_field_over_its_ceiling_is_neither_written_nor_read(void **state)
{
	static uint8_t big[300];
	struct dynbuf out;
	struct ipc_hand back;

	(void)state;
	dynbuf_init(&out, 4096);
	const struct ipc_hand m = { .what = 1, .name = { big, 257 } };
	ipc_hand_encode(&m, &out);
	assert_int_equal(dynbuf_err(&out), ERR_TOO_LARGE);
	dynbuf_reset(&out);
	dynbuf_u8(&out, 1);
	dynbuf_u32(&out, 257);
	dynbuf_put(&out, big, 257);
	assert_int_equal(ipc_hand_decode(dynbuf_view(&out), &back), ERR_MALFORMED);
	dynbuf_done(&out);
}

static void a_header_is_found_by_its_name(void **state)
{
	struct dynbuf out;

	(void)state;
	dynbuf_init(&out, 4096);
	ipc_headers_add(&out, "accept", str("*/*"));
	ipc_headers_add(&out, "authorization", str("Bearer x"));
	assert_true(bytes_is(ipc_headers_find(dynbuf_view(&out), "authorization"), "Bearer x"));
	assert_null(ipc_headers_find(dynbuf_view(&out), "cookie").p);
	out.n--; /* a broken list has no such header */
	assert_null(ipc_headers_find(dynbuf_view(&out), "authorization").p);
	dynbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_reads_back_as_it_was_written),
		cmocka_unit_test(a_short_or_long_message_is_refused),
		cmocka_unit_test(a_frame_waits_until_it_is_whole_and_is_bounded),
		cmocka_unit_test(a_field_over_its_ceiling_is_neither_written_nor_read),
		cmocka_unit_test(a_header_is_found_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
