/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* token - the grants of /oauth/token that give tokens of our own. */

#include "core/api/reply.h"

/* Whether grant_type names one of them. */
bool token_is_own(const struct form *form);
void token_grant(struct flow *flow, struct call *call);
