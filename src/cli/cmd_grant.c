/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"

static const struct show_column columns[] = {
	{ "ID", "id", SHOW_TEXT },	 { "CLIENT", "client", SHOW_TEXT },
	{ "USER", "user", SHOW_TEXT },	 { "VAULT", "vault", SHOW_TEXT },
	{ "SCOPE", "scope", SHOW_TEXT }, { "CREATED", "created", SHOW_TIME },
};

enum cli_exit cmd_grant_list(struct cli *cli)
{
	const struct cmd_path path = { "/grants" };

	return cmd_list(cli, &path, columns, ARRAY_LEN(columns),
			"No program has signed in to a vault.");
}

enum cli_exit cmd_grant_revoke(struct cli *cli)
{
	static const struct show_column fields[] = {
		{ "id", "id", SHOW_TEXT },
		{ "state", "state", SHOW_STATE },
	};
	struct cmd_path path;
	enum cli_exit done = cmd_confirm(cli, "Revoke this grant?");

	if (done == CLI_DONE)
		done = cmd_path(cli, "/grants/", cli->line->operand, "", &path);
	if (done != CLI_DONE)
		return done;
	return cmd_act(cli, "DELETE", path.s, NULL, fields, ARRAY_LEN(fields));
}
