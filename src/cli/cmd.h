/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * cmd - what the commands share. There is one handler a row of commands.def,
 * named cmd_<handler>; those of a noun live in cmd_<noun>.c.
 */

#include "cli/client.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/show.h"

/* One run of the program. */
struct cli {
	const struct command_line *line;
	FILE *out, *err;
	struct show show; /* on @out */
	bool json;
	const char *data; /* NULL: not named */
	struct client *client;
};

#define COMMAND(noun, verb, operand, run, needs, takes, says)                                      \
	enum cli_exit cmd_##run(struct cli *cli);
#include "cli/commands.def"
#undef COMMAND

/* The value of an option given at most once; NULL if it is not there. */
const char *cmd_option(const struct cli *cli, enum option_id option);
static inline bool cmd_has(const struct cli *cli, enum option_id option)
{
	return cli->line->options[option].n > 0;
}

/* Says it on standard error, as "valetkey: ..." and answers CLI_REFUSED or CLI_USAGE. */
enum cli_exit cmd_refuse(struct cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
enum cli_exit cmd_usage(struct cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What a person may want to do next; silent with --json. */
void cmd_hint(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Asks whether it is meant, where somebody is there to answer and did not say --yes. */
must_check enum cli_exit cmd_confirm(struct cli *cli, const char *question);

/* Asks the daemon; what it refuses is said on standard error. @path is below the API's root and may
 * end in a query; @body is taken and may be NULL. The caller ends *@ret with client_done(). */
must_check enum cli_exit cmd_ask(struct cli *cli, const char *method, const char *path,
				 json_t *body, struct client_answer *ret);
/* The same with a body of another kind than JSON. */
must_check enum cli_exit cmd_ask_raw(struct cli *cli, const struct client_request *request,
				     struct client_answer *ret);

/* Path of an object: @path, then each part percent-encoded; "/api/v1" is left out.
 * cmd_path("/vaults/", id, "/pause"). */
struct cmd_path {
	char s[2048];
};
must_check enum cli_exit cmd_path(struct cli *cli, const char *before, const char *object,
				  const char *after, struct cmd_path *ret);
/* Appends "name=value" to the query, if there is a value. */
must_check enum cli_exit cmd_query(struct cli *cli, const char *name, const char *value,
				   struct cmd_path *path);

/* The same for a time: RFC 3339, or 2h for two hours ago. */
must_check enum cli_exit cmd_time(struct cli *cli, const char *name, enum option_id option,
				  struct cmd_path *path);

/* A new object of the named members; a value of NULL leaves its member out. */
struct cmd_member {
	const char *name, *value;
};
json_t *cmd_object(const struct cmd_member *members, size_t count);

/* Adds what --set says to @body as `variables`. False: one is not NAME=VALUE. */
bool cmd_set(const struct cli *cli, json_t *body);

/* Gets the whole list at @path, page by page, and prints it as a table or as {"items": […]}. */
must_check enum cli_exit cmd_list(struct cli *cli, const struct cmd_path *path,
				  const struct show_column *columns, size_t count,
				  const char *none);
/* Asks, and prints the one object that is answered. */
must_check enum cli_exit cmd_act(struct cli *cli, const char *method, const char *path,
				 json_t *body, const struct show_column *columns, size_t count);
