/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * httpc - HTTP/1.1 requests outward, over libcurl. Used by courier, many at a
 * time on a loop (httpc_begin), and by the command line, one at a time
 * (httpc_once).
 *
 * Its promise: http and https only, no redirect is followed, no proxy of the
 * environment is used, certificates are verified with TLS 1.2 or later, the
 * head of an answer has at most HTTPC_HEAD_MAX bytes and its body at most what
 * the request says; no content coding is asked for and one that comes anyway is
 * refused. A request is sent at most once: only GET, HEAD and OPTIONS use a
 * connection again, because libcurl repeats a request whose used connection
 * was found dead, and cannot know whether it had arrived.
 *
 * On a loop every address is asked about before it is connected to: when the
 * name has been resolved, and again when libcurl opens the socket. After
 * httpc_new() no file is opened. What passes through is wiped: our copies by
 * us, libcurl's by the allocator that we give it, OpenSSL's where the process
 * has called crypto_wipe_freed().
 */

#include <sys/socket.h>

#include "base/dynbuf.h"
#include "sys/loop.h"

enum {
	HTTPC_HEAD_MAX = 16 * 1024,
	HTTPC_HEADERS_MAX = 100,
	HTTPC_TRANSFERS_MAX = 2048, /* under way or waiting for a connection */
	HTTPC_CONNECTIONS_MAX = 1024,
	HTTPC_PER_HOST_MAX = 512,
	HTTPC_CONNECT_MS = 3000, /* for the name, and again for connection and TLS */
	HTTPC_FIRST_BYTE_MS = 10000,
	HTTPC_TOTAL_MS = 20000, /* where the request names none */
};

enum httpc_outcome {
	HTTPC_ANSWERED = 1,
	HTTPC_BLOCKED,	   /* nothing was sent: an address was not permitted */
	HTTPC_UNREACHABLE, /* nothing was sent: no address, no connection, TLS failed */
	HTTPC_UNKNOWN,	   /* something may have been sent, no whole answer came */
	HTTPC_UNUSABLE,	   /* an answer came that breaks the limits or HTTP */
};

struct httpc_header {
	struct bytes name, value; /* in answers the name is in lower case */
};

struct httpc_response;

#define HTTPC_LENGTH_UNKNOWN UINT64_MAX

/* What upload() answers beside a number of bytes. */
enum { HTTPC_UPLOAD_OVER = 0, HTTPC_UPLOAD_WAIT = -1, HTTPC_UPLOAD_BROKEN = -2 };

/* Bodies in pieces. Called from inside the library: neither may begin, continue or end a transfer.
 */
struct httpc_stream {
	/* The head of the answer, @length of the body if it was told. False: collect the body as
	 * usual. A coded or malformed answer is not shown: it is unusable. */
	bool (*head)(void *ctx, const struct httpc_response *head, uint64_t length);
	/* The next bytes of the body. False: not taken, the transfer waits for httpc_go_on(). */
	bool (*piece)(void *ctx, struct bytes piece);
	/* NULL: the request has its whole body. Writes at most @max bytes of it at @to. */
	long (*upload)(void *ctx, uint8_t *to, size_t max);
	uint64_t upload_length;
};

struct httpc_request {
	const char *method;
	struct bytes url; /* as uri_parse() takes it */
	const struct httpc_header *headers;
	size_t header_count;
	struct bytes body;
	unsigned total_ms; /* 0: HTTPC_TOTAL_MS */
	unsigned first_ms; /* until the answer begins; 0: HTTPC_FIRST_BYTE_MS */
	unsigned idle_ms;  /* longest silence of a transfer that does not wait; 0: no such limit */
	size_t answer_max;
	const struct httpc_stream *stream; /* NULL: the whole answer is collected */
	const char *ca_file;		   /* httpc_once(): NULL means the system's authorities */
};

struct httpc_response {
	enum httpc_outcome outcome;
	int status; /* 0 unless answered */
	usec_t duration_us;
	const struct httpc_header *headers;
	size_t header_count;
	struct bytes body;
	uint64_t body_bytes; /* received, also of a streamed body */
	const char *why;     /* a fixed sentence when not answered; never the provider's words */
};

/* p = NULL if absent. @name in lower case. */
struct bytes httpc_find(const struct httpc_response *response, const char *name);

/* Once per process, before any other use and before the sandbox. FAULT_SYSTEM. */
must_check enum err httpc_init(void);

/* many at a time */

struct httpc;
struct httpc_transfer;

/* Whether a connection to @address may be made. */
typedef bool (*httpc_permit_fn)(void *ctx, const struct sockaddr *address);
/* The response is borrowed for the call; the transfer is gone after it. */
typedef void (*httpc_done_fn)(void *ctx, const struct httpc_response *response);

struct httpc_options {
	const char *ca_file;   /* PEM, read now; NULL or "": the system's */
	const char *resolvers; /* "192.0.2.1,[2001:db8::1]:53"; NULL or "": the system's */
};

/* FAULT_NOMEM, FAULT_SYSTEM. */
must_check enum err httpc_new(struct loop *loop, const struct httpc_options *options,
			      struct httpc **ret);
/* Ends all transfers without calling back. */
void httpc_free(struct httpc **httpcp);

/* Copies what it needs of @request. @done is called later, never from inside this function.
 * @permit and @done get @ctx. ERR_MALFORMED (method, URL or header), ERR_OVERLOADED. */
must_check enum err httpc_begin(struct httpc *httpc, const struct httpc_request *request,
				httpc_permit_fn permit, httpc_done_fn done, void *ctx);
/* The same, for one that is to be influenced later: *@ret is there until @done is called. */
must_check enum err httpc_open(struct httpc *httpc, const struct httpc_request *request,
			       httpc_permit_fn permit, httpc_done_fn done, void *ctx,
			       struct httpc_transfer **ret);
/* What waited for room or for bytes goes on; may call piece and upload at once. */
void httpc_go_on(struct httpc_transfer *transfer);
/* Ends it on the loop's next turn; @done says how far it had come. */
void httpc_cancel(struct httpc_transfer *transfer);
/* Transfers that have not called back yet. */
size_t httpc_busy(const struct httpc *httpc);

/* one at a time */

struct httpc_answer {
	struct httpc_response response;
	struct httpc_transfer *transfer; /* owns what the response points to */
};

/* Blocks. OK also when nothing was reached: the response tells. ERR_MALFORMED. */
must_check enum err httpc_once(const struct httpc_request *request, struct httpc_answer *ret);
void httpc_answer_done(struct httpc_answer *answer);
