/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * verify - reads a log from its first byte and says whether it is the log that
 * was signed. Needs the files and the public key; no daemon, no database, no
 * secret.
 *
 * It checks the form, number and time of each line, builds the tree of
 * RFC 6962 and compares it with every checkpoint it is given: the one beside
 * the log and one that somebody kept elsewhere, which shows any edit, deletion,
 * reordering or fork of what was there then (I5). A segment that retention has
 * replaced by its leaf hashes counts in the tree; its lines are `pruned`.
 */

#include "base/clock.h"
#include "base/dynbuf.h"
#include "crypto/crypto.h"

enum verify_flaw {
	VERIFY_SOUND,
	VERIFY_LINE,	  /* not a line that keeper writes */
	VERIFY_ORDER,	  /* a record stands where another belongs */
	VERIFY_TIME,	  /* time goes backwards */
	VERIFY_GAP,	  /* a segment is missing: others stand behind it */
	VERIFY_CUT,	  /* a segment that is not the last ends within a line */
	VERIFY_SHORT,	  /* the log ends before a checkpoint does */
	VERIFY_FORK,	  /* not the log that the checkpoint was signed for */
	VERIFY_SIGNATURE, /* a checkpoint that this key did not sign */
	VERIFY_UNSIGNED,  /* records, but no checkpoint at all */
	VERIFY_FLAWS,
};

struct verify_options {
	int dir; /* the log's directory, open for reading */
	uint8_t key[SIGN_PUBLIC_LEN];
	struct bytes older;		    /* text of a checkpoint kept elsewhere; empty: none */
	void (*progress)(uint64_t records); /* called now and then; NULL: silence */
	/* Called with the hash of each record, in order; NULL: nobody asks. */
	void (*leaf)(void *ctx, uint64_t seq, const uint8_t leaf[static SHA256_LEN]);
	void *ctx;
};

struct verify_result {
	enum verify_flaw flaw;	   /* the first one found */
	uint64_t flaw_seq;	   /* where: a record, or the size of a checkpoint */
	uint64_t flaw_segment;	   /* the segment's first record */
	uint64_t size, pruned;	   /* records, and those of them without their lines */
	uint64_t signed_size;	   /* of the checkpoint beside the log */
	uint64_t older_size;	   /* of the one kept elsewhere */
	uint64_t unfinished_bytes; /* of a line being written, or left by a crash */
	uint8_t root[SHA256_LEN];
	char time[CLOCK_TEXT_LEN + 1]; /* of the last line */
	uint8_t key[SIGN_PUBLIC_LEN];
};

/* OK also when a flaw was found. FAULT_SYSTEM: the files could not be read. */
must_check enum err verify_log(const struct verify_options *options, struct verify_result *ret);

/* A public key as 64 hex digits or as C2SP's "name+id+base64", with a newline or without.
 * ERR_MALFORMED */
must_check enum err verify_key_parse(struct bytes text, uint8_t ret[static SIGN_PUBLIC_LEN]);

/* One sentence about the flaw. */
const char *verify_says(enum verify_flaw flaw);
/* The report, for people or as one JSON object. */
void verify_print(const struct verify_result *result, bool json, struct dynbuf *out);
