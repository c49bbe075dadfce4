/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers in pieces. The library asks for bytes; where there are none it is
 * suspended (stalled) until the owner sends some or ends the answer.
 */
#include "httpd/conn.h"

enum { BLOCK_BYTES = 64 * 1024, SHIFT_BYTES = 64 * 1024 };

static void pace_due(struct httpd_request *conn, const struct conn_pace *pace)
{
	/* A client that has closed its side has a shorter time of its own. */
	if (!conn->half_closed)
		conn->deadline = pace->since + pace->slack;
}

void pace_begin(struct httpd_request *conn, struct conn_pace *pace, unsigned ms)
{
	if (pace->since != 0)
		return;
	if (pace->slack == 0)
		pace->slack = ms * USEC_PER_MS;
	pace->since = clock_boot();
	pace_due(conn, pace);
}

void pace_moved(struct httpd_request *conn, struct conn_pace *pace, unsigned ms, size_t bytes)
{
	const usec_t now = clock_boot();
	const usec_t spent = pace->since == 0 ? 0 : now - pace->since;

	pace->slack = pace->slack > spent ? pace->slack - spent : 0;
	pace->slack += bytes * USEC_PER_S / CONN_RATE_BYTES;
	if (pace->slack > ms * USEC_PER_MS)
		pace->slack = ms * USEC_PER_MS;
	if (pace->slack == 0)
		pace->slack = 1;
	if (pace->since == 0)
		return;
	pace->since = now;
	pace_due(conn, pace);
}

void pace_pause(struct httpd_request *conn, struct conn_pace *pace)
{
	if (pace->since == 0)
		return;
	pace_moved(conn, pace, UINT32_MAX, 0);
	pace->since = 0;
	if (!conn->half_closed)
		conn->deadline = 0;
}

static size_t waiting(const struct httpd_request *conn)
{
	return conn->out.n - conn->out_at;
}

static void drop_sent(struct httpd_request *conn)
{
	if (conn->out_at == conn->out.n) {
		dynbuf_reset(&conn->out);
		conn->out_at = 0;
	} else if (conn->out_at >= SHIFT_BYTES) {
		dynbuf_shift(&conn->out, conn->out_at);
		conn->out_at = 0;
	}
}

static ssize_t stall(struct httpd_request *conn)
{
	pace_pause(conn, &conn->out_pace);
	conn_suspend(conn);
	return 0;
}

static ssize_t on_read(void *cls, uint64_t at, char *to, size_t max)
{
	struct httpd_request *conn = cls;
	const size_t before = waiting(conn), n = before < max ? before : max;

	if (conn->broken)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (n == 0)
		return conn->ended ? MHD_CONTENT_READER_END_OF_STREAM : stall(conn);
	memcpy(to, conn->out.p + conn->out_at, n);
	conn->out_at += n;
	drop_sent(conn);
	pace_moved(conn, &conn->out_pace, conn->httpd->limits.idle_ms, n);
	const struct httpd *httpd = conn->httpd;
	if (conn->phase == CONN_STREAM && httpd->stream.room != NULL &&
	    before >= HTTPD_WAITING_MAX / 2 && waiting(conn) < HTTPD_WAITING_MAX / 2)
		httpd->stream.room(httpd->ctx, conn);
	return (ssize_t)n;
}

/* Goes on with an answer that had nothing to send. */
static void go_on(struct httpd_request *conn)
{
	if (!conn->suspended || conn->phase == CONN_OWNED || conn->phase == CONN_LATE)
		return;
	conn_write_first(conn, conn->half_closed);
	conn_resume(conn);
}

static struct MHD_Response *make(struct httpd_request *conn, const struct httpd_field *fields,
				 size_t count, uint64_t length)
{
	static char nothing[1];
	const size_t block = length < BLOCK_BYTES ? (size_t)length : BLOCK_BYTES;
	struct MHD_Response *r =
		length == 0 ? MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT)
			    : MHD_create_response_from_callback(
				      length == HTTPD_LENGTH_UNKNOWN ? MHD_SIZE_UNKNOWN : length,
				      length == HTTPD_LENGTH_UNKNOWN ? 1024 : block, on_read, conn,
				      NULL);

	return r != NULL && conn_dress(conn->httpd, r, fields, count) ? r : NULL;
}

enum err httpd_begin(struct httpd_request *request, unsigned status,
		     const struct httpd_field *fields, size_t count, uint64_t length)
{
	request->status = status;
	request->response = make(request, fields, count, length);
	request->phase = CONN_STREAM;
	if (request->response == NULL) {
		httpd_abort(request);
		return ERR_CONFLICT;
	}
	request->out_pace = (struct conn_pace){ 0 };
	pace_begin(request, &request->out_pace, request->httpd->limits.idle_ms);
	if (request->part == PART_BODY) {
		upload_answer_late(request);
		return OK;
	}
	if (request->in_handler)
		return OK;
	if (conn_queue(request) != MHD_YES) {
		httpd_abort(request);
		return ERR_CONFLICT;
	}
	conn_write_first(request, true);
	conn_resume(request);
	return OK;
}

bool httpd_sent(const struct httpd_request *request)
{
	return request->sent;
}

size_t httpd_send(struct httpd_request *request, struct bytes piece)
{
	dynbuf_bytes(&request->out, piece);
	if (dynbuf_err(&request->out) != OK)
		request->broken = true;
	if (waiting(request) > 0)
		pace_begin(request, &request->out_pace, request->httpd->limits.idle_ms);
	go_on(request);
	return waiting(request);
}

void httpd_end(struct httpd_request *request, bool whole)
{
	request->httpd->active--;
	request->owned = false;
	request->ended = true;
	request->broken = request->broken || !whole;
	if (request->phase == CONN_STREAM)
		request->phase = CONN_ANSWER;
	pace_begin(request, &request->out_pace, request->httpd->limits.idle_ms);
	go_on(request);
}
