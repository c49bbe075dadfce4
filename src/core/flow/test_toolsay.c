/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/flow/toolsay.h"

struct said {
	struct toolsay say;
	struct dynbuf parked;
	struct toolsay_parked back;
};

/* Says what an answer means, parks it and reads it back. */
static void say_answer(struct said *said, const struct ask_answer *answer, bool writes)
{
	toolsay_init(&said->say);
	toolsay_answer(&said->say, answer, writes);
	dynbuf_init(&said->parked, TOOLSAY_PARKED_MAX);
	toolsay_print(&said->say, &said->parked);
	assert_int_equal(dynbuf_err(&said->parked), OK);
	assert_int_equal(toolsay_parse(dynbuf_view(&said->parked), &said->back), OK);
	assert_int_equal(said->back.err, said->say.err);
	assert_int_equal(said->back.is_error, said->say.is_error);
}

static void said_done(struct said *said)
{
	toolsay_done(&said->say);
	dynbuf_done(&said->parked);
}

static struct ask_answer answered(uint16_t status, const char *body)
{
	return (struct ask_answer){ .outcome = ASK_ANSWERED,
				    .reply = { .status = status, .body = str(body) } };
}

static void a_success_is_text_and_structure_digit_for_digit(void **state)
{
	const struct ask_answer answer = answered(200, "{\"id\":12345678901234567890.10}");
	struct said said;

	say_answer(&said, &answer, true);
	assert_int_equal(said.back.outcome, APPROVAL_OK);
	assert_false(said.back.is_error);
	assert_true(bytes_is(said.back.text, "{\"id\":12345678901234567890.10}"));
	assert_true(bytes_eq(said.back.text, said.back.structured));
	said_done(&said);
}

static void what_is_no_json_is_text_alone_and_what_is_no_text_is_counted(void **state)
{
	static const uint8_t image[] = { 0x89, 'P', 'N', 'G', 0, 0xff };
	struct ask_answer answer = answered(200, "plain words");
	struct said said;

	say_answer(&said, &answer, false);
	assert_true(bytes_is(said.back.text, "plain words"));
	assert_int_equal(said.back.structured.n, 0);
	said_done(&said);
	answer.reply.body = (struct bytes){ image, sizeof image };
	say_answer(&said, &answer, false);
	assert_true(bytes_is(said.back.text, "[6 bytes that are no text]"));
	said_done(&said);
}

static void a_long_answer_is_cut_between_letters_and_says_so(void **state)
{
	char *body = malloc(TOOLSAY_TEXT_MAX + 3);
	struct said said;

	assert_non_null(body);
	memset(body, 'x', TOOLSAY_TEXT_MAX + 2);
	memcpy(body + TOOLSAY_TEXT_MAX - 1, "\xc3\xa9", 2);
	body[TOOLSAY_TEXT_MAX + 2] = 0;
	const struct ask_answer answer = answered(200, body);
	say_answer(&said, &answer, false);
	assert_int_equal(said.back.structured.n, 0);
	assert_true(said.back.text.n > TOOLSAY_TEXT_MAX - 1);
	assert_int_equal(said.back.text.p[TOOLSAY_TEXT_MAX - 1], '\n');
	said_done(&said);
	free(body);
}

static void what_may_have_been_done_is_unknown_and_what_was_not_is_not(void **state)
{
	static const struct {
		struct ask_answer answer;
		bool writes;
		enum approval_outcome outcome;
	} cases[] = {
		{ { .outcome = ASK_UNKNOWN }, true, APPROVAL_UNKNOWN },
		{ { .outcome = ASK_UNKNOWN }, false, APPROVAL_FAILED },
		{ { .outcome = ASK_NOT_SENT, .err = ERR_SEALED }, true, APPROVAL_FAILED },
		{ { .outcome = ASK_UNUSABLE, .reply.status = 201 }, true, APPROVAL_OK },
		{ { .outcome = ASK_UNUSABLE }, true, APPROVAL_UNKNOWN },
		{ { .outcome = ASK_UNUSABLE }, false, APPROVAL_FAILED },
		{ { .outcome = ASK_ANSWERED, .reply.status = 500 }, true, APPROVAL_UNKNOWN },
		{ { .outcome = ASK_ANSWERED, .reply.status = 503 }, false, APPROVAL_FAILED },
		{ { .outcome = ASK_ANSWERED, .reply.status = 422 }, true, APPROVAL_FAILED },
		{ { .outcome = ASK_ANSWERED, .reply.status = 302 }, true, APPROVAL_FAILED },
		{ { .outcome = ASK_ANSWERED, .reply.status = 303 }, true, APPROVAL_UNKNOWN },
		{ { .outcome = ASK_ANSWERED, .reply.status = 204 }, true, APPROVAL_OK },
	};
	struct said said;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		say_answer(&said, &cases[i].answer, cases[i].writes);
		assert_int_equal(said.back.outcome, cases[i].outcome);
		assert_int_equal(said.back.is_error, cases[i].outcome != APPROVAL_OK);
		assert_true(said.back.text.n > 0);
		said_done(&said);
	}
}

static void what_was_not_parked_by_us_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{ "", 0 },
		{ "\1\1", 2 },
		{ "\2\1\0\0\0\0\0\0\0\0\0\0\0\0\0", 15 },
		{ "\1\7\0\0\0\0\0\0\0\0\0\0\0\0\0", 15 },
		{ "\1\1\2\0\0\0\0\0\0\0\0\0\0\0\0", 15 },
		{ "\1\1\0\0\0\0\1\0\0\0\0\0\0\0\0", 15 },
		{ "\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0x", 16 },
		{ "\1\1\0\377\377\377\377\0\0\0\0\0\0\0\0", 15 },
	};
	struct toolsay_parked parked;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
			toolsay_parse((struct bytes){ (const uint8_t *)bad[i].bytes, bad[i].n },
				      &parked),
			ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_success_is_text_and_structure_digit_for_digit),
		cmocka_unit_test(what_is_no_json_is_text_alone_and_what_is_no_text_is_counted),
		cmocka_unit_test(a_long_answer_is_cut_between_letters_and_says_so),
		cmocka_unit_test(what_may_have_been_done_is_unknown_and_what_was_not_is_not),
		cmocka_unit_test(what_was_not_parked_by_us_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
