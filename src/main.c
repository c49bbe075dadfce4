/* SPDX-License-Identifier: Apache-2.0 */

/*
 * main - one binary, six lives: the parent (serve, demo), the four processes it
 * starts again from this same file, the sandbox provider of the demo, and the
 * command line for everything else.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/core.h"
#include "courier/courier.h"
#include "demo/demo.h"
#include "gate/gate.h"
#include "keeper/keeper.h"
#include "parent/serve.h"
#include "sandbox/sandbox.h"
#include "sys/process.h"

enum { EXIT_NOT_FOR_PEOPLE = 2 };

static const struct {
	const char *word, *name;
	int (*run)(int control);
} roles[] = {
	{ "--role=gate", "vk-gate", gate_main },
	{ "--role=core", "vk-core", core_main },
	{ "--role=keeper", "vk-keeper", keeper_main },
	{ "--role=courier", "vk-courier", courier_main },
};

/* The parent speaks to us in whole messages; a person at a terminal does not. */
static bool has_parent(void)
{
	int type = 0;
	socklen_t n = sizeof type;

	return getsockopt(PROCESS_CONTROL, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
	       type == SOCK_SEQPACKET;
}

/* The end of a child is its parent's to decide: signals to the whole group are not for it. */
static void leave_signals_to_parent(const char *name)
{
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

static int role_main(int argc, char **argv)
{
	if (strcmp(argv[1], "--role=sandbox") == 0) {
		leave_signals_to_parent("vk-sandbox");
		return sandbox_main(argc - 1, argv + 1);
	}
	if (strcmp(argv[1], "--role=setup") == 0)
		return demo_setup_main(argc - 1, argv + 1);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		if (strcmp(argv[1], roles[i].word) == 0 && has_parent()) {
			leave_signals_to_parent(roles[i].name);
			/* What libraries do at the end (a sanitizer looks for leaks with a helper)
			 * is more than the sandbox lets anybody do. */
			_exit(roles[i].run(PROCESS_CONTROL));
		}
	}
	fputs("valetkey: --role is for the parent alone; run 'valetkey serve'\n", stderr);
	return EXIT_NOT_FOR_PEOPLE;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strncmp(argv[1], "--role=", 7) == 0)
		return role_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], "serve") == 0)
		return serve_main(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "demo") == 0)
		return demo_main(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "sandbox") == 0)
		return sandbox_main(argc - 1, argv + 1);
	return cli_main(argc, argv);
}
