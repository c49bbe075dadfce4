/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/objects.h"
#include "core/authserver/redirect.h"

#include "core/api/reply.h"
#include "core/flow/signin.h"
#include "core/flow/totp.h"

static json_t *tenant_json(const struct tenant_row *row)
{
	json_t *o = json_object();

	set_id(o, "id", "tenant", row->id);
	set_bytes(o, "name", row->name);
	set_time(o, "created", row->created);
	return o;
}

static enum err tenant_item(void *ctx, const struct tenant_row *row)
{
	return listing_add(ctx, row->id, tenant_json(row));
}

enum err list_tenants(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct listing listing;
	struct page page;

	TRY(read_page(in, "tenant", &page));
	listing_begin(&listing, "tenant", &page);
	TRY(store_tenant_list(flow->store, page, tenant_item, &listing));
	listing_reply(flow, call, &listing);
	return OK;
}

enum err post_tenant(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "name" };
	scoped(json_free) json_t *body = NULL;
	struct tenant_row row;

	(void)in;
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	TRY(tenant_create(flow, call, json_str(body, "name"), &row));
	reply_json(flow, call, 201, tenant_json(&row));
	return OK;
}

static json_t *user_json(const struct user_row *row)
{
	json_t *o = json_object();

	set_id(o, "id", "user", row->id);
	set_bytes(o, "issuer", row->issuer);
	set_bytes(o, "subject", row->subject);
	set_bytes(o, "email", row->email);
	set_bytes(o, "name", row->name);
	set_time(o, "created", row->created);
	return o;
}

static enum err user_item(void *ctx, const struct user_row *row)
{
	return listing_add(ctx, row->id, user_json(row));
}

enum err list_users(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct listing listing;
	struct page page;

	TRY(read_page(in, "user", &page));
	listing_begin(&listing, "user", &page);
	TRY(store_user_list(flow->store, call->tenant, page, user_item, &listing));
	listing_reply(flow, call, &listing);
	return OK;
}

enum err post_user(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "subject", "email", "name" };
	scoped(json_free) json_t *body = NULL;
	struct user_row row;

	(void)in;
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	TRY(user_create(flow, call, json_str(body, "subject"), json_str(body, "email"),
			json_str(body, "name"), &row));
	reply_json(flow, call, 201, user_json(&row));
	return OK;
}

enum err post_password(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "user", "password" };
	scoped(json_free) json_t *body = NULL;

	(void)in;
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	const struct bytes password = json_str(body, "password");
	if (password.n < PASSWORD_MIN || password.n > PASSWORD_MAX) {
		reply_problem(flow, call, ERR_MALFORMED, "A password has 10 to 1024 bytes.");
		return OK;
	}
	TRY(signin_password(flow, call, json_str(body, "user"), password));
	json_t *o = json_object();
	set_bytes(o, "user", json_str(body, "user"));
	reply_json(flow, call, 200, o);
	return OK;
}

enum err post_totp(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "user" };
	scoped(json_free) json_t *body = NULL;
	struct totp_new totp;

	(void)in;
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	TRY(totp_enrol(flow, call, json_str(body, "user"), &totp));
	json_t *o = json_object();
	set_bytes(o, "user", json_str(body, "user"));
	json_object_set_new(o, "secret", json_string(totp.secret));
	json_object_set_new(o, "uri", json_string(totp.uri));
	wipe(&totp, sizeof totp);
	reply_json(flow, call, 201, o);
	return OK;
}

static json_t *agent_json(const struct agent_row *row)
{
	json_t *o = json_object();

	set_id(o, "id", "agent", row->id);
	set_bytes(o, "name", row->name);
	if (row->client_id.n > 0)
		set_bytes(o, "client_id", row->client_id);
	else
		set_id(o, "client_id", "agent", row->id); /* just made, and that is its text */
	json_object_set_new(o, "state",
			    json_string(row->state == AGENT_ACTIVE ? "active" : "disabled"));
	set_time(o, "created", row->created);
	return o;
}

static enum err agent_item(void *ctx, const struct agent_row *row)
{
	return listing_add(ctx, row->id, agent_json(row));
}

enum err list_agents(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct listing listing;
	struct page page;

	TRY(read_page(in, "agent", &page));
	listing_begin(&listing, "agent", &page);
	TRY(store_agent_list(flow->store, call->tenant, page, agent_item, &listing));
	listing_reply(flow, call, &listing);
	return OK;
}

static enum err join_uris(const json_t *uris, struct dynbuf *out)
{
	size_t i;
	json_t *uri;

	if (uris == NULL)
		return OK;
	if (!json_is_array(uris))
		return ERR_MALFORMED;
	json_array_foreach(uris, i, uri)
	{
		if (!json_is_string(uri) ||
		    redirect_check(str(json_string_value(uri)), REDIRECT_BY_OPERATOR) != OK)
			return ERR_INVALID_REDIRECT;
		if (i > 0)
			dynbuf_u8(out, '\n');
		dynbuf_str(out, json_string_value(uri));
	}
	return dynbuf_err(out);
}

static void reply_agent_secret(struct flow *flow, struct call *call, unsigned status,
			       const struct agent_row *row, struct token_text *secret)
{
	json_t *o = agent_json(row);

	json_object_set_new(o, "client_secret", json_string(secret->s));
	wipe(secret, sizeof *secret);
	reply_json(flow, call, status, o);
}

enum err post_agent(struct flow *flow, struct call *call, const struct api_in *in)
{
	static const char *const names[] = { "name", "redirect_uris" };
	scoped(json_free) json_t *body = NULL;
	scoped(dynbuf_done) struct dynbuf uris;
	struct token_text secret;
	struct agent_row row;

	(void)in;
	dynbuf_init(&uris, 8192);
	TRY(read_object(flow, call, names, ARRAY_LEN(names), &body));
	TRY(join_uris(json_object_get(body, "redirect_uris"), &uris));
	TRY(agent_create(flow, call, json_str(body, "name"), dynbuf_view(&uris), &row, &secret));
	reply_agent_secret(flow, call, 201, &row, &secret);
	return OK;
}

enum err post_agent_secret(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct token_text secret;
	struct agent_row row;
	struct id id;

	if (id_parse("agent", in->vars[0], &id) != OK)
		return ERR_NOT_FOUND;
	TRY(agent_rotate_secret(flow, call, id, &row, &secret));
	reply_agent_secret(flow, call, 200, &row, &secret);
	return OK;
}

enum err post_agent_disable(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct agent_row row;
	struct id id;

	if (id_parse("agent", in->vars[0], &id) != OK)
		return ERR_NOT_FOUND;
	TRY(agent_disable(flow, call, id, &row));
	reply_json(flow, call, 200, agent_json(&row));
	return OK;
}
