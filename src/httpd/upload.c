/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that are too large to be held: the owner has the request and takes the
 * rest piece by piece. The library takes an answer before a body or after it; so
 * an answer in the middle waits until the rest has come, for a while.
 *
 *  1. part HEAD: the library is suspended before the body; resumed, it calls
 *     once more as if the head had just come.
 *  2. part BODY: suspended before a piece, or running (pulling).
 */
#include "httpd/conn.h"

bool upload_permitted(const struct httpd_request *conn)
{
	const struct httpd *httpd = conn->httpd;

	return httpd->stream.permit != NULL && httpd->stream.piece != NULL &&
	       httpd->stream.permit(httpd->ctx, conn);
}

bool httpd_whole(const struct httpd_request *request)
{
	return request->part == PART_ALL;
}

uint64_t httpd_length(const struct httpd_request *request)
{
	return request->length;
}

void httpd_pull(struct httpd_request *request, bool on)
{
	if (request->part == PART_ALL || request->pulling == on || request->phase != CONN_OWNED)
		return;
	request->pulling = on;
	if (!on) {
		pace_pause(request, &request->in_pace);
		return;
	}
	pace_begin(request, &request->in_pace, request->httpd->limits.head_ms);
	conn_resume(request);
}

static enum MHD_Result finish_body(struct httpd_request *conn)
{
	struct httpd *httpd = conn->httpd;

	conn->part = PART_ALL;
	pace_pause(conn, &conn->in_pace);
	if (conn->phase == CONN_LATE) {
		conn->phase = conn->owned ? CONN_STREAM : CONN_ANSWER;
		return conn->response == NULL ? MHD_NO : conn_queue(conn);
	}
	conn->in_handler = true;
	httpd->stream.piece(httpd->ctx, conn, (struct bytes){ NULL, 0 });
	conn->in_handler = false;
	if (conn->phase != CONN_OWNED)
		return conn->response == NULL ? MHD_NO : conn_queue(conn);
	if (conn->half_closed)
		conn_due(conn, CONN_SURPLUS_MS);
	conn_suspend(conn);
	return MHD_YES;
}

enum MHD_Result upload_take(struct httpd_request *conn, const char *data, size_t *size)
{
	struct httpd *httpd = conn->httpd;
	const struct bytes piece = { (const uint8_t *)data, *size };

	if (conn->part == PART_HEAD) {
		conn->part = PART_BODY;
		return MHD_YES;
	}
	if (conn->part != PART_BODY || conn->phase == CONN_STREAM)
		return MHD_NO;
	if (*size == 0)
		return finish_body(conn);
	if (conn->phase == CONN_LATE) {
		*size = 0;
		return MHD_YES;
	}
	if (!conn->pulling) {
		conn_suspend(conn);
		return MHD_YES;
	}
	*size = 0;
	pace_moved(conn, &conn->in_pace, httpd->limits.head_ms, piece.n);
	conn->in_handler = true;
	httpd->stream.piece(httpd->ctx, conn, piece);
	conn->in_handler = false;
	return conn->phase == CONN_GONE ? MHD_NO : MHD_YES;
}

void upload_answer_late(struct httpd_request *conn)
{
	conn->phase = CONN_LATE;
	conn_due(conn, CONN_SURPLUS_MS);
	conn_resume(conn);
}
