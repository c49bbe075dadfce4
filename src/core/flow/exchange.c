/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/exchange.h"

#include <stdlib.h>

#include "core/flow/ask.h"
#include "core/flow/grants.h"
#include "core/flow/spend.h"
#include "core/policy/policy.h"

enum { LIFE_OF_ENDLESS_S = 600, TEXT_MAX = 2048 };

/* An exchange under way; freed when the call is answered. */
struct exchange {
	struct permit_mend mend;	 /* first: call->mine points here */
	struct exchange_request request; /* its bytes stand in text */
	struct dynbuf text;
	uint8_t room[TEXT_MAX];
	struct permit permit;
	usec_t expires;
	char scope[SCOPES_MAX_BYTES + 1];
};

/* The policy comes first: what it forbids is refused whether or not an account is there. */
static enum err check_policy(struct flow *flow, const struct call *call, struct exchange *x,
			     bool with_grant)
{
	struct policy_facts facts = {
		.service = x->request.audience,
		.asked = x->request.scope,
		.address = call_address(call),
		.now = flow->now,
	};
	struct policy_decision decision;

	if (with_grant) {
		facts.granted = x->permit.connection.scopes;
		facts.granted_known = true;
	}
	const enum err err = policy_decide_exchange(x->permit.policy, &facts, &decision);
	if (err == ERR_INSUFFICIENT_SCOPE)
		err_ignore(bytes_str(str(decision.missing), x->permit.mend.missing,
				     sizeof x->permit.mend.missing)); /* both hold as much */
	TRY(err);
	return bytes_str(str(decision.scopes), x->scope, sizeof x->scope);
}

static enum err exchange_decide(struct flow *flow, const struct call *call, struct exchange *x)
{
	const struct exchange_request *request = &x->request;
	const struct permit_proof proof = {
		.token = request->subject_token,
		.client_id = request->client_id,
		.client_secret = request->client_secret,
		.address = call->address,
		.agent = request->agent,
		.jkt = call->proved ? call->jkt : NULL,
		.scope = GRANTS_SCOPE_EXCHANGE,
	};

	TRY(permit_vault(flow, &proof, &x->permit));
	TRY(check_policy(flow, call, x, false));
	TRY(permit_account(flow, &x->permit, request->audience, request->connection));
	return check_policy(flow, call, x, true);
}

static uint64_t life_s(const struct flow *flow, usec_t expires)
{
	if (expires == 0)
		return LIFE_OF_ENDLESS_S;
	return expires <= flow->now ? 0 : (expires - flow->now) / USEC_PER_S;
}

static void on_released(struct flow *flow, void *ctx, const struct frame *frame)
{
	struct call *call = ctx;
	struct exchange *x = call->mine;
	struct ipc_keeper_refused refused;
	struct ipc_released released;

	if (frame != NULL && frame->type == IPC_TYPE_released &&
	    ipc_released_decode(frame->payload, &released) == OK) {
		const struct exchange_result result = {
			.capsule = released.capsule,
			.scope = str(x->scope),
			.expires_in_s = life_s(flow, x->expires),
		};
		flow->count[COUNT_EXCHANGES]++;
		call->done(flow, call, OK, &result);
		return;
	}
	enum err err = ERR_SERVER;
	if (frame != NULL && frame->type == IPC_TYPE_keeper_refused &&
	    ipc_keeper_refused_decode(frame->payload, &refused) == OK && refused.err > OK &&
	    refused.err < ERR_COUNT)
		err = (enum err)refused.err;
	/* Keeper has written what it could: no second record of the same refusal. */
	call->done(flow, call, err, NULL);
}

static enum err stage_release(struct flow *flow, struct call *call, struct exchange *x)
{
	const struct connection_row *connection = &x->permit.connection;
	const struct ipc_place place = {
		.field = PLACE_ACCESS_TOKEN,
		.tenant = connection->tenant,
		.user = connection->user,
		.object = connection->id,
		.version = connection->version,
	};
	uint8_t place_room[128], record_room[IPC_RECORD_MAX];
	struct dynbuf place_out = { .p = place_room,
				    .room = sizeof place_room,
				    .max = sizeof place_room };
	struct dynbuf record_out = { .p = record_room,
				     .room = sizeof record_room,
				     .max = sizeof record_room };
	struct ipc_record record;
	struct dynbuf list;
	uint64_t id;

