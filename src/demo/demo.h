/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * demo - `valetkey demo`: a daemon, the sandbox provider beside it, and that
 * provider's services set up, so that nothing has to be registered anywhere.
 * Its key and its admin token lie in operator/ in the data directory, which is
 * right for trying and wrong for anything else.
 */

/* Reads "--data DIR" and so on from @argv, which begins after the command. Answers the exit status.
 */
int demo_main(int argc, char **argv);
/* The process that sets the services up over the API once the daemon serves, and then says what to
 * do next: --data DIR --origin URL. */
int demo_setup_main(int argc, char **argv);
