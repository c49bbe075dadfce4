/* SPDX-License-Identifier: Apache-2.0 */
#include "httpd/httpd.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "httpd/conn.h"

enum {
	ACCEPTS_PER_TURN = 64,
	RUNS_PER_TURN = 8,
	TICK_MS = 250,
	DRAIN_IDLE_MS = 1000,
	RESPONSE_FIELDS_MAX = 16 * 1024,
};

struct httpd_listener {
	struct httpd_listener *next;
	struct httpd *httpd;
	struct loop_source *source;
	int fd;
};

static void arm_tick(struct httpd *httpd)
{
	if (httpd->ticking)
		return;
	httpd->ticking = true;
	loop_timer_set(httpd->tick_timer, clock_boot() + TICK_MS * USEC_PER_MS);
}

void conn_due(struct httpd_request *conn, uint64_t in_ms)
{
	conn->deadline = clock_boot() + in_ms * USEC_PER_MS;
}

void httpd_wake(struct httpd *httpd)
{
	/* 1: long past, so it fires on the next turn. */
	if (!httpd->running && !httpd->woken)
		loop_timer_set(httpd->run_timer, 1);
	httpd->woken = true;
}

/* The library's descriptor tells of sockets alone: connections it holds ready, or that were
 * resumed, it tells only through its timeout. So it is run until that is not zero any more. */
void httpd_flush(struct httpd *httpd)
{
	MHD_UNSIGNED_LONG_LONG wait = 1;

	if (httpd->running)
		return;
	if (httpd->woken)
		loop_timer_set(httpd->run_timer, 0);
	httpd->woken = false;
	httpd->running = true;
	for (unsigned i = 0; i < RUNS_PER_TURN; i++) {
		wait = 1;
		(void)MHD_run(httpd->daemon);
		if (MHD_get_timeout(httpd->daemon, &wait) != MHD_YES || wait != 0)
			break;
	}
	httpd->running = false;
	httpd->woken = false;
	if (wait == 0)
		httpd_wake(httpd);
}

static void on_events(void *ctx, uint32_t events)
{
	httpd_flush(ctx);
}

static void on_run_timer(void *ctx)
{
	struct httpd *httpd = ctx;

	httpd->woken = false;
	httpd_flush(httpd);
}

static void expire(struct httpd_request *conn)
{
	conn->deadline = 0;
	if (conn->owned)
		conn_lost(conn);
	else
		(void)shutdown(conn->fd, SHUT_RDWR);
}

static void listen_again(struct httpd *httpd)
{
	for (struct httpd_listener *l = httpd->listeners; l != NULL; l = l->next)
		if (httpd->paused && loop_change(l->source, EPOLLIN) != OK)
			return;
	httpd->paused = false;
}

static void on_tick(void *ctx)
{
	struct httpd *httpd = ctx;
	const usec_t now = clock_boot();

	httpd->ticking = false;
	listen_again(httpd);
	for (struct httpd_request *c = httpd->first; c != NULL; c = c->next) {
		if (c->phase == CONN_ANSWER || c->phase == CONN_STREAM)
			conn_write_first(c, false);
		if (c->deadline != 0 && c->deadline <= now)
			expire(c);
	}
	if (httpd->first != NULL || httpd->paused)
		arm_tick(httpd);
}

/* Watched beside the library, which does not look at a suspended connection's socket. */
static void on_hangup(void *ctx, uint32_t events)
{
	struct httpd_request *conn = ctx;

	loop_del(&conn->hangup);
	if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		conn_lost(conn);
		return;
	}
	conn->half_closed = true;
	if (conn->owned)
		conn_due(conn, CONN_SURPLUS_MS);
}

static uint64_t source_key(const struct sockaddr_storage *peer)
{
	const uint64_t v4 = (uint64_t)1 << 32;
	const uint8_t *b;

	if (peer->ss_family == AF_INET)
		return v4 | ((const struct sockaddr_in *)peer)->sin_addr.s_addr;
	b = ((const struct sockaddr_in6 *)peer)->sin6_addr.s6_addr;
	if (IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)peer)->sin6_addr))
		return v4 | get_u32(b + 12);
	return get_u64(b) == 0 ? 1 : get_u64(b);
}

static void *as_value(uintptr_t n)
{
	return (void *)n; /* the map holds counts, not pointers */
}

static uintptr_t source_count(const struct httpd *httpd, uint64_t source)
{
	return (uintptr_t)map_find(&httpd->sources, source);
}

static void unlink_conn(struct httpd_request *conn)
{
	struct httpd *httpd = conn->httpd;
	const uintptr_t n = source_count(httpd, conn->source);

	*(conn->prev == NULL ? &httpd->first : &conn->prev->next) = conn->next;
	*(conn->next == NULL ? &httpd->last : &conn->next->prev) = conn->prev;
	httpd->count--;
	/* Replacing what is there cannot fail. */
	if (n <= 1 || map_put(&httpd->sources, conn->source, as_value(n - 1)) != OK)
		map_del(&httpd->sources, conn->source);
}

