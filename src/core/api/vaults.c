/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/vaults.h"

#include <stdio.h>

#include "codec/yaml.h"
#include "core/api/reply.h"

static const char *state_name(const struct flow *flow, const struct vault_row *row)
{
	static const char *const names[] = {
		[VAULT_ACTIVE] = "active",
		[VAULT_PAUSED] = "paused",
		[VAULT_DELETED] = "deleted",
	};

	if (row->state == VAULT_ACTIVE && row->expires != 0 && row->expires <= flow->now)
		return "expired";
	return names[row->state];
}

static void set_mcp_url(const struct flow *flow, json_t *o, struct id vault)
{
	char id[ID_TEXT_MAX + 1], url[sizeof flow->settings.issuer + ID_TEXT_MAX + 8];

	snprintf(url, sizeof url, "%smcp/%s", flow->settings.issuer, id_print("vault", vault, id));
	json_object_set_new(o, "mcp_url", json_string(url));
}

static json_t *vault_json(const struct flow *flow, const struct vault_row *row)
{
	json_t *o = json_object();

	set_id(o, "id", "vault", row->id);
	set_bytes(o, "name", row->name);
	set_id(o, "user", "user", row->user);
	set_id(o, "agent", "agent", row->agent);
	json_object_set_new(o, "state", json_string(state_name(flow, row)));
	set_int(o, "policy_version", row->policy_version);
	set_time(o, "expires", row->expires);
	if (row->expires > flow->now)
		set_int(o, "expires_in_s", (row->expires - flow->now) / USEC_PER_S);
	set_time(o, "created", row->created);
	set_mcp_url(flow, o, row->id);
	return o;
}

/* The user is named by subject, as people named it. */
static void set_subject(struct flow *flow, json_t *o, struct id tenant, struct id user)
{
	struct user_row row;

	if (store_user_get(flow->store, tenant, user, &row) == OK)
		set_bytes(o, "user", row.subject);
}

struct vault_listing {
	struct listing listing;
	struct flow *flow;
};

static enum err vault_item(void *ctx, const struct vault_row *row)
{
	struct vault_listing *l = ctx;
	json_t *o = vault_json(l->flow, row);

	set_subject(l->flow, o, row->tenant, row->user);
	return listing_add(&l->listing, row->id, o);
}

enum err list_vaults(struct flow *flow, struct call *call, const struct api_in *in)
{
	const struct bytes subject = form_find(&in->query, "user");
	struct vault_listing l = { .flow = flow };
	struct user_row user = { 0 };
	struct page page;

	TRY(read_page(in, "vault", &page));
	if (subject.p != NULL)
		TRY(store_user_find(flow->store, call->tenant, str("local"), subject, &user));
	listing_begin(&l.listing, "vault", &page);
	TRY(store_vault_list(flow->store, call->tenant, user.id, page, vault_item, &l));
	listing_reply(flow, call, &l.listing);
	return OK;
}

enum err post_vault(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "user", "name", "agent", "policy" };
	scoped(json_free) json_t *body = NULL;
	struct complaint complaint = { 0 };
	struct token_text token;
	struct vault_row row;

	(void)in;
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	struct vault_new new = {
		.user = json_str(body, "user"),
		.name = json_str(body, "name"),
		.policy = json_str(body, "policy"),
	};
	if (json_str(body, "agent").n > 0 &&
	    id_parse("agent", json_str(body, "agent"), &new.agent) != OK)
		return ERR_NOT_FOUND;
	const enum err err = vault_create(flow, call, &new, &complaint, &row, &token);
	if (err != OK)
		return reply_complaint(call, err, &complaint);
	json_t *o = vault_json(flow, &row);
	set_bytes(o, "user", new.user);
	json_object_set_new(o, "token", json_string(token.s));
	wipe(&token, sizeof token);
	reply_json(flow, call, 201, o);
	return OK;
}

static enum err binding_item(void *ctx, const struct binding_row *row)
{
	json_t *o = json_object();

