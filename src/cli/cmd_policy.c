/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"

enum { POLICY_MAX = 1024 * 1024, GROUPS_MAX = 2000 };

static const struct show_column version_fields[] = {
	{ "policy version", "version", SHOW_TEXT },
	{ "expires", "expires", SHOW_TIME },
};

static enum cli_exit vault_path(struct cli *cli, const char *after, struct cmd_path *ret)
{
	return cmd_path(cli, "/vaults/", cli->line->operand, after, ret);
}

static enum cli_exit read_file(struct cli *cli, struct buf **ret)
{
	const char *file = cmd_option(cli, OPTION_FILE);

	if (input_text(file, POLICY_MAX, ret) == OK)
		return CLI_DONE;
	return cmd_usage(cli, "The policy cannot be read from '%s', or is too large.", file);
}

enum cli_exit cmd_policy_versions(struct cli *cli)
{
	static const struct show_column columns[] = {
		{ "VERSION", "version", SHOW_TEXT },
		{ "CREATED", "created", SHOW_TIME },
		{ "BYTES", "bytes", SHOW_TEXT },
		{ "IN FORCE", "in_force", SHOW_YES },
	};
	scoped(client_done) struct client_answer answer = { 0 };
	struct cmd_path path;
	enum cli_exit done = vault_path(cli, "/policy/versions", &path);

	if (done == CLI_DONE)
		done = cmd_ask(cli, "GET", path.s, NULL, &answer);
	if (done != CLI_DONE)
		return done;
	if (cli->json) {
		show_json(&cli->show, answer.json);
		return CLI_DONE;
	}
	show_table(&cli->show, json_object_get(answer.json, "items"), columns, ARRAY_LEN(columns));
	if (json_object_get(answer.json, "draft") != NULL)
		cmd_hint(cli, "\nThere is a draft: 'valetkey vault policy draft %s' prints it.",
			 cli->line->operand);
	return CLI_DONE;
}

enum cli_exit cmd_policy_draft(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	scoped(buf_free) struct buf *policy = NULL;
	struct cmd_path path;
	enum cli_exit done = vault_path(cli, "/policy/draft", &path);

	if (done != CLI_DONE)
		return done;
	if (!cmd_has(cli, OPTION_FILE)) {
		done = cmd_ask(cli, "GET", path.s, NULL, &answer);
		const struct bytes text = buf_bytes(answer.text);
		if (done == CLI_DONE && text.n > 0)
			fwrite(text.p, 1, text.n, cli->out);
		return done;
	}
	done = read_file(cli, &policy);
	if (done != CLI_DONE)
		return done;
	const struct client_request request = {
		.method = "PUT", .path = path.s, .type = "text/yaml", .body = buf_bytes(policy)
	};
	done = cmd_ask_raw(cli, &request, &answer);
	if (done == CLI_DONE && cli->json)
		show_json(&cli->show, answer.json);
	else if (done == CLI_DONE)
		fprintf(cli->out,
			"the draft is in order; 'valetkey vault policy publish %s' brings it "
			"into force\n",
			cli->line->operand);
	return done;
}

enum cli_exit cmd_policy_publish(struct cli *cli)
{
	struct cmd_path path;
	const enum cli_exit done = vault_path(cli, "/policy/publish", &path);

	return done != CLI_DONE ? done
				: cmd_act(cli, "POST", path.s, NULL, version_fields,
					  ARRAY_LEN(version_fields));
}

enum cli_exit cmd_policy_rollback(struct cli *cli)
{
	uint64_t version;
	struct cmd_path path;

	if (bytes_u64(str(cmd_option(cli, OPTION_VERSION)), INT32_MAX, &version) != OK)
		return cmd_usage(cli,
				 "--version is a number; 'valetkey vault policy versions' lists "
				 "them.");
	const enum cli_exit done = vault_path(cli, "/policy/rollback", &path);
	if (done != CLI_DONE)
		return done;
	json_t *body = json_pack("{s:I}", "version", (json_int_t)version);
	return cmd_act(cli, "POST", path.s, body, version_fields, ARRAY_LEN(version_fields));
}

/* The arguments go as they were typed: another reader of JSON would round their numbers. */
static enum err print_question(const struct cli *cli, struct dynbuf *out)
{
	const struct command_line *line = cli->line;
	const char *const members[][2] = {
		{ "context", cmd_option(cli, OPTION_CONTEXT) },
		{ "effect", cmd_option(cli, OPTION_EFFECT) },
		{ "tool", line->operands[1] },
	};

