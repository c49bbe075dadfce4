/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/upstream.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/uri.h"
#include "core/catalog/address.h"
#include "core/catalog/catalog.h"
#include "core/flow/ask.h"
#include "core/flow/compiled.h"
#include "core/flow/given.h"
#include "core/flow/objects.h"
#include "core/flow/offers.h"
#include "core/flow/remote.h"
#include "core/oauth/discovery.h"
#include "core/oauth/provider.h"

enum { ANSWER_MAX = DISCOVERY_DOCUMENT_MAX, TITLE_MAX_BYTES = 128 };

/* The newer question, then the older. The first is also asked to see whether a token is wanted: all
 * servers ask for that before they look at what was said. */
static const struct wire_message greetings[] = {
	{ 1, "server/discover", { NULL, 0 } },
	{ 1, "initialize", { (const uint8_t *)WIRE_INITIALIZE, sizeof WIRE_INITIALIZE - 1 } },
};

enum step { STEP_PROBE, STEP_RESOURCE, STEP_SERVER, STEP_REGISTER, STEP_GREET };

struct upstream {
	struct call *call;
	struct discovery d;
	enum step step;
	unsigned place; /* which of the addresses of this step */
	usec_t until;	/* boot clock */
	struct id tenant, intent;
	char id[SERVICE_ID_LEN + 1], name[TITLE_MAX_BYTES + 1];
	char client_id[UPSTREAM_URL_MAX], client_auth[8];
	bool dynamic;
	enum service_auth auth;
	enum upstream_client how;
	struct id client; /* whose place a new secret is sealed for */
	uint64_t secret_version;
	struct buf *secret; /* sealed */
};

static void upstream_free(struct upstream **upstreamp)
{
	struct upstream *upstream = *upstreamp;

	if (upstream == NULL)
		return;
	buf_free(&upstream->secret);
	free(upstream);
	*upstreamp = NULL;
}

void upstream_document(const struct flow *flow, char to[static UPSTREAM_URL_MAX])
{
	(void)snprintf(to, UPSTREAM_URL_MAX, "%soauth/client-metadata.json", flow->settings.issuer);
}

bool upstream_has_document(const struct flow *flow)
{
	struct uri uri;

	return flow->settings.https && uri_parse(str(flow->settings.issuer), &uri) == OK &&
	       !address_loopback(uri.host);
}

static void upstream_end(struct flow *flow, struct upstream *upstream, enum err err)
{
	const struct upstream_added added = { upstream->id, upstream->how };
	struct call *call = upstream->call;

	if (err != OK && call->detail == NULL && upstream->d.why != NULL)
		call->detail = strdup(upstream->d.why);
	call->done(flow, call, err, err == OK ? &added : NULL);
	upstream_free(&upstream);
}

static enum err because(struct upstream *upstream, enum err err, const char *why)
{
	upstream->d.why = why;
	return err;
}

static void step_record(const struct flow *flow, const struct upstream *upstream, uint8_t outcome,
			struct ipc_record *ret)
{
	const bool registers = upstream->step == STEP_REGISTER;

	flow_record(flow, upstream->call,
		    registers ? EVENT_service_register : EVENT_service_discover, outcome, ret);
	ret->tenant = upstream->tenant;
	ret->service = str(upstream->id);
}

static void note_outcome(struct flow *flow, const struct upstream *upstream,
			 const struct ask_answer *answer)
{
	const bool answered = answer->outcome == ASK_ANSWERED;
	struct ipc_record record;

	if (answer->outcome == ASK_NOT_SENT && answer->err == ERR_SEALED)
		return; /* no intent was written that would need an end */
	step_record(flow, upstream, answered ? OUTCOME_OK : OUTCOME_FAILED, &record);
	record.ref = upstream->intent;
	record.status = answer->reply.status;
	record.bytes = answer->reply.bytes;
	record.duration_us = answer->reply.duration_us;
	if (!answered)
		record.reason = answer->err > OK ? (uint16_t)answer->err : ERR_SERVER;
	err_ignore(flow_note(flow, NULL, &record)); /* one without an end becomes unknown */
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer);

