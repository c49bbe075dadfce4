/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"
#include "cli/cmd_review.h"
#include "cli/offline/check.h"
#include "cli/offline/openapi.h"

enum { SERVICE_FILE_MAX = 1024 * 1024 };

static const struct show_column columns[] = {
	{ "ID", "id", SHOW_TEXT },
	{ "NAME", "name", SHOW_TEXT },
	{ "TOOLS", "tools", SHOW_TEXT },
	{ "CLIENT ID", "client.id", SHOW_TEXT },
	{ "SECRET", "client.secret", SHOW_YES },
	{ "SOURCE", "source", SHOW_TEXT },
};

static const struct show_column fields[] = {
	{ "id", "id", SHOW_TEXT },
	{ "name", "name", SHOW_TEXT },
	{ "source", "source", SHOW_TEXT },
	{ "client id", "client.id", SHOW_TEXT },
	{ "client secret", "client.secret", SHOW_YES },
	{ "callback url", "callback_url", SHOW_TEXT },
	{ "mcp server", "mcp_url", SHOW_TEXT },
	{ "issuer", "issuer", SHOW_TEXT },
	{ "registration", "registration", SHOW_TEXT },
	{ "authorize url", "oauth.authorize_url", SHOW_TEXT },
	{ "token url", "oauth.token_url", SHOW_TEXT },
	{ "scopes", "scopes", SHOW_TEXT },
	{ "hosts", "hosts", SHOW_TEXT },
	{ "variables to give", "variables", SHOW_TEXT },
	{ "tools", "tools", SHOW_COUNT },
	{ "unverified tools", "unverified", SHOW_TEXT },
};

enum cli_exit cmd_service_list(struct cli *cli)
{
	const struct cmd_path path = { "/services" };

	return cmd_list(cli, &path, columns, ARRAY_LEN(columns), "There are no services.");
}

enum cli_exit cmd_service_show(struct cli *cli)
{
	struct cmd_path path;
	enum cli_exit done = cmd_path(cli, "/services/", cli->line->operand, "", &path);

	if (done == CLI_DONE)
		done = cmd_act(cli, "GET", path.s, NULL, fields, ARRAY_LEN(fields));
	if (done == CLI_DONE)
		cmd_hint(cli,
			 "\nRegister the callback url at the provider, then: valetkey service "
			 "client %s --client-id ID --client-secret-file FILE",
			 cli->line->operand);
	return done;
}

enum cli_exit cmd_service_check(struct cli *cli)
{
	scoped(buf_free) struct buf *text = NULL;
	const char *file = cli->line->operand;
	struct complaint complaint = { { 0 } };
	char id[CHECK_ID_MAX];
	size_t tools;

	if (input_text(file, SERVICE_FILE_MAX, &text) != OK)
		return cmd_usage(cli, "'%s' cannot be read, or is too large for a service file.",
				 file);
	const enum err err = check_service(buf_bytes(text), file, &complaint, id, &tools);
	if (err != OK)
		return cmd_refuse(cli, "%s",
				  complaint.text[0] != 0 ? complaint.text : err_row(err)->says);
	if (cli->json) {
		scoped(json_free) json_t *result =
			json_pack("{s:s,s:I}", "id", id, "tools", (json_int_t)tools);
		show_json(&cli->show, result);
	} else {
		fprintf(cli->out, "%s: service '%s' with %zu tools is in order\n", file, id, tools);
	}
	return CLI_DONE;
}

