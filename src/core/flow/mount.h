/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * mount - a request of an MCP client, passed on as it is to the remote MCP server
 * that a service is, with the credential that the client does not get.
 *
 *   permit → a tool: its policy, its definition as it is listed now; anything
 *   else: the rule for raw requests that read → token fresh → limits → intent
 *   and release in one step of keeper → courier → the answer goes to the client
 *   past core, piece by piece
 *
 *  1. A tool is passed on only where it is allowed at once; what a person decides
 *     goes the way of toolcall.h. Lists of tools are never passed on.
 *  2. What the client calls its session is the server's behind our mark, which
 *     binds it to vault, client, service and account: another's opens nothing.
 *  3. Of the client's headers those of the protocol alone go on.
 */

#include "core/flow/permit.h"

enum { MOUNT_VAULT_CALLS_MAX = 64 };

struct mount_ask {
	const struct permit *permit; /* vault, agent and policy, as just looked up */
	struct bytes service;
	struct bytes account; /* alias; empty: the default */
	struct bytes tool;    /* n = 0: none */
	struct bytes arguments;
	struct bytes id; /* of `initialize`, as JSON; n = 0: it is another request */
};

/* Whether it is passed on at all: the service is a remote server, and the policy permits it without
 * asking anybody. What is wrong otherwise, the way not passed on finds out. */
bool mount_passes(struct flow *flow, const struct call *call, const struct mount_ask *ask);
/* Whether the session that the client names, if it names one, is its own and not ended: for what is
 * answered without the server. */
bool mount_session_ok(struct flow *flow, const struct call *call, const struct mount_ask *ask);
/* Answers through call->done when it refuses, without a result; else the answer comes from courier.
 */
void mount_begin(struct flow *flow, struct call *call, const struct mount_ask *ask);
