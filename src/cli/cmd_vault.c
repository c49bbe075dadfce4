/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/clients.h"
#include "cli/cmd.h"

enum { POLICY_MAX = 1024 * 1024 };

static const struct show_column columns[] = {
	{ "ID", "id", SHOW_TEXT },	     { "USER", "user", SHOW_TEXT },
	{ "NAME", "name", SHOW_TEXT },	     { "STATE", "state", SHOW_STATE },
	{ "EXPIRES", "expires", SHOW_TIME },
};

static const struct show_column fields[] = {
	{ "id", "id", SHOW_TEXT },	     { "user", "user", SHOW_TEXT },
	{ "name", "name", SHOW_TEXT },	     { "agent", "agent", SHOW_TEXT },
	{ "state", "state", SHOW_STATE },    { "policy version", "policy_version", SHOW_TEXT },
	{ "expires", "expires", SHOW_TIME }, { "time left", "left", SHOW_TEXT },
	{ "mcp url", "mcp_url", SHOW_TEXT },
};

static const struct show_column created_fields[] = {
	{ "id", "id", SHOW_TEXT },
	{ "token", "token", SHOW_TEXT },
	{ "mcp_url", "mcp_url", SHOW_TEXT },
	{ "expires", "expires", SHOW_TIME },
};

static const struct show_column binding_columns[] = {
	{ "SERVICE", "service", SHOW_TEXT },
	{ "ALIAS", "alias", SHOW_TEXT },
	{ "CONNECTION", "connection", SHOW_TEXT },
	{ "DEFAULT", "default", SHOW_YES },
};

static enum cli_exit read_policy(struct cli *cli, struct buf **ret)
{
	const char *file = cmd_option(cli, OPTION_POLICY);
	const enum err err = input_text(file, POLICY_MAX, ret);

	if (err == OK)
		return CLI_DONE;
	return cmd_usage(cli, "The policy cannot be read from '%s'%s.", file,
			 err == ERR_TOO_LARGE ? ": it is larger than a policy can be" : "");
}

static void show_created(struct cli *cli, const json_t *vault)
{
	if (cli->json)
		show_json(&cli->show, vault);
	else
		show_fields(&cli->show, vault, created_fields, ARRAY_LEN(created_fields));
}

static void exchange_hint(struct cli *cli, const json_t *vault)
{
	cmd_hint(cli, "\nThe token is shown this once; only a hash of it is kept.\n"
		      "With it an agent asks for a provider token like this:\n");
	if (cli->json)
		return;
	fprintf(cli->err,
		"  curl -sS %soauth/token \\\n"
		"    -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \\\n"
		"    -d subject_token_type=urn:ietf:params:oauth:token-type:access_token \\\n"
		"    -d subject_token=",
		client_url(cli->client));
	show_text(cli->err, json_str(vault, "token"));
	fputs(" \\\n    -d audience=SERVICE\n", cli->err);
}

/* With the token, as long as it can be shown at all. */
static void add_clients(json_t *vault)
{
	json_object_set_new(vault, "clients",
			    clients_lines(json_str(vault, "mcp_url"), json_str(vault, "token")));
}

static void show_clients(struct cli *cli, const json_t *vault)
{
	if (cli->json)
		return;
	cmd_hint(cli, "\nAn MCP client gets its tools at the address above. The lines to paste:");
	clients_show(cli->err, json_object_get(vault, "clients"));
}

enum cli_exit cmd_vault_create(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	scoped(buf_free) struct buf *policy = NULL;
	const struct cmd_member members[] = {
		{ "user", cmd_option(cli, OPTION_USER) },
		{ "name", cmd_option(cli, OPTION_NAME) },
		{ "agent", cmd_option(cli, OPTION_AGENT) },
	};
	enum cli_exit done = read_policy(cli, &policy);

	if (done != CLI_DONE)
		return done;
	json_t *text = json_of(buf_bytes(policy));
	if (text == NULL)
		return cmd_usage(cli, "The policy is not UTF-8 text.");
	json_t *body = cmd_object(members, ARRAY_LEN(members));
	json_object_set_new(body, "policy", text);
	done = cmd_ask(cli, "POST", "/vaults", body, &answer);
	if (done != CLI_DONE)
		return done;
	add_clients(answer.json);
	show_created(cli, answer.json);
	exchange_hint(cli, answer.json);
	show_clients(cli, answer.json);
	return CLI_DONE;
}