static void say_import(struct cli *cli, const struct openapi_result *result)
{
	if (cli->json) {
		scoped(json_free) json_t *json = json_pack(
			"{s:I,s:I,s:I,s:b,s:b}", "tools", (json_int_t)result->tools, "no_room",
			(json_int_t)result->no_room, "left_out", (json_int_t)result->unspeakable,
			"oauth", result->oauth, "account", result->account);
		show_json(&cli->show, json);
	}
	if (result->no_room > 0)
		cmd_hint(cli, "%zu more operations have no room; choose with --match.",
			 result->no_room);
	if (result->unspeakable > 0)
		cmd_hint(cli,
			 "%zu operations are left out: their bodies or parameters are none "
			 "that a tool can have.",
			 result->unspeakable);
	if (!result->oauth || !result->account)
		cmd_hint(cli, "Replace the addresses at replace-me.invalid: the document does not "
			      "say them.");
	cmd_hint(cli, "Look at 'refresh', 'account' and the effects, then: valetkey service check");
}

enum cli_exit cmd_service_import_openapi(struct cli *cli)
{
	const struct option_values *matches = &cli->line->options[OPTION_MATCH];
	const struct openapi_wish wish = { matches->v, matches->n };
	const char *file = cli->line->operand, *to = cmd_option(cli, OPTION_OUTPUT);
	scoped(buf_free) struct buf *text = NULL;
	scoped(dynbuf_done) struct dynbuf made;
	struct complaint complaint = { { 0 } };
	struct openapi_result result;
	FILE *out = cli->out;

	dynbuf_init(&made, 2 * SERVICE_FILE_MAX);
	if (cli->json && to == NULL)
		return cmd_usage(cli, "--json goes with --output.");
	if (input_text(file, OPENAPI_TEXT_MAX, &text) != OK)
		return cmd_usage(cli, "'%s' cannot be read, or is larger than 32 MiB.", file);
	const enum err err =
		openapi_import(buf_bytes(text), file, &wish, &complaint, &made, &result);
	if (err != OK)
		return cmd_refuse(cli, "%s",
				  complaint.text[0] != 0 ? complaint.text : err_row(err)->says);
	const enum err opened = to == NULL ? OK : input_new_file(to, &out);
	if (opened != OK)
		return cmd_refuse(cli, "'%s' %s.", to,
				  opened == ERR_EXISTS ? "exists already" : "cannot be written");
	const bool whole = fwrite(made.p, 1, made.n, out) == made.n;
	if ((to != NULL && fclose(out) != 0) || !whole)
		return cmd_refuse(cli, "The file could not be written whole.");
	say_import(cli, &result);
	return CLI_DONE;
}

enum cli_exit cmd_service_add(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	scoped(buf_free) struct buf *text = NULL;
	const char *file = cli->line->operand;

	if (input_text(file, SERVICE_FILE_MAX, &text) != OK)
		return cmd_usage(cli, "'%s' cannot be read, or is too large for a service file.",
				 file);
	const struct client_request request = {
		.method = "POST",
		.path = "/services",
		.type = "text/yaml",
		.body = buf_bytes(text),
	};
	const enum cli_exit done = cmd_ask_raw(cli, &request, &answer);
	if (done == CLI_DONE && cli->json)
		show_json(&cli->show, answer.json);
	else if (done == CLI_DONE)
		show_fields(&cli->show, answer.json, fields, ARRAY_LEN(fields));
	return done;
}

/* The secret goes as the raw body of a route of its own, which the daemon seals unread. */
static enum cli_exit put_secret(struct cli *cli, const char *service, const struct secret *secret)
{
	scoped(client_done) struct client_answer answer = { 0 };
	struct cmd_path path;
	const enum cli_exit done = cmd_path(cli, "/services/", service, "/client-secret", &path);

	if (done != CLI_DONE)
		return done;
	const struct client_request request = {
		.method = "PUT",
		.path = path.s,
		.type = "application/octet-stream",
		.body = secret_bytes(secret),
	};
	return cmd_ask_raw(cli, &request, &answer);
}

