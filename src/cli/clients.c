/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/clients.h"

#include <stdlib.h>

#include "cli/show.h"

enum { LINE_MAX_BYTES = 8192 };

/* What is put together; @token is the token, or what a client reads in its place. */
struct paste {
	struct bytes url, token;
	bool real;
};

static json_t *taken(struct dynbuf *out)
{
	json_t *line = dynbuf_err(out) == OK ? json_of(dynbuf_view(out)) : NULL;

	dynbuf_done(out);
	return line;
}

static void claude_begin(struct dynbuf *out, const struct paste *paste)
{
	dynbuf_init(out, LINE_MAX_BYTES);
	dynbuf_str(out, "claude mcp add --transport http valetkey ");
	dynbuf_bytes(out, paste->url);
}

static json_t *sign_in(const struct paste *paste)
{
	struct dynbuf out;

	claude_begin(&out, paste);
	return taken(&out);
}

/* In single quotes a shell leaves a variable to the client. */
static json_t *claude_code(const struct paste *paste)
{
	const char *quote = paste->real ? "\"" : "'";
	struct dynbuf out;

	claude_begin(&out, paste);
	dynbuf_printf(&out, " --header %sAuthorization: Bearer ", quote);
	dynbuf_bytes(&out, paste->token);
	dynbuf_str(&out, quote);
	return taken(&out);
}

static json_t *headers(const struct paste *paste)
{
	struct dynbuf out;

	dynbuf_init(&out, LINE_MAX_BYTES);
	dynbuf_str(&out, "Bearer ");
	dynbuf_bytes(&out, paste->token);
	return json_pack("{s:o*}", "Authorization", taken(&out));
}

static json_t *cursor(const struct paste *paste)
{
	return json_pack("{s:{s:{s:o*, s:o*}}}", "mcpServers", "valetkey", "url",
			 json_of(paste->url), "headers", headers(paste));
}

static json_t *typed(const struct paste *paste)
{
	return json_pack("{s:s, s:o*, s:o*}", "type", "http", "url", json_of(paste->url), "headers",
			 headers(paste));
}

/* VS Code asks for an input once and keeps it in the system's store of secrets. */
static json_t *vscode(const struct paste *paste)
{
	json_t *file = json_pack("{s:{s:o*}}", "servers", "valetkey", typed(paste));

	if (!paste->real)
		json_object_set_new(file, "inputs",
				    json_pack("[{s:s, s:s, s:s, s:b}]", "type", "promptString",
					      "id", "valetkey", "description",
					      "Token of the Valetkey vault", "password", 1));
	return file;
}

static json_t *mcp_json(const struct paste *paste)
{
	return json_pack("{s:{s:o*}}", "mcpServers", "valetkey", typed(paste));
}

static json_t *program(const struct paste *paste)
{
	return json_pack("{s:{s:{s:s, s:[s, o*], s:{s:o*}}}}", "mcpServers", "valetkey", "command",
			 "valetkey", "args", "mcp", json_of(paste->url), "env",
			 CLIENTS_TOKEN_VARIABLE, json_of(paste->token));
}

static const struct {
	const char *name, *says, *instead;
	json_t *(*make)(const struct paste *paste);
} kinds[] = {
	{ "claude_code", "Claude Code:", "${" CLIENTS_TOKEN_VARIABLE "}", claude_code },
	{ "cursor", "Cursor, in ~/.cursor/mcp.json:", "${env:" CLIENTS_TOKEN_VARIABLE "}", cursor },
	{ "vscode", "VS Code, in .vscode/mcp.json:", "${input:valetkey}", vscode },
	{ "mcp_json", "A plain mcp.json:", "${" CLIENTS_TOKEN_VARIABLE "}", mcp_json },
	{ "sign_in",
	  "Claude Code without a token, then 'claude mcp login valetkey'; others take the address:",
	  "", sign_in },
	{ "program", "A client that only starts programs:", "${" CLIENTS_TOKEN_VARIABLE "}",
	  program },
};

json_t *clients_lines(struct bytes url, struct bytes token)
{
	struct paste paste = { .url = url, .token = token, .real = token.n > 0 };
	json_t *lines = json_object();

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!paste.real)
			paste.token = str(kinds[i].instead);
		json_object_set_new(lines, kinds[i].name, kinds[i].make(&paste));
	}
	return lines;
}

void clients_show(FILE *out, const json_t *lines)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const json_t *line = json_object_get(lines, kinds[i].name);
		char *text = json_is_object(line) ? json_dumps(line, 0) : NULL;
		fprintf(out, "\n%s\n  ", kinds[i].says);
		show_text(out, text == NULL ? json_str(lines, kinds[i].name) : str(text));
		putc('\n', out);
		free(text);
	}
}
