/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bridge/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/bridge/message.h"
#include "codec/sse.h"
#include "httpc/httpc.h"

enum {
	LINE_MAX_BYTES = 4 * 1024 * 1024,
	ANSWER_MAX = 8 * 1024 * 1024,
	TRIPS_MAX = 256,
	SESSION_MAX = 128,
	READ_BYTES = 64 * 1024,
	DAY_MS = 24 * 3600 * 1000,
	FIRST_MS = 120 * 1000,
	IDLE_MS = 90 * 1000, /* an event stream has a comment more often */
	AGAIN_S = 3,
	LAST_S = 10,
};

enum trip_kind { TRIP_CLIENTS, TRIP_ANEW, TRIP_GREETING, TRIP_STREAM };

/* One request over HTTP. */
struct trip {
	struct trip *next, *prev;
	struct bridge *bridge;
	struct httpc_transfer *transfer;
	enum trip_kind kind;
	struct buf *text; /* the client's message; NULL of the stream */
	struct buf *id;	  /* as JSON; NULL: nobody waits for an answer */
	struct sse sse;
	char session[SESSION_MAX + 1]; /* that it was sent with */
	bool modern, first;	       /* first: `initialize` */
	bool events, answered, cancelled, repeated, deaf;
};

struct bridge {
	const struct bridge_settings *settings;
	struct loop *loop;
	struct httpc *httpc;
	struct loop_source *input;
	struct loop_timer *again, *last;
	struct dynbuf in;
	struct trip *trips;
	size_t trips_n;
	struct buf *initialize; /* how the client began, for a session that has to begin anew */
	char session[SESSION_MAX + 1], version[MESSAGE_VERSION_MAX + 1];
	bool starting;		   /* what comes next needs what `initialize` answers */
	bool streaming, no_stream; /* there is one; the endpoint has none */
	bool ended, over, deafened;
};

static void say(struct bridge *bridge, struct bytes line)
{
	FILE *out = bridge->settings->out;

	if (fwrite(line.p, 1, line.n, out) != line.n || putc('\n', out) == EOF || fflush(out) != 0)
		bridge->over = true;
}

static void refuse(struct bridge *bridge, struct bytes id, struct bytes error, const char *why)
{
	struct dynbuf out;

	dynbuf_init(&out, ANSWER_MAX);
	message_refuse(id, error, why, &out);
	if (dynbuf_err(&out) == OK)
		say(bridge, dynbuf_view(&out));
	dynbuf_done(&out);
}

static void trip_free(struct trip *trip)
{
	struct bridge *bridge = trip->bridge;

	if (trip->prev != NULL)
		trip->prev->next = trip->next;
	else
		bridge->trips = trip->next;
	if (trip->next != NULL)
		trip->next->prev = trip->prev;
	bridge->trips_n--;
	if (trip->kind == TRIP_STREAM)
		bridge->streaming = false;
	if (trip->first)
		bridge->starting = false;
	buf_free(&trip->text);
	buf_free(&trip->id);
	sse_done(&trip->sse);
	free(trip);
}

/* One message from the endpoint. */
static void deliver(struct trip *trip, struct bytes text)
{
	struct bridge *bridge = trip->bridge;
	struct message message;
	struct dynbuf line;

	const enum err err = message_read(text, &message);
	if (err == OK && trip->first && message.version.p != NULL)
		err_ignore(bytes_str(message.version, bridge->version, sizeof bridge->version));
	const bool mine = err == OK && message.answer && bytes_eq(message.id, buf_bytes(trip->id));
	trip->answered = trip->answered || mine;
	message_done(&message);
	if (err != OK || trip->cancelled || trip->kind == TRIP_ANEW || trip->kind == TRIP_GREETING)
		return;
	dynbuf_init(&line, ANSWER_MAX);
	message_line(text, &line);
	if (dynbuf_err(&line) == OK)
		say(bridge, dynbuf_view(&line));
	dynbuf_done(&line);
}

