/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * prove - the proof that one record stands in the log (RFC 6962 2.1.1), made
 * from the log's files while the whole of it is verified: no proof is given
 * from a log that is not sound.
 */

#include "cli/offline/verify.h"
#include "crypto/proof.h"
#include "keeper/note.h"

struct prove_options {
	struct verify_options verify; /* its `leaf` is taken */
	uint64_t seq;
	uint64_t size; /* of the tree to prove it in; 0: that of the checkpoint beside the log */
};

struct prove_result {
	struct verify_result log;
	uint64_t seq, size;
	uint8_t leaf[SHA256_LEN], root[SHA256_LEN];
	uint8_t hash[MERKLE_LEVELS + 1][SHA256_LEN];
	size_t n;
	uint8_t checkpoint[NOTE_MAX]; /* of the same size, as it stands beside the log */
	size_t checkpoint_n;	      /* 0: there is none of that size */
};

/* ERR_NOT_FOUND: no such record in a tree of that size, or the log has no such size.
 * ERR_FORGED: the log is not sound; ret->log says how. FAULT_SYSTEM. */
must_check enum err prove_inclusion(const struct prove_options *options, struct prove_result *ret);
void prove_print(const struct prove_result *result, bool json, struct dynbuf *out);
