/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/call.h"

#include <stdlib.h>

enum { ANSWER_MAX = 16 * 1024 * 1024 };

static void send_now(struct httpd_request *request, unsigned status, const char *type,
		     struct bytes body)
{
	const struct httpd_field fields[] = {
		{ "Content-Type", str(type) },
		{ "Cache-Control", str("no-store") },
		{ "X-Sandbox", str("this is not a real provider") },
	};

	httpd_respond(request, status, fields, ARRAY_LEN(fields), body);
}

static void arm_timer(struct box *box)
{
	usec_t first = 0;

	for (size_t i = 0; i < CALL_HELD_MAX; i++) {
		const struct held *held = &box->held[i];

		if (held->request != NULL && held->due != 0 && (first == 0 || held->due < first))
			first = held->due;
	}
	loop_timer_set(box->timer, first);
}

static void forget(struct held *held)
{
	buf_free(&held->body);
	*held = (struct held){ 0 };
}

/* Keeps the request until @due; 0: for good. False: there is no room. */
static bool hold(struct call *call, usec_t due, unsigned status, const char *type,
		 struct bytes body)
{
	for (size_t i = 0; i < CALL_HELD_MAX; i++) {
		struct held *held = &call->box->held[i];

		if (held->request != NULL)
			continue;
		if (buf_dup(body, &held->body) != OK)
			return false;
		held->request = call->request;
		held->due = due;
		held->status = status;
		held->type = type;
		arm_timer(call->box);
		return true;
	}
	return false;
}

void call_left(struct box *box, struct httpd_request *request)
{
	for (size_t i = 0; i < CALL_HELD_MAX; i++) {
		if (box->held[i].request == request)
			forget(&box->held[i]);
	}
}

void call_due(void *ctx)
{
	struct box *box = ctx;
	const usec_t now = clock_boot();

	for (size_t i = 0; i < CALL_HELD_MAX; i++) {
		struct held *held = &box->held[i];

		if (held->request == NULL || held->due == 0 || held->due > now)
			continue;
		send_now(held->request, held->status, held->type, buf_bytes(held->body));
		forget(held);
	}
	arm_timer(box);
}

void call_text(struct call *call, unsigned status, const char *type, struct bytes body)
{
	const unsigned delay_ms = call->slow ? call->box->manners[call->brand].delay_ms : 0;

	if (call->fault.row != NULL && call->fault.row->how == FAULT_DROP) {
		httpd_abort(call->request);
		return;
	}
	if (call->fault.row != NULL && call->fault.row->how == FAULT_CUT)
		body.n /= 2;
	if (delay_ms != 0 && hold(call, clock_boot() + delay_ms * USEC_PER_MS, status, type, body))
		return;
	send_now(call->request, status, type, body);
}

void call_json(struct call *call, unsigned status, json_t *answer)
{
	struct dynbuf text;

	dynbuf_init(&text, ANSWER_MAX);
	if (answer != NULL && call->fault.row != NULL && call->fault.row->how == FAULT_CHANGE)
		call->fault.row->change(answer);
	if (answer != NULL)
		json_print(answer, &text);
	if (answer == NULL || dynbuf_err(&text) != OK)
		send_now(call->request, 500, "text/plain", str("sandbox: no memory"));
	else
		call_text(call, status, "application/json", dynbuf_view(&text));
	json_decref(answer);
	dynbuf_done(&text);
}

void call_html(struct call *call, unsigned status, struct bytes body)
{
	const struct httpd_field fields[] = {
		{ "Content-Type", str("text/html; charset=utf-8") },
		{ "Cache-Control", str("no-store") },
		{ "Referrer-Policy", str("no-referrer") },
		{ "X-Frame-Options", str("DENY") },
		{ "Content-Security-Policy",
		  str("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
		      "base-uri 'none'") },
	};

	httpd_respond(call->request, status, fields, ARRAY_LEN(fields), body);
}

void call_redirect(struct call *call, unsigned status, const char *location)
{
	const struct httpd_field fields[] = {
		{ "Location", str(location) },
		{ "Cache-Control", str("no-store") },
		{ "Referrer-Policy", str("no-referrer") },
	};

	httpd_respond(call->request, status, fields, ARRAY_LEN(fields), str(""));
}

void call_empty(struct call *call, unsigned status)
{
	httpd_respond(call->request, status, NULL, 0, str(""));
}

