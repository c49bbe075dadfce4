/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* signin - the cookie of people who are signed in, and the pages where they do it. */

#include "core/flow/signin.h"

#include "core/api/reply.h"

enum { SIGNIN_GO_MAX = 4096 };

/* The cookie's value; p = NULL: none came. */
struct bytes signin_cookie(const struct flow *flow, const struct call *call);
/* A form of ours comes from our own origin (Fetch metadata; Origin where that is not sent). */
bool signin_same_origin(const struct flow *flow, const struct call *call);
/* Asks to sign in, and then to go on to @go: a path of ours without its first slash. @wrong: what
 * was wrong with the last try, or NULL. */
void signin_page(struct flow *flow, struct call *call, struct bytes go, const char *wrong);
