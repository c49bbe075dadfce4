/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/toolsay.h"

#include "core/upstream/wire.h"

enum { FORM = 2, FORM_WITHOUT_CONTENT = 1, PROVIDER_WORDS_MAX = 4096 };

void toolend_take(const struct ask_answer *answer, enum approval_outcome came, struct id ref,
		  struct toolend *ret)
{
	static const uint8_t outcomes[] = {
		[APPROVAL_OPEN] = OUTCOME_OK,	    [APPROVAL_OK] = OUTCOME_OK,
		[APPROVAL_FAILED] = OUTCOME_FAILED, [APPROVAL_UNKNOWN] = OUTCOME_UNKNOWN,
		[APPROVAL_VOID] = OUTCOME_DENIED,
	};

	*ret = (struct toolend){ .outcome = outcomes[came],
				 .status = answer->reply.status,
				 .bytes = answer->reply.bytes,
				 .duration_us = answer->reply.duration_us,
				 .ref = ref };
	if (answer->outcome != ASK_ANSWERED && came != APPROVAL_OK)
		ret->reason = answer->err > OK ? (uint16_t)answer->err : ERR_SERVER;
}

void toolend_put(const struct toolend *end, struct ipc_record *record)
{
	record->outcome = end->outcome;
	record->reason = end->reason;
	record->status = end->status;
	record->bytes = end->bytes;
	record->duration_us = end->duration_us;
	record->ref = end->ref;
}

void toolsay_init(struct toolsay *say)
{
	*say = (struct toolsay){ .outcome = APPROVAL_OPEN };
	dynbuf_init(&say->text, TOOLSAY_TEXT_MAX + 1024);
	dynbuf_init(&say->structured, TOOLSAY_TEXT_MAX);
	dynbuf_init(&say->content, TOOLSAY_CONTENT_MAX);
}

void toolsay_done(struct toolsay *say)
{
	dynbuf_done(&say->text);
	dynbuf_done(&say->structured);
	dynbuf_done(&say->content);
}

static void fail(struct toolsay *say, enum approval_outcome outcome, enum err err)
{
	say->outcome = outcome;
	say->err = err < OK ? ERR_SERVER : err;
	say->is_error = true;
}

void toolsay_err(struct toolsay *say, enum err err, struct bytes detail)
{
	fail(say, err == ERR_APPROVAL_VOID ? APPROVAL_VOID : APPROVAL_FAILED, err);
	dynbuf_str(&say->text, err_row(say->err)->says);
	if (detail.n > 0) {
		dynbuf_u8(&say->text, ' ');
		dynbuf_bytes(&say->text, detail);
	}
	dynbuf_u8(&say->text, ' ');
	dynbuf_str(&say->text, err_row(say->err)->mend);
	dynbuf_str(&say->text, " Nothing was carried out.");
}

void toolsay_lost(struct toolsay *say, bool sent)
{
	if (!sent) {
		fail(say, APPROVAL_FAILED, ERR_PROVIDER_UNAVAILABLE);
		dynbuf_str(&say->text, "Valetkey was interrupted before the request was sent. "
				       "Nothing was carried out. Ask again if it is still wanted.");
		return;
	}
	fail(say, APPROVAL_UNKNOWN, ERR_UNCERTAIN);
	dynbuf_str(&say->text,
		   "Whether this was carried out is UNKNOWN: the request may have reached "
		   "the provider, and no answer came. It will not be sent again by itself. "
		   "Look at the account before asking for it again.");
}

