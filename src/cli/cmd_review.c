/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd_review.h"

#include <stdlib.h>
#include <string.h>

static const struct show_column columns[] = {
	{ "TOOL", "name", SHOW_TEXT },	   { "STATE", "state", SHOW_TEXT },
	{ "EFFECT", "effect", SHOW_TEXT }, { "HIDDEN CHARACTERS", "hidden_characters", SHOW_TEXT },
	{ "PIN", "pin", SHOW_TEXT },
};

static struct bytes line_of(struct bytes *rest)
{
	return bytes_cut(rest, '\n');
}

static void print_lines(struct cli *cli, char sign, struct bytes text)
{
	while (text.n > 0) {
		fprintf(cli->out, "    %c ", sign);
		show_text(cli->out, line_of(&text));
		fputc('\n', cli->out);
	}
}

/* Steps over what both begin with, line by line. */
static void skip_same(struct bytes *a, struct bytes *b)
{
	while (a->n > 0 && b->n > 0) {
		struct bytes rest_a = *a, rest_b = *b;
		if (!bytes_eq(line_of(&rest_a), line_of(&rest_b)))
			return;
		*a = rest_a;
		*b = rest_b;
	}
}

/* The length of the last line, with the mark before it. */
static size_t last_line(struct bytes text)
{
	size_t n = 0;

	while (n < text.n && (n == 0 || text.p[text.n - n] != '\n'))
		n++;
	return n;
}

static void drop_same_end(struct bytes *a, struct bytes *b)
{
	while (a->n > 0 && b->n > 0) {
		const size_t n = last_line(*a), m = last_line(*b);
		if (n != m || memcmp(a->p + a->n - n, b->p + b->n - m, n) != 0)
			return;
		a->n -= n;
		b->n -= m;
	}
}

/* What there was and what there is, whole lines, without those at both ends that are the same. */
static void print_difference(struct cli *cli, const json_t *item)
{
	const json_t *old = json_object_get(item, "accepted"),
		     *new = json_object_get(item, "offered");
	char *before = old == NULL ? NULL : json_dumps(old, JSON_INDENT(2) | JSON_SORT_KEYS);
	char *after = new == NULL ? NULL : json_dumps(new, JSON_INDENT(2) | JSON_SORT_KEYS);
	struct bytes a = str(before), b = str(after);

	skip_same(&a, &b);
	drop_same_end(&a, &b);
	print_lines(cli, '-', a);
	print_lines(cli, '+', b);
	free(before);
	free(after);
}

static bool is_wanted(const json_t *item, const char *tool)
{
	return json_object_get(item, "offered") != NULL &&
	       (tool == NULL || bytes_is(json_str(item, "name"), tool));
}

static size_t show_offered(struct cli *cli, const json_t *items, const char *tool)
{
	const json_t *item;
	size_t i, n = 0;

	json_array_foreach(items, i, item)
	{
		if (!is_wanted(item, tool))
			continue;
		n++;
		if (cli->json)
			continue;
		fprintf(cli->out, "\n%s (%s)\n", json_string_value(json_object_get(item, "name")),
			json_string_value(json_object_get(item, "state")));
		print_difference(cli, item);
	}
	return n;
}

static json_t *picks_of(const json_t *items, const char *tool)
{
	json_t *picks = json_array();
	const json_t *item;
	size_t i;

	json_array_foreach(items, i, item) if (is_wanted(item, tool)) json_array_append_new(
		picks, json_pack("{s:O,s:O}", "name", json_object_get(item, "name"), "pin",
				 json_object_get(item, "pin")));
	return json_pack("{s:o}", "tools", picks);
}

static enum cli_exit accept_shown(struct cli *cli, const char *service, const char *tool,
				  const json_t *items)
{
	scoped(client_done) struct client_answer answer = { 0 };
	struct cmd_path path;
	enum cli_exit done = cmd_path(cli, "/services/", service, "/tools/accept", &path);

	if (done == CLI_DONE)
		done = cmd_ask(cli, "POST", path.s, picks_of(items, tool), &answer);
	if (done == CLI_DONE && cli->json)
		show_json(&cli->show, answer.json);
	return done;
}

/* What is there now is asked of the server itself; what is accepted is what was shown before, so it
 * is not asked anew for that. */
static enum cli_exit ask_listing(struct cli *cli, const char *service, struct client_answer *ret)
{
	const bool accepts = cmd_has(cli, OPTION_ACCEPT);
	struct cmd_path path;
	enum cli_exit done = cmd_path(cli, "/services/", service, "/tools", &path);

	return done == CLI_DONE ? cmd_ask(cli, accepts ? "GET" : "POST", path.s, NULL, ret) : done;
}

enum cli_exit review_of(struct cli *cli, const char *service, const char *tool)
{
	scoped(client_done) struct client_answer answer = { 0 };
	const bool accepts = cmd_has(cli, OPTION_ACCEPT);
	enum cli_exit done = ask_listing(cli, service, &answer);

	if (done != CLI_DONE)
		return done;
	const json_t *items = json_object_get(answer.json, "items");
	if (!cli->json)
		show_table(&cli->show, items, columns, ARRAY_LEN(columns));
	else if (!accepts)
		show_json(&cli->show, answer.json);
	const size_t n = show_offered(cli, items, tool);
	if (n == 0 && tool != NULL)
		return cmd_refuse(cli, "%s offers no new or changed tool '%s'.", service, tool);
	if (accepts)
		done = accept_shown(cli, service, tool, items);
	if (done != CLI_DONE)
		return done;
	if (accepts)
		cmd_hint(cli, "\nAccepted: %zu of the tools.", n);
	else if (n > 0)
		cmd_hint(cli,
			 "\nNo agent has these. What they say comes from the server: read it as "
			 "such.\nTo accept them: valetkey service review %s --accept",
			 service);
	return CLI_DONE;
}

enum cli_exit cmd_service_review(struct cli *cli)
{
	return review_of(cli, cli->line->operand, cli->line->operands[1]);
}