	dynbuf_u8(out, '{');
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (members[i][1] == NULL)
			continue;
		dynbuf_printf(out, "%s\"%s\":", out->n > 1 ? "," : "", members[i][0]);
		json_print_string(str(members[i][1]), out);
	}
	if (line->operands[2] != NULL)
		dynbuf_printf(out, ",\"arguments\":%s", line->operands[2]);
	dynbuf_u8(out, '}');
	return dynbuf_err(out);
}

static void show_at(struct cli *cli, const json_t *answer, const char *name, const char *title)
{
	const json_t *at = json_object_get(answer, name);

	if (at == NULL)
		return;
	fprintf(cli->out, "%s line %d: ", title,
		(int)json_integer_value(json_object_get(at, "line")));
	show_text(cli->out, json_str(at, "text"));
	putc('\n', cli->out);
}

static void show_explanation(struct cli *cli, const json_t *answer)
{
	static const struct show_column fields[] = {
		{ "effect", "effect", SHOW_TEXT },
		{ "because", "reason", SHOW_TEXT },
		{ "rule", "rule", SHOW_TEXT },
		{ "opens again", "again", SHOW_TIME },
		{ "in the agent's list", "listed", SHOW_YES },
		{ "policy version", "policy_version", SHOW_TEXT },
		{ "vault", "vault", SHOW_TEXT },
	};
	static const struct show_column limits[] = {
		{ "LIMIT", "kind", SHOW_TEXT },	    { "PER", "per", SHOW_TEXT },
		{ "TOOL", "tool", SHOW_TEXT },	    { "SPENT", "spent", SHOW_TEXT },
		{ "MAX", "max", SHOW_TEXT },	    { "SECONDS", "window_s", SHOW_TEXT },
		{ "STILL FITS", "fits", SHOW_YES },
	};
	const json_t *spent = json_object_get(answer, "limits");

	show_fields(&cli->show, answer, fields, ARRAY_LEN(fields));
	show_at(cli, answer, "at", "rule,");
	show_at(cli, answer, "condition", "condition,");
	if (json_array_size(spent) > 0) {
		putc('\n', cli->out);
		show_table(&cli->show, spent, limits, ARRAY_LEN(limits));
	}
}

enum cli_exit cmd_policy_explain(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	scoped(dynbuf_done) struct dynbuf body;
	struct cmd_path path;
	enum cli_exit done = vault_path(cli, "/policy/explain", &path);

	dynbuf_init(&body, POLICY_MAX);
	if (done != CLI_DONE)
		return done;
	if (print_question(cli, &body) != OK)
		return cmd_usage(cli, "The arguments are too large.");
	const struct client_request request = { .method = "POST",
						.path = path.s,
						.type = "application/json",
						.body = dynbuf_view(&body) };
	done = cmd_ask_raw(cli, &request, &answer);
	if (done == CLI_DONE && cli->json)
		show_json(&cli->show, answer.json);
	else if (done == CLI_DONE)
		show_explanation(cli, answer.json);
	return done;
}

static bool same_group(const json_t *a, const json_t *b)
{
	static const char *const names[] = { "kind", "service", "tool", "was", "would" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!bytes_eq(json_str(a, names[i]), json_str(b, names[i])))
			return false;
	return true;
}

static json_int_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* Adds a page's groups to those of the pages before. */
static bool add_groups(json_t *all, const json_t *page)
{
	size_t i, j;
	json_t *one, *known;

	json_array_foreach(page, i, one)
	{
		bool found = false;
		json_array_foreach(all, j, known)
		{
			found = same_group(known, one);
			if (!found)
				continue;
			json_object_set_new(known, "n",
					    json_integer(number(known, "n") + number(one, "n")));
			json_object_set(known, "last", json_object_get(one, "last"));
			break;
		}
		if (!found &&
		    (json_array_size(all) == GROUPS_MAX || json_array_append(all, one) != 0))
			return false;
	}
	return true;
}

/* "permitted" is allow, approve or step_up: only block differs from it. */
static bool differs(const json_t *group)
{
	const struct bytes was = json_str(group, "was"), would = json_str(group, "would");

	if (bytes_is(was, "permitted"))
		return bytes_is(would, "block");
	return !bytes_is(was, "depends") && !bytes_is(would, "depends") && !bytes_eq(was, would);
}

static bool unknowable(const json_t *group)
{
	return bytes_is(json_str(group, "would"), "depends") ||
	       bytes_is(json_str(group, "was"), "depends");
}

static enum cli_exit show_replay(struct cli *cli, const json_t *groups, json_int_t events)
{
	static const struct show_column columns[] = {
		{ "USES", "n", SHOW_TEXT },	     { "KIND", "kind", SHOW_TEXT },
		{ "SERVICE", "service", SHOW_TEXT }, { "TOOL", "tool", SHOW_TEXT },
		{ "WAS", "was", SHOW_TEXT },	     { "WOULD BE", "would", SHOW_TEXT },
		{ "FIRST", "first", SHOW_TIME },     { "LAST", "last", SHOW_TIME },
	};
	scoped(json_free) json_t *changed = json_array();
	scoped(json_free) json_t *unknown = json_array();
	json_int_t changed_n = 0, unknown_n = 0;
	size_t i;
	json_t *group;

