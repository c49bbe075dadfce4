/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/connections.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/base64.h"
#include "core/catalog/service.h"
#include "core/flow/compiled.h"
#include "core/flow/errand.h"
#include "core/flow/given.h"
#include "core/flow/relist.h"
#include "core/oauth/pkce.h"
#include "crypto/crypto.h"

enum { LINK_LIFE_S = 15 * 60, STATE_LEN = 32, VARIABLES_MAX = 4096 };

static void consent_record(const struct flow *flow, const struct call *call,
			   const struct consent_row *row, uint8_t kind, struct ipc_record *ret)
{
	flow_record(flow, call, kind, OUTCOME_OK, ret);
	ret->tenant = row->tenant;
	ret->user = row->user;
	ret->connection = row->connection;
	ret->object = row->id;
	ret->service = row->service;
}

/* What will be asked for, as one text. ERR_INVALID_SCOPE */
static enum err scopes_wanted(const struct service *service, struct bytes asked,
			      char to[static SCOPES_MAX_BYTES + 1])
{
	struct scopes scopes;

	TRY(provider_scopes(service, asked, &scopes));
	return scopes_print(&scopes, to);
}

enum err connect_start(struct flow *flow, struct call *call, const struct connect_new *new,
		       struct token_text *ret_ticket)
{
	struct consent_row row = {
		.id = id_new(),
		.tenant = call->tenant,
		.service = new->service,
		.alias = new->alias,
		.connection = new->connection,
		.state = CONSENT_NEW,
		.generation = flow->generation,
		.expires = flow->now + LINK_LIFE_S *USEC_PER_S,
		.created = flow->now,
	};
	uint8_t random[TOKEN_RANDOM_LEN];
	char scopes[SCOPES_MAX_BYTES + 1];
	struct connection_row connection;
	const struct service *service;
	struct client_row client;
	struct ipc_record record;
	struct user_row user;

	TRY(store_user_find(flow->store, call->tenant, str("local"), new->user, &user));
	TRY(compiled_service(flow, call->tenant, new->service, &service));
	if (service_open(service))
		return ERR_UNSUPPORTED;
	TRY(scopes_wanted(service, new->scopes, scopes));
	row.scopes = str(scopes);
	if (new->alias.n > 0 && !name_ok(new->alias, ALIAS_MAX_BYTES))
		return ERR_MALFORMED;
	const enum err err = store_client_find(flow->store, call->tenant, new->service, &client);
	if (err == ERR_NOT_FOUND || (err == OK && client.client_id.n == 0))
		return ERR_NO_CLIENT;
	TRY(err);
	row.user = user.id;
	if (!id_none(new->connection)) {
		TRY(store_connection_get(flow->store, call->tenant, new->connection, &connection));
		if (!id_eq(connection.user, user.id) ||
		    !bytes_eq(connection.service, new->service) ||
		    connection.state == CONNECTION_REMOVED)
			return ERR_NOT_FOUND;
	}
	scoped(json_free) json_t *given = NULL;
	TRY(given_check(call, service, SERVICE_FROM_START, new->variables, &given));
	TRY(given_client(flow, service, &client));
	TRY(given_issuer_set(service, given));
	TRY(given_save(flow, call->tenant, row.id, given));
	rng_fill(random, sizeof random);
	token_print(TOKEN_TICKET, random, ret_ticket->s);
	wipe(random, sizeof random);
	TRY(store_consent_put(flow->store, &row, str(ret_ticket->s)));
	consent_record(flow, call, &row, EVENT_connect_start, &record);
	return flow_event(flow, call, &record);
}

enum err connect_view(struct flow *flow, struct bytes ticket, struct connect_view *ret)
{
	struct connect_view view;
	enum token_kind kind;

	if (token_parse(ticket, &kind) != OK || kind != TOKEN_TICKET)
		return ERR_NOT_FOUND;
	TRY(store_consent_find(flow->store, ticket, flow->now, &view.consent));
	if (view.consent.state >= CONSENT_RETURNED)
		return ERR_USED;
	TRY(store_user_get(flow->store, view.consent.tenant, view.consent.user, &view.user));
	TRY(compiled_service(flow, view.consent.tenant, view.consent.service, &view.service));
	*ret = view;
	return OK;
}

static void random_text(char *to, size_t random_n)
{
	uint8_t random[64], room[128];
	struct dynbuf text = { .p = room, .room = sizeof room, .max = sizeof room };

	rng_fill(random, random_n);
	base64url_print((struct bytes){ random, random_n }, &text);
	*put((uint8_t *)to, text.p, text.n) = 0;
	wipe(random, sizeof random);
	wipe(room, sizeof room);
}

