/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/compiled.h"
#include "core/flow/explain.h"
#include "model/event.h"

enum { PAGE = 500 };

/* One use as the log has it. */
struct use {
	uint8_t kind, outcome;
	struct bytes service, tool, scopes;
	uint64_t policy;
	usec_t time;
};

struct replaying {
	struct flow *flow;
	struct vault_row vault;
	struct policy *policy; /* the new one */
	struct replay *ret;
	unsigned lines;
	uint64_t last;
};

/* Whether the record is of a use that was decided: a call's intent or refusal, or that a person was
 * asked. What names an intent or an approval is of a use that has counted. */
static bool is_use(const struct doc *line, uint8_t kind)
{
	if (doc_member(line, 0, str("ref")) != DOC_NONE)
		return false;
	if (kind == EVENT_call)
		return doc_member(line, 0, str("object")) == DOC_NONE;
	return kind == EVENT_exchange || kind == EVENT_approval_request;
}

static bool read_use(const struct doc *line, struct use *ret)
{
	const struct bytes kind = doc_plain(line, doc_member(line, 0, str("kind")));
	const struct bytes outcome = doc_plain(line, doc_member(line, 0, str("outcome")));

	*ret = (struct use){
		.service = doc_plain(line, doc_member(line, 0, str("service"))),
		.tool = doc_plain(line, doc_member(line, 0, str("tool"))),
		.scopes = doc_plain(line, doc_member(line, 0, str("scopes"))),
	};
	if (event_kind_parse(kind, &ret->kind) != OK ||
	    event_outcome_parse(outcome, &ret->outcome) != OK || ret->service.n == 0 ||
	    ret->service.n > SERVICE_MAX_BYTES || ret->tool.n > POLICY_TOOL_MAX)
		return false;
	return is_use(line, ret->kind) &&
	       bytes_u64(doc_raw(line, doc_member(line, 0, str("policy"))), INT64_MAX,
			 &ret->policy) == OK;
}

/* The effect's name, or NULL where it hangs on what the log does not hold. */
static const char *decide_exchange(const struct policy *policy, const struct use *use)
{
	const struct policy_facts facts = { .service = use->service,
					    .asked = use->scopes,
					    .now = use->time };
	struct policy_decision decision;

	err_ignore(policy_decide_exchange(policy, &facts, &decision));
	return decision.unsure ? NULL : policy_effect_name(decision.effect);
}

static const char *decide(const struct policy *policy, const struct use *use)
{
	const struct policy_use facts = { .service = use->service,
					  .tool = use->tool,
					  .class = POLICY_CLASS_UNKNOWN,
					  .now = use->time };
	struct policy_verdict verdict;

	if (use->kind == EVENT_exchange)
		return decide_exchange(policy, use);
	err_ignore(policy_decide(policy, &facts, &verdict));
	return verdict.unsure ? NULL : policy_effect_name(verdict.effect);
}

/* What was decided then: by the version that the record names, else by what happened. */
static enum err decided_then(struct replaying *r, const struct use *use, const char **ret)
{
	struct vault_row vault = r->vault;
	const struct policy *policy;

	vault.policy_version = use->policy;
	const enum err err = compiled_policy(r->flow, &vault, &policy);
	if (err < OK)
		return err;
	*ret = err == OK ? decide(policy, use) : NULL;
	if (*ret == NULL)
		*ret = use->outcome == OUTCOME_DENIED ? "depends" : "permitted";
	return OK;
}

static struct replay_group *group_of(struct replay *ret, const struct use *use, const char *was,
				     const char *would)
{
	struct replay_group *group;

	for (size_t i = 0; i < ret->n; i++) {
		group = &ret->groups[i];
		if (group->kind == use->kind && bytes_is(use->service, group->service) &&
		    bytes_is(use->tool, group->tool) && strcmp(group->was, was) == 0 &&
		    strcmp(group->would, would) == 0)
			return group;
	}
	if (ret->n == REPLAY_GROUPS_MAX)
		return NULL;
	group = &ret->groups[ret->n++];
	*group = (struct replay_group){
		.kind = use->kind, .was = was, .would = would, .first = use->time
	};
	err_ignore(bytes_str(use->service, group->service, sizeof group->service)); /* both fit */
	err_ignore(bytes_str(use->tool, group->tool, sizeof group->tool));
	return group;
}

static enum err replay_use(struct replaying *r, const struct use *use)
{
	const char *would = decide(r->policy, use), *was;

	TRY(decided_then(r, use, &was));
	struct replay_group *group = group_of(r->ret, use, was, would == NULL ? "depends" : would);
	if (group == NULL)
		return ERR_TOO_LARGE;
	group->n++;
	group->last = use->time;
	r->ret->events++;
	return OK;
}

static enum err each_line(void *ctx, const struct event_row *row, struct bytes text)
{
	struct replaying *r = ctx;
	struct doc line = { 0 };
	struct use use;

	r->lines++;
	r->last = row->seq;
	if (text.n == 0 || doc_read(text, &line) != OK)
		return OK; /* pruned */
	enum err err = OK;
	if (read_use(&line, &use)) {
		use.time = row->time;
		err = replay_use(r, &use);
	}
	doc_done(&line);
	return err;
}

enum err explain_replay(struct flow *flow, struct call *call, const struct replay_request *request,
			struct replay *ret)
{
	struct replaying r = { .flow = flow, .ret = ret };
	const struct event_filter filter = {
		.tenant = call->tenant,
		.vault = request->vault,
		.from = request->from,
		.after = request->after,
		.limit = PAGE,
	};

	TRY(store_vault_get(flow->store, call->tenant, request->vault, &r.vault));
	scoped(policy_free) struct policy *policy = NULL;
	TRY(compiled_policy_new(flow, call->tenant, request->yaml, &ret->complaint, &policy));
	r.policy = policy;
	TRY(events_search(flow->events, &filter, each_line, &r));
	ret->after = r.lines == PAGE ? r.last : 0;
	return OK;
}
