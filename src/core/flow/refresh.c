/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/refresh.h"

#include <stdlib.h>

#include "base/log.h"
#include "core/catalog/service.h"
#include "core/flow/compiled.h"
#include "core/flow/errand.h"
#include "core/flow/given.h"
#include "core/flow/turns.h"
#include "crypto/crypto.h"

enum {
	WAITERS_MAX = 4096,
	AT_ONCE_MAX = 64,  /* at one service's provider, which did not ask for a crowd */
	LOST_AFTER_S = 15, /* longer than a refresh may take at courier */
	BACKOFF_FIRST_S = 2,
	BACKOFF_MAX_S = 15 * 60,
	VARIABLES_MAX = 4096,
};

struct waiter {
	refresh_done_fn fn;
	void *ctx;
};

/* One attempt under way, or waiting for its turn. What must survive a crash is in the row; this is
 * who waits. */
struct refresh {
	uint64_t key;
	struct turn turn;
	struct id tenant, connection, attempt;
	struct id event; /* the intent's, for the outcome's ref */
	uint64_t fence;
	struct waiter *waiters;
	size_t waiters_n, waiters_room;
	usec_t expires; /* of the new pair, while it is being sealed */
	usec_t ends;	/* of its refresh token; 0: the provider did not say */
	char scopes[SCOPES_MAX_BYTES + 1];
	struct buf *access, *renewed; /* the new pair, sealed, while its end is asked for */
};

static uint64_t key_of(struct id connection)
{
	const uint64_t key = get_u64(connection.b + 8);

	return key == 0 ? 1 : key;
}

static void refresh_free(struct flow *flow, struct refresh *refresh)
{
	(void)map_del(&flow->refreshing, refresh->key);
	buf_free(&refresh->access);
	buf_free(&refresh->renewed);
	free(refresh->waiters);
	free(refresh);
}

/* Tells all who wait; they may begin anew, so the attempt is forgotten first. */
static void refresh_tell(struct flow *flow, struct refresh *refresh, enum err err)
{
	struct waiter *waiters = take(refresh->waiters);
	const size_t n = refresh->waiters_n;

	refresh_free(flow, refresh);
	for (size_t i = 0; i < n; i++) {
		flow_request_begin(flow);
		waiters[i].fn(flow, waiters[i].ctx, err);
	}
	free(waiters);
}

static enum err begin(struct flow *flow, struct refresh *refresh);

static void refresh_over(struct flow *flow, struct refresh *refresh, enum err err)
{
	for (struct turn *next; refresh != NULL;) {
		next = refresh->turn.queue == NULL ? NULL
						   : turn_leave(&flow->turns, &refresh->turn);
		refresh_tell(flow, refresh, err);
		if (next == NULL)
			return;
		refresh = container_of(next, struct refresh, turn);
		flow_request_begin(flow);
		flow->batch_writes++;
		err = begin(flow, refresh);
		if (err == OK)
			return;
	}
}

static enum err wait_for(struct refresh *refresh, refresh_done_fn fn, void *ctx)
{
	if (fn == NULL)
		return OK;
	if (refresh->waiters_n == WAITERS_MAX)
		return ERR_OVERLOADED;
	if (refresh->waiters_n == refresh->waiters_room) {
		const size_t room = refresh->waiters_room == 0 ? 8 : refresh->waiters_room * 2;
		struct waiter *more = reallocarray(refresh->waiters, room, sizeof *more);
		if (more == NULL)
			return FAULT_NOMEM;
		refresh->waiters = more;
		refresh->waiters_room = room;
	}
	refresh->waiters[refresh->waiters_n++] = (struct waiter){ fn, ctx };
	return OK;
}

static void refresh_record(const struct flow *flow, const struct connection_row *row,
			   uint8_t outcome, struct ipc_record *ret)
{
	flow_record(flow, NULL, EVENT_refresh, outcome, ret);
	ret->tenant = row->tenant;
	ret->user = row->user;
	ret->connection = row->id;
	ret->service = row->service;
	ret->version = row->version;
}

static enum err refresh_load(struct flow *flow, const struct refresh *refresh,
			     struct connection_row *ret)
{
	struct connection_row row;

	TRY(store_connection_get(flow->store, refresh->tenant, refresh->connection, &row));
	if (row.refresh_state != REFRESH_INTENT || row.fence != refresh->fence)
		return ERR_CONFLICT;
	*ret = row;
	return OK;
}

