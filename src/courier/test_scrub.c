/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/scrub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/base64.h"
#include "codec/token.h"
#include "courier/foreign.h"
#include "crypto/crypto.h"

static const char secret[] = "gho_16C7e42F/292c6912E7710c8+38347Ae178B4a";

static void begin(struct scrub *scrub)
{
	const struct capsule capsule = { .values = { str(secret) }, .count = 1 };

	assert_int_equal(scrub_init(&capsule, scrub), OK);
}

/* @text in pieces of @size; the answer is in *out. */
static void pass(const char *text, size_t size, struct dynbuf *out)
{
	struct bytes rest = str(text);
	struct scrub scrub;

	begin(&scrub);
	dynbuf_init(out, 65536);
	while (rest.n > 0) {
		const size_t n = rest.n < size ? rest.n : size;
		scrub_piece(&scrub, (struct bytes){ rest.p, n }, out);
		rest = (struct bytes){ rest.p + n, rest.n - n };
	}
	scrub_rest(&scrub, out);
	dynbuf_u8(out, 0);
	scrub_done(&scrub);
}

static void masks(const char *text, const char *gone)
{
	struct dynbuf out;

	for (size_t size = 1; size <= strlen(text); size++) {
		pass(text, size, &out);
		assert_int_equal(out.n, strlen(text) + 1);
		assert_null(strstr((char *)out.p, gone));
		/* what stands around it stays */
		assert_memory_equal(out.p, "before ", 7);
		assert_memory_equal(out.p + out.n - 7, " after", 7);
		dynbuf_done(&out);
	}
}

static void a_credential_is_masked_wherever_pieces_end(void **state)
{
	char text[256];

	snprintf(text, sizeof text, "before %s and %s after", secret, secret);
	masks(text, secret);
	masks("before gho%5F16 gho_16C7e42F%2F292c6912E7710c8%2B38347Ae178B4a after",
	      "gho_16C7e42F%2F292c");
	masks("before \"gho_16C7e42F\\/292c6912E7710c8+38347Ae178B4a\" after", "e42F\\/292c");
}

static void in_base64_it_is_masked_at_any_alignment(void **state)
{
	static const char *const users[] = { "", "u:", "me:", "you:" };
	char plain[128], text[256];
	struct dynbuf encoded;

	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		snprintf(plain, sizeof plain, "%s%s!", users[i], secret);
		dynbuf_init(&encoded, 256);
		base64_print(str(plain), &encoded);
		dynbuf_u8(&encoded, 0);
		snprintf(text, sizeof text, "before %s after", (char *)encoded.p);
		/* the middle of it, which the credential alone decides */
		encoded.p[40] = 0;
		masks(text, (char *)encoded.p + 16);
		dynbuf_done(&encoded);
	}
}

static void tokens_of_ours_are_masked(void **state)
{
	static const uint8_t random[TOKEN_RANDOM_LEN] = { 1, 2, 3 };
	char token[TOKEN_TEXT_MAX + 1], text[256];

	for (enum token_kind kind = TOKEN_ADMIN; kind <= TOKEN_TICKET; kind++) {
		token_print(kind, random, token);
		snprintf(text, sizeof text, "before %s after", token);
		masks(text, token);
		snprintf(text, sizeof text, "before %sx9 after", token);
		masks(text, token);
	}
}

static void what_only_looks_like_one_stays(void **state)
{
	static const char *const texts[] = {
		"vk",
		"vk_",
		"vk_vault_",
		"a vk_vault_abc b",
		"gho_16C7",
		"gho_16C7 gho_16C7e42F",
		"vk_vk_vk_vault_vk_at_0000000000000000000000000000000000000000000000000",
	};
	struct dynbuf out;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		for (size_t size = 1; size <= strlen(texts[i]); size++) {
			pass(texts[i], size, &out);
			assert_string_equal((char *)out.p, texts[i]);
			dynbuf_done(&out);
		}
}

static void an_event_leaves_at_once(void **state)
{
	struct scrub scrub;
	struct dynbuf out;

	begin(&scrub);
	dynbuf_init(&out, 1024);
	scrub_piece(&scrub, str("data: one\n\n"), &out);
	assert_int_equal(out.n, 11);
	scrub_done(&scrub);
	dynbuf_done(&out);
}

static void of_a_providers_lines_those_of_its_hop_and_origin_are_dropped(void **state)
{
	const struct httpc_header lines[] = {
		{ str("content-type"), str("text/plain") },
		{ str("connection"), str("close, X-Hop") },
		{ str("x-hop"), str("1") },
		{ str("set-cookie"), str("a=b") },
		{ str("x-ratelimit-remaining"), str("7") },
		{ str("retry-after"), str("3") },
		{ str("access-control-allow-origin"), str("*") },
		{ str("cache-control"), str("public") },
		{ str("content-length"), str("3") },
		{ str("proxy-authenticate"), str("x") },
	};
	const struct httpc_response response = { .headers = lines,
						 .header_count = ARRAY_LEN(lines) };
	struct dynbuf out;
	struct bytes rest, item;
	size_t n = 0;

	dynbuf_init(&out, IPC_HEADERS_MAX);
	assert_int_equal(foreign_headers(&response, &out), OK);
	rest = dynbuf_view(&out);
	while (ipc_list_next(&rest, &item) == OK)
		n++;
	assert_int_equal(n, 3);
	assert_non_null(ipc_headers_find(dynbuf_view(&out), "content-type").p);
	assert_non_null(ipc_headers_find(dynbuf_view(&out), "retry-after").p);
	assert_non_null(ipc_headers_find(dynbuf_view(&out), "x-ratelimit-remaining").p);
	dynbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_credential_is_masked_wherever_pieces_end),
		cmocka_unit_test(in_base64_it_is_masked_at_any_alignment),
		cmocka_unit_test(tokens_of_ours_are_masked),
		cmocka_unit_test(what_only_looks_like_one_stays),
		cmocka_unit_test(an_event_leaves_at_once),
		cmocka_unit_test(of_a_providers_lines_those_of_its_hop_and_origin_are_dropped),
	};

	return crypto_init() == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
