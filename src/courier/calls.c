/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *
 *  1. A job is in the list from its acceptance until it is answered; what it
 *     promised (bytes, room in kept) is given back there and nowhere else.
 *  2. An answer with an attempt is kept before it is sent.
 *  3. An answer without an attempt goes to the core that asked or to nobody:
 *     a core that was started since has other questions under the same ids.
 */
#include "courier/calls.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/wiped.h"
#include "codec/select.h"
#include "courier/cut.h"
#include "courier/foreign.h"
#include "courier/kept.h"
#include "courier/place.h"
#include "courier/reply.h"
#include "courier/scrub.h"
#include "courier/streams.h"
#include "crypto/crypto.h"
#include "httpc/httpc.h"
#include "sys/channel.h"

struct calls {
	struct loop *loop;
	struct httpc *httpc;
	struct channel *core;
	struct streams *streams;
	const struct guard *guard;
	struct capsule_receiver in;
	struct capsule_sender out;
	struct kept kept;
	struct job *jobs;
	size_t promised;
	uint64_t generation; /* of core */
};

/* A call under way. */
struct job {
	struct calls *calls;
	struct job *next, *prev;
	uint64_t frame_id, generation;
	struct id attempt;
	size_t promised;
	struct buf *cuts, *select;
	struct scrub scrub;
	struct httpc_transfer *transfer;
	uint64_t number;       /* of the stream; 0: the answer goes to core */
	struct stream *stream; /* NULL: none, or it was lost */
	bool hold;	       /* 401 goes to core */
	bool streamed;	       /* the head has gone to gate */
	bool cancelled, unusable;
	struct reply *reply; /* that is looked for in an event stream; NULL: none */
	bool events;	     /* the answer is such a stream */
	uint16_t status;
	struct buf *shown; /* of a streamed answer, what core sees of its headers */
	char host[GUARD_HOST_MAX];
	uint16_t port;
};

/* What of a provider's headers core may see. */
static const char *const shown[] = {
	"content-type",
	"date",
	"deprecation",
	"etag",
	"link",
	"mcp-session-id",
	"ratelimit",
	"ratelimit-policy",
	"ratelimit-limit",
	"ratelimit-remaining",
	"ratelimit-reset",
	"retry-after",
	"sunset",
	"www-authenticate",
	"x-accepted-oauth-scopes",
	"x-oauth-scopes",
	"x-ratelimit-limit",
	"x-ratelimit-remaining",
	"x-ratelimit-reset",
	"x-ratelimit-resource",
	"x-ratelimit-used",
};

static void on_core_frame(void *ctx, struct bytes frame);

static void on_core_gone(void *ctx)
{
	struct calls *calls = ctx;

	channel_free(&calls->core);
}

enum err calls_new(struct loop *loop, const struct calls_options *options, struct calls **ret)
{
	const struct httpc_options http = { options->ca_file, options->resolvers };
	scoped(calls_free) struct calls *calls = calloc(1, sizeof *calls);

	if (calls == NULL)
		return FAULT_NOMEM;
	calls->loop = loop;
	calls->guard = options->guard;
	capsule_receiver_init(&calls->in, options->key, CAPSULE_OUT);
	capsule_sender_init(&calls->out, options->key, CAPSULE_IN);
	TRY(streams_new(loop, &calls->streams));
	TRY(httpc_new(loop, &http, &calls->httpc));
	*ret = take(calls);
	return OK;
}

static void job_free(struct job **jobp)
{
	struct job *job = *jobp;

	if (job == NULL)
		return;
	*jobp = NULL;
	buf_free(&job->cuts);
	buf_free(&job->select);
	buf_free(&job->shown);
	scrub_done(&job->scrub);
	reply_free(&job->reply);
	stream_leave(&job->stream, false);
	free(job);
}

void calls_free(struct calls **callsp)
{
	struct calls *calls = *callsp;

	if (calls == NULL)
		return;
	*callsp = NULL;
	httpc_free(&calls->httpc);
	for (struct job *job = calls->jobs, *next; job != NULL; job = next) {
		next = job->next;
		job_free(&job);
	}
	streams_free(&calls->streams);
	channel_free(&calls->core);
	kept_done(&calls->kept);
	free(calls);
}

