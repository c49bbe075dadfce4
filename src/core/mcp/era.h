/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * era - which of the two protocols one message speaks.
 *
 * The body decides: a request that claims its version in params._meta is of
 * 2026-07-28, where each request stands for itself; everything else is of the
 * versions before, which begin with `initialize`. Headers are only held
 * against the body: what a proxy on the way has looked at must be what we see.
 */

#include "core/mcp/rpc.h"

#define ERA_MODERN	  "2026-07-28"
#define ERA_NEWEST_LEGACY "2025-11-25"

struct era {
	bool modern;
	bool asks_by_url; /* the client can be asked to open a page */
};

/* What was refused, as JSON-RPC and HTTP say it. */
struct era_refusal {
	enum rpc_code code;
	unsigned status;
	const char *message;
	struct bytes requested; /* RPC_UNSUPPORTED_VERSION: the version, as JSON */
};

/* @headers as in ipc_http_request. ERR_MALFORMED: @refusal says why. */
must_check enum err era_of(const struct rpc *rpc, struct bytes headers, struct era *ret,
			   struct era_refusal *refusal);
/* The version to answer `initialize` with: @asked if it is one of ours, else the newest of them. */
const char *era_legacy_version(struct bytes asked);
/* Whether the client's capabilities at @node have elicitation by URL. */
bool era_elicits(const struct rpc *rpc, uint32_t node);