static usec_t backoff(const struct flow *flow, uint32_t failures)
{
	uint8_t random[4];
	uint64_t s = BACKOFF_FIRST_S;

	for (uint32_t i = 1; i < failures && s < BACKOFF_MAX_S; i++)
		s *= 2;
	s = s > BACKOFF_MAX_S ? BACKOFF_MAX_S : s;
	rng_fill(random, sizeof random);
	return flow->now + USEC_PER_S + get_u32(random) % (s * USEC_PER_S);
}

/* What an answer without a new pair does to the row. */
static void row_failed(const struct flow *flow, struct connection_row *row, enum reply_class class,
		       uint64_t retry_after_s)
{
	row->refresh_state = REFRESH_FAILED;
	row->refresh_failures++;
	switch (class) {
	case REPLY_TERMINAL:
	case REPLY_INTERACTION:
		row->refresh_err = ERR_REAUTH_REQUIRED;
		if (row->state == CONNECTION_CONNECTED)
			row->state = CONNECTION_REAUTH_REQUIRED;
		break;
	case REPLY_CONFIG:
		row->refresh_err = ERR_PROVIDER_REFUSED;
		log_error("the provider refuses our client of a service: check its id and secret");
		break;
	case REPLY_GRANTED:
	case REPLY_TRANSIENT:
	case REPLY_UNUSABLE:
		row->refresh_err = ERR_PROVIDER_UNAVAILABLE;
		break;
	}
	row->refresh_at = retry_after_s != 0 ? flow->now + retry_after_s * USEC_PER_S
					     : backoff(flow, row->refresh_failures);
}

static enum err end_with(struct flow *flow, struct refresh *refresh, struct connection_row *row,
			 uint8_t outcome)
{
	struct ipc_record record;

	flow->batch_writes++;
	TRY(store_refresh_end(flow->store, row));
	refresh_record(flow, row, outcome, &record);
	record.ref = refresh->event;
	record.reason = row->refresh_err;
	TRY(flow_event(flow, NULL, &record));
	if (row->state != CONNECTION_REAUTH_REQUIRED || outcome == OUTCOME_OK)
		return OK;
	flow_record(flow, NULL, EVENT_connection_reauth, OUTCOME_OK, &record);
	record.tenant = row->tenant;
	record.user = row->user;
	record.connection = row->id;
	record.service = row->service;
	return flow_event(flow, NULL, &record);
}

static void refresh_failed(struct flow *flow, struct refresh *refresh, enum reply_class class,
			   uint64_t retry_after_s)
{
	struct connection_row row;
	enum err err = refresh_load(flow, refresh, &row);

	flow->count[COUNT_REFRESH_FAILURES]++;
	if (err == OK) {
		row_failed(flow, &row, class, retry_after_s);
		err = end_with(flow, refresh, &row, OUTCOME_FAILED);
		if (err == OK)
			err = (enum err)row.refresh_err;
	}
	/* The batch in which it began was undone. */
	err = err == ERR_CONFLICT ? ERR_PROVIDER_UNAVAILABLE : err;
	ask_ack(flow, refresh->attempt);
	refresh_over(flow, refresh, err);
}

/* The answer is lost. Where an old refresh token may be tried again, once, it is. */
static void refresh_lost(struct flow *flow, struct refresh *refresh)
{
	const struct service *service;
	struct connection_row row;
	enum err err = refresh_load(flow, refresh, &row);

	flow->count[COUNT_REFRESH_FAILURES]++;
	if (err == OK)
		err = compiled_service(flow, row.tenant, row.service, &service);
	if (err == OK) {
		const bool again = refresh_may_retry(service) && row.refresh_failures == 0;
		row.refresh_state = REFRESH_UNKNOWN;
		row.refresh_err = ERR_UNCERTAIN;
		row.refresh_failures++;
		row.refresh_at = flow->now + USEC_PER_S;
		if (!again && row.state == CONNECTION_CONNECTED &&
		    (row.expires != 0 && row.expires <= flow->now))
			row.state = CONNECTION_REAUTH_REQUIRED;
		err = end_with(flow, refresh, &row, OUTCOME_UNKNOWN);
		if (err == OK)
			err = ERR_PROVIDER_UNAVAILABLE;
	}
	ask_ack(flow, refresh->attempt);
	refresh_over(flow, refresh, err);
}

/* The row's variables with another end, printed into @text, which the row then borrows. */
static enum err variables_with_end(struct connection_row *row, usec_t ends, struct dynbuf *text)
{
	scoped(json_free) json_t *variables = errand_variables(row);

	if (variables == NULL)
		return FAULT_NOMEM;
	errand_ends_set(variables, ends);
	json_print(variables, text);
	row->variables = dynbuf_view(text);
	return dynbuf_err(text);
}

