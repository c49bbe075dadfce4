/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crypto/proof.h"

enum { LEAVES = 70 };

static struct proof_head heads[LEAVES + 1];
static uint8_t leaves[LEAVES][SHA256_LEN];

static enum err leaf_at(void *ctx, uint64_t index, uint8_t ret[static SHA256_LEN])
{
	(void)ctx;
	memcpy(ret, leaves[index], SHA256_LEN);
	return OK;
}

static int plant(void **state)
{
	struct merkle tree = { 0 };

	(void)state;
	for (uint8_t i = 0; i <= LEAVES; i++) {
		heads[i].size = i;
		merkle_root(&tree, heads[i].root);
		if (i == LEAVES)
			break;
		merkle_leaf((struct bytes){ &i, 1 }, leaves[i]);
		merkle_append(&tree, leaves[i]);
	}
	return crypto_init() == OK ? 0 : 1;
}

static size_t carry_out(const struct proof_plan *plan, uint8_t out[][SHA256_LEN])
{
	for (size_t i = 0; i < plan->count; i++)
		assert_int_equal(proof_run_root(plan->run[i], leaf_at, NULL, out[i]), OK);
	return plan->count;
}

static void assert_hex(const uint8_t hash[static SHA256_LEN], const char *hex)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * SHA256_LEN + 1] = { 0 };

	for (size_t i = 0; i < SHA256_LEN; i++) {
		text[2 * i] = digits[hash[i] >> 4];
		text[2 * i + 1] = digits[hash[i] & 15];
	}
	assert_string_equal(text, hex);
}

/* The inputs and roots that implementations of Certificate Transparency share. */
static void the_known_trees_have_their_known_roots(void **state)
{
	static const struct {
		const char *input;
		size_t n;
		const char *root;
	} rows[] = {
		{ "", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
		{ "\0", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
		{ "\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
		{ "\x20\x21", 2,
		  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
		{ "\x30\x31", 2,
		  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
		{ "@ABC", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
		{ "PQRSTUVW", 8,
		  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c" },
		{ "`abcdefghijklmno", 16,
		  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
	};
	struct merkle tree = { 0 };
	uint8_t hash[SHA256_LEN];

	(void)state;
	merkle_root(&tree, hash);
	assert_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		merkle_leaf((struct bytes){ (const uint8_t *)rows[i].input, rows[i].n }, hash);
		merkle_append(&tree, hash);
		merkle_root(&tree, hash);
		assert_hex(hash, rows[i].root);
	}
}

static void every_leaf_of_every_tree_is_proved_and_no_other_in_its_place(void **state)
{
	uint8_t hash[MERKLE_LEVELS + 1][SHA256_LEN], root[SHA256_LEN];
	struct proof_plan plan;

	(void)state;
	for (uint64_t size = 1; size <= LEAVES; size++)
		for (uint64_t index = 0; index < size; index++) {
			assert_int_equal(proof_plan_inclusion(index, size, &plan), OK);
			struct proof proof = { hash, carry_out(&plan, hash) };
			assert_int_equal(
				proof_inclusion_root(leaves[index], index, size, proof, root), OK);
			assert_memory_equal(root, heads[size].root, SHA256_LEN);
			const enum err err = proof_inclusion_root(leaves[(index + 1) % LEAVES],
								  index, size, proof, root);
			assert_true(err != OK || memcmp(root, heads[size].root, SHA256_LEN) != 0);
			proof.n++;
			memset(hash[proof.n - 1], 0, SHA256_LEN);
			assert_int_equal(
				proof_inclusion_root(leaves[index], index, size, proof, root),
				ERR_FORGED);
			if (proof.n < 2)
				continue;
			proof.n -= 2;
			assert_int_equal(
				proof_inclusion_root(leaves[index], index, size, proof, root),
				ERR_FORGED);
		}
	assert_int_equal(proof_plan_inclusion(5, 5, &plan), ERR_NOT_FOUND);
}

static void every_tree_continues_every_smaller_one(void **state)
{
	uint8_t hash[MERKLE_LEVELS + 1][SHA256_LEN];
	struct proof_plan plan;

	(void)state;
	for (uint64_t size = 0; size <= LEAVES; size++)
		for (uint64_t old = 0; old <= size; old++) {
			assert_int_equal(proof_plan_consistency(old, size, &plan), OK);
			const struct proof proof = { hash, carry_out(&plan, hash) };
			assert_int_equal(proof_consistent(&heads[old], &heads[size], proof), OK);
		}
	assert_int_equal(proof_plan_consistency(6, 5, &plan), ERR_NOT_FOUND);
}

static void a_fork_does_not_pass_for_a_continuation(void **state)
{
	uint8_t hash[MERKLE_LEVELS + 1][SHA256_LEN];
	struct proof_plan plan;

	(void)state;
	for (uint64_t size = 2; size <= LEAVES; size++)
		for (uint64_t old = 1; old <= size; old++) {
			assert_int_equal(proof_plan_consistency(old, size, &plan), OK);
			struct proof proof = { hash, carry_out(&plan, hash) };
			struct proof_head forged = heads[old];
			forged.root[7] ^= 1;
			assert_int_equal(proof_consistent(&forged, &heads[size], proof),
					 ERR_FORGED);
			forged = heads[size];
			forged.root[31] ^= 0x80;
			assert_int_equal(proof_consistent(&heads[old], &forged, proof), ERR_FORGED);
			for (size_t i = 0; i < proof.n; i++) {
				hash[i][0] ^= 1;
				assert_int_equal(proof_consistent(&heads[old], &heads[size], proof),
						 ERR_FORGED);
				hash[i][0] ^= 1;
			}
			if (proof.n == 0)
				continue;
			proof.n--;
			assert_int_equal(proof_consistent(&heads[old], &heads[size], proof),
					 ERR_FORGED);
		}
	const struct proof none = { 0 };
	assert_int_equal(proof_consistent(&heads[5], &heads[4], none), ERR_FORGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_known_trees_have_their_known_roots),
		cmocka_unit_test(every_leaf_of_every_tree_is_proved_and_no_other_in_its_place),
		cmocka_unit_test(every_tree_continues_every_smaller_one),
		cmocka_unit_test(a_fork_does_not_pass_for_a_continuation),
	};

	return cmocka_run_group_tests(tests, plant, NULL);
}