	permit_record(flow, call, &x->permit, EVENT_exchange, OUTCOME_OK, &record);
	record.scopes = str(x->scope);
	ipc_record_encode(&record, &record_out);
	ipc_place_encode(&place, &place_out);
	TRY(dynbuf_err(&record_out));
	TRY(dynbuf_err(&place_out));
	const struct ipc_item item = { .place = dynbuf_view(&place_out),
				       .blob = connection->access };
	dynbuf_init(&list, IPC_CAPSULE_MAX);
	IPC_LIST_ADD(&list, item, &item);
	enum err err = dynbuf_err(&list);
	if (err == OK)
		err = flow_expect(flow, PEER_KEEPER, on_released, call, &id);
	if (err == OK) {
		const struct ipc_release release = { .receiver = RECEIVER_GATE,
						     .record = dynbuf_view(&record_out),
						     .items = dynbuf_view(&list) };
		FRAME_PUT(&flow->staged[PEER_KEEPER], id, release, &release);
		err = dynbuf_err(&flow->staged[PEER_KEEPER]);
	}
	dynbuf_done(&list);
	return err;
}

static void exchange_refuse(struct flow *flow, struct call *call, struct exchange *x, enum err err)
{
	struct ipc_record record;

	permit_record(flow, call, &x->permit, EVENT_exchange, OUTCOME_DENIED, &record);
	err = permit_deny(flow, call, &x->permit, &record, err);
	x->mend = x->permit.mend;
	call->done(flow, call, err, NULL);
}

static void exchange_run(struct flow *flow, struct call *call)
{
	struct exchange *x = call->mine;
	const struct policy_use use = { .service = x->request.audience, .now = flow->now };
	bool waits = false;
	enum err err = exchange_decide(flow, call, x);

	if (err == OK)
		err = permit_fresh(flow, call, &x->permit, exchange_run, &waits);
	if (err == OK && waits)
		return;
	if (err == OK)
		err = spend_limits(flow, &x->permit, &use);
	if (err == OK) {
		x->expires = x->permit.connection.expires;
		err = stage_release(flow, call, x);
	}
	if (err != OK)
		exchange_refuse(flow, call, x, err);
}

/* The exchange may outlive the frame that brought it. */
static struct bytes exchange_own(struct exchange *x, struct bytes from)
{
	uint8_t *p = dynbuf_grow(&x->text, from.n);

	if (p == NULL || from.p == NULL)
		return (struct bytes){ NULL, 0 };
	put(p, from.p, from.n);
	return (struct bytes){ p, from.n };
}

static enum err exchange_take(struct exchange *x, const struct exchange_request *from)
{
	x->text = (struct dynbuf){ .p = x->room, .room = sizeof x->room, .max = sizeof x->room };
	x->request = (struct exchange_request){
		.subject_token = exchange_own(x, from->subject_token),
		.audience = exchange_own(x, from->audience),
		.scope = exchange_own(x, from->scope),
		.connection = exchange_own(x, from->connection),
		.client_id = exchange_own(x, from->client_id),
		.client_secret = exchange_own(x, from->client_secret),
		.agent = from->agent,
	};
	return dynbuf_err(&x->text);
}

void exchange_begin(struct flow *flow, struct call *call, const struct exchange_request *request)
{
	struct exchange *x = calloc(1, sizeof *x);

	if (x == NULL) {
		call->done(flow, call, FAULT_NOMEM, NULL);
		return;
	}
	call->mine = x;
	call->mine_n = sizeof *x;
	if (exchange_take(x, request) != OK || bytes_str(request->audience, x->permit.mend.service,
							 sizeof x->permit.mend.service) != OK) {
		x->permit.mend.service[0] = 0;
		exchange_refuse(flow, call, x, ERR_INVALID_TARGET);
		return;
	}
	exchange_run(flow, call);
}
