/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * conn - what httpd.c (sockets, limits, time) and request.c (one request's
 * life) share. HTTP/1.1 answers one request of a connection at a time, so the
 * connection and its request are one struct, made once.
 *
 *   AWAIT    nothing, or part of a head, has come
 *   BODY     the head was good; its body comes in
 *   OWNED    the owner has it; the library's connection is suspended
 *   STREAM   its answer is on its way in pieces, of which the owner sends more
 *   ANSWER   an answer is on its way, and all of it is here
 *   LATE     answered before its body had come: what still comes is dropped first
 *   SURPLUS  the body passed its limit: what still comes is dropped
 *   GONE     to be closed without an answer
 */

#include <microhttpd.h>

#include "base/map.h"
#include "httpd/head.h"
#include "httpd/httpd.h"

enum conn_phase {
	CONN_AWAIT,
	CONN_BODY,
	CONN_OWNED,
	CONN_STREAM,
	CONN_ANSWER,
	CONN_LATE,
	CONN_SURPLUS,
	CONN_GONE,
};

/* From this version on the library has its own strict mode, which is then set. */
#define CONN_STRICT_LIBRARY 0x01000000

enum {
	CONN_RATE_BYTES = 16 * 1024, /* a second, least: body in and answer out */
	CONN_SURPLUS_MS = 2000,	     /* for a client to notice that it was refused */
};

/* How much of its body an owned request has brought along. */
enum conn_part {
	PART_ALL,  /* all of it */
	PART_HEAD, /* none, and the library waits before it */
	PART_BODY, /* some; the rest comes in pieces */
};

/* A transfer must move CONN_RATE_BYTES a second; what it was faster is credit, up to a limit. */
struct conn_pace {
	usec_t slack, since; /* since 0: not running */
};

struct httpd_request {
	struct httpd_request *prev, *next; /* all connections, oldest first */
	struct httpd *httpd;
	struct MHD_Connection *mhd;
	struct loop_source *hangup;
	struct sockaddr_storage peer;
	uint64_t source;
	int fd;
	enum conn_phase phase;
	bool in_handler, half_closed, write_first;
	usec_t deadline; /* 0: none */
	const char *raw; /* the target in the library's memory, only to compare with */
	const char *method;
	struct dynbuf target, body;
	struct MHD_Response *response;
	unsigned status;
	void *mine;

	uint64_t length; /* of the body as declared */
	enum conn_part part;
	bool owned;	/* the owner has it and will end it */
	bool large;	/* its body may be larger than body_max */
	bool suspended; /* in the library */
	bool pulling;	/* the owner wants the next piece of the body */
	struct conn_pace in_pace, out_pace;
	struct dynbuf out; /* of a streamed answer; out_at of it has left */
	size_t out_at;
	bool ended, broken; /* the owner has sent all; the answer cannot be finished */
	bool sent;	    /* the answer has left whole */
};

struct httpd {
	struct loop *loop;
	struct httpd_limits limits;
	struct head_limits head_limits;
	httpd_request_fn on_request;
	httpd_gone_fn on_gone;
	struct httpd_stream_fns stream;
	void *ctx;
	struct MHD_Daemon *daemon;
	struct loop_source *events;
	struct loop_timer *run_timer, *tick_timer;
	struct httpd_listener *listeners;
	struct httpd_request *first, *last;
	struct httpd_request *adding; /* between MHD_add_connection() and its notice */
	struct map sources;	      /* address to number of connections */
	struct dynbuf scratch;
	size_t count, active, large;
	bool tls, draining, running, ticking, paused, woken;
};

/* In request.c, called by the library. */
void *conn_log_target(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result conn_handle(void *cls, struct MHD_Connection *mhd, const char *url,
			    const char *method, const char *version, const char *upload,
			    size_t *upload_size, void **con_cls);
void conn_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
		    enum MHD_RequestTerminationCode code);
/* The client hung up: the owner is told, and the connection is closed. */
void conn_lost(struct httpd_request *conn);
void conn_done(struct httpd_request *conn);
/* Makes the library write before it reads. Left to itself, it reads first when a connection is
 * resumed, takes the end of a half-closed stream for the end of all and drops the answer. Those
 * with a time limit of their own it visits before it reads; as that is a list it walks each time,
 * nothing may stay there for long. */
void conn_write_first(struct httpd_request *conn, bool on);

/* Hands the request to its owner; what the handler answers to the library. */
enum MHD_Result conn_give(struct httpd_request *conn);
enum MHD_Result conn_queue(struct httpd_request *conn);
/* The owner has nothing to do with it any more. */
void conn_disown(struct httpd_request *conn);
/* Adds the lines of an answer to @response; false: it was destroyed. */
bool conn_dress(struct httpd *httpd, struct MHD_Response *response,
		const struct httpd_field *fields, size_t count);
void conn_suspend(struct httpd_request *conn);
/* Does nothing to one that is not suspended. */
void conn_resume(struct httpd_request *conn);
void conn_forget(struct dynbuf *text);
uint64_t conn_transfer_ms(uint64_t base_ms, uint64_t bytes);

/* In upload.c. Whether the body of @conn, which is too large to be held, may come in pieces. */
bool upload_permitted(const struct httpd_request *conn);
/* Called by the library for a request whose body comes in pieces. */
enum MHD_Result upload_take(struct httpd_request *conn, const char *data, size_t *size);
/* Instead of conn_queue() where the library waits for the rest of a body. */
void upload_answer_late(struct httpd_request *conn);

/* In stream.c. */
void pace_begin(struct httpd_request *conn, struct conn_pace *pace, unsigned ms);
void pace_moved(struct httpd_request *conn, struct conn_pace *pace, unsigned ms, size_t bytes);
void pace_pause(struct httpd_request *conn, struct conn_pace *pace);

/* In httpd.c. */
void conn_due(struct httpd_request *conn, uint64_t in_ms);
/* Something waits in the library: run it before the loop sleeps. */
void httpd_wake(struct httpd *httpd);