static enum err store_pair(struct flow *flow, struct refresh *refresh, const struct bytes *blobs,
			   size_t count)
{
	struct connection_row row;

	TRY(refresh_load(flow, refresh, &row));
	row.version++;
	row.access = blobs[0];
	/* A provider that sends no new refresh token means the old one to stay, as it was sealed.
	 */
	if (count > 1) {
		row.refresh = blobs[1];
		row.refresh_version = row.version;
	}
	uint8_t room[VARIABLES_MAX];
	struct dynbuf text = { .p = room, .room = sizeof room, .max = sizeof room };
	if (refresh->ends != 0)
		TRY(variables_with_end(&row, refresh->ends, &text));
	row.expires = refresh->expires;
	row.obtained = flow->now;
	row.scopes = str(refresh->scopes);
	row.refresh_state = REFRESH_STORED;
	row.refresh_failures = 0;
	row.refresh_err = 0;
	row.refresh_at = 0;
	return end_with(flow, refresh, &row, OUTCOME_OK);
}

static void pair_sealed(struct flow *flow, struct refresh *refresh, enum err err)
{
	const struct bytes blobs[] = { buf_bytes(refresh->access), buf_bytes(refresh->renewed) };

	if (err == OK)
		err = store_pair(flow, refresh, blobs, refresh->renewed == NULL ? 1 : 2);
	if (err != OK) {
		/* Courier keeps the answer until it is acknowledged: a restart finds it again. */
		log_error("a new token pair could not be stored: %s", err_row(err)->name);
		flow->unstored = err < OK || err == ERR_LOG_FULL || err == ERR_OVERLOADED;
		refresh_over(flow, refresh, err < OK ? ERR_SERVER : err);
		return;
	}
	flow->count[COUNT_REFRESHES]++;
	ask_ack(flow, refresh->attempt);
	refresh_over(flow, refresh, OK);
}

/* What cannot be found out stays as the file assumes. */
static void on_introspected(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct refresh *refresh = journey;
	const struct service *service;
	struct connection_row row;

	enum err err = refresh_load(flow, refresh, &row);
	if (err == OK)
		err = compiled_service(flow, row.tenant, row.service, &service);
	if (err == OK && answer->outcome == ASK_ANSWERED)
		refresh->expires = provider_introspect_read(service, answer->reply.status,
							    answer->reply.body, flow->now);
	pair_sealed(flow, refresh, err);
}

/* ERR_UNSUPPORTED: nothing is asked for; the pair can be stored. */
static enum err ask_expiry(struct flow *flow, struct refresh *refresh)
{
	scoped(errand_done) struct errand errand = { 0 };
	const struct service *service;
	struct connection_row row;
	struct client_row client;
	struct ipc_record record;

	TRY(refresh_load(flow, refresh, &row));
	TRY(compiled_service(flow, row.tenant, row.service, &service));
	TRY(store_client_find(flow->store, row.tenant, row.service, &client));
	scoped(json_free) json_t *variables = errand_variables(&row);
	const struct provider_party party = { .client_id = client.client_id,
					      .variables = variables };
	TRY(provider_call_introspect(service, &party, &errand.call));
	row.access = buf_bytes(refresh->access);
	row.version++;
	TRY(errand_pack(&errand, &(struct errand_secrets){ &client, &row }));
	refresh_record(flow, &row, OUTCOME_INTENT, &record);
	return errand_begin(flow, &errand, (struct id){ { 0 } }, &record, on_introspected, refresh);
}

static void on_sealed(struct flow *flow, void *journey, enum err err, const struct bytes *blobs,
		      size_t count)
{
	struct refresh *refresh = journey;

	if (err == OK && count == 0)
		err = ERR_SERVER;
	if (err == OK)
		err = buf_dup(blobs[0], &refresh->access);
	if (err == OK && count > 1)
		err = buf_dup(blobs[1], &refresh->renewed);
	if (err == OK && ask_expiry(flow, refresh) == OK)
		return;
	pair_sealed(flow, refresh, err);
}

