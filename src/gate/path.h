/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * path - the one spelling of a path. A route has one name and no second way to
 * write it, so that a check bound to a route cannot be walked around (RFC 3986
 * 6.2.2 lists the second ways; they are refused here instead of undone).
 */

#include "base/bytes.h"

/* What stands before the query. */
struct bytes path_of(struct bytes target);

/* Refuses "//", "." and ".." segments, backslash, bad percent sequences, and percent sequences of
 * NUL, control bytes, slash, backslash, percent, or of what needs none. Below /proxy/ a slash may
 * be encoded, for others write their paths so; it separates like any other as far as dots go.
 * ERR_MALFORMED. */
must_check enum err path_check(struct bytes path);

/* Whether requests for this path may go on to a provider. */
bool path_proxied(struct bytes path);

/* The @path has the segments of @pattern, in which "*" stands for one that is not empty. A slash at
 * the end makes no difference. */
bool path_is(struct bytes path, const char *pattern);
