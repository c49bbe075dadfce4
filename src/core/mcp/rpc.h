/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * rpc - JSON-RPC 2.0 messages as MCP sends them: one a request, with an id
 * that is echoed digit by digit, and never null.
 */

#include "codec/doc.h"

enum rpc_kind { RPC_REQUEST = 1, RPC_NOTIFICATION, RPC_RESPONSE };

/* JSON-RPC 2.0 5.1, and those of MCP 2026-07-28. */
enum rpc_code {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INVALID_PARAMS = -32602,
	RPC_INTERNAL = -32603,
	RPC_SERVER_ERROR = -32000, /* what versions before 2026-07-28 have no number for */
	RPC_HEADER_MISMATCH = -32020,
	RPC_UNSUPPORTED_VERSION = -32022,
	RPC_URL_ELICITATION = -32042, /* 2025-11-25 */
};

struct rpc {
	struct doc doc;
	enum rpc_kind kind;
	struct bytes id;     /* as it came; p = NULL: none */
	struct bytes method; /* p = NULL of a response */
	uint32_t params, meta;
};

/* Borrows @body. OK, or what is wrong: 0 is never answered but for OK. rpc_done() in any case. */
must_check enum err rpc_read(struct bytes body, struct rpc *ret, enum rpc_code *ret_code);
void rpc_done(struct rpc *rpc);

/* A member of params._meta, or DOC_NONE. */
uint32_t rpc_meta(const struct rpc *rpc, const char *name);
/* A string member of params without escapes; p = NULL otherwise. */
struct bytes rpc_text(const struct rpc *rpc, const char *name);

/* {"jsonrpc":"2.0","id":…,"result": — the caller appends the value and a closing brace. @id p =
 * NULL: null. */
void rpc_result_begin(struct bytes id, struct dynbuf *out);
/* A whole error. @data: one JSON value, empty for none. */
void rpc_error(struct bytes id, enum rpc_code code, const char *message, struct bytes data,
	       struct dynbuf *out);
