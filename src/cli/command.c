/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <assert.h>

#include "cli/cmd.h"

#define HAS(id) (UINT64_C(1) << OPTION_##id)
#define FILTERS                                                                                    \
	(HAS(USER) | HAS(AGENT) | HAS(VAULT) | HAS(CONNECTION) | HAS(SERVICE) | HAS(KIND) |        \
	 HAS(OUTCOME))
#define TIMES (HAS(SINCE) | HAS(UNTIL))

static_assert(OPTION_COUNT <= 64, "one bit an option");

const struct option_row option_rows[OPTION_COUNT] = {
#define ONCE					false
#define MANY					true
#define OPTION(id, name, argument, times, says) { name, argument, times, says },
#include "cli/options.def"
#undef OPTION
#undef ONCE
#undef MANY
};

const struct command command_rows[] = {
#define COMMAND(noun, verb, operand, run, needs, takes, says)                                      \
	{ noun, verb, operand, cmd_##run, needs, takes, says },
#include "cli/commands.def"
#undef COMMAND
};
const size_t command_count = ARRAY_LEN(command_rows);

uint64_t command_common(void)
{
	return HAS(HELP) | HAS(JSON) | HAS(DATA) | HAS(TENANT);
}

enum { WORD_MAX = 32, NEAR = 3 };

/* Levenshtein's distance, with a row of memory; words beyond WORD_MAX are far from everything. */
static size_t distance(const char *a, const char *b)
{
	const size_t m = strlen(a), n = strlen(b);
	size_t row[WORD_MAX + 1];

	if (m > WORD_MAX || n > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; i <= m; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			const size_t change = diagonal + (a[i - 1] != b[j - 1]);
			const size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = change < shorter ? change : shorter;
		}
	}
	return row[n];
}

const char *command_nearest(const char *word, const char *const *known, size_t count)
{
	const char *best = NULL;
	size_t least = NEAR;

	for (size_t i = 0; i < count; i++) {
		const size_t d = distance(word, known[i]);
		if (d < least && d < strlen(known[i])) {
			least = d;
			best = known[i];
		}
	}
	return best;
}

static enum cli_exit unknown(FILE *err, const char *what, const char *word, const char *nearest,
			     const char *dashes)
{
	fprintf(err, "valetkey: %s '%s%s' is not known.", what, dashes, word);
	if (nearest != NULL)
		fprintf(err, " Did you mean '%s%s'?", dashes, nearest);
	fputs(" 'valetkey help' lists the commands.\n", err);
	return CLI_USAGE;
}

static enum cli_exit unknown_noun(FILE *err, const char *word)
{
	const char *known[64];
	size_t n = 0;

	for (size_t i = 0; i < command_count && n < ARRAY_LEN(known); i++)
		known[n++] = command_rows[i].noun;
	return unknown(err, "the command", word, command_nearest(word, known, n), "");
}

static enum cli_exit unknown_verb(FILE *err, const char *noun, const char *word)
{
	const char *known[64];
	size_t n = 0;

	for (size_t i = 0; i < command_count && n < ARRAY_LEN(known); i++)
		if (strcmp(command_rows[i].noun, noun) == 0)
			known[n++] = command_rows[i].verb;
	if (word != NULL)
		return unknown(err, "the verb", word, command_nearest(word, known, n), "");
	fprintf(err, "valetkey: '%s' needs one of:", noun);
	for (size_t i = 0; i < n; i++)
		fprintf(err, " %s", known[i]);
	fprintf(err, ". 'valetkey help %s' describes them.\n", noun);
	return CLI_USAGE;
}

static bool noun_known(const char *noun)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(command_rows[i].noun, noun) == 0)
			return true;
	return false;
}

static const struct command *find(const char *noun, const char *verb)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *row = &command_rows[i];
		if (strcmp(row->noun, noun) == 0 &&
		    (row->verb[0] == 0 || strcmp(row->verb, verb) == 0))
			return row;
	}
	return NULL;
}

/* A verb of two words goes before one of the first of them alone. */
static const struct command *find_two(const char *noun, const char *first, const char *second)
{
	char verb[2 * WORD_MAX];

	if (first == NULL || second == NULL ||
	    (size_t)snprintf(verb, sizeof verb, "%s %s", first, second) >= sizeof verb)
		return NULL;
	const struct command *row = find(noun, verb);
	return row != NULL && row->verb[0] != 0 ? row : NULL;
}

struct reader {
	int argc, at;
	char **argv;
	FILE *err;
	struct command_line *line;
};

static const char *peek(const struct reader *r)
{
	return r->at < r->argc ? r->argv[r->at] : NULL;
}

/* Among the options that the command takes: two commands may use one name for different things. */
static enum option_id find_option(const struct command *command, const char *name, size_t n)
{
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if (command_takes(command, id) && strlen(option_rows[id].name) == n &&
		    memcmp(option_rows[id].name, name, n) == 0)
			return id;
	return OPTION_COUNT;
}

static enum cli_exit unknown_option(const struct reader *r, const char *name)
{
	const char *known[OPTION_COUNT];
	size_t n = 0;

	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if (command_takes(r->line->command, id))
			known[n++] = option_rows[id].name;
	return unknown(r->err, "the option", name, command_nearest(name, known, n), "--");
}

