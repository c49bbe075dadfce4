/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/merkle.h"

static void node_of(const uint8_t *left, const uint8_t *right, uint8_t *out)
{
	uint8_t both[65] = { 1 };

	memcpy(both + 1, left, 32);
	memcpy(both + 33, right, 32);
	sha256_one((struct bytes){ both, 65 }, out);
}

/* The definition of RFC 6962 2.1, word by word: split at the largest power of two below n. */
static void root_by_definition(const uint8_t (*leaves)[32], size_t n, uint8_t *out)
{
	uint8_t left[32], right[32];
	size_t k = 1;

	if (n == 1) {
		memcpy(out, leaves[0], 32);
		return;
	}
	while (k * 2 < n)
		k *= 2;
	root_by_definition(leaves, k, left);
	root_by_definition(leaves + k, n - k, right);
	node_of(left, right, out);
}

static size_t path_by_definition(const uint8_t (*leaves)[32], size_t n, size_t m, uint8_t *proof)
{
	size_t k = 1, count;

	if (n == 1)
		return 0;
	while (k * 2 < n)
		k *= 2;
	if (m < k) {
		count = path_by_definition(leaves, k, m, proof);
		root_by_definition(leaves + k, n - k, proof + count * 32);
	} else {
		count = path_by_definition(leaves + k, n - k, m - k, proof);
		root_by_definition(leaves, k, proof + count * 32);
	}
	return count + 1;
}

static void the_frontier_gives_the_roots_of_the_definition(void **state)
{
	static uint8_t leaves[130][32];
	uint8_t want[32], got[32], proof[64 * 32];
	struct merkle tree = { 0 };

	(void)state;
	for (size_t n = 1; n <= 130; n++) {
		merkle_leaf((struct bytes){ (uint8_t *)&n, sizeof n }, leaves[n - 1]);
		merkle_append(&tree, leaves[n - 1]);
		root_by_definition((const uint8_t(*)[32])leaves, n, want);
		merkle_root(&tree, got);
		assert_memory_equal(want, got, 32);
		for (size_t m = 0; m < n; m += 1 + n / 7) {
			const size_t count =
				path_by_definition((const uint8_t(*)[32])leaves, n, m, proof);
			assert_true(merkle_check_inclusion(m, n, leaves[m], proof, count, got));
			assert_false(merkle_check_inclusion(m, n, leaves[(m + 1) % n], proof, count,
							    got) &&
				     n > 1);
			assert_false(
				merkle_check_inclusion(m, n + 1, leaves[m], proof, count, want) &&
				count == 0 && n > 1);
		}
	}
}

/* The root of nothing is SHA-256 of nothing (RFC 6962 2.1). */
static void an_empty_tree_has_the_hash_of_nothing(void **state)
{
	static const uint8_t want[] = { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14 };
	const struct merkle tree = { 0 };
	uint8_t got[32];

	(void)state;
	merkle_root(&tree, got);
	assert_memory_equal(got, want, sizeof want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_frontier_gives_the_roots_of_the_definition),
		cmocka_unit_test(an_empty_tree_has_the_hash_of_nothing),
	};

	return crypto_init() != OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
