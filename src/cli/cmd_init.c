/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/offline/init.h"

enum { PASSPHRASE_MAX = 1024 };

static bool fits(int n)
{
	return n > 0 && n < PATH_MAX;
}

/* $XDG_CONFIG_HOME/valetkey/<name of the data directory>/, away from what it opens. */
static bool home_of(const char *data, const char *file, char to[static PATH_MAX])
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	size_t end = strlen(data);

	while (end > 1 && data[end - 1] == '/')
		end--;
	size_t start = end;
	while (start > 0 && data[start - 1] != '/')
		start--;
	const int n = (int)(end - start);
	if (config != NULL && config[0] == '/')
		return fits(snprintf(to, PATH_MAX, "%s/valetkey/%.*s/%s", config, n, data + start,
				     file));
	return home != NULL && home[0] == '/' &&
	       fits(snprintf(to, PATH_MAX, "%s/.config/valetkey/%.*s/%s", home, n, data + start,
			     file));
}

static enum cli_exit tell(struct cli *cli, const struct init_options *options)
{
	scoped(json_free) json_t *made = json_object();

	json_object_set_new(made, "data", json_string(options->data));
	json_object_set_new(made, "token_file", json_string(options->token_file));
	if (options->passphrase == NULL)
		json_object_set_new(made, "key_file", json_string(options->key_file));
	if (cli->json) {
		show_json(&cli->show, made);
		return CLI_DONE;
	}
	static const struct show_column fields[] = {
		{ "data directory", "data", SHOW_TEXT },
		{ "unseal key", "key_file", SHOW_TEXT },
		{ "admin token", "token_file", SHOW_TEXT },
	};
	show_fields(&cli->show, made, fields, ARRAY_LEN(fields));
	cmd_hint(cli, "\n%s\nNext: valetkey serve --data %s",
		 options->passphrase == NULL
			 ? "Keep a copy of the unseal key elsewhere: without it nothing opens."
			 : "Remember the passphrase: without it nothing opens.",
		 options->data);
	return CLI_DONE;
}

static enum cli_exit make(struct cli *cli, const struct init_options *options)
{
	const enum err err = init_data(options);

	if (err == OK)
		return tell(cli, options);
	if (err == ERR_EXISTS)
		return cmd_refuse(cli,
				  "'%s' was initialised before, or its unseal key or admin token "
				  "is already at %s. Choose another directory; nothing was "
				  "changed.",
				  options->data, options->token_file);
	return cmd_refuse(cli, "'%s' could not be made: %s", options->data, err_row(err)->says);
}

enum cli_exit cmd_init(struct cli *cli)
{
	scoped(secret_free) struct secret *secret = NULL;
	const char *file = cmd_option(cli, OPTION_PASSPHRASE_FILE);
	const char *key = cmd_option(cli, OPTION_KEY_FILE);
	char key_file[PATH_MAX], token_file[PATH_MAX], passphrase[PASSPHRASE_MAX];
	struct init_options options = { .data = cli->data, .token_file = token_file };

	if (file != NULL && key != NULL)
		return cmd_usage(cli, "Name a key file or a passphrase file, not both.");
	if (!home_of(cli->data, "admin.token", token_file) ||
	    !home_of(cli->data, "unseal.key", key_file))
		return cmd_usage(cli, "Set HOME or XDG_CONFIG_HOME: the admin token goes there.");
	options.key_file = key != NULL ? key : key_file;
	if (file == NULL)
		return make(cli, &options);
	if (input_secret(file, &secret) != OK ||
	    bytes_str(secret_bytes(secret), passphrase, sizeof passphrase) != OK)
		return cmd_usage(cli, "There is no passphrase to use in '%s'.", file);
	options.passphrase = passphrase;
	const enum cli_exit done = make(cli, &options);
	wipe(passphrase, sizeof passphrase);
	return done;
}
