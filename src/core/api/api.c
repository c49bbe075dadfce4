/* SPDX-License-Identifier: Apache-2.0 */
#include "core/api/api.h"

#include <stdlib.h>

#include "base/log.h"
#include "core/api/openapi.h"
#include "core/api/reply.h"
#include "core/flow/objects.h"

enum permit { OPEN, ADMIN };

struct route {
	uint8_t method;
	const char *path;
	enum permit permit;
	api_fn fn;
};

static const struct route routes[] = {
#define ROUTE(method, path, permit, handler, tag, summary) { HTTP_##method, path, permit, handler },
#include "core/api/routes.def"
#undef ROUTE
};

/* Segment by segment; {x} takes one that is not empty. */
static bool path_matches(const char *pattern, struct bytes path, struct bytes *vars)
{
	struct bytes rest = str(pattern);
	size_t n = 0;

	/* bytes_cut() does not tell "a/" from "a", and a route has one spelling. */
	if (path.n > 1 && path.p[path.n - 1] == '/')
		return false;
	while (rest.n > 0 || path.n > 0) {
		const struct bytes want = bytes_cut(&rest, '/'), have = bytes_cut(&path, '/');
		if (want.n > 0 && want.p[0] == '{') {
			if (have.n == 0 || n == ROUTE_VARS_MAX)
				return false;
			vars[n++] = have;
		} else if (!bytes_eq(want, have)) {
			return false;
		}
		if ((rest.n == 0) != (path.n == 0))
			return false;
	}
	return true;
}

/* Fills @allow with the methods of the path when none of them is the one asked for. */
static enum err find_route(uint8_t method, struct bytes path, struct api_in *in,
			   const struct route **ret, struct dynbuf *allow)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!path_matches(routes[i].path, path, in->vars))
			continue;
		if (routes[i].method == method ||
		    (routes[i].method == HTTP_GET && method == HTTP_HEAD)) {
			*ret = &routes[i];
			return OK;
		}
		if (allow->n > 0)
			dynbuf_str(allow, ", ");
		dynbuf_str(allow, http_method_name(routes[i].method));
	}
	return allow->n > 0 ? ERR_METHOD : ERR_NO_ROUTE;
}

static enum err check_admin(struct flow *flow, struct call *call)
{
	struct bytes value = request_header(call, "authorization");
	struct own_token_row token;

	const struct bytes scheme = bytes_cut(&value, ' ');
	if (!bytes_caseis(scheme, "bearer"))
		return ERR_UNAUTHORIZED;
	const enum err err = token_check(flow, value, OWN_ADMIN, &token);
	if (err != OK) {
		flow->count[COUNT_AUTH_FAILED]++;
		return err;
	}
	call->actor = token.id;
	return OK;
}

static enum err choose_tenant(struct flow *flow, struct call *call)
{
	const struct bytes name = request_header(call, "valetkey-tenant");
	struct tenant_row tenant;

	if (name.p == NULL)
		return OK;
	TRY(store_tenant_find(flow->store, name, &tenant));
	call->tenant = tenant.id;
	return OK;
}

/* A change that fails half-way is taken back whole; the answer is made after that. */
static enum err run_admin(struct flow *flow, struct call *call, const struct route *route,
			  const struct api_in *in)
{
	TRY(check_admin(flow, call));
	TRY(choose_tenant(flow, call));
	if (route->method == HTTP_GET)
		return route->fn(flow, call, in);
	TRY(store_savepoint(flow->store));
	const enum err err = route->fn(flow, call, in);
	if (err != OK)
		flow_request_undo(flow);
	const enum err ended = store_savepoint_end(flow->store, err == OK);
	return err != OK ? err : ended;
}

static enum err run(struct flow *flow, struct call *call, struct api_in *in, struct dynbuf *allow)
{
	struct bytes query = call->request.target;
	const struct bytes path = bytes_cut(&query, '?');
	const struct route *route;

	TRY(find_route(call->request.method, path, in, &route, allow));
	TRY(form_parse(query, &in->query));
	return route->permit == ADMIN ? run_admin(flow, call, route, in)
				      : route->fn(flow, call, in);
}

void api_handle(struct flow *flow, struct call *call)
{
	struct api_in in = { 0 };
	uint8_t room[64];
	struct dynbuf allow = { .p = room, .room = sizeof room, .max = sizeof room };

	if (bytes_starts(call->request.target, "/proxy/")) {
		api_proxy(flow, call);
		return;
	}
	const enum err err = run(flow, call, &in, &allow);
	if (err < OK)
		log_error("a request failed inside: fault %d", (int)err);
	if (err != OK && !call->answered) {
		call_reset(call);
		if (err == ERR_METHOD)
			call_header(call, "allow", dynbuf_view(&allow));
		reply_problem(flow, call, err, call->detail);
	}
	form_done(&in.query);
}
