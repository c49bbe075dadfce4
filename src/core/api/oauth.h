/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* oauth - answers of the authorization server's endpoints for programs (RFC 6749 5.1, 5.2). */

#include "core/api/reply.h"

/* JSON that nobody on the way stores. @body is stolen. */
void oauth_reply(struct flow *flow, struct call *call, unsigned status, json_t *body);
/* {"error", "error_description"}; @why: one sentence of ours, or NULL for that of errors.def. A 401
 * to who came with a bearer token, or could have, carries WWW-Authenticate: Bearer. */
void oauth_refuse(struct flow *flow, struct call *call, enum err err, const char *why);
