/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * build - from a tool and its arguments to the requests that carry it out.
 *
 *  1. An argument stays where the tool puts it: it cannot leave its path segment,
 *     parameter, header or member, whatever its bytes are.
 *  2. Values of JSON bodies are copied as text: numbers keep every digit.
 *  3. No secret passes through here; the credential is added by courier.
 */

#include "core/tools/value.h"

enum {
	TOOLS_URL_MAX = 8192,
	TOOLS_BODY_MAX = 1024 * 1024,
	TOOLS_HEADERS_MAX = 2 * SERVICE_PAIRS_MAX,
	TOOLS_HEADERS_TEXT_MAX = 16 * 1024,
};

struct tools_header {
	struct bytes name, value;
};

struct tools_request {
	enum service_method method;
	struct dynbuf url, body;
	const char *content_type; /* NULL: there is no body */
	size_t headers_n;	  /* the service's and the tool's, without Content-Type */
	struct tools_header headers[TOOLS_HEADERS_MAX];
	struct dynbuf headers_text; /* where their values lie */
};

/*
 * The request of step @step, from 0. The arguments must be valid by the tool's schema. The caller
 * ends *@ret with tools_request_done(), also after a failure.
 *   ERR_MALFORMED  an argument has a value that cannot stand where the tool puts it
 *   ERR_NOT_FOUND  the connection lacks a variable, or an earlier answer a value that the path
 * needs ERR_TOO_LARGE
 */
must_check enum err tools_build(const struct service *service, const struct service_tool *tool,
				size_t step, const struct tools_values *values,
				struct tools_request *ret);
void tools_request_done(struct tools_request *request);

/* Appends the value of the service's @n-th own header, for a connection with @variables (NULL:
 * none). ERR_NOT_FOUND  the connection lacks a variable ERR_MALFORMED  its value cannot stand in a
 * header */
must_check enum err tools_own_header(const struct service *service, const struct doc *variables,
				     size_t n, struct dynbuf *out);
/* The tool's projection in the lines of codec/select.h; nothing is appended where it has none. */
must_check enum err tools_select(const struct service_tool *tool, struct dynbuf *out);
/* A text with arguments in it, such as the id of a resource. ERR_NOT_FOUND: one is absent;
 * ERR_MALFORMED: one has no text; ERR_TOO_LARGE. */
must_check enum err tools_text(const struct service_tool *tool, struct bytes template,
			       const struct doc *args, struct dynbuf *out);
