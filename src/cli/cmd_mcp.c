/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "cli/bridge/bridge.h"
#include "cli/clients.h"
#include "cli/cmd.h"
#include "codec/token.h"
#include "codec/uri.h"

static enum cli_exit check(struct cli *cli, const char *url, struct bytes token)
{
	enum token_kind kind;
	struct uri uri;

	if (uri_parse(str(url), &uri) != OK)
		return cmd_usage(cli, "'%s' is no address. 'valetkey vault show' prints it.", url);
	if (!uri.https && !client_is_here(uri.host))
		return cmd_usage(cli, "The vault's token is not sent in the clear to another "
				      "machine. Use an https address.");
	if (token_parse(token, &kind) != OK)
		return cmd_usage(cli, "There is no whole Valetkey token in " CLIENTS_TOKEN_VARIABLE
				      ". It begins with vk_; copy all of it.");
	return CLI_DONE;
}

enum cli_exit cmd_mcp(struct cli *cli)
{
	static const char scheme[] = "Bearer ";
	scoped(secret_free) struct secret *authorization = NULL;
	const char *token = getenv(CLIENTS_TOKEN_VARIABLE), *url = cli->line->operand;

	const enum cli_exit done = check(cli, url, str(token));
	if (done != CLI_DONE)
		return done;
	if (secret_new(sizeof scheme - 1 + strlen(token), &authorization) != OK)
		return cmd_refuse(cli, "There is no locked memory for the token.");
	put(put(secret_fill(authorization), scheme, sizeof scheme - 1), token, strlen(token));
	const struct bridge_settings settings = {
		.url = url,
		.authorization = secret_bytes(authorization),
		.ca_file = getenv("VALETKEY_CA_FILE"),
		.in = STDIN_FILENO,
		.out = cli->out,
		.err = cli->err,
	};
	if (bridge_run(&settings) != OK)
		return cmd_refuse(cli, "The bridge broke down.");
	return CLI_DONE;
}
