/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cmd.h"
#include "cli/offline/prove.h"
#include "cli/offline/verify.h"

enum {
	TAIL_LINES = 20,
	SEARCH_LINES = 100,
	PAGE = 500,
	FOLLOW_MS = 1000,
	CHECKPOINT_MAX = 64 * 1024,
};

static const struct show_column columns[] = {
	{ "SEQ", "seq", SHOW_TEXT },	     { "TIME", "time", SHOW_TIME },
	{ "EVENT", "kind", SHOW_TEXT },	     { "OUTCOME", "outcome", SHOW_STATE },
	{ "SERVICE", "service", SHOW_TEXT }, { "TOOL", "tool", SHOW_TEXT },
	{ "STATUS", "status", SHOW_TEXT },   { "REASON", "reason", SHOW_TEXT },
	{ "VAULT", "vault", SHOW_TEXT },     { "CONNECTION", "connection", SHOW_TEXT },
};

/* A fixed width, because the next line is not known yet when one is shown. */
static const unsigned widths[ARRAY_LEN(columns)] = { 8, 23, 18, 8, 10, 32, 31, 0 };

static enum cli_exit filtered(struct cli *cli, struct cmd_path *path)
{
	static const struct {
		const char *name;
		enum option_id option;
	} filters[] = {
		{ "user", OPTION_USER },       { "agent", OPTION_AGENT },
		{ "vault", OPTION_VAULT },     { "connection", OPTION_CONNECTION },
		{ "service", OPTION_SERVICE }, { "kind", OPTION_KIND },
		{ "outcome", OPTION_OUTCOME },
	};
	enum cli_exit done;

	*path = (struct cmd_path){ "/events" };
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		done = cmd_query(cli, filters[i].name, cmd_option(cli, filters[i].option), path);
		if (done != CLI_DONE)
			return done;
	}
	done = cmd_time(cli, "from", OPTION_SINCE, path);
	return done != CLI_DONE ? done : cmd_time(cli, "to", OPTION_UNTIL, path);
}

static enum cli_exit read_number(struct cli *cli, enum option_id option, uint64_t otherwise,
				 uint64_t max, uint64_t *ret)
{
	*ret = otherwise;
	if (!cmd_has(cli, option))
		return CLI_DONE;
	if (bytes_u64(str(cmd_option(cli, option)), max, ret) == OK && *ret > 0)
		return CLI_DONE;
	return cmd_usage(cli, "--%s is a number from 1 to %llu.", option_rows[option].name,
			 (unsigned long long)max);
}

struct page {
	const char *order;
	uint64_t limit, after; /* after 0: from the end that the order gives */
};

/* One page of @path; the items are new. */
static enum cli_exit get_page(struct cli *cli, const struct cmd_path *path, const struct page *page,
			      json_t **ret)
{
	scoped(client_done) struct client_answer answer = { 0 };
	struct cmd_path at = *path;
	char limit[32], after[32];
	enum cli_exit done;

	snprintf(limit, sizeof limit, "%llu", (unsigned long long)page->limit);
	snprintf(after, sizeof after, "%llu", (unsigned long long)page->after);
	if ((done = cmd_query(cli, "order", page->order, &at)) != CLI_DONE ||
	    (done = cmd_query(cli, "limit", limit, &at)) != CLI_DONE ||
	    (done = cmd_query(cli, "after", page->after == 0 ? NULL : after, &at)) != CLI_DONE ||
	    (done = cmd_ask(cli, "GET", at.s, NULL, &answer)) != CLI_DONE)
		return done;
	json_t *items = json_object_get(answer.json, "items");
	if (!json_is_array(items))
		return cmd_refuse(cli, "The daemon's answer is no list.");
	*ret = json_incref(items);
	return CLI_DONE;
}

/* The seq of the last item, or @otherwise. */
static uint64_t last_seq(const json_t *items, uint64_t otherwise)
{
	const size_t n = json_array_size(items);
	int64_t seq;

	if (n == 0 || !json_int(json_array_get(items, n - 1), "seq", &seq) || seq < 0)
		return otherwise;
	return (uint64_t)seq;
}

static void show_event(struct cli *cli, const json_t *event)
{
	if (cli->json)
		show_json(&cli->show, event);
	else
		show_row(&cli->show, event, columns, widths, ARRAY_LEN(columns));
}

