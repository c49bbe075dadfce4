/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * address - an absolute address that may hold {variables} of a connection. In
 * its host at most one, in one of three forms, so that no value can lead to
 * another host than the file means:
 *
 *   https://{host}/…           the whole name: a variable of check `host`
 *   https://api.{host}/…       what its names are below of: the same
 *   https://{label}.acme.com/  labels of a name that the file ends itself
 *
 * and any number behind the host, each of which is encoded.
 */

#include "base/dynbuf.h"

struct address {
	bool https;
	struct bytes origin;	    /* scheme, host and port as written */
	struct bytes before, after; /* literal parts of the host around the place, or all of it */
	struct bytes name;	    /* of the variable in the host; n = 0: none */
	struct bytes port;	    /* with its colon, or empty */
	struct bytes rest;	    /* path and query */
};

/* ERR_MALFORMED: another form, a host or path that uri_parse() refuses, http to another machine. */
must_check enum err address_parse(struct bytes text, struct address *ret);
/* Whether a name belongs to this machine: what plain http may be used to. */
bool address_loopback(struct bytes host);