static void on_event(void *ctx, struct bytes data)
{
	deliver(ctx, data);
}

static bool on_head(void *ctx, const struct httpc_response *head, uint64_t length)
{
	struct trip *trip = ctx;
	struct bytes type = httpc_find(head, "content-type");
	const struct bytes session = httpc_find(head, "mcp-session-id");

	(void)length;
	if (trip->first && head->status == 200 && session.n <= SESSION_MAX)
		err_ignore(bytes_str(session, trip->bridge->session, sizeof trip->session));
	trip->events =
		head->status == 200 && bytes_caseis(bytes_cut(&type, ';'), "text/event-stream");
	return trip->events;
}

static bool on_piece(void *ctx, struct bytes piece)
{
	struct trip *trip = ctx;

	if (sse_feed(&trip->sse, piece, on_event, trip) == OK)
		return true;
	trip->deaf = trip->bridge->deafened = true; /* and cannot be ended from in here */
	return false;
}

static bool permit_any(void *ctx, const struct sockaddr *address)
{
	(void)ctx;
	(void)address;
	return true;
}

static void on_done(void *ctx, const struct httpc_response *response);

static size_t fill_headers(const struct trip *trip, const struct message *message,
			   struct httpc_header *headers)
{
	const struct bridge *bridge = trip->bridge;
	const struct bytes version = trip->modern ? message->modern : str(bridge->version);
	size_t n = 0;

	headers[n++] =
		(struct httpc_header){ str("authorization"), bridge->settings->authorization };
	headers[n++] =
		(struct httpc_header){ str("accept"),
				       str(trip->kind == TRIP_STREAM
						   ? "text/event-stream"
						   : "application/json, text/event-stream") };
	if (trip->kind != TRIP_STREAM)
		headers[n++] =
			(struct httpc_header){ str("content-type"), str("application/json") };
	if (version.n > 0 && !trip->first)
		headers[n++] = (struct httpc_header){ str("mcp-protocol-version"), version };
	if (trip->session[0] != 0)
		headers[n++] = (struct httpc_header){ str("mcp-session-id"), str(trip->session) };
	if (trip->modern && message->method.n > 0)
		headers[n++] = (struct httpc_header){ str("mcp-method"), message->method };
	if (trip->modern && message->name.n > 0)
		headers[n++] =
			(struct httpc_header){ str("mcp-name"), dynbuf_view(&message->name) };
	return n;
}

static enum err trip_send(struct trip *trip)
{
	struct bridge *bridge = trip->bridge;
	const struct httpc_stream stream = { .head = on_head, .piece = on_piece };
	struct httpc_header headers[8];
	struct message message = { 0 };

	enum err err = OK;
	if (trip->text != NULL)
		err = message_read(buf_bytes(trip->text), &message);
	if (err == OK && !trip->modern && !trip->first)
		memcpy(trip->session, bridge->session, sizeof trip->session);
	const struct httpc_request request = {
		.method = trip->kind == TRIP_STREAM ? "GET" : "POST",
		.url = str(bridge->settings->url),
		.headers = headers,
		.header_count = fill_headers(trip, &message, headers),
		.body = buf_bytes(trip->text),
		.total_ms = DAY_MS,
		.first_ms = FIRST_MS,
		.idle_ms = IDLE_MS,
		.answer_max = ANSWER_MAX,
		.stream = &stream,
	};
	if (err == OK)
		err = httpc_open(bridge->httpc, &request, permit_any, on_done, trip,
				 &trip->transfer);
	message_done(&message);
	return err;
}

static enum err trip_new(struct bridge *bridge, enum trip_kind kind, struct bytes text,
			 struct trip **ret)
{
	struct trip *trip = calloc(1, sizeof *trip);