/* The log's first record has the number 0, which as a cursor means "from the beginning". */
static bool is_later(const json_t *event, int64_t than)
{
	int64_t seq = 0;

	return json_int(event, "seq", &seq) && seq > than;
}

static enum cli_exit follow(struct cli *cli, const struct cmd_path *path, int64_t newest)
{
	const struct timespec moment = { .tv_sec = FOLLOW_MS / 1000 };
	struct page page = { .order = "asc", .limit = PAGE };
	const json_t *event;
	size_t i;

	for (;;) {
		scoped(json_free) json_t *items = NULL;
		page.after = newest < 0 ? 0 : (uint64_t)newest;
		const enum cli_exit done = get_page(cli, path, &page, &items);
		if (done != CLI_DONE)
			return done;
		json_array_foreach(items, i, event)
		{
			if (!is_later(event, newest))
				continue;
			show_event(cli, event);
			json_int(event, "seq", &newest);
		}
		if (fflush(cli->out) != 0)
			return cmd_refuse(cli, "The output could not be written.");
		if (json_array_size(items) < PAGE)
			nanosleep(&moment, NULL);
	}
}

enum cli_exit cmd_audit_tail(struct cli *cli)
{
	scoped(json_free) json_t *items = NULL;
	struct page page = { .order = "desc" };
	struct cmd_path path;
	enum cli_exit done;

	if ((done = read_number(cli, OPTION_LIMIT, TAIL_LINES, PAGE, &page.limit)) != CLI_DONE ||
	    (done = filtered(cli, &path)) != CLI_DONE ||
	    (done = get_page(cli, &path, &page, &items)) != CLI_DONE)
		return done;
	for (size_t i = json_array_size(items); i > 0; i--)
		show_event(cli, json_array_get(items, i - 1));
	if (!cmd_has(cli, OPTION_FOLLOW))
		return CLI_DONE;
	int64_t newest = -1;
	json_int(json_array_get(items, 0), "seq", &newest);
	return follow(cli, &path, newest);
}

enum cli_exit cmd_audit_search(struct cli *cli)
{
	scoped(json_free) json_t *found = json_array();
	const char *order = cmd_has(cli, OPTION_ORDER) ? cmd_option(cli, OPTION_ORDER) : "desc";
	struct page page = { .order = order };
	struct cmd_path path;
	uint64_t limit;
	enum cli_exit done;

	if ((done = read_number(cli, OPTION_LIMIT, SEARCH_LINES, 100 * 1000, &limit)) != CLI_DONE ||
	    (done = filtered(cli, &path)) != CLI_DONE)
		return done;
	for (size_t got = 1; got > 0 && json_array_size(found) < limit;) {
		scoped(json_free) json_t *items = NULL;
		const uint64_t left = limit - json_array_size(found);
		page.limit = left < PAGE ? left : PAGE;
		done = get_page(cli, &path, &page, &items);
		if (done != CLI_DONE)
			return done;
		got = json_array_size(items) < page.limit ? 0 : json_array_size(items);
		page.after = last_seq(items, page.after);
		if (json_array_extend(found, items) != 0)
			return cmd_refuse(cli, "This machine is out of memory.");
	}
	if (cli->json) {
		scoped(json_free) json_t *whole = json_pack("{s:O}", "items", found);
		show_json(&cli->show, whole);
	} else if (json_array_size(found) == 0) {
		cmd_hint(cli, "No event fits.");
	} else {
		show_table(&cli->show, found, columns, ARRAY_LEN(columns));
	}
	return CLI_DONE;
}

/* The columns of the CSV form; a member that is not here is in the JSON form only. */
static const char *const csv_columns[] = {
	"seq",	    "time",    "event",	     "kind",   "outcome",     "reason", "ref",
	"tenant",   "user",    "connection", "vault",  "agent",	      "actor",	"object",
	"address",  "service", "tool",	     "scopes", "status",      "policy", "version",
	"revision", "digest",  "detail",     "bytes",  "duration_us",
};

