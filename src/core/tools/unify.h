/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * unify - lays the last request of one tool over a raw request and finds the
 * arguments with which the one would be the other. Inside tools only.
 */

#include "base/arena.h"
#include "codec/form.h"
#include "core/tools/raw.h"

enum { UNIFY_CAPTURES_MAX = 64, UNIFY_MEMORY_MAX = 4 * 1024 * 1024 };

/* What a place took: text of a path, parameter or header, or a value of the JSON body. */
struct unify_capture {
	struct bytes name;
	struct bytes text;
	uint32_t node; /* DOC_NONE: it is a text */
	bool element;  /* one of several of the same name */
};

/* How much of the tool a request is. */
enum unify_fit {
	UNIFY_NONE,  /* another request */
	UNIFY_NEAR,  /* it goes where the tool goes, and not all of it is the tool's */
	UNIFY_EXACT, /* all of it is */
};

struct unify {
	const struct service *service;
	struct raw *raw;
	const struct doc *body;	 /* NULL: no JSON, or none that can be read */
	const struct form *form; /* NULL: no form, or none that can be read */
	struct arena memory;	 /* of texts that are unescaped */

	const struct service_tool *tool; /* the one laid over it now */
	size_t captures_n;
	struct unify_capture captures[UNIFY_CAPTURES_MAX];
	unsigned constants; /* how many parts of the tool stood in the request as they are */
};

/* FAULT_NOMEM, ERR_TOO_LARGE. Captures and constants are those of @tool afterwards. */
must_check enum err unify_tool(struct unify *unify, const struct service_tool *tool,
			       enum unify_fit *ret);
/* Appends the captures as a JSON object in canonical form, by the types of the tool's schema.
 * ERR_MALFORMED: a text is none of its argument's type. */
must_check enum err unify_print(struct unify *unify, struct dynbuf *out);
