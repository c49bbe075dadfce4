/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* relist - a remote MCP server is asked for its tools because somebody wants to look at them. */

#include "core/flow/flow.h"

/* Answers through call->done once the file of @service holds what the server lists now, asked over
 * any account of it that is connected. ERR_NOT_FOUND (no such service, or no MCP server),
 * ERR_NOT_CONNECTED, ERR_OVERLOADED */
must_check enum err relist_begin(struct flow *flow, struct call *call, struct bytes service);
/* The account is new, and nobody waits. */
void relist_connected(struct flow *flow, struct id tenant, struct id connection);
