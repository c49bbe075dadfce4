/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A server for tests that says exactly what a case wants, byte by byte, in a
 * thread on loopback; the client is the real one.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the server treats each connection. */
struct script {
	const char *answer; /* NULL: none */
	size_t lines;	    /* headers of 64 bytes after the answer */
	size_t flood;	    /* bytes of 'x' after the answer */
	bool deaf;	    /* closes when something has come, unread */
	bool reset;	    /* ends with RST */
	bool hold;	    /* keeps the connection a while, hears one more request and closes */
	bool stall;	    /* holds the connection until the client goes */
};

struct server {
	struct script script;
	int listener;
	uint16_t port;
	pthread_t thread;
	char heard[8192];
	int connections, requests;
};

/* Both at once. A test that forks does it between the two: a fork while threads run may hang. */
void server_open(struct server *server, struct script script);
void server_listen(struct server *server, struct script script);
void server_start(struct server *server);
void server_close(struct server *server);
