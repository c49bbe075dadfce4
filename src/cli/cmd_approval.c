/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"

static const struct show_column columns[] = {
	{ "ID", "id", SHOW_TEXT },	     { "STATE", "state", SHOW_STATE },
	{ "USER", "user", SHOW_TEXT },	     { "SERVICE", "service", SHOW_TEXT },
	{ "TOOL", "tool", SHOW_TEXT },	     { "SUMMARY", "summary", SHOW_TEXT },
	{ "EXPIRES", "expires", SHOW_TIME },
};

static const struct show_column decided[] = {
	{ "id", "id", SHOW_TEXT },
	{ "state", "state", SHOW_STATE },
	{ "outcome", "outcome", SHOW_TEXT },
	{ "decided", "decided", SHOW_TIME },
};

enum cli_exit cmd_approval_list(struct cli *cli)
{
	struct cmd_path path = { "/approvals" };
	const char *state = cmd_option(cli, OPTION_STATE);

	if (state == NULL)
		state = "pending";
	const enum cli_exit done =
		cmd_query(cli, "state", strcmp(state, "all") == 0 ? NULL : state, &path);
	if (done != CLI_DONE)
		return done;
	return cmd_list(cli, &path, columns, ARRAY_LEN(columns), "Nothing waits for a decision.");
}

/* Line by line: what a terminal would obey is shown by its number, a new line is one. */
static void show_card(struct cli *cli, struct bytes card)
{
	while (card.n > 0) {
		show_text(cli->out, bytes_cut(&card, '\n'));
		putc('\n', cli->out);
	}
}

static enum cli_exit get(struct cli *cli, struct client_answer *ret)
{
	struct cmd_path path;
	const enum cli_exit done = cmd_path(cli, "/approvals/", cli->line->operand, "", &path);

	return done != CLI_DONE ? done : cmd_ask(cli, "GET", path.s, NULL, ret);
}

enum cli_exit cmd_approval_show(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	const enum cli_exit done = get(cli, &answer);

	if (done != CLI_DONE)
		return done;
	if (cli->json) {
		show_json(&cli->show, answer.json);
		return CLI_DONE;
	}
	show_fields(&cli->show, answer.json, decided, ARRAY_LEN(decided));
	putc('\n', cli->out);
	show_card(cli, json_str(answer.json, "card"));
	return CLI_DONE;
}

static enum cli_exit decide(struct cli *cli, const char *how, json_t *body)
{
	scoped(json_free) json_t *owned = body;
	struct cmd_path path;
	const enum cli_exit done = cmd_path(cli, "/approvals/", cli->line->operand, how, &path);

	return done != CLI_DONE
		       ? done
		       : cmd_act(cli, "POST", path.s, take(owned), decided, ARRAY_LEN(decided));
}

enum cli_exit cmd_approval_approve(struct cli *cli)
{
	const struct cmd_member members[] = { { "code", cmd_option(cli, OPTION_CODE) } };

	return decide(cli, "/approve", cmd_object(members, ARRAY_LEN(members)));
}

enum cli_exit cmd_approval_deny(struct cli *cli)
{
	json_t *body = cmd_object(NULL, 0);

	if (cmd_has(cli, OPTION_PAUSE_AGENT))
		json_object_set_new(body, "pause_agent", json_true());
	return decide(cli, "/deny", body);
}