void connect_browser(char to[static BROWSER_TEXT_LEN + 1])
{
	random_text(to, STATE_LEN);
}

enum err connect_open(struct flow *flow, struct call *call, struct bytes ticket,
		      struct bytes browser, struct dynbuf *ret_url)
{
	char state[64], verifier[PKCE_TEXT_LEN + 1], challenge[PKCE_TEXT_LEN + 1],
		redirect[FLOW_REDIRECT_MAX];
	struct connect_view view;
	struct scopes scopes;
	struct client_row client;
	struct ipc_record record;

	TRY(connect_view(flow, ticket, &view));
	call->tenant = view.consent.tenant;
	TRY(store_client_find(flow->store, view.consent.tenant, view.consent.service, &client));
	TRY(store_consent_open(flow->store, &view.consent, browser));
	random_text(state, STATE_LEN);
	pkce_verifier(verifier);
	pkce_challenge(str(verifier), challenge);
	flow_redirect_uri(flow, redirect);
	view.consent.verifier = str(verifier);
	TRY(store_consent_send(flow->store, &view.consent, browser, str(state)));
	TRY(provider_scopes(view.service, view.consent.scopes, &scopes));
	const struct provider_consent consent = {
		.state = str(state),
		.challenge = str(challenge),
		.scopes = &scopes,
	};
	scoped(json_free) json_t *variables = NULL;
	TRY(given_client(flow, view.service, &client));
	TRY(given_before(flow, &view.consent, &client, &variables));
	if (!given_issuer_ok(view.service, variables))
		return ERR_EXPIRED;
	const struct provider_party party = { client.client_id, str(redirect), variables };
	TRY(provider_authorize(view.service, &party, &consent, ret_url));
	consent_record(flow, call, &view.consent, EVENT_connect_open, &record);
	return flow_event(flow, call, &record);
}

/* A callback under way: from the code to the connection. */
struct connect {
	struct connect_result result; /* first: what the page is told */
	struct call *call;
	struct id tenant, user, consent, connection;
	usec_t asked; /* when the code was sent */
	char service[SERVICE_MAX_BYTES + 1];
	bool again; /* the connection existed before */
	uint64_t version;
	usec_t expires;
	json_t *variables;	      /* captured from redirect, reply and the second step */
	struct buf *access, *refresh; /* sealed */
};

static void connect_free(struct connect **connectp)
{
	struct connect *connect = *connectp;

	if (connect == NULL)
		return;
	buf_free(&connect->access);
	buf_free(&connect->refresh);
	json_decref(connect->variables);
	free(connect);
	*connectp = NULL;
}

static enum err consent_load(struct flow *flow, const struct connect *connect,
			     struct consent_row *ret)
{
	return store_consent_get(flow->store, connect->tenant, connect->consent, ret);
}

static void connect_record(const struct flow *flow, const struct connect *connect, uint8_t outcome,
			   struct ipc_record *ret)
{
	flow_record(flow, connect->call, EVENT_connect, outcome, ret);
	ret->tenant = connect->tenant;
	ret->user = connect->user;
	ret->connection = connect->connection;
	ret->object = connect->consent;
	ret->service = str(connect->service);
	ret->scopes = str(connect->result.scopes);
}

static void connect_end(struct flow *flow, struct connect *connect, enum err err)
{
	struct call *call = connect->call;
	struct consent_row consent;
	struct ipc_record record;

	flow->batch_writes++;
	enum err wrote = consent_load(flow, connect, &consent);
	if (wrote == OK) {
		consent.state = err == OK ? CONSENT_DONE : CONSENT_FAILED;
		consent.err = (uint16_t)(err < OK ? ERR_SERVER : err);
		consent.connection = connect->connection;
		wrote = store_consent_end(flow->store, &consent);
	}
	connect_record(flow, connect,
		       err == OK	      ? OUTCOME_OK
		       : err == ERR_UNCERTAIN ? OUTCOME_UNKNOWN
					      : OUTCOME_FAILED,
		       &record);
	record.reason = consent.err;
	if (wrote == OK)
		wrote = flow_event(flow, call, &record);
	if (err == OK)
		err = wrote;
	flow->count[COUNT_CONNECTS] += err == OK;
	if (err == OK)
		relist_connected(flow, connect->tenant, connect->connection);
	connect->result.err = err;
	call->done(flow, call, OK, &connect->result);
	connect_free(&connect);
}