static enum err send(struct flow *flow, struct upstream *upstream, struct bytes url,
		     struct bytes body)
{
	scoped(dynbuf_done) struct dynbuf headers = { .max = 512 }, cuts = { .max = 512 };
	struct ipc_record record;

	if (flow->boot >= upstream->until)
		return because(upstream, ERR_PROVIDER_UNAVAILABLE,
			       "The server and its authorization server take too long.");
	if (upstream->step == STEP_PROBE || upstream->step == STEP_GREET) {
		ipc_headers_add(&headers, "accept", str("application/json, text/event-stream"));
		if (upstream->place == 0) {
			ipc_headers_add(&headers, "mcp-protocol-version", str(WIRE_MODERN));
			ipc_headers_add(&headers, "mcp-method", str(greetings[0].method));
		}
	} else {
		ipc_headers_add(&headers, "accept", str("application/json"));
	}
	if (upstream->step == STEP_REGISTER) {
		const struct ipc_cut cut = { .path = str("client_secret") };
		IPC_LIST_ADD(&cuts, cut, &cut);
	}
	TRY(dynbuf_err(&headers));
	TRY(dynbuf_err(&cuts));
	const struct ipc_courier_call call = {
		.method = body.n > 0 ? HTTP_POST : HTTP_GET,
		.body_kind = body.n > 0 ? BODY_JSON : BODY_NONE,
		.timeout_ms = UPSTREAM_STEP_MS,
		.answer_max = ANSWER_MAX,
		.rpc = upstream->step == STEP_GREET ? greetings[upstream->place].id : 0,
		.url = url,
		.headers = dynbuf_view(&headers),
		.body = body,
		.cuts = dynbuf_view(&cuts),
	};
	step_record(flow, upstream, OUTCOME_INTENT, &record);
	upstream->intent = record.event;
	return ask_begin(flow, &call, &record, NULL, 0, on_answer, upstream);
}

static enum err choose_client(struct flow *flow, struct upstream *upstream);

static enum err greet(struct flow *flow, struct upstream *upstream)
{
	const struct wire_way way = { .modern = upstream->place == 0 };
	scoped(dynbuf_done) struct dynbuf body = { .max = 4096 };

	if (upstream->place >= ARRAY_LEN(greetings))
		return because(upstream, ERR_PROVIDER_REFUSED,
			       "There is no MCP server at this address.");
	wire_print(&way, &greetings[upstream->place], &body);
	TRY(dynbuf_err(&body));
	return send(flow, upstream, str(upstream->d.url), dynbuf_view(&body));
}

/* The next document of this step, or what follows where there is none. */
static enum err look(struct flow *flow, struct upstream *upstream)
{
	const bool resource = upstream->step == STEP_RESOURCE;
	uint8_t room[2 * DISCOVERY_URL_MAX];
	struct dynbuf url = { .p = room, .room = sizeof room, .max = sizeof room };
	const struct bytes none = { NULL, 0 };

	if (resource ? discovery_resource_url(&upstream->d, upstream->place, &url)
		     : discovery_server_url(&upstream->d, upstream->place, &url)) {
		upstream->place++;
		TRY(dynbuf_err(&url));
		return send(flow, upstream, dynbuf_view(&url), none);
	}
	if (!resource) {
		TRY(discovery_no_server(&upstream->d));
		return choose_client(flow, upstream);
	}
	const enum err err = discovery_no_resource(&upstream->d);
	if (err == ERR_UNSUPPORTED) {
		upstream->d.open = true;
		upstream->step = STEP_GREET;
		upstream->place = 0;
		return greet(flow, upstream);
	}
	TRY(err);
	upstream->step = STEP_SERVER;
	upstream->place = 0;
	return look(flow, upstream);
}

