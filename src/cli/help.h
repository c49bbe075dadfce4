/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* help - what the tables say about themselves. */

#include "cli/command.h"

/* The overview, that of a noun, or that of one command. */
void help_print(const struct command_line *line, FILE *out);
/* valetkey(1), in the man macros. */
void help_manual(FILE *out);
/* The completion for @shell. ERR_NOT_FOUND: no such shell. */
must_check enum err help_completion(const char *shell, FILE *out);
