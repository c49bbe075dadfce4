/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/merkle.h"

void merkle_leaf(struct bytes leaf, uint8_t out[static SHA256_LEN])
{
	static const uint8_t zero = 0;
	const struct bytes parts[] = { { &zero, 1 }, leaf };

	sha256(parts, ARRAY_LEN(parts), out);
}

static void node(const uint8_t *left, const uint8_t *right, uint8_t out[static SHA256_LEN])
{
	static const uint8_t one = 1;
	const struct bytes parts[] = { { &one, 1 }, { left, SHA256_LEN }, { right, SHA256_LEN } };

	sha256(parts, ARRAY_LEN(parts), out);
}

void merkle_append(struct merkle *tree, const uint8_t leaf_hash[static SHA256_LEN])
{
	uint8_t hash[SHA256_LEN];
	size_t level = 0;

	memcpy(hash, leaf_hash, sizeof hash);
	for (; (tree->size >> level & 1) != 0; level++)
		node(tree->stack[level], hash, hash);
	memcpy(tree->stack[level], hash, sizeof hash);
	tree->size++;
}

void merkle_root(const struct merkle *tree, uint8_t out[static SHA256_LEN])
{
	bool begun = false;

	sha256_one((struct bytes){ NULL, 0 }, out);
	for (size_t level = 0; level < MERKLE_LEVELS; level++) {
		if ((tree->size >> level & 1) == 0)
			continue;
		if (begun)
			node(tree->stack[level], out, out);
		else
			memcpy(out, tree->stack[level], SHA256_LEN);
		begun = true;
	}
}

bool merkle_check_inclusion(uint64_t index, uint64_t size,
			    const uint8_t leaf_hash[static SHA256_LEN], const uint8_t *proof,
			    size_t count, const uint8_t root[static SHA256_LEN])
{
	uint64_t fn = index, sn = size - 1;
	uint8_t hash[SHA256_LEN];

	if (index >= size)
		return false;
	memcpy(hash, leaf_hash, sizeof hash);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *p = proof + i * SHA256_LEN;
		if (sn == 0)
			return false;
		if ((fn & 1) != 0 || fn == sn) {
			node(p, hash, hash);
			while (fn != 0 && (fn & 1) == 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			node(hash, p, hash);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && memcmp(hash, root, SHA256_LEN) == 0;
}