	if (trip == NULL)
		return FAULT_NOMEM;
	if (text.n > 0 && buf_dup(text, &trip->text) != OK) {
		free(trip);
		return FAULT_NOMEM;
	}
	trip->bridge = bridge;
	trip->kind = kind;
	sse_init(&trip->sse, ANSWER_MAX);
	trip->next = bridge->trips;
	if (bridge->trips != NULL)
		bridge->trips->prev = trip;
	bridge->trips = trip;
	bridge->trips_n++;
	*ret = trip;
	return OK;
}

static void start_stream(struct bridge *bridge)
{
	struct trip *trip;

	if (bridge->streaming || bridge->no_stream || bridge->ended || bridge->session[0] == 0 ||
	    trip_new(bridge, TRIP_STREAM, (struct bytes){ NULL, 0 }, &trip) != OK)
		return;
	bridge->streaming = true;
	if (trip_send(trip) != OK)
		trip_free(trip);
}

static void on_again(void *ctx)
{
	start_stream(ctx);
}

/* 4: the client's own `initialize`, whose answer it has had already. */
static enum err begin_anew(struct bridge *bridge)
{
	struct message message;
	struct trip *trip;

	if (bridge->starting)
		return OK;
	if (bridge->initialize == NULL)
		return ERR_NOT_FOUND;
	TRY(trip_new(bridge, TRIP_ANEW, buf_bytes(bridge->initialize), &trip));
	bridge->session[0] = 0;
	trip->first = bridge->starting = true;
	enum err err = message_read(buf_bytes(trip->text), &message);
	if (err == OK)
		err = buf_dup(message.id, &trip->id);
	message_done(&message);
	if (err == OK)
		err = trip_send(trip);
	if (err != OK)
		trip_free(trip);
	return err;
}

static void greet(struct bridge *bridge)
{
	struct trip *trip;

	if (trip_new(bridge, TRIP_GREETING,
		     str("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"),
		     &trip) == OK &&
	    trip_send(trip) != OK)
		trip_free(trip);
}

/* What had been refused for its session goes again with the new one. */
static void send_waiting(struct bridge *bridge)
{
	struct trip *next;

	for (struct trip *trip = bridge->trips; trip != NULL; trip = next) {
		next = trip->next;
		if (trip->transfer != NULL || trip->kind != TRIP_CLIENTS || trip->first)
			continue;
		if (bridge->session[0] != 0 && trip_send(trip) == OK)
			continue;
		if (trip->id != NULL)
			refuse(bridge, buf_bytes(trip->id), (struct bytes){ NULL, 0 },
			       "The session has ended and could not be begun anew");
		trip_free(trip);
	}
}

static const char *why_not(const struct httpc_response *response, char *room, size_t n)
{
	if (response->outcome != HTTPC_ANSWERED)
		return response->why == NULL ? "The endpoint does not answer" : response->why;
	snprintf(room, n, "The endpoint answered with HTTP status %d", response->status);
	return room;
}

/* Nothing that the client could take for its answer has come. */
static void answer_for(struct trip *trip, const struct httpc_response *response)
{
	struct bridge *bridge = trip->bridge;
	struct message message = { 0 };
	char room[64];

	const char *why = why_not(response, room, sizeof room);
	if (trip->id == NULL) {
		if (trip->kind == TRIP_CLIENTS &&
		    (response->outcome != HTTPC_ANSWERED || response->status >= 400))
			fprintf(bridge->settings->err, "valetkey mcp: a message got lost: %s\n",
				why);
		return;
	}
	if (response->outcome == HTTPC_ANSWERED && !trip->events)
		err_ignore(message_read(response->body, &message));
	refuse(bridge, buf_bytes(trip->id), message.error, why);
	message_done(&message);
}

static bool lost_session(const struct trip *trip, const struct httpc_response *response)
{
	return trip->kind == TRIP_CLIENTS && response->outcome == HTTPC_ANSWERED &&
	       response->status == 404 && trip->session[0] != 0 && !trip->repeated;
}

