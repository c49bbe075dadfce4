/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"
#include "cli/offline/archive.h"
#include "cli/offline/lock.h"

static const struct show_column fields[] = {
	{ "state", "state", SHOW_STATE },
	{ "root key version", "root_version", SHOW_TEXT },
	{ "generation", "generation", SHOW_TEXT },
	{ "sealed again", "rewrap.done", SHOW_TEXT },
	{ "still to seal", "rewrap.left", SHOW_TEXT },
};

static const struct show_column tenants[] = {
	{ "TENANT", "name", SHOW_TEXT },
	{ "KEY VERSION", "key_version", SHOW_TEXT },
};

static enum cli_exit show_state(struct cli *cli, const char *state)
{
	scoped(json_free) json_t *object = json_pack("{s:s}", "state", state);

	if (cli->json)
		show_json(&cli->show, object);
	else
		show_fields(&cli->show, object, fields, ARRAY_LEN(fields));
	return CLI_DONE;
}

static enum cli_exit say_refusal(struct cli *cli, enum err err)
{
	if (err == ERR_PROVIDER_UNAVAILABLE) {
		cmd_refuse(cli,
			   "No keeper answers on %s/run/unseal.sock. Start the daemon with "
			   "'valetkey serve --data %s', and run this as its user.",
			   cli->data, cli->data);
		return CLI_UNREACHABLE;
	}
	/* A wrong secret cannot be told from a changed key file: both fail to open it. */
	if (err == ERR_FORGED)
		return cmd_refuse(
			cli, "The keys do not open with this: it is not the right secret, or the "
			     "keys were changed. Try again, or restore keys/ from a backup.");
	return cmd_refuse(cli, "%s %s", err_row(err)->says, err_row(err)->mend);
}

/* On this machine only. */
static enum cli_exit tell_keeper(struct cli *cli, enum lock_command command, struct bytes secret)
{
	const char *state = "unknown";

	if (cli->data == NULL)
		return cmd_usage(cli, "This works on the daemon's own machine: name its data "
				      "directory with --data DIR.");
	const enum err err = lock_ask(cli->data, command, secret, &state);
	if (err != OK)
		return say_refusal(cli, err);
	return show_state(cli, state);
}

/* The whole API is closed while the keeper is sealed; on its machine the socket still tells. */
enum cli_exit cmd_key_status(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	const char *state = NULL;

	if (cli->data != NULL &&
	    lock_ask(cli->data, LOCK_STATUS, (struct bytes){ NULL, 0 }, &state) == OK &&
	    strcmp(state, "unsealed") != 0)
		return show_state(cli, state);
	const enum cli_exit done = cmd_ask(cli, "GET", "/keys", NULL, &answer);
	if (done != CLI_DONE)
		return done;
	if (cli->json) {
		show_json(&cli->show, answer.json);
		return CLI_DONE;
	}
	show_fields(&cli->show, answer.json, fields, ARRAY_LEN(fields));
	const json_t *list = json_object_get(answer.json, "tenants");
	if (json_array_size(list) > 0) {
		putc('\n', cli->out);
		show_table(&cli->show, list, tenants, ARRAY_LEN(tenants));
	}
	return CLI_DONE;
}

/* The key file that init wrote down, else the terminal. */
static enum err default_secret(struct cli *cli, struct secret **ret)
{
	char named[4096];

	if (cli->data != NULL && archive_key_file(cli->data, named, sizeof named) == OK)
		return input_key(named, ret);
	return input_passphrase("Unseal passphrase", ret);
}

enum cli_exit cmd_key_unseal(struct cli *cli)
{
	scoped(secret_free) struct secret *secret = NULL;
	const char *passphrase = cmd_option(cli, OPTION_PASSPHRASE_FILE);
	const char *key = cmd_option(cli, OPTION_KEY_FILE);

	if (passphrase != NULL && key != NULL)
		return cmd_usage(cli, "Name a key file or a passphrase file, not both.");
	if (passphrase != NULL && input_secret(passphrase, &secret) != OK)
		return cmd_usage(cli, "There is no passphrase to read in '%s'.", passphrase);
	if (key != NULL && input_key(key, &secret) != OK)
		return cmd_usage(cli, "'%s' is no unseal key: one line of 64 hexadecimal digits.",
				 key);
	if (secret == NULL && default_secret(cli, &secret) != OK)
		return cmd_usage(cli, "There is nothing to unseal with: name --passphrase-file or "
				      "--key-file, or type the passphrase at a terminal.");
	return tell_keeper(cli, LOCK_UNSEAL, secret_bytes(secret));
}

enum cli_exit cmd_key_seal(struct cli *cli)
{
	const enum cli_exit done =
		cmd_confirm(cli, "Seal? Nothing is lent until somebody unseals again.");

	return done != CLI_DONE ? done : tell_keeper(cli, LOCK_SEAL, (struct bytes){ NULL, 0 });
}

enum cli_exit cmd_key_accept_rollback(struct cli *cli)
{
	const enum cli_exit done =
		cmd_confirm(cli, "Go on from an older state? Everything that was issued for one "
				 "use before it stops working; the log records that you decided.");

	return done != CLI_DONE ? done
				: tell_keeper(cli, LOCK_ACCEPT_ROLLBACK, (struct bytes){ NULL, 0 });
}

enum cli_exit cmd_key_rotate(struct cli *cli)
{
	static const struct show_column rotated[] = {
		{ "key version", "key_version", SHOW_TEXT },
		{ "tenant", "tenant", SHOW_TEXT },
	};
	const struct cmd_member members[] = { { "tenant", cmd_option(cli, OPTION_TENANT) } };

	if (cmd_has(cli, OPTION_ROOT))
		return tell_keeper(cli, LOCK_ROTATE_ROOT, (struct bytes){ NULL, 0 });
	const enum cli_exit done =
		cmd_act(cli, "POST", "/keys/rotate", cmd_object(members, ARRAY_LEN(members)),
			rotated, ARRAY_LEN(rotated));
	if (done == CLI_DONE)
		cmd_hint(cli, "\nSecrets are sealed again in the background; old and new can both "
			      "be read meanwhile. 'valetkey key status' shows how far it is.");
	return done;
}
