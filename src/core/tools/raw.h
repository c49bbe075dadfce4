/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* raw - a raw request taken apart: where it goes, its segments and its parameters. Inside tools
 * only. */

#include "core/tools/match.h"

enum { RAW_SEGMENTS_MAX = 64, RAW_PARAMETERS_MAX = 100 };

struct raw_segment {
	struct bytes text; /* decoded */
	bool slash;	   /* it held an encoded one */
	bool mark;	   /* it held an encoded '?' or '#' */
};

struct raw_parameter {
	struct bytes name, value; /* decoded */
	bool used;		  /* by the tool that is being compared */
};

struct raw {
	const struct tools_raw *from;
	enum service_method method; /* HEAD is SERVICE_GET; 0: one that no tool has */
	bool head;
	struct bytes origins[SERVICE_HOSTS_MAX]; /* the service's hosts for this connection; p =
						    NULL: it lacks a variable */
	size_t base_host, host;			 /* which of them the base has, and the request */
	struct bytes base; /* path of the base; p = NULL: it lacks a variable */
	struct bytes
		credential; /* the parameter that the service's credential goes into; n = 0: none */
	size_t segments_n;
	struct raw_segment segments[RAW_SEGMENTS_MAX]; /* of the whole path, base included */
	size_t parameters_n;
	struct raw_parameter parameters[RAW_PARAMETERS_MAX];
	struct dynbuf text;    /* owns what is decoded */
	struct dynbuf *target; /* normalised, written here */
};

/* @target is the caller's, empty. Ends with raw_done(), also after a failure. Errors of
 * tools_match(). */
must_check enum err raw_read(const struct service *service, const struct tools_raw *from,
			     struct dynbuf *target, struct raw *ret);
void raw_done(struct raw *raw);
/* Which of the service's hosts @url begins with, and what comes behind; the number of hosts if
 * none. */
size_t raw_host_of(const struct service *service, struct bytes url, struct bytes *ret_rest);
/* Whether the content type is @want (lower case), without looking at its parameters. */
bool raw_type_is(const struct tools_raw *raw, const char *want);
/* application/json, or a type built on it. */
bool raw_type_is_json(const struct tools_raw *raw);
/* Whether it goes to an endpoint that carries out requests which it finds in a body. */
bool raw_is_batch(const struct raw *raw);