static enum cli_exit read_option(struct reader *r, const char *word)
{
	const char *name = strcmp(word, "-h") == 0   ? "help"
			   : strcmp(word, "-f") == 0 ? "follow"
						     : word + 2;
	const char *equals = strchr(name, '=');
	const size_t n = equals == NULL ? strlen(name) : (size_t)(equals - name);
	const enum option_id id = find_option(r->line->command, name, n);

	if (id == OPTION_COUNT)
		return unknown_option(r, name);
	const struct option_row *row = &option_rows[id];
	struct option_values *values = &r->line->options[id];
	const char *value = equals == NULL ? NULL : equals + 1;
	if (row->argument == NULL && value != NULL) {
		fprintf(r->err, "valetkey: --%s takes no value.\n", row->name);
		return CLI_USAGE;
	}
	if (row->argument != NULL && value == NULL && (value = peek(r)) != NULL)
		r->at++;
	if (row->argument != NULL && (value == NULL || value[0] == 0)) {
		fprintf(r->err, "valetkey: --%s needs a value: %s.\n", row->name, row->argument);
		return CLI_USAGE;
	}
	if (values->n >= (row->many ? OPTION_TIMES_MAX : 1)) {
		fprintf(r->err, "valetkey: --%s is given too often.\n", row->name);
		return CLI_USAGE;
	}
	values->v[values->n++] = value == NULL ? "" : value;
	r->line->help |= id == OPTION_HELP;
	return CLI_DONE;
}

/* How many operands there may be, and how many there must be. */
static size_t operands_max(const struct command *command)
{
	size_t n = command->operand[0] != 0;

	for (const char *c = command->operand; *c != 0; c++)
		n += *c == ' ';
	return n < OPERANDS_MAX ? n : OPERANDS_MAX;
}

static size_t operands_min(const struct command *command)
{
	size_t n = operands_max(command);

	for (const char *c = command->operand; *c != 0; c++)
		n -= *c == '[';
	return n;
}

static enum cli_exit read_operand(struct reader *r, const char *word)
{
	struct command_line *line = r->line;

	if (line->operands_n == operands_max(line->command)) {
		fprintf(r->err, "valetkey: '%s' is one word too many.\n", word);
		return CLI_USAGE;
	}
	line->operands[line->operands_n++] = word;
	line->operand = line->operands[0];
	return CLI_DONE;
}

static enum cli_exit read_rest(struct reader *r)
{
	bool options = true;
	const char *word;

	while ((word = peek(r)) != NULL) {
		enum cli_exit done = CLI_DONE;
		r->at++;
		if (options && strcmp(word, "--") == 0)
			options = false;
		else if (options && word[0] == '-' && word[1] != 0)
			done = read_option(r, word);
		else
			done = read_operand(r, word);
		if (done != CLI_DONE)
			return done;
	}
	return CLI_DONE;
}

static enum cli_exit check_complete(const struct command_line *line, FILE *err)
{
	const struct command *command = line->command;

	for (enum option_id id = 0; id < OPTION_COUNT; id++) {
		/* the data directory may come from the environment */
		if ((command->needs >> id & 1) == 0 || line->options[id].n > 0 || id == OPTION_DATA)
			continue;
		fprintf(err, "valetkey: --%s %s is missing: %s.\n", option_rows[id].name,
			option_rows[id].argument, option_rows[id].says);
		return CLI_USAGE;
	}
	if (line->operands_n < operands_min(command)) {
		fprintf(err, "valetkey: name the %s: valetkey %s%s%s %s\n", command->operand,
			command->noun, command->verb[0] == 0 ? "" : " ", command->verb,
			command->operand);
		return CLI_USAGE;
	}
	return CLI_DONE;
}

static bool is_help(const char *word)
{
	return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* "help", "help NOUN", "help NOUN VERB", "NOUN --help", "NOUN VERB --help" are all help. */
static enum cli_exit read_words(struct reader *r)
{
	const char *noun = peek(r);

	if (noun != NULL && is_help(noun)) {
		r->line->help = true;
		r->at++;
		noun = peek(r);
	}
	if (noun == NULL) {
		r->line->help = true;
		return CLI_DONE;
	}
	if (!noun_known(noun))
		return unknown_noun(r->err, noun);
	r->line->noun = noun;
	r->at++;
	const char *verb = peek(r);
	const bool bare = find(noun, "") != NULL;
	if (verb != NULL && is_help(verb) && !bare) {
		r->line->help = true;
		r->at++;
		verb = NULL;
	}
	if (verb == NULL && r->line->help && !bare)
		return CLI_DONE;
	if (verb == NULL && !bare)
		return unknown_verb(r->err, noun, NULL);
	r->line->command = find_two(noun, verb, r->at + 1 < r->argc ? r->argv[r->at + 1] : NULL);
	if (r->line->command != NULL) {
		r->at += 2;
		return CLI_DONE;
	}
	r->line->command = find(noun, verb == NULL ? "" : verb);
	if (r->line->command == NULL)
		return unknown_verb(r->err, noun, verb);
	r->at += !bare;
	return CLI_DONE;
}

enum cli_exit command_parse(int argc, char **argv, FILE *err, struct command_line *ret)
{
	struct reader r = { .argc = argc, .at = 1, .argv = argv, .err = err, .line = ret };
	enum cli_exit done = read_words(&r);

	if (done != CLI_DONE || ret->command == NULL)
		return done;
	done = read_rest(&r);
	if (done != CLI_DONE || ret->help)
		return done;
	return check_complete(ret, err);
}
