/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * serve - `valetkey serve`: from the command line and the configuration to a
 * daemon that runs.
 */

#include "parent/config.h"

struct serve_options {
	const char *data;	    /* NULL: VALETKEY_DATA */
	const char *config_file;    /* NULL: none */
	const char *sandbox_listen; /* demo: also run the sandbox provider there */
	struct config config;	    /* what the command line says; wins over the file */
	const char *const *greeter; /* demo: words of a process to start once all serve */
};

/* Reads "--data DIR" and so on from @argv, which begins after the command. Answers -1, or the exit
 * status with which to end now (after --help, or a mistake). */
int serve_parse(int argc, char **argv, const char *usage, struct serve_options *ret);
/* Runs the daemon and answers the exit status. */
int serve_run(const struct serve_options *options);
/* The whole command. */
int serve_main(int argc, char **argv);