static enum err take_probe(struct flow *flow, struct upstream *upstream,
			   const struct ask_answer *answer)
{
	struct bytes headers = answer->reply.headers, element;
	struct ipc_header header;

	upstream->d.refused = answer->reply.status == 401;
	while (ipc_list_next(&headers, &element) == OK)
		if (ipc_header_decode(element, &header) == OK &&
		    bytes_is(header.name, "www-authenticate") && upstream->d.refused)
			discovery_challenge(&upstream->d, header.value);
	upstream->step = STEP_RESOURCE;
	upstream->place = 0;
	return look(flow, upstream);
}

static enum err take_document(struct flow *flow, struct upstream *upstream,
			      const struct ipc_courier_answer *reply)
{
	const bool resource = upstream->step == STEP_RESOURCE;

	if (reply->status == 429 || reply->status >= 500)
		return because(upstream, ERR_PROVIDER_UNAVAILABLE,
			       "The server's metadata, or that of its authorization server, is not "
			       "to be had at present.");
	if (reply->status != 200)
		return look(flow, upstream);
	const enum err err = resource ? discovery_resource_read(&upstream->d, reply->body)
				      : discovery_server_read(&upstream->d, reply->body);
	/* Some sites answer every address with a page. */
	if (err == ERR_NOT_FOUND)
		return look(flow, upstream);
	TRY(err);
	if (!resource)
		return choose_client(flow, upstream);
	upstream->step = STEP_SERVER;
	upstream->place = 0;
	return look(flow, upstream);
}

/* The service under this id, which must be this server or nothing. */
static enum err old_service(struct flow *flow, const struct upstream *upstream,
			    const struct service **ret)
{
	struct service_row row;
	struct bytes yaml;

	*ret = NULL;
	const enum err err =
		store_service_find(flow->store, upstream->tenant, str(upstream->id), &row);
	if (err == ERR_NOT_FOUND)
		return catalog_find(str(upstream->id), &yaml) ? ERR_EXISTS : OK;
	TRY(err);
	TRY(compiled_service(flow, upstream->tenant, str(upstream->id), ret));
	return bytes_is((*ret)->mcp.url, upstream->d.url) ? OK : ERR_EXISTS;
}

/* The client row that is there, or a fresh one. */
static enum err old_client(struct flow *flow, const struct upstream *upstream,
			   struct client_row *ret)
{
	struct client_row row;
	const enum err err =
		store_client_find(flow->store, upstream->tenant, str(upstream->id), &row);

	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	*ret = err == OK ? row
			 : (struct client_row){ .id = id_new(),
						.tenant = upstream->tenant,
						.service = str(upstream->id) };
	return OK;
}

/* Whether what is there was given by the same authorization server for the same way of proving. */
static enum err may_keep(struct flow *flow, const struct upstream *upstream,
			 const struct client_row *client, enum service_auth *ret, bool *ret_keep)
{
	scoped(json_free) json_t *given = NULL;
	const struct service *old;

	*ret_keep = false;
	TRY(old_service(flow, upstream, &old));
	if (old == NULL || client->client_id.n == 0 ||
	    !bytes_is(old->oauth.issuer, upstream->d.issuer))
		return OK;
	TRY(given_load(flow, client->tenant, client->id, &given));
	*ret = old->oauth.auth;
	*ret_keep = given_issuer_ok(old, given);
	return OK;
}

static enum err finish(struct flow *flow, struct upstream *upstream);

static enum err begin_registration(struct flow *flow, struct upstream *upstream)
{
	scoped(dynbuf_done) struct dynbuf body = { .max = 16 * 1024 };
	scoped(json_free) json_t *client = NULL;
	char redirect[FLOW_REDIRECT_MAX];

	upstream->step = STEP_REGISTER;
	flow_redirect_uri(flow, redirect);
	client = discovery_registration(&upstream->d, str(redirect), upstream->auth);
	json_print(client, &body);
	TRY(dynbuf_err(&body));
	return send(flow, upstream, str(upstream->d.registration), dynbuf_view(&body));
}

/* Given by the operator, kept from before, our own document, a registration: in this order (MCP,
 * client registration approaches). */
static enum err choose_client(struct flow *flow, struct upstream *upstream)
{
	struct discovery *d = &upstream->d;
	struct client_row client;
	enum service_auth kept;
	bool keep;

