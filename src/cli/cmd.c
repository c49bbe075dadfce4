/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/clock.h"
#include "codec/form.h"
#include "codec/uri.h"

enum { LIST_MAX = 100 * 1000 };

const char *cmd_option(const struct cli *cli, enum option_id option)
{
	const struct option_values *values = &cli->line->options[option];

	return values->n == 0 ? NULL : values->v[0];
}

static void say(struct cli *cli, const char *fmt, va_list ap)
{
	fputs("valetkey: ", cli->err);
	vfprintf(cli->err, fmt, ap);
	putc('\n', cli->err);
}

enum cli_exit cmd_refuse(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(cli, fmt, ap);
	va_end(ap);
	return CLI_REFUSED;
}

enum cli_exit cmd_usage(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(cli, fmt, ap);
	va_end(ap);
	return CLI_USAGE;
}

void cmd_hint(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->json)
		return;
	va_start(ap, fmt);
	vfprintf(cli->err, fmt, ap);
	va_end(ap);
	putc('\n', cli->err);
}

enum cli_exit cmd_confirm(struct cli *cli, const char *question)
{
	if (cmd_has(cli, OPTION_YES) || input_confirm(question))
		return CLI_DONE;
	return cmd_refuse(cli, "Nothing was changed.");
}

/* RFC 9457: what happened, and what to do about it. */
static enum cli_exit refused(struct cli *cli, const struct client_answer *answer)
{
	const struct bytes detail = json_str(answer->json, "detail");
	const struct bytes title = json_str(answer->json, "title");
	const struct bytes mend = json_str(answer->json, "mend");

	if (cli->json && answer->json != NULL) {
		const struct show on_err = { .out = cli->err };
		show_json(&on_err, answer->json);
		return CLI_REFUSED;
	}
	fputs("valetkey: ", cli->err);
	if (detail.n > 0 || title.n > 0)
		show_text(cli->err, detail.n > 0 ? detail : title);
	else
		fprintf(cli->err, "The daemon answered with status %d and no explanation.",
			answer->status);
	putc('\n', cli->err);
	if (mend.n > 0) {
		fputs("          ", cli->err);
		show_text(cli->err, mend);
		putc('\n', cli->err);
	}
	return CLI_REFUSED;
}

static enum cli_exit open_client(struct cli *cli)
{
	struct client_why why = { { 0 } };
	const enum err err =
		cli->client != NULL
			? OK
			: client_new(cli->data, cmd_option(cli, OPTION_TENANT), &why, &cli->client);

	if (err == OK)
		return CLI_DONE;
	cmd_refuse(cli, "%s", why.text[0] != 0 ? why.text : "This machine is out of memory.");
	return CLI_UNREACHABLE;
}

enum cli_exit cmd_ask_raw(struct cli *cli, const struct client_request *request,
			  struct client_answer *ret)
{
	struct client_answer answer = { 0 };
	struct client_why why = { { 0 } };
	const enum cli_exit opened = open_client(cli);

	if (opened != CLI_DONE)
		return opened;
	const enum err err = client_ask(cli->client, request, &why, &answer);
	if (err == ERR_PROVIDER_UNAVAILABLE) {
		cmd_refuse(cli, "%s", why.text);
		cmd_hint(cli, "          Is it running? 'valetkey doctor' looks for the cause.");
		return CLI_UNREACHABLE;
	}
	if (err != OK)
		return cmd_refuse(cli, "The request could not be made.");
	if (answer.status >= 200 && answer.status < 300) {
		*ret = answer;
		return CLI_DONE;
	}
	refused(cli, &answer);
	client_done(&answer);
	return CLI_REFUSED;
}

enum cli_exit cmd_ask(struct cli *cli, const char *method, const char *path, json_t *body,
		      struct client_answer *ret)
{
	scoped(json_free) json_t *owned = body;
	scoped(dynbuf_done) struct dynbuf text;
	struct client_request request = { .method = method, .path = path };

	dynbuf_init(&text, JSON_TEXT_MAX);
	if (owned != NULL) {
		json_print(owned, &text);
		if (dynbuf_err(&text) != OK)
			return cmd_refuse(cli, "The request is too large.");
		request.type = "application/json";
		request.body = dynbuf_view(&text);
	}
	return cmd_ask_raw(cli, &request, ret);
}

enum cli_exit cmd_path(struct cli *cli, const char *before, const char *object, const char *after,
		       struct cmd_path *ret)
{
	uint8_t room[sizeof ret->s];
	struct dynbuf path = { .p = room, .room = sizeof room, .max = sizeof room };

	dynbuf_str(&path, before);
	uri_encode(str(object), &path);
	dynbuf_str(&path, after);
	if (dynbuf_err(&path) != OK || bytes_str(dynbuf_view(&path), ret->s, sizeof ret->s) != OK)
		return cmd_usage(cli, "'%.40s...' is too long to be a name.", object);
	return CLI_DONE;
}

