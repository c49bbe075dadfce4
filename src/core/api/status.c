/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "codec/base64.h"
#include "core/api/openapi.h"
#include "core/api/page.h"
#include "core/api/reply.h"

static const char *keeper_name(const struct flow *flow)
{
	static const char *const names[] = {
		[KEEPER_UNSEALED] = "unsealed",
		[KEEPER_SEALED] = "sealed",
		[KEEPER_ROLLBACK] = "rollback_suspected",
	};
	const uint8_t state = flow->keeper.state;

	return state < ARRAY_LEN(names) && names[state] != NULL ? names[state] : "unknown";
}

enum err page_home(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in;
	page_begin(call, "Valetkey is running");
	page_raw(call, "<p>This daemon keeps people's OAuth tokens and lends access to agents. "
		       "State of the keeper: <strong>");
	page_text(call, str(keeper_name(flow)));
	page_raw(call, "</strong>.</p>\n<p>What to do next, on the server:</p>\n<pre>");
	page_raw(call,
		 "valetkey service list\n"
		 "valetkey user add --subject ada\n"
		 "valetkey connection start --user ada --service SERVICE\n"
		 "valetkey vault create --user ada --name first --policy policy.yaml\n"
		 "valetkey audit tail</pre>\n<p>The management API is described at "
		 "<a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>; the "
		 "<a href=\"/.well-known/oauth-authorization-server\">server metadata</a> says "
		 "where agents exchange tokens.</p>\n");
	page_end(flow, call, 200);
	return OK;
}

/* What holds our processes besides their own care; without Landlock an operator should know. */
static json_t *sandbox_json(const struct flow *flow)
{
	json_t *o = json_object();

	json_object_set_new(o, "seccomp", json_boolean(flow->settings.seccomp));
	set_int(o, "landlock", flow->settings.landlock);
	json_object_set_new(o, "memfd_secret", json_boolean(flow->settings.memfd_secret));
	return o;
}

enum err get_ready(struct flow *flow, struct call *call, const struct api_in *in)
{
	const bool ready = flow->keeper.state == KEEPER_UNSEALED && !flow->keeper.log_full;
	json_t *o = json_object();

	(void)in;
	json_object_set_new(o, "ready", json_boolean(ready));
	json_object_set_new(o, "keeper", json_string(keeper_name(flow)));
	json_object_set_new(o, "log", json_string(flow->keeper.log_full ? "full" : "writable"));
	json_object_set_new(o, "sandbox", sandbox_json(flow));
	reply_json(flow, call, ready ? 200 : 503, o);
	return OK;
}

static json_t *log_json(const struct flow *flow)
{
	json_t *o = json_object();
	uint8_t room[80];
	struct dynbuf hex = { .p = room, .room = sizeof room, .max = sizeof room };

	set_int(o, "size", flow->keeper.log_size);
	hex_print((struct bytes){ flow->keeper.log_root, HASH_LEN }, &hex);
	set_bytes(o, "root", dynbuf_view(&hex));
	dynbuf_reset(&hex);
	hex_print((struct bytes){ flow->keeper.log_key, HASH_LEN }, &hex);
	set_bytes(o, "key", dynbuf_view(&hex));
	set_time(o, "time", flow->keeper.log_time);
	return o;
}

enum err get_status(struct flow *flow, struct call *call, const struct api_in *in)
{
	json_t *o = json_object();

	(void)in;
	json_object_set_new(o, "version", json_string(VALETKEY_VERSION));
	json_object_set_new(o, "issuer", json_string(flow->settings.issuer));
	json_object_set_new(o, "state", json_string(keeper_name(flow)));
	set_int(o, "generation", flow->generation);
	json_object_set_new(o, "log", log_json(flow));
	set_int(o, "projected_upto", flow->events == NULL ? 0 : events_upto(flow->events));
	set_int(o, "calls_under_way", flow->calls.n);
	json_object_set_new(o, "sandbox", sandbox_json(flow));
	reply_json(flow, call, 200, o);
	return OK;
}

static const struct {
	enum flow_counter counter;
	const char *name, *help;
} metrics[] = {
	{ COUNT_REQUESTS, "valetkey_requests_total", "HTTP requests that reached core" },
	{ COUNT_EXCHANGES, "valetkey_exchanges_total", "Provider tokens lent by exchange" },
	{ COUNT_DENIALS, "valetkey_denials_total", "Exchanges refused" },
	{ COUNT_REFRESHES, "valetkey_refreshes_total", "Provider tokens refreshed" },
	{ COUNT_REFRESH_FAILURES, "valetkey_refresh_failures_total", "Refreshes that failed" },
	{ COUNT_CONNECTS, "valetkey_connects_total", "Accounts connected" },
	{ COUNT_EVENTS, "valetkey_events_total", "Records sent to the log, releases aside" },
	{ COUNT_BATCHES, "valetkey_batches_total", "Transactions of core" },
	{ COUNT_AUTH_FAILED, "valetkey_auth_failed_total", "Admin tokens refused" },
};

static void gauge(struct dynbuf *out, const char *name, const char *help, uint64_t value)
{
	dynbuf_printf(out, "# HELP %s %s.\n# TYPE %s gauge\n%s %llu\n", name, help, name, name,
		      (unsigned long long)value);
}

enum err get_metrics(struct flow *flow, struct call *call, const struct api_in *in)
{
	struct dynbuf *out = &call->body;

	(void)in;
	for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
		dynbuf_printf(out, "# HELP %s %s.\n# TYPE %s counter\n%s %llu\n", metrics[i].name,
			      metrics[i].help, metrics[i].name, metrics[i].name,
			      (unsigned long long)flow->count[metrics[i].counter]);
	gauge(out, "valetkey_log_records", "Durable records in the log", flow->keeper.log_size);
	gauge(out, "valetkey_log_full", "1 while the log cannot be written", flow->keeper.log_full);
	gauge(out, "valetkey_unsealed", "1 while the keeper is unsealed",
	      flow->keeper.state == KEEPER_UNSEALED);
	gauge(out, "valetkey_calls_under_way", "HTTP requests not answered yet", flow->calls.n);
	reply_text(flow, call, 200, "text/plain; version=0.0.4; charset=utf-8", dynbuf_view(out));
	return OK;
}

enum err get_openapi(struct flow *flow, struct call *call, const struct api_in *in)
{
	(void)in;
	openapi_print(flow->settings.issuer, &call->body);
	reply_text(flow, call, 200, "application/json", dynbuf_view(&call->body));
	return OK;
}
