/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/approval.h"

#include <stdlib.h>

#include "codec/jcs.h"
#include "core/flow/toolcall.h"
#include "core/flow/totp.h"
#include "core/flow/vaults.h"
#include "crypto/crypto.h"

enum {
	RECENT = 16,
	DIGEST_TEXT_MAX = 8192,
	SWEEP_AT_ONCE = 100,
	VAULTS_MAX = 500,
	KEPT_S = 24 * 60 * 60, /* a result that nobody has fetched */
};

static const char label[] = "valetkey approval 1";

const char *approval_state_name(enum approval_state state)
{
	static const char *const names[] = {
		[APPROVAL_PENDING] = "pending",	    [APPROVAL_APPROVED] = "approved",
		[APPROVAL_DENIED] = "denied",	    [APPROVAL_EXPIRED] = "expired",
		[APPROVAL_CANCELLED] = "cancelled", [APPROVAL_EXECUTED] = "executed",
	};

	return names[state];
}

const char *approval_outcome_name(enum approval_outcome outcome)
{
	static const char *const names[] = {
		[APPROVAL_OPEN] = "open",     [APPROVAL_OK] = "ok",
		[APPROVAL_FAILED] = "failed", [APPROVAL_UNKNOWN] = "unknown",
		[APPROVAL_VOID] = "void",
	};

	return names[outcome];
}

static void member(struct dynbuf *out, const char *name, struct bytes value)
{
	dynbuf_str(out, out->n == 1 ? "\"" : ",\"");
	dynbuf_str(out, name);
	dynbuf_str(out, "\":");
	jcs_string(value, out);
}

static void member_id(struct dynbuf *out, const char *name, const char *kind, struct id id)
{
	char text[ID_TEXT_MAX + 1];

	member(out, name, id_none(id) ? str("") : str(id_print(kind, id, text)));
}

static void member_hash(struct dynbuf *out, const char *name, const uint8_t hash[static 32])
{
	static const char digits[] = "0123456789abcdef";
	char text[65];

	for (size_t i = 0; i < 32; i++) {
		text[2 * i] = digits[hash[i] >> 4];
		text[2 * i + 1] = digits[hash[i] & 15];
	}
	text[64] = 0;
	member(out, name, str(text));
}

/* As text: a double does not hold all 64 bits. */
static void member_number(struct dynbuf *out, const char *name, uint64_t number)
{
	char text[24];
	struct dynbuf digits = { .p = (uint8_t *)text, .room = sizeof text, .max = sizeof text };

	dynbuf_printf(&digits, "%llu", (unsigned long long)number);
	member(out, name, dynbuf_view(&digits));
}

/* The members stand in the order that RFC 8785 3.2.3 demands. */
void approval_print(const struct approval_row *row, struct dynbuf *out)
{
	dynbuf_u8(out, '{');
	member_id(out, "account", "conn", row->connection);
	member_id(out, "agent", "agent", row->agent);
	member_hash(out, "arguments", row->payload_hash);
	member_number(out, "created", row->created);
	member_hash(out, "definition", row->definition);
	member_number(out, "expires", row->expires);
	member(out, "kind", str(row->kind == APPROVAL_TOOL ? "tool" : "proxy"));
	member_hash(out, "nonce", row->nonce);
	member_number(out, "policy_version", row->policy_version);
	member(out, "scopes", row->scopes);
	member(out, "service", row->service);
	member(out, "step_up", str(row->step_up ? "yes" : "no"));
	member_id(out, "tenant", "tenant", row->tenant);
	member(out, "tool", row->tool);
	member_id(out, "user", "user", row->user);
	member_id(out, "vault", "vault", row->vault);
	dynbuf_u8(out, '}');
}

enum err approval_digest(const struct approval_row *row, uint8_t ret[static 32])
{
	scoped(dynbuf_done) struct dynbuf text;

	dynbuf_init(&text, DIGEST_TEXT_MAX);
	approval_print(row, &text);
	TRY(dynbuf_err(&text));
	const struct bytes parts[] = { { (const uint8_t *)label, sizeof label },
				       dynbuf_view(&text) };
	sha256(parts, ARRAY_LEN(parts), ret);
	return OK;
}

static void approval_record(const struct flow *flow, const struct call *call,
			    const struct approval_row *row, uint8_t kind, uint8_t outcome,
			    struct ipc_record *ret)
{
	flow_record(flow, call, kind, outcome, ret);
	ret->tenant = row->tenant;
	ret->user = row->user;
	ret->vault = row->vault;
	ret->agent = row->agent;
	ret->connection = row->connection;
	ret->object = row->id;
	ret->policy = row->policy_version;
	ret->service = row->service;
	ret->tool = row->tool;
	memcpy(ret->detail, row->digest, sizeof ret->detail);
}