	TRY(old_client(flow, upstream, &client));
	upstream->client = client.id;
	upstream->secret_version = client.secret_version;
	TRY(may_keep(flow, upstream, &client, &kept, &keep));
	if (keep && !upstream->dynamic && upstream->client_auth[0] == 0 &&
	    (upstream->client_id[0] == 0 || bytes_is(client.client_id, upstream->client_id))) {
		upstream->auth = kept;
		upstream->how = UPSTREAM_CLIENT_KEPT;
		return finish(flow, upstream);
	}
	if (upstream->client_id[0] == 0 && upstream->client_auth[0] == 0 && !upstream->dynamic &&
	    discovery_takes_document(d) && upstream_has_document(flow)) {
		upstream->auth = SERVICE_AUTH_NONE;
		upstream->how = UPSTREAM_CLIENT_DOCUMENT;
		upstream_document(flow, upstream->client_id);
		return finish(flow, upstream);
	}
	TRY(discovery_auth(d, str(upstream->client_auth), &upstream->auth));
	if (upstream->client_id[0] == 0 && d->registration[0] != 0)
		return begin_registration(flow, upstream);
	upstream->how =
		upstream->client_id[0] != 0 ? UPSTREAM_CLIENT_GIVEN : UPSTREAM_CLIENT_MISSING;
	return finish(flow, upstream);
}

static enum err print_service(const struct upstream *upstream, struct dynbuf *out)
{
	const struct discovery_naming naming = { str(upstream->id), str(upstream->name) };

	return discovery_print(&upstream->d, &naming, upstream->auth, out);
}

static void on_sealed(struct flow *flow, void *journey, enum err err, const struct bytes *blobs,
		      size_t count)
{
	struct upstream *upstream = journey;

	if (err == OK && count != 1)
		err = ERR_SERVER;
	if (err == OK)
		err = buf_dup(blobs[0], &upstream->secret);
	if (err == OK)
		err = finish(flow, upstream);
	if (err != OK)
		upstream_end(flow, upstream, err);
}

/* The secret may travel where the service's tokens may, and is of this client alone. */
static enum err seal_secret(struct flow *flow, struct upstream *upstream, struct bytes capsule)
{
	const struct ask_item place = { .field = PLACE_CLIENT_SECRET,
					.tenant = upstream->tenant,
					.object = upstream->client,
					.version = upstream->secret_version + 1 };
	scoped(dynbuf_done) struct dynbuf text = { .max = DISCOVERY_FILE_MAX };
	scoped(dynbuf_done) struct dynbuf hosts = { .max = IPC_HOSTS_MAX };
	struct complaint complaint = { 0 };
	const struct service *service;

	TRY(print_service(upstream, &text));
	TRY(compiled_service_text(flow, dynbuf_view(&text), "service file", &complaint, &service));
	service_hosts(service, provider_value, NULL, &hosts);
	TRY(dynbuf_err(&hosts));
	return ask_adopt(flow, RECEIVER_COURIER, capsule, &place, 1, dynbuf_view(&hosts), on_sealed,
			 upstream);
}

static enum err take_registration(struct flow *flow, struct upstream *upstream,
				  const struct ipc_courier_answer *reply)
{
	struct discovery_registered registered;

	if (reply->status == 429 || reply->status >= 500)
		return because(upstream, ERR_PROVIDER_UNAVAILABLE,
			       "The authorization server registers nobody at present.");
	if (reply->status != 201 && reply->status != 200)
		return because(
			upstream, ERR_PROVIDER_REFUSED,
			"The authorization server refuses to register a client; register one "
			"there and give it with --client-id.");
	TRY(discovery_registered(&upstream->d, reply->body, (reply->found & 1U) != 0,
				 upstream->auth, &registered));
	memcpy(upstream->client_id, registered.client_id, sizeof registered.client_id);
	upstream->auth = registered.auth;
	upstream->how = UPSTREAM_CLIENT_REGISTERED;
	return registered.auth == SERVICE_AUTH_NONE ? finish(flow, upstream)
						    : seal_secret(flow, upstream, reply->capsule);
}

