/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/objects.h"

#include <stdlib.h>

#include "core/catalog/service.h"
#include "core/flow/ask.h"
#include "core/flow/compiled.h"
#include "core/flow/given.h"
#include "core/oauth/provider.h"
#include "crypto/crypto.h"

bool name_ok(struct bytes name, size_t max)
{
	if (name.n == 0 || name.n > max)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] < 0x20 || name.p[i] == 0x7f)
			return false;
	return true;
}

enum err token_issue(struct flow *flow, enum own_token_kind kind, struct id tenant,
		     struct id object, usec_t expires, struct token_text *ret)
{
	static const enum token_kind kinds[] = {
		[OWN_ADMIN] = TOKEN_ADMIN,    [OWN_VAULT] = TOKEN_VAULT,
		[OWN_CLIENT] = TOKEN_CLIENT,  [OWN_REGISTRATION] = TOKEN_TICKET,
		[OWN_SESSION] = TOKEN_TICKET,
	};
	const struct own_token_row row = {
		.id = id_new(),
		.tenant = tenant,
		.kind = kind,
		.object = object,
		.generation = flow->generation,
		.expires = expires,
		.created = flow->now,
	};
	uint8_t random[TOKEN_RANDOM_LEN];

	rng_fill(random, sizeof random);
	token_print(kinds[kind], random, ret->s);
	wipe(random, sizeof random);
	return store_token_put(flow->store, &row, str(ret->s));
}

enum err token_check(struct flow *flow, struct bytes text, enum own_token_kind kind,
		     struct own_token_row *ret)
{
	enum token_kind shape;
	struct own_token_row row;

	if (token_parse(text, &shape) != OK)
		return ERR_INVALID_TOKEN;
	const enum err err = store_token_find(flow->store, text, flow->now, &row);
	if (err == ERR_NOT_FOUND || err == ERR_EXPIRED || (err == OK && row.kind != kind))
		return ERR_INVALID_TOKEN;
	TRY(err);
	*ret = row;
	return OK;
}

