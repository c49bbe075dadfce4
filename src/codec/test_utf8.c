/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/dynbuf.h"
#include "codec/utf8.h"

/* What RFC 3629 3 says of a code point, written another way. */
static void write_point(struct dynbuf *out, uint32_t point)
{
	dynbuf_reset(out);
	if (point < 0x80) {
		dynbuf_u8(out, (uint8_t)point);
	} else if (point < 0x800) {
		dynbuf_u8(out, (uint8_t)(0xc0 | point >> 6));
		dynbuf_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
	} else if (point < 0x10000) {
		dynbuf_u8(out, (uint8_t)(0xe0 | point >> 12));
		dynbuf_u8(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
		dynbuf_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
	} else {
		dynbuf_u8(out, (uint8_t)(0xf0 | point >> 18));
		dynbuf_u8(out, (uint8_t)(0x80 | (point >> 12 & 0x3f)));
		dynbuf_u8(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
		dynbuf_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
	}
}

static void every_code_point_is_read_and_no_surrogate(void **state)
{
	scoped(dynbuf_done) struct dynbuf text;

	(void)state;
	dynbuf_init(&text, 8);
	for (uint32_t point = 0; point < 0x120000; point++) {
		const bool is_one = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
		uint32_t read = 0;
		write_point(&text, point);
		assert_int_equal(utf8_read(dynbuf_view(&text), &read), is_one ? text.n : 0);
		assert_true(!is_one || read == point);
		assert_int_equal(utf8_ok(dynbuf_view(&text)), is_one);
	}
}

static void what_is_no_code_point_is_refused(void **state)
{
	static const char *const bad[] = {
		"\x80",		"\xbf",
		"\xc0\x80",	"\xc1\xbf",
		"\xc2",		"\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xe2\x82",
		"\xe2\x28\xa1", "\xf0\x80\x80\x80",
		"\xf0\x9f\x98", "\xf5\x80\x80\x80",
		"\xff",		"a\xfe",
		"\xc3\xa9\xc3",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(utf8_ok(str(bad[i])));
	assert_true(utf8_ok(str("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_is_read_and_no_surrogate),
		cmocka_unit_test(what_is_no_code_point_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
