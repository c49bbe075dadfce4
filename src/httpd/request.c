/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "httpd/conn.h"

static const struct {
	unsigned status;
	const char *title;
} refusals[] = {
	{ 400, "Bad Request" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 417, "Expectation Failed" },
	{ 431, "Request Header Fields Too Large" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

static const struct httpd_field refusal_fields[] = {
	{ "Content-Type", { (const uint8_t *)"application/problem+json", 24 } },
	{ "Cache-Control", { (const uint8_t *)"no-store", 8 } },
	{ "X-Content-Type-Options", { (const uint8_t *)"nosniff", 7 } },
	{ "Connection", { (const uint8_t *)"close", 5 } },
};

enum { REFUSAL_MAX = 128 };

static size_t print_refusal(unsigned status, char to[static REFUSAL_MAX])
{
	const char *title = refusals[0].title;

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].status == status)
			title = refusals[i].title;
	return (size_t)snprintf(to, REFUSAL_MAX,
				"{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u}\n",
				title, status);
}

uint64_t conn_transfer_ms(uint64_t base_ms, uint64_t bytes)
{
	return base_ms + bytes * 1000 / CONN_RATE_BYTES;
}

/* A body may hold a secret. */
void conn_forget(struct dynbuf *d)
{
	enum { KEEP_BYTES = 2048 };
	const size_t max = d->max;

	if (d->n > 0)
		wipe(d->p, d->n);
	if (d->room > KEEP_BYTES) {
		dynbuf_done(d);
		dynbuf_init(d, max);
	}
	dynbuf_reset(d);
}

/* One of the few bodies at a time that may be larger than the others. */
static bool become_large(struct httpd_request *conn, size_t max)
{
	struct httpd *httpd = conn->httpd;

	if (httpd->large >= HTTPD_LARGE_MAX)
		return false;
	httpd->large++;
	conn->large = true;
	conn->body.max = max;
	return true;
}

static size_t whole_max(const struct httpd_request *conn)
{
	const struct httpd *httpd = conn->httpd;
	const size_t max = httpd->stream.whole == NULL ? 0 : httpd->stream.whole(httpd->ctx, conn);

	return max > httpd->limits.body_max ? max : httpd->limits.body_max;
}

/* Of one in chunks it is seen when it is: refused where there is no room for it. */
static void become_large_late(struct httpd_request *conn)
{
	const size_t max = whole_max(conn);

	if (become_large(conn, max))
		conn_due(conn, conn_transfer_ms(conn->httpd->limits.head_ms, max));
}

static void unbecome_large(struct httpd_request *conn)
{
	if (!conn->large)
		return;
	conn->large = false;
	conn->httpd->large--;
	conn->body.max = conn->httpd->limits.body_max;
}

void conn_done(struct httpd_request *conn)
{
	if (conn->response != NULL)
		MHD_destroy_response(conn->response);
	conn->response = NULL;
	conn_forget(&conn->body);
	unbecome_large(conn);
	conn_forget(&conn->target);
	conn_forget(&conn->out);
	dynbuf_done(&conn->out);
	dynbuf_done(&conn->body);
	dynbuf_done(&conn->target);
}

/* The response of @conn goes to the library. */
enum MHD_Result conn_queue(struct httpd_request *conn)
{
	const enum MHD_Result result = MHD_queue_response(conn->mhd, conn->status, conn->response);

	MHD_destroy_response(conn->response);
	conn->response = NULL;
	return result;
}

static bool add_fields(struct httpd *httpd, struct MHD_Response *r,
		       const struct httpd_field *fields, size_t count)
{
	struct dynbuf *value = &httpd->scratch;

	for (size_t i = 0; i < count; i++) {
		dynbuf_reset(value);
		dynbuf_bytes(value, fields[i].value);
		dynbuf_u8(value, 0);
		if (dynbuf_err(value) != OK || strlen((char *)value->p) != fields[i].value.n)
			return false;
		if (MHD_add_response_header(r, fields[i].name, (char *)value->p) != MHD_YES)
			return false;
	}
	return true;
}

static enum MHD_Result refuse(struct httpd_request *conn, unsigned status)
{
	char body[REFUSAL_MAX];
	const size_t n = print_refusal(status, body);

	conn->response = MHD_create_response_from_buffer(n, body, MHD_RESPMEM_MUST_COPY);
	if (conn->response == NULL ||
	    !add_fields(conn->httpd, conn->response, refusal_fields, ARRAY_LEN(refusal_fields)))
		return MHD_NO;
	conn->status = status;
	conn->phase = CONN_ANSWER;
	conn_due(conn, conn->httpd->limits.head_ms);
	return conn_queue(conn);
}

