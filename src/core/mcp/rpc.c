/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mcp/rpc.h"

#include "codec/json.h"

static bool is_id(unsigned kind, struct bytes raw)
{
	return kind == DOC_STRING || (kind == DOC_NUMBER && doc_number_whole(raw));
}

static enum err classify(struct rpc *rpc)
{
	const struct doc *doc = &rpc->doc;
	const uint32_t id = doc_member(doc, 0, str("id"));
	const uint32_t method = doc_member(doc, 0, str("method"));

	if (!doc_is(doc, doc_member(doc, 0, str("jsonrpc")), str("2.0")))
		return ERR_MALFORMED;
	rpc->params = doc_member(doc, 0, str("params"));
	if (rpc->params != DOC_NONE && doc_kind(doc, rpc->params) != DOC_OBJECT)
		return ERR_MALFORMED;
	rpc->meta = doc_member(doc, rpc->params, str("_meta"));
	if (id != DOC_NONE) {
		if (!is_id(doc_kind(doc, id), doc_raw(doc, id)))
			return ERR_MALFORMED;
		rpc->id = doc_raw(doc, id);
	}
	if (method == DOC_NONE) {
		rpc->kind = RPC_RESPONSE;
		return id != DOC_NONE && (doc_member(doc, 0, str("result")) != DOC_NONE ||
					  doc_member(doc, 0, str("error")) != DOC_NONE)
			       ? OK
			       : ERR_MALFORMED;
	}
	rpc->method = doc_plain(doc, method);
	rpc->kind = id != DOC_NONE ? RPC_REQUEST : RPC_NOTIFICATION;
	return rpc->method.n > 0 ? OK : ERR_MALFORMED;
}

enum err rpc_read(struct bytes body, struct rpc *ret, enum rpc_code *ret_code)
{
	*ret = (struct rpc){ .params = DOC_NONE, .meta = DOC_NONE };
	*ret_code = RPC_PARSE_ERROR;
	TRY(doc_read(body, &ret->doc));
	*ret_code = RPC_INVALID_REQUEST;
	if (doc_kind(&ret->doc, 0) != DOC_OBJECT)
		return ERR_MALFORMED;
	return classify(ret);
}

void rpc_done(struct rpc *rpc)
{
	doc_done(&rpc->doc);
}

uint32_t rpc_meta(const struct rpc *rpc, const char *name)
{
	return doc_member(&rpc->doc, rpc->meta, str(name));
}

struct bytes rpc_text(const struct rpc *rpc, const char *name)
{
	return doc_plain(&rpc->doc, doc_member(&rpc->doc, rpc->params, str(name)));
}

void rpc_result_begin(struct bytes id, struct dynbuf *out)
{
	dynbuf_str(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	dynbuf_bytes(out, id.p == NULL ? str("null") : id);
	dynbuf_str(out, ",\"result\":");
}

void rpc_error(struct bytes id, enum rpc_code code, const char *message, struct bytes data,
	       struct dynbuf *out)
{
	dynbuf_str(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	dynbuf_bytes(out, id.p == NULL ? str("null") : id);
	dynbuf_printf(out, ",\"error\":{\"code\":%d,\"message\":", (int)code);
	json_print_string(str(message), out);
	if (data.n > 0) {
		dynbuf_str(out, ",\"data\":");
		dynbuf_bytes(out, data);
	}
	dynbuf_str(out, "}}");
}
