/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * fields - header lines between HTTP and frames. To core go all lines that
 * belong to the request: in lower case, without those that belong to one hop
 * (RFC 9110 7.6.1), and without those by which proxies tell of the client, for
 * gate has read them itself or does not believe them. To the client go core's
 * lines and those that every answer has.
 */

#include "httpd/httpd.h"
#include "ipc/ipc.h"

enum { FIELDS_MAX = 64, FIELDS_NAMES_MAX = 4096 };

/* Appends the lines of @request as a list of header; errors are kept in @out. */
void fields_from_request(const struct httpd_request *request, struct dynbuf *out);
/* The lines of header @name (lower case) in order, joined by commas; @out is overwritten. */
struct bytes fields_join(const struct httpd_request *request, const char *name, struct dynbuf *out);

struct fields {
	struct httpd_field rows[FIELDS_MAX];
	size_t n;
	char names[FIELDS_NAMES_MAX];
	size_t names_n;
};

/* Core's list and the lines of every answer; @secure adds HSTS. Borrows from @headers.
 * ERR_MALFORMED (a bad list, a line that is httpd's own, a name or value that is none),
 * ERR_TOO_LARGE. */
must_check enum err fields_for_answer(struct bytes headers, bool secure, struct fields *ret);
/* The same for an answer that somebody else wrote: whatever it is, nothing of it runs. */
must_check enum err fields_for_foreign(struct bytes headers, bool secure, struct fields *ret);