/* RFC 4180. What is no string or number is printed as JSON. */
static void csv_cell(const json_t *value, FILE *out)
{
	scoped(dynbuf_done) struct dynbuf text;

	dynbuf_init(&text, CLIENT_ANSWER_MAX);
	if (json_is_string(value))
		dynbuf_put(&text, json_string_value(value), json_string_length(value));
	else if (value != NULL)
		json_print(value, &text);
	const bool plain =
		text.n == 0 ||
		(memchr(text.p, '"', text.n) == NULL && memchr(text.p, ',', text.n) == NULL &&
		 memchr(text.p, '\n', text.n) == NULL && memchr(text.p, '\r', text.n) == NULL);
	if (plain && text.n > 0)
		fwrite(text.p, 1, text.n, out);
	if (plain)
		return;
	putc('"', out);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			putc('"', out);
		putc(text.p[i], out);
	}
	putc('"', out);
}

static void export_event(const json_t *event, bool csv, FILE *out)
{
	if (!csv) {
		show_json(&(struct show){ .out = out }, event);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(csv_columns); i++) {
		if (i > 0)
			putc(',', out);
		csv_cell(json_object_get(event, csv_columns[i]), out);
	}
	fputs("\r\n", out);
}

static enum cli_exit export_all(struct cli *cli, const struct cmd_path *path, bool csv, FILE *out)
{
	struct page page = { .order = "asc", .limit = PAGE };
	const bool progress = isatty(fileno(cli->err)) == 1;
	uint64_t n = 0;
	size_t got, i;
	const json_t *event;

	for (size_t c = 0; csv && c < ARRAY_LEN(csv_columns); c++)
		fprintf(out, "%s%s", c == 0 ? "" : ",", csv_columns[c]);
	if (csv)
		fputs("\r\n", out);
	do {
		scoped(json_free) json_t *items = NULL;
		const enum cli_exit done = get_page(cli, path, &page, &items);
		if (done != CLI_DONE)
			return done;
		json_array_foreach(items, i, event) export_event(event, csv, out);
		got = json_array_size(items);
		page.after = last_seq(items, page.after);
		n += got;
		if (progress)
			fprintf(cli->err, "\r%llu events", (unsigned long long)n);
	} while (got == PAGE);
	fprintf(cli->err, "%s%llu events\n", progress ? "\r" : "", (unsigned long long)n);
	return CLI_DONE;
}

enum cli_exit cmd_audit_export(struct cli *cli)
{
	const char *format = cmd_option(cli, OPTION_FORMAT), *file = cmd_option(cli, OPTION_OUTPUT);
	const bool csv = strcmp(format, "csv") == 0;
	FILE *out = cli->out;
	struct cmd_path path;

	if (!csv && strcmp(format, "jsonl") != 0)
		return cmd_usage(cli, "--format is csv or jsonl.");
	enum cli_exit done = filtered(cli, &path);
	if (done != CLI_DONE)
		return done;
	const enum err err = file == NULL ? OK : input_new_file(file, &out);
	if (err != OK)
		return cmd_refuse(cli, "'%s' %s.", file,
				  err == ERR_EXISTS ? "exists already" : "cannot be written");
	done = export_all(cli, &path, csv, out);
	if (file != NULL && fclose(out) != 0 && done == CLI_DONE)
		return cmd_refuse(cli, "'%s' could not be written whole.", file);
	return done;
}

static enum err key_from(const char *file, uint8_t ret[static SIGN_PUBLIC_LEN])
{
	scoped(buf_free) struct buf *text = NULL;

	TRY(input_text(file, CHECKPOINT_MAX, &text));
	return verify_key_parse(buf_bytes(text), ret);
}

/* Named, else what init left in the data directory, else what a running daemon says. */
static enum cli_exit find_key(struct cli *cli, struct verify_options *options)
{
	scoped(client_done) struct client_answer answer = { 0 };
	const char *named = cmd_option(cli, OPTION_PUBLIC_KEY);
	char file[PATH_MAX];

