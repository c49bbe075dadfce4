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
/* The same for a path that an operator gave: links are followed. Also ERR_DENIED. */
must_check enum err file_read_path(const char *path, size_t max, struct buf **ret);
/* Opens a directory at @path, seen from @dir (AT_FDCWD: from where we are); with @make it is made
 * first, mode 0700, if it is not there. ERR_NOT_FOUND, ERR_DENIED, FAULT_SYSTEM */
must_check enum err file_open_dir(int dir, const char *path, bool make, int *ret);
/* Takes the one lock of the open directory @dir. Whoever was handed this descriptor holds it too:
 * it is free again when the last of them has ended. ERR_CONFLICT, FAULT_SYSTEM */
must_check enum err file_lock_dir(int dir);
