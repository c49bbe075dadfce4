/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * remote - our conversation with a remote MCP server, one for each connection:
 * which era it is of, its session if it has one, and when it last listed its
 * tools. Kept in memory alone; what is not known is asked for again.
 *
 *   discover ─2026-07-28→ list … ─→ ready
 *      └─ anything older → initialize → initialized → list … ─→ ready
 *
 *  1. Nobody's tool is called before the list of that server, over that
 *     connection, is as new as the caller wants: what has changed in it is put
 *     aside before the call (offers.h), so the call looks again.
 *  2. Each question is one bounded call through courier, in the log before it
 *     leaves. One conversation asks one thing at a time; who waits shares it.
 *  3. The token goes into the request in courier. No token of a client of ours is
 *     ever part of it.
 */

#include "core/flow/flow.h"
#include "core/upstream/wire.h"

struct service;

enum {
	REMOTE_LINKS_MAX = 4096,
	REMOTE_WAITERS_MAX = 256,
	REMOTE_PAGES_MAX = 16,
	REMOTE_STEP_MS = 10000,
	REMOTE_PAGE_MAX = 1024 * 1024,
	REMOTE_KNOWN_S = 3600, /* then its era is found out again */
};

struct remote_of {
	struct id tenant;
	const struct service *service;
	const struct connection_row *connection; /* NULL: the server is open to all */
};

/* Once, in a later batch. ERR_REAUTH_REQUIRED: the server does not take the token;
 * ERR_PROVIDER_UNAVAILABLE, ERR_PROVIDER_REFUSED. The rows are to be looked at again. */
typedef void (*remote_done_fn)(struct flow *flow, void *ctx, enum err err);

/* OK with *@ret_waits false: it is known, and has listed its tools less than @age ago. Else @fn is
 * called. The token of the connection is the caller's to see to. ERR_OVERLOADED, FAULT_NOMEM */
must_check enum err remote_ready(struct flow *flow, const struct remote_of *of, usec_t age,
				 remote_done_fn fn, void *ctx, bool *ret_waits);

/* What is sent to a server that is ready. */
struct remote_request {
	uint64_t id;
	struct dynbuf headers, body;
	bool modern; /* of the era of 2026-07-28 */
};
/* @name: of the tool, p = NULL where there is none. ERR_CONFLICT: it is not ready. The caller ends
 * *@ret in any case; more headers may be added to it for a server of the newer era. */
must_check enum err remote_request(struct flow *flow, const struct remote_of *of,
				   const struct wire_message *message, struct bytes name,
				   struct remote_request *ret);
void remote_request_done(struct remote_request *request);
/* The server does not know the session any more. */
void remote_lost(struct flow *flow, const struct remote_of *of);
/* At the end of the process: nobody is told. */
void remote_end_all(struct flow *flow);