static enum err approval_event(struct flow *flow, struct call *call, const struct approval_row *row,
			       uint8_t kind)
{
	struct ipc_record record;

	approval_record(flow, call, row, kind, OUTCOME_OK, &record);
	return flow_event(flow, call, &record);
}

/* What of the vault's approvals bears on a new request. */
struct standing {
	const struct approval_ask *ask;
	uint8_t payload_hash[32];
	unsigned pending;
	bool found;
	struct approval_row same; /* not over, or its result was not fetched yet */
	unsigned denials;	  /* in a row, the newest first */
	bool broken;
	usec_t denied; /* when the newest was */
	bool same_denied;
};

static bool is_same(const struct standing *standing, const struct approval_row *row)
{
	const struct approval_ask *ask = standing->ask;

	return row->kind == ask->kind && id_eq(row->connection, ask->connection) &&
	       bytes_eq(row->service, ask->service) && bytes_eq(row->tool, ask->tool) &&
	       row->step_up == ask->step_up &&
	       memcmp(row->definition, ask->definition, sizeof row->definition) == 0 &&
	       memcmp(row->payload_hash, standing->payload_hash, sizeof row->payload_hash) == 0;
}

struct at {
	struct flow *flow;
	struct standing *standing;
};

static enum err live_one(void *ctx, const struct approval_row *row)
{
	const struct at *at = ctx;
	struct standing *standing = at->standing;

	if (row->generation != at->flow->generation ||
	    (row->state != APPROVAL_EXECUTED && row->expires <= at->flow->now))
		return OK;
	standing->pending += row->state == APPROVAL_PENDING;
	if (!standing->found && is_same(standing, row)) {
		standing->found = true;
		standing->same = *row;
	}
	return OK;
}

static enum err recent_one(void *ctx, const struct approval_row *row)
{
	const struct at *at = ctx;
	struct standing *standing = at->standing;

	if (row->state == APPROVAL_DENIED && !standing->broken) {
		standing->denials++;
		if (row->decided > standing->denied)
			standing->denied = row->decided;
		standing->same_denied = standing->same_denied || is_same(standing, row);
	}
	standing->broken = standing->broken || row->state == APPROVAL_APPROVED ||
			   row->state == APPROVAL_EXECUTED;
	if (!standing->found && row->state == APPROVAL_EXECUTED && row->kept_until != 0 &&
	    !row->heard && row->generation == at->flow->generation && is_same(standing, row)) {
		standing->found = true;
		standing->same = *row;
	}
	return OK;
}

static enum err look_around(struct flow *flow, struct standing *standing)
{
	const struct vault_row *vault = standing->ask->vault;
	struct at at = { flow, standing };

	TRY(store_approval_live(flow->store, vault->tenant, vault->id, 100, live_one, &at));
	return store_approval_recent(flow->store, vault->tenant, vault->id, RECENT, recent_one,
				     &at);
}

static usec_t cool_until(const struct standing *standing)
{
	uint64_t s = APPROVAL_COOL_FIRST_S;

	if (standing->denials == 0)
		return 0;
	for (unsigned i = 1; i < standing->denials && s < APPROVAL_COOL_MAX_S; i++)
		s *= 2;
	s = s > APPROVAL_COOL_MAX_S ? APPROVAL_COOL_MAX_S : s;
	return standing->denied + s * USEC_PER_S;
}

static enum err may_ask(const struct flow *flow, const struct standing *standing, usec_t *ret_again)
{
	const usec_t until = cool_until(standing);

	*ret_again = until > flow->now ? until : 0;
	if (until > flow->now)
		return standing->same_denied ? ERR_APPROVAL_DENIED : ERR_RATE_LIMITED;
	return standing->pending < APPROVAL_PENDING_MAX ? OK : ERR_RATE_LIMITED;
}

static enum err approval_new(struct flow *flow, struct call *call, const struct standing *standing,
			     struct approval_row *ret)
{
	const struct approval_ask *ask = standing->ask;
	struct approval_row row = {
		.id = id_new(),
		.tenant = ask->vault->tenant,
		.user = ask->vault->user,
		.vault = ask->vault->id,
		.agent = ask->vault->agent,
		.connection = ask->connection,
		.service = ask->service,
		.tool = ask->tool,
		.kind = ask->kind,
		.step_up = ask->step_up,
		.state = APPROVAL_PENDING,
		.summary = ask->summary,
		.reason = ask->reason,
		.scopes = ask->scopes,
		.policy_version = ask->vault->policy_version,
		.address = ask->address,
		.origin = ask->origin,
		.created = flow->now,
		.expires = flow->now + ask->life,
		.generation = flow->generation,
		.rev = 1,
	};

