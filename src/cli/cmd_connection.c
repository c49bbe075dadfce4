/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"

static const struct show_column columns[] = {
	{ "ID", "id", SHOW_TEXT },
	{ "USER", "user", SHOW_TEXT },
	{ "SERVICE", "service", SHOW_TEXT },
	{ "ALIAS", "alias", SHOW_TEXT },
	{ "ACCOUNT", "account.name", SHOW_TEXT },
	{ "STATE", "state", SHOW_STATE },
};

static const struct show_column fields[] = {
	{ "id", "id", SHOW_TEXT },
	{ "user", "user", SHOW_TEXT },
	{ "service", "service", SHOW_TEXT },
	{ "alias", "alias", SHOW_TEXT },
	{ "account", "account.name", SHOW_TEXT },
	{ "account id", "account.id", SHOW_TEXT },
	{ "state", "state", SHOW_STATE },
	{ "granted scopes", "scopes", SHOW_TEXT },
	{ "token expires", "expires", SHOW_TIME },
	{ "reconnect by", "reconnect_by", SHOW_TIME },
	{ "refresh", "refresh.state", SHOW_STATE },
	{ "last obtained", "refresh.last", SHOW_TIME },
	{ "last error", "refresh.error", SHOW_TEXT },
	{ "created", "created", SHOW_TIME },
};

static const struct show_column removal[] = {
	{ "state", "state", SHOW_STATE },
	{ "destroyed here", "deleted", SHOW_YES },
	{ "revoked there", "revoked", SHOW_STATE },
	{ "tried afterwards", "probed", SHOW_STATE },
};

static const struct show_column link_fields[] = {
	{ "url", "url", SHOW_TEXT },
	{ "asks for", "scopes", SHOW_TEXT },
	{ "expires", "expires", SHOW_TIME },
};

enum cli_exit cmd_connection_start(struct cli *cli)
{
	const struct option_values *scopes = &cli->line->options[OPTION_SCOPE];
	const struct cmd_member members[] = {
		{ "user", cmd_option(cli, OPTION_USER) },
		{ "service", cmd_option(cli, OPTION_SERVICE) },
		{ "alias", cmd_option(cli, OPTION_ALIAS) },
		{ "connection", cmd_option(cli, OPTION_CONNECTION) },
	};
	json_t *body = cmd_object(members, ARRAY_LEN(members));

	if (scopes->n > 0) {
		json_t *list = json_array();
		for (size_t i = 0; i < scopes->n; i++)
			json_array_append_new(list, json_string(scopes->v[i]));
		json_object_set_new(body, "scopes", list);
	}
	if (!cmd_set(cli, body)) {
		json_decref(body);
		return cmd_usage(cli, "--set takes NAME=VALUE.");
	}
	const enum cli_exit done = cmd_act(cli, "POST", "/connections/start", body, link_fields,
					   ARRAY_LEN(link_fields));
	if (done == CLI_DONE && scopes->n == 0)
		cmd_hint(cli,
			 "\nThat is what is of low risk; --scope asks for what agents are to do "
			 "beyond it ('valetkey service show %s' has the list).",
			 cmd_option(cli, OPTION_SERVICE));
	if (done == CLI_DONE)
		cmd_hint(cli,
			 "\nGive the link to %s. It works once, in the first browser that opens "
			 "it.\nNext: valetkey connection list --user %s",
			 cmd_option(cli, OPTION_USER), cmd_option(cli, OPTION_USER));
	return done;
}

enum cli_exit cmd_connection_list(struct cli *cli)
{
	struct cmd_path path = { "/connections" };
	enum cli_exit done;

	if ((done = cmd_query(cli, "user", cmd_option(cli, OPTION_USER), &path)) != CLI_DONE ||
	    (done = cmd_query(cli, "service", cmd_option(cli, OPTION_SERVICE), &path)) != CLI_DONE)
		return done;
	return cmd_list(cli, &path, columns, ARRAY_LEN(columns),
			"No account is connected. 'valetkey connection start --user SUBJECT "
			"--service SERVICE' makes a link for it.");
}

static enum cli_exit act(struct cli *cli, const char *method, const char *verb)
{
	struct cmd_path path;
	const enum cli_exit done = cmd_path(cli, "/connections/", cli->line->operand, verb, &path);

	if (done != CLI_DONE)
		return done;
	return cmd_act(cli, method, path.s, NULL, fields, ARRAY_LEN(fields));
}

enum cli_exit cmd_connection_show(struct cli *cli)
{
	return act(cli, "GET", "");
}

enum cli_exit cmd_connection_pause(struct cli *cli)
{
	const enum cli_exit done = act(cli, "POST", "/pause");

	if (done == CLI_DONE)
		cmd_hint(cli, "\nAgents are refused from now on. Tokens that were lent before live "
			      "on at the provider until they expire.\n"
			      "'valetkey connection resume' ends the pause.");
	return done;
}

enum cli_exit cmd_connection_resume(struct cli *cli)
{
	return act(cli, "POST", "/resume");
}

enum cli_exit cmd_connection_remove(struct cli *cli)
{
	struct cmd_path path;
	enum cli_exit done =
		cmd_confirm(cli, "Destroy the tokens of this connection and revoke them?");

	if (done == CLI_DONE)
		done = cmd_path(cli, "/connections/", cli->line->operand, "", &path);
	if (done == CLI_DONE)
		done = cmd_act(cli, "DELETE", path.s, NULL, removal, ARRAY_LEN(removal));
	if (done == CLI_DONE)
		cmd_hint(cli,
			 "\nWhat is still under way is tried again by itself; 'valetkey "
			 "connection show %s' tells.",
			 cli->line->operand);
	return done;
}
