/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/proof.h"

static void node(const uint8_t left[static SHA256_LEN], const uint8_t right[static SHA256_LEN],
		 uint8_t out[static SHA256_LEN])
{
	uint8_t both[1 + 2 * SHA256_LEN] = { 1 };

	put(put(both + 1, left, SHA256_LEN), right, SHA256_LEN);
	sha256_one((struct bytes){ both, sizeof both }, out);
}

static bool same(const uint8_t a[static SHA256_LEN], const uint8_t b[static SHA256_LEN])
{
	return memcmp(a, b, SHA256_LEN) == 0;
}

/* The largest power of two below @n, which is at least 2: where RFC 6962 splits. */
static uint64_t split(uint64_t n)
{
	return (uint64_t)1 << (63 - __builtin_clzll(n - 1));
}

static void plan_add(struct proof_plan *plan, uint64_t from, uint64_t n)
{
	plan->run[plan->count++] = (struct proof_run){ from, n };
}

/* The walk goes from the root down, the proof from the leaves up. */
static void plan_reverse(struct proof_plan *plan)
{
	for (size_t i = 0; i < plan->count / 2; i++) {
		const struct proof_run run = plan->run[i];
		plan->run[i] = plan->run[plan->count - 1 - i];
		plan->run[plan->count - 1 - i] = run;
	}
}

enum err proof_plan_inclusion(uint64_t index, uint64_t size, struct proof_plan *ret)
{
	uint64_t from = 0, n = size;

	if (index >= size)
		return ERR_NOT_FOUND;
	ret->count = 0;
	while (n > 1) {
		const uint64_t k = split(n);
		if (index - from < k) {
			plan_add(ret, from + k, n - k);
			n = k;
		} else {
			plan_add(ret, from, k);
			from += k;
			n -= k;
		}
	}
	plan_reverse(ret);
	return OK;
}

enum err proof_plan_consistency(uint64_t old, uint64_t size, struct proof_plan *ret)
{
	uint64_t from = 0, n = size, m = old;
	bool whole = true; /* the old tree is the subtree we stand in: its head is known */

	if (old > size)
		return ERR_NOT_FOUND;
	ret->count = 0;
	if (old == 0)
		return OK;
	while (m < n) {
		const uint64_t k = split(n);
		if (m <= k) {
			plan_add(ret, from + k, n - k);
			n = k;
		} else {
			plan_add(ret, from, k);
			from += k;
			n -= k;
			m -= k;
			whole = false;
		}
	}
	if (!whole)
		plan_add(ret, from, n);
	plan_reverse(ret);
	return OK;
}

enum err proof_run_root(struct proof_run run, proof_leaf_fn fn, void *ctx,
			uint8_t ret[static SHA256_LEN])
{
	struct merkle tree = { 0 };
	uint8_t leaf[SHA256_LEN];

	for (uint64_t i = 0; i < run.n; i++) {
		TRY(fn(ctx, run.from + i, leaf));
		merkle_append(&tree, leaf);
	}
	merkle_root(&tree, ret);
	return OK;
}

enum err proof_inclusion_root(const uint8_t leaf[static SHA256_LEN], uint64_t index, uint64_t size,
			      struct proof proof, uint8_t ret[static SHA256_LEN])
{
	uint8_t hash[SHA256_LEN];

	if (index >= size)
		return ERR_FORGED;
	memcpy(hash, leaf, sizeof hash);
	uint64_t at = index, last = size - 1;
	for (size_t i = 0; i < proof.n; i++) {
		if (last == 0)
			return ERR_FORGED;
		if ((at & 1) == 0 && at != last) {
			node(hash, proof.hash[i], hash);
		} else {
			node(proof.hash[i], hash, hash);
			for (; (at & 1) == 0; at >>= 1)
				last >>= 1;
		}
		at >>= 1;
		last >>= 1;
	}
	if (last != 0)
		return ERR_FORGED;
	memcpy(ret, hash, sizeof hash);
	return OK;
}

enum err proof_consistent(const struct proof_head *old, const struct proof_head *head,
			  struct proof proof)
{
	uint8_t was[SHA256_LEN], is[SHA256_LEN];
	size_t i = 0;

	if (old->size > head->size)
		return ERR_FORGED;
	if (old->size == 0)
		return proof.n == 0 ? OK : ERR_FORGED;
	if (old->size == head->size)
		return proof.n == 0 && same(old->root, head->root) ? OK : ERR_FORGED;

	uint64_t at = old->size - 1, last = head->size - 1;
	for (; (at & 1) == 1; at >>= 1)
		last >>= 1;
	/* A power of two is itself a node of the new tree, so the proof leaves it out. */
	if (at == 0) {
		memcpy(was, old->root, sizeof was);
	} else if (i < proof.n) {
		memcpy(was, proof.hash[i++], sizeof was);
	} else {
		return ERR_FORGED;
	}
	memcpy(is, was, sizeof is);
	for (; i < proof.n; i++, at >>= 1, last >>= 1) {
		if (last == 0)
			return ERR_FORGED;
		if ((at & 1) == 0 && at != last) {
			node(is, proof.hash[i], is);
			continue;
		}
		node(proof.hash[i], was, was);
		node(proof.hash[i], is, is);
		for (; (at & 1) == 0 && at != 0; at >>= 1)
			last >>= 1;
	}
	return last == 0 && same(was, old->root) && same(is, head->root) ? OK : ERR_FORGED;
}
