/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * match - which tool a raw request is, so that the proxy decides on it as on the
 * tool's own call.
 *
 *  1. A request is a tool's only if all of it is accounted for: method, host,
 *     path, each query parameter, header place and body member, and the arguments
 *     so found are valid by the tool's schema.
 *  2. A request that only reaches a tool (another parameter, content type, case,
 *     version, a body that cannot be read, the same GraphQL field, a batch) is near it:
 *     it may do what the tool does, so it is only as free as the strictest of the
 *     rule for raw requests and the decisions on all tools near it.
 *  3. What servers read in different ways is refused: dot segments, doubled
 *     slashes, double encodings, slashes and backslashes in disguise, path
 *     parameters, method overrides.
 *  4. What cannot be understood counts as a write; of GraphQL, as a write of anything.
 *  5. What is forwarded is `target`, not what was sent.
 */

#include "core/tools/build.h"

struct graphql_facts;

struct tools_raw {
	struct bytes method;
	struct bytes target;	   /* path and query below /proxy/{service}; begins with a slash */
	struct bytes content_type; /* p = NULL: not sent */
	struct bytes content_encoding; /* p = NULL: not sent */
	struct bytes body;
	bool partial; /* the body was not all seen */
	size_t headers_n;
	const struct tools_header *headers; /* as sent, all of them */
	const struct doc *variables;	    /* the connection's; NULL: none */
};

struct tools_found {
	const struct service_tool *tool; /* NULL: it is no tool's */
	enum service_effect effect;	 /* of the tool, or as the request looks */
	struct dynbuf target;		 /* the address to call */
	struct dynbuf args; /* of the tool: an object of canonical form, digits as sent */
	size_t near_n;	    /* 0 if there is a tool */
	const struct service_tool *near[SERVICE_TOOLS_MAX];
	struct graphql_facts *facts; /* what a GraphQL endpoint would execute; NULL: it is none */
};

/*
 * The caller ends *@ret with tools_found_done(), also after a failure.
 *   ERR_MALFORMED    no request that all servers read alike
 *   ERR_UNSUPPORTED  a method, header or parameter that this proxy does not pass on
 *   ERR_NOT_FOUND    the connection lacks a variable that the service's base needs
 *   ERR_TOO_LARGE
 */
must_check enum err tools_match(const struct service *service, const struct tools_raw *raw,
				struct tools_found *ret);
void tools_found_done(struct tools_found *found);

/* What becomes of a header of a raw request. */
enum tools_header_fate {
	TOOLS_HEADER_FORWARD = 1,
	TOOLS_HEADER_DROP,     /* ours to set, or about the caller, or unknown to the tool */
	TOOLS_HEADER_ARGUMENT, /* could be an argument of the provider's: makes a request no tool's
				*/
	TOOLS_HEADER_REFUSE,   /* it would make another request of this one */
};

/* @tool as found, or NULL, and then what is not ours passes. tools_match() has refused a request
 * with a header to be refused. Not about Content-Length and the like: httpd and courier frame anew.
 */
enum tools_header_fate tools_header(const struct service *service, const struct service_tool *tool,
				    struct bytes name);