static void take_row(const struct flow *flow, const struct connect *connect, struct bytes variables,
		     struct connection_row *row)
{
	row->access = buf_bytes(connect->access);
	row->refresh = buf_bytes(connect->refresh);
	row->version = row->refresh_version = connect->version;
	row->expires = connect->expires;
	row->obtained = flow->now;
	row->scopes = str(connect->result.scopes);
	row->variables = variables;
	row->refresh_state = REFRESH_IDLE;
	row->refresh_failures = 0;
	row->refresh_err = 0;
	row->refresh_at = 0;
	/* A pause outlives a reconnection: only the user ends it. */
	row->state = row->was_paused ? CONNECTION_PAUSED : CONNECTION_CONNECTED;
}

static enum err connect_store(struct flow *flow, struct connect *connect,
			      const struct provider_account *account)
{
	struct connection_row row = { .id = connect->connection };
	uint8_t room[VARIABLES_MAX];
	struct dynbuf variables = { .p = room, .room = sizeof room, .max = sizeof room };
	struct consent_row consent;

	json_print(connect->variables, &variables);
	TRY(dynbuf_err(&variables));
	TRY(consent_load(flow, connect, &consent));
	if (connect->again) {
		TRY(store_connection_get(flow->store, connect->tenant, connect->connection, &row));
		/* Connecting again means the same account; another one is another connection. */
		if (!bytes_eq(row.account_id, str(account->id)))
			return ERR_CONFLICT;
		if (row.state == CONNECTION_REMOVED || row.version + 1 != connect->version)
			return ERR_CONFLICT;
		row.account_name = str(account->name);
		take_row(flow, connect, dynbuf_view(&variables), &row);
		return store_connection_update(flow->store, &row);
	}
	row.tenant = connect->tenant;
	row.user = connect->user;
	row.service = str(connect->service);
	row.alias = consent.alias;
	row.account_id = str(account->id);
	row.account_name = str(account->name);
	row.created = flow->now;
	take_row(flow, connect, dynbuf_view(&variables), &row);
	return store_connection_put(flow->store, &row);
}

static void on_account(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct connect *connect = journey;
	const struct service *service;
	struct provider_account account = { 0 };

	enum err err = answer->outcome == ASK_ANSWERED ? OK
		       : answer->err == OK	       ? ERR_PROVIDER_UNAVAILABLE
						       : answer->err;
	if (err == OK)
		err = compiled_service(flow, connect->tenant, str(connect->service), &service);
	if (err == OK)
		err = provider_account_read(service, answer->reply.status, answer->reply.body,
					    &account);
	if (err == ERR_MALFORMED)
		err = ERR_PROVIDER_REFUSED;
	if (err == OK)
		err = connect_store(flow, connect, &account);
	if (err == OK)
		(void)snprintf(connect->result.account, sizeof connect->result.account, "%.255s",
			       account.name[0] != 0 ? account.name : account.id);
	connect_end(flow, connect, err);
}

static enum err ask_with_token(struct flow *flow, struct connect *connect, struct errand *errand,
			       ask_done_fn done)
{
	const struct connection_row row = {
		.id = connect->connection,
		.tenant = connect->tenant,
		.user = connect->user,
		.access = buf_bytes(connect->access),
		.version = connect->version,
	};
	struct ipc_record record;

	struct client_row client;
	TRY(store_client_find(flow->store, connect->tenant, str(connect->service), &client));
	TRY(errand_pack(errand, &(struct errand_secrets){ &client, &row }));
	connect_record(flow, connect, OUTCOME_INTENT, &record);
	return errand_begin(flow, errand, (struct id){ { 0 } }, &record, done, connect);
}

/* Nobody can be asked whose account it is: a connection is its own account, and to connect it again
 * takes the person's word for that it is the same. */
static enum err connect_unnamed(struct flow *flow, struct connect *connect)
{
	struct provider_account account = { .name = "account without a name" };
	char id[ID_TEXT_MAX + 1];

	(void)snprintf(account.id, sizeof account.id, "%s",
		       id_print("conn", connect->connection, id));
	TRY(connect_store(flow, connect, &account));
	(void)snprintf(connect->result.account, sizeof connect->result.account, "%s", account.name);
	connect_end(flow, connect, OK);
	return OK;
}

/* Who the account is: its tokens are sealed for a fresh id by now, so an account that is connected
 * already is refused with what to do. */
static enum err ask_account(struct flow *flow, struct connect *connect)
{
	scoped(errand_done) struct errand errand = { 0 };
	const struct service *service;

	TRY(compiled_service(flow, connect->tenant, str(connect->service), &service));
	const enum err err = provider_call_account(service, connect->variables, &errand.call);
	if (err == ERR_UNSUPPORTED)
		return connect_unnamed(flow, connect);
	TRY(err);
	return ask_with_token(flow, connect, &errand, on_account);
}

