/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * init - makes a data directory: keys, an empty log, the database with the
 * default tenant and its first admin token. Works without a daemon.
 */

#include "base/bytes.h"

struct init_options {
	const char *data;	/* made if it does not exist; must hold nothing of ours */
	const char *key_file;	/* where the unseal key goes; not looked at with a passphrase */
	const char *token_file; /* where the first admin token goes */
	const char *passphrase; /* NULL: by key file */
};

/* ERR_EXISTS (initialised before, or one of the two files is there), ERR_DENIED (a path cannot be
 * made or written), ERR_LOG_FULL */
must_check enum err init_data(const struct init_options *options);

/* Whether @data was initialised. */
bool init_done(const char *data);
