/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * head - judges the head of one request, line by line, as the library reports
 * it. Pure: it reads bytes and answers 0 or the status to refuse with.
 *
 * libmicrohttpd 0.9.75 parses in place and is lenient: it takes a bare LF for
 * the end of a line, glues folded lines to the header's name, skips spaces in
 * the request line and stops a value at NUL. Because it parses in place, what
 * it reports must add up to the bytes of the head: each piece begins where the
 * one before it ended, with exactly one space or CRLF between them. A head that
 * does not add up was written in one of those ways and is refused (RFC 9112 2.2,
 * 3, 5.1, 5.2; RFC 9110 5.5).
 */

#include "base/bytes.h"

struct head_limits {
	size_t header_max, target_max; /* a single value is no longer than a target */
	unsigned lines_max;
};

struct head {
	const struct head_limits *limits;
	const uint8_t *target_at;    /* where the library found the target */
	const uint8_t *begin, *next; /* of the head; where the next line begins */
	struct bytes method, host, authority;
	unsigned lines;
	uint32_t seen; /* bit n: the n-th header of those that may come once */
	bool http11;
	bool adds_up; /* the layout above is to be checked */
	bool chunked;
	uint64_t length; /* declared */
};

/* The request line; @target is a copy, for the library cuts up its own. 0, 400, 414, 505. */
must_check unsigned head_begin(struct head *h, struct bytes method, struct bytes target,
			       struct bytes version);
/* One header line as reported: leading white space left off, trailing not. 0, 400, 417, 431. */
must_check unsigned head_line(struct head *h, struct bytes name, struct bytes value);
/* @size: bytes of the whole head with its empty line. 0, 400, 431. */
must_check unsigned head_end(struct head *h, size_t size);

/* Without white space at its end (RFC 9110 5.5). */
struct bytes head_trim(struct bytes value);
/* Path and query of a target that head_begin() accepted; "*" stays. */
struct bytes head_origin_form(struct bytes target);