static void on_discovered(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct connect *connect = journey;
	const struct service *service;

	enum err err = answer->outcome == ASK_ANSWERED ? OK : ERR_PROVIDER_UNAVAILABLE;
	if (err == OK)
		err = compiled_service(flow, connect->tenant, str(connect->service), &service);
	if (err == OK && provider_take_discover(service, answer->reply.status, answer->reply.body,
						connect->variables) != OK)
		err = ERR_PROVIDER_REFUSED;
	if (err == OK)
		err = ask_account(flow, connect);
	if (err != OK)
		connect_end(flow, connect, err);
}

/* Some providers need a second step before the token is of use. */
static enum err ask_on(struct flow *flow, struct connect *connect)
{
	scoped(errand_done) struct errand errand = { 0 };
	const struct service *service;

	TRY(compiled_service(flow, connect->tenant, str(connect->service), &service));
	const enum err err = provider_call_discover(service, connect->variables, &errand.call);
	if (err == ERR_UNSUPPORTED)
		return ask_account(flow, connect);
	TRY(err);
	return ask_with_token(flow, connect, &errand, on_discovered);
}

/* What cannot be found out stays as the file assumes. */
static void on_introspected(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct connect *connect = journey;
	const struct service *service;

	enum err err = compiled_service(flow, connect->tenant, str(connect->service), &service);
	if (err == OK && answer->outcome == ASK_ANSWERED)
		connect->expires = provider_introspect_read(service, answer->reply.status,
							    answer->reply.body, flow->now);
	if (err == OK)
		err = ask_on(flow, connect);
	if (err != OK)
		connect_end(flow, connect, err);
}

static enum err ask_expiry(struct flow *flow, struct connect *connect)
{
	scoped(errand_done) struct errand errand = { 0 };
	const struct service *service;
	struct client_row client;

	TRY(compiled_service(flow, connect->tenant, str(connect->service), &service));
	TRY(store_client_find(flow->store, connect->tenant, str(connect->service), &client));
	const struct provider_party party = { .client_id = client.client_id,
					      .variables = connect->variables };
	const enum err err = provider_call_introspect(service, &party, &errand.call);
	if (err == ERR_UNSUPPORTED)
		return ask_on(flow, connect);
	TRY(err);
	return ask_with_token(flow, connect, &errand, on_introspected);
}

static void on_sealed(struct flow *flow, void *journey, enum err err, const struct bytes *blobs,
		      size_t count)
{
	struct connect *connect = journey;

	if (err == OK && count == 0)
		err = ERR_SERVER;
	if (err == OK)
		err = buf_dup(blobs[0], &connect->access);
	if (err == OK && count > 1)
		err = buf_dup(blobs[1], &connect->refresh);
	if (err == OK)
		err = ask_expiry(flow, connect);
	if (err != OK)
		connect_end(flow, connect, err);
}

static enum err seal_tokens(struct flow *flow, struct connect *connect,
			    const struct service *service, const struct ask_answer *answer)
{
	const struct connection_row row = {
		.id = connect->connection,
		.tenant = connect->tenant,
		.user = connect->user,
	};

	const struct errand_home home = { &row, connect->version, on_sealed, connect };
	return errand_adopt(flow, service, connect->variables, answer, &home);
}

/* Granted is what the provider says; where it says nothing, what was asked (RFC 6749 5.1). */
static enum err take_reply(struct flow *flow, struct connect *connect,
			   const struct service *service, const struct ask_answer *answer)
{
	struct consent_row consent;
	struct reply reply;

	TRY(consent_load(flow, connect, &consent));
	errand_reply(service, answer, false, consent.scopes, connect->asked, &reply);
	const enum reply_class class = reply.class;
	connect->expires = reply.expires;
	errand_ends_begin(connect->variables, service, reply.refresh_ends, flow->now);
	memcpy(connect->result.scopes, reply.scopes, sizeof reply.scopes);
	if (reply.variables != NULL &&
	    json_object_update(connect->variables, reply.variables) != 0) {
		reply_done(&reply);
		return FAULT_NOMEM;
	}
	reply_done(&reply);
	return class == REPLY_TERMINAL ? ERR_INVALID_GRANT : reply_err(class);
}