void *conn_log_target(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct httpd_request *conn = info->socket_context;

	conn->raw = uri;
	dynbuf_reset(&conn->target);
	dynbuf_str(&conn->target, uri == NULL ? "" : uri);
	return conn;
}

static unsigned judge_length(struct httpd_request *conn, uint64_t length)
{
	if (length <= conn->httpd->limits.body_max)
		return 0;
	const size_t max = whole_max(conn);
	if (length <= max)
		return become_large(conn, max) ? 0 : 503;
	return upload_permitted(conn) ? 0 : 413;
}

struct judging {
	struct head head;
	unsigned status;
};

static enum MHD_Result judge_line(void *cls, enum MHD_ValueKind kind, const char *name,
				  size_t name_n, const char *value, size_t value_n)
{
	struct judging *j = cls;

	j->status = head_line(&j->head, (struct bytes){ (const uint8_t *)name, name_n },
			      (struct bytes){ (const uint8_t *)value, value_n });
	return j->status == 0 ? MHD_YES : MHD_NO;
}

static unsigned judge(struct httpd_request *conn, const char *method, const char *version,
		      struct head *ret)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct judging j = { 0 };

	if (dynbuf_err(&conn->target) != OK)
		return 414;
	if (info == NULL)
		return 400;
	j.head.limits = &conn->httpd->head_limits;
	j.head.adds_up = MHD_VERSION < CONN_STRICT_LIBRARY;
	j.head.target_at = (const uint8_t *)conn->raw;
	j.status = head_begin(&j.head, str(method), dynbuf_view(&conn->target), str(version));
	if (j.status == 0)
		MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, judge_line, &j);
	if (j.status == 0)
		j.status = head_end(&j.head, info->header_size);
	if (j.status == 0)
		j.status = judge_length(conn, j.head.length);
	*ret = j.head;
	return j.status;
}

static enum MHD_Result take_head(struct httpd_request *conn, const char *method,
				 const char *version)
{
	const struct httpd_limits *limits = &conn->httpd->limits;
	struct head head;

	conn->method = method;
	const unsigned status = judge(conn, method, version, &head);
	if (status != 0)
		return refuse(conn, status);
	conn->length = head.chunked ? HTTPD_LENGTH_UNKNOWN : head.length;
	if (head.length > conn->body.max) {
		conn->part = PART_HEAD;
		return conn_give(conn);
	}
	conn->phase = CONN_BODY;
	conn_due(conn,
		 conn_transfer_ms(limits->head_ms, head.chunked ? limits->body_max : head.length));
	return MHD_YES;
}

/* The library cannot answer in the middle of a body, so on a plain connection the refusal is
 * written past it; then the rest is dropped for a while, or the client might see a reset before
 * it has read why. Over TLS the rest is dropped first and the library answers at its end. */
static enum MHD_Result begin_surplus(struct httpd_request *conn)
{
	char body[REFUSAL_MAX], text[2 * REFUSAL_MAX + 256];
	const size_t n = print_refusal(413, body);

	conn->phase = CONN_SURPLUS;
	conn_due(conn, CONN_SURPLUS_MS);
	conn_forget(&conn->body);
	if (conn->httpd->tls)
		return MHD_YES;
	const int len = snprintf(text, sizeof text,
				 "HTTP/1.1 413 Content Too Large\r\n"
				 "Content-Type: application/problem+json\r\n"
				 "Content-Length: %zu\r\n"
				 "Cache-Control: no-store\r\n"
				 "X-Content-Type-Options: nosniff\r\n"
				 "Connection: close\r\n"
				 "\r\n%s",
				 n, body);
	if (send(conn->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) != len)
		return MHD_NO;
	return shutdown(conn->fd, SHUT_WR) == 0 ? MHD_YES : MHD_NO;
}

static enum MHD_Result take_body(struct httpd_request *conn, const char *data, size_t *n)
{
	if (conn->body.n + *n > conn->body.max && upload_permitted(conn)) {
		conn->part = PART_BODY; /* this piece is asked for again */
		return conn_give(conn);
	}
	if (conn->body.n + *n > conn->body.max && whole_max(conn) > conn->body.max)
		become_large_late(conn);
	dynbuf_put(&conn->body, data, *n);
	*n = 0;
	return dynbuf_err(&conn->body) == OK ? MHD_YES : begin_surplus(conn);
}