	set_bytes(o, "service", row->service);
	set_bytes(o, "alias", row->alias);
	set_id(o, "connection", "conn", row->connection);
	json_object_set_new(o, "default", json_boolean(row->is_default));
	return json_array_append_new(ctx, o) == 0 ? OK : FAULT_NOMEM;
}

static enum err reply_vault(struct flow *flow, struct call *call, const struct vault_row *row)
{
	scoped(json_free) json_t *bindings = json_array();

	TRY(store_binding_list(flow->store, row->tenant, row->id, binding_item, bindings));
	json_t *o = vault_json(flow, row);
	set_subject(flow, o, row->tenant, row->user);
	json_object_set_new(o, "bindings", take(bindings));
	reply_json(flow, call, 200, o);
	return OK;
}

static enum err vault_id(const struct api_in *in, struct id *ret)
{
	return id_parse("vault", in->vars[0], ret) == OK ? OK : ERR_NOT_FOUND;
}

enum err get_vault(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct vault_row row;
	struct id id;

	TRY(vault_id(in, &id));
	TRY(store_vault_get(flow->store, call->tenant, id, &row));
	return reply_vault(flow, call, &row);
}

enum err get_policy(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct policy_row policy;
	struct vault_row row;
	struct id id;

	TRY(vault_id(in, &id));
	TRY(store_vault_get(flow->store, call->tenant, id, &row));
	TRY(store_policy_get(flow->store, call->tenant, id, row.policy_version, &policy));
	reply_text(flow, call, 200, "application/yaml", policy.yaml);
	return OK;
}

enum err put_policy(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct complaint complaint = { 0 };
	struct vault_row row;
	struct id id;

	TRY(vault_id(in, &id));
	const enum err err = vault_policy_set(flow, call, id, call->request.body, &complaint, &row);
	if (err != OK)
		return reply_complaint(call, err, &complaint);
	json_t *o = json_object();
	set_int(o, "version", row.policy_version);
	set_time(o, "expires", row.expires);
	reply_json(flow, call, 200, o);
	return OK;
}

enum err post_vault_token(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct token_text token;
	struct vault_row row;
	struct id id;

	TRY(vault_id(in, &id));
	TRY(vault_rotate_token(flow, call, id, &row, &token));
	json_t *o = json_object();
	set_id(o, "id", "vault", row.id);
	json_object_set_new(o, "token", json_string(token.s));
	set_mcp_url(flow, o, row.id);
	wipe(&token, sizeof token);
	reply_json(flow, call, 200, o);
	return OK;
}

static enum err set_state(struct flow *flow, struct call *call, const struct api_in *in,
			  enum vault_state state)
{
	struct vault_row row;
	struct id id;

	TRY(vault_id(in, &id));
	TRY(vault_state_set(flow, call, id, state, &row));
	return reply_vault(flow, call, &row);
}

enum err post_vault_pause(struct flow *flow, struct call *call, const struct api_in *in)
{
	return set_state(flow, call, in, VAULT_PAUSED);
}

enum err post_vault_resume(struct flow *flow, struct call *call, const struct api_in *in)
{
	return set_state(flow, call, in, VAULT_ACTIVE);
}

enum err delete_vault(struct flow *flow, struct call *call, const struct api_in *in)
{
	return set_state(flow, call, in, VAULT_DELETED);
}

enum err post_binding(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "service", "alias", "connection", "default" };
	scoped(json_free) json_t *body = NULL;
	struct vault_row row;
	struct id id;

	TRY(vault_id(in, &id));
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	struct binding_row binding = {
		.service = json_str(body, "service"),
		.alias = json_str(body, "alias"),
		.is_default = json_is_true(json_object_get(body, "default")),
	};
	if (id_parse("conn", json_str(body, "connection"), &binding.connection) != OK)
		return ERR_NOT_FOUND;
	TRY(vault_bind(flow, call, id, &binding));
	TRY(store_vault_get(flow->store, call->tenant, id, &row));
	return reply_vault(flow, call, &row);
}
