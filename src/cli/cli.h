/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * cli - the command line: one command, one answer, one exit status. It speaks
 * to the daemon over its API like anybody else; what works without a daemon is
 * in cli/offline. Results go to standard output, everything said to a person
 * (hints, progress, refusals) to standard error. A secret is read from a file
 * or standard input, never from an argument.
 */

enum cli_exit {
	CLI_DONE = 0,
	CLI_REFUSED = 1,     /* the daemon refused it, or it failed */
	CLI_USAGE = 2,	     /* the command line was not understood */
	CLI_UNREACHABLE = 3, /* no daemon answered */
};

/* Runs the command in @argv (argv[0] is the program) and answers the exit status. */
int cli_main(int argc, char **argv);
