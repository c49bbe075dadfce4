/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * merkle - the hash tree of RFC 6962 section 2.1, held as its frontier: the
 * roots of the full subtrees that its size is the sum of.
 */

#include "crypto/crypto.h"

enum { MERKLE_LEVELS = 64 };

struct merkle {
	uint64_t size;
	uint8_t stack[MERKLE_LEVELS][SHA256_LEN]; /* [i] holds while bit i of size is set */
};

/* SHA-256(0x00 || leaf) */
void merkle_leaf(struct bytes leaf, uint8_t out[static SHA256_LEN]);
void merkle_append(struct merkle *tree, const uint8_t leaf_hash[static SHA256_LEN]);
/* Of an empty tree: SHA-256 of nothing. */
void merkle_root(const struct merkle *tree, uint8_t out[static SHA256_LEN]);

/* Whether @proof (count hashes) shows leaf @index under the root of @size. RFC 9162 2.1.3.2 */
bool merkle_check_inclusion(uint64_t index, uint64_t size,
			    const uint8_t leaf_hash[static SHA256_LEN], const uint8_t *proof,
			    size_t count, const uint8_t root[static SHA256_LEN]);
