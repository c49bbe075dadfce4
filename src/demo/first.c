/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/first.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/secret.h"
#include "cli/offline/init.h"
#include "codec/json.h"
#include "sys/file.h"

enum { EXIT_USAGE = 2, PASSPHRASE_MAX = 1024, NOTE_MAX = 4 * PATH_MAX };

static const char usage[] =
	"usage: valetkey init --data DIR [--key-file FILE | --passphrase-file FILE]\n"
	"                     [--token-file FILE] [--json]\n"
	"\n"
	"Makes a data directory: keys, an empty log, the database, the first admin token. Key and\n"
	"token go to $XDG_CONFIG_HOME/valetkey/NAME, NAME being that of the directory, where\n"
	"nothing else is said. With a passphrase ('-' reads standard input) there is no key file,\n"
	"and after each start 'valetkey key unseal' is needed. --data may come from "
	"VALETKEY_DATA.\n";

bool first_absolute(const char *path, char to[static PATH_MAX])
{
	char here[PATH_MAX];

	if (path[0] == '/')
		return snprintf(to, PATH_MAX, "%s", path) < PATH_MAX;
	return getcwd(here, sizeof here) != NULL &&
	       snprintf(to, PATH_MAX, "%s/%s", here, path) < PATH_MAX;
}

static void note_member(struct dynbuf *out, const char *name, const char *value)
{
	dynbuf_printf(out, "%s\"%s\":", out->n > 1 ? "," : "", name);
	json_print_string(str(value), out);
}

static enum err note(const struct first *first)
{
	char path[PATH_MAX];
	struct dynbuf out;
	int dir = -1;

	if (snprintf(path, sizeof path, "%s/run", first->data) >= PATH_MAX)
		return ERR_TOO_LARGE;
	TRY(file_open_dir(AT_FDCWD, path, false, &dir));
	dynbuf_init(&out, NOTE_MAX);
	dynbuf_str(&out, "{");
	note_member(&out, "token_file", first->token_file);
	if (first->passphrase == NULL)
		note_member(&out, "key_file", first->key_file);
	dynbuf_str(&out, "}\n");
	enum err err = dynbuf_err(&out);
	if (err == OK)
		err = file_replace(dir, "client.json", dynbuf_view(&out));
	dynbuf_done(&out);
	close(dir);
	return err;
}

static bool complain(const char *command, const char *path, const char *why)
{
	fprintf(stderr, "valetkey %s: %s %s\n", command, path, why);
	return false;
}

bool first_make(const char *command, const struct first *first)
{
	const struct init_options options = { .data = first->data,
					      .key_file = first->key_file,
					      .token_file = first->token_file,
					      .passphrase = first->passphrase };

	if (init_done(first->data))
		return complain(command, first->data, "was initialised before");
	/* Asked first, so that nothing is half made when one of them is there. */
	if (first->passphrase == NULL && access(first->key_file, F_OK) == 0)
		return complain(command, first->key_file,
				"is there already; name another with --key-file");
	if (access(first->token_file, F_OK) == 0)
		return complain(command, first->token_file,
				"is there already; name another with --token-file");
	enum err err = init_data(&options);
	if (err == OK)
		err = note(first);
	return err == OK || complain(command, first->data,
				     err == ERR_DENIED ? "or the files beside it cannot be written"
						       : err_row(err)->says);
}

struct words {
	const char *data, *key_file, *token_file, *passphrase_file;
	bool json;
};