static void send_frame(struct calls *calls, struct bytes frame)
{
	struct dynbuf *out;

	/* Its queue has room for all that was promised; a core that is gone gets it later. */
	if (calls->core == NULL || channel_out(calls->core, &out) != OK)
		return;
	dynbuf_bytes(out, frame);
}

enum err calls_core(struct calls *calls, int fd)
{
	channel_free(&calls->core);
	calls->generation++;
	TRY(channel_new(calls->loop, fd, IPC_FRAME_MAX, CALLS_QUEUE_MAX, on_core_frame,
			on_core_gone, calls, &calls->core));
	for (size_t i = 0; i < calls->kept.count; i++)
		send_frame(calls, buf_bytes(calls->kept.answers[i].frame));
	return OK;
}

enum err calls_gate(struct calls *calls, int fd)
{
	return streams_gate(calls->streams, fd);
}

void calls_flush(struct calls *calls)
{
	streams_flush(calls->streams);
	if (calls->core != NULL)
		channel_flush(calls->core);
}

bool calls_idle(const struct calls *calls)
{
	return calls->jobs == NULL && (calls->core == NULL || channel_waiting(calls->core) == 0);
}

/* Takes the job off the list; its answer follows. */
static void unlink_job(struct job *job)
{
	struct calls *calls = job->calls;

	if (job->prev != NULL)
		job->prev->next = job->next;
	else
		calls->jobs = job->next;
	if (job->next != NULL)
		job->next->prev = job->prev;
	calls->promised -= job->promised;
	if (!id_none(job->attempt))
		kept_unreserve(&calls->kept, job->promised);
}

static void link_job(struct job *job)
{
	struct calls *calls = job->calls;

	job->next = calls->jobs;
	if (calls->jobs != NULL)
		calls->jobs->prev = job;
	calls->jobs = job;
	calls->promised += job->promised;
}

static void tell(struct job *job, const struct ipc_courier_answer *answer)
{
	struct calls *calls = job->calls;
	struct dynbuf frame;

	dynbuf_init(&frame, IPC_FRAME_MAX);
	FRAME_PUT(&frame, job->frame_id, courier_answer, answer);
	enum err err = dynbuf_err(&frame);
	if (err == OK && !id_none(job->attempt))
		err = kept_put(&calls->kept, &job->attempt, dynbuf_view(&frame));
	if (err != OK)
		log_error("an answer could not be kept: %s", err_row(err)->name);
	if (!id_none(job->attempt) || job->generation == calls->generation)
		send_frame(calls, dynbuf_view(&frame));
	dynbuf_done(&frame);
}

static void tell_outcome(struct job *job, enum courier_outcome outcome, uint16_t status,
			 usec_t duration_us)
{
	const struct ipc_courier_answer answer = { .attempt = job->attempt,
						   .outcome = (uint8_t)outcome,
						   .status = status,
						   .duration_us = duration_us };

	tell(job, &answer);
}

/* Of a stream: gate has, or had, the answer itself. */
static void tell_stream(struct job *job, const struct httpc_response *response)
{
	const bool whole = response->outcome == HTTPC_ANSWERED;
	const struct ipc_courier_answer answer = {
		.outcome = (uint8_t)(whole	      ? COURIER_ANSWERED
				     : job->cancelled ? COURIER_CANCELLED
						      : COURIER_UNKNOWN),
		.status = job->status,
		.duration_us = response->duration_us,
		.bytes = response->body_bytes,
		.headers = buf_bytes(job->shown),
	};

	if (job->stream != NULL) {
		struct dynbuf *out = stream_piece(job->stream);
		if (out != NULL)
			scrub_rest(&job->scrub, out);
		stream_sent(job->stream);
	}
	stream_leave(&job->stream, whole);
	tell(job, &answer);
}

/* Text of an answer to a call with cuts that may go to core, or UNUSABLE. Nothing of an error page
 * that cannot be cut is shown, but that it is an error. */
static enum courier_outcome cut_out(struct job *job, const struct httpc_response *response,
				    struct cut *cut, struct dynbuf *capsule)
{
	static const uint8_t no_binding[HASH_LEN];
	struct bytes values[CAPSULE_VALUES_MAX];
	const bool success = response->status >= 200 && response->status < 300;
	const enum err err = cut_answer(httpc_find(response, "content-type"), response->body,
					buf_bytes(job->cuts), cut);

