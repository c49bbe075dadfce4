/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/demo.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cli/offline/init.h"
#include "parent/listen.h"
#include "parent/serve.h"

enum { EXIT_USAGE = 2, ADDRESS_MAX = 64 };

static const char usage[] =
	"usage: valetkey demo [--data DIR] [--listen ADDR:PORT] [--sandbox-listen ADDR:PORT]\n"
	"\n"
	"Starts Valetkey with a sandbox provider, so that everything can be tried without an\n"
	"account anywhere. Key and admin token lie in DIR/operator: do not keep real tokens "
	"there.\n"
	"Without --data, DIR is $XDG_STATE_HOME/valetkey-demo.\n";

struct demo {
	char data[PATH_MAX], key_file[PATH_MAX], token_file[PATH_MAX];
	char sandbox[ADDRESS_MAX], origin[ADDRESS_MAX + 8];
};

static bool join(char to[static PATH_MAX], const char *dir, const char *name)
{
	return snprintf(to, PATH_MAX, "%s/%s", dir, name) < PATH_MAX;
}

static bool data_otherwise(char to[static PATH_MAX])
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state != NULL && state[0] == '/')
		return join(to, state, "valetkey-demo");
	return home != NULL && home[0] == '/' && join(to, home, ".local/state/valetkey-demo");
}

/* Takes --sandbox-listen out of @argv; the rest is as for serve. Answers the new count. */
static int take_sandbox_listen(int argc, char **argv, const char **ret)
{
	int n = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--sandbox-listen") == 0 && i + 1 < argc)
			*ret = argv[++i];
		else
			argv[n++] = argv[i];
	}
	return n;
}

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "valetkey demo: %s: %s\n", what, why);
	return EXIT_FAILURE;
}

static int prepare(struct demo *demo, const char *data)
{
	if (data != NULL ? snprintf(demo->data, PATH_MAX, "%s", data) >= PATH_MAX
			 : !data_otherwise(demo->data))
		return fail("the data directory", "name one with --data DIR");
	if (!join(demo->key_file, demo->data, "operator/unseal.key") ||
	    !join(demo->token_file, demo->data, "operator/admin.token"))
		return fail(demo->data, "the path is too long");
	if (init_done(demo->data))
		return EXIT_SUCCESS;
	const struct init_options options = { .data = demo->data,
					      .key_file = demo->key_file,
					      .token_file = demo->token_file };
	const enum err err = init_data(&options);
	return err == OK ? EXIT_SUCCESS : fail(demo->data, err_row(err)->says);
}

/* The provider serves loopback only, and outbound calls may go there by the operator's word. */
static int aim(struct demo *demo, struct config *config, const char *listen)
{
	struct listen_address address;

	if (listen_parse(str(listen), &address) != OK || !listen_loopback(&address) ||
	    snprintf(demo->sandbox, sizeof demo->sandbox, "%s", listen) >=
		    (int)sizeof demo->sandbox)
		return fail("--sandbox-listen", "must be ADDR:PORT of loopback");
	snprintf(demo->origin, sizeof demo->origin, "http://%s", demo->sandbox);
	if (config_add(config, CONFIG_EGRESS_ALLOW, str(demo->sandbox)) != OK ||
	    config_set(config, CONFIG_KEY_FILE, str(demo->key_file)) != OK)
		return fail("configuration", "no memory");
	return EXIT_SUCCESS;
}

int demo_main(int argc, char **argv)
{
	static struct demo demo;
	const char *listen = "127.0.0.1:7071";
	struct serve_options options = { .data = getenv("VALETKEY_DATA") };
	const char *const setup[] = { "valetkey: setup", "--role=setup", "--data", demo.data,
				      "--origin",	 demo.origin,	 NULL };

	const int rest = take_sandbox_listen(argc, argv, &listen);
	int status = serve_parse(rest, argv, usage, &options);
	if (status < 0) {
		status = prepare(&demo, options.data);
		if (status == EXIT_SUCCESS)
			status = aim(&demo, &options.config, listen);
		if (status == EXIT_SUCCESS) {
			options.data = demo.data;
			options.sandbox_listen = demo.sandbox;
			options.greeter = setup;
			status = serve_run(&options);
		}
	}
	config_done(&options.config);
	return status;
}
