/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* consent - the authorization endpoint (RFC 6749 4.1.1, RFC 7636, RFC 9207): log in as one of the
 * made-up people, untick scopes, approve or deny. */

#include "sandbox/call.h"

void consent_show(struct call *call);
void consent_decide(struct call *call);
