/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * list - the tools of the catalogue as one vault sees them.
 *
 * A tool that its policy could only block is not there, neither in the list
 * nor by its name. Order: services as the policy names them, tools as their
 * file has them. The name is service and tool with every character that some
 * client would refuse turned into "_": github_issues_list.
 */

#include "core/flow/permit.h"

struct service;
struct service_tool;

enum { LIST_NAME_MAX = 128, LIST_PAGE = 100 };

struct list_view {
	const struct permit *permit;
	const char *only; /* of this service alone, by their own names; NULL: all */
	bool modern;	  /* the client speaks 2026-07-28 */
};

/* What one of its names means. Borrowed until the next look-up of compiled.h. */
struct listed {
	char service[SERVICE_MAX_BYTES + 1];
	struct bytes tool;
	bool has_account; /* the list offers a member `account` with it */
};

/* The page behind @cursor (empty: the first) as the members "tools" and, if there are more,
 * "nextCursor"; with its own braces left to the caller. ERR_NOT_FOUND: no such cursor. */
must_check enum err list_print(struct flow *flow, const struct list_view *view, struct bytes cursor,
			       struct dynbuf *out);
/* ERR_NOT_FOUND: there is none, or the vault does not show it. */
must_check enum err list_find(struct flow *flow, const struct list_view *view, struct bytes name,
			      struct listed *ret);
