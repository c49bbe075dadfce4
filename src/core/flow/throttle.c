/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/throttle.h"

#include <stddef.h>

#include "crypto/crypto.h"

/* Keys are keyed hashes or random: any of their bytes are evenly spread. */
static size_t set_of(struct id key)
{
	return ((size_t)key.b[14] << 8 | key.b[15]) % THROTTLE_SETS;
}

struct id throttle_key(const char *label, struct bytes a, struct bytes b)
{
	const uint8_t n[] = { (uint8_t)(a.n >> 24), (uint8_t)(a.n >> 16), (uint8_t)(a.n >> 8),
			      (uint8_t)a.n };
	const struct bytes parts[] = {
		{ (const uint8_t *)label, strlen(label) + 1 }, { n, sizeof n }, a, b
	};
	uint8_t hash[SHA256_LEN];
	struct id key;

	sha256(parts, ARRAY_LEN(parts), hash);
	memcpy(key.b, hash, sizeof key.b);
	return key;
}

static usec_t left_now(const struct throttle_bucket *bucket, struct throttle_rate rate, usec_t now)
{
	const usec_t full = rate.burst * rate.every;
	const usec_t passed = now > bucket->at ? now - bucket->at : 0;

	return passed >= full - bucket->left ? full : bucket->left + passed;
}

usec_t throttle_wait(const struct throttle *throttle, struct id key, struct throttle_rate rate,
		     usec_t now)
{
	const struct throttle_bucket *set = throttle->set[set_of(key)];

	for (size_t i = 0; i < THROTTLE_WAYS; i++) {
		if (!id_eq(set[i].key, key))
			continue;
		const usec_t left = left_now(&set[i], rate, now);
		return left >= rate.every ? 0 : rate.every - left;
	}
	return 0;
}

void throttle_take(struct throttle *throttle, struct id key, struct throttle_rate rate, usec_t now)
{
	struct throttle_bucket *set = throttle->set[set_of(key)], *bucket = &set[0];

	for (size_t i = 0; i < THROTTLE_WAYS; i++) {
		if (id_eq(set[i].key, key)) {
			bucket = &set[i];
			break;
		}
		if (id_none(set[i].key) || (!id_none(bucket->key) && set[i].at < bucket->at))
			bucket = &set[i];
	}
	if (!id_eq(bucket->key, key))
		*bucket = (struct throttle_bucket){ key, now, rate.burst * rate.every };
	const usec_t left = left_now(bucket, rate, now);
	bucket->at = now;
	bucket->left = left >= rate.every ? left - rate.every : left;
}