enum cli_exit cmd_query(struct cli *cli, const char *name, const char *value, struct cmd_path *path)
{
	uint8_t room[sizeof path->s];
	struct dynbuf pair = { .p = room, .room = sizeof room, .max = sizeof room };
	const size_t n = strlen(path->s);

	if (value == NULL)
		return CLI_DONE;
	form_add(&pair, name, str(value));
	if (dynbuf_err(&pair) != OK || n + 1 + pair.n >= sizeof path->s)
		return cmd_usage(cli, "The value of '%s' is too long.", name);
	path->s[n] = strchr(path->s, '?') == NULL ? '?' : '&';
	put((uint8_t *)path->s + n + 1, pair.p, pair.n);
	path->s[n + 1 + pair.n] = 0;
	return CLI_DONE;
}

bool cmd_set(const struct cli *cli, json_t *body)
{
	const struct option_values *values = &cli->line->options[OPTION_SET];
	json_t *variables = json_object();
	char name[65];

	for (size_t i = 0; i < values->n; i++) {
		struct bytes value = str(values->v[i]);
		const size_t before = value.n;
		const struct bytes part = bytes_cut(&value, '=');
		if (part.n == 0 || part.n == before || bytes_str(part, name, sizeof name) != OK) {
			json_decref(variables);
			return false;
		}
		json_object_set_new(variables, name, json_of(value));
	}
	if (values->n > 0)
		json_object_set(body, "variables", variables);
	json_decref(variables);
	return true;
}

json_t *cmd_object(const struct cmd_member *members, size_t count)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++)
		if (members[i].value != NULL)
			json_object_set_new(object, members[i].name, json_string(members[i].value));
	return object;
}

static enum cli_exit page(struct cli *cli, const struct cmd_path *path, const char *after,
			  json_t *items, char next[static 64])
{
	scoped(client_done) struct client_answer answer = { 0 };
	struct cmd_path at = *path;
	enum cli_exit done;

	if ((done = cmd_query(cli, "limit", "500", &at)) != CLI_DONE ||
	    (done = cmd_query(cli, "after", after, &at)) != CLI_DONE ||
	    (done = cmd_ask(cli, "GET", at.s, NULL, &answer)) != CLI_DONE)
		return done;
	if (json_array_extend(items, json_object_get(answer.json, "items")) != 0 ||
	    bytes_str(json_str(answer.json, "next"), next, 64) != OK)
		return cmd_refuse(cli, "The daemon's answer is no list.");
	return CLI_DONE;
}

enum cli_exit cmd_list(struct cli *cli, const struct cmd_path *path,
		       const struct show_column *columns, size_t count, const char *none)
{
	scoped(json_free) json_t *items = json_array();
	scoped(json_free) json_t *whole = NULL;
	char next[64] = "", after[64];
	enum cli_exit done;

	do {
		put((uint8_t *)after, next, sizeof after);
		done = page(cli, path, after[0] == 0 ? NULL : after, items, next);
		if (done != CLI_DONE)
			return done;
	} while (next[0] != 0 && strcmp(next, after) != 0 && json_array_size(items) < LIST_MAX);
	if (next[0] != 0)
		cmd_hint(cli, "There are more than %zu; the rest is not shown.",
			 json_array_size(items));
	if (cli->json) {
		whole = json_pack("{s:O}", "items", items);
		show_json(&cli->show, whole);
	} else if (json_array_size(items) == 0) {
		cmd_hint(cli, "%s", none);
	} else {
		show_table(&cli->show, items, columns, count);
	}
	return CLI_DONE;
}

enum cli_exit cmd_act(struct cli *cli, const char *method, const char *path, json_t *body,
		      const struct show_column *columns, size_t count)
{
	scoped(client_done) struct client_answer answer = { 0 };
	const enum cli_exit done = cmd_ask(cli, method, path, body, &answer);

	if (done != CLI_DONE)
		return done;
	if (cli->json && answer.json != NULL)
		show_json(&cli->show, answer.json);
	else if (cli->json)
		fputs("{}\n", cli->out);
	else
		show_fields(&cli->show, answer.json, columns, count);
	return CLI_DONE;
}

/* "90m", "2h", "7d" ago as a time; anything else as it is, for the daemon to judge. */
static void read_time(const char *text, char *to, size_t size)
{
	static const struct {
		char unit;
		usec_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *rest = NULL;
	const unsigned long n = strtoul(text, &rest, 10);
	char printed[CLOCK_TEXT_LEN + 1];

	snprintf(to, size, "%s", text);
	if (rest == text || rest[0] == 0 || rest[1] != 0 || n > 100 * 1000)
		return;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (units[i].unit != rest[0])
			continue;
		clock_print(clock_wall() - n * units[i].seconds * USEC_PER_S, printed);
		snprintf(to, size, "%s", printed);
	}
}

enum cli_exit cmd_time(struct cli *cli, const char *name, enum option_id option,
		       struct cmd_path *path)
{
	char text[64];

	if (!cmd_has(cli, option))
		return CLI_DONE;
	read_time(cmd_option(cli, option), text, sizeof text);
	return cmd_query(cli, name, text, path);
}