	if (named != NULL)
		return key_from(named, options->key) == OK
			       ? CLI_DONE
			       : cmd_usage(cli, "There is no public key in '%s'.", named);
	snprintf(file, sizeof file, "%s/log.pub", cli->data == NULL ? "" : cli->data);
	if (cli->data != NULL && key_from(file, options->key) == OK)
		return CLI_DONE;
	cmd_hint(cli,
		 "The data directory has no log.pub; the running daemon is asked for the key.");
	const enum cli_exit done = cmd_ask(cli, "GET", "/status", NULL, &answer);
	if (done != CLI_DONE)
		return done;
	if (verify_key_parse(json_str(json_object_get(answer.json, "log"), "key"), options->key) !=
	    OK)
		return cmd_refuse(cli, "The daemon does not name the log's key. Name it with "
				       "--public-key FILE.");
	return CLI_DONE;
}

static void progress(uint64_t records)
{
	fprintf(stderr, "\r%llu records", (unsigned long long)records);
}

static enum cli_exit verify(struct cli *cli, struct verify_options *options)
{
	scoped(dynbuf_done) struct dynbuf text;
	struct verify_result result;

	dynbuf_init(&text, CHECKPOINT_MAX);
	if (!cli->json && isatty(fileno(cli->err)) == 1)
		options->progress = progress;
	const enum err err = verify_log(options, &result);
	if (options->progress != NULL)
		fputs("\r\033[K", cli->err);
	if (err != OK)
		return cmd_refuse(cli, "The log's files cannot be read.");
	verify_print(&result, cli->json, &text);
	fwrite(text.p, 1, text.n, cli->out);
	return result.flaw == VERIFY_SOUND ? CLI_DONE : CLI_REFUSED;
}

/* The log's directory and its key, from the options or the data directory. */
static enum cli_exit find_log(struct cli *cli, struct verify_options *options)
{
	const char *log = cmd_option(cli, OPTION_LOG);
	char dir[PATH_MAX];

	if (log == NULL && cli->data == NULL)
		return cmd_usage(cli, "Name the data directory with --data DIR, or the log's files "
				      "with --log DIR.");
	const enum cli_exit done = find_key(cli, options);
	if (done != CLI_DONE)
		return done;
	snprintf(dir, sizeof dir, "%s%s", log == NULL ? cli->data : log, log == NULL ? "/log" : "");
	options->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return options->dir < 0 ? cmd_refuse(cli, "There is no log at '%s'.", dir) : CLI_DONE;
}

enum cli_exit cmd_audit_verify(struct cli *cli)
{
	scoped(buf_free) struct buf *older = NULL;
	struct verify_options options = { .dir = -1 };
	const char *kept = cmd_option(cli, OPTION_CHECKPOINT);

	if (kept != NULL && input_text(kept, CHECKPOINT_MAX, &older) != OK)
		return cmd_usage(cli, "'%s' cannot be read.", kept);
	options.older = buf_bytes(older);
	enum cli_exit done = find_log(cli, &options);
	if (done != CLI_DONE)
		return done;
	done = verify(cli, &options);
	close(options.dir);
	return done;
}

static enum cli_exit prove(struct cli *cli, const struct prove_options *options)
{
	scoped(dynbuf_done) struct dynbuf text;
	struct prove_result result;

	dynbuf_init(&text, CHECKPOINT_MAX);
	const enum err err = prove_inclusion(options, &result);
	if (err == ERR_NOT_FOUND)
		return cmd_refuse(cli, "There is no such record in a log of that size, or it is "
				       "not signed yet.");
	if (err == ERR_FORGED)
		return cmd_refuse(cli, "No proof is given from this log. %s",
				  verify_says(result.log.flaw == VERIFY_SOUND ? VERIFY_SIGNATURE
									      : result.log.flaw));
	if (err != OK)
		return cmd_refuse(cli, "The log's files cannot be read.");
	prove_print(&result, cli->json, &text);
	fwrite(text.p, 1, text.n, cli->out);
	return CLI_DONE;
}

enum cli_exit cmd_audit_prove(struct cli *cli)
{
	struct prove_options options = { .verify = { .dir = -1 } };
	const char *size = cmd_option(cli, OPTION_SIZE);

	if (bytes_u64(str(cli->line->operand), UINT64_MAX - 1, &options.seq) != OK ||
	    (size != NULL && bytes_u64(str(size), UINT64_MAX, &options.size) != OK))
		return cmd_usage(cli, "The record and the size are numbers.");
	enum cli_exit done = find_log(cli, &options.verify);
	if (done != CLI_DONE)
		return done;
	done = prove(cli, &options);
	close(options.verify.dir);
	return done;
}
