/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/help.h"

/* A full disk or a closed pipe under standard output is a failure like another. */
static enum cli_exit flush(struct cli *cli, enum cli_exit done)
{
	if (fflush(cli->out) == 0 && ferror(cli->out) == 0)
		return done;
	return cmd_refuse(cli, "The output could not be written.");
}

static enum cli_exit run(struct cli *cli)
{
	const struct command_line *line = cli->line;

	if (line->help) {
		help_print(line, cli->out);
		return CLI_DONE;
	}
	cli->json = cmd_has(cli, OPTION_JSON);
	cli->data =
		cmd_has(cli, OPTION_DATA) ? cmd_option(cli, OPTION_DATA) : getenv("VALETKEY_DATA");
	if (cli->data != NULL && cli->data[0] == 0)
		cli->data = NULL;
	if ((line->command->needs >> OPTION_DATA & 1) != 0 && cli->data == NULL)
		return cmd_usage(cli, "Name the data directory with --data DIR.");
	const enum cli_exit done = line->command->run(cli);
	client_free(&cli->client);
	return done;
}

int cli_main(int argc, char **argv)
{
	struct command_line line = { 0 };
	struct cli cli = { .line = &line, .out = stdout, .err = stderr };

	const enum cli_exit done = command_parse(argc, argv, stderr, &line);
	if (done != CLI_DONE)
		return done;
	show_init(&cli.show, stdout);
	return flush(&cli, run(&cli));
}

enum cli_exit cmd_elsewhere(struct cli *cli)
{
	return cmd_usage(cli, "'%s' must be the first word, without another before it.",
			 cli->line->command->noun);
}

enum cli_exit cmd_completion(struct cli *cli)
{
	if (help_completion(cli->line->operand, cli->out) == OK)
		return CLI_DONE;
	return cmd_usage(cli, "There is a completion for bash, zsh and fish, not for '%s'.",
			 cli->line->operand);
}

enum cli_exit cmd_manual(struct cli *cli)
{
	help_manual(cli->out);
	return CLI_DONE;
}

enum cli_exit cmd_version(struct cli *cli)
{
	fprintf(cli->out, cli->json ? "{\"version\":\"%s\"}\n" : "valetkey %s\n", VALETKEY_VERSION);
	return CLI_DONE;
}
