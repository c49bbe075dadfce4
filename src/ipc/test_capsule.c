/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "ipc/capsule.h"

static const uint8_t key[32] = { 1 }, other_key[32] = { 2 }, binding[32] = { 3 };
static struct capsule_receiver receiver;

static void seal(struct capsule_sender *sender, struct dynbuf *out)
{
	const struct bytes values[] = { str("token"), str("") };

	dynbuf_reset(out);
	capsule_seal(sender, binding, str("https://a.example"), values, 2, out);
	assert_int_equal(dynbuf_err(out), OK);
}

static enum err try_open(struct bytes from)
{
	struct capsule capsule = { 0 };
	const enum err err = capsule_open(&receiver, from, &capsule);

	if (err == OK) {
		assert_int_equal(capsule.count, 2);
		assert_true(bytes_is(capsule.values[0], "token") && capsule.values[1].n == 0);
		assert_true(bytes_is(capsule.hosts, "https://a.example"));
		assert_memory_equal(capsule.binding.p, binding, 32);
	}
	capsule_done(&capsule);
	return err;
}

static void a_capsule_opens_once(void **state)
{
	struct capsule_sender sender;
	struct dynbuf out;

	(void)state;
	dynbuf_init(&out, IPC_CAPSULE_MAX);
	capsule_sender_init(&sender, key, CAPSULE_OUT);
	capsule_receiver_init(&receiver, key, CAPSULE_OUT);
	seal(&sender, &out);
	assert_int_equal(try_open(dynbuf_view(&out)), OK);
	assert_int_equal(try_open(dynbuf_view(&out)), ERR_USED);
	dynbuf_done(&out);
}

static void in_any_order_within_the_window_and_never_behind_it(void **state)
{
	struct capsule_sender sender;
	struct dynbuf out[3];

	(void)state;
	capsule_sender_init(&sender, key, CAPSULE_OUT);
	capsule_receiver_init(&receiver, key, CAPSULE_OUT);
	for (int i = 0; i < 3; i++) {
		dynbuf_init(&out[i], IPC_CAPSULE_MAX);
		seal(&sender, &out[i]);
		sender.counter += i == 1 ? CAPSULE_WINDOW : 60;
	}
	assert_int_equal(try_open(dynbuf_view(&out[1])), OK);
	assert_int_equal(try_open(dynbuf_view(&out[0])), OK);
	assert_int_equal(try_open(dynbuf_view(&out[0])), ERR_USED);
	assert_int_equal(try_open(dynbuf_view(&out[2])), OK);
	assert_int_equal(try_open(dynbuf_view(&out[1])), ERR_USED);
	for (int i = 0; i < 3; i++)
		dynbuf_done(&out[i]);
}

static void a_late_capsule_within_the_window_still_opens_once(void **state)
{
	struct capsule_sender sender;
	struct dynbuf late, next;

	(void)state;
	dynbuf_init(&late, IPC_CAPSULE_MAX);
	dynbuf_init(&next, IPC_CAPSULE_MAX);
	capsule_sender_init(&sender, key, CAPSULE_OUT);
	capsule_receiver_init(&receiver, key, CAPSULE_OUT);
	seal(&sender, &late);
	for (int i = 0; i < 1000; i++) {
		seal(&sender, &next);
		assert_int_equal(try_open(dynbuf_view(&next)), OK);
	}
	assert_int_equal(try_open(dynbuf_view(&late)), OK);
	assert_int_equal(try_open(dynbuf_view(&late)), ERR_USED);
	dynbuf_done(&late);
	dynbuf_done(&next);
}

static void no_bit_of_it_may_change_and_no_other_key_or_direction_opens_it(void **state)
{
	struct capsule_sender sender;
	struct dynbuf out;

	(void)state;
	dynbuf_init(&out, IPC_CAPSULE_MAX);
	capsule_sender_init(&sender, key, CAPSULE_OUT);
	capsule_receiver_init(&receiver, key, CAPSULE_OUT);
	seal(&sender, &out);
	for (size_t i = 0; i < out.n * 8; i++) {
		out.p[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(try_open(dynbuf_view(&out)), i < 16 ? ERR_MALFORMED : ERR_FORGED);
		out.p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < out.n; n++)
		assert_int_not_equal(try_open((struct bytes){ out.p, n }), OK);
	capsule_receiver_init(&receiver, other_key, CAPSULE_OUT);
	assert_int_equal(try_open(dynbuf_view(&out)), ERR_FORGED);
	capsule_receiver_init(&receiver, key, CAPSULE_IN);
	assert_int_equal(try_open(dynbuf_view(&out)), ERR_MALFORMED);
	dynbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_capsule_opens_once),
		cmocka_unit_test(in_any_order_within_the_window_and_never_behind_it),
		cmocka_unit_test(a_late_capsule_within_the_window_still_opens_once),
		cmocka_unit_test(no_bit_of_it_may_change_and_no_other_key_or_direction_opens_it),
	};

	return crypto_init() != OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
