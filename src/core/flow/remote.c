/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/remote.h"

#include <stdlib.h>

#include "core/catalog/service.h"
#include "core/flow/ask.h"
#include "core/flow/compiled.h"
#include "core/flow/errand.h"
#include "core/flow/offers.h"
#include "crypto/crypto.h"

enum step { STEP_NONE, STEP_DISCOVER, STEP_INITIALIZE, STEP_INITIALIZED, STEP_LIST };

struct waiter {
	struct waiter *next;
	remote_done_fn fn;
	void *ctx;
};

struct remote {
	uint8_t key[SHA256_LEN];
	struct id tenant, connection;
	char service[SERVICE_ID_LEN + 1];
	struct wire_way way;
	char session[WIRE_SESSION_MAX + 1];
	usec_t known, listed, used; /* boot clock; 0: not yet */
	enum step step;
	bool again; /* the session was lost once in this round */
	uint64_t id;
	struct id intent;
	struct waiter *waiters;
	size_t waiters_n;
	struct offers offers; /* of the list under way */
	struct buf *cursor;
	unsigned pages;
};

static void remote_free(struct remote *remote)
{
	for (struct waiter *next, *waiter = remote->waiters; waiter != NULL; waiter = next) {
		next = waiter->next;
		free(waiter);
	}
	offers_done(&remote->offers);
	buf_free(&remote->cursor);
	free(remote);
}

static void key_of(const struct remote_of *of, uint8_t to[static SHA256_LEN])
{
	const struct id none = { { 0 } };
	const struct id connection = of->connection == NULL ? none : of->connection->id;
	const struct bytes parts[] = {
		{ of->tenant.b, ID_LEN }, { connection.b, ID_LEN }, str(of->service->id), str("\n"),
		of->service->mcp.url,
	};

	sha256(parts, ARRAY_LEN(parts), to);
}

static uint64_t slot_of(const uint8_t key[static SHA256_LEN])
{
	return get_u64(key) | 1;
}

static struct remote *find(struct flow *flow, const struct remote_of *of)
{
	uint8_t key[SHA256_LEN];

	key_of(of, key);
	struct remote *remote = map_find(&flow->remotes, slot_of(key));
	return remote != NULL && memcmp(remote->key, key, sizeof key) == 0 ? remote : NULL;
}

/* Makes room for one more by forgetting who was not needed for the longest time. */
static void forget_oldest(struct flow *flow)
{
	struct remote *oldest = NULL, *remote;
	size_t at = 0;

	while ((remote = map_next(&flow->remotes, &at)) != NULL)
		if (remote->step == STEP_NONE && (oldest == NULL || remote->used < oldest->used))
			oldest = remote;
	if (oldest != NULL)
		remote_free(map_del(&flow->remotes, slot_of(oldest->key)));
}

static enum err find_or_new(struct flow *flow, const struct remote_of *of, struct remote **ret)
{
	*ret = find(flow, of);
	if (*ret != NULL)
		return OK;
	if (flow->remotes.n >= REMOTE_LINKS_MAX)
		forget_oldest(flow);
	struct remote *remote = calloc(1, sizeof *remote);
	if (remote == NULL)
		return FAULT_NOMEM;
	key_of(of, remote->key);
	remote->tenant = of->tenant;
	if (of->connection != NULL)
		remote->connection = of->connection->id;
	memcpy(remote->service, of->service->id, sizeof remote->service);
	enum err err = map_find(&flow->remotes, slot_of(remote->key)) != NULL
			       ? ERR_OVERLOADED
			       : map_put(&flow->remotes, slot_of(remote->key), remote);
	if (err != OK) {
		remote_free(remote);
		return err == ERR_TOO_LARGE ? ERR_OVERLOADED : err;
	}
	*ret = remote;
	return OK;
}

static void forget_list(struct remote *remote)
{
	offers_done(&remote->offers);
	buf_free(&remote->cursor);
	remote->pages = 0;
}

/* Those who wait may begin a new round: each is taken off before it is told. */
static void finish(struct flow *flow, struct remote *remote, enum err err)
{
	struct waiter *waiters = remote->waiters;

	remote->step = STEP_NONE;
	remote->again = false;
	remote->waiters = NULL;
	remote->waiters_n = 0;
	forget_list(remote);
	if (err != OK)
		remote->known = remote->listed = 0;
	for (struct waiter *next; waiters != NULL; waiters = next) {
		next = waiters->next;
		waiters->fn(flow, waiters->ctx, err);
		free(waiters);
	}
}