	if (err != OK && (success || err != ERR_MALFORMED))
		return COURIER_UNUSABLE;
	if (err != OK) {
		cut_done(cut);
		return COURIER_ANSWERED;
	}
	for (size_t i = 0; i < cut->count; i++)
		values[i] = secret_bytes(cut->values[i]);
	if (cut->count > 0)
		capsule_seal(&job->calls->out, no_binding, (struct bytes){ NULL, 0 }, values,
			     cut->count, capsule);
	return dynbuf_err(capsule) == OK ? COURIER_ANSWERED : COURIER_UNUSABLE;
}

static void show_headers(struct job *job, const struct httpc_response *response, struct dynbuf *out)
{
	for (size_t i = 0; i < response->header_count; i++) {
		const struct httpc_header *header = &response->headers[i];
		for (size_t k = 0; k < ARRAY_LEN(shown); k++)
			if (bytes_is(header->name, shown[k]) && header->value.n <= IPC_TARGET_MAX)
				ipc_headers_add(out, shown[k], header->value);
	}
	scrub_mask(&job->scrub, out->p, out->n);
}

/* What core may see of the body: the parts that the tool names, its credential masked. False: it is
 * not what parts can be taken of. */
static bool show_body(struct job *job, const struct httpc_response *response, struct dynbuf *out)
{
	const bool success = response->status >= 200 && response->status < 300;
	struct select select;

	if (job->select->n == 0 || !success || response->body.n == 0) {
		wiped_put(out, response->body);
	} else {
		/* Enough that it does not grow, and leave a copy of what is masked below. */
		const size_t room = 2 * response->body.n + IPC_SELECT_MAX;
		wiped_reserve(out, room < IPC_ANSWER_MAX ? room : IPC_ANSWER_MAX);
		if (select_parse(buf_bytes(job->select), &select) != OK ||
		    select_run(&select, response->body, out) != OK)
			return false;
	}
	scrub_mask(&job->scrub, out->p, out->n);
	return true;
}

static void tell_answer(struct job *job, const struct httpc_response *response)
{
	struct dynbuf headers, capsule, body;
	struct cut cut = { 0 };
	struct ipc_courier_answer answer = { .attempt = job->attempt,
					     .outcome = COURIER_ANSWERED,
					     .status = (uint16_t)response->status,
					     .duration_us = response->duration_us,
					     .bytes = response->body.n };

	dynbuf_init(&headers, IPC_HEADERS_MAX);
	dynbuf_init(&capsule, IPC_CAPSULE_MAX);
	dynbuf_init(&body, IPC_ANSWER_MAX);
	show_headers(job, response, &headers);
	if (job->cuts->n > 0) {
		answer.outcome = (uint8_t)cut_out(job, response, &cut, &capsule);
		answer.body = dynbuf_view(&cut.body);
		answer.found = cut.found;
		answer.capsule = dynbuf_view(&capsule);
	} else if (job->number == 0) {
		if (!show_body(job, response, &body))
			answer.outcome = COURIER_UNUSABLE;
		answer.body = dynbuf_view(&body);
	}
	answer.headers = dynbuf_view(&headers);
	if (answer.outcome != COURIER_ANSWERED || dynbuf_err(&headers) != OK ||
	    dynbuf_err(&body) != OK || cut_remains(&cut, answer.headers))
		tell_outcome(job, COURIER_UNUSABLE, answer.status, answer.duration_us);
	else
		tell(job, &answer);
	cut_done(&cut);
	dynbuf_done(&headers);
	dynbuf_done(&capsule);
	wiped_done(&body);
}

/* An answer for gate that has no head to pass on, such as a switch of protocol. */
static bool is_astray(const struct job *job, const struct httpc_response *response)
{
	const bool held = job->hold && response->status == 401;

	return job->number != 0 && response->outcome == HTTPC_ANSWERED && !held && !job->cancelled;
}