static void settle(struct trip *trip, const struct httpc_response *response)
{
	const bool whole = response->outcome == HTTPC_ANSWERED && response->status == 200;

	if (whole && !trip->events && response->body.n > 0)
		deliver(trip, response->body);
	if (!trip->answered && !trip->cancelled &&
	    (trip->kind == TRIP_CLIENTS || trip->kind == TRIP_GREETING))
		answer_for(trip, response);
}

static void on_done(void *ctx, const struct httpc_response *response)
{
	struct trip *trip = ctx;
	struct bridge *bridge = trip->bridge;
	const enum trip_kind kind = trip->kind;
	const bool first = trip->first;

	trip->transfer = NULL;
	if (lost_session(trip, response)) {
		trip->repeated = true;
		if (strcmp(trip->session, bridge->session) != 0 && !bridge->starting &&
		    trip_send(trip) == OK) /* it has been begun anew since */
			return;
		if (begin_anew(bridge) == OK)
			return;
	}
	settle(trip, response);
	trip_free(trip);
	bridge->no_stream = bridge->no_stream || (kind == TRIP_STREAM && response->status == 405);
	if (kind == TRIP_STREAM && response->status == 200 && !bridge->ended)
		loop_timer_set(bridge->again, clock_boot() + AGAIN_S * USEC_PER_S);
	if (kind == TRIP_ANEW) {
		if (bridge->session[0] != 0)
			greet(bridge);
		send_waiting(bridge);
	}
	if (kind == TRIP_ANEW || (kind == TRIP_CLIENTS && !first))
		start_stream(bridge);
}

/* 3: in the era without sessions hanging up is what cancels. True: it was one of these. */
static bool hang_up(struct bridge *bridge, struct bytes id)
{
	for (struct trip *trip = bridge->trips; trip != NULL; trip = trip->next) {
		if (!trip->modern || trip->id == NULL || !bytes_eq(buf_bytes(trip->id), id))
			continue;
		trip->cancelled = true;
		if (trip->transfer != NULL)
			httpc_cancel(trip->transfer);
		return true;
	}
	return false;
}

static enum err take_message(struct bridge *bridge, struct bytes line,
			     const struct message *message)
{
	struct trip *trip;

	if (message->cancelled.p != NULL && hang_up(bridge, message->cancelled))
		return OK;
	TRY(trip_new(bridge, TRIP_CLIENTS, line, &trip));
	trip->modern = message->modern.p != NULL;
	enum err err = message->request ? buf_dup(message->id, &trip->id) : OK;
	trip->first = !trip->modern && message->request && bytes_is(message->method, "initialize");
	if (trip->first && err == OK) {
		buf_free(&bridge->initialize);
		err = buf_dup(line, &bridge->initialize);
		bridge->starting = true;
	}
	if (err == OK)
		err = trip_send(trip);
	if (err != OK)
		trip_free(trip);
	return err;
}

static void take_line(struct bridge *bridge, struct bytes line)
{
	struct message message;

	while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' '))
		line.n--;
	if (line.n == 0)
		return;
	enum err err = message_read(line, &message);
	if (err != OK)
		say(bridge, str("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
				"\"message\":\"Parse error\"}}"));
	else if (take_message(bridge, line, &message) != OK && message.request)
		refuse(bridge, message.id, (struct bytes){ NULL, 0 },
		       "The request could not be sent");
	message_done(&message);
}

static bool takes_more(const struct bridge *bridge)
{
	return !bridge->starting && bridge->trips_n < TRIPS_MAX;
}

static void take_lines(struct bridge *bridge)
{
	struct dynbuf *in = &bridge->in;
	size_t done = 0;

	while (takes_more(bridge)) {
		const uint8_t *end = in->n > done ? memchr(in->p + done, '\n', in->n - done) : NULL;
		if (end == NULL)
			break;
		take_line(bridge, (struct bytes){ in->p + done, (size_t)(end - in->p) - done });
		done = (size_t)(end - in->p) + 1;
	}
	if (done > 0)
		dynbuf_shift(in, done);
}

