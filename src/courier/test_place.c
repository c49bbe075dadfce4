/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "courier/place.h"

static enum err place(const struct ipc_placement *placements, size_t count, const char *secret,
		      const struct ipc_courier_call *from, struct placed *ret)
{
	struct capsule capsule = { .count = 1, .values = { str(secret), str("stale") } };
	struct ipc_courier_call call = *from;
	struct dynbuf list;

	dynbuf_init(&list, 4096);
	for (size_t i = 0; i < count; i++)
		IPC_LIST_ADD(&list, placement, &placements[i]);
	call.placements = dynbuf_view(&list);
	const enum err err = place_secrets(&call, &capsule, ret);
	dynbuf_done(&list);
	return err;
}

static void refuse(const struct ipc_placement *placement, const char *secret,
		   const struct ipc_courier_call *call)
{
	struct placed placed;

	assert_int_not_equal(place(placement, 1, secret, call, &placed), OK);
	placed_done(&placed);
}

static void a_secret_that_is_no_header_text_is_in_no_header(void **state)
{
	static const char *const bad[] = { "", "a b", "a\r\nX: y", "a\n", "t\xc3\xa4", "\x7f" };
	const struct ipc_placement bearer = { .how = PLACEMENT_BEARER };
	const struct ipc_placement header = { .how = PLACEMENT_HEADER, .name = str("X-Key") };
	const struct ipc_courier_call call = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		refuse(&bearer, bad[i], &call);
		if (i != 1)
			refuse(&header, bad[i], &call);
	}
}

static void a_secret_stands_beside_nothing_of_its_name(void **state)
{
	const struct ipc_placement bearer = { .how = PLACEMENT_BEARER };
	const struct ipc_placement member = { .how = PLACEMENT_MEMBER, .name = str("t") };
	struct ipc_courier_call call = { 0 };
	struct dynbuf headers;

	dynbuf_init(&headers, 1024);
	ipc_headers_add(&headers, "authorization", str("Bearer of core"));
	call.headers = dynbuf_view(&headers);
	refuse(&bearer, "secret", &call);
	dynbuf_done(&headers);
	call = (struct ipc_courier_call){ .body_kind = BODY_FORM, .body = str("a=b&%74=c") };
	refuse(&member, "secret", &call);
	call = (struct ipc_courier_call){ .body_kind = BODY_JSON,
					  .body = str("{\"\\u0074\":null}") };
	refuse(&member, "secret", &call);
	const struct ipc_placement both[] = { bearer, bearer };
	struct placed placed;
	call = (struct ipc_courier_call){ 0 };
	assert_int_equal(place(both, 2, "secret", &call, &placed), ERR_MALFORMED);
	placed_done(&placed);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		struct ipc_placement placement;
		uint8_t body_kind;
		const char *body;
	} cases[] = {
		{ { .how = PLACEMENT_BEARER, .item = 1 }, BODY_NONE, "" },
		{ { .how = 0 }, BODY_NONE, "" },
		{ { .how = PLACEMENT_URL + 1 }, BODY_NONE, "" },
		{ { .how = PLACEMENT_HEADER }, BODY_NONE, "" },
		{ { .how = PLACEMENT_MEMBER }, BODY_FORM, "" },
		{ { .how = PLACEMENT_MEMBER, .name = { (const uint8_t *)"t", 1 } }, BODY_NONE, "" },
		{ { .how = PLACEMENT_MEMBER, .name = { (const uint8_t *)"t", 1 } }, BODY_RAW, "x" },
		{ { .how = PLACEMENT_MEMBER, .name = { (const uint8_t *)"t", 1 } }, BODY_JSON, "" },
		{ { .how = PLACEMENT_MEMBER, .name = { (const uint8_t *)"t", 1 } },
		  BODY_JSON,
		  "[]" },
		{ { .how = PLACEMENT_MEMBER, .name = { (const uint8_t *)"t", 1 } },
		  BODY_FORM,
		  "a=%zz" },
		{ { .how = PLACEMENT_BASIC_RAW, .user = { (const uint8_t *)"a:b", 3 } },
		  BODY_NONE,
		  "" },
		{ { .how = PLACEMENT_BEARER }, BODY_NONE, "x" },
		{ { .how = PLACEMENT_BEARER }, BODY_JSON + 1, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct ipc_courier_call call = { .body_kind = cases[i].body_kind,
						       .body = str(cases[i].body) };
		refuse(&cases[i].placement, "secret", &call);
	}
}