/* Ended by us as soon as the reply was there, or as soon as there was too much before it. */
static void tell_reply(struct job *job, const struct httpc_response *response)
{
	struct httpc_response whole = *response;

	if (reply_found(job->reply, &whole.body)) {
		whole.outcome = HTTPC_ANSWERED;
		whole.status = job->status;
		whole.headers = reply_headers(job->reply, &whole.header_count);
		tell_answer(job, &whole);
	} else if (response->outcome == HTTPC_ANSWERED || reply_ended(job->reply)) {
		tell_outcome(job, COURIER_UNUSABLE, job->status, response->duration_us);
	} else {
		tell_outcome(job, COURIER_UNKNOWN, 0, response->duration_us);
	}
}

static void on_done(void *ctx, const struct httpc_response *response)
{
	static const enum courier_outcome outcomes[] = {
		[HTTPC_ANSWERED] = COURIER_ANSWERED,	   [HTTPC_BLOCKED] = COURIER_REFUSED,
		[HTTPC_UNREACHABLE] = COURIER_UNREACHABLE, [HTTPC_UNKNOWN] = COURIER_UNKNOWN,
		[HTTPC_UNUSABLE] = COURIER_UNUSABLE,
	};
	struct job *job = ctx;

	unlink_job(job);
	if (job->streamed) {
		tell_stream(job, response);
	} else if (job->events && !job->unusable) {
		tell_reply(job, response);
	} else if (job->unusable || is_astray(job, response)) {
		tell_outcome(job, COURIER_UNUSABLE, job->status, response->duration_us);
	} else if (response->outcome == HTTPC_ANSWERED) {
		tell_answer(job, response);
	} else {
		log_info("a call to %s failed: %s", job->host, response->why);
		tell_outcome(job,
			     job->cancelled && response->outcome == HTTPC_UNKNOWN
				     ? COURIER_CANCELLED
				     : outcomes[response->outcome],
			     0, response->duration_us);
	}
	job_free(&job);
}

/* An answer that is no event stream is collected as any other. */
static bool on_reply_head(void *ctx, const struct httpc_response *response, uint64_t length)
{
	struct job *job = ctx;

	(void)length;
	if (!reply_streams(response))
		return false;
	job->status = (uint16_t)response->status;
	job->events = true;
	job->unusable = reply_begin(job->reply, response) != OK;
	return true;
}

static bool on_reply_piece(void *ctx, struct bytes piece)
{
	struct job *job = ctx;

	if (!reply_feed(job->reply, piece))
		httpc_cancel(job->transfer);
	return true;
}

static bool on_stream_head(void *ctx, const struct httpc_response *response, uint64_t length)
{
	struct job *job = ctx;
	struct dynbuf lines, shown_lines;

	job->status = (uint16_t)response->status;
	if ((job->hold && response->status == 401) || job->stream == NULL)
		return false;
	dynbuf_init(&lines, IPC_HEADERS_MAX);
	dynbuf_init(&shown_lines, IPC_HEADERS_MAX);
	enum err err = foreign_headers(response, &lines);
	show_headers(job, response, &shown_lines);
	if (err == OK)
		err = dynbuf_err(&shown_lines);
	if (err == OK)
		err = buf_dup(dynbuf_view(&shown_lines), &job->shown);
	if (err == OK) {
		scrub_mask(&job->scrub, lines.p, lines.n);
		stream_head(job->stream, job->status, length, dynbuf_view(&lines));
		job->streamed = true;
	}
	job->unusable = err != OK;
	dynbuf_done(&lines);
	dynbuf_done(&shown_lines);
	return job->streamed;
}

static bool on_stream_piece(void *ctx, struct bytes piece)
{
	struct job *job = ctx;
	struct dynbuf *out;

	if (job->stream == NULL)
		return true; /* it is being cancelled */
	if (!stream_takes(job->stream))
		return false;
	out = stream_piece(job->stream);
	if (out != NULL)
		scrub_piece(&job->scrub, piece, out);
	stream_sent(job->stream);
	return true;
}

static long on_stream_upload(void *ctx, uint8_t *to, size_t max)
{
	struct job *job = ctx;

	return job->stream == NULL ? HTTPC_UPLOAD_BROKEN : stream_upload(job->stream, to, max);
}

static void on_stream_room(void *ctx)
{
	const struct job *job = ctx;

	if (job->transfer != NULL)
		httpc_go_on(job->transfer);
}

static void on_stream_lost(void *ctx)
{
	struct job *job = ctx;

	job->stream = NULL;
	job->cancelled = true;
	if (job->transfer != NULL)
		httpc_cancel(job->transfer);
}