static enum err take_greeting(struct flow *flow, struct upstream *upstream,
			      const struct ask_answer *answer)
{
	struct wire_answer said = { .result = DOC_NONE };
	bool greeted = false;

	if (answer->outcome == ASK_ANSWERED && answer->reply.status == 200) {
		greeted =
			wire_read(answer->reply.body, greetings[upstream->place].id, &said) == OK &&
			said.result != DOC_NONE;
		wire_done(&said);
	}
	if (!greeted) {
		upstream->place++;
		return greet(flow, upstream);
	}
	upstream->how = UPSTREAM_CLIENT_NONE;
	return finish(flow, upstream);
}

static enum err take_answer(struct flow *flow, struct upstream *upstream,
			    const struct ask_answer *answer)
{
	/* What a server says to somebody without a token may be endless, or anything. */
	if (upstream->step == STEP_PROBE && answer->outcome == ASK_UNUSABLE)
		return take_probe(flow, upstream, answer);
	if (upstream->step == STEP_GREET && answer->outcome == ASK_UNUSABLE)
		return take_greeting(flow, upstream, answer);
	switch (answer->outcome) {
	case ASK_ANSWERED:
		break;
	case ASK_NOT_SENT:
		return answer->err == OK ? ERR_SERVER : answer->err;
	case ASK_UNKNOWN:
		/* One that asks for no token may keep everything open that is not a request. */
		if (upstream->step == STEP_RESOURCE && !upstream->d.refused)
			return look(flow, upstream);
		return because(upstream, ERR_PROVIDER_UNAVAILABLE,
			       "The server or its authorization server does not answer in time.");
	case ASK_UNUSABLE:
		return because(upstream, ERR_PROVIDER_REFUSED,
			       "An answer of the server or of its authorization server cannot be "
			       "used.");
	}
	if (upstream->step == STEP_PROBE)
		return take_probe(flow, upstream, answer);
	if (upstream->step == STEP_GREET)
		return take_greeting(flow, upstream, answer);
	return upstream->step == STEP_REGISTER ? take_registration(flow, upstream, &answer->reply)
					       : take_document(flow, upstream, &answer->reply);
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct upstream *upstream = journey;

	note_outcome(flow, upstream, answer);
	const enum err err = take_answer(flow, upstream, answer);
	if (err != OK)
		upstream_end(flow, upstream, err);
}

/* Another client, or another issuer: what was given with the old one goes. */
static enum err store_client(struct flow *flow, const struct upstream *upstream,
			     const struct service *service)
{
	scoped(json_free) json_t *given = json_object();
	struct ipc_record record;
	struct client_row row;

	if (given == NULL)
		return FAULT_NOMEM;
	if (upstream->how == UPSTREAM_CLIENT_KEPT || upstream->how == UPSTREAM_CLIENT_NONE)
		return OK;
	TRY(old_client(flow, upstream, &row));
	if (row.rev > 0 ? !id_eq(row.id, upstream->client)
			: upstream->how == UPSTREAM_CLIENT_MISSING)
		return row.rev > 0 ? ERR_CONFLICT : OK;
	row.id = upstream->client;
	row.service = str(upstream->id);
	row.client_id = str(upstream->client_id);
	row.secret = buf_bytes(upstream->secret);
	row.secret_version = upstream->secret_version + (upstream->secret != NULL ? 1 : 0);
	TRY(given_issuer_set(service, given));
	/* The client last: it is the row that the event tells the state of. */
	TRY(given_save(flow, upstream->tenant, upstream->client, given));
	TRY(store_client_put(flow->store, &row));
	flow_record(flow, upstream->call, EVENT_service_client, OUTCOME_OK, &record);
	record.tenant = upstream->tenant;
	record.service = str(upstream->id);
	return flow_event(flow, upstream->call, &record);
}

/* What was accepted of its tools before still is. */
static enum err carry_tools(struct flow *flow, const struct upstream *upstream, struct dynbuf *text)
{
	const struct service *service;
	struct service_row row;

