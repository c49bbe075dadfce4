/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/api/token.h"
#include "core/flow/clients.h"
#include "core/flow/exchange.h"
#include "core/flow/proof.h"
#include "core/oauth/client.h"
#include "core/oauth/lending.h"

/* RFC 6749 5.1 and 5.2: never stored by anyone on the way. */
static void token_headers(struct call *call)
{
	call_header(call, "content-type", str("application/json"));
	call_header(call, "cache-control", str("no-store"));
	call_header(call, "pragma", str("no-cache"));
}

/* The page where a person can mend what the agent was refused for. */
static struct bytes mend_uri(const struct flow *flow, const struct permit_mend *mend, enum err err,
			     char *to, size_t room)
{
	static const struct {
		enum err err;
		const char *code;
	} pages[] = {
		{ ERR_NOT_CONNECTED, "not_connected" },
		{ ERR_ACCESS_PAUSED, "access_paused" },
		{ ERR_REAUTH_REQUIRED, "reauth_required" },
		{ ERR_INSUFFICIENT_SCOPE, "insufficient_scope" },
	};

	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (mend != NULL && pages[i].err == err && mend->service[0] != 0)
			return (struct bytes){ (uint8_t *)to,
					       (size_t)snprintf(to, room, "%smend/%s/%s",
								flow->settings.issuer,
								pages[i].code, mend->service) };
	return (struct bytes){ NULL, 0 };
}

static void refuse(struct flow *flow, struct call *call, enum err err, bool basic)
{
	const struct permit_mend *mend = call->mine;
	char uri[sizeof flow->settings.issuer + 128];
	const struct lending_refusal refusal = {
		.err = err < OK ? ERR_SERVER : err,
		.error_uri = mend_uri(flow, mend, err, uri, sizeof uri),
		.scope = mend == NULL ? (struct bytes){ NULL, 0 } : str(mend->missing),
	};
	const int status = lending_status(refusal.err);

	call_reset(call);
	token_headers(call);
	if (err == ERR_USE_DPOP_NONCE)
		proof_nonce(flow, call);
	if (basic && status == 401)
		call_header(call, "www-authenticate", str("Basic realm=\"valetkey\""));
	if (status == 503 || status == 429) {
		char seconds[24];

		snprintf(seconds, sizeof seconds, "%llu",
			 mend != NULL && mend->retry_after_s > 0
				 ? (unsigned long long)mend->retry_after_s
				 : 5ULL);
		call_header(call, "retry-after", str(seconds));
	}
	if (lending_refusal_print(&refusal, &call->body) != OK)
		dynbuf_reset(&call->body);
	call_answer(flow, call, (unsigned)status);
}

static void exchanged(struct flow *flow, struct call *call, enum err err, const void *result)
{
	const struct exchange_result *x = result;
	size_t at = 0;

	if (err == OK)
		err = lending_answer_print(x->scope, x->expires_in_s, &call->body, &at);
	if (err == OK)
		err = buf_dup(x->capsule, &call->capsule);
	if (err != OK) {
		refuse(flow, call, err,
		       bytes_starts(request_header(call, "authorization"), "Basic "));
		return;
	}
	call->capsule_at = (uint32_t)at;
	token_headers(call);
	call_answer(flow, call, 200);
}

static enum err read_request(struct call *call, const struct form *form, struct client_proof *proof,
			     struct lending_request *ret)
{
	struct bytes type = request_header(call, "content-type");

	const struct bytes media = bytes_cut(&type, ';');
	if (!bytes_caseis(media, "application/x-www-form-urlencoded"))
		return ERR_MALFORMED;
	TRY(client_proof_read(request_header(call, "authorization"), form, proof));
	return lending_request_read(form, ret);
}

static void token_run(struct flow *flow, struct call *call);

static void on_fetched(struct flow *flow, struct call *call, enum err err)
{
	if (err == OK)
		token_run(flow, call);
	else
		refuse(flow, call, err, false);
}

/* A client that proves itself by a key does so first: its keys may have to be fetched. */
static enum err check_key(struct flow *flow, struct call *call, const struct client_proof *proof,
			  struct id *ret_agent, bool *ret_waits)
{
	scoped(clients_done) struct client client = { 0 };

	*ret_waits = false;
	if (proof->assertion.p == NULL)
		return OK;
	TRY(clients_prove(flow, call, proof, on_fetched, &client, ret_waits));
	*ret_agent = client.agent.id;
	return OK;
}

static void token_run(struct flow *flow, struct call *call)
{
	scoped(form_done) struct form form = { 0 };
	scoped(client_proof_done) struct client_proof proof = { 0 };
	struct lending_request lending;
	struct id agent = { { 0 } };
	struct proof key = { 0 };
	bool waits = false;

	enum err err = form_parse(call->request.body, &form);
	if (err == OK && token_is_own(&form)) {
		token_grant(flow, call);
		return;
	}
	if (err == OK)
		err = read_request(call, &form, &proof, &lending);
	if (err == OK)
		err = check_key(flow, call, &proof, &agent, &waits);
	if (err == OK && !waits)
		err = proof_take(flow, call, (struct bytes){ NULL, 0 }, &key);
	if (err != OK)
		refuse(flow, call, err, proof.basic);
	if (err != OK || waits)
		return;
	const struct exchange_request request = {
		.subject_token = lending.subject_token,
		.audience = lending.audience,
		.scope = lending.scope,
		.connection = lending.connection,
		.client_id = proof.assertion.p == NULL ? proof.id : (struct bytes){ NULL, 0 },
		.client_secret = proof.secret,
		.agent = agent,
	};
	exchange_begin(flow, call, &request);
}

enum err post_token(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in; /* what stands in the query is not looked at (O21, TK-12) */
	call->done = exchanged;
	token_run(flow, call);
	return OK;
}
