/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/connections.h"

#include <stdlib.h>

#include "codec/json.h"
#include "core/flow/compiled.h"
#include "core/flow/errand.h"
#include "core/flow/given.h"

/*
 * A removal is three facts, each recorded for itself: agents are refused at
 * once; the provider is asked to revoke; the old token is tried, to see that it
 * is dead. Then the tokens are destroyed here. If the provider cannot be
 * reached they are kept, sealed and for this alone, and it is asked again for a
 * day; after that they are destroyed all the same.
 */
enum { RETRY_FIRST_S = 10, RETRY_MAX_S = 3600, TRIES_MAX = 32 };

struct removal {
	struct call *call; /* NULL: a later try */
	struct id tenant, connection;
	uint64_t version; /* of the tokens that it is about */
};

static void removal_record(const struct flow *flow, const struct removal *removal,
			   const struct connection_row *row, uint8_t kind, struct ipc_record *ret)
{
	flow_record(flow, removal->call, kind, OUTCOME_OK, ret);
	ret->tenant = row->tenant;
	ret->user = row->user;
	ret->connection = row->id;
	ret->service = row->service;
	ret->revision = row->rev;
}

static void removal_end(struct flow *flow, struct removal *removal, enum err err,
			const struct connection_row *row)
{
	struct call *call = removal->call;

	free(removal);
	if (call != NULL)
		call->done(flow, call, err, row);
}

static enum err load(struct flow *flow, const struct removal *removal, struct connection_row *ret)
{
	return store_connection_get(flow->store, removal->tenant, removal->connection, ret);
}

static enum err load_with_service(struct flow *flow, const struct removal *removal,
				  struct connection_row *ret, const struct service **ret_service)
{
	TRY(load(flow, removal, ret));
	return compiled_service(flow, ret->tenant, ret->service, ret_service);
}

static void destroy(struct connection_row *row)
{
	row->access = row->refresh = (struct bytes){ NULL, 0 };
	row->expires = 0;
	row->revoke_at = 0;
}

static enum err write_fact(struct flow *flow, struct removal *removal, struct connection_row *row,
			   uint8_t kind, uint8_t outcome)
{
	struct ipc_record record;

	flow->batch_writes++;
	TRY(store_connection_update(flow->store, row));
	removal_record(flow, removal, row, kind, &record);
	record.outcome = outcome;
	return flow_event(flow, removal->call, &record);
}

static void on_probed(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	static const struct {
		enum revoke_fact fact;
		uint8_t outcome;
	} facts[] = {
		[PROVIDER_LIFE_UNKNOWN] = { FACT_UNKNOWN, OUTCOME_UNKNOWN },
		[PROVIDER_DEAD] = { FACT_YES, OUTCOME_OK },
		[PROVIDER_ALIVE] = { FACT_NO, OUTCOME_FAILED },
	};
	struct removal *removal = journey;
	enum provider_life life = PROVIDER_LIFE_UNKNOWN;
	const struct service *service;
	struct connection_row row;

	enum err err = load_with_service(flow, removal, &row, &service);
	if (err == OK && answer->outcome == ASK_ANSWERED)
		life = provider_probe_read(service, answer->reply.status, answer->reply.body);
	if (err == OK && row.version == removal->version) {
		row.probed = facts[life].fact;
		destroy(&row);
		err = write_fact(flow, removal, &row, EVENT_provider_probe, facts[life].outcome);
	}
	removal_end(flow, removal, err, &row);
}

/* Tries the token that should be dead. Without a way to try, the tokens are destroyed now. */
static enum err probe(struct flow *flow, struct removal *removal)
{
	scoped(errand_done) struct errand errand = { 0 };
	const struct service *service;
	struct client_row client;
	struct connection_row row;
	struct ipc_record record;

	TRY(load_with_service(flow, removal, &row, &service));
	scoped(json_free) json_t *variables = errand_variables(&row);
	enum err err = provider_call_probe(service, variables, &errand.call);
	if (err == OK)
		err = store_client_find(flow->store, row.tenant, row.service, &client);
	if (err == OK)
		err = errand_pack(&errand, &(struct errand_secrets){ &client, &row });
	removal_record(flow, removal, &row, EVENT_provider_probe, &record);
	record.outcome = OUTCOME_INTENT;
	if (err == OK)
		return errand_begin(flow, &errand, (struct id){ { 0 } }, &record, on_probed,
				    removal);
	row.probed = FACT_UNSUPPORTED;
	destroy(&row);
	TRY(store_connection_update(flow->store, &row));
	removal_end(flow, removal, OK, &row);
	return OK;
}

static usec_t next_try(const struct flow *flow, uint32_t failures)
{
	uint64_t s = RETRY_FIRST_S;

	for (uint32_t i = 1; i < failures && s < RETRY_MAX_S; i++)
		s *= 2;
	return flow->now + (s > RETRY_MAX_S ? RETRY_MAX_S : s) * USEC_PER_S;
}

