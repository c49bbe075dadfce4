/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * mcp - each vault as an MCP endpoint (Streamable HTTP), for both eras of the
 * protocol at one address.
 *
 *  1. Who has no live token of that very vault gets 401, whatever is wrong: a
 *     vault of another, one that is not there, a bad token.
 *  2. Sessions, streams and held calls live in memory. They are lost with core,
 *     and clients begin anew; approvals and results are not (flow/toolcall.h).
 *  3. A session routes cancellation and notifications. It authenticates nobody:
 *     each request shows its token, and the session must be that vault's.
 *  4. A call that waits for a person is answered as an event stream. In the
 *     modern era a leg of it ends in time with `input_required`, and the client
 *     comes again by itself.
 */

#include "core/flow/flow.h"

struct mcp;

must_check enum err mcp_new(struct mcp **ret);
void mcp_free(struct mcp **mcpp);

/* POST, GET or DELETE at /mcp/@vault, or at /mcp/@vault/@mount: a service, perhaps with @alias.
 * There its tools are shown alone, by their own names, and to a remote MCP server all else is
 * passed on where the policy lets raw requests read (flow/mount.h). */
void mcp_handle(struct flow *flow, struct call *call, struct bytes vault, struct bytes mount);
/* Gate is about to end (@closing), or has: streams and held calls are told to come again, and none
 * is begun until there is another. */
void mcp_closing(struct flow *flow, bool closing);
/* Each second: progress, legs that end, lists that have changed. */
void mcp_tick(struct flow *flow);
