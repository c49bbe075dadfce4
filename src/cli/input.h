/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* input - files and secrets that the person at the terminal gives. */

#include <stdio.h>

#include "base/secret.h"

enum { INPUT_SECRET_MAX = 64 * 1024, INPUT_KEY_LEN = 32 };

/* A whole file, or standard input for "-". ERR_NOT_FOUND (cannot be read), ERR_TOO_LARGE. */
must_check enum err input_text(const char *file, size_t max, struct buf **ret);
/* The same for a secret; one line end after it is not part of it. ERR_NOT_FOUND, ERR_TOO_LARGE,
 * ERR_MALFORMED (empty). */
must_check enum err input_secret(const char *file, struct secret **ret);
/* The 32 bytes of a key file: one line of 64 hexadecimal digits. ERR_NOT_FOUND, ERR_MALFORMED. */
must_check enum err input_key(const char *file, struct secret **ret);
/* Asks at the terminal without showing what is typed. ERR_NOT_FOUND: there is no terminal. */
must_check enum err input_passphrase(const char *prompt, struct secret **ret);
/* Asks "… [y/N]" at the terminal. True when there is none: a script means what it says. */
bool input_confirm(const char *question);
/* Makes @file, which must not exist, mode 0600. ERR_EXISTS, ERR_DENIED. */
must_check enum err input_new_file(const char *file, FILE **ret);
