/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/totp.h"

#include <stdio.h>

#include "base/secret.h"
#include "codec/form.h"
#include "crypto/crypto.h"

enum { STEP_S = 30, DIGITS = 6 };

/* Guesses: three codes of a million are right at any time. */
static const struct throttle_rate guesses = { .burst = 5, .every = 60 * USEC_PER_S };

static void base32(const uint8_t secret[static TOTP_SECRET_LEN],
		   char out[static TOTP_SECRET_TEXT + 1])
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint64_t bits = 0;
	size_t n = 0;
	unsigned have = 0;

	for (size_t i = 0; i < TOTP_SECRET_LEN; i++) {
		bits = bits << 8 | secret[i];
		for (have += 8; have >= 5; have -= 5)
			out[n++] = letters[bits >> (have - 5) & 31];
	}
	out[n] = 0;
}

static enum err print_uri(struct bytes subject, struct totp_new *new)
{
	struct dynbuf out = { .p = (uint8_t *)new->uri,
			      .room = sizeof new->uri,
			      .max = sizeof new->uri };

	dynbuf_str(&out, "otpauth://totp/Valetkey:");
	form_encode(subject, &out);
	dynbuf_printf(&out, "?secret=%s&issuer=Valetkey", new->secret);
	dynbuf_u8(&out, 0);
	return dynbuf_err(&out);
}

enum err totp_enrol(struct flow *flow, struct call *call, struct bytes subject,
		    struct totp_new *ret)
{
	uint8_t secret[TOTP_SECRET_LEN];
	struct ipc_record record;
	struct user_row user;

	TRY(store_user_find(flow->store, call->tenant, str("local"), subject, &user));
	rng_fill(secret, sizeof secret);
	const struct totp_row row = {
		.id = id_new(),
		.tenant = user.tenant,
		.user = user.id,
		.secret = { secret, sizeof secret },
		.created = flow->now,
		.rev = 1,
	};
	base32(secret, ret->secret);
	enum err err = print_uri(subject, ret);
	if (err == OK)
		err = store_totp_put(flow->store, &row);
	wipe(secret, sizeof secret);
	TRY(err);
	flow_record(flow, call, EVENT_totp_enrol, OUTCOME_OK, &record);
	record.user = user.id;
	return flow_event(flow, call, &record);
}

enum err totp_code(struct bytes secret, uint64_t step, char ret[static 7])
{
	uint8_t counter[8], hash[MAC_SHA1_LEN];

	put_u64(counter, step);
	TRY(mac_sha1(secret, (struct bytes){ counter, sizeof counter }, hash));
	const uint32_t number = get_u32(hash + (hash[19] & 15)) & 0x7fffffff;
	wipe(hash, sizeof hash);
	snprintf(ret, DIGITS + 1, "%06u", number % 1000000);
	return OK;
}

/* Of another generation the row does not know what was used since: what a code could have been used
 * for before this start is not taken. */
static uint64_t floor_of(const struct flow *flow, const struct totp_row *row)
{
	const usec_t started = flow->now - (flow->boot - flow->started);
	const uint64_t step = started / USEC_PER_S / STEP_S + 1;

	if (row->generation == flow->generation)
		return row->last_step;
	return step > row->last_step ? step : row->last_step;
}

/* ERR_NOT_FOUND: it is none of the three, or not to be taken again. */
static enum err find_step(const struct flow *flow, const struct totp_row *row, struct bytes code,
			  uint64_t *ret)
{
	const uint64_t now = flow->now / USEC_PER_S / STEP_S, used = floor_of(flow, row);
	enum err found = ERR_NOT_FOUND;
	char text[DIGITS + 1];

	for (uint64_t step = now - 1; step <= now + 1; step++) {
		TRY(totp_code(row->secret, step, text));
		if (ct_eq(code, (struct bytes){ (const uint8_t *)text, DIGITS }) && step > used) {
			*ret = step;
			found = OK;
		}
	}
	wipe(text, sizeof text);
	return found;
}

enum err totp_spend(struct flow *flow, struct id tenant, struct id user, struct bytes code)
{
	struct totp_row row;
	uint64_t step;

	enum err err = store_totp_get(flow->store, tenant, user, &row);
	if (err == ERR_NOT_FOUND || (err == OK && code.n == 0))
		return ERR_STEP_UP_REQUIRED;
	TRY(err);
	if (throttle_wait(&flow->throttle, user, guesses, flow->boot) > 0)
		return ERR_RATE_LIMITED;
	err = find_step(flow, &row, code, &step);
	if (err == ERR_NOT_FOUND) {
		throttle_take(&flow->throttle, user, guesses, flow->boot);
		return ERR_WRONG_CODE;
	}
	TRY(err);
	row.last_step = step;
	row.generation = flow->generation;
	return store_totp_update(flow->store, &row);
}
