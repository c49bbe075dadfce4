/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * transfer - one request as a libcurl easy handle, and the answer it collects.
 * Private to this folder. httpc.c and once.c decide how the handle is driven.
 */

#include <curl/curl.h>

#include "codec/uri.h"
#include "httpc/httpc.h"

enum { TRANSFER_HOST_MAX = 256 };

struct httpc_transfer {
	CURL *easy;
	CURLU *url;
	struct curl_slist *headers, *pins;
	struct dynbuf request; /* the body; libcurl reads it from here */
	struct dynbuf head;    /* the lines of the answer's head, each with an end mark */
	struct dynbuf body;
	struct httpc_header found[HTTPC_HEADERS_MAX];
	size_t found_count, head_seen;
	char host[TRANSFER_HOST_MAX];
	uint16_t port;
	bool tls;
	usec_t began;
	unsigned total_ms, first_ms, idle_ms;
	struct httpc_stream stream; /* head NULL: none */
	uint64_t body_bytes;
	bool streaming;	    /* the answer's body goes to stream.piece */
	bool full, starved; /* waits for room, for bytes to send */
	bool head_done, body_begun, sent, heard, blocked, broken;
	char why[CURL_ERROR_SIZE];

	httpc_permit_fn permit; /* NULL: every address */
	httpc_done_fn done;
	void *ctx;
	void (*on_sent)(struct httpc_transfer *transfer); /* NULL, or told before the first byte */
	void (*on_heard)(struct httpc_transfer *transfer);
	void (*on_moved)(struct httpc_transfer *transfer); /* bytes moved, or it waits for us */

	/* httpc.c */
	struct httpc *httpc;
	struct httpc_transfer *next, *prev;
	struct names_query *query;
	struct loop_timer *timer;
	bool added; /* to the multi handle */
	enum httpc_outcome preset;
};

/* ERR_MALFORMED, FAULT_NOMEM. */
must_check enum err transfer_new(const struct httpc_request *request, struct httpc_transfer **ret);
/* Wipes what was sent and received. The handle must not be in a multi handle any more. */
void transfer_free(struct httpc_transfer **transferp);

/* Trusts the certificates in @pem and nothing else; borrowed as long as the handle lives. */
must_check enum err transfer_trust(struct httpc_transfer *transfer, struct bytes pem);
/* Makes libcurl use these addresses for the host of the URL, and no resolver. */
must_check enum err transfer_pin(struct httpc_transfer *transfer,
				 const struct sockaddr_storage *addresses, size_t count);
/* What became of it, once libcurl has answered @code. */
enum httpc_outcome transfer_judge(const struct httpc_transfer *transfer, CURLcode code);
/* Fills in the rest for @ret->outcome. */
void transfer_response(struct httpc_transfer *transfer, enum httpc_outcome outcome,
		       struct httpc_response *ret);
