/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * log - append-only segments of JSON lines, one tree of hashes over all.
 *
 *  1. A batch is log_append() once per record, then log_sync(): one write, one
 *     fdatasync. Before log_sync() answers OK none of the batch is durable, and
 *     nothing that depends on it may leave the process.
 *  2. A batch that does not fit on the disk is taken back whole: the file is
 *     cut to the last durable record, the tree is as before (ERR_LOG_FULL).
 *  3. A sync that fails otherwise is FAULT_SYNC: the process must stop.
 *  4. A checkpoint is signed for a state that is durable, and never for one
 *     that is no extension of the one before.
 *
 *   <first seq, 20 digits>.jsonl   lines; the leaf is SHA-256(0x00 || line without newline)
 *   checkpoint                     C2SP signed note: origin, size, root
 *   frontier                       the same note and the state to go on from, for a quick start:
 *                                  "vklogf\0" version(1) size(8) segment(8) bytes(8) time(8)
 *                                  change(8) accepted(1) count(1) hashes(32 each) note
 */

#include "base/clock.h"
#include "base/dynbuf.h"
#include "crypto/merkle.h"
#include "keeper/record.h"

struct log;

/* Opens or begins the log beneath @dir, resumes from the frontier and checks the tail. A half
 * written last line is cut off. @witness: a directory for a copy of each checkpoint, or -1.
 * ERR_ROLLBACK: it is shorter than, or not what, the last checkpoint says, here or there; *@ret is
 * then set and only log_accept() may follow. FAULT_SYSTEM, FAULT_SYNC. */
must_check enum err log_open(int dir, int witness, const uint8_t seed[static SIGN_SEED_LEN],
			     struct log **ret);
void log_close(struct log **logp);
/* An operator has decided to go on from what is there. */
must_check enum err log_accept(struct log *log);

/* Adds a record to the batch. ERR_MALFORMED, ERR_LOG_FULL (the batch is too large) */
must_check enum err log_append(struct log *log, const struct ipc_record *record, uint64_t *ret_seq,
			       usec_t *ret_time);
/* Makes the batch durable. ERR_LOG_FULL, FAULT_SYNC */
must_check enum err log_sync(struct log *log);
/* Writes a checkpoint if the log has grown enough or long enough ago; @force: if it has grown. */
must_check enum err log_checkpoint(struct log *log, bool force);

struct log_state {
	uint64_t size, segment, segment_bytes, change;
	bool accepted; /* a rollback or a restore, and no start since */
	usec_t time;
	uint8_t root[SHA256_LEN], key[SIGN_PUBLIC_LEN];
};
void log_state(const struct log *log, struct log_state *ret);
