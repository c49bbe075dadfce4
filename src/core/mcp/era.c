/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mcp/era.h"

#include <string.h>

#include "codec/base64.h"
#include "ipc/ipc.h"

#define META "io.modelcontextprotocol/"

enum { NAME_MAX_BYTES_HERE = 4096 };

static const char *const legacy[] = { ERA_NEWEST_LEGACY, "2025-06-18", "2025-03-26", "2024-11-05" };

const char *era_legacy_version(struct bytes asked)
{
	for (size_t i = 0; i < ARRAY_LEN(legacy); i++)
		if (bytes_is(asked, legacy[i]))
			return legacy[i];
	return legacy[0];
}

bool era_elicits(const struct rpc *rpc, uint32_t node)
{
	const uint32_t elicitation = doc_member(&rpc->doc, node, str("elicitation"));

	return doc_kind(&rpc->doc, doc_member(&rpc->doc, elicitation, str("url"))) == DOC_OBJECT;
}

static enum err refuse(struct era_refusal *refusal, enum rpc_code code, const char *message)
{
	*refusal = (struct era_refusal){ .code = code, .status = 400, .message = message };
	return ERR_MALFORMED;
}

/* Header values are sent as they are, or as =?base64?…?= where they could not be. */
static enum err header_text(struct bytes value, struct dynbuf *out)
{
	static const char before[] = "=?base64?", after[] = "?=";
	const size_t around = sizeof before - 1 + sizeof after - 1;
	size_t n = 0;

	if (value.n < around || !bytes_starts(value, before) ||
	    memcmp(value.p + value.n - 2, after, 2) != 0) {
		dynbuf_bytes(out, value);
		return dynbuf_err(out);
	}
	const struct bytes inside = { value.p + sizeof before - 1, value.n - around };
	uint8_t *p = dynbuf_grow(out, inside.n);
	TRY(dynbuf_err(out));
	TRY(base64_parse(inside, p, inside.n, &n));
	out->n = n;
	return OK;
}

/* The member of params that Mcp-Name repeats. */
static const char *named_by(struct bytes method)
{
	static const char *const by[][2] = {
		{ "tools/call", "name" },     { "prompts/get", "name" },
		{ "resources/read", "uri" },  { "tasks/get", "taskId" },
		{ "tasks/cancel", "taskId" }, { "tasks/update", "taskId" },
	};

	for (size_t i = 0; i < ARRAY_LEN(by); i++)
		if (bytes_is(method, by[i][0]))
			return by[i][1];
	return NULL;
}

static bool name_fits(const struct rpc *rpc, struct bytes header)
{
	const char *member = named_by(rpc->method);
	scoped(dynbuf_done) struct dynbuf is, should;

	dynbuf_init(&is, NAME_MAX_BYTES_HERE);
	dynbuf_init(&should, NAME_MAX_BYTES_HERE);
	if (member == NULL)
		return true;
	const uint32_t node = doc_member(&rpc->doc, rpc->params, str(member));
	if (node == DOC_NONE) /* the method itself refuses that */
		return true;
	return header.p != NULL && header_text(header, &is) == OK &&
	       doc_string(&rpc->doc, node, &should) == OK && dynbuf_err(&should) == OK &&
	       bytes_eq(dynbuf_view(&is), dynbuf_view(&should));
}

static enum err check_modern(const struct rpc *rpc, struct bytes headers, uint32_t node,
			     struct era_refusal *refusal)
{
	const struct bytes claim = doc_plain(&rpc->doc, node);
	const struct bytes version = ipc_headers_find(headers, "mcp-protocol-version");
	const struct bytes method = ipc_headers_find(headers, "mcp-method");

	if (version.p == NULL || !bytes_eq(version, claim))
		return refuse(refusal, RPC_HEADER_MISMATCH,
			      "MCP-Protocol-Version is not what the request's _meta says");
	if (!bytes_is(claim, ERA_MODERN)) {
		*refusal = (struct era_refusal){ RPC_UNSUPPORTED_VERSION, 400,
						 "Unsupported protocol version",
						 doc_raw(&rpc->doc, node) };
		return ERR_MALFORMED;
	}
	if (doc_kind(&rpc->doc, rpc_meta(rpc, META "clientCapabilities")) != DOC_OBJECT)
		return refuse(refusal, RPC_INVALID_PARAMS,
			      "_meta lacks " META "clientCapabilities");
	if (rpc->kind != RPC_REQUEST)
		return OK;
	if (method.p == NULL || !bytes_eq(method, rpc->method))
		return refuse(refusal, RPC_HEADER_MISMATCH,
			      "Mcp-Method is not the request's method");
	if (!name_fits(rpc, ipc_headers_find(headers, "mcp-name")))
		return refuse(refusal, RPC_HEADER_MISMATCH,
			      "Mcp-Name is not what the request names");
	return OK;
}

enum err era_of(const struct rpc *rpc, struct bytes headers, struct era *ret,
		struct era_refusal *refusal)
{
	const struct bytes version = ipc_headers_find(headers, "mcp-protocol-version");
	const uint32_t claim = rpc_meta(rpc, META "protocolVersion");

	*ret = (struct era){ 0 };
	if (claim != DOC_NONE) {
		if (doc_plain(&rpc->doc, claim).p == NULL)
			return refuse(refusal, RPC_INVALID_PARAMS,
				      META "protocolVersion is no version");
		ret->modern = true;
		ret->asks_by_url = era_elicits(rpc, rpc_meta(rpc, META "clientCapabilities"));
		return check_modern(rpc, headers, claim, refusal);
	}
	if (version.p != NULL && bytes_is(version, ERA_MODERN) && rpc->kind == RPC_REQUEST)
		return refuse(refusal, RPC_INVALID_PARAMS, "_meta lacks " META "protocolVersion");
	if (version.p == NULL || bytes_is(version, ERA_MODERN))
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(legacy); i++)
		if (bytes_is(version, legacy[i]))
			return OK;
	return refuse(refusal, RPC_SERVER_ERROR, "Unsupported MCP-Protocol-Version");
}
