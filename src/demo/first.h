/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * first - `valetkey init`: makes a data directory, and notes in its
 * run/client.json where the key and the first admin token lie, so that serve
 * and the command line find them.
 */

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

struct first {
	char data[PATH_MAX], key_file[PATH_MAX], token_file[PATH_MAX]; /* absolute */
	const char *passphrase;					       /* NULL: by key file */
};

/* Makes it; on failure says why on standard error, as @command. False if it could not. */
must_check bool first_make(const char *command, const struct first *first);
/* Makes @path absolute, whether it exists or not. False: too long. */
must_check bool first_absolute(const char *path, char to[static PATH_MAX]);

/* The whole command; @argv begins after its name. Answers the exit status. */
int first_main(int argc, char **argv);