	json_array_foreach(groups, i, group)
	{
		changed_n += differs(group) ? number(group, "n") : 0;
		unknown_n += unknowable(group) ? number(group, "n") : 0;
		if (differs(group))
			json_array_append(changed, group);
		else if (unknowable(group))
			json_array_append(unknown, group);
	}
	if (cli->json) {
		scoped(json_free) json_t *all =
			json_pack("{s:I,s:I,s:O,s:I,s:O}", "uses", events, "different", changed_n,
				  "changes", changed, "unknown", unknown_n, "depends", unknown);
		show_json(&cli->show, all);
		return CLI_DONE;
	}
	fprintf(cli->out, "%lld uses in the log: %lld would be decided differently\n",
		(long long)events, (long long)changed_n);
	if (changed_n > 0)
		show_table(&cli->show, changed, columns, ARRAY_LEN(columns));
	if (unknown_n > 0) {
		fprintf(cli->out,
			"\nof %lld more the log does not say enough: they depend on arguments, "
			"resources or\naddresses, of which it holds hashes only\n",
			(long long)unknown_n);
		show_table(&cli->show, unknown, columns, ARRAY_LEN(columns));
	}
	cmd_hint(cli, "\nLimits and accounts are not replayed.");
	return CLI_DONE;
}

static enum cli_exit replay_page(struct cli *cli, struct bytes policy, const char *after,
				 struct client_answer *ret)
{
	struct cmd_path path;
	enum cli_exit done = vault_path(cli, "/policy/replay", &path);

	if (done == CLI_DONE)
		done = cmd_time(cli, "from", OPTION_AGE, &path);
	if (done == CLI_DONE)
		done = cmd_query(cli, "after", after, &path);
	const struct client_request request = {
		.method = "POST", .path = path.s, .type = "text/yaml", .body = policy
	};
	return done != CLI_DONE ? done : cmd_ask_raw(cli, &request, ret);
}

enum cli_exit cmd_policy_replay(struct cli *cli)
{
	scoped(json_free) json_t *groups = json_array();
	scoped(buf_free) struct buf *policy = NULL;
	enum cli_exit done = read_file(cli, &policy);
	char after[24] = "";
	json_int_t events = 0;

	while (done == CLI_DONE) {
		scoped(client_done) struct client_answer answer = { 0 };
		done = replay_page(cli, buf_bytes(policy), after[0] == 0 ? NULL : after, &answer);
		if (done != CLI_DONE)
			break;
		if (!add_groups(groups, json_object_get(answer.json, "items")))
			return cmd_refuse(cli, "There are more kinds of uses than can be shown.");
		events += number(answer.json, "events");
		const json_int_t next = number(answer.json, "next");
		if (next == 0)
			return show_replay(cli, groups, events);
		snprintf(after, sizeof after, "%lld", (long long)next);
	}
	return done;
}

static enum cli_exit template_path(struct cli *cli, struct cmd_path *ret)
{
	const struct option_values *services = &cli->line->options[OPTION_SERVICES];
	char list[1024];
	size_t n = 0;

	for (size_t i = 0; i < services->n; i++) {
		const int used = snprintf(list + n, sizeof list - n, "%s%s", i == 0 ? "" : ",",
					  services->v[i]);
		if (used < 0 || (size_t)used >= sizeof list - n)
			return cmd_usage(cli, "These are too many services.");
		n += (size_t)used;
	}
	const enum cli_exit done =
		cmd_path(cli, "/templates/", cmd_option(cli, OPTION_PRESET), "", ret);
	return done != CLI_DONE ? done : cmd_query(cli, "services", list, ret);
}

enum cli_exit cmd_vault_template(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	const char *file = cmd_option(cli, OPTION_OUTPUT);
	struct cmd_path path;
	FILE *out = cli->out;
	enum cli_exit done = template_path(cli, &path);

	if (done == CLI_DONE)
		done = cmd_ask(cli, "GET", path.s, NULL, &answer);
	if (done != CLI_DONE)
		return done;
	const struct bytes yaml = buf_bytes(answer.text);
	if (file != NULL && input_new_file(file, &out) != OK)
		return cmd_refuse(cli, "'%s' exists already, or cannot be written.", file);
	fwrite(yaml.p, 1, yaml.n, out);
	if (file != NULL && fclose(out) != 0)
		return cmd_refuse(cli, "'%s' could not be written whole.", file);
	return CLI_DONE;
}
