/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * bridge - an MCP server on standard input and output, for clients that only
 * start programs, which is an endpoint over HTTP (Streamable HTTP) in truth.
 *
 *  1. A line that comes in is one POST; what is answered leaves as one line, in
 *     the order in which it comes. Nothing but messages is written to @out.
 *  2. A request is answered exactly once, also when the endpoint cannot be
 *     reached or refuses; unless the client has cancelled it.
 *  3. Both eras: session and version of the one before 2026-07-28, with the
 *     stream of what the server says by itself; headers from the message, and
 *     cancellation by hanging up, of the other.
 *  4. A session that the endpoint does not know any more is begun anew with the
 *     client's own words, and what was refused for it is sent again, once.
 */

#include <stdio.h>

#include "base/secret.h"

struct bridge_settings {
	const char *url;
	struct bytes authorization; /* the header's value; borrowed */
	const char *ca_file;	    /* NULL: the system's authorities */
	int in;
	FILE *out, *err;
};

/* Runs until @in ends and what was asked is answered, or @out does not take any more. FAULT_SYSTEM,
 * FAULT_NOMEM. */
must_check enum err bridge_run(const struct bridge_settings *settings);
