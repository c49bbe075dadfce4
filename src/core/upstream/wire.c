/* SPDX-License-Identifier: Apache-2.0 */
#include "core/upstream/wire.h"

#include <stdlib.h>
#include <string.h>

#define CLIENT "{\"name\":\"valetkey\",\"version\":\"" VALETKEY_VERSION "\"}"
#define META   "io.modelcontextprotocol/"

void wire_print(const struct wire_way *way, const struct wire_message *message, struct dynbuf *out)
{
	dynbuf_str(out, "{\"jsonrpc\":\"2.0\",");
	if (message->id != 0)
		dynbuf_printf(out, "\"id\":%llu,", (unsigned long long)message->id);
	dynbuf_printf(out, "\"method\":\"%s\",\"params\":{", message->method);
	dynbuf_bytes(out, message->params);
	if (way->modern)
		dynbuf_printf(out,
			      "%s\"_meta\":{\"" META "protocolVersion\":\"" WIRE_MODERN "\",\"" META
			      "clientCapabilities\":{},\"" META "clientInfo\":" CLIENT "}",
			      message->params.n > 0 ? "," : "");
	dynbuf_str(out, "}}");
}

/* What a server says when it refuses goes to a model: one line of letters. */
static void take_words(const struct doc *doc, uint32_t node, char to[static WIRE_WORDS_MAX])
{
	struct bytes letters = doc_letters(doc, node);
	size_t n = 0;

	while (letters.p != NULL && letters.n > 0 && n + 5 < WIRE_WORDS_MAX) {
		const uint32_t point = doc_letter(&letters);
		if (point < 0x80)
			to[n++] = point < ' ' || point == 0x7f ? ' ' : (char)point;
		else
			to[n++] = '?';
	}
	to[n] = 0;
}

static enum err take_answer(uint64_t id, struct wire_answer *ret)
{
	const struct doc *doc = &ret->doc;
	const uint32_t error = doc_member(doc, 0, str("error"));
	char text[24];
	uint64_t seen, code;

	const struct bytes raw = doc_raw(doc, doc_member(doc, 0, str("id")));
	if (bytes_str(raw, text, sizeof text) != OK || bytes_u64(raw, UINT64_MAX, &seen) != OK ||
	    (id != 0 && seen != id))
		return ERR_MALFORMED;
	ret->result = doc_member(doc, 0, str("result"));
	if (ret->result != DOC_NONE)
		return error == DOC_NONE && doc_kind(doc, ret->result) == DOC_OBJECT
			       ? OK
			       : ERR_MALFORMED;
	if (doc_kind(doc, error) != DOC_OBJECT)
		return ERR_MALFORMED;
	struct bytes number = doc_raw(doc, doc_member(doc, error, str("code")));
	const bool minus = number.n > 1 && number.p[0] == '-';
	if (minus)
		number = (struct bytes){ number.p + 1, number.n - 1 };
	if (number.p != NULL && bytes_u64(number, 1000000, &code) == OK)
		ret->code = minus ? -(int)code : (int)code;
	take_words(doc, doc_member(doc, error, str("message")), ret->words);
	return OK;
}

enum err wire_read(struct bytes body, uint64_t id, struct wire_answer *ret)
{
	*ret = (struct wire_answer){ .result = DOC_NONE };
	TRY(doc_read(body, &ret->doc));
	return take_answer(id, ret);
}

void wire_done(struct wire_answer *answer)
{
	doc_done(&answer->doc);
}

bool wire_legacy_version(struct bytes version)
{
	static const char *const known[] = { "2025-11-25", "2025-06-18", "2025-03-26",
					     "2024-11-05" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (bytes_is(version, known[i]))
			return true;
	return false;
}
