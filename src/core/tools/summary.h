/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * summary - one line that tells a person what a tool is about to do.
 *
 * Text that comes from an agent is shown as it is, not as it pretends to be:
 * controls, marks that turn the direction of writing, and letters without width
 * are made visible, and what is too long is cut with a note that says so.
 */

#include "core/tools/value.h"

enum { SUMMARY_VALUE_MAX = 200, SUMMARY_MAX_BYTES = 16 * 1024 };

/* Appends the tool's summary with the arguments in it; one that is absent is a dash.
 * ERR_TOO_LARGE (the ceiling of @out). */
must_check enum err tools_summary(const struct service_tool *tool, const struct doc *args,
				  struct dynbuf *out);
/* Appends @text, of any bytes, so that a person sees all of it, at most @max code points and then
 * how many more there are. Errors stay in @out. */
void tools_visible(struct bytes text, size_t max, struct dynbuf *out);
