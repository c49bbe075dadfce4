/* SPDX-License-Identifier: Apache-2.0 */
/* Dynamic client registration (RFC 7591) and its management (RFC 7592). */
#include <stdio.h>

#include "core/api/oauth.h"
#include "core/flow/register.h"

/* An answer to who registers: what was registered, and what is told only now. */
static void reply_registered(struct flow *flow, struct call *call, unsigned status,
			     const struct registered *registered)
{
	char uri[sizeof flow->settings.issuer + 64], id[ID_TEXT_MAX + 1];
	json_t *o = json_object();

	(void)id_print("agent", registered->agent.id, id);
	snprintf(uri, sizeof uri, "%soauth/register/%s", flow->settings.issuer, id);
	json_object_set_new(o, "client_id", json_string(id));
	set_int(o, "client_id_issued_at", registered->created / USEC_PER_S);
	if (registered->secret.s[0] != 0) {
		json_object_set_new(o, "client_secret", json_string(registered->secret.s));
		set_int(o, "client_secret_expires_at", 0);
	}
	set_bytes(o, "registration_access_token", str(registered->manager.s));
	json_object_set_new(o, "registration_client_uri", json_string(uri));
	json_object_update(o, registered->meta);
	oauth_reply(flow, call, status, o);
}

static struct bytes bearer(const struct call *call)
{
	struct bytes value = request_header(call, "authorization");

	const struct bytes scheme = bytes_cut(&value, ' ');
	return bytes_caseis(scheme, "bearer") ? value : (struct bytes){ NULL, 0 };
}

/* Anybody may where the operator says so; else only with an admin token (7591 3). One that is shown
 * must hold in either case. */
static enum err may_register(struct flow *flow, struct call *call)
{
	struct own_token_row token;

	if (request_header(call, "authorization").p == NULL)
		return flow->settings.registration_open ? OK : ERR_UNAUTHORIZED;
	TRY(token_check(flow, bearer(call), OWN_ADMIN, &token));
	call->actor = token.id;
	return OK;
}

static enum err read_metadata(const struct call *call, json_t **ret)
{
	struct bytes type = request_header(call, "content-type");

	if (!bytes_caseis(bytes_cut(&type, ';'), "application/json"))
		return ERR_INVALID_METADATA;
	if (call->request.body.n > REGISTER_BODY_MAX || call->request.more)
		return ERR_TOO_LARGE;
	const enum err err = json_parse(call->request.body, &json_request_limits, ret);
	return err > OK ? ERR_INVALID_METADATA : err;
}

enum err post_register(struct flow *flow, struct call *call, const struct api_in *in)
{
	scoped(registered_done) struct registered registered = { 0 };
	scoped(json_free) json_t *sent = NULL;
	const char *why = NULL;

	(void)in;
	enum err err = may_register(flow, call);
	if (err == OK)
		err = read_metadata(call, &sent);
	if (err == OK)
		err = register_client(flow, call, sent, &registered, &why);
	if (err == OK)
		reply_registered(flow, call, 201, &registered);
	else
		oauth_refuse(flow, call, err, why);
	return OK;
}

static enum err manager(struct flow *flow, struct call *call, const struct api_in *in,
			struct agent_row *ret)
{
	const enum err err = register_manager(flow, bearer(call), in->vars[0], ret);

	if (err == ERR_INVALID_TOKEN)
		flow->count[COUNT_AUTH_FAILED]++;
	return err;
}

/* The token as it came: only its hash is stored, and the answer has to show it (7592 3). */
static enum err show_manager(const struct call *call, struct registered *ret)
{
	return bytes_str(bearer(call), ret->manager.s, sizeof ret->manager.s);
}

enum err get_registration(struct flow *flow, struct call *call, const struct api_in *in)
{
	scoped(registered_done) struct registered registered = { 0 };
	struct agent_row agent;

	enum err err = manager(flow, call, in, &agent);
	if (err == OK)
		err = register_read(flow, &agent, &registered);
	if (err == OK)
		err = show_manager(call, &registered);
	if (err == OK)
		reply_registered(flow, call, 200, &registered);
	else
		oauth_refuse(flow, call, err, NULL);
	return OK;
}

/* 7592 2.2: what the server gave is not the client's to send, but for its own name and secret. */
static enum err check_change(struct flow *flow, const struct agent_row *agent, const json_t *sent)
{
	static const char *const ours[] = { "registration_access_token", "registration_client_uri",
					    "client_secret_expires_at", "client_id_issued_at" };
	const struct bytes secret = json_str(sent, "client_secret");
	struct own_token_row row;

	if (!bytes_eq(json_str(sent, "client_id"), agent->client_id))
		return ERR_INVALID_METADATA;
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (json_object_get(sent, ours[i]) != NULL)
			return ERR_INVALID_METADATA;
	if (json_object_get(sent, "client_secret") == NULL)
		return OK;
	const enum err err = token_check(flow, secret, OWN_CLIENT, &row);
	return err < OK					   ? err
	       : err == OK && id_eq(row.object, agent->id) ? OK
							   : ERR_INVALID_METADATA;
}

enum err put_registration(struct flow *flow, struct call *call, const struct api_in *in)
{
	scoped(registered_done) struct registered registered = { 0 };
	scoped(json_free) json_t *sent = NULL;
	struct agent_row agent;
	const char *why = NULL;

	enum err err = manager(flow, call, in, &agent);
	if (err == OK)
		err = read_metadata(call, &sent);
	if (err == OK)
		err = check_change(flow, &agent, sent);
	if (err == OK)
		err = register_change(flow, call, &agent, sent, &registered, &why);
	if (err == OK)
		err = show_manager(call, &registered);
	if (err == OK)
		reply_registered(flow, call, 200, &registered);
	else
		oauth_refuse(flow, call, err, why);
	return OK;
}

enum err delete_registration(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct agent_row agent;

	enum err err = manager(flow, call, in, &agent);
	if (err == OK)
		err = register_remove(flow, call, &agent);
	if (err != OK) {
		oauth_refuse(flow, call, err, NULL);
		return OK;
	}
	call_header(call, "cache-control", str("no-store"));
	call_answer(flow, call, 204);
	return OK;
}