static enum err wait_for(struct remote *remote, remote_done_fn fn, void *ctx)
{
	if (remote->waiters_n >= REMOTE_WAITERS_MAX)
		return ERR_OVERLOADED;
	struct waiter *waiter = calloc(1, sizeof *waiter);
	if (waiter == NULL)
		return FAULT_NOMEM;
	*waiter = (struct waiter){ remote->waiters, fn, ctx };
	remote->waiters = waiter;
	remote->waiters_n++;
	return OK;
}

static void ask_record(const struct flow *flow, const struct remote *remote, uint8_t outcome,
		       struct ipc_record *ret)
{
	flow_record(flow, NULL, EVENT_remote_ask, outcome, ret);
	ret->tenant = remote->tenant;
	ret->connection = remote->connection;
	ret->service = str(remote->service);
}

static void note_outcome(struct flow *flow, const struct remote *remote,
			 const struct ask_answer *answer)
{
	const bool answered = answer->outcome == ASK_ANSWERED;
	struct ipc_record record;

	if (answer->outcome == ASK_NOT_SENT && answer->err == ERR_SEALED)
		return; /* no intent was written that would need an end */
	ask_record(flow, remote, answered ? OUTCOME_OK : OUTCOME_FAILED, &record);
	record.ref = remote->intent;
	record.status = answer->reply.status;
	record.bytes = answer->reply.bytes;
	record.duration_us = answer->reply.duration_us;
	if (!answered)
		record.reason = answer->err > OK ? (uint16_t)answer->err : ERR_SERVER;
	err_ignore(flow_note(flow, NULL, &record)); /* one without an end becomes unknown */
}

static enum err print_headers(const struct remote *remote, const char *method, struct bytes name,
			      struct dynbuf *out)
{
	ipc_headers_add(out, "accept", str("application/json, text/event-stream"));
	ipc_headers_add(out, "content-type", str("application/json"));
	if (remote->way.version[0] != 0)
		ipc_headers_add(out, "mcp-protocol-version", str(remote->way.version));
	if (remote->way.modern) {
		ipc_headers_add(out, "mcp-method", str(method));
		if (name.p != NULL)
			ipc_headers_add(out, "mcp-name", name);
	} else if (remote->session[0] != 0) {
		ipc_headers_add(out, "mcp-session-id", str(remote->session));
	}
	return dynbuf_err(out);
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer);

struct packed {
	struct dynbuf headers, body, url;
	struct errand_api api;
};

static void packed_done(struct packed *p)
{
	dynbuf_done(&p->headers);
	dynbuf_done(&p->body);
	dynbuf_done(&p->url);
	dynbuf_done(&p->api.placements);
}

static enum err send_packed(struct flow *flow, struct remote *remote, const struct service *service,
			    struct packed *p)
{
	struct connection_row row;
	struct ipc_record record;

	dynbuf_bytes(&p->url, service->mcp.url);
	if (!id_none(remote->connection)) {
		TRY(store_connection_get(flow->store, remote->tenant, remote->connection, &row));
		if (row.state != CONNECTION_CONNECTED)
			return ERR_REAUTH_REQUIRED;
		TRY(errand_api(flow, service, &row, &p->url, &p->api));
	}
	TRY(dynbuf_err(&p->url));
	const struct ipc_courier_call call = {
		.method = HTTP_POST,
		.body_kind = BODY_RAW,
		.timeout_ms = REMOTE_STEP_MS,
		.answer_max = REMOTE_PAGE_MAX,
		.rpc = remote->id,
		.url = dynbuf_view(&p->url),
		.headers = dynbuf_view(&p->headers),
		.body = dynbuf_view(&p->body),
		.placements = dynbuf_view(&p->api.placements),
	};
	ask_record(flow, remote, OUTCOME_INTENT, &record);
	remote->intent = record.event;
	return ask_begin(flow, &call, &record, p->api.items, p->api.items_n, on_answer, remote);
}

static enum err print_params(const struct remote *remote, struct dynbuf *out)
{
	if (remote->step == STEP_INITIALIZE)
		dynbuf_str(out, WIRE_INITIALIZE);
	if (remote->step == STEP_LIST && remote->cursor != NULL) {
		dynbuf_str(out, "\"cursor\":");
		dynbuf_bytes(out, buf_bytes(remote->cursor));
	}
	return dynbuf_err(out);
}

static enum err send_step(struct flow *flow, struct remote *remote, enum step step)
{
	static const char *const methods[] = {
		[STEP_NONE] = "",
		[STEP_DISCOVER] = "server/discover",
		[STEP_INITIALIZE] = "initialize",
		[STEP_INITIALIZED] = "notifications/initialized",
		[STEP_LIST] = "tools/list",
	};
	scoped(packed_done) struct packed packed = { 0 };
	scoped(dynbuf_done) struct dynbuf params;
	const struct service *service;