	memcpy(row.definition, ask->definition, sizeof row.definition);
	memcpy(row.payload_hash, standing->payload_hash, sizeof row.payload_hash);
	rng_fill(row.nonce, sizeof row.nonce);
	TRY(approval_digest(&row, row.digest));
	TRY(store_approval_put(flow->store, &row, ask->payload));
	TRY(approval_event(flow, call, &row, EVENT_approval_request));
	*ret = row;
	return OK;
}

enum err approval_request(struct flow *flow, struct call *call, const struct approval_ask *ask,
			  struct approval_row *ret, bool *ret_joined, usec_t *ret_again)
{
	struct standing standing = { .ask = ask };

	*ret_again = 0;
	if (ask->payload.n > APPROVAL_PAYLOAD_MAX || ask->summary.n > APPROVAL_SUMMARY_MAX ||
	    ask->reason.n > APPROVAL_REASON_MAX || ask->tool.n > APPROVAL_TOOL_MAX)
		return ERR_TOO_LARGE;
	sha256_one(ask->payload, standing.payload_hash);
	TRY(look_around(flow, &standing));
	*ret_joined = standing.found;
	if (standing.found) {
		*ret = standing.same;
		return OK;
	}
	TRY(may_ask(flow, &standing, ret_again));
	return approval_new(flow, call, &standing, ret);
}

struct pausing {
	struct flow *flow;
	struct call *call;
	const struct approval_row *row;
};

static enum err pause_one(void *ctx, const struct vault_row *vault)
{
	struct pausing *pausing = ctx;
	const struct approval_row *row = pausing->row;
	struct vault_row paused;
	const bool its = id_eq(vault->id, row->vault) ||
			 (!id_none(row->agent) && id_eq(vault->agent, row->agent));

	if (!its || vault->state != VAULT_ACTIVE)
		return OK;
	return vault_state_set(pausing->flow, pausing->call, vault->id, VAULT_PAUSED, &paused);
}

static enum err pause_agent(struct flow *flow, struct call *call, const struct approval_row *row)
{
	struct pausing pausing = { flow, call, row };

	return store_vault_list(flow->store, row->tenant, row->user,
				(struct page){ .limit = VAULTS_MAX }, pause_one, &pausing);
}

enum err approval_decide(struct flow *flow, struct call *call, struct id id,
			 const struct approval_decision *decision, struct approval_row *ret)
{
	struct approval_row row;

	TRY(store_approval_get(flow->store, call->tenant, id, &row));
	/* A code is not spent on what cannot be decided any more. */
	if (decision->approve && row.step_up && row.state == APPROVAL_PENDING &&
	    row.expires > flow->now)
		TRY(totp_spend(flow, row.tenant, row.user, decision->code));
	row.decided = flow->now;
	row.decider = call->actor;
	TRY(store_approval_decide(flow->store, &row,
				  decision->approve ? APPROVAL_APPROVED : APPROVAL_DENIED,
				  flow->now));
	TRY(approval_event(flow, call, &row,
			   decision->approve ? EVENT_approval_approve : EVENT_approval_deny));
	if (!decision->approve && decision->pause)
		TRY(pause_agent(flow, call, &row));
	*ret = row;
	return OK;
}

enum err approval_cancel(struct flow *flow, struct call *call, struct id tenant, struct id vault,
			 struct id id)
{
	struct approval_row row;

	TRY(store_approval_get(flow->store, tenant, id, &row));
	if (!id_eq(row.vault, vault))
		return ERR_NOT_FOUND;
	row.decided = flow->now;
	row.decider = vault;
	const enum err err =
		store_approval_decide(flow->store, &row, APPROVAL_CANCELLED, flow->now);
	if (err != OK)
		return err > OK ? ERR_CONFLICT : err;
	TRY(approval_event(flow, call, &row, EVENT_approval_cancel));
	approval_tell(flow, &row);
	return OK;
}

enum err approval_consume(struct flow *flow, struct approval_row *row, struct bytes *ret_payload)
{
	uint8_t hash[32], digest[32];
	struct bytes payload;

