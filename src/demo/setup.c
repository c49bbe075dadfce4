/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cli/client.h"
#include "core/catalog/catalog.h"
#include "demo/demo.h"

enum { FILE_MAX = 256 * 1024, PATH_ROOM = 256 };

/* Test values that the sandbox provider knows (docs/SANDBOX.md). */
static const char client_id[] = "{\"client_id\":\"sandbox\"}";
static const char client_secret[] = "sandbox-secret-not-a-secret";

static const char next_steps[] =
	"\n"
	"Valetkey serves %s\n"
	"A sandbox provider serves %s (made-up people, no account needed).\n"
	"Key and admin token lie in %s/operator: right for trying, wrong for real tokens.\n"
	"\n"
	"What to do next, in another terminal:\n"
	"\n"
	"  export VALETKEY_DATA='%s'\n"
	"  alias valetkey='%s'\n"
	"  valetkey user add --subject ada\n"
	"  valetkey connection start --user ada --service sandbox-github --scope repo\n"
	"      # open the address in a browser\n"
	"  printf 'name: Demo\\nservices:\\n  sandbox-github:\\n    exchange: {effect: allow}\\n"
	"    tools: {issues.*: allow, issues.create: approve}\\n' >demo.yaml\n"
	"  valetkey vault create --user ada --name Demo --policy demo.yaml\n"
	"\n"
	"It prints the lines to paste into Claude Code, Cursor or VS Code. There, ask for the "
	"issues "
	"of\n"
	"sandbox/engine, and to open one: that waits until you say yes.\n"
	"\n"
	"  valetkey approval list                   # then: approve ID, or deny ID\n"
	"\n"
	"Without an MCP client, ask the proxy, or have the token itself lent:\n"
	"\n"
	"  curl -s -H 'Authorization: Bearer VAULT_TOKEN' \\\n"
	"    %sproxy/sandbox-github/repos/sandbox/engine/issues\n"
	"  curl -s %soauth/token -d audience=sandbox-github \\\n"
	"    -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \\\n"
	"    -d subject_token_type=urn:ietf:params:oauth:token-type:access_token \\\n"
	"    -d subject_token=VAULT_TOKEN\n"
	"\n"
	"  valetkey audit tail                      # what was done, and by whom\n"
	"  valetkey connection list                 # then: pause, resume, remove\n"
	"\n"
	"Ctrl-C ends it.\n";

struct setup {
	struct client *client;
	struct client_why why;
};

static enum err ask(struct setup *setup, const char *method, const char *path, const char *type,
		    struct bytes body, int *ret_status)
{
	const struct client_request request = {
		.method = method, .path = path, .type = type, .body = body
	};
	struct client_answer answer = { 0 };

	TRY(client_ask(setup->client, &request, &setup->why, &answer));
	*ret_status = answer.status;
	client_done(&answer);
	return OK;
}

static bool fine(int status)
{
	return status >= 200 && status < 300;
}

/* The id as the file itself names it: the built-in name tells sandbox files from real ones. */
static bool id_of(struct bytes file, char to[static PATH_ROOM])
{
	while (file.n > 0) {
		struct bytes line = bytes_cut(&file, '\n');
		if (!bytes_starts(line, "id: "))
			continue;
		(void)bytes_cut(&line, ' ');
		return bytes_str(line, to, PATH_ROOM / 2) == OK;
	}
	return false;
}

static enum err add_service(struct setup *setup, const char *name, const char *origin)
{
	char id[PATH_ROOM], path[2 * PATH_ROOM];
	struct bytes template;
	struct dynbuf file;
	int status = 0;

	if (!catalog_sandbox_find(str(name), &template))
		return FAULT_BUG;
	dynbuf_init(&file, FILE_MAX);
	enum err err = catalog_sandbox_print(template, str(origin), &file);
	if (err == OK && !id_of(dynbuf_view(&file), id))
		err = FAULT_BUG;
	if (err == OK)
		err = ask(setup, "POST", "/services", "text/yaml", dynbuf_view(&file), &status);
	dynbuf_done(&file);
	TRY(err);
	if (!fine(status) && status != 409) /* 409: there since an earlier run */
		return ERR_SERVER;
	snprintf(path, sizeof path, "/services/%s/client", id);
	TRY(ask(setup, "PUT", path, "application/json", str(client_id), &status));
	if (!fine(status))
		return ERR_SERVER;
	snprintf(path, sizeof path, "/services/%s/client-secret", id);
	TRY(ask(setup, "PUT", path, "application/octet-stream", str(client_secret), &status));
	return fine(status) ? OK : ERR_SERVER;
}

/* Paths in full: the next terminal may stand in another folder. */
static void say_next(const struct setup *setup, const char *data, const char *origin)
{
	char place[PATH_MAX], program[PATH_MAX];
	const char *url = client_url(setup->client);

	if (realpath(data, place) == NULL || realpath("/proc/self/exe", program) == NULL)
		return;
	printf(next_steps, url, origin, place, place, program, url, url);
}

int demo_setup_main(int argc, char **argv)
{
	const char *data = NULL, *origin = NULL;
	struct setup setup = { 0 };

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--data") == 0)
			data = argv[i + 1];
		else if (strcmp(argv[i], "--origin") == 0)
			origin = argv[i + 1];
	}
	if (data == NULL || origin == NULL)
		return EXIT_FAILURE;
	/* The environment may name another daemon; this is about our own. */
	unsetenv("VALETKEY_URL");
	unsetenv("VALETKEY_TOKEN");
	log_init("setup", LOG_INFO);
	enum err err = client_new(data, NULL, &setup.why, &setup.client);
	for (size_t n = 0; err == OK && catalog_sandbox_at(n) != NULL; n++)
		err = add_service(&setup, catalog_sandbox_at(n), origin);
	if (err == OK)
		say_next(&setup, data, origin);
	else
		log_error("the sandbox's services could not be set up: %s", setup.why.text);
	client_free(&setup.client);
	return err == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