	remote->step = step;
	if (step == STEP_DISCOVER)
		remote->way = (struct wire_way){ .modern = true, .version = WIRE_MODERN };
	if (step == STEP_INITIALIZE)
		remote->way = (struct wire_way){ .modern = false };
	if (step == STEP_DISCOVER || step == STEP_INITIALIZE)
		remote->session[0] = 0;
	TRY(compiled_service(flow, remote->tenant, str(remote->service), &service));
	remote->id = step == STEP_INITIALIZED ? 0 : ++flow->remote_ids;
	dynbuf_init(&params, 16 * 1024);
	dynbuf_init(&packed.headers, IPC_HEADERS_MAX);
	dynbuf_init(&packed.body, 32 * 1024);
	dynbuf_init(&packed.url, IPC_TARGET_MAX);
	TRY(print_params(remote, &params));
	const struct wire_message message = { remote->id, methods[step], dynbuf_view(&params) };
	wire_print(&remote->way, &message, &packed.body);
	TRY(dynbuf_err(&packed.body));
	TRY(print_headers(remote, methods[step], (struct bytes){ NULL, 0 }, &packed.headers));
	return send_packed(flow, remote, service, &packed);
}

static bool speaks_modern(const struct wire_answer *answer)
{
	const struct doc *doc = &answer->doc;
	const uint32_t versions = doc_member(doc, answer->result, str("supportedVersions"));

	for (size_t i = 0; i < 32; i++) {
		const uint32_t version = doc_element(doc, versions, i);
		if (version == DOC_NONE)
			return false;
		if (doc_is(doc, version, str(WIRE_MODERN)))
			return true;
	}
	return false;
}

/* What a server of before makes of a question that it does not know may be anything. */
static enum err take_discover(struct flow *flow, struct remote *remote,
			      const struct ask_answer *answer)
{
	struct wire_answer said;
	bool modern = false;

	if (answer->outcome == ASK_ANSWERED && answer->reply.status == 200) {
		modern = wire_read(answer->reply.body, remote->id, &said) == OK &&
			 said.result != DOC_NONE && speaks_modern(&said);
		wire_done(&said);
	}
	if (!modern)
		return send_step(flow, remote, STEP_INITIALIZE);
	remote->known = flow->boot;
	return send_step(flow, remote, STEP_LIST);
}

static bool session_ok(struct bytes session)
{
	for (size_t i = 0; i < session.n; i++)
		if (session.p[i] < 0x21 || session.p[i] > 0x7e)
			return false;
	return session.n <= WIRE_SESSION_MAX;
}

static enum err take_version(struct remote *remote, const struct wire_answer *said)
{
	const struct bytes version =
		doc_plain(&said->doc, doc_member(&said->doc, said->result, str("protocolVersion")));

	return wire_legacy_version(version)
		       ? bytes_str(version, remote->way.version, sizeof remote->way.version)
		       : ERR_PROVIDER_REFUSED;
}

static enum err take_initialize(struct flow *flow, struct remote *remote,
				const struct ask_answer *answer)
{
	const struct bytes session = ipc_headers_find(answer->reply.headers, "mcp-session-id");
	struct wire_answer said;

	if (answer->outcome != ASK_ANSWERED || answer->reply.status != 200 || !session_ok(session))
		return ERR_PROVIDER_REFUSED;
	enum err err = wire_read(answer->reply.body, remote->id, &said);
	if (err == OK)
		err = said.result == DOC_NONE ? ERR_PROVIDER_REFUSED : take_version(remote, &said);
	wire_done(&said);
	if (err != OK)
		return ERR_PROVIDER_REFUSED;
	TRY(bytes_str(session, remote->session, sizeof remote->session));
	remote->known = flow->boot;
	return send_step(flow, remote, STEP_INITIALIZED);
}

static enum err take_page(struct remote *remote, const struct wire_answer *said, bool *ret_more)
{
	const struct doc *doc = &said->doc;
	const uint32_t cursor = doc_member(doc, said->result, str("nextCursor"));

	*ret_more = false;
	if (said->result == DOC_NONE)
		return said->code == -32601 && remote->pages == 0 ? OK : ERR_PROVIDER_REFUSED;
	TRY(offers_page(&remote->offers, doc, doc_member(doc, said->result, str("tools"))));
	if (cursor == DOC_NONE || doc_kind(doc, cursor) == DOC_NULL)
		return OK;
	buf_free(&remote->cursor);
	if (doc_kind(doc, cursor) != DOC_STRING || doc_raw(doc, cursor).n > 8192)
		return ERR_PROVIDER_REFUSED;
	*ret_more = ++remote->pages < REMOTE_PAGES_MAX && !remote->offers.cut;
	remote->offers.cut = !*ret_more;
	return buf_dup(doc_raw(doc, cursor), &remote->cursor);
}

