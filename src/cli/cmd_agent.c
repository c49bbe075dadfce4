/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"

static const struct show_column columns[] = {
	{ "ID", "id", SHOW_TEXT },
	{ "NAME", "name", SHOW_TEXT },
	{ "STATE", "state", SHOW_STATE },
	{ "CREATED", "created", SHOW_TIME },
};

static const struct show_column secret_columns[] = {
	{ "id", "id", SHOW_TEXT },
	{ "name", "name", SHOW_TEXT },
	{ "client id", "client_id", SHOW_TEXT },
	{ "client secret", "client_secret", SHOW_TEXT },
};

static enum cli_exit show_secret(struct cli *cli, const char *path, json_t *body)
{
	const enum cli_exit done =
		cmd_act(cli, "POST", path, body, secret_columns, ARRAY_LEN(secret_columns));

	if (done == CLI_DONE)
		cmd_hint(cli, "\nThe secret is shown this once; only a hash of it is kept.");
	return done;
}

enum cli_exit cmd_agent_add(struct cli *cli)
{
	const struct option_values *uris = &cli->line->options[OPTION_REDIRECT_URI];
	const struct cmd_member members[] = { { "name", cmd_option(cli, OPTION_NAME) } };
	json_t *body = cmd_object(members, ARRAY_LEN(members));

	if (uris->n > 0) {
		json_t *list = json_array();
		for (size_t i = 0; i < uris->n; i++)
			json_array_append_new(list, json_string(uris->v[i]));
		json_object_set_new(body, "redirect_uris", list);
	}
	return show_secret(cli, "/agents", body);
}

enum cli_exit cmd_agent_list(struct cli *cli)
{
	const struct cmd_path path = { "/agents" };

	return cmd_list(cli, &path, columns, ARRAY_LEN(columns),
			"There are no agents. 'valetkey agent add --name NAME' registers one.");
}

enum cli_exit cmd_agent_rotate_secret(struct cli *cli)
{
	struct cmd_path path;
	const enum cli_exit done =
		cmd_path(cli, "/agents/", cli->line->operand, "/rotate-secret", &path);

	return done != CLI_DONE ? done : show_secret(cli, path.s, NULL);
}

enum cli_exit cmd_agent_disable(struct cli *cli)
{
	struct cmd_path path;
	enum cli_exit done = cmd_confirm(cli, "Disable this agent for good?");

	if (done == CLI_DONE)
		done = cmd_path(cli, "/agents/", cli->line->operand, "/disable", &path);
	if (done != CLI_DONE)
		return done;
	return cmd_act(cli, "POST", path.s, NULL, columns, ARRAY_LEN(columns));
}
