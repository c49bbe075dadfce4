/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"
#include "cli/input.h"

static const struct show_column columns[] = {
	{ "SUBJECT", "subject", SHOW_TEXT }, { "NAME", "name", SHOW_TEXT },
	{ "EMAIL", "email", SHOW_TEXT },     { "ISSUER", "issuer", SHOW_TEXT },
	{ "ID", "id", SHOW_TEXT },	     { "CREATED", "created", SHOW_TIME },
};

/* The password of the file that was named, or of who sits at the terminal, twice. */
static enum cli_exit read_password(struct cli *cli, struct secret **ret)
{
	scoped(secret_free) struct secret *again = NULL;
	const char *file = cmd_option(cli, OPTION_PASSWORD_FILE);

	if (file != NULL)
		return input_secret(file, ret) == OK
			       ? CLI_DONE
			       : cmd_usage(cli, "There is no password to read in '%s'.", file);
	if (input_passphrase("Password: ", ret) != OK)
		return cmd_usage(cli, "Name --password-file, or type the password at a terminal.");
	if (input_passphrase("Again: ", &again) != OK ||
	    !ct_eq(secret_bytes(*ret), secret_bytes(again)))
		return cmd_refuse(cli, "The two are not the same.");
	return CLI_DONE;
}

static enum cli_exit set_password(struct cli *cli, const char *subject)
{
	static const struct show_column fields[] = { { "password set for", "user", SHOW_TEXT } };
	scoped(secret_free) struct secret *password = NULL;

	const enum cli_exit done = read_password(cli, &password);
	if (done != CLI_DONE)
		return done;
	const struct bytes text = secret_bytes(password);
	json_t *body = json_pack("{s:s,s:s%}", "user", subject, "password", text.p, text.n);
	if (body == NULL)
		return cmd_usage(cli, "A password is text in UTF-8.");
	return cmd_act(cli, "POST", "/users/password", body, fields, ARRAY_LEN(fields));
}

enum cli_exit cmd_user_password(struct cli *cli)
{
	return set_password(cli, cli->line->operand);
}

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

	if (done == CLI_DONE && cmd_option(cli, OPTION_PASSWORD_FILE) != NULL)
		return set_password(cli, cmd_option(cli, OPTION_SUBJECT));
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
