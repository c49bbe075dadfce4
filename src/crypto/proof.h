/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * proof - that a record stands in the log (inclusion) and that one log
 * continues another (consistency), RFC 6962 2.1.1 and 2.1.2.
 *
 * A proof is first planned (which runs of leaves it needs the tree heads of),
 * then computed from wherever the leaves are kept: nothing here reads a file.
 * To check one, hashes are enough.
 */

#include "crypto/merkle.h"

/* Leaves from to from + n - 1, whose tree head stands in a proof. */
struct proof_run {
	uint64_t from, n;
};

struct proof_plan {
	size_t count;
	struct proof_run run[MERKLE_LEVELS + 1]; /* in the order of the proof */
};

/* The audit path (2.1.1) of leaf @index in the tree of @size leaves. ERR_NOT_FOUND: not in it. */
must_check enum err proof_plan_inclusion(uint64_t index, uint64_t size, struct proof_plan *ret);
/* The proof (2.1.2) that the tree of @size continues the one of @old. An empty one for @old 0 and
 * for @old = @size. ERR_NOT_FOUND: @old is the larger. */
must_check enum err proof_plan_consistency(uint64_t old, uint64_t size, struct proof_plan *ret);

/* Answers the hash of leaf @index. */
typedef enum err (*proof_leaf_fn)(void *ctx, uint64_t index, uint8_t ret[static SHA256_LEN]);
/* The tree head over a run; asks for its leaves in ascending order. */
must_check enum err proof_run_root(struct proof_run run, proof_leaf_fn fn, void *ctx,
				   uint8_t ret[static SHA256_LEN]);

/* A proof as it travels: @n hashes, one after the other. */
struct proof {
	const uint8_t (*hash)[SHA256_LEN];
	size_t n;
};

/* Computes the root that @leaf at @index, with its path, has in the tree of @size (RFC 9162
 * 2.1.3.2). The caller compares it with a signed one. ERR_FORGED: the path does not fit. */
must_check enum err proof_inclusion_root(const uint8_t leaf[static SHA256_LEN], uint64_t index,
					 uint64_t size, struct proof proof,
					 uint8_t ret[static SHA256_LEN]);

/* A tree by its head. */
struct proof_head {
	uint64_t size;
	uint8_t root[SHA256_LEN];
};

/* Whether @head continues @old (RFC 9162 2.1.4.2). ERR_FORGED. */
must_check enum err proof_consistent(const struct proof_head *old, const struct proof_head *head,
				     struct proof proof);
