/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * guard - where outbound calls may go. Pure: a URL or an address in, yes or no
 * out; httpc asks about every address of a name, and again about the one that
 * a socket is opened to.
 *
 * Permitted is https to port 443 of public unicast addresses (RFC 6890 and the
 * IANA registries of special addresses). What the operator names in
 * egress.allow, exactly as host and port, may also be http, another port and a
 * private address. The addresses where clouds keep a machine's own credentials
 * are never permitted, in no spelling.
 */

#include <sys/socket.h>

#include "codec/uri.h"

enum { GUARD_ALLOW_MAX = 64, GUARD_HOST_MAX = 254, GUARD_PORT = 443 };

struct guard_exception {
	char host[GUARD_HOST_MAX];
	uint16_t port;
};

struct guard {
	struct guard_exception allow[GUARD_ALLOW_MAX];
	size_t count;
};

/* Adds what is written as HOST:PORT or [IPV6]:PORT. ERR_MALFORMED, ERR_TOO_LARGE. */
must_check enum err guard_allow(struct guard *guard, struct bytes text);
/* ERR_BLOCKED_HOST. */
must_check enum err guard_url(const struct guard *guard, const struct uri *uri);
/* Whether a connection for @host and @port, as in the URL, may go to @address. */
bool guard_address(const struct guard *guard, struct bytes host, uint16_t port,
		   const struct sockaddr *address);
/* Whether @uri is at one of the origins that a secret may travel to, one a line as in a sealed
 * record; a host "*.acme.com" stands for every name below acme.com. */
bool guard_named(struct bytes origins, const struct uri *uri);
