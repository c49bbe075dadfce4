/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/signin.h"

#include "codec/base64.h"
#include "crypto/crypto.h"

/* What OWASP asks of Argon2id at the least; the ceiling of what a row may ask for is the same. */
enum { PASSES = 2, MEMORY_KIB = 19 * 1024 };

static const struct throttle_rate of_one_place = { .burst = 10, .every = 10 * USEC_PER_S };
static const struct throttle_rate of_user = { .burst = 50, .every = 20 * USEC_PER_S };
static const struct throttle_rate of_all = { .burst = 20, .every = USEC_PER_S / 5 };

static enum err hash_password(const struct password_row *row, struct bytes password,
			      uint8_t ret[static 32])
{
	if (row->passes != PASSES || row->memory_kib != MEMORY_KIB)
		return ERR_UNSUPPORTED;
	return kdf_passphrase(password, row->salt.b, row->passes, (uint64_t)row->memory_kib * 1024,
			      ret);
}

enum err signin_password(struct flow *flow, struct call *call, struct bytes subject,
			 struct bytes password)
{
	struct password_row row = { .passes = PASSES, .memory_kib = MEMORY_KIB };
	struct ipc_record record;
	struct user_row user;

	if (password.n < PASSWORD_MIN || password.n > PASSWORD_MAX)
		return ERR_MALFORMED;
	TRY(store_user_find(flow->store, call->tenant, str("local"), subject, &user));
	const enum err err = store_password_get(flow->store, user.tenant, user.id, &row);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	if (err == ERR_NOT_FOUND)
		row.id = id_new();
	row.tenant = user.tenant;
	row.user = user.id;
	row.passes = PASSES;
	row.memory_kib = MEMORY_KIB;
	row.changed = flow->now;
	rng_fill(row.salt.b, sizeof row.salt.b);
	TRY(hash_password(&row, password, row.hash));
	TRY(err == OK ? store_password_update(flow->store, &row)
		      : store_password_put(flow->store, &row));
	TRY(store_token_revoke(flow->store, user.tenant, OWN_SESSION, user.id));
	flow_record(flow, call, EVENT_user_password, OUTCOME_OK, &record);
	record.tenant = user.tenant;
	record.user = user.id;
	record.object = row.id;
	return flow_event(flow, call, &record);
}

enum err signin_needed(struct flow *flow, struct id tenant, struct id user, bool *ret)
{
	struct password_row row;

	const enum err err = store_password_get(flow->store, tenant, user, &row);
	*ret = err != ERR_NOT_FOUND;
	return err == ERR_NOT_FOUND ? OK : err;
}

/* OK: it may be looked at, and counts. */
static enum err attempt(struct flow *flow, const struct call *call, struct bytes subject,
			uint64_t *ret_wait_s)
{
	const struct bytes address = { call->address.b, ID_LEN };
	const struct {
		struct id key;
		struct throttle_rate rate;
	} buckets[] = {
		{ throttle_key("sign-in of one user at one address", subject, address),
		  of_one_place },
		{ throttle_key("sign-in of one user", subject, str("")), of_user },
		{ throttle_key("sign-in", str(""), str("")), of_all },
	};
	usec_t wait = 0;

	for (size_t i = 0; i < ARRAY_LEN(buckets); i++) {
		const usec_t w =
			throttle_wait(&flow->throttle, buckets[i].key, buckets[i].rate, flow->boot);
		wait = w > wait ? w : wait;
	}
	*ret_wait_s = (wait + USEC_PER_S - 1) / USEC_PER_S;
	if (wait > 0)
		return ERR_RATE_LIMITED;
	for (size_t i = 0; i < ARRAY_LEN(buckets); i++)
		throttle_take(&flow->throttle, buckets[i].key, buckets[i].rate, flow->boot);
	return OK;
}

/* ERR_INVALID_GRANT: no such user, no password, or another one. All take the same time. */
static enum err check_password(struct flow *flow, const struct call *call, struct bytes subject,
			       struct bytes password, struct user_row *ret)
{
	struct password_row row = { .passes = PASSES, .memory_kib = MEMORY_KIB };
	uint8_t hash[32];

	enum err err = store_user_find(flow->store, call->tenant, str("local"), subject, ret);
	if (err == OK)
		err = store_password_get(flow->store, ret->tenant, ret->id, &row);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	TRY(hash_password(&row, password, hash));
	const bool same = ct_eq((struct bytes){ hash, sizeof hash },
				(struct bytes){ row.hash, sizeof row.hash });
	wipe(hash, sizeof hash);
	return err == OK && same ? OK : ERR_INVALID_GRANT;
}

enum err signin_begin(struct flow *flow, struct call *call, struct bytes subject,
		      struct bytes password, struct signin_new *ret)
{
	struct ipc_record record;
	struct user_row user;

	ret->wait_s = 0;
	if (!name_ok(subject, SUBJECT_MAX_BYTES) || password.n == 0 || password.n > PASSWORD_MAX)
		return ERR_INVALID_GRANT;
	TRY(attempt(flow, call, subject, &ret->wait_s));
	const enum err err = check_password(flow, call, subject, password, &user);
	flow_record(flow, call, EVENT_sign_in, err == OK ? OUTCOME_OK : OUTCOME_DENIED, &record);
	record.tenant = call->tenant;
	if (err != OK) {
		record.reason = err > OK ? (uint16_t)err : ERR_SERVER;
		TRY(flow_note(flow, call, &record));
		return err;
	}
	record.user = user.id;
	TRY(token_issue(flow, OWN_SESSION, user.tenant, user.id,
			flow->now + SIGNIN_LIFE_S * USEC_PER_S, &ret->cookie));
	ret->user = user.id;
	return flow_event(flow, call, &record);
}

enum err signin_find(struct flow *flow, struct bytes cookie, struct user_row *ret)
{
	struct own_token_row row;

	TRY(token_check(flow, cookie, OWN_SESSION, &row));
	if (row.generation != flow->generation)
		return ERR_INVALID_TOKEN;
	const enum err err = store_user_get(flow->store, row.tenant, row.object, ret);
	return err == ERR_NOT_FOUND ? ERR_INVALID_TOKEN : err;
}

enum err signin_end(struct flow *flow, struct call *call, struct bytes cookie)
{
	struct own_token_row row;
	struct ipc_record record;

	const enum err err = token_check(flow, cookie, OWN_SESSION, &row);
	if (err != OK)
		return err == ERR_INVALID_TOKEN ? OK : err;
	TRY(store_token_end(flow->store, cookie));
	flow_record(flow, call, EVENT_sign_out, OUTCOME_OK, &record);
	record.tenant = row.tenant;
	record.user = row.object;
	return flow_event(flow, call, &record);
}

void signin_proof(const struct flow *flow, struct bytes cookie, struct bytes what,
		  char to[static SIGNIN_PROOF_TEXT + 1])
{
	struct dynbuf out = { .p = (uint8_t *)to,
			      .room = SIGNIN_PROOF_TEXT + 1,
			      .max = SIGNIN_PROOF_TEXT };
	uint8_t length[8], proof[MAC_LEN];
	const struct bytes parts[] = {
		str("valetkey form"), { length, sizeof length }, cookie, what
	};

	put_u64(length, cookie.n);
	mac(flow->text_key, parts, ARRAY_LEN(parts), proof);
	base64url_print((struct bytes){ proof, sizeof proof }, &out);
	to[out.n] = 0;
}
