/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"

static const struct show_column columns[] = {
	{ "SUBJECT", "subject", SHOW_TEXT }, { "NAME", "name", SHOW_TEXT },
	{ "EMAIL", "email", SHOW_TEXT },     { "ISSUER", "issuer", SHOW_TEXT },
	{ "ID", "id", SHOW_TEXT },	     { "CREATED", "created", SHOW_TIME },
};

enum cli_exit cmd_user_add(struct cli *cli)
{
	const struct cmd_member members[] = {
		{ "subject", cmd_option(cli, OPTION_SUBJECT) },
		{ "email", cmd_option(cli, OPTION_EMAIL) },
		{ "name", cmd_option(cli, OPTION_NAME) },
	};
	const enum cli_exit done =
		cmd_act(cli, "POST", "/users", cmd_object(members, ARRAY_LEN(members)), columns,
			ARRAY_LEN(columns));

	if (done == CLI_DONE)
		cmd_hint(cli,
			 "\nNext: valetkey connection start --user %s --service SERVICE"
			 "  ('valetkey service list' names them)",
			 cmd_option(cli, OPTION_SUBJECT));
	return done;
}

enum cli_exit cmd_user_list(struct cli *cli)
{
	const struct cmd_path path = { "/users" };

	return cmd_list(cli, &path, columns, ARRAY_LEN(columns),
			"There are no users. 'valetkey user add --subject SUBJECT' adds one.");
}

enum cli_exit cmd_user_totp(struct cli *cli)
{
	static const struct show_column fields[] = {
		{ "user", "user", SHOW_TEXT },
		{ "secret", "secret", SHOW_TEXT },
		{ "uri", "uri", SHOW_TEXT },
	};
	const struct cmd_member members[] = { { "user", cli->line->operand } };
	const enum cli_exit done =
		cmd_act(cli, "POST", "/users/totp", cmd_object(members, ARRAY_LEN(members)), fields,
			ARRAY_LEN(fields));

	if (done == CLI_DONE)
		cmd_hint(
			cli,
			"\nEnter the secret into the user's authenticator, or show it the uri as a "
			"QR code. It is shown this once.");
	return done;
}
