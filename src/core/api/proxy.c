/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/api/reply.h"
#include "core/flow/bearer.h"
#include "core/flow/proxy.h"

/* A refusal that an agent can act on: its status where that of errors.def is made for OAuth
 * endpoints, and the page for its user. */
static const struct {
	enum err err;
	unsigned status;
	const char *page; /* NULL: none */
} refusals[] = {
	{ ERR_NOT_CONNECTED, 403, "not_connected" },
	{ ERR_ACCESS_PAUSED, 403, "access_paused" },
	{ ERR_REAUTH_REQUIRED, 403, "reauth_required" },
	{ ERR_INSUFFICIENT_SCOPE, 403, "insufficient_scope" },
	{ ERR_INVALID_TARGET, 404, NULL },
};

static void add_page(const struct flow *flow, const struct permit_mend *mend, const char *page,
		     json_t *problem)
{
	char url[sizeof flow->settings.issuer + 128];

	if (page == NULL || mend->service[0] == 0)
		return;
	(void)snprintf(url, sizeof url, "%smend/%s/%s", flow->settings.issuer, page, mend->service);
	json_object_set_new(problem, "page", json_string(url));
}

static void add_facts(const struct permit_mend *mend, enum err err, json_t *problem)
{
	if (mend->service[0] != 0 && err != ERR_INVALID_TARGET)
		json_object_set_new(problem, "service", json_string(mend->service));
	if (err == ERR_INSUFFICIENT_SCOPE)
		json_object_set_new(problem, "scopes", json_string(mend->missing));
	if (mend->retry_after_s > 0)
		json_object_set_new(problem, "retry_after",
				    json_integer((json_int_t)mend->retry_after_s));
}

/* Nothing waits for a person's decision here. */
static void add_instead(struct bytes instead, json_t *problem)
{
	json_t *call = NULL;

	if (instead.n > 0 && json_parse(instead, &json_request_limits, &call) == OK) {
		json_object_set_new(problem, "call", call);
		json_object_set_new(problem, "mend",
				    json_string("POST the object `call` to /api/v1/calls, or call "
						"the tool over MCP: those wait for the decision."));
		return;
	}
	json_object_set_new(
		problem, "mend",
		json_string("A raw request does not wait for a decision. Use one of the "
			    "service's tools, or have the policy allow this."));
}

static void refused(struct flow *flow, struct call *call, enum err err, const void *result)
{
	static const struct permit_mend nothing;
	const struct proxy_refusal none = { &nothing, { NULL, 0 } };
	const struct proxy_refusal *refusal = result == NULL ? &none : result;
	const struct permit_mend *mend = refusal->mend;
	unsigned status = (unsigned)err_row(err)->status;
	const char *page = NULL;

	call_reset(call);
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].err == err) {
			status = refusals[i].status;
			page = refusals[i].page;
		}
	if (status == 401 || err == ERR_TOKEN_SCOPE)
		bearer_challenge(flow, call, err, str(""), GRANTS_SCOPE_PROXY);
	json_t *problem = problem_make(err, status, NULL);
	add_page(flow, mend, page, problem);
	add_facts(mend, err, problem);
	if (err == ERR_APPROVAL_REQUIRED)
		add_instead(refusal->instead, problem);
	problem_reply(flow, call, status, mend->retry_after_s, problem);
}

void api_proxy(struct flow *flow, struct call *call)
{
	call->done = refused;
	proxy_begin(flow, call);
}
