/* SPDX-License-Identifier: Apache-2.0 */
#include "parent/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, BACKLOG_LOCAL = 8 };

enum err listen_parse(struct bytes text, struct listen_address *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->to;
	char host[INET6_ADDRSTRLEN];
	uint64_t port;
	size_t colon = text.n;

	while (colon > 0 && text.p[colon - 1] != ':')
		colon--;
	if (colon < 2)
		return ERR_MALFORMED;
	TRY(bytes_u64((struct bytes){ text.p + colon, text.n - colon }, UINT16_MAX, &port));
	struct bytes name = { text.p, colon - 1 };
	const bool bracketed = name.p[0] == '[' && name.p[name.n - 1] == ']' && name.n > 2;
	if (bracketed)
		name = (struct bytes){ name.p + 1, name.n - 2 };
	if (bytes_str(name, host, sizeof host) != OK)
		return ERR_MALFORMED;
	memset(ret, 0, sizeof *ret);
	if (bracketed) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		ret->n = sizeof *v6;
		return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 ? OK : ERR_MALFORMED;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	ret->n = sizeof *v4;
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? OK : ERR_MALFORMED;
}

bool listen_loopback(const struct listen_address *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->to;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->to;

	if (address->to.ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return address->to.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

uint16_t listen_port(const struct listen_address *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->to;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->to;

	return ntohs(address->to.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
}

static enum err bind_answer(void)
{
	if (errno == EADDRINUSE)
		return ERR_EXISTS;
	if (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT)
		return ERR_NOT_FOUND;
	return errno == EACCES || errno == EPERM ? ERR_DENIED : FAULT_SYSTEM;
}

enum err listen_open(const struct listen_address *address, int *ret)
{
	const int on = 1;
	const int fd = socket(address->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return bind_answer();
	if (address->to.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    bind(fd, (const struct sockaddr *)&address->to, address->n) == 0 &&
	    listen(fd, BACKLOG) == 0) {
		*ret = fd;
		return OK;
	}
	const enum err err = bind_answer();
	close(fd);
	return err;
}

enum err listen_open_local(const char *path, int *ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >=
	    (int)sizeof address.sun_path)
		return ERR_TOO_LARGE;
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return FAULT_SYSTEM;
	/* We hold the directory's lock, so a socket that is there has no listener. */
	(void)unlink(path);
	const mode_t before = umask(0177);
	const bool bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
	umask(before);
	if (bound && listen(fd, BACKLOG_LOCAL) == 0) {
		*ret = fd;
		return OK;
	}
	close(fd);
	return FAULT_SYSTEM;
}
