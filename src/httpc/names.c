/* SPDX-License-Identifier: Apache-2.0 */
#include "httpc/names.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/time.h>

enum { SOCKETS_MAX = 64, TRY_MS = 1000, TRIES = 2 };

/* One socket of c-ares. */
struct names_socket {
	struct names *names;
	int fd;
	struct loop_source *source; /* NULL: the place is free */
};

struct names {
	struct loop *loop;
	struct loop_timer *timer;
	ares_channel channel;
	struct names_socket sockets[SOCKETS_MAX];
};

struct names_query {
	names_fn fn; /* NULL: forgotten */
	void *ctx;
	struct names_query **back; /* where the asker keeps it */
};

static void set_timer(struct names *names)
{
	struct timeval room, *next = ares_timeout(names->channel, NULL, &room);

	if (next == NULL) {
		loop_timer_set(names->timer, 0);
		return;
	}
	loop_timer_set(names->timer,
		       clock_boot() + (usec_t)next->tv_sec * USEC_PER_S + (usec_t)next->tv_usec);
}

static void on_timer(void *ctx)
{
	struct names *names = ctx;

	ares_process_fd(names->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(names);
}

static void on_io(void *ctx, uint32_t events)
{
	struct names_socket *socket = ctx;
	struct names *names = socket->names;
	const int fd = socket->fd;
	const bool in = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;

	ares_process_fd(names->channel, in ? fd : ARES_SOCKET_BAD,
			(events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
	set_timer(names);
}

static struct names_socket *place_of(struct names *names, int fd)
{
	struct names_socket *empty = NULL;

	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		struct names_socket *socket = &names->sockets[i];
		if (socket->source != NULL && socket->fd == fd)
			return socket;
		if (socket->source == NULL && empty == NULL)
			empty = socket;
	}
	return empty;
}

/* A socket that cannot be watched makes its queries end by their time. */
static void on_socket(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct names *names = ctx;
	struct names_socket *socket = place_of(names, fd);
	const uint32_t events =
		(readable != 0 ? (uint32_t)EPOLLIN : 0) | (writable != 0 ? (uint32_t)EPOLLOUT : 0);

	if (socket == NULL)
		return;
	if (events == 0) {
		loop_del(&socket->source);
	} else if (socket->source != NULL) {
		err_ignore(loop_change(socket->source, events));
	} else {
		*socket = (struct names_socket){ .names = names, .fd = fd };
		err_ignore(loop_add(names->loop, fd, events, on_io, socket, &socket->source));
	}
}

enum err names_new(struct loop *loop, const char *servers, struct names **ret)
{
	char lookups[] = "b";
	struct names *names = calloc(1, sizeof *names);

	if (names == NULL)
		return FAULT_NOMEM;
	names->loop = loop;
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = TRY_MS,
		.tries = TRIES,
		.lookups = lookups,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = names,
	};
	const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
			 ARES_OPT_SOCK_STATE_CB;
	enum err err = loop_timer_new(loop, on_timer, names, &names->timer);
	if (err == OK && (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
			  ares_init_options(&names->channel, &options, mask) != ARES_SUCCESS))
		err = FAULT_SYSTEM;
	if (err == OK && servers != NULL && servers[0] != 0 &&
	    ares_set_servers_ports_csv(names->channel, servers) != ARES_SUCCESS)
		err = FAULT_SYSTEM;
	if (err != OK) {
		names_free(&names);
		return err;
	}
	*ret = names;
	return OK;
}

void names_free(struct names **namesp)
{
	struct names *names = *namesp;

	if (names == NULL)
		return;
	*namesp = NULL;
	if (names->channel != NULL)
		ares_destroy(names->channel);
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		loop_del(&names->sockets[i].source);
	loop_timer_free(&names->timer);
	free(names);
}

static size_t gather(const struct ares_addrinfo *info,
		     struct sockaddr_storage found[static NAMES_FOUND_MAX])
{
	size_t count = 0;

	for (const struct ares_addrinfo_node *node = info->nodes;
	     node != NULL && count < NAMES_FOUND_MAX; node = node->ai_next) {
		if (node->ai_family != AF_INET && node->ai_family != AF_INET6)
			continue;
		found[count] = (struct sockaddr_storage){ 0 };
		memcpy(&found[count++], node->ai_addr, node->ai_addrlen);
	}
	return count;
}

static void on_found(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
	struct names_query *query = ctx;
	struct sockaddr_storage found[NAMES_FOUND_MAX];
	const size_t count = status == ARES_SUCCESS && info != NULL ? gather(info, found) : 0;

	if (info != NULL)
		ares_freeaddrinfo(info);
	if (query->fn != NULL) {
		*query->back = NULL;
		if (status != ARES_EDESTRUCTION)
			query->fn(query->ctx, found, count);
	}
	free(query);
}

enum err names_find(struct names *names, const char *host, names_fn fn, void *ctx,
		    struct names_query **ret)
{
	static const struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NOSORT,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct names_query *query = malloc(sizeof *query);

	if (query == NULL)
		return FAULT_NOMEM;
	*query = (struct names_query){ fn, ctx, ret };
	*ret = query;
	ares_getaddrinfo(names->channel, host, NULL, &hints, on_found, query);
	set_timer(names);
	return OK;
}

void names_forget(struct names_query **queryp)
{
	if (*queryp != NULL)
		(*queryp)->fn = NULL;
	*queryp = NULL;
}

static bool literal(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	*ret = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		memcpy(ret, &in, sizeof in);
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(ret, &in6, sizeof in6);
	else
		return false;
	return true;
}

size_t names_literal(const char *host, struct sockaddr_storage found[static NAMES_FOUND_MAX])
{
	const size_t n = strlen(host);

	if (literal(host, &found[0]))
		return 1;
	if (strcmp(host, "localhost") != 0 && (n < 10 || strcmp(host + n - 10, ".localhost") != 0))
		return 0;
	return literal("127.0.0.1", &found[0]) && literal("::1", &found[1]) ? 2 : 0;
}
