/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/dynbuf.h"
#include "base/id.h"
#include "base/map.h"
#include "base/secret.h"

static void an_id_reads_back_and_in_no_other_form(void **state)
{
	char text[ID_TEXT_MAX + 1];
	struct id back;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		const struct id id = id_new();
		const usec_t now = clock_wall();

		assert_in_range(id_time(id), now - 2 * USEC_PER_S, now);
		id_print("vault", id, text);
		assert_int_equal(strlen(text), 6 + ID_DIGITS);
		assert_int_equal(id_parse("vault", str(text), &back), OK);
		assert_true(id_eq(id, back));
		assert_int_equal(id_parse("user", str(text), &back), ERR_MALFORMED);
	}
	text[6] = '8'; /* would be more than 128 bits */
	assert_int_equal(id_parse("vault", str(text), &back), ERR_MALFORMED);
	text[6] = '0';
	text[10] = 'U'; /* no digit of Crockford's */
	assert_int_equal(id_parse("vault", str(text), &back), ERR_MALFORMED);
	text[10] = 0;
	assert_int_equal(id_parse("vault", (struct bytes){ (uint8_t *)text, 32 }, &back),
			 ERR_MALFORMED);
	assert_int_equal(id_parse("vault", str("vault_"), &back), ERR_MALFORMED);
}

static void ids_made_later_sort_later(void **state)
{
	struct id a = id_new();

	(void)state;
	const usec_t t = clock_wall();
	while (clock_wall() < t + 2 * USEC_PER_MS)
		;
	struct id b = id_new();
	assert_true(memcmp(a.b, b.b, 6) < 0);
}

static void a_number_is_read_in_one_form_only(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(bytes_u64(str("18446744073709551615"), UINT64_MAX, &v), OK);
	assert_true(v == UINT64_MAX);
	const char *const bad[] = { "",
				    "01",
				    "-1",
				    "+1",
				    " 1",
				    "1 ",
				    "1e3",
				    "0x1",
				    "18446744073709551616",
				    "99999999999999999999" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(bytes_u64(str(bad[i]), UINT64_MAX, &v), ERR_MALFORMED);
	assert_int_equal(bytes_u64(str("256"), 255, &v), ERR_MALFORMED);
	assert_int_equal(bytes_u64(str("9"), 5, &v), ERR_MALFORMED);
	assert_true(v == UINT64_MAX);
}

static void a_dynbuf_stops_at_its_ceiling_and_says_so(void **state)
{
	struct dynbuf d;

	(void)state;
	dynbuf_init(&d, 10);
	dynbuf_str(&d, "12345678");
	dynbuf_str(&d, "90");
	assert_int_equal(dynbuf_err(&d), OK);
	dynbuf_u8(&d, 'x');
	assert_int_equal(dynbuf_err(&d), ERR_TOO_LARGE);
	assert_true(bytes_is(dynbuf_view(&d), "1234567890"));
	dynbuf_shift(&d, 4);
	assert_true(bytes_is(dynbuf_view(&d), "567890"));
	dynbuf_done(&d);
	struct dynbuf zero = { 0 };
	dynbuf_u8(&zero, 1);
	assert_int_equal(dynbuf_err(&zero), ERR_TOO_LARGE);
}

static void secrets_small_and_large_come_and_go(void **state)
{
	struct secret *held[300] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(held); i++) {
		assert_int_equal(secret_new(i % 50 == 49 ? 9000 : 100, &held[i]), OK);
		memset(secret_fill(held[i]), (int)i, secret_bytes(held[i]).n);
	}
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		assert_int_equal(secret_bytes(held[i]).p[99], i & 255);
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		secret_free(&held[i]);
	assert_null(held[5]);
	assert_int_equal(secret_new(100, &held[0]), OK);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(secret_bytes(held[0]).p[i], 0);
	secret_free(&held[0]);
	secret_free(&held[0]);
}

static void a_map_keeps_what_it_was_given(void **state)
{
	static int values[1000];
	struct map map;
	size_t at = 0, seen = 0;

	(void)state;
	map_init(&map, 1000);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(map_put(&map, i * 7919 + 1, &values[i]), OK);
	assert_int_equal(map_put(&map, 5, values), ERR_TOO_LARGE);
	for (uint64_t i = 0; i < 1000; i += 2)
		assert_ptr_equal(map_del(&map, i * 7919 + 1), &values[i]);
	for (uint64_t i = 0; i < 1000; i++)
		assert_ptr_equal(map_find(&map, i * 7919 + 1), i % 2 == 0 ? NULL : &values[i]);
	while (map_next(&map, &at) != NULL)
		seen++;
	assert_int_equal(seen, 500);
	assert_null(map_del(&map, 1));
	map_done(&map);
}

static void every_error_has_a_sentence_and_a_mend(void **state)
{
	(void)state;
	for (enum err e = OK + 1; e < ERR_COUNT; e++) {
		const struct err_row *row = err_row(e);
		assert_true(row->status >= 400 && row->status < 600);
		assert_true(strlen(row->says) > 10 && strlen(row->mend) > 10);
		assert_true(strlen(row->oauth) > 0);
	}
	assert_ptr_equal(err_row(FAULT_NOMEM), err_row(ERR_SERVER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_reads_back_and_in_no_other_form),
		cmocka_unit_test(ids_made_later_sort_later),
		cmocka_unit_test(a_number_is_read_in_one_form_only),
		cmocka_unit_test(a_dynbuf_stops_at_its_ceiling_and_says_so),
		cmocka_unit_test(secrets_small_and_large_come_and_go),
		cmocka_unit_test(a_map_keeps_what_it_was_given),
		cmocka_unit_test(every_error_has_a_sentence_and_a_mend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