enum cli_exit cmd_vault_list(struct cli *cli)
{
	struct cmd_path path = { "/vaults" };
	const enum cli_exit done = cmd_query(cli, "user", cmd_option(cli, OPTION_USER), &path);

	if (done != CLI_DONE)
		return done;
	return cmd_list(cli, &path, columns, ARRAY_LEN(columns),
			"There are no vaults. 'valetkey vault create' makes one.");
}

/* Asks about the vault named by the operand. */
static enum cli_exit ask(struct cli *cli, const char *method, const char *after, json_t *body,
			 struct client_answer *ret)
{
	scoped(json_free) json_t *owned = body;
	struct cmd_path path;
	const enum cli_exit done = cmd_path(cli, "/vaults/", cli->line->operand, after, &path);

	return done != CLI_DONE ? done : cmd_ask(cli, method, path.s, take(owned), ret);
}

/* "3 h 59 min": two units are enough to plan by. */
static void set_left(json_t *vault)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = { { "d", 86400 }, { "h", 3600 }, { "min", 60 }, { "s", 1 } };
	int64_t left;
	char text[64];
	size_t i = 0;

	if (!json_int(vault, "expires_in_s", &left) || left <= 0)
		return;
	while (left < units[i].seconds)
		i++;
	int n = snprintf(text, sizeof text, "%lld %s", (long long)(left / units[i].seconds),
			 units[i].name);
	left %= units[i].seconds;
	if (i + 1 < ARRAY_LEN(units) && left >= units[i + 1].seconds)
		snprintf(text + n, sizeof text - (size_t)n, " %lld %s",
			 (long long)(left / units[i + 1].seconds), units[i + 1].name);
	json_object_set_new(vault, "left", json_string(text));
}

static void show_vault(struct cli *cli, const json_t *vault)
{
	const json_t *bindings = json_object_get(vault, "bindings");

	if (cli->json) {
		show_json(&cli->show, vault);
		return;
	}
	scoped(json_free) json_t *shown = json_deep_copy(vault);
	set_left(shown);
	show_fields(&cli->show, shown, fields, ARRAY_LEN(fields));
	if (json_array_size(bindings) == 0)
		return;
	putc('\n', cli->out);
	show_table(&cli->show, bindings, binding_columns, ARRAY_LEN(binding_columns));
}

static enum cli_exit act(struct cli *cli, const char *method, const char *after, json_t *body)
{
	scoped(client_done) struct client_answer answer = { 0 };
	const enum cli_exit done = ask(cli, method, after, body, &answer);

	if (done == CLI_DONE)
		show_vault(cli, answer.json);
	return done;
}

enum cli_exit cmd_vault_show(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	const enum cli_exit done = ask(cli, "GET", "", NULL, &answer);

	if (done != CLI_DONE)
		return done;
	if (cmd_has(cli, OPTION_CLIENTS))
		add_clients(answer.json);
	show_vault(cli, answer.json);
	if (cmd_has(cli, OPTION_CLIENTS) && !cli->json)
		clients_show(cli->out, json_object_get(answer.json, "clients"));
	return CLI_DONE;
}

enum cli_exit cmd_vault_pause(struct cli *cli)
{
	return act(cli, "POST", "/pause", NULL);
}

enum cli_exit cmd_vault_resume(struct cli *cli)
{
	return act(cli, "POST", "/resume", NULL);
}

enum cli_exit cmd_vault_delete(struct cli *cli)
{
	const enum cli_exit done = cmd_confirm(cli, "Delete this vault for good?");

