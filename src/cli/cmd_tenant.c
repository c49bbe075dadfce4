/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"

static const struct show_column columns[] = {
	{ "NAME", "name", SHOW_TEXT },
	{ "ID", "id", SHOW_TEXT },
	{ "CREATED", "created", SHOW_TIME },
};

enum cli_exit cmd_tenant_create(struct cli *cli)
{
	const struct cmd_member members[] = { { "name", cli->line->operand } };
	const enum cli_exit done =
		cmd_act(cli, "POST", "/tenants", cmd_object(members, ARRAY_LEN(members)), columns,
			ARRAY_LEN(columns));

	if (done == CLI_DONE)
		cmd_hint(cli, "\nNext: add --tenant %s to a command to act in it.",
			 cli->line->operand);
	return done;
}

enum cli_exit cmd_tenant_list(struct cli *cli)
{
	const struct cmd_path path = { "/tenants" };

	return cmd_list(cli, &path, columns, ARRAY_LEN(columns), "There are no tenants.");
}