static void on_input(void *ctx, uint32_t events)
{
	struct bridge *bridge = ctx;
	uint8_t bytes[READ_BYTES];

	(void)events;
	const ssize_t n = read(bridge->settings->in, bytes, sizeof bytes);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		bridge->ended = true;
		loop_del(&bridge->input);
		loop_timer_set(bridge->last, clock_boot() + LAST_S * USEC_PER_S);
		return;
	}
	dynbuf_put(&bridge->in, bytes, (size_t)n);
	if (dynbuf_err(&bridge->in) != OK) {
		fputs("valetkey mcp: a message is too large\n", bridge->settings->err);
		bridge->over = true;
	}
}

static void on_last(void *ctx)
{
	struct bridge *bridge = ctx;

	bridge->over = true;
}

static void end_deaf(struct bridge *bridge)
{
	for (struct trip *trip = bridge->trips; trip != NULL; trip = trip->next)
		if (trip->deaf && trip->transfer != NULL)
			httpc_cancel(trip->transfer);
	bridge->deafened = false;
}

static bool idle(const struct bridge *bridge)
{
	return bridge->trips_n == (bridge->streaming ? 1 : 0) && bridge->in.n == 0;
}

/* A session that nobody needs any more is given back; no answer is waited for long. */
static void end_session(struct bridge *bridge)
{
	scoped(httpc_answer_done) struct httpc_answer answer = { 0 };
	const struct httpc_header headers[] = {
		{ str("authorization"), bridge->settings->authorization },
		{ str("mcp-session-id"), str(bridge->session) },
	};
	const struct httpc_request request = {
		.method = "DELETE",
		.url = str(bridge->settings->url),
		.headers = headers,
		.header_count = ARRAY_LEN(headers),
		.total_ms = 2000,
		.answer_max = READ_BYTES,
		.ca_file = bridge->settings->ca_file,
	};

	if (bridge->session[0] != 0)
		err_ignore(httpc_once(&request, &answer));
}

static enum err run(struct bridge *bridge)
{
	struct stat stat;

	/* A file cannot be watched, and never lets one wait. */
	const bool file = fstat(bridge->settings->in, &stat) == 0 && S_ISREG(stat.st_mode);
	if (!file)
		TRY(loop_add(bridge->loop, bridge->settings->in, EPOLLIN, on_input, bridge,
			     &bridge->input));
	while (!bridge->over) {
		const bool more = takes_more(bridge);
		if (file && more && !bridge->ended)
			on_input(bridge, 0);
		take_lines(bridge);
		if (bridge->deafened)
			end_deaf(bridge);
		if (bridge->ended && (idle(bridge) || bridge->over))
			break;
		if (bridge->input != NULL)
			TRY(loop_change(bridge->input, takes_more(bridge) ? EPOLLIN : 0));
		TRY(loop_turn(bridge->loop, file && more && !bridge->ended ? 0 : -1));
	}
	return OK;
}

static void done(struct bridge *bridge)
{
	httpc_free(&bridge->httpc);
	while (bridge->trips != NULL)
		trip_free(bridge->trips);
	end_session(bridge);
	loop_del(&bridge->input);
	loop_timer_free(&bridge->again);
	loop_timer_free(&bridge->last);
	loop_free(&bridge->loop);
	buf_free(&bridge->initialize);
	dynbuf_done(&bridge->in);
}

enum err bridge_run(const struct bridge_settings *settings)
{
	scoped(done) struct bridge bridge = { .settings = settings };
	const struct httpc_options options = { .ca_file = settings->ca_file };

	dynbuf_init(&bridge.in, LINE_MAX_BYTES + READ_BYTES);
	TRY(httpc_init());
	TRY(loop_new(&bridge.loop));
	TRY(loop_timer_new(bridge.loop, on_again, &bridge, &bridge.again));
	TRY(loop_timer_new(bridge.loop, on_last, &bridge, &bridge.last));
	TRY(httpc_new(bridge.loop, &options, &bridge.httpc));
	return run(&bridge);
}
