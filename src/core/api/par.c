/* SPDX-License-Identifier: Apache-2.0 */
/* Pushed authorization requests (RFC 9126). */
#include "core/api/oauth.h"
#include "core/flow/pushed.h"

static void push(struct flow *flow, struct call *call);

static void on_fetched(struct flow *flow, struct call *call, enum err err)
{
	if (err == OK)
		push(flow, call);
	else
		oauth_refuse(flow, call, err, NULL);
}

static enum err read_form(const struct call *call, struct form *ret)
{
	struct bytes type = request_header(call, "content-type");

	if (!bytes_caseis(bytes_cut(&type, ';'), "application/x-www-form-urlencoded"))
		return ERR_MALFORMED;
	if (call->request.body.n > PUSHED_TEXT_MAX || call->request.more)
		return ERR_TOO_LARGE;
	return form_parse(call->request.body, ret);
}

static enum err run(struct flow *flow, struct call *call, struct client_proof *shown,
		    char uri[static PUSHED_URI_MAX], bool *ret_waits)
{
	scoped(form_done) struct form form = { 0 };
	scoped(clients_done) struct client client = { 0 };
	struct proof proof;

	TRY(read_form(call, &form));
	TRY(client_proof_read(request_header(call, "authorization"), &form, shown));
	if (shown->id.p == NULL && shown->assertion.p == NULL)
		return ERR_INVALID_CLIENT;
	TRY(clients_prove(flow, call, shown, on_fetched, &client, ret_waits));
	if (*ret_waits)
		return OK;
	TRY(proof_take(flow, call, (struct bytes){ NULL, 0 }, &proof));
	return pushed_keep(flow, call, &client, &form, &proof, uri);
}

static void push(struct flow *flow, struct call *call)
{
	scoped(client_proof_done) struct client_proof shown = { 0 };
	char uri[PUSHED_URI_MAX];
	bool waits = false;

	const enum err err = run(flow, call, &shown, uri, &waits);
	if (err != OK) {
		if (err == ERR_INVALID_CLIENT && shown.basic)
			call_header(call, "www-authenticate", str("Basic realm=\"valetkey\""));
		oauth_refuse(flow, call, err, NULL);
	}
	if (err != OK || waits)
		return;
	json_t *o = json_object();
	json_object_set_new(o, "request_uri", json_string(uri));
	set_int(o, "expires_in", PUSHED_LIFE_S);
	oauth_reply(flow, call, 201, o);
}

enum err post_par(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in;
	push(flow, call);
	return OK;
}
