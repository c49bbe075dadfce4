/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * command - the tables commands.def and options.def, and a command line read
 * against them. Both also print the help, the manual page and the completions.
 */

#include <stdio.h>

#include "base/bytes.h"
#include "cli/cli.h"

enum option_id {
#define OPTION(id, name, argument, times, says) OPTION_##id,
#include "cli/options.def"
#undef OPTION
	OPTION_COUNT
};

enum { OPTION_TIMES_MAX = 64, OPERANDS_MAX = 3 };

struct option_row {
	const char *name;
	const char *argument; /* NULL: a switch */
	bool many;
	const char *says;
};

extern const struct option_row option_rows[OPTION_COUNT];

/* The values of one option, in the order given; borrowed from argv. */
struct option_values {
	size_t n;
	const char *v[OPTION_TIMES_MAX];
};

struct cli;
typedef enum cli_exit (*command_fn)(struct cli *cli);

struct command {
	const char *noun, *verb; /* verb is "" where there is none; it may be two words */
	const char *operand;	 /* what they are called, in [] if one may be left out; or "" */
	command_fn run;
	uint64_t needs, takes; /* one bit an option; both without those that all commands take */
	const char *says;
};

extern const struct command command_rows[];
extern const size_t command_count;

/* The options that every command takes. */
uint64_t command_common(void);
static inline bool command_takes(const struct command *command, enum option_id option)
{
	return ((command->needs | command->takes | command_common()) >> option & 1) != 0;
}

/* What was asked for. Zero it first. */
struct command_line {
	const struct command *command; /* NULL with help: the overview, or that of @noun */
	const char *noun;
	bool help;
	const char *operand; /* the first */
	const char *operands[OPERANDS_MAX];
	size_t operands_n;
	struct option_values options[OPTION_COUNT];
};

/* Reads argv[1] and on. What cannot be understood is said on @err with the nearest known word, and
 * is CLI_USAGE. */
enum cli_exit command_parse(int argc, char **argv, FILE *err, struct command_line *ret);

/* The known word nearest to @word among @count, or NULL when none is near. */
const char *command_nearest(const char *word, const char *const *known, size_t count);
