/* SPDX-License-Identifier: Apache-2.0 */
#include "httpc/test_server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void hear(struct server *server, int fd)
{
	size_t n = 0;

	while (n + 1 < sizeof server->heard) {
		const ssize_t got = recv(fd, server->heard + n, sizeof server->heard - 1 - n, 0);
		if (got <= 0)
			break;
		server->requests += n == 0 ? 1 : 0;
		n += (size_t)got;
		server->heard[n] = 0;
		const char *end = strstr(server->heard, "\r\n\r\n");
		const char *length = strcasestr(server->heard, "\r\ncontent-length: ");
		const size_t body = length == NULL ? 0 : strtoul(length + 18, NULL, 10);
		if (end != NULL && n >= (size_t)(end + 4 - server->heard) + body)
			break;
	}
}

static void answer(const struct server *server, int fd)
{
	const struct script *script = &server->script;
	char junk[1024], gone;

	if (script->answer != NULL)
		(void)send(fd, script->answer, strlen(script->answer), MSG_NOSIGNAL);
	static const char line[] =
		"X: 6789012345678901234567890123456789012345678901234567890123\r\n";
	for (size_t i = 0; i < script->lines; i++)
		(void)send(fd, line, sizeof line - 1, MSG_NOSIGNAL);
	memset(junk, 'x', sizeof junk);
	for (size_t sent = 0; sent < script->flood; sent += sizeof junk)
		if (send(fd, junk, sizeof junk, MSG_NOSIGNAL) < 0)
			break;
	if (script->stall)
		(void)recv(fd, &gone, 1, 0);
}

static void *serve(void *ctx)
{
	struct server *server = ctx;

	for (;;) {
		const int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return NULL;
		server->connections++;
		if (server->script.deaf) {
			struct pollfd sent = { .fd = fd, .events = POLLIN };
			(void)poll(&sent, 1, 5000);
		} else {
			hear(server, fd);
			answer(server, fd);
		}
		struct pollfd more = { .fd = fd, .events = POLLIN };
		if (server->script.hold && poll(&more, 1, 300) == 1)
			hear(server, fd);
		const struct linger hard = { 1, 0 };
		if (server->script.reset)
			(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
		close(fd);
	}
}

void server_listen(struct server *server, struct script script)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;

	*server = (struct server){ .script = script };
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(server->listener, SOMAXCONN), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&at, &n), 0);
	server->port = ntohs(at.sin_port);
}

void server_start(struct server *server)
{
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

void server_open(struct server *server, struct script script)
{
	server_listen(server, script);
	server_start(server);
}

void server_close(struct server *server)
{
	(void)shutdown(server->listener, SHUT_RDWR);
	(void)pthread_join(server->thread, NULL);
	close(server->listener);
}
