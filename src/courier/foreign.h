/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * foreign - which of a provider's header lines may be shown to a client of ours
 * as those of our own answer: not what belongs to one hop (RFC 9110 7.6.1), not
 * what sets state or policy for our origin, not what says how long others may
 * keep the answer.
 */

#include "httpc/httpc.h"

enum { FOREIGN_LINES_MAX = 48, FOREIGN_BYTES_MAX = 8 * 1024 };

/* Appends a list of header. ERR_TOO_LARGE: more than a client is sent. */
must_check enum err foreign_headers(const struct httpc_response *response, struct dynbuf *out);
