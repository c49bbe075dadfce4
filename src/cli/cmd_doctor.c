/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/offline/archive.h"
#include "cli/offline/machine.h"
#include "codec/uri.h"

#define MIB ((uint64_t)1024 * 1024)

enum { ROOM_FAIL_MIB = 64, ROOM_WARN_MIB = 512, LOCK_WARN_MIB = 8, LAG_WARN = 10 * 1000 };

static const struct show_column columns[] = {
	{ "CHECK", "check", SHOW_TEXT },
	{ "STATE", "state", SHOW_STATE },
	{ "FINDING", "says", SHOW_TEXT },
};

static const struct show_column mend_columns[] = {
	{ "WHAT TO DO ABOUT", "check", SHOW_TEXT },
	{ "", "mend", SHOW_TEXT },
};

struct doctor {
	struct cli *cli;
	json_t *checks;
	bool failed;
};

static void note(struct doctor *d, const char *check, const char *state, const char *mend,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* @mend: what to do about it; NULL where nothing has to be done. */
static void note(struct doctor *d, const char *check, const char *state, const char *mend,
		 const char *fmt, ...)
{
	char says[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(says, sizeof says, fmt, ap);
	va_end(ap);
	json_t *item = json_object();
	json_object_set_new(item, "check", json_string(check));
	json_object_set_new(item, "state", json_string(state));
	json_object_set_new(item, "says", json_of(str(says)));
	if (mend != NULL)
		json_object_set_new(item, "mend", json_string(mend));
	json_array_append_new(d->checks, item);
	d->failed |= strcmp(state, "fail") == 0;
}

/* What nobody but its owner may touch. */
static void check_private(struct doctor *d, const char *check, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		note(d, check, "fail", "Run this as the user who runs the daemon.",
		     "%s cannot be looked at", path);
	else if ((st.st_mode & 077) != 0)
		note(d, check, "fail", "Take the rights of others away: chmod go= on it.",
		     "%s is open to others (mode %o)", path, (unsigned)st.st_mode & 07777);
	else
		note(d, check, "ok", NULL, "%s is its owner's alone", path);
}

static void check_keys(struct doctor *d, const char *data)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	struct stat st;

	snprintf(path, sizeof path, "%.4000s/keys", data);
	check_private(d, "keys", path);
	DIR *dir = opendir(path);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if ((st.st_mode & 077) != 0)
			note(d, "keys", "fail", "Take the rights of others away: chmod go= on it.",
			     "%s/%s is open to others", path, entry->d_name);
	}
	closedir(dir);
}

static void check_key_file(struct doctor *d, const char *data)
{
	char path[PATH_MAX];
	const size_t n = strlen(data);

	if (archive_key_file(data, path, sizeof path) != OK) {
		note(d, "unseal key", "ok", NULL, "no key file: a passphrase unseals");
		return;
	}
	check_private(d, "unseal key", path);
	if (strncmp(path, data, n) == 0 && path[n] == '/')
		note(d, "unseal key", "warn",
		     "Move it to another disk, or use a passphrase; a demo may leave it.",
		     "it lies in the data directory that it unseals");
}

static void check_room(struct doctor *d, const char *data)
{
	struct statvfs fs;

	if (statvfs(data, &fs) != 0)
		return;
	const uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize / MIB;
	const char *state = room < ROOM_FAIL_MIB ? "fail" : room < ROOM_WARN_MIB ? "warn" : "ok";
	note(d, "disk", state,
	     room < ROOM_WARN_MIB ? "Make room: without it nothing is recorded, so nothing is lent."
				  : NULL,
	     "%llu MiB are free", (unsigned long long)room);
}

static void check_machine(struct doctor *d)
{
	struct machine m;

	machine_look(&m);
	if (m.seccomp)
		note(d, "seccomp", "ok", NULL, "system calls can be filtered");
	else
		note(d, "seccomp", "fail",
		     "Use a kernel with seccomp filters; nothing starts without.",
		     "system calls cannot be filtered");
	if (m.landlock > 0)
		note(d, "landlock", "ok", NULL, "files can be fenced off (interface %u)",
		     m.landlock);
	else
		note(d, "landlock", "warn",
		     "Add landlock to the kernel's lsm= list if it has it; the other walls stand "
		     "without.",
		     "the kernel does not offer it");
	if (m.memfd_secret)
		note(d, "secret memory", "ok", NULL, "memory can be hidden from the kernel");
	else
		note(d, "secret memory", "warn",
		     "Boot with secretmem.enable=1 if the kernel has it; secrets are locked in "
		     "memory without.",
		     "memfd_secret is not offered");
	if (m.lockable_bytes < LOCK_WARN_MIB * MIB)
		note(d, "locked memory", "warn", "Raise it with LimitMEMLOCK= or ulimit -l.",
		     "only %llu KiB may be locked", (unsigned long long)m.lockable_bytes / 1024);
	if (m.clock_synchronised)
		note(d, "clock", "ok", NULL, "it is kept in step");
	else
		note(d, "clock", "warn", "Run a time service such as systemd-timesyncd.",
		     "nothing keeps it in step; expiry of tokens goes by it");
}

static enum err ask(struct client *client, const char *path, bool open, struct client_answer *ret)
{
	const struct client_request request = { .method = "GET", .path = path, .open = open };
	struct client_why why;

	return client_ask(client, &request, &why, ret);
}