static void link_conn(struct httpd_request *conn)
{
	struct httpd *httpd = conn->httpd;

	conn->prev = httpd->last;
	*(httpd->last == NULL ? &httpd->first : &httpd->last->next) = conn;
	httpd->last = conn;
	httpd->count++;
	arm_tick(httpd);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct httpd *httpd = cls;
	struct httpd_request *conn = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		conn = take(httpd->adding);
		conn->mhd = mhd;
		*socket_context = conn;
		link_conn(conn);
		return;
	}
	if (conn == NULL)
		return;
	loop_del(&conn->hangup);
	unlink_conn(conn);
	conn_done(conn);
	free(conn);
	*socket_context = NULL;
}

/* Room for one more: the oldest connection without a request under way goes. */
static bool make_room(struct httpd *httpd)
{
	for (struct httpd_request *c = httpd->first; c != NULL; c = c->next)
		if (c->phase == CONN_AWAIT && c->deadline != 0) {
			expire(c);
			return true;
		}
	return false;
}

static enum err conn_new(struct httpd *httpd, int fd, const struct sockaddr_storage *peer)
{
	struct httpd_request *conn = calloc(1, sizeof *conn);
	const uint64_t source = source_key(peer);

	if (conn == NULL)
		return FAULT_NOMEM;
	*conn = (struct httpd_request){ .httpd = httpd, .fd = fd, .peer = *peer, .source = source };
	dynbuf_init(&conn->target, httpd->limits.target_max);
	dynbuf_init(&conn->body, httpd->limits.body_max);
	dynbuf_init(&conn->out, HTTPD_WAITING_END);
	conn_due(conn, httpd->limits.head_ms);
	if (map_put(&httpd->sources, source, as_value(source_count(httpd, source) + 1)) != OK ||
	    loop_add(httpd->loop, fd, EPOLLRDHUP, on_hangup, conn, &conn->hangup) != OK) {
		free(conn);
		return FAULT_NOMEM;
	}
	httpd->adding = conn;
	return OK;
}

static void conn_abandon(struct httpd *httpd)
{
	struct httpd_request *conn = take(httpd->adding);

	if (conn == NULL)
		return;
	link_conn(conn);
	unlink_conn(conn);
	loop_del(&conn->hangup);
	free(conn);
}

static void admit(struct httpd *httpd, int fd, const struct sockaddr_storage *peer,
		  socklen_t peer_len)
{
	const uintptr_t have = source_count(httpd, source_key(peer));

	if ((httpd->limits.per_source > 0 && have >= httpd->limits.per_source) ||
	    (httpd->count >= httpd->limits.connections && !make_room(httpd)) ||
	    conn_new(httpd, fd, peer) != OK) {
		close(fd);
		return;
	}
	/* The library closes the socket when it does not take it. */
	if (MHD_add_connection(httpd->daemon, fd, (const struct sockaddr *)peer, peer_len) !=
	    MHD_YES)
		conn_abandon(httpd);
}

static void pause_listening(struct httpd *httpd)
{
	for (struct httpd_listener *l = httpd->listeners; l != NULL; l = l->next)
		if (loop_change(l->source, 0) != OK)
			return;
	httpd->paused = true;
	log_warn("no descriptor left for a new connection; accepting again shortly");
	(void)make_room(httpd);
	arm_tick(httpd);
}

static void on_accept(void *ctx, uint32_t events)
{
	struct httpd_listener *listener = ctx;
	struct httpd *httpd = listener->httpd;

	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage peer = { 0 };
		socklen_t n = sizeof peer;
		const int fd = accept4(listener->fd, (struct sockaddr *)&peer, &n,
				       SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			admit(httpd, fd, &peer, n);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_listening(httpd);
		if (errno != ECONNABORTED && errno != EINTR)
			break;
	}
	httpd_wake(httpd);
}

enum err httpd_listen(struct httpd *httpd, int listen_fd)
{
	struct httpd_listener *listener = calloc(1, sizeof *listener);

	if (listener == NULL)
		return FAULT_NOMEM;
	*listener = (struct httpd_listener){ .httpd = httpd, .fd = listen_fd };
	const enum err err =
		loop_add(httpd->loop, listen_fd, EPOLLIN, on_accept, listener, &listener->source);
	if (err != OK) {
		free(listener);
		return err;
	}
	listener->next = httpd->listeners;
	httpd->listeners = listener;
	return OK;
}

void httpd_streams(struct httpd *httpd, const struct httpd_stream_fns *fns)
{
	httpd->stream = *fns;
}

static size_t keep_raw(void *cls, struct MHD_Connection *mhd, char *text)
{
	return strlen(text);
}

