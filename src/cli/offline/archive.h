/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * archive - a backup as a directory, and a data directory made from one.
 *
 *   manifest.json    {"format":1,"made":TIME,"files":[{"path","bytes","sha256"}]}
 *   state/state.db   a consistent copy, made by core
 *   log/…, keys/…    copied after it, so that the log is never behind the database
 *   run/client.json, log.pub
 *
 * It holds no secret in the clear, and not the unseal key. A restored store is
 * another generation: what could be used once before the backup is dead, and
 * the log says so. This is done here, with the unseal secret, because a backup
 * that does not open is better known now than at the next start.
 */

#include "base/bytes.h"

struct archive_report {
	uint64_t files, bytes;
	char why[1024]; /* what went wrong, for a person */
};

/* Makes @to, which must not exist, from the data directory @data and the database copy @db.
 * ERR_EXISTS, ERR_NOT_FOUND (something cannot be read), ERR_LOG_FULL (no room). */
must_check enum err archive_make(const char *data, const char *db, const char *to,
				 struct archive_report *report);

/* The key file that the client.json of a backup, or of a data directory, names. ERR_NOT_FOUND. */
must_check enum err archive_key_file(const char *from, char *to, size_t size);

/* Makes the data directory @data, which must not exist or be empty, from the backup @from; that may
 * also be a database copy still in its data directory. It appears whole or not at all; what was
 * copied so far stays beside it as DATA.restoring. @secret: the 32 bytes of a key file, or the
 * passphrase. ERR_EXISTS, ERR_NOT_FOUND, ERR_MALFORMED (not what the manifest says), ERR_FORGED
 * (the keys do not open), ERR_ROLLBACK (the log is not whole), ERR_LOG_FULL. */
must_check enum err archive_restore(const char *from, const char *data, struct bytes secret,
				    struct archive_report *report);