	return done != CLI_DONE ? done : act(cli, "DELETE", "", NULL);
}

enum cli_exit cmd_vault_bind(struct cli *cli)
{
	const struct cmd_member members[] = {
		{ "service", cmd_option(cli, OPTION_SERVICE) },
		{ "alias", cmd_option(cli, OPTION_ALIAS) },
		{ "connection", cmd_option(cli, OPTION_CONNECTION) },
	};
	json_t *body = cmd_object(members, ARRAY_LEN(members));

	if (cmd_has(cli, OPTION_DEFAULT))
		json_object_set_new(body, "default", json_true());
	return act(cli, "POST", "/bindings", body);
}

enum cli_exit cmd_vault_rotate_token(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	const enum cli_exit done = ask(cli, "POST", "/rotate-token", NULL, &answer);

	if (done != CLI_DONE)
		return done;
	add_clients(answer.json);
	show_created(cli, answer.json);
	cmd_hint(cli, "\nThe old token does not work any more. This one is shown this once; only a "
		      "hash of it is kept.");
	show_clients(cli, answer.json);
	return CLI_DONE;
}

static enum cli_exit write_policy(struct cli *cli, FILE *out)
{
	scoped(client_done) struct client_answer answer = { 0 };
	const char *version = cmd_option(cli, OPTION_VERSION);
	char after[64] = "/policy";
	uint64_t n;

	if (version != NULL && bytes_u64(str(version), INT64_MAX, &n) != OK)
		return cmd_usage(cli, "--version is a number.");
	if (version != NULL)
		snprintf(after, sizeof after, "/policy/versions/%.20s", version);
	const enum cli_exit done = ask(cli, "GET", after, NULL, &answer);

	if (done != CLI_DONE)
		return done;
	const struct bytes yaml = buf_bytes(answer.text);
	if (cli->json) {
		scoped(json_free) json_t *object = json_object();
		json_object_set_new(object, "policy", json_of(yaml));
		show_json(&(struct show){ .out = out }, object);
	} else if (yaml.n > 0) {
		fwrite(yaml.p, 1, yaml.n, out);
	}
	return CLI_DONE;
}

enum cli_exit cmd_vault_policy(struct cli *cli)
{
	return write_policy(cli, cli->out);
}

enum cli_exit cmd_vault_export(struct cli *cli)
{
	const char *file = cmd_option(cli, OPTION_OUTPUT);
	FILE *out = NULL;

	if (file == NULL)
		return write_policy(cli, cli->out);
	const enum err err = input_new_file(file, &out);
	if (err != OK)
		return cmd_refuse(cli, "'%s' %s.", file,
				  err == ERR_EXISTS ? "exists already" : "cannot be written");
	const enum cli_exit done = write_policy(cli, out);
	if (fclose(out) != 0 && done == CLI_DONE)
		return cmd_refuse(cli, "'%s' could not be written whole.", file);
	return done;
}

enum cli_exit cmd_vault_import(struct cli *cli)
{
	static const struct show_column version[] = {
		{ "policy version", "version", SHOW_TEXT },
		{ "expires", "expires", SHOW_TIME },
	};
	scoped(client_done) struct client_answer answer = { 0 };
	scoped(buf_free) struct buf *policy = NULL;
	struct cmd_path path;
	enum cli_exit done = read_policy(cli, &policy);

	if (done == CLI_DONE)
		done = cmd_path(cli, "/vaults/", cli->line->operand, "/policy", &path);
	if (done != CLI_DONE)
		return done;
	const struct client_request request = {
		.method = "PUT",
		.path = path.s,
		.type = "text/yaml",
		.body = buf_bytes(policy),
	};
	done = cmd_ask_raw(cli, &request, &answer);
	if (done == CLI_DONE && cli->json)
		show_json(&cli->show, answer.json);
	else if (done == CLI_DONE)
		show_fields(&cli->show, answer.json, version, ARRAY_LEN(version));
	return done;
}
