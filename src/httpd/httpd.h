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
 * closed (reference: RFC 9112 6.3, 11.2).
 */

#include <sys/socket.h>

#include "base/dynbuf.h"
#include "sys/loop.h"

struct httpd;
struct httpd_request;

struct httpd_limits {
	size_t body_max;       /* 413 past it, also when chunked */
	size_t header_max;     /* 431 past it, all header lines together */
	size_t target_max;     /* 414 past it */
	unsigned header_lines; /* 431 past it */
	unsigned connections;  /* in all */
	unsigned per_source;   /* from one address; 0: no limit of its own */
	unsigned head_ms;      /* until the head is complete */
	unsigned idle_ms;      /* between requests, and between bytes of a body */
};

/* A request is complete. Owner keeps @request until it has responded or it is gone. */
typedef void (*httpd_request_fn)(void *ctx, struct httpd_request *request);
/* The client went away before the answer; @request is freed after this call. */
typedef void (*httpd_gone_fn)(void *ctx, struct httpd_request *request);

struct httpd_tls {
	const char *certificate_pem, *key_pem; /* both NULL: plain HTTP */
};

/* Serves @listen_fd, which it takes over. */
must_check enum err httpd_new(struct loop *loop, int listen_fd, const struct httpd_limits *limits,
			      const struct httpd_tls *tls, httpd_request_fn on_request,
			      httpd_gone_fn on_gone, void *ctx, struct httpd **ret);
void httpd_free(struct httpd **httpdp);
/* Stops accepting; what is under way goes on. */
void httpd_drain(struct httpd *httpd);
/* Requests given to the owner and not answered. */
size_t httpd_active(const struct httpd *httpd);

/* All borrowed until the response. */
struct bytes httpd_method(const struct httpd_request *request);
/* Path and query as the client sent them. */
struct bytes httpd_target(const struct httpd_request *request);
/* Any case; p = NULL if absent. A header sent twice, where that is no list, was refused before. */
struct bytes httpd_header(const struct httpd_request *request, const char *name);
struct bytes httpd_body(const struct httpd_request *request);
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
 * failure to answer closes the connection. */
void httpd_respond(struct httpd_request *request, unsigned status, const struct httpd_field *fields,
		   size_t count, struct bytes body);