static enum err start_library(struct httpd *httpd, const struct httpd_tls *tls)
{
	const unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_SUSPEND_RESUME |
			       (httpd->tls ? MHD_USE_TLS : 0);
	const struct httpd_limits *l = &httpd->limits;
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		  (intptr_t)(l->header_max + l->target_max + 8192), NULL },
		/* Two more than may be admitted: one that makes room is still closing. */
		{ MHD_OPTION_CONNECTION_LIMIT, (intptr_t)l->connections + 64, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)conn_log_target, NULL },
		{ MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_raw, NULL },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)conn_completed, NULL },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, httpd },
#if MHD_VERSION >= CONN_STRICT_LIBRARY
		{ MHD_OPTION_CLIENT_DISCIPLINE_LVL, 3, NULL },
#else
		/* Its stricter modes find less than head.c and answer twice. */
		{ MHD_OPTION_STRICT_FOR_CLIENT, 0, NULL },
#endif
		{ MHD_OPTION_END, 0, NULL },
		{ MHD_OPTION_END, 0, NULL },
		{ MHD_OPTION_END, 0, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};
	const size_t free_row = ARRAY_LEN(options) - 4;

	if (httpd->tls) {
		options[free_row] =
			(struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0,
						 (void *)(uintptr_t)tls->certificate_pem };
		options[free_row + 1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0,
								 (void *)(uintptr_t)tls->key_pem };
		options[free_row + 2] = (struct MHD_OptionItem){
			MHD_OPTION_HTTPS_PRIORITIES, 0,
			(void *)(uintptr_t) "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
		};
	}
	httpd->daemon = MHD_start_daemon(flags, 0, NULL, NULL, conn_handle, httpd, MHD_OPTION_ARRAY,
					 options, MHD_OPTION_END);
	return httpd->daemon == NULL ? FAULT_SYSTEM : OK;
}

static enum err watch_library(struct httpd *httpd)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(httpd->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	if (info == NULL)
		return FAULT_BUG;
	TRY(loop_timer_new(httpd->loop, on_run_timer, httpd, &httpd->run_timer));
	TRY(loop_timer_new(httpd->loop, on_tick, httpd, &httpd->tick_timer));
	return loop_add(httpd->loop, info->epoll_fd, EPOLLIN, on_events, httpd, &httpd->events);
}

enum err httpd_new(struct loop *loop, int listen_fd, const struct httpd_limits *limits,
		   const struct httpd_tls *tls, httpd_request_fn on_request, httpd_gone_fn on_gone,
		   void *ctx, struct httpd **ret)
{
	scoped(httpd_free) struct httpd *httpd = calloc(1, sizeof *httpd);

	if (httpd == NULL)
		return FAULT_NOMEM;
	*httpd = (struct httpd){
		.loop = loop,
		.limits = *limits,
		.head_limits = { limits->header_max, limits->target_max, limits->header_lines },
		.on_request = on_request,
		.on_gone = on_gone,
		.ctx = ctx,
		.tls = tls != NULL && tls->certificate_pem != NULL,
	};
	map_init(&httpd->sources, (size_t)limits->connections + 64);
	dynbuf_init(&httpd->scratch, RESPONSE_FIELDS_MAX);
	TRY(start_library(httpd, tls));
	TRY(watch_library(httpd));
	TRY(httpd_listen(httpd, listen_fd));
	*ret = take(httpd);
	return OK;
}

static void stop_listening(struct httpd *httpd)
{
	struct httpd_listener *l;

	while ((l = httpd->listeners) != NULL) {
		httpd->listeners = l->next;
		loop_del(&l->source);
		close(l->fd);
		free(l);
	}
}

static void stop_library(struct httpd *httpd)
{
	/* It aborts the process over a connection that is still suspended. */
	for (struct httpd_request *c = httpd->first; c != NULL; c = c->next)
		conn_lost(c);
	httpd_flush(httpd);
	MHD_stop_daemon(httpd->daemon);
}

void httpd_free(struct httpd **httpdp)
{
	struct httpd *httpd = take(*httpdp);

	if (httpd == NULL)
		return;
	stop_listening(httpd);
	if (httpd->events != NULL)
		loop_del(&httpd->events);
	if (httpd->daemon != NULL)
		stop_library(httpd);
	loop_timer_free(&httpd->run_timer);
	loop_timer_free(&httpd->tick_timer);
	map_done(&httpd->sources);
	dynbuf_done(&httpd->scratch);
	free(httpd);
}

void httpd_drain(struct httpd *httpd)
{
	httpd->draining = true;
	stop_listening(httpd);
	for (struct httpd_request *c = httpd->first; c != NULL; c = c->next)
		if (c->phase == CONN_AWAIT)
			conn_due(c, DRAIN_IDLE_MS);
}

size_t httpd_active(const struct httpd *httpd)
{
	return httpd->active;
}

size_t httpd_connections(const struct httpd *httpd)
{
	return httpd->count;
}