/* Later, unless the day is over: then what is here is destroyed and the fact stays unknown. */
static enum err revoke_later(struct flow *flow, struct removal *removal, struct connection_row *row)
{
	row->revoke_failures++;
	row->revoke_at = next_try(flow, row->revoke_failures);
	if (row->revoke_failures >= TRIES_MAX) {
		row->revoked = FACT_UNKNOWN;
		row->probed = FACT_UNKNOWN;
		destroy(row);
	}
	return write_fact(flow, removal, row, EVENT_provider_revoke,
			  row->revoked == FACT_UNKNOWN ? OUTCOME_UNKNOWN : OUTCOME_FAILED);
}

static void on_revoked(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct removal *removal = journey;
	const struct service *service;
	struct connection_row row;

	enum err err = load_with_service(flow, removal, &row, &service);
	if (err != OK) {
		removal_end(flow, removal, err, NULL);
		return;
	}
	enum err said = ERR_PROVIDER_UNAVAILABLE;
	if (answer->outcome == ASK_ANSWERED)
		said = provider_revoke_read(service, answer->reply.status, answer->reply.body);
	if (said != OK && said != ERR_PROVIDER_REFUSED) {
		err = revoke_later(flow, removal, &row);
		removal_end(flow, removal, err, &row);
		return;
	}
	/* Those of a refresh whose answer came meanwhile are due already. */
	const bool is_newest = row.version == removal->version;
	if (is_newest)
		row.revoked = said == OK ? FACT_YES : FACT_NO;
	err = write_fact(flow, removal, &row, EVENT_provider_revoke,
			 said == OK ? OUTCOME_OK : OUTCOME_FAILED);
	if (err == OK && is_newest)
		err = probe(flow, removal);
	if (err != OK || !is_newest)
		removal_end(flow, removal, err, err == OK ? &row : NULL);
}

/* ERR_UNSUPPORTED: the provider has no revocation, or there is nothing to revoke with. */
static enum err revoke(struct flow *flow, struct removal *removal)
{
	scoped(errand_done) struct errand errand = { 0 };
	const struct service *service;
	struct connection_row row;
	struct client_row client;
	struct ipc_record record;

	TRY(load_with_service(flow, removal, &row, &service));
	if (row.access.n == 0 && row.refresh.n == 0)
		return ERR_UNSUPPORTED;
	TRY(store_client_find(flow->store, row.tenant, row.service, &client));
	scoped(json_free) json_t *variables = errand_variables(&row);
	if (!given_issuer_ok(service, variables))
		return ERR_UNSUPPORTED;
	const struct provider_party party = { .client_id = client.client_id,
					      .variables = variables };
	TRY(provider_call_revoke(service, &party, row.refresh.n > 0, &errand.call));
	TRY(errand_pack(&errand, &(struct errand_secrets){ &client, &row }));
	removal->version = row.version;
	removal_record(flow, removal, &row, EVENT_provider_revoke, &record);
	record.outcome = OUTCOME_INTENT;
	return errand_begin(flow, &errand, (struct id){ { 0 } }, &record, on_revoked, removal);
}

static enum err removal_new(struct flow *flow, struct call *call, const struct connection_row *row,
			    struct removal **ret)
{
	struct removal *removal = calloc(1, sizeof *removal);

	(void)flow;
	if (removal == NULL)
		return FAULT_NOMEM;
	*removal = (struct removal){ call, row->tenant, row->id, row->version };
	*ret = removal;
	return OK;
}

/* The provider has no way to be told; whether the token is dead can be tried all the same. */
static enum err remove_without_revocation(struct flow *flow, struct removal *removal)
{
	struct connection_row row;

	TRY(load(flow, removal, &row));
	row.revoked = FACT_UNSUPPORTED;
	row.revoke_at = 0;
	TRY(store_connection_update(flow->store, &row));
	return probe(flow, removal);
}

enum err connection_remove(struct flow *flow, struct call *call, struct id id)
{
	struct removal *removal;
	struct connection_row row;
	struct ipc_record record;

	TRY(store_connection_get(flow->store, call->tenant, id, &row));
	if (row.state == CONNECTION_REMOVED) {
		call->done(flow, call, OK, &row);
		return OK;
	}
	row.state = CONNECTION_REMOVED;
	row.revoked = FACT_PENDING;
	row.revoke_at = next_try(flow, 1);
	TRY(store_connection_update(flow->store, &row));
	TRY(removal_new(flow, call, &row, &removal));
	removal_record(flow, removal, &row, EVENT_connection_remove, &record);
	enum err err = flow_event(flow, call, &record);
	if (err == OK)
		err = call_keep(call);
	if (err == OK) {
		err = revoke(flow, removal);
		if (err == ERR_UNSUPPORTED || err == ERR_CONFLICT || err == ERR_NOT_FOUND)
			err = remove_without_revocation(flow, removal);
	}
	if (err != OK)
		free(removal);
	return err;
}

void connection_revoke_again(struct flow *flow, const struct connection_row *row)
{
	struct connection_row changed = *row;
	struct removal *removal;

	/* The next try is due later whatever becomes of this one. */
	changed.revoke_at = next_try(flow, row->revoke_failures + 1);
	if (store_connection_update(flow->store, &changed) != OK ||
	    removal_new(flow, NULL, &changed, &removal) != OK)
		return;
	if (revoke(flow, removal) != OK)
		free(removal);
}
