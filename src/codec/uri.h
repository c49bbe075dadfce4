/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * uri - the absolute http and https addresses that we call and register, in
 * the one form we accept (a subset of RFC 3986), and percent encoding of parts.
 */

#include "base/dynbuf.h"

struct uri {
	bool https;
	struct bytes host;   /* lower-case ASCII name, IPv4, or IPv6 without brackets */
	uint16_t port;	     /* the scheme's own where none is given */
	struct bytes path;   /* begins with '/'; "/" where none is given */
	struct bytes query;  /* without '?'; p = NULL if absent */
	struct bytes origin; /* scheme, host and port as written */
};

/* Refuses userinfo, fragment, control and non-ASCII bytes, upper-case or empty host, empty port,
 * "." and ".." segments, backslash, bad percent sequences. Borrows. ERR_MALFORMED. */
must_check enum err uri_parse(struct bytes text, struct uri *ret);
/* Same scheme, host and port. */
bool uri_same_origin(const struct uri *a, const struct uri *b);

/* A path as a server sees it: percent sequences decoded once into @out, empty on failure. Refuses
 * NUL, encoded slash or backslash, "." and ".." segments, "//", bad sequences. ERR_MALFORMED. */
must_check enum err uri_path_decode(struct bytes path, struct dynbuf *out);
/* Everything but RFC 3986 unreserved becomes %XX. */
void uri_encode(struct bytes part, struct dynbuf *out);
/* Puts the variables into "{name}" places, each encoded. ERR_NOT_FOUND (no such variable),
 * ERR_MALFORMED. @find answers p = NULL for none. */
typedef struct bytes (*uri_variable_fn)(void *ctx, struct bytes name);
must_check enum err uri_expand(struct bytes template, uri_variable_fn find, void *ctx,
			       struct dynbuf *out);