enum MHD_Result conn_give(struct httpd_request *conn)
{
	struct httpd *httpd = conn->httpd;

	conn->phase = CONN_OWNED;
	conn->owned = true;
	conn->deadline = 0;
	if (conn->half_closed)
		conn_due(conn, CONN_SURPLUS_MS);
	httpd->active++;
	conn->in_handler = true;
	httpd->on_request(httpd->ctx, conn);
	conn->in_handler = false;
	if (conn->phase == CONN_OWNED && !conn->pulling) {
		conn_suspend(conn);
		return MHD_YES;
	}
	if (conn->phase == CONN_OWNED && conn->part == PART_HEAD)
		conn->part = PART_BODY;
	if (conn->phase == CONN_OWNED || conn->phase == CONN_LATE)
		return MHD_YES;
	return conn->response == NULL ? MHD_NO : conn_queue(conn);
}

enum MHD_Result conn_handle(void *cls, struct MHD_Connection *mhd, const char *url,
			    const char *method, const char *version, const char *upload,
			    size_t *upload_size, void **con_cls)
{
	struct httpd_request *conn = *con_cls;

	switch (conn->phase) {
	case CONN_AWAIT:
		return take_head(conn, method, version);
	case CONN_BODY:
		return *upload_size > 0 ? take_body(conn, upload, upload_size) : conn_give(conn);
	case CONN_SURPLUS:
		if (*upload_size == 0)
			return conn->httpd->tls ? refuse(conn, 413) : MHD_NO;
		*upload_size = 0;
		return MHD_YES;
	case CONN_OWNED:
	case CONN_STREAM:
	case CONN_LATE:
		return upload_take(conn, upload, upload_size);
	case CONN_ANSWER:
	case CONN_GONE:
		break;
	}
	return MHD_NO;
}

void conn_suspend(struct httpd_request *conn)
{
	conn->suspended = true;
	MHD_suspend_connection(conn->mhd);
}

void conn_resume(struct httpd_request *conn)
{
	if (!conn->suspended)
		return;
	conn->suspended = false;
	MHD_resume_connection(conn->mhd);
	httpd_wake(conn->httpd);
}

void conn_disown(struct httpd_request *conn)
{
	conn->httpd->active--;
	conn->owned = false;
	conn->httpd->on_gone(conn->httpd->ctx, conn);
}

void conn_lost(struct httpd_request *conn)
{
	if (!conn->owned)
		return;
	conn_disown(conn);
	conn->broken = true;
	if (conn->phase == CONN_OWNED)
		conn->phase = CONN_GONE;
	conn->deadline = 0;
	if (conn->suspended)
		conn_resume(conn);
	else
		(void)shutdown(conn->fd, SHUT_RDWR);
}

void conn_write_first(struct httpd_request *conn, bool on)
{
	enum { FOREVER_S = 24 * 3600 }; /* our own deadlines are shorter */

	if (conn->write_first != on)
		MHD_set_connection_option(conn->mhd, MHD_CONNECTION_OPTION_TIMEOUT,
					  on ? FOREVER_S : 0);
	conn->write_first = on;
}

void conn_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
		    enum MHD_RequestTerminationCode code)
{
	struct httpd_request *conn = *con_cls;

	conn->sent = code == MHD_REQUEST_TERMINATED_COMPLETED_OK && !conn->broken &&
		     conn->phase == CONN_STREAM;
	if (conn->owned)
		conn_disown(conn);
	if (conn->response != NULL)
		MHD_destroy_response(conn->response);
	conn->response = NULL;
	conn_write_first(conn, false);
	conn->mine = NULL;
	conn->method = NULL;
	conn_forget(&conn->body);
	unbecome_large(conn);
	conn_forget(&conn->target);
	conn_forget(&conn->out);
	conn->out_at = 0;
	conn->part = PART_ALL;
	conn->pulling = conn->ended = conn->broken = conn->sent = false;
	conn->in_pace = conn->out_pace = (struct conn_pace){ 0 };
	conn->phase = CONN_AWAIT;
	conn_due(conn, conn->httpd->limits.idle_ms);
}

struct bytes httpd_method(const struct httpd_request *request)
{
	return str(request->method);
}

struct bytes httpd_target(const struct httpd_request *request)
{
	return head_origin_form(dynbuf_view(&request->target));
}

struct bytes httpd_header(const struct httpd_request *request, const char *name)
{
	const char *value = NULL;
	size_t n = 0;

