/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* oauth - the token and revocation endpoints (RFC 6749 4.1.3 and 6, RFC 7636 4.6, RFC 7009) in each
 * service's own manner. */

#include "sandbox/call.h"

void oauth_token(struct call *call);
/* RFC 7009 2 */
void oauth_revoke(struct call *call);
/* DELETE /applications/{client_id}/token and /grant, as at GitHub. */
void oauth_revoke_application(struct call *call);
/* auth.revoke, as at Slack. */
void oauth_revoke_bearer(struct call *call);