	TRY(old_service(flow, upstream, &service));
	if (service == NULL)
		return OK;
	TRY(store_service_find(flow->store, upstream->tenant, str(upstream->id), &row));
	return offers_carry(row.yaml, text);
}

static enum err store_both(struct flow *flow, struct upstream *upstream)
{
	scoped(dynbuf_done) struct dynbuf text = { .max = OFFERS_FILE_MAX };
	struct complaint complaint = { 0 };
	const struct service *service;
	struct service_row row;

	TRY(print_service(upstream, &text));
	TRY(carry_tools(flow, upstream, &text));
	const enum err err =
		service_add(flow, upstream->call, dynbuf_view(&text), &complaint, &row);
	if (err == ERR_MALFORMED)
		return because(upstream, ERR_PROVIDER_REFUSED,
			       "What the server says of itself makes no service.");
	TRY(err);
	TRY(compiled_service(flow, upstream->tenant, str(upstream->id), &service));
	return store_client(flow, upstream, service);
}

/* Also where the tools could not be listed: it is there, and is asked again when they are wanted.
 */
static void on_listed(struct flow *flow, void *ctx, enum err err)
{
	(void)err;
	upstream_end(flow, ctx, OK);
}

/* An account is needed to ask the others. */
static void end_listed(struct flow *flow, struct upstream *upstream)
{
	struct remote_of of = { .tenant = upstream->tenant };
	bool waits = false;

	if (upstream->d.open &&
	    compiled_service(flow, upstream->tenant, str(upstream->id), &of.service) == OK)
		err_ignore(remote_ready(flow, &of, 0, on_listed, upstream, &waits));
	if (!waits)
		upstream_end(flow, upstream, OK);
}

/* All of it or nothing. Frees @upstream unless it fails. */
static enum err finish(struct flow *flow, struct upstream *upstream)
{
	flow_request_begin(flow);
	TRY(store_savepoint(flow->store));
	const enum err err = store_both(flow, upstream);
	if (err != OK)
		flow_request_undo(flow);
	TRY(store_savepoint_end(flow->store, err == OK));
	TRY(err);
	flow->batch_writes++;
	end_listed(flow, upstream);
	return OK;
}

static enum err upstream_make(struct call *call, const struct upstream_new *new,
			      struct upstream *upstream)
{
	TRY(discovery_begin(new->url, &upstream->d));
	upstream->call = call;
	upstream->tenant = call->tenant;
	upstream->dynamic = new->dynamic;
	discovery_id(&upstream->d, upstream->id);
	if (new->id.n > 0 && bytes_str(new->id, upstream->id, sizeof upstream->id) != OK)
		return ERR_MALFORMED;
	if ((new->name.n > 0 && !name_ok(new->name, TITLE_MAX_BYTES)) ||
	    (new->client_id.n > 0 && !name_ok(new->client_id, DISCOVERY_CLIENT_MAX)))
		return ERR_MALFORMED;
	TRY(bytes_str(new->name, upstream->name, sizeof upstream->name));
	TRY(bytes_str(new->client_id, upstream->client_id, sizeof upstream->client_id));
	const bool known = new->client_auth.n == 0 || bytes_is(new->client_auth, "basic") ||
			   bytes_is(new->client_auth, "post") || bytes_is(new->client_auth, "none");
	return known ? bytes_str(new->client_auth, upstream->client_auth,
				 sizeof upstream->client_auth)
		     : ERR_MALFORMED;
}

enum err upstream_add(struct flow *flow, struct call *call, const struct upstream_new *new)
{
	scoped(upstream_free) struct upstream *upstream = calloc(1, sizeof *upstream);
	const struct service *old;

	if (upstream == NULL)
		return FAULT_NOMEM;
	TRY(upstream_make(call, new, upstream));
	TRY(old_service(flow, upstream, &old));
	TRY(call_keep(call));
	upstream->until = flow->boot + UPSTREAM_DEADLINE_S * USEC_PER_S;
	upstream->step = STEP_PROBE;
	TRY(greet(flow, upstream));
	upstream = NULL; /* the answer frees it */
	return OK;
}