static const struct stream_fns stream_fns = { on_stream_room, on_stream_lost };

static bool on_address(void *ctx, const struct sockaddr *address)
{
	const struct job *job = ctx;

	return guard_address(job->calls->guard, str(job->host), job->port, address);
}

static enum err binding_check(const struct ipc_courier_call *call, const struct capsule *capsule)
{
	struct ipc_courier_call bare = *call;
	struct dynbuf encoded;
	uint8_t hash[SHA256_LEN];

	bare.capsule = (struct bytes){ NULL, 0 };
	dynbuf_init(&encoded, IPC_FRAME_MAX);
	ipc_courier_call_encode(&bare, &encoded);
	const enum err err = dynbuf_err(&encoded);
	sha256_one(dynbuf_view(&encoded), hash);
	dynbuf_done(&encoded);
	TRY(err);
	return ct_eq(capsule->binding, (struct bytes){ hash, sizeof hash }) ? OK : ERR_FORBIDDEN;
}

static enum err open_capsule(struct calls *calls, const struct ipc_courier_call *call,
			     const struct uri *uri, struct capsule *ret)
{
	if (call->capsule.n == 0)
		return OK;
	TRY(capsule_open(&calls->in, call->capsule, ret));
	TRY(binding_check(call, ret));
	return guard_named(ret->hosts, uri) ? OK : ERR_BLOCKED_HOST;
}

static enum err send_call(struct job *job, const struct ipc_courier_call *call,
			  const struct placed *placed)
{
	const struct httpc_stream stream = {
		.head = on_stream_head,
		.piece = on_stream_piece,
		.upload = call->upload != 0 ? on_stream_upload : NULL,
		.upload_length = call->upload_bytes,
	};
	const struct httpc_stream reply = { .head = on_reply_head, .piece = on_reply_piece };
	const bool streams = call->stream != 0;
	const unsigned total = streams ? CALLS_STREAM_MAX_MS : CALLS_TIMEOUT_MAX_MS;
	const struct httpc_request request = {
		.method = http_method_name(call->method),
		.url = placed->url,
		.headers = placed->headers,
		.header_count = placed->header_count,
		.body = placed->body,
		.total_ms = call->timeout_ms < total ? call->timeout_ms : total,
		.first_ms = streams ? CALLS_FIRST_MS : 0,
		.idle_ms = streams ? CALLS_IDLE_MS : 0,
		.stream = streams	   ? &stream
			  : call->rpc != 0 ? &reply
					   : NULL,
		.answer_max = call->answer_max < IPC_ANSWER_MAX ? call->answer_max : IPC_ANSWER_MAX,
	};

	if (request.method == NULL)
		return ERR_MALFORMED;
	if (streams)
		TRY(stream_join(job->calls->streams, call->stream, call->upload != 0, &stream_fns,
				job, &job->stream));
	return httpc_open(job->calls->httpc, &request, on_address, on_done, job, &job->transfer);
}

static enum err with_secrets(struct job *job, const struct ipc_courier_call *call,
			     const struct uri *uri)
{
	struct capsule capsule = { 0 };
	struct placed placed = { 0 };
	enum err err = open_capsule(job->calls, call, uri, &capsule);

	if (err == OK)
		err = scrub_init(&capsule, &job->scrub);
	if (err == OK)
		err = place_secrets(call, &capsule, &placed);
	if (err == OK)
		err = send_call(job, call, &placed);
	placed_done(&placed);
	capsule_done(&capsule);
	return err;
}

static enum err job_begin(struct job *job, const struct ipc_courier_call *call)
{
	struct calls *calls = job->calls;
	struct uri uri;