static void refresh_answered(struct flow *flow, struct refresh *refresh,
			     const struct ask_answer *answer)
{
	const struct service *service;
	struct connection_row row;
	struct reply reply;

	enum err err = refresh_load(flow, refresh, &row);
	if (err == OK)
		err = compiled_service(flow, row.tenant, row.service, &service);
	if (err != OK) {
		ask_ack(flow, refresh->attempt);
		refresh_over(flow, refresh, err);
		return;
	}
	errand_reply(service, answer, true, row.scopes, id_time(refresh->attempt), &reply);
	const enum reply_class class = reply.class;
	refresh->expires = reply.expires;
	scoped(json_free) json_t *variables = errand_variables(&row);
	refresh->ends =
		errand_ends_next(variables, service, reply.refresh_ends, id_time(refresh->attempt));
	memcpy(refresh->scopes, reply.scopes, sizeof refresh->scopes);
	reply_done(&reply);
	const struct errand_home home = { &row, row.version + 1, on_sealed, refresh };
	if (class != REPLY_GRANTED)
		refresh_failed(flow, refresh, class, reply.retry_after_s);
	else if (errand_adopt(flow, service, variables, answer, &home) != OK)
		pair_sealed(flow, refresh, ERR_OVERLOADED);
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct refresh *refresh = journey;

	switch (answer->outcome) {
	case ASK_ANSWERED:
		refresh_answered(flow, refresh, answer);
		return;
	case ASK_NOT_SENT:
		refresh_failed(flow, refresh, REPLY_TRANSIENT, 0);
		return;
	case ASK_UNUSABLE:
		refresh_failed(flow, refresh, REPLY_UNUSABLE, 0);
		return;
	case ASK_UNKNOWN:
		break;
	}
	refresh_lost(flow, refresh);
}

static enum err refresh_new(struct flow *flow, const struct connection_row *row,
			    struct refresh **ret)
{
	struct refresh *refresh = calloc(1, sizeof *refresh);

	if (refresh == NULL)
		return FAULT_NOMEM;
	refresh->key = key_of(row->id);
	refresh->tenant = row->tenant;
	refresh->connection = row->id;
	const enum err err = map_put(&flow->refreshing, refresh->key, refresh);
	if (err != OK) {
		free(refresh);
		return err == ERR_TOO_LARGE ? ERR_OVERLOADED : err;
	}
	*ret = refresh;
	return OK;
}

/* It is the attempt that the row tells of. */
static void refresh_is(struct refresh *refresh, const struct connection_row *row)
{
	refresh->attempt = row->attempt;
	refresh->fence = row->fence;
	refresh->event = row->attempt;
}

static enum err stage_call(struct flow *flow, struct refresh *refresh,
			   const struct connection_row *row)
{
	scoped(errand_done) struct errand errand = { 0 };
	const struct service *service;
	struct client_row client;
	struct ipc_record record;

	TRY(compiled_service(flow, row->tenant, row->service, &service));
	TRY(store_client_find(flow->store, row->tenant, row->service, &client));
	scoped(json_free) json_t *variables = errand_variables(row);
	char redirect[FLOW_REDIRECT_MAX];
	flow_redirect_uri(flow, redirect);
	const struct provider_party party = { client.client_id, str(redirect), variables };
	TRY(provider_call_refresh(service, &party, &errand.call));
	TRY(errand_pack(&errand, &(struct errand_secrets){ &client, row }));
	refresh_record(flow, row, OUTCOME_INTENT, &record);
	record.event = refresh->attempt;
	return errand_begin(flow, &errand, refresh->attempt, &record, on_answer, refresh);
}

/* An unknown outcome is tried once more where the class permits, and never again. */
static enum err may_begin(struct flow *flow, const struct connection_row *row)
{
	const struct service *service;

	if (row->refresh.n == 0)
		return ERR_REAUTH_REQUIRED;
	/* One from before a death is not settled yet: neither repeated nor the caller's conflict.
	 */
	if (row->refresh_at > flow->now || row->refresh_state == REFRESH_INTENT)
		return ERR_PROVIDER_UNAVAILABLE;
	TRY(compiled_service(flow, row->tenant, row->service, &service));
	scoped(json_free) json_t *variables = errand_variables(row);
	if (!given_issuer_ok(service, variables))
		return ERR_REAUTH_REQUIRED;
	if (row->refresh_state != REFRESH_UNKNOWN)
		return OK;
	return refresh_may_retry(service) && row->refresh_failures <= 1 ? OK : ERR_REAUTH_REQUIRED;
}

static enum err begin(struct flow *flow, struct refresh *refresh)
{
	struct connection_row row;

	TRY(store_connection_get(flow->store, refresh->tenant, refresh->connection, &row));
	TRY(may_begin(flow, &row));
	const enum refresh_state before = row.refresh_state;
	const enum err begun = store_refresh_begin(flow->store, &row, id_new());
	if (begun == ERR_CONFLICT) /* removed, or what the last core began is not settled yet */
		return ERR_PROVIDER_UNAVAILABLE;
	TRY(begun);
	refresh_is(refresh, &row);
	const enum err err = stage_call(flow, refresh, &row);
	if (err == OK)
		return OK;
	/* Nothing has left: the row may go on as if it had never begun. */
	row.refresh_state = before;
	row.refresh_at = flow->now + BACKOFF_FIRST_S * USEC_PER_S;
	err_ignore(store_refresh_end(flow->store, &row));
	return err;
}