	if (MHD_lookup_connection_value_n(request->mhd, MHD_HEADER_KIND, name, strlen(name), &value,
					  &n) != MHD_YES)
		return (struct bytes){ NULL, 0 };
	return head_trim((struct bytes){ (const uint8_t *)value, n });
}

struct bytes httpd_body(const struct httpd_request *request)
{
	return dynbuf_view(&request->body);
}

const struct sockaddr *httpd_peer(const struct httpd_request *request)
{
	return (const struct sockaddr *)&request->peer;
}

bool httpd_secure(const struct httpd_request *request)
{
	return request->httpd->tls;
}

struct visit {
	httpd_header_fn fn;
	void *ctx;
};

static enum MHD_Result visit_line(void *cls, enum MHD_ValueKind kind, const char *name,
				  size_t name_n, const char *value, size_t value_n)
{
	const struct visit *visit = cls;

	return visit->fn(visit->ctx, (struct bytes){ (const uint8_t *)name, name_n },
			 head_trim((struct bytes){ (const uint8_t *)value, value_n }))
		       ? MHD_YES
		       : MHD_NO;
}

void httpd_headers(const struct httpd_request *request, httpd_header_fn fn, void *ctx)
{
	struct visit visit = { fn, ctx };

	MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, visit_line, &visit);
}

void httpd_set(struct httpd_request *request, void *mine)
{
	request->mine = mine;
}

void *httpd_get(const struct httpd_request *request)
{
	return request->mine;
}

static void body_release(void *cls)
{
	struct buf *body = cls;

	wipe(body->p, body->n);
	buf_free(&body);
}

/* The library keeps the whole of a connection's memory once it has answered on it. */
static bool ends_connection(const struct httpd *httpd)
{
	return httpd->draining ||
	       (httpd->limits.keep_alive > 0 && httpd->count > httpd->limits.keep_alive);
}

bool conn_dress(struct httpd *httpd, struct MHD_Response *r, const struct httpd_field *fields,
		size_t count)
{
	static const struct httpd_field closing = { "Connection", { (const uint8_t *)"close", 5 } };

	if (add_fields(httpd, r, fields, count) &&
	    (!ends_connection(httpd) || add_fields(httpd, r, &closing, 1)))
		return true;
	MHD_destroy_response(r);
	return false;
}

static struct MHD_Response *response_new(struct httpd *httpd, const struct httpd_field *fields,
					 size_t count, struct buf **bodyp)
{
	static char nothing[1];
	struct buf *body = take(*bodyp);
	struct MHD_Response *r =
		body == NULL ? MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT)
			     : MHD_create_response_from_buffer_with_free_callback_cls(
				       body->n, body->p, body_release, body);

	if (r == NULL && body != NULL)
		body_release(body);
	return r != NULL && conn_dress(httpd, r, fields, count) ? r : NULL;
}

void httpd_respond_take(struct httpd_request *request, unsigned status,
			const struct httpd_field *fields, size_t count, struct buf **bodyp)
{
	struct httpd *httpd = request->httpd;
	const size_t n = *bodyp == NULL ? 0 : (*bodyp)->n;

	httpd->active--;
	request->owned = false;
	request->status = status;
	request->response = response_new(httpd, fields, count, bodyp);
	request->phase = request->response == NULL ? CONN_GONE : CONN_ANSWER;
	conn_due(request, conn_transfer_ms(httpd->limits.idle_ms, n));
	if (request->part == PART_BODY && request->phase == CONN_ANSWER) {
		upload_answer_late(request);
		return;
	}
	if (request->in_handler)
		return;
	if (request->response != NULL && conn_queue(request) != MHD_YES)
		request->phase = CONN_GONE;
	conn_write_first(request, true);
	conn_resume(request);
}

void httpd_respond(struct httpd_request *request, unsigned status, const struct httpd_field *fields,
		   size_t count, struct bytes body)
{
	struct buf *copy = NULL;

	if (body.n > 0 && buf_dup(body, &copy) != OK)
		status = 503;
	httpd_respond_take(request, status, fields, count, &copy);
}

void httpd_abort(struct httpd_request *request)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	/* Disconnecting sends the reset at once; the library then finds the socket dead. */
	if (connect(request->fd, &nobody, sizeof(nobody)) != 0)
		log_debug("httpd: a connection could not be reset: %m");
	request->httpd->active--;
	request->owned = false;
	request->broken = true;
	request->phase = CONN_GONE;
	request->deadline = 0;
	conn_resume(request);
}