static int parse(int argc, char **argv, struct words *words)
{
	const struct {
		const char *name;
		const char **value;
	} options[] = {
		{ "--data", &words->data },
		{ "--key-file", &words->key_file },
		{ "--token-file", &words->token_file },
		{ "--passphrase-file", &words->passphrase_file },
	};

	for (int i = 0; i < argc; i++) {
		size_t n = 0;
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return fputs(usage, stdout) >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
		if (strcmp(argv[i], "--json") == 0) {
			words->json = true;
			continue;
		}
		while (n < ARRAY_LEN(options) && strcmp(argv[i], options[n].name) != 0)
			n++;
		if (n == ARRAY_LEN(options) || i + 1 == argc) {
			fprintf(stderr, "valetkey: %s is not understood here\n%s", argv[i], usage);
			return EXIT_USAGE;
		}
		*options[n].value = argv[++i];
	}
	if (words->data != NULL && !(words->key_file != NULL && words->passphrase_file != NULL))
		return -1;
	fprintf(stderr,
		words->data == NULL ? "valetkey init: name the data directory with --data DIR\n%s"
				    : "valetkey init: a key file or a passphrase, not both\n%s",
		usage);
	return EXIT_USAGE;
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Beneath the person's configuration: outside the data directory, so outside its backups. */
static bool file_otherwise(const char *data, const char *name, char to[static PATH_MAX])
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	const bool has_config = config != NULL && config[0] == '/';

	if (!has_config && (home == NULL || home[0] != '/'))
		return false;
	return snprintf(to, PATH_MAX, "%s%s/valetkey/%s/%s", has_config ? config : home,
			has_config ? "" : "/.config", last_name(data), name) < PATH_MAX;
}

static bool paths(const struct words *words, struct first *first)
{
	if (!first_absolute(words->data, first->data))
		return false;
	for (size_t n = strlen(first->data);
	     n > 1 && (first->data[n - 1] == '/' ||
		       (first->data[n - 1] == '.' && first->data[n - 2] == '/'));
	     n--)
		first->data[n - 1] = 0;
	return (words->key_file != NULL
			? first_absolute(words->key_file, first->key_file)
			: file_otherwise(first->data, "unseal.key", first->key_file)) &&
	       (words->token_file != NULL
			? first_absolute(words->token_file, first->token_file)
			: file_otherwise(first->data, "admin.token", first->token_file));
}

static bool passphrase_read(const char *path, char to[static PASSPHRASE_MAX + 1])
{
	FILE *from = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	size_t n = 0;

	if (from == NULL)
		return complain("init", path, "cannot be read");
	setvbuf(from, NULL, _IONBF, 0); /* no copy is left in a buffer of the C library */
	n = fread(to, 1, PASSPHRASE_MAX + 1, from);
	if (from != stdin)
		fclose(from);
	if (n > PASSPHRASE_MAX)
		return complain("init", path, "holds more than a passphrase");
	while (n > 0 && (to[n - 1] == '\n' || to[n - 1] == '\r'))
		n--;
	to[n] = 0;
	return n > 0 || complain("init", path, "is empty");
}

static void print(const struct first *first, bool json)
{
	struct dynbuf out;

	if (!json) {
		printf("%s is ready.\n", first->data);
		if (first->passphrase == NULL)
			printf("The key that unseals it: %s (keep a copy elsewhere; without it "
			       "nothing can be read)\n",
			       first->key_file);
		printf("The first admin token: %s\nNext: valetkey serve --data %s\n",
		       first->token_file, first->data);
		return;
	}
	dynbuf_init(&out, NOTE_MAX);
	dynbuf_str(&out, "{");
	note_member(&out, "data", first->data);
	note_member(&out, "token_file", first->token_file);
	if (first->passphrase == NULL)
		note_member(&out, "key_file", first->key_file);
	printf("%.*s}\n", (int)out.n, (const char *)out.p);
	dynbuf_done(&out);
}

int first_main(int argc, char **argv)
{
	static struct first first;
	char passphrase[PASSPHRASE_MAX + 2] = "";
	struct words words = { .data = getenv("VALETKEY_DATA") };

	const int status = parse(argc, argv, &words);
	if (status >= 0)
		return status;
	if (!paths(&words, &first)) {
		(void)complain("init", words.data,
			       "leads to a path that is too long, or HOME is unset");
		return EXIT_FAILURE;
	}
	bool done = true;
	if (words.passphrase_file != NULL) {
		done = passphrase_read(words.passphrase_file, passphrase);
		first.passphrase = passphrase;
	}
	done = done && first_make("init", &first);
	wipe(passphrase, sizeof passphrase);
	if (done)
		print(&first, words.json);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
