/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/approval.h"

#include "core/api/reply.h"
#include "core/flow/card.h"

enum { VISIBLE_MAX = 64 * 1024 };

static void set_visible(json_t *o, const char *name, struct bytes text)
{
	scoped(dynbuf_done) struct dynbuf shown;

	dynbuf_init(&shown, VISIBLE_MAX);
	card_visible(text, &shown);
	if (dynbuf_err(&shown) == OK)
		set_bytes(o, name, dynbuf_view(&shown));
}

static void set_user(struct flow *flow, json_t *o, const struct approval_row *row)
{
	struct user_row user;

	if (store_user_get(flow->store, row->tenant, row->user, &user) == OK)
		set_bytes(o, "user", user.subject);
}

static json_t *approval_json(struct flow *flow, const struct approval_row *row)
{
	json_t *o = json_object();

	set_id(o, "id", "approval", row->id);
	json_object_set_new(o, "state", json_string(approval_state_name(row->state)));
	if (row->state == APPROVAL_EXECUTED)
		json_object_set_new(o, "outcome", json_string(approval_outcome_name(row->outcome)));
	set_user(flow, o, row);
	set_id(o, "agent", "agent", row->agent);
	set_id(o, "vault", "vault", row->vault);
	set_id(o, "connection", "conn", row->connection);
	set_bytes(o, "service", row->service);
	set_bytes(o, "tool", row->tool);
	json_object_set_new(o, "step_up", json_boolean(row->step_up));
	set_visible(o, "summary", row->summary);
	set_visible(o, "agent_says", row->reason);
	set_time(o, "created", row->created);
	set_time(o, "expires", row->expires);
	set_time(o, "decided", row->decided);
	return o;
}

struct approvals {
	struct listing listing;
	struct flow *flow;
};

static enum err approval_item(void *ctx, const struct approval_row *row)
{
	struct approvals *list = ctx;

	return listing_add(&list->listing, row->id, approval_json(list->flow, row));
}

static enum err read_state(const struct api_in *in, enum approval_state *ret)
{
	const struct bytes name = form_find(&in->query, "state");

	*ret = (enum approval_state)0;
	for (int state = APPROVAL_PENDING; name.n > 0 && state <= APPROVAL_EXECUTED; state++)
		if (bytes_is(name, approval_state_name((enum approval_state)state)))
			*ret = (enum approval_state)state;
	return name.n > 0 && *ret == 0 ? ERR_MALFORMED : OK;
}

enum err list_approvals(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct approvals list = { .flow = flow };
	enum approval_state state;
	struct page page;

	TRY(read_page(in, "approval", &page));
	TRY(read_state(in, &state));
	listing_begin(&list.listing, "approval", &page);
	TRY(store_approval_list(flow->store, call->tenant, state, page, approval_item, &list));
	listing_reply(flow, call, &list.listing);
	return OK;
}

static enum err approval_id(const struct api_in *in, struct id *ret)
{
	return id_parse("approval", in->vars[0], ret) == OK ? OK : ERR_NOT_FOUND;
}

enum err get_approval(struct flow *flow, struct call *call, const struct api_in *in)
{
	scoped(dynbuf_done) struct dynbuf card, canonical;
	struct approval_row row;
	struct id id;

	dynbuf_init(&card, CARD_MAX);
	dynbuf_init(&canonical, VISIBLE_MAX);
	TRY(approval_id(in, &id));
	TRY(store_approval_get(flow->store, call->tenant, id, &row));
	TRY(card_print(flow, &row, &card));
	approval_print(&row, &canonical);
	TRY(dynbuf_err(&canonical));
	json_t *o = approval_json(flow, &row);
	set_bytes(o, "object", dynbuf_view(&canonical));
	set_bytes(o, "card", dynbuf_view(&card));
	reply_json(flow, call, 200, o);
	return OK;
}

/* Whatever can fail comes before those who wait are told: that is not taken back. */
static enum err decide(struct flow *flow, struct call *call, const struct api_in *in,
		       const struct approval_decision *decision)
{
	struct approval_row row;
	struct id id;

	TRY(approval_id(in, &id));
	TRY(approval_decide(flow, call, id, decision, &row));
	reply_json(flow, call, 200, approval_json(flow, &row));
	approval_tell(flow, &row);
	return OK;
}

enum err post_approval_approve(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "code" };
	scoped(json_free) json_t *body = NULL;
	struct approval_decision decision = { .approve = true };

	if (call->request.body.n > 0)
		TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	decision.code = json_str(body, "code");
	return decide(flow, call, in, &decision);
}

enum err post_approval_deny(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "pause_agent" };
	scoped(json_free) json_t *body = NULL;
	struct approval_decision decision = { .approve = false };

	if (call->request.body.n > 0)
		TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	decision.pause = json_is_true(json_object_get(body, "pause_agent"));
	return decide(flow, call, in, &decision);
}
