/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cmd.h"
#include "cli/offline/archive.h"

static enum cli_exit say(struct cli *cli, const char *path, const struct archive_report *report)
{
	if (cli->json) {
		scoped(json_free) json_t *object =
			json_pack("{s:s,s:I,s:I}", "path", path, "files", (json_int_t)report->files,
				  "bytes", (json_int_t)report->bytes);
		show_json(&cli->show, object);
		return CLI_DONE;
	}
	fprintf(cli->out, "%s  (%llu files, %llu bytes)\n", path, (unsigned long long)report->files,
		(unsigned long long)report->bytes);
	return CLI_DONE;
}

/* Where the daemon has put its copy of the database. */
static enum cli_exit locate(struct cli *cli, const json_t *answer, char db[static PATH_MAX])
{
	char path[PATH_MAX];

	if (bytes_str(json_str(answer, "path"), path, sizeof path) != OK || path[0] == 0)
		return cmd_refuse(cli, "The daemon made a copy but does not say where.");
	snprintf(db, PATH_MAX, "%s%s%.3000s", path[0] == '/' ? "" : cli->data,
		 path[0] == '/' ? "" : "/", path);
	if (access(db, R_OK) == 0)
		return CLI_DONE;
	snprintf(db, PATH_MAX, "%.1000s/state/%.3000s", cli->data, path);
	if (access(db, R_OK) == 0)
		return CLI_DONE;
	return cmd_refuse(
		cli, "The daemon's copy cannot be read: %s. Run this as the daemon's user.", path);
}

enum cli_exit cmd_backup_create(struct cli *cli)
{
	scoped(client_done) struct client_answer answer = { 0 };
	char db[PATH_MAX], to[PATH_MAX], now[CLOCK_TEXT_LEN + 1];
	struct archive_report report;

	if (cli->data == NULL)
		return cmd_usage(cli,
				 "The keys and the log are copied from the daemon's own machine: "
				 "name its data directory with --data DIR.");
	cmd_hint(cli, "Copying the database ...");
	enum cli_exit done = cmd_ask(cli, "POST", "/backups", json_object(), &answer);
	if (done == CLI_DONE)
		done = locate(cli, answer.json, db);
	if (done != CLI_DONE)
		return done;
	clock_print(clock_wall(), now);
	if (cmd_has(cli, OPTION_TO))
		snprintf(to, sizeof to, "%s", cmd_option(cli, OPTION_TO));
	else
		snprintf(to, sizeof to, "valetkey-backup-%.10s-%.2s%.2s%.2s", now, now + 11,
			 now + 14, now + 17);
	cmd_hint(cli, "Copying keys and log ...");
	const enum err err = archive_make(cli->data, db, to, &report);
	unlink(db);
	if (err != OK)
		return cmd_refuse(cli, "The backup failed. %s", report.why);
	done = say(cli, to, &report);
	cmd_hint(cli,
		 "\nThe unseal key or passphrase is not in it: keep that elsewhere, for without "
		 "it the backup\ncannot be opened. 'valetkey backup restore --from %s --data "
		 "NEWDIR' uses it.",
		 to);
	return done;
}

static enum cli_exit read_unseal(struct cli *cli, const char *from, struct secret **ret)
{
	const char *passphrase = cmd_option(cli, OPTION_PASSPHRASE_FILE);
	const char *key = cmd_option(cli, OPTION_KEY_FILE);
	char named[PATH_MAX];

	if (passphrase != NULL && input_secret(passphrase, ret) != OK)
		return cmd_usage(cli, "There is no passphrase to read in '%s'.", passphrase);
	if (passphrase != NULL)
		return CLI_DONE;
	if (key != NULL || archive_key_file(from, named, sizeof named) == OK)
		return input_key(key != NULL ? key : named, ret) == OK
			       ? CLI_DONE
			       : cmd_usage(cli,
					   "'%s' is no unseal key: one line of 64 hexadecimal "
					   "digits.",
					   key != NULL ? key : named);
	if (input_passphrase("Unseal passphrase", ret) == OK)
		return CLI_DONE;
	return cmd_usage(cli, "The keys must be opened: name --key-file or --passphrase-file.");
}

enum cli_exit cmd_backup_restore(struct cli *cli)
{
	scoped(secret_free) struct secret *secret = NULL;
	const char *from = cmd_option(cli, OPTION_FROM);
	struct archive_report report;

	if (access(from, R_OK) != 0)
		return cmd_refuse(cli, "There is no backup at '%s'.", from);
	const enum cli_exit done = read_unseal(cli, from, &secret);
	if (done != CLI_DONE)
		return done;
	cmd_hint(cli, "Copying and checking ...");
	const enum err err = archive_restore(from, cli->data, secret_bytes(secret), &report);
	if (err != OK)
		return cmd_refuse(cli, "Nothing was restored. %s",
				  report.why[0] != 0 ? report.why : err_row(err)->says);
	say(cli, cli->data, &report);
	cmd_hint(cli,
		 "\nWhat could be used once before (links, codes) does not work any more; the "
		 "log has a record of it.\nWhat was paused, removed or rotated after the backup is "
		 "as it was before: do that again.\nNext: valetkey serve --data %s",
		 cli->data);
	return CLI_DONE;
}
