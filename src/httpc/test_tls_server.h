/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The TLS of others, for tests: servers of the openssl command with
 * certificates made for each case.
 */

#include <stdbool.h>
#include <sys/types.h>

struct tls_server {
	pid_t pid;
	unsigned port;
};

/* Whether the command is installed. */
bool tls_there(void);
/* Goes into a fresh folder with good.pem, other.pem (both for 127.0.0.1) and expired.pem. */
void tls_folder_make(void);
void tls_folder_remove(void);
/* A file there that a server answers with, head included; "page" is there from the start. */
void tls_file_put(const char *name, const char *text);
/* @version: "-tls1_3" … Answers one request for /FILE, then ends. */
void tls_open(struct tls_server *server, const char *name, const char *version);
void tls_close(const struct tls_server *server);
