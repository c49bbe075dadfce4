/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * place - the data directory as the parent sees it.
 *
 *   keys/   keeper alone    wrapped keys
 *   log/    keeper writes, core reads
 *   state/  core alone      the database
 *   run/    unseal.sock, client.json: {"url", "token_file", "key_file"}; the latter two are
 *           written by init and kept
 *
 * One daemon a directory: the descriptors that keeper and core are handed carry
 * a lock, so it is free again only when all of an earlier daemon has ended.
 */

#include <limits.h>

#include "base/bytes.h"

struct place {
	char path[PATH_MAX];			       /* absolute */
	char key_file[PATH_MAX], token_file[PATH_MAX]; /* "" where init named none */
	int top, keys, log, log_read, state, run;
};

#define PLACE_NONE                                                                                 \
	((struct place){ .top = -1, .keys = -1, .log = -1, .log_read = -1, .state = -1, .run = -1 })

/* ERR_NOT_FOUND (there is none, or it was not initialised), ERR_DENIED, ERR_CONFLICT (another
 * daemon runs on it), FAULT_SYSTEM. */
must_check enum err place_open(const char *data, struct place *ret);
void place_close(struct place *place);
/* Writes run/client.json. */
must_check enum err place_tell(const struct place *place, const char *url);
/* The listening socket for unseal and seal. FAULT_SYSTEM. */
must_check enum err place_listen(const struct place *place, int *ret);