enum cli_exit cmd_service_client(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	scoped(secret_free) struct secret *secret = NULL;
	const char *file = cmd_option(cli, OPTION_CLIENT_SECRET_FILE);
	const struct cmd_member members[] = { { "client_id", cmd_option(cli, OPTION_CLIENT_ID) } };
	struct cmd_path path;

	/* read before anything is changed */
	if (file != NULL && input_secret(file, &secret) != OK)
		return cmd_usage(cli, "There is no secret to read in '%s'.", file);
	enum cli_exit done = cmd_path(cli, "/services/", cli->line->operand, "/client", &path);
	if (done != CLI_DONE)
		return done;
	json_t *body = cmd_object(members, ARRAY_LEN(members));
	if (!cmd_set(cli, body)) {
		json_decref(body);
		return cmd_usage(cli, "--set takes NAME=VALUE.");
	}
	done = cmd_ask(cli, "PUT", path.s, body, &answer);
	if (done == CLI_DONE && secret != NULL)
		done = put_secret(cli, cli->line->operand, secret);
	if (done != CLI_DONE)
		return done;
	if (cli->json) {
		scoped(json_free) json_t *result =
			json_pack("{s:s,s:s,s:b}", "service", cli->line->operand, "client_id",
				  members[0].value, "client_secret", secret != NULL);
		show_json(&cli->show, result);
	}
	cmd_hint(cli,
		 "The client of %s is set%s.\nNext: valetkey connection start --user SUBJECT "
		 "--service %s",
		 cli->line->operand, secret != NULL ? ", with its secret" : "", cli->line->operand);
	return CLI_DONE;
}

/* What is left to do, by how the client came about. */
static void say_added(struct cli *cli, const char *service, const char *registration)
{
	if (strcmp(registration, "none") == 0)
		cmd_hint(cli,
			 "\nIt asks for no authorization. Agents get its tools once they are "
			 "accepted: valetkey service review %s",
			 service);
	else if (strcmp(registration, "missing") == 0)
		cmd_hint(cli,
			 "\nIts authorization server registers nobody by itself. Register the "
			 "callback url there, then: valetkey service client %s --client-id ID "
			 "--client-secret-file FILE",
			 service);
	else
		cmd_hint(cli, "\nNext: valetkey connection start --user SUBJECT --service %s",
			 service);
}

enum cli_exit cmd_service_add_mcp(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	scoped(secret_free) struct secret *secret = NULL;
	const char *file = cmd_option(cli, OPTION_CLIENT_SECRET_FILE);
	const bool public = cmd_has(cli, OPTION_CLIENT_ID) && file == NULL;
	const struct cmd_member members[] = {
		{ "url", cli->line->operand },
		{ "id", cmd_option(cli, OPTION_ID) },
		{ "name", cmd_option(cli, OPTION_NAME) },
		{ "client_id", cmd_option(cli, OPTION_CLIENT_ID) },
		{ "client_auth", public ? "none" : NULL },
	};

	if (file != NULL && cmd_option(cli, OPTION_CLIENT_ID) == NULL)
		return cmd_usage(cli, "--client-secret-file goes with --client-id.");
	if (file != NULL && input_secret(file, &secret) != OK)
		return cmd_usage(cli, "There is no secret to read in '%s'.", file);
	json_t *body = cmd_object(members, ARRAY_LEN(members));
	enum cli_exit done = cmd_ask(cli, "POST", "/services/mcp", body, &answer);
	if (done != CLI_DONE)
		return done;
	const char *service = json_string_value(json_object_get(answer.json, "id"));
	const char *how = json_string_value(json_object_get(answer.json, "registration"));
	if (service == NULL || how == NULL)
		return cmd_refuse(cli, "The daemon's answer is not one of 'service add-mcp'.");
	if (secret != NULL)
		done = put_secret(cli, service, secret);
	if (done != CLI_DONE)
		return done;
	if (cli->json)
		show_json(&cli->show, answer.json);
	else
		show_fields(&cli->show, answer.json, fields, ARRAY_LEN(fields));
	if (cmd_has(cli, OPTION_ACCEPT))
		return review_of(cli, service, NULL);
	say_added(cli, service, how);
	return CLI_DONE;
}