void call_oauth_error(struct call *call, unsigned status, const char *error, const char *says)
{
	if (status == 0)
		status = brand_rows[call->brand].refused_status;
	if (call->brand == BRAND_SLACK)
		call_json(call, status, json_pack("{s:b, s:s}", "ok", 0, "error", error));
	else
		call_json(call, status,
			  json_pack("{s:s, s:s}", "error", error, "error_description", says));
}

void call_refuse(struct call *call, unsigned status, const char *error)
{
	grants_count(&call->box->grants, call->brand, COUNT_API_REFUSED);
	switch (call->brand) {
	case BRAND_SLACK:
		call_json(call, status == 429 ? 429 : 200,
			  json_pack("{s:b, s:s}", "ok", 0, "error", error));
		return;
	case BRAND_GOOGLE:
		call_json(call, status,
			  json_pack("{s:{s:i, s:s, s:s}}", "error", "code", (int)status, "message",
				    error, "status", "REFUSED"));
		return;
	case BRAND_JIRA:
		call_json(call, status,
			  json_pack("{s:[s], s:{}}", "errorMessages", error, "errors"));
		return;
	case BRAND_GITHUB:
	case BRAND_NOTES:
	case BRAND_COUNT:
		call_json(call, status, json_pack("{s:s}", "message", error));
		return;
	}
}

static void answer_armed(struct call *call)
{
	const struct fault_armed *armed = &call->fault;
	const struct fault_row *row = armed->row;
	struct httpd_field fields[3] = { { "Content-Type", str(row->type) } };
	size_t n = 1;
	struct dynbuf body;

	dynbuf_init(&body, FAULT_BODY_MAX);
	row->body(&body);
	if (row->encoding != NULL)
		fields[n++] = (struct httpd_field){ "Content-Encoding", str(row->encoding) };
	if (armed->retry_after[0] != '\0')
		fields[n++] = (struct httpd_field){ "Retry-After", str(armed->retry_after) };
	httpd_respond(call->request, armed->status != 0 ? armed->status : row->status, fields, n,
		      dynbuf_view(&body));
	dynbuf_done(&body);
}

static void refuse_armed(struct call *call)
{
	const struct brand_row *brand = &brand_rows[call->brand];
	const struct fault_row *row = call->fault.row;
	const char *error = row->error != NULL ? row->error : brand->invalid_grant;

	if (row->status == 200 && bytes_is(str(row->name), "ok_false"))
		call_json(call, 200, json_pack("{s:b, s:s}", "ok", 0, "error", error));
	else
		call_oauth_error(call, row->status, error, "The sandbox was told to refuse this.");
}

bool call_fault(struct call *call, enum fault_endpoint endpoint)
{
	if (!fault_take(&call->box->faults, call->brand, endpoint, &call->fault))
		return false;
	grants_count(&call->box->grants, call->brand, COUNT_FAULTS);
	switch (call->fault.row->how) {
	case FAULT_ANSWER:
		answer_armed(call);
		return true;
	case FAULT_OAUTH:
		refuse_armed(call);
		return true;
	case FAULT_HANG:
		if (!hold(call, 0, 0, NULL, str("")))
			httpd_abort(call->request);
		return true;
	case FAULT_RESET:
		httpd_abort(call->request);
		return true;
	case FAULT_DROP:
	case FAULT_CHANGE:
	case FAULT_CUT:
		return false;
	}
	return false;
}

struct bytes call_param(const struct call *call, const char *name)
{
	struct bytes value = form_find(&call->form, name);

	if (value.n == 0)
		value = json_str(call->json, name);
	if (value.n == 0)
		value = form_find(&call->query, name);
	return value.n == 0 ? (struct bytes){ NULL, 0 } : value;
}

size_t call_number(const struct call *call, const char *name, size_t otherwise, size_t max)
{
	uint64_t value;

	if (bytes_u64(call_param(call, name), max, &value) != OK || value == 0)
		return otherwise;
	return (size_t)value;
}

static bool holds_word(struct bytes list, struct bytes word)
{
	while (list.n > 0) {
		if (bytes_eq(bytes_cut(&list, ' '), word))
			return true;
	}
	return false;
}

bool call_has_scope(const struct call *call, const char *any)
{
	struct bytes rest = str(any);

	if (rest.n == 0)
		return true;
	while (rest.n > 0) {
		if (holds_word(str(call->grant->scope), bytes_cut(&rest, ' ')))
			return true;
	}
	return false;
}