static uint64_t provider_key(const struct connection_row *row)
{
	const struct bytes of[] = { id_bytes(&row->tenant), row->service };
	uint8_t hash[SHA256_LEN];

	sha256(of, ARRAY_LEN(of), hash);
	return get_u64(hash) | 1;
}

bool refresh_under_way(const struct flow *flow, const struct connection_row *row)
{
	const struct refresh *refresh = map_find(&flow->refreshing, key_of(row->id));

	return refresh != NULL && id_eq(refresh->connection, row->id);
}

enum err refresh_join(struct flow *flow, const struct connection_row *row, refresh_done_fn fn,
		      void *ctx)
{
	struct refresh *refresh = map_find(&flow->refreshing, key_of(row->id));
	bool now;

	if (refresh != NULL && id_eq(refresh->connection, row->id))
		return wait_for(refresh, fn, ctx);
	/* Two ids with one key: the second waits for its turn. */
	if (refresh != NULL)
		return ERR_OVERLOADED;
	TRY(may_begin(flow, row));
	TRY(refresh_new(flow, row, &refresh));
	enum err err = wait_for(refresh, fn, ctx);
	if (err == OK)
		err = turn_take(&flow->turns, provider_key(row), AT_ONCE_MAX, &refresh->turn, &now);
	if (err == OK && !now)
		return OK;
	if (err == OK)
		err = begin(flow, refresh);
	if (err == OK)
		return OK;
	/* Nobody waits, or there would have been no turn to take. */
	if (refresh->turn.queue != NULL)
		(void)turn_leave(&flow->turns, &refresh->turn);
	refresh_free(flow, refresh);
	return err < OK || err == ERR_REAUTH_REQUIRED ? err : ERR_PROVIDER_UNAVAILABLE;
}

struct search {
	struct flow *flow;
	struct id attempt;
	struct refresh *found;
};

static enum err match_attempt(void *ctx, const struct connection_row *row)
{
	struct search *search = ctx;

	if (search->found != NULL || row->refresh_state != REFRESH_INTENT ||
	    !id_eq(row->attempt, search->attempt) ||
	    map_find(&search->flow->refreshing, key_of(row->id)) != NULL)
		return OK;
	TRY(refresh_new(search->flow, row, &search->found));
	refresh_is(search->found, row);
	return OK;
}

void refresh_found(struct flow *flow, const struct frame *frame)
{
	struct ask_answer answer = { .outcome = ASK_ANSWERED };
	struct search search = { .flow = flow };

	if (ipc_courier_answer_decode(frame->payload, &answer.reply) != OK ||
	    id_none(answer.reply.attempt))
		return;
	search.attempt = answer.reply.attempt;
	const enum err err = store_connection_due(flow->store, DUE_REFRESH_OPEN, flow->now, 500,
						  match_attempt, &search);
	if (err != OK) {
		flow->unstored = true;
		return;
	}
	if (search.found == NULL) {
		ask_ack(flow, answer.reply.attempt);
		return;
	}
	if (answer.reply.outcome == COURIER_ANSWERED)
		refresh_answered(flow, search.found, &answer);
	else if (answer.reply.outcome == COURIER_UNKNOWN)
		refresh_lost(flow, search.found);
	else
		refresh_failed(flow, search.found, REPLY_TRANSIENT, 0);
}

static enum err lost(void *ctx, const struct connection_row *row)
{
	struct flow *flow = ctx;
	struct refresh *refresh;
	bool released;

	if (row->refresh_state != REFRESH_INTENT ||
	    map_find(&flow->refreshing, key_of(row->id)) != NULL)
		return OK;
	TRY(events_has(flow->events, row->attempt, &released));
	TRY(refresh_new(flow, row, &refresh));
	refresh_is(refresh, row);
	if (released)
		refresh_lost(flow, refresh);
	else
		refresh_failed(flow, refresh, REPLY_TRANSIENT, 0);
	return OK;
}

/* Once, when every answer that a courier could still hold has had its time. What the log does not
 * know was never released, so the provider was not asked (I1). */
enum err refresh_recover(struct flow *flow)
{
	const usec_t since = (flow->boot - flow->started) / USEC_PER_S;

	if (since < LOST_AFTER_S || since % 5 != 0 || flow->events == NULL ||
	    events_upto(flow->events) < flow->keeper.log_size)
		return OK;
	return store_connection_due(flow->store, DUE_REFRESH_OPEN, flow->now, 100, lost, flow);
}