	TRY(uri_parse(call->url, &uri));
	TRY(guard_url(calls->guard, &uri));
	TRY(bytes_str(uri.host, job->host, sizeof job->host));
	job->port = uri.port;
	job->number = call->stream;
	job->hold = call->hold != 0;
	if (call->stream != 0 && (call->cuts.n > 0 || !id_none(call->attempt)))
		return ERR_MALFORMED; /* what is cut, or kept, is held whole */
	if (call->upload != 0 && (call->stream == 0 || call->body.n > 0))
		return ERR_MALFORMED;
	if (call->rpc != 0 && (call->stream != 0 || call->cuts.n > 0))
		return ERR_MALFORMED;
	if (call->rpc != 0)
		TRY(reply_new(call->rpc, call->answer_max, &job->reply));
	if (call->cuts.n > 0)
		TRY(cut_check(call->cuts));
	TRY(buf_dup(call->cuts, &job->cuts));
	TRY(buf_dup(call->select, &job->select));
	if (calls->promised + job->promised > CALLS_PROMISED_MAX)
		return ERR_OVERLOADED;
	if (!id_none(job->attempt))
		TRY(kept_reserve(&calls->kept, job->promised));
	const enum err err = with_secrets(job, call, &uri);
	if (err == OK)
		link_job(job);
	else if (!id_none(job->attempt))
		kept_unreserve(&calls->kept, job->promised);
	return err;
}

static bool under_way(const struct calls *calls, const struct id *attempt)
{
	for (const struct job *job = calls->jobs; job != NULL; job = job->next)
		if (id_eq(job->attempt, *attempt))
			return true;
	return false;
}

static void refuse(struct calls *calls, uint64_t frame_id, struct id attempt, enum err err)
{
	struct dynbuf *out;
	const struct ipc_courier_answer answer = {
		.attempt = attempt,
		.outcome = err == ERR_OVERLOADED ? COURIER_BUSY : COURIER_REFUSED,
	};

	log_warn("a call was refused: %s", err_row(err)->name);
	if (calls->core != NULL && channel_out(calls->core, &out) == OK)
		FRAME_PUT(out, frame_id, courier_answer, &answer);
}

/* The most that an answer to @call takes as a frame. */
static size_t promise(const struct ipc_courier_call *call)
{
	const size_t body = call->answer_max < IPC_ANSWER_MAX ? call->answer_max : IPC_ANSWER_MAX;

	return body + IPC_HEADERS_MAX + (call->cuts.n > 0 ? IPC_CAPSULE_MAX : 0) + 1024;
}

static void take_call(struct calls *calls, uint64_t frame_id, const struct ipc_courier_call *call)
{
	const bool kept = !id_none(call->attempt);
	const struct buf *again = kept ? kept_find(&calls->kept, &call->attempt) : NULL;

	if (again != NULL) {
		send_frame(calls, buf_bytes(again));
		return;
	}
	if (kept && under_way(calls, &call->attempt)) {
		refuse(calls, frame_id, call->attempt, ERR_USED);
		return;
	}
	scoped(job_free) struct job *job = calloc(1, sizeof *job);
	if (job == NULL) {
		refuse(calls, frame_id, call->attempt, FAULT_NOMEM);
		return;
	}
	*job = (struct job){ .calls = calls,
			     .frame_id = frame_id,
			     .generation = calls->generation,
			     .attempt = call->attempt,
			     .promised = promise(call) };
	const enum err err = job_begin(job, call);
	if (err == OK)
		job = NULL; /* the list has it */
	else
		refuse(calls, frame_id, call->attempt, err);
}

static enum err take_frame(struct calls *calls, const struct frame *frame)
{
	struct ipc_courier_call call;
	struct ipc_courier_cancel cancel;
	struct ipc_courier_ack ack;

	if (frame->type == IPC_TYPE_courier_ack) {
		TRY(ipc_courier_ack_decode(frame->payload, &ack));
		kept_drop(&calls->kept, &ack.attempt);
		return OK;
	}
	if (frame->type == IPC_TYPE_courier_cancel) {
		TRY(ipc_courier_cancel_decode(frame->payload, &cancel));
		streams_drop(calls->streams, cancel.stream);
		return OK;
	}
	if (frame->type != IPC_TYPE_courier_call)
		return ERR_MALFORMED;
	TRY(ipc_courier_call_decode(frame->payload, &call));
	take_call(calls, frame->id, &call);
	return OK;
}

static void on_core_frame(void *ctx, struct bytes bytes)
{
	struct calls *calls = ctx;
	struct frame frame;

	if (frame_next(&bytes, &frame) == OK && bytes.n == 0 && take_frame(calls, &frame) == OK)
		return;
	log_error("core sent what is no call; its stream is closed");
	channel_free(&calls->core);
}