static void on_redeemed(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	static const enum err outcomes[] = {
		[ASK_ANSWERED] = OK,
		[ASK_NOT_SENT] = ERR_PROVIDER_UNAVAILABLE,
		[ASK_UNKNOWN] = ERR_UNCERTAIN,
		[ASK_UNUSABLE] = ERR_PROVIDER_REFUSED,
	};
	struct connect *connect = journey;
	const struct service *service;

	enum err err = outcomes[answer->outcome];
	if (answer->outcome == ASK_NOT_SENT && answer->err > OK)
		err = answer->err;
	if (err == OK)
		err = compiled_service(flow, connect->tenant, str(connect->service), &service);
	if (err == OK)
		err = take_reply(flow, connect, service, answer);
	if (err == OK)
		err = seal_tokens(flow, connect, service, answer);
	if (err != OK)
		connect_end(flow, connect, err);
}

static enum err redeem(struct flow *flow, struct connect *connect,
		       const struct consent_row *consent, const struct connect_answer *answer)
{
	scoped(errand_done) struct errand errand = { 0 };
	const struct service *service;
	struct client_row client;
	struct ipc_record record;
	char redirect[FLOW_REDIRECT_MAX];

	TRY(compiled_service(flow, connect->tenant, consent->service, &service));
	TRY(store_client_find(flow->store, connect->tenant, consent->service, &client));
	if (provider_take_redirect(service, answer->query, connect->variables) != OK)
		return ERR_PROVIDER_REFUSED;
	flow_redirect_uri(flow, redirect);
	const struct provider_party party = { client.client_id, str(redirect), connect->variables };
	TRY(provider_call_code(service, &party, answer->code, consent->verifier, &errand.call));
	TRY(errand_pack(&errand, &(struct errand_secrets){ .client = &client }));
	connect_record(flow, connect, OUTCOME_INTENT, &record);
	connect->asked = flow->now;
	return errand_begin(flow, &errand, (struct id){ { 0 } }, &record, on_redeemed, connect);
}

/* RFC 9207 2.4: an issuer that is not the one we sent the browser to ends the flow. */
static enum err check_answer(struct flow *flow, const struct connect *connect,
			     const struct connect_answer *answer, const struct consent_row *consent)
{
	scoped(dynbuf_done) struct dynbuf url;
	const struct service *service;

	dynbuf_init(&url, PROVIDER_URL_MAX);
	TRY(compiled_service(flow, consent->tenant, consent->service, &service));
	if (!given_issuer_ok(service, connect->variables))
		return ERR_EXPIRED;
	TRY(provider_authorize_url(service, connect->variables, &url));
	if (!service_iss_ok(service, dynbuf_view(&url), answer->iss))
		return ERR_FORBIDDEN;
	if (answer->error.p != NULL)
		return bytes_is(answer->error, "access_denied") ? ERR_DENIED : ERR_PROVIDER_REFUSED;
	return answer->code.n == 0 ? ERR_MALFORMED : OK;
}

static enum err connect_new_journey(struct flow *flow, struct call *call,
				    const struct consent_row *consent, struct connect **ret)
{
	scoped(connect_free) struct connect *connect = calloc(1, sizeof *connect);
	struct connection_row row;
	struct client_row client;

	if (connect == NULL)
		return FAULT_NOMEM;
	connect->call = call;
	connect->tenant = consent->tenant;
	connect->user = consent->user;
	connect->consent = consent->id;
	connect->again = !id_none(consent->connection);
	connect->connection = connect->again ? consent->connection : id_new();
	connect->version = 1;
	TRY(store_client_find(flow->store, consent->tenant, consent->service, &client));
	TRY(given_before(flow, consent, &client, &connect->variables));
	TRY(bytes_str(consent->service, connect->service, sizeof connect->service));
	(void)snprintf(connect->result.service, sizeof connect->result.service, "%s",
		       connect->service);
	if (connect->again) {
		TRY(store_connection_get(flow->store, consent->tenant, consent->connection, &row));
		connect->version = row.version + 1;
	}
	*ret = take(connect);
	return OK;
}

void connect_return(struct flow *flow, struct call *call, const struct connect_answer *answer,
		    struct bytes browser)
{
	struct connect_result result = { 0 };
	struct connect *connect = NULL;
	struct consent_row consent;

	result.err = store_consent_return(flow->store, answer->state, browser, flow->now, &consent);
	if (result.err == OK) {
		call->tenant = consent.tenant;
		result.err = connect_new_journey(flow, call, &consent, &connect);
	}
	if (result.err != OK) {
		call->done(flow, call, OK, &result);
		return;
	}
	enum err err = check_answer(flow, connect, answer, &consent);
	if (err == OK)
		err = redeem(flow, connect, &consent, answer);
	if (err == OK)
		err = call_keep(call);
	if (err != OK)
		connect_end(flow, connect, err);
}