static bool tenant_name_ok(struct bytes name)
{
	if (name.n == 0 || name.n > TENANT_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		const uint8_t c = name.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return true;
}

static void on_tenant_key(struct flow *flow, void *ctx, const struct frame *frame)
{
	/* The key is made on first use as well: nothing depends on this answer. */
	(void)flow;
	(void)ctx;
	(void)frame;
}

enum err tenant_create(struct flow *flow, struct call *call, struct bytes name,
		       struct tenant_row *ret)
{
	const struct tenant_row row = { .id = id_new(), .name = name, .created = flow->now };
	struct ipc_record record;
	uint64_t id;

	if (!tenant_name_ok(name))
		return ERR_MALFORMED;
	TRY(store_tenant_put(flow->store, &row));
	TRY(flow_expect(flow, PEER_KEEPER, on_tenant_key, NULL, &id));
	const struct ipc_tenant_key key = { .tenant = row.id };
	FRAME_PUT(&flow->staged[PEER_KEEPER], id, tenant_key, &key);
	flow_record(flow, call, EVENT_tenant_create, OUTCOME_OK, &record);
	record.object = row.id;
	TRY(flow_event(flow, call, &record));
	*ret = row;
	return OK;
}

enum err user_create(struct flow *flow, struct call *call, struct bytes subject, struct bytes email,
		     struct bytes name, struct user_row *ret)
{
	const struct user_row row = {
		.id = id_new(),
		.tenant = call->tenant,
		.issuer = str("local"),
		.subject = subject,
		.email = email,
		.name = name,
		.created = flow->now,
	};
	struct ipc_record record;

	if (!name_ok(subject, SUBJECT_MAX_BYTES) || (email.n > 0 && !name_ok(email, 254)) ||
	    (name.n > 0 && !name_ok(name, NAME_MAX_BYTES)))
		return ERR_MALFORMED;
	TRY(store_user_put(flow->store, &row));
	flow_record(flow, call, EVENT_user_create, OUTCOME_OK, &record);
	record.user = row.id;
	TRY(flow_event(flow, call, &record));
	*ret = row;
	return OK;
}

static enum err agent_event(struct flow *flow, struct call *call, const struct agent_row *row,
			    uint8_t kind)
{
	struct ipc_record record;

	flow_record(flow, call, kind, OUTCOME_OK, &record);
	record.agent = row->id;
	return flow_event(flow, call, &record);
}

enum err agent_create(struct flow *flow, struct call *call, struct bytes name,
		      struct bytes redirect_uris, struct agent_row *ret,
		      struct token_text *ret_secret)
{
	struct agent_row row = {
		.id = id_new(),
		.tenant = call->tenant,
		.name = name,
		.redirect_uris = redirect_uris,
		.state = AGENT_ACTIVE,
		.created = flow->now,
	};
	char client_id[ID_TEXT_MAX + 1];

	if (!name_ok(name, NAME_MAX_BYTES))
		return ERR_MALFORMED;
	row.client_id = str(id_print("agent", row.id, client_id));
	TRY(store_agent_put(flow->store, &row));
	TRY(token_issue(flow, OWN_CLIENT, row.tenant, row.id, 0, ret_secret));
	TRY(agent_event(flow, call, &row, EVENT_agent_create));
	row.client_id = (struct bytes){ NULL, 0 }; /* it is the id, printed */
	*ret = row;
	return OK;
}

enum err agent_rotate_secret(struct flow *flow, struct call *call, struct id id,
			     struct agent_row *ret, struct token_text *ret_secret)
{
	struct agent_row row;

	TRY(store_agent_get(flow->store, call->tenant, id, &row));
	if (row.state != AGENT_ACTIVE)
		return ERR_CONFLICT;
	TRY(store_token_revoke(flow->store, row.tenant, OWN_CLIENT, row.id));
	TRY(token_issue(flow, OWN_CLIENT, row.tenant, row.id, 0, ret_secret));
	TRY(agent_event(flow, call, &row, EVENT_agent_secret));
	*ret = row;
	return OK;
}

enum err agent_disable(struct flow *flow, struct call *call, struct id id, struct agent_row *ret)
{
	struct agent_row row;

	TRY(store_agent_get(flow->store, call->tenant, id, &row));
	row.state = AGENT_DISABLED;
	TRY(store_agent_update(flow->store, &row));
	TRY(store_token_revoke(flow->store, row.tenant, OWN_CLIENT, row.id));
	TRY(agent_event(flow, call, &row, EVENT_agent_disable));
	*ret = row;
	return OK;
}

static enum err service_event(struct flow *flow, struct call *call, struct bytes service,
			      uint8_t kind, uint64_t rev)
{
	struct ipc_record record;

	flow_record(flow, call, kind, OUTCOME_OK, &record);
	record.service = service;
	return flow_event(flow, call, &record);
}

enum err service_add(struct flow *flow, struct call *call, struct bytes yaml,
		     struct complaint *complaint, struct service_row *ret)
{
	const struct service *service;
	struct service_row row = { 0 }, old;

	TRY(compiled_service_text(flow, yaml, "service file", complaint, &service));
	const enum err err = store_service_find(flow->store, call->tenant, str(service->id), &old);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	row.id = err == OK ? old.id : id_new();
	row.rev = err == OK ? old.rev : 0;
	row.tenant = call->tenant;
	row.service = str(service->id);
	row.yaml = yaml;
	row.created = flow->now;
	sha256_one(yaml, row.hash);
	TRY(store_service_put(flow->store, &row));
	TRY(service_event(flow, call, row.service, EVENT_service_add, row.rev));
	*ret = row;
	return OK;
}

/* The client row of a service that exists, fresh where there is none yet. */
static enum err client_for(struct flow *flow, struct id tenant, struct bytes service,
			   struct client_row *ret)
{
	const struct service *known;
	struct client_row row = { .id = id_new(), .tenant = tenant };

	TRY(compiled_service(flow, tenant, service, &known));
	const enum err err = store_client_find(flow->store, tenant, service, &row);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	row.service = str(known->id);
	*ret = row;
	return OK;
}

enum err service_client_set(struct flow *flow, struct call *call, struct bytes service,
			    const struct client_new *new)
{
	const struct service *known;
	struct client_row row;

	if (!name_ok(new->client_id, 512))
		return ERR_MALFORMED;
	TRY(client_for(flow, call->tenant, service, &row));
	TRY(compiled_service(flow, call->tenant, service, &known));
	scoped(json_free) json_t *variables = NULL;
	TRY(given_check(call, known, SERVICE_FROM_OPERATOR, new->variables, &variables));
	TRY(given_issuer_set(known, variables));
	row.client_id = new->client_id;
	/* The client last: it is the row that the event tells the state of. */
	TRY(given_save(flow, row.tenant, row.id, variables));
	TRY(store_client_put(flow->store, &row));
	return service_event(flow, call, row.service, EVENT_service_client, row.rev);
}

struct secret_set {
	struct call *call;
	struct id tenant;
	char service[SERVICE_MAX_BYTES + 1];
	uint64_t version;
	struct id id;
};

static enum err secret_store(struct flow *flow, const struct secret_set *set, struct bytes blob)
{
	struct client_row row;

	TRY(client_for(flow, set->tenant, str(set->service), &row));
	if (row.secret_version + 1 != set->version)
		return ERR_CONFLICT;
	/* A first secret may come before the client id: the row is then new here too. */
	row.id = set->id;
	row.secret = blob;
	row.secret_version = set->version;
	TRY(store_client_put(flow->store, &row));
	return service_event(flow, set->call, row.service, EVENT_service_client, row.rev);
}

static void on_secret_adopted(struct flow *flow, void *journey, enum err err,
			      const struct bytes *blobs, size_t count)
{
	struct secret_set *set = journey;
	struct call *call = set->call;

	if (err == OK && count != 1)
		err = ERR_SERVER;
	if (err == OK)
		err = secret_store(flow, set, blobs[0]);
	free(set);
	call->done(flow, call, err, NULL);
}

enum err service_secret_set(struct flow *flow, struct call *call, struct bytes service)
{
	const struct service *known;
	struct client_row row;

	if (call->request.capsule.n == 0)
		return ERR_MALFORMED;
	TRY(client_for(flow, call->tenant, service, &row));
	TRY(compiled_service(flow, call->tenant, service, &known));
	struct secret_set *set = calloc(1, sizeof *set);
	if (set == NULL)
		return FAULT_NOMEM;
	*set = (struct secret_set){ .call = call,
				    .tenant = call->tenant,
				    .version = row.secret_version + 1,
				    .id = row.id };
	const struct ask_item place = { .field = PLACE_CLIENT_SECRET,
					.tenant = call->tenant,
					.object = row.id,
					.version = set->version };
	scoped(json_free) json_t *variables = NULL;
	struct dynbuf hosts;
	dynbuf_init(&hosts, IPC_HOSTS_MAX);
	enum err err = given_load(flow, row.tenant, row.id, &variables);
	service_hosts(known, provider_value, variables, &hosts);
	if (err == OK)
		err = bytes_str(row.service, set->service, sizeof set->service);
	if (err == OK)
		err = dynbuf_err(&hosts);
	if (err == OK)
		err = ask_adopt(flow, RECEIVER_GATE, call->request.capsule, &place, 1,
				dynbuf_view(&hosts), on_secret_adopted, set);
	dynbuf_done(&hosts);
	if (err == OK)
		err = call_keep(call);
	if (err != OK)
		free(set);
	return err;
}