static enum err take_list(struct flow *flow, struct remote *remote, const struct ask_answer *answer)
{
	struct wire_answer said;
	bool more;

	if (answer->outcome != ASK_ANSWERED)
		return ERR_PROVIDER_REFUSED;
	if (answer->reply.status == 404 && remote->session[0] != 0 && !remote->again) {
		remote->again = true;
		forget_list(remote);
		return send_step(flow, remote, STEP_DISCOVER);
	}
	enum err err = wire_read(answer->reply.body, remote->id, &said);
	if (err == OK)
		err = take_page(remote, &said, &more);
	wire_done(&said);
	if (err != OK)
		return err == FAULT_NOMEM ? err : ERR_PROVIDER_REFUSED;
	if (more)
		return send_step(flow, remote, STEP_LIST);
	TRY(offers_store(flow, remote->tenant, remote->service, &remote->offers));
	remote->listed = flow->boot;
	finish(flow, remote, OK);
	return OK;
}

static enum err take_answer(struct flow *flow, struct remote *remote,
			    const struct ask_answer *answer)
{
	const unsigned status = answer->reply.status;

	if (answer->outcome == ASK_NOT_SENT || answer->outcome == ASK_UNKNOWN)
		return answer->err == OK || answer->err == ERR_UNCERTAIN ? ERR_PROVIDER_UNAVAILABLE
									 : answer->err;
	if (status == 401)
		return ERR_REAUTH_REQUIRED;
	if (status == 429 || (status >= 502 && status <= 504))
		return ERR_PROVIDER_UNAVAILABLE;
	switch (remote->step) {
	case STEP_DISCOVER:
		return take_discover(flow, remote, answer);
	case STEP_INITIALIZE:
		return take_initialize(flow, remote, answer);
	case STEP_INITIALIZED:
		return status >= 200 && status < 300 ? send_step(flow, remote, STEP_LIST)
						     : ERR_PROVIDER_REFUSED;
	case STEP_LIST:
		return take_list(flow, remote, answer);
	case STEP_NONE:
		break;
	}
	return FAULT_BUG;
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct remote *remote = journey;

	note_outcome(flow, remote, answer);
	const enum err err = take_answer(flow, remote, answer);
	if (err != OK)
		finish(flow, remote, err < OK ? ERR_PROVIDER_UNAVAILABLE : err);
}

enum err remote_ready(struct flow *flow, const struct remote_of *of, usec_t age, remote_done_fn fn,
		      void *ctx, bool *ret_waits)
{
	struct remote *remote;

	*ret_waits = false;
	TRY(find_or_new(flow, of, &remote));
	remote->used = flow->boot;
	const bool known =
		remote->known != 0 && flow->boot - remote->known < REMOTE_KNOWN_S * USEC_PER_S;
	if (remote->step == STEP_NONE && known && remote->listed != 0 &&
	    flow->boot - remote->listed <= age)
		return OK;
	TRY(wait_for(remote, fn, ctx));
	*ret_waits = true;
	if (remote->step != STEP_NONE)
		return OK;
	const enum err err = send_step(flow, remote, known ? STEP_LIST : STEP_DISCOVER);
	if (err == OK)
		return OK;
	struct waiter *waiter = remote->waiters; /* the only one */
	remote->waiters = NULL;
	remote->waiters_n = 0;
	remote->step = STEP_NONE;
	free(waiter);
	*ret_waits = false;
	return err;
}

enum err remote_request(struct flow *flow, const struct remote_of *of,
			const struct wire_message *message, struct bytes name,
			struct remote_request *ret)
{
	const struct remote *remote = find(flow, of);
	struct wire_message numbered = *message;

	*ret = (struct remote_request){ 0 };
	dynbuf_init(&ret->headers, IPC_HEADERS_MAX);
	dynbuf_init(&ret->body, IPC_BODY_MAX);
	if (remote == NULL || remote->known == 0)
		return ERR_CONFLICT;
	ret->modern = remote->way.modern;
	numbered.id = ret->id = ++flow->remote_ids;
	wire_print(&remote->way, &numbered, &ret->body);
	TRY(dynbuf_err(&ret->body));
	return print_headers(remote, message->method, name, &ret->headers);
}

void remote_request_done(struct remote_request *request)
{
	dynbuf_done(&request->headers);
	dynbuf_done(&request->body);
}

void remote_lost(struct flow *flow, const struct remote_of *of)
{
	struct remote *remote = find(flow, of);

	if (remote != NULL && remote->step == STEP_NONE)
		remote->known = 0;
}

void remote_end_all(struct flow *flow)
{
	size_t at = 0;

	for (struct remote *remote; (remote = map_next(&flow->remotes, &at)) != NULL;)
		remote_free(remote);
	map_done(&flow->remotes);
}
