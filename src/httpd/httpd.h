/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * httpd - an HTTP/1.1 server over libmicrohttpd in external epoll mode, inside
 * its owner's loop. The only folder that sees microhttpd.h. Used by gate and
 * sandbox.
 *
 * A request is given to the owner whole, once its body is read; the owner
 * answers now or later with httpd_respond(), exactly once. Doubtful framing
 * never reaches the owner: it is refused on first sight and the connection
 * closed (RFC 9112 6.3, 11.2). What the library keeps from us is listed in
 * docs/httpd.md.
 *
 * Connections are accepted here and not by the library: so one address cannot
 * take them all, and running out of descriptors is a pause, not a spin. When all
 * places are taken, the oldest idle connection makes room.
 */

#include <sys/socket.h>

#include "base/dynbuf.h"
#include "sys/loop.h"

#define HTTPD_LENGTH_UNKNOWN UINT64_MAX

struct httpd;
struct httpd_request;

struct httpd_limits {
	size_t body_max;       /* 413 past it, also when chunked */
	size_t header_max;     /* 431 past it, all header lines together; one value: target_max */
	size_t target_max;     /* 414 past it */
	unsigned header_lines; /* 431 past it */
	unsigned connections;  /* in all */
	unsigned per_source;   /* from one address (IPv6: one /64); 0: no limit of its own */
	unsigned keep_alive;   /* past so many, an answer ends its connection; 0: no such limit */
	unsigned head_ms;      /* until the first head is complete */
	unsigned idle_ms; /* until a later head is complete, and least time to take an answer */
};

/* A request is complete. Owner keeps @request until it has responded or it is gone. */
typedef void (*httpd_request_fn)(void *ctx, struct httpd_request *request);
/* The client went away before the answer; @request is freed after this call. One that only closed
 * its sending side is given two seconds first. */
typedef void (*httpd_gone_fn)(void *ctx, struct httpd_request *request);

struct httpd_tls {
	const char *certificate_pem, *key_pem; /* both NULL: plain HTTP */
};

/* Serves @listen_fd, which it takes over. A body, and an answer, must move 16 KiB a second. */
must_check enum err httpd_new(struct loop *loop, int listen_fd, const struct httpd_limits *limits,
			      const struct httpd_tls *tls, httpd_request_fn on_request,
			      httpd_gone_fn on_gone, void *ctx, struct httpd **ret);
/* Takes over one more listening socket. FAULT_NOMEM, FAULT_SYSTEM. */
must_check enum err httpd_listen(struct httpd *httpd, int listen_fd);
/* Tells the owner of every request under way that it is gone. */
void httpd_free(struct httpd **httpdp);
/* Stops accepting; what is under way goes on, and idle connections end within a second. */
void httpd_drain(struct httpd *httpd);
/* Sends what was answered since. Without this call it leaves when the loop turns next. */
void httpd_flush(struct httpd *httpd);
/* Requests given to the owner and not answered. */
size_t httpd_active(const struct httpd *httpd);
/* Connections open. */
size_t httpd_connections(const struct httpd *httpd);

enum { HTTPD_LARGE_MAX = 64 };

/* What an owner offers who takes bodies past body_max, or answers in pieces. Each may be NULL. */
struct httpd_stream_fns {
	/* Whether the body of @request, past body_max, may be taken in pieces; else 413. Only head
	 * and peer can be asked about. */
	bool (*permit)(void *ctx, const struct httpd_request *request);
	/* How large a body of @request may be to be taken whole, where that is more than body_max.
	 * Past body_max, HTTPD_LARGE_MAX of them are taken at a time; then 503, and 413 for one in
	 * chunks. */
	size_t (*whole)(void *ctx, const struct httpd_request *request);
	/* The next piece; p = NULL: that was all. */
	void (*piece)(void *ctx, struct httpd_request *request, struct bytes piece);
	/* Less than half of HTTPD_WAITING_MAX waits to leave, after it had been more. */
	void (*room)(void *ctx, struct httpd_request *request);
};
void httpd_streams(struct httpd *httpd, const struct httpd_stream_fns *fns);

/* All borrowed until the response. */
struct bytes httpd_method(const struct httpd_request *request);
/* Path and query as the client sent them; of an absolute-form without scheme and authority. */
struct bytes httpd_target(const struct httpd_request *request);
/* Any case; p = NULL if absent. A header sent twice, where that is no list, was refused before. */
struct bytes httpd_header(const struct httpd_request *request, const char *name);
/* What has come; of a request that is not whole, what came before it passed body_max: possibly
 * nothing. */
struct bytes httpd_body(const struct httpd_request *request);
/* False: more of the body comes, in pieces, when the owner pulls. */
bool httpd_whole(const struct httpd_request *request);
/* Of the body as declared; HTTPD_LENGTH_UNKNOWN for one in chunks. */
uint64_t httpd_length(const struct httpd_request *request);
/* Asks for pieces until it is called with false; may be called from inside `piece`. While they are
 * asked for they must move 16 KiB a second. */
void httpd_pull(struct httpd_request *request, bool on);
const struct sockaddr *httpd_peer(const struct httpd_request *request);
bool httpd_secure(const struct httpd_request *request);
/* Visits all header lines in order; stops when @fn answers false. */
typedef bool (*httpd_header_fn)(void *ctx, struct bytes name, struct bytes value);
void httpd_headers(const struct httpd_request *request, httpd_header_fn fn, void *ctx);
/* A place for the owner's own pointer. */
void httpd_set(struct httpd_request *request, void *mine);
void *httpd_get(const struct httpd_request *request);

struct httpd_field {
	const char *name;
	struct bytes value;
};

/* Answers and forgets the request. @body is copied. For HEAD the body is left out by itself. A
 * failure to answer closes the connection. Date, Content-Length, Transfer-Encoding and Connection
 * are httpd's own and must not be among the fields. */
void httpd_respond(struct httpd_request *request, unsigned status, const struct httpd_field *fields,
		   size_t count, struct bytes body);
/* The same, but takes *@bodyp over and wipes it once it has left: for bodies that hold a secret,
 * and for large ones. NULL is an empty body. */
void httpd_respond_take(struct httpd_request *request, unsigned status,
			const struct httpd_field *fields, size_t count, struct buf **bodyp);
/* answers in pieces */

enum {
	HTTPD_WAITING_MAX = 256 * 1024,	     /* what an owner should not exceed */
	HTTPD_WAITING_END = 8 * 1024 * 1024, /* where the answer is broken off instead */
};

/* Begins an answer; the request stays the owner's until httpd_end(), or until it is gone. @length
 * of the body in bytes where it is known: the answer then is of this length or is broken off.
 * ERR_CONFLICT: it could not begin, and the connection is closed; the request is forgotten. */
must_check enum err httpd_begin(struct httpd_request *request, unsigned status,
				const struct httpd_field *fields, size_t count, uint64_t length);
/* While it is gone: whether the answer had left whole, which an answer of known length, or to HEAD,
 * may have before httpd_end(). */
bool httpd_sent(const struct httpd_request *request);
/* Copies the piece; answers how many bytes wait to leave. */
size_t httpd_send(struct httpd_request *request, struct bytes piece);
/* Forgets the request. @whole false: the client is shown that its answer is not whole. */
void httpd_end(struct httpd_request *request, bool whole);

/* Resets the connection instead of an answer, and forgets the request: a provider that breaks, for
 * the sandbox. */
void httpd_abort(struct httpd_request *request);
