/* SPDX-License-Identifier: Apache-2.0 */
#include "core/api/reply.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "codec/yaml.h"

void reply_text(struct flow *flow, struct call *call, unsigned status, const char *type,
		struct bytes body)
{
	call_header(call, "content-type", str(type));
	if (body.p != call->body.p)
		dynbuf_bytes(&call->body, body);
	call_answer(flow, call, status);
}

static void print_json(struct flow *flow, struct call *call, unsigned status, const char *type,
		       json_t *body)
{
	if (body == NULL) {
		call_answer(flow, call, 500);
		return;
	}
	json_print(body, &call->body);
	json_decref(body);
	reply_text(flow, call, status, type, dynbuf_view(&call->body));
}

void reply_json(struct flow *flow, struct call *call, unsigned status, json_t *body)
{
	print_json(flow, call, status, "application/json", body);
}

enum err reply_complaint(struct call *call, enum err err, const struct complaint *complaint)
{
	if (err == ERR_MALFORMED && complaint->text[0] != 0 && call->detail == NULL)
		call->detail = strdup(complaint->text);
	return err;
}

static void lower(const char *from, char *to, size_t room)
{
	size_t i = 0;

	for (; from[i] != 0 && i + 1 < room; i++)
		to[i] = (char)tolower((unsigned char)from[i]);
	to[i] = 0;
}

json_t *problem_make(enum err err, unsigned status, const char *detail)
{
	const struct err_row *row = err_row(err);
	json_t *body = json_object();
	char code[64];

	lower(row->name, code, sizeof code);
	json_object_set_new(body, "type", json_string("about:blank"));
	json_object_set_new(body, "title", json_string(row->says));
	json_object_set_new(body, "status", json_integer((json_int_t)status));
	if (detail != NULL)
		json_object_set_new(body, "detail", json_string(detail));
	json_object_set_new(body, "code", json_string(code));
	json_object_set_new(body, "mend", json_string(row->mend));
	return body;
}

void problem_reply(struct flow *flow, struct call *call, unsigned status, uint64_t retry_after_s,
		   json_t *problem)
{
	enum { RETRY_S = 5 };
	char seconds[24];

	dynbuf_reset(&call->body);
	if (status == 401 &&
	    ipc_headers_find(dynbuf_view(&call->headers), "www-authenticate").p == NULL)
		call_header(call, "www-authenticate", str("Bearer realm=\"valetkey\""));
	if (status == 503 || status == 429) {
		(void)snprintf(seconds, sizeof seconds, "%llu",
			       (unsigned long long)(retry_after_s > 0 ? retry_after_s : RETRY_S));
		call_header(call, "retry-after", str(seconds));
	}
	/* With the charset, clients that know only JSON show it as text and not as so many bytes.
	 */
	print_json(flow, call, status, "application/problem+json; charset=utf-8", problem);
}

void reply_problem(struct flow *flow, struct call *call, enum err err, const char *detail)
{
	const unsigned status = (unsigned)err_row(err)->status;

	problem_reply(flow, call, status, 0, problem_make(err, status, detail));
}

enum err read_time(struct bytes text, usec_t *ret)
{
	char s[40];
	struct tm tm = { 0 };

	TRY(bytes_str(text, s, sizeof s) == OK ? OK : ERR_MALFORMED);
	const char *rest = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL)
		return ERR_MALFORMED;
	usec_t fraction = 0, unit = USEC_PER_S;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9' && unit > 1; rest++) {
			unit /= 10;
			fraction += (usec_t)(*rest - '0') * unit;
		}
	const time_t t = timegm(&tm);
	if (strcmp(rest, "Z") != 0 || t < 0)
		return ERR_MALFORMED;
	*ret = (usec_t)t * USEC_PER_S + fraction;
	return OK;
}

enum err read_object(struct flow *flow, struct call *call, const char *const *names, size_t count,
		     json_t **ret)
{
	scoped(json_free) json_t *value = NULL;

	TRY(json_parse(call->request.body, &json_request_limits, &value));
	if (!json_is_object(value))
		return ERR_MALFORMED;
	/* The member's name is the client's own text: it is not echoed. */
	if (json_unknown(value, names, count) != NULL)
		return ERR_UNKNOWN_FIELD;
	*ret = take(value);
	return OK;
}

enum err read_page(const struct api_in *in, const char *kind, struct page *ret)
{
	struct page page = { .limit = 100 };
	uint64_t limit = 100;

	if (form_find(&in->query, "limit").p != NULL)
		TRY(bytes_u64(form_find(&in->query, "limit"), 500, &limit));
	if (limit == 0)
		return ERR_MALFORMED;
	page.limit = (unsigned)limit;
	if (form_find(&in->query, "after").p != NULL)
		TRY(id_parse(kind, form_find(&in->query, "after"), &page.after));
	*ret = page;
	return OK;
}

void set_id(json_t *object, const char *name, const char *kind, struct id id)
{
	char text[ID_TEXT_MAX + 1];

	if (!id_none(id))
		json_object_set_new(object, name, json_string(id_print(kind, id, text)));
}

void set_time(json_t *object, const char *name, usec_t time)
{
	char text[CLOCK_TEXT_LEN + 1];

	if (time == 0)
		return;
	clock_print(time, text);
	json_object_set_new(object, name, json_string(text));
}

void set_bytes(json_t *object, const char *name, struct bytes text)
{
	if (text.n > 0)
		json_object_set_new(object, name, json_of(text));
}

void set_int(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

struct bytes request_header(const struct call *call, const char *name)
{
	return ipc_headers_find(call->request.headers, name);
}

void listing_begin(struct listing *listing, const char *kind, const struct page *page)
{
	*listing = (struct listing){ .items = json_array(), .limit = page->limit, .kind = kind };
}

enum err listing_add(struct listing *listing, struct id id, json_t *item)
{
	listing->last = id;
	return json_array_append_new(listing->items, item) == 0 ? OK : FAULT_NOMEM;
}

void listing_reply(struct flow *flow, struct call *call, struct listing *listing)
{
	json_t *body = json_object();
	const bool more = json_array_size(listing->items) == listing->limit;

	json_object_set_new(body, "items", take(listing->items));
	if (more)
		set_id(body, "next", listing->kind, listing->last);
	reply_json(flow, call, 200, body);
}