static void check_ready(struct doctor *d, struct client *client)
{
	scoped(client_done) struct client_answer answer = { 0 };

	if (ask(client, "//readyz", true, &answer) != OK)
		return;
	/* before the keeper was ever unsealed there is no core to say more than the code */
	const struct bytes said = json_str(answer.json, "keeper");
	const struct bytes keeper = said.n > 0 ? said : json_str(answer.json, "code");
	const struct bytes log = json_str(answer.json, "log");
	if (answer.status == 200)
		note(d, "ready", "ok", NULL, "requests are served");
	else if (bytes_is(keeper, "sealed"))
		note(d, "ready", "fail", "Run 'valetkey key unseal' on the daemon's machine.",
		     "the keeper is sealed");
	else if (bytes_is(keeper, "rollback_suspected"))
		note(d, "ready", "fail",
		     "Find out why; 'valetkey key accept-rollback' goes on from there, on record.",
		     "the database or the log is older than what was seen before");
	else if (bytes_is(log, "full"))
		note(d, "ready", "fail", "Make room on the disk; it goes on by itself.",
		     "there is no room for the log");
	else
		note(d, "ready", "fail", "Look at the daemon's own lines on its standard error.",
		     "requests are not served (status %d)", answer.status);
}

static void check_issuer(struct doctor *d, const json_t *status)
{
	char issuer[CLIENT_URL_MAX];
	struct uri uri;

	if (bytes_str(json_str(status, "issuer"), issuer, sizeof issuer) != OK ||
	    uri_parse(str(issuer), &uri) != OK)
		return;
	const bool here = client_is_here(uri.host);
	note(d, "callback", uri.https || here ? "ok" : "warn",
	     uri.https || here ? "Register exactly this address at each provider."
			       : "Use https: providers refuse other addresses than loopback.",
	     "%slogin/callback", issuer);
}

static void check_status(struct doctor *d, struct client *client)
{
	scoped(client_done) struct client_answer answer = { 0 };
	int64_t size = 0, upto = 0;

	if (ask(client, "/status", false, &answer) != OK)
		return;
	if (answer.status == 401 || answer.status == 403) {
		note(d, "token", "fail", "Use the admin token that 'valetkey init' wrote.",
		     "the daemon does not accept it");
		return;
	}
	if (answer.status != 200)
		return;
	const struct bytes version = json_str(answer.json, "version");
	if (bytes_is(version, VALETKEY_VERSION))
		note(d, "version", "ok", NULL, "%s, here and there", VALETKEY_VERSION);
	else
		note(d, "version", "warn", "Restart the daemon with this program.",
		     "the daemon runs %.*s, this is %s", (int)version.n,
		     version.p == NULL ? "" : (const char *)version.p, VALETKEY_VERSION);
	if (json_int(json_object_get(answer.json, "log"), "size", &size) &&
	    json_int(answer.json, "projected_upto", &upto))
		note(d, "search", size - upto > LAG_WARN ? "warn" : "ok",
		     size - upto > LAG_WARN ? "It catches up by itself; wait." : NULL,
		     "%lld of %lld records can be searched", (long long)upto, (long long)size);
	check_issuer(d, answer.json);
}

static void check_daemon(struct doctor *d)
{
	scoped(client_done) struct client_answer answer = { 0 };
	struct client_why why = { { 0 } };
	const struct client_request request = { .method = "GET",
						.path = "//healthz",
						.open = true };
	struct cli *cli = d->cli;

	if (client_new(cli->data, cmd_option(cli, OPTION_TENANT), &why, &cli->client) != OK) {
		note(d, "daemon", "fail", "Start it, or say where it is.", "%s", why.text);
		return;
	}
	if (client_ask(cli->client, &request, &why, &answer) != OK) {
		note(d, "daemon", "fail", "Start it with 'valetkey serve --data DIR'.", "%s",
		     why.text);
		return;
	}
	note(d, "daemon", answer.status == 200 ? "ok" : "fail",
	     answer.status == 200 ? NULL : "Look at the daemon's own lines on its standard error.",
	     "%s answers", client_url(cli->client));
	check_ready(d, cli->client);
	check_status(d, cli->client);
}

static void show_checks(struct doctor *d)
{
	scoped(json_free) json_t *mends = json_array();
	json_t *item;
	size_t i;

	if (d->cli->json) {
		scoped(json_free) json_t *whole =
			json_pack("{s:b,s:O}", "ok", !d->failed, "checks", d->checks);
		show_json(&d->cli->show, whole);
		return;
	}
	show_table(&d->cli->show, d->checks, columns, ARRAY_LEN(columns));
	json_array_foreach(d->checks, i, item) if (json_str(item, "mend").n > 0)
		json_array_append(mends, item);
	if (json_array_size(mends) == 0)
		return;
	putc('\n', d->cli->out);
	show_table(&d->cli->show, mends, mend_columns, ARRAY_LEN(mend_columns));
}

enum cli_exit cmd_doctor(struct cli *cli)
{
	scoped(json_free) json_t *checks = json_array();
	struct doctor d = { .cli = cli, .checks = checks };

	if (cli->data != NULL) {
		check_private(&d, "data", cli->data);
		check_keys(&d, cli->data);
		check_key_file(&d, cli->data);
		check_room(&d, cli->data);
	}
	check_machine(&d);
	check_daemon(&d);
	show_checks(&d);
	return d.failed ? CLI_REFUSED : CLI_DONE;
}