/* Length of the longest beginning of @text, at most @max, that ends between two code points. */
static size_t cut_at(struct bytes text, size_t max)
{
	size_t n = text.n < max ? text.n : max;

	while (n > 0 && n < text.n && (text.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static bool is_text(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		size_t more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4 || more > text.n - i - 1)
			return false;
		for (; more > 0; more--)
			if ((text.p[++i] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static void add_text(struct toolsay *say, struct bytes text, size_t max)
{
	if (!is_text(text)) {
		dynbuf_printf(&say->text, "[%zu bytes that are no text]", text.n);
		return;
	}
	const size_t n = cut_at(text, max);
	dynbuf_put(&say->text, text.p, n);
	if (n < text.n)
		dynbuf_printf(
			&say->text,
			"\n[%zu more bytes were left out: ask for fewer items or fewer fields]",
			text.n - n);
}

static void add_structured(struct toolsay *say, struct bytes body)
{
	struct doc doc = { 0 };

	if (body.n <= TOOLSAY_TEXT_MAX && doc_read(body, &doc) == OK)
		dynbuf_bytes(&say->structured, body);
	doc_done(&doc);
}

static void succeeded(struct toolsay *say, const struct ipc_courier_answer *reply)
{
	say->outcome = APPROVAL_OK;
	if (reply->body.n == 0) {
		dynbuf_printf(&say->text, "Done. The provider answered %u without content.",
			      reply->status);
		return;
	}
	add_text(say, reply->body, TOOLSAY_TEXT_MAX);
	add_structured(say, reply->body);
}

/* What a model can do about an answer that is no success. */
static const char *advice(uint16_t status, enum err *ret_err)
{
	static const struct {
		uint16_t status;
		enum err err;
		const char *says;
	} known[] = {
		{ 400, OK, "Compare the arguments with what the provider says." },
		{ 401, ERR_REAUTH_REQUIRED, "The user has to connect the account again." },
		{ 403, OK,
		  "The account may not do this; another account or more scopes may be needed." },
		{ 404, OK, "It does not exist, or the account cannot see it." },
		{ 409, OK, "Read the present state first; it is not what was expected." },
		{ 410, OK, "It is gone." },
		{ 412, OK, "It has changed meanwhile: read it again." },
		{ 422, OK, "Compare the arguments with what the provider says." },
		{ 429, ERR_RATE_LIMITED, "Wait before asking the provider again." },
	};

	*ret_err = status >= 500 ? ERR_PROVIDER_UNAVAILABLE : OK;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i].status == status) {
			*ret_err = known[i].err;
			return known[i].says;
		}
	}
	return status >= 500 ? "The provider has failed; try again later." : "";
}

static void refused(struct toolsay *say, const struct ipc_courier_answer *reply, bool writes)
{
	const struct bytes retry = ipc_headers_find(reply->headers, "retry-after");
	enum err err;
	const char *says = advice(reply->status, &err);

	/* A failing server may have done what it was asked for; See Other says that it has. */
	const bool unknown = writes && (reply->status >= 500 || reply->status == 303);
	fail(say, unknown ? APPROVAL_UNKNOWN : APPROVAL_FAILED, err);
	dynbuf_printf(&say->text, "The provider answered %u. %s", reply->status, says);
	if (say->outcome == APPROVAL_UNKNOWN)
		dynbuf_str(&say->text, " Whether anything was carried out is not known.");
	if (retry.n > 0 && retry.n < 64) {
		dynbuf_str(&say->text, " Retry-After: ");
		dynbuf_bytes(&say->text, retry);
		dynbuf_u8(&say->text, '.');
	}
	if (reply->body.n > 0) {
		dynbuf_str(&say->text, " It said: ");
		add_text(say, reply->body, PROVIDER_WORDS_MAX);
	}
}

/* It was answered, and the answer cannot be shown. */
static void unusable(struct toolsay *say, const struct ipc_courier_answer *reply, bool writes)
{
	if (reply->status >= 200 && reply->status < 300 && writes) {
		say->outcome = APPROVAL_OK;
		dynbuf_printf(&say->text,
			      "Done: the provider answered %u. Its answer is too large or not in "
			      "the form that was expected, and is not shown.",
			      reply->status);
		return;
	}
	fail(say, writes ? APPROVAL_UNKNOWN : APPROVAL_FAILED,
	     writes ? ERR_UNCERTAIN : ERR_PROVIDER_UNAVAILABLE);
	dynbuf_str(&say->text,
		   "The provider's answer is too large or not in the form that was expected.");
	if (writes)
		dynbuf_str(&say->text, " Whether this was carried out is UNKNOWN. Look at the "
				       "account before asking for it again.");
}

void toolsay_answer(struct toolsay *say, const struct ask_answer *answer, bool writes)
{
	const struct ipc_courier_answer *reply = &answer->reply;

	switch (answer->outcome) {
	case ASK_ANSWERED:
		if (reply->status >= 200 && reply->status < 300)
			succeeded(say, reply);
		else
			refused(say, reply, writes);
		return;
	case ASK_NOT_SENT:
		toolsay_err(say, answer->err, (struct bytes){ NULL, 0 });
		return;
	case ASK_UNUSABLE:
		unusable(say, reply, writes);
		return;
	case ASK_UNKNOWN:
		break;
	}
	if (writes) {
		toolsay_lost(say, true);
		return;
	}
	fail(say, APPROVAL_FAILED, ERR_PROVIDER_UNAVAILABLE);
	dynbuf_str(&say->text, "The provider did not answer in time. Nothing was changed by this.");
}

/* For who wants text alone: that of the blocks, the others by their type. */
static void add_block(struct toolsay *say, const struct doc *doc, uint32_t block)
{
	const bool text = doc_is(doc, doc_member(doc, block, str("type")), str("text"));
	const struct bytes type = doc_plain(doc, doc_member(doc, block, str("type")));

	dynbuf_str(&say->text, say->text.n > 0 ? "\n" : "");
	if (text)
		err_ignore(doc_string(doc, doc_member(doc, block, str("text")), &say->text));
	else
		dynbuf_printf(&say->text, "[%.*s]", (int)(type.n < 64 ? type.n : 64),
			      (const char *)type.p);
}

/* False: it is no result that can be shown. */
static bool add_result(struct toolsay *say, const struct wire_answer *said)
{
	const struct doc *doc = &said->doc;
	const uint32_t content = doc_member(doc, said->result, str("content"));
	const uint32_t structured = doc_member(doc, said->result, str("structuredContent"));

	if (doc_kind(doc, content) != DOC_ARRAY)
		return false;
	for (uint32_t block = content + 1; block < doc->nodes[content].next;
	     block = doc->nodes[block].next) {
		if (doc_kind(doc, doc_member(doc, block, str("type"))) != DOC_STRING)
			return false;
		add_block(say, doc, block);
	}
	dynbuf_bytes(&say->content, doc_raw(doc, content));
	if (structured != DOC_NONE)
		dynbuf_bytes(&say->structured, doc_raw(doc, structured));
	return dynbuf_err(&say->text) == OK && dynbuf_err(&say->content) == OK &&
	       dynbuf_err(&say->structured) == OK;
}

static void take_remote(struct toolsay *say, const struct ask_answer *answer,
			const struct wire_answer *said, bool writes)
{
	const struct doc *doc = &said->doc;
	const uint32_t type = doc_member(doc, said->result, str("resultType"));

	if (said->result == DOC_NONE) {
		fail(say, APPROVAL_FAILED, OK);
		dynbuf_printf(&say->text, "The server answered with the error %d. It said: %s",
			      said->code, said->words);
	} else if (type != DOC_NONE && !doc_is(doc, type, str("complete"))) {
		fail(say, writes ? APPROVAL_UNKNOWN : APPROVAL_FAILED, OK);
		dynbuf_str(&say->text, "The server asks for something in return before it goes on, "
				       "which cannot be given here.");
	} else if (add_result(say, said)) {
		say->outcome = APPROVAL_OK;
		say->is_error =
			doc_kind(doc, doc_member(doc, said->result, str("isError"))) == DOC_TRUE;
	} else {
		toolsay_done(say);
		toolsay_init(say);
		unusable(say, &answer->reply, writes);
	}
}

void toolsay_remote(struct toolsay *say, const struct ask_answer *answer, uint64_t rpc, bool writes)
{
	const uint16_t status = answer->reply.status;
	struct wire_answer said;

	if (answer->outcome != ASK_ANSWERED || status < 200 || status >= 300) {
		toolsay_answer(say, answer, writes);
		return;
	}
	if (wire_read(answer->reply.body, rpc, &said) == OK)
		take_remote(say, answer, &said, writes);
	else
		unusable(say, &answer->reply, writes);
	wire_done(&said);
}

static void print_bytes(struct dynbuf *out, struct bytes bytes)
{
	dynbuf_u32(out, (uint32_t)bytes.n);
	dynbuf_bytes(out, bytes);
}

void toolsay_print(const struct toolsay *say, struct dynbuf *out)
{
	dynbuf_u8(out, FORM);
	dynbuf_u8(out, (uint8_t)say->outcome);
	dynbuf_u8(out, say->is_error);
	print_bytes(out, say->err == OK ? str("") : str(err_row(say->err)->name));
	print_bytes(out, dynbuf_view(&say->text));
	print_bytes(out, dynbuf_view(&say->structured));
	print_bytes(out, dynbuf_view(&say->content));
}

static enum err parse_bytes(struct bytes *from, struct bytes *ret)
{
	if (from->n < 4 || get_u32(from->p) > from->n - 4)
		return ERR_MALFORMED;
	const size_t n = get_u32(from->p);
	*ret = (struct bytes){ from->p + 4, n };
	*from = (struct bytes){ from->p + 4 + n, from->n - 4 - n };
	return OK;
}

static enum err err_named(struct bytes name)
{
	for (int err = OK + 1; err < ERR_COUNT; err++)
		if (bytes_is(name, err_row((enum err)err)->name))
			return (enum err)err;
	return name.n == 0 ? OK : ERR_SERVER;
}

enum err toolsay_parse(struct bytes parked, struct toolsay_parked *ret)
{
	struct toolsay_parked p = { 0 };
	struct bytes name;

	if (parked.n < 3 || (parked.p[0] != FORM && parked.p[0] != FORM_WITHOUT_CONTENT) ||
	    parked.p[1] > APPROVAL_VOID || parked.p[2] > 1)
		return ERR_MALFORMED;
	p.outcome = (enum approval_outcome)parked.p[1];
	p.is_error = parked.p[2] == 1;
	struct bytes rest = { parked.p + 3, parked.n - 3 };
	TRY(parse_bytes(&rest, &name));
	TRY(parse_bytes(&rest, &p.text));
	TRY(parse_bytes(&rest, &p.structured));
	if (parked.p[0] == FORM)
		TRY(parse_bytes(&rest, &p.content));
	p.err = err_named(name);
	*ret = p;
	return rest.n == 0 ? OK : ERR_MALFORMED;
}