	TRY(store_approval_text(flow->store, row, APPROVAL_TEXT_PAYLOAD, &payload));
	sha256_one(payload, hash);
	TRY(approval_digest(row, digest));
	if (memcmp(hash, row->payload_hash, sizeof hash) != 0 ||
	    memcmp(digest, row->digest, sizeof digest) != 0)
		return ERR_FORGED;
	flow->batch_writes++;
	TRY(store_approval_consume(flow->store, row, flow->now));
	*ret_payload = payload;
	return OK;
}

enum err approval_settle(struct flow *flow, struct approval_row *row, enum approval_outcome outcome,
			 struct bytes result)
{
	flow->batch_writes++;
	return store_approval_settle(flow->store, row, outcome, result,
				     flow->now + KEPT_S * USEC_PER_S);
}

static uint64_t key_of(struct id approval)
{
	const uint64_t key = get_u64(approval.b + 8);

	return key == 0 ? 1 : key;
}

/* All who watch approvals of one key. */
struct watched {
	struct approval_watcher *first;
};

enum err approval_watch(struct flow *flow, struct id approval, struct approval_watcher *watcher)
{
	struct watched *watched = map_find(&flow->watchers, key_of(approval));

	if (watched == NULL) {
		watched = calloc(1, sizeof *watched);
		if (watched == NULL)
			return FAULT_NOMEM;
		const enum err err = map_put(&flow->watchers, key_of(approval), watched);
		if (err != OK) {
			free(watched);
			return err == ERR_TOO_LARGE ? ERR_OVERLOADED : err;
		}
	}
	watcher->approval = approval;
	watcher->seen = 0;
	watcher->hung = true;
	watcher->prev = NULL;
	watcher->next = watched->first;
	if (watched->first != NULL)
		watched->first->prev = watcher;
	watched->first = watcher;
	return OK;
}

void approval_unwatch(struct flow *flow, struct approval_watcher *watcher)
{
	if (!watcher->hung)
		return;
	struct watched *watched = map_find(&flow->watchers, key_of(watcher->approval));
	watcher->hung = false;
	if (watcher->next != NULL)
		watcher->next->prev = watcher->prev;
	if (watcher->prev != NULL)
		watcher->prev->next = watcher->next;
	else
		watched->first = watcher->next;
	if (watched->first == NULL)
		free(map_del(&flow->watchers, key_of(watcher->approval)));
}

void approval_unwatch_all(struct flow *flow)
{
	size_t at = 0;

	for (void *watched; (watched = map_next(&flow->watchers, &at)) != NULL;)
		free(watched);
	map_done(&flow->watchers);
}

static struct approval_watcher *unseen(const struct flow *flow, struct id approval, uint64_t round)
{
	const struct watched *watched = map_find(&flow->watchers, key_of(approval));
	struct approval_watcher *w = watched == NULL ? NULL : watched->first;

	while (w != NULL && (w->seen == round || !id_eq(w->approval, approval)))
		w = w->next;
	return w;
}

/* Who is told may take itself off, or others. */
void approval_tell(struct flow *flow, const struct approval_row *row)
{
	const uint64_t round = ++flow->telling;
	struct approval_watcher *watcher;

	while ((watcher = unseen(flow, row->id, round)) != NULL) {
		watcher->seen = round;
		watcher->told(flow, watcher, row);
	}
	if (row->state == APPROVAL_APPROVED && row->kind == APPROVAL_TOOL)
		toolcall_approved(flow, row);
}

static enum err expire_one(void *ctx, const struct approval_row *found)
{
	struct flow *flow = ctx;
	struct approval_row row = *found;

	row.decided = flow->now;
	flow_request_begin(flow);
	TRY(store_approval_decide(flow->store, &row, APPROVAL_EXPIRED, flow->now));
	TRY(approval_event(flow, NULL, &row, EVENT_approval_expire));
	approval_tell(flow, &row);
	return OK;
}

static enum err forget_one(void *ctx, const struct approval_row *found)
{
	struct flow *flow = ctx;
	struct approval_row row = *found;

	return store_approval_forget(flow->store, &row);
}

enum err approval_sweep(struct flow *flow)
{
	TRY(store_approval_due(flow->store, APPROVAL_DUE_EXPIRED, flow->now, SWEEP_AT_ONCE,
			       expire_one, flow));
	TRY(store_approval_prune(flow->store, flow->now - APPROVAL_REMEMBERED_S * USEC_PER_S,
				 SWEEP_AT_ONCE));
	return store_approval_due(flow->store, APPROVAL_DUE_KEPT, flow->now, SWEEP_AT_ONCE,
				  forget_one, flow);
}