static void a_secret_is_escaped_as_its_place_asks(void **state)
{
	const struct ipc_placement member = { .how = PLACEMENT_MEMBER, .name = str("t\"") };
	struct placed placed;
	struct ipc_courier_call call = { .body_kind = BODY_JSON, .body = str(" {\"a\":1e5 } ") };

	assert_int_equal(place(&member, 1, "x\"\\y", &call, &placed), OK);
	assert_true(bytes_is(placed.body, " {\"a\":1e5 ,\"t\\\"\":\"x\\\"\\\\y\"}"));
	assert_int_equal(placed.header_count, 1);
	assert_true(bytes_is(placed.headers[0].value, "application/json"));
	placed_done(&placed);
}

static void a_header_has_what_stands_before_the_secret(void **state)
{
	const struct ipc_placement header = { .how = PLACEMENT_HEADER,
					      .name = str("Authorization"),
					      .user = str("Token token=") };
	const struct ipc_placement bad = { .how = PLACEMENT_HEADER,
					   .name = str("X-Key"),
					   .user = str("a\r\nb") };
	const struct ipc_courier_call call = { 0 };
	struct placed placed;

	assert_int_equal(place(&header, 1, "s3", &call, &placed), OK);
	assert_true(bytes_is(placed.headers[0].value, "Token token=s3"));
	placed_done(&placed);
	refuse(&bad, "s3", &call);
}

static void a_secret_may_be_the_user_of_basic(void **state)
{
	const struct ipc_placement basic = { .how = PLACEMENT_BASIC_USER };
	const struct ipc_courier_call call = { 0 };
	struct placed placed;

	assert_int_equal(place(&basic, 1, "sk_1", &call, &placed), OK);
	assert_true(bytes_is(placed.headers[0].value, "Basic c2tfMTo="));
	placed_done(&placed);
	refuse(&basic, "", &call);
}

static void a_secret_takes_its_place_in_the_address_behind_the_origin(void **state)
{
	const struct ipc_placement mark = { .how = PLACEMENT_URL, .name = str("~m~") };
	static const struct {
		const char *url, *placed;
	} rows[] = {
		{ "https://a.example/x?key=~m~&b=1", "https://a.example/x?key=a%2Fb%3F%26&b=1" },
		{ "https://a.example/t/~m~", "https://a.example/t/a%2Fb%3F%26" },
		{ "https://a.example/t", NULL },
		{ "https://a.example/~m~?q=~m~", NULL },
		{ "https://~m~.example/", NULL },
	};
	struct placed placed;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct ipc_courier_call call = { .url = str(rows[i].url) };
		if (rows[i].placed == NULL) {
			refuse(&mark, "a/b?&", &call);
			continue;
		}
		assert_int_equal(place(&mark, 1, "a/b?&", &call, &placed), OK);
		assert_true(bytes_is(placed.url, rows[i].placed));
		placed_done(&placed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_that_is_no_header_text_is_in_no_header),
		cmocka_unit_test(a_secret_stands_beside_nothing_of_its_name),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(a_secret_is_escaped_as_its_place_asks),
		cmocka_unit_test(a_header_has_what_stands_before_the_secret),
		cmocka_unit_test(a_secret_may_be_the_user_of_basic),
		cmocka_unit_test(a_secret_takes_its_place_in_the_address_behind_the_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
