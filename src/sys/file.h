/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* file - small files beneath a directory that the caller holds open. */

#include "base/bytes.h"

/* Replaces @name by @data in one step: temporary file, sync, rename, sync of the directory.
 * ERR_LOG_FULL (no room; the old file stays), FAULT_SYNC (it may or may not have been replaced),
 * FAULT_SYSTEM (the old file stays). */
must_check enum err file_replace(int dir, const char *name, struct bytes data);
/* Reads a regular file of at most @max bytes. ERR_NOT_FOUND, ERR_TOO_LARGE, FAULT_SYSTEM */
must_check enum err file_read(int dir, const char *name, size_t max, struct buf **ret);
/* Writes all of it. ERR_LOG_FULL (no room; part may be written), FAULT_SYSTEM */
must_check enum err file_write(int fd, struct bytes data);
