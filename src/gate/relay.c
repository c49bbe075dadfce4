/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/relay.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/secret.h"
#include "crypto/crypto.h"
#include "gate/fields.h"
#include "gate/outlet.h"
#include "gate/path.h"
#include "gate/splice.h"
#include "gate/transit.h"
#include "ipc/capsule.h"
#include "sys/channel.h"

enum {
	QUEUE_MAX = 32 * 1024 * 1024,
	JOINED_MAX = IPC_TARGET_MAX,
};

struct relay {
	struct loop *loop;
	struct channel *core;
	struct secret *key;
	struct capsule_sender to_keeper;
	struct capsule_receiver from_keeper;
	struct peer_trust trust;
	struct map pending; /* id to httpd_request that has no answer yet */
	struct outlets outlets;
	struct transits transits;
	uint64_t last_id;
	struct dynbuf frame, lines, joined, sealed;
	struct fields fields;
};

/* Paths whose body is a secret for keeper: core gets it sealed or not at all. */
static const struct {
	const char *pattern;
	uint8_t method;
} secret_routes[] = {
	{ "/api/v1/services/*/client-secret", HTTP_PUT },
};

static void on_begun(void *ctx, uint64_t id)
{
	struct relay *relay = ctx;

	(void)map_del(&relay->pending, id);
}

enum err relay_new(struct loop *loop, const struct relay_settings *settings, struct relay **ret)
{
	scoped(relay_free) struct relay *relay = calloc(1, sizeof *relay);

	if (relay == NULL)
		return FAULT_NOMEM;
	relay->loop = loop;
	relay->trust = settings->trust;
	map_init(&relay->pending, settings->in_flight_max);
	TRY(outlets_init(&relay->outlets, loop, settings->in_flight_max));
	transits_init(&relay->transits, loop, settings->in_flight_max, on_begun, relay);
	dynbuf_init(&relay->frame, IPC_FRAME_MAX);
	dynbuf_init(&relay->lines, IPC_HEADERS_MAX);
	dynbuf_init(&relay->joined, JOINED_MAX);
	dynbuf_init(&relay->sealed, IPC_CAPSULE_MAX);
	TRY(secret_dup((struct bytes){ settings->capsule_key, AEAD_KEY_LEN }, &relay->key));
	capsule_sender_init(&relay->to_keeper, secret_bytes(relay->key).p, CAPSULE_IN);
	capsule_receiver_init(&relay->from_keeper, secret_bytes(relay->key).p, CAPSULE_OUT);
	*ret = take(relay);
	return OK;
}

void relay_free(struct relay **relayp)
{
	struct relay *relay = take(*relayp);

	if (relay == NULL)
		return;
	channel_free(&relay->core);
	secret_free(&relay->key);
	map_done(&relay->pending);
	outlets_done(&relay->outlets);
	transits_done(&relay->transits);
	dynbuf_done(&relay->frame);
	dynbuf_done(&relay->lines);
	dynbuf_done(&relay->joined);
	dynbuf_done(&relay->sealed);
	free(relay);
}

/* Lines of gate's own answers; those with a status are for that one alone, and the first of a name
 * counts. */
static const struct {
	int status;
	const char *name, *value;
} refusal_lines[] = {
	{ 200, "Content-Type", "application/json" },
	{ 0, "Content-Type", "application/problem+json" },
	{ 0, "Cache-Control", "no-store" },
	{ 0, "X-Content-Type-Options", "nosniff" },
	{ 0, "Referrer-Policy", "no-referrer" },
	{ 0, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
	{ 405, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" },
	{ 503, "Retry-After", "1" },
};

static void respond(struct httpd_request *request, int status, const char *text)
{
	struct httpd_field fields[ARRAY_LEN(refusal_lines)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(refusal_lines); i++)
		if ((refusal_lines[i].status == 0 || refusal_lines[i].status == status) &&
		    (n == 0 || strcmp(fields[n - 1].name, refusal_lines[i].name) != 0))
			fields[n++] = (struct httpd_field){ refusal_lines[i].name,
							    str(refusal_lines[i].value) };
	httpd_respond(request, (unsigned)status, fields, n, str(text));
}

/* A problem of RFC 9457; the texts of errors.def need no escapes. */
static void refuse(struct httpd_request *request, enum err err)
{
	const struct err_row *row = err_row(err < OK ? ERR_OVERLOADED : err);
	char text[512], code[32];
	size_t n = 0;

	for (; row->name[n] != '\0' && n < sizeof code - 1; n++)
		code[n] = (char)tolower((unsigned char)row->name[n]);
	code[n] = '\0';
	snprintf(text, sizeof text,
		 "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\","
		 "\"mend\":\"%s\"}\n",
		 row->says, row->status, code, row->mend);
	respond(request, row->status, text);
}

/* What is kept at a request of httpd: its id, and whether its client speaks TLS. */
static void note(struct httpd_request *request, uint64_t id, bool secure)
{
	httpd_set(request, (void *)(uintptr_t)(id << 1 | (secure ? 1 : 0)));
}

static uint64_t noted_id(const struct httpd_request *request)
{
	return (uint64_t)(uintptr_t)httpd_get(request) >> 1;
}

static bool noted_secure(const struct httpd_request *request)
{
	return ((uintptr_t)httpd_get(request) & 1) != 0;
}

static struct peer resolve_peer(struct relay *relay, const struct httpd_request *request)
{
	struct peer peer = { .secure = httpd_secure(request) };
	struct bytes proto;
	uint8_t last[64];
	size_t n;

	peer_of_socket(httpd_peer(request), peer.address);
	if (!peer_trusted(&relay->trust, peer.address))
		return peer;
	proto = fields_join(request, "x-forwarded-proto", &relay->joined);
	/* The end of the list is what counts; its start is the client's. */
	n = proto.n < sizeof last ? proto.n : sizeof last;
	put(last, proto.p + (proto.n - n), n);
	peer_resolve(&relay->trust, fields_join(request, "x-forwarded-for", &relay->joined),
		     (struct bytes){ last, n }, &peer);
	return peer;
}

static bool is_secret_path(struct bytes path)
{
	for (size_t i = 0; i < ARRAY_LEN(secret_routes); i++)
		if (path_is(path, secret_routes[i].pattern))
			return true;
	return false;
}

static bool takes_secret(struct bytes path, uint8_t method)
{
	for (size_t i = 0; i < ARRAY_LEN(secret_routes); i++)
		if (method == secret_routes[i].method && path_is(path, secret_routes[i].pattern))
			return true;
	return false;
}

static enum err seal_body(struct relay *relay, struct bytes body, struct bytes *ret)
{
	static const uint8_t unbound[HASH_LEN];

	if (body.n == 0)
		return ERR_MALFORMED;
	if (body.n > IPC_TOKEN_MAX)
		return ERR_TOO_LARGE;
	dynbuf_reset(&relay->sealed);
	capsule_seal(&relay->to_keeper, unbound, (struct bytes){ NULL, 0 }, &body, 1,
		     &relay->sealed);
	TRY(dynbuf_err(&relay->sealed));
	*ret = dynbuf_view(&relay->sealed);
	return OK;
}

static enum err send_frame(struct relay *relay)
{
	struct dynbuf *out;

	TRY(dynbuf_err(&relay->frame));
	if (relay->core == NULL)
		return ERR_OVERLOADED;
	TRY(channel_out(relay->core, &out));
	dynbuf_bytes(out, dynbuf_view(&relay->frame));
	return dynbuf_err(out);
}

static enum err send_request(struct relay *relay, struct httpd_request *request,
			     struct ipc_http_request *m)
{
	const struct peer peer = resolve_peer(relay, request);
	const uint64_t id = relay->last_id + 1;

	dynbuf_reset(&relay->lines);
	fields_from_request(request, &relay->lines);
	TRY(dynbuf_err(&relay->lines));
	m->secure = peer.secure;
	m->address = (struct bytes){ peer.address, PEER_LEN };
	m->headers = dynbuf_view(&relay->lines);
	m->more = !httpd_whole(request);
	m->length = httpd_whole(request) ? m->body.n : httpd_length(request);

	TRY(map_put(&relay->pending, id, request));
	dynbuf_reset(&relay->frame);
	FRAME_PUT(&relay->frame, id, http_request, m);
	const enum err err = send_frame(relay);
	if (err != OK) {
		map_del(&relay->pending, id);
		return err;
	}
	relay->last_id = id;
	note(request, id, peer.secure);
	return OK;
}

static enum err forward(struct relay *relay, struct httpd_request *request, struct bytes path)
{
	struct ipc_http_request m = { .target = httpd_target(request) };

	TRY(path_check(path));
	if (http_method_parse(httpd_method(request), &m.method) != OK)
		return ERR_METHOD;
	if (relay->core == NULL || relay->pending.n >= relay->pending.max)
		return ERR_OVERLOADED;
	if (takes_secret(path, m.method))
		TRY(seal_body(relay, httpd_body(request), &m.capsule));
	else if (!is_secret_path(path))
		m.body = httpd_body(request);
	return send_request(relay, request, &m);
}

/* Alive is what gate can say by itself; whether there is service, /readyz says. */
static bool answer_health(struct httpd_request *request, struct bytes path)
{
	const struct bytes method = httpd_method(request);

	if (!bytes_is(path, "/healthz") || !(bytes_is(method, "GET") || bytes_is(method, "HEAD")))
		return false;
	respond(request, 200, "{\"status\":\"alive\"}\n");
	return true;
}

void relay_request(void *ctx, struct httpd_request *request)
{
	const struct bytes path = path_of(httpd_target(request));

	if (answer_health(request, path))
		return;
	const enum err err = forward(ctx, request, path);
	if (err != OK)
		refuse(request, err);
}

void relay_gone(void *ctx, struct httpd_request *request)
{
	struct relay *relay = ctx;
	const uint64_t id = noted_id(request);
	struct outlet *outlet = outlet_find(&relay->outlets, id);
	struct transit *transit = transit_find(&relay->transits, id);
	const struct ipc_http_gone m = {};

	map_del(&relay->pending, id);
	if (transit != NULL && !transit_gone(&relay->transits, transit))
		return;
	if (outlet != NULL)
		outlet_forget(&relay->outlets, outlet);
	dynbuf_reset(&relay->frame);
	FRAME_PUT(&relay->frame, id, http_gone, &m);
	/* When there is no room core does work that nobody waits for; no more. */
	if (send_frame(relay) != OK)
		log_debug("core was not told that a client has gone");
}

void relay_closing(struct relay *relay)
{
	const struct ipc_http_closing m = {};

	dynbuf_reset(&relay->frame);
	FRAME_PUT(&relay->frame, 0, http_closing, &m);
	if (send_frame(relay) != OK)
		log_debug("core was not told that gate is closing");
}

static void relay_room(void *ctx, struct httpd_request *request)
{
	struct relay *relay = ctx;
	const uint64_t id = noted_id(request);
	struct outlet *outlet = outlet_find(&relay->outlets, id);
	struct transit *transit = transit_find(&relay->transits, id);
	const struct ipc_http_room m = {};

	if (transit != NULL)
		transit_room(&relay->transits, transit);
	if (outlet == NULL || !outlet_room(outlet))
		return;
	dynbuf_reset(&relay->frame);
	FRAME_PUT(&relay->frame, id, http_room, &m);
	if (send_frame(relay) != OK)
		outlet->full = true; /* the next piece that leaves tries again */
}

static bool relay_permit(void *ctx, const struct httpd_request *request)
{
	return path_proxied(path_of(httpd_target(request)));
}

static void relay_piece(void *ctx, struct httpd_request *request, struct bytes piece)
{
	struct relay *relay = ctx;
	struct transit *transit = transit_find(&relay->transits, noted_id(request));

	if (transit != NULL)
		transit_piece(&relay->transits, transit, piece);
}

static size_t relay_whole(void *ctx, const struct httpd_request *request)
{
	(void)ctx;
	return bytes_starts(path_of(httpd_target(request)), "/mcp/") ? IPC_REQUEST_MAX : 0;
}

const struct httpd_stream_fns relay_streams = { relay_permit, relay_whole, relay_piece,
						relay_room };

static enum err answer_body(struct relay *relay, const struct ipc_http_response *m,
			    struct buf **ret)
{
	scoped(capsule_done) struct capsule capsule = { 0 };

	if (m->capsule.n == 0)
		return m->body.n == 0 ? OK : buf_dup(m->body, ret);
	TRY(capsule_open(&relay->from_keeper, m->capsule, &capsule));
	if (capsule.count != 1)
		return ERR_MALFORMED;
	return splice_make(m->body, m->capsule_at, capsule.values[0], ret);
}

static enum err answer(struct relay *relay, struct httpd_request *request, struct bytes payload)
{
	struct ipc_http_response m;
	struct buf *body = NULL;

	TRY(ipc_http_response_decode(payload, &m));
	if (m.status < 200 || m.status > 599)
		return ERR_MALFORMED;
	TRY(fields_for_answer(m.headers, noted_secure(request), &relay->fields));
	TRY(answer_body(relay, &m, &body));
	httpd_respond_take(request, m.status, relay->fields.rows, relay->fields.n, &body);
	return OK;
}

static enum err take_response(struct relay *relay, uint64_t id, struct bytes payload)
{
	struct httpd_request *request = map_del(&relay->pending, id);
	struct outlet *outlet = outlet_find(&relay->outlets, id);

	if (outlet != NULL)
		outlet_end(&relay->outlets, outlet, false);
	if (request != NULL && transit_find(&relay->transits, id) != NULL)
		transit_drop(&relay->transits, transit_find(&relay->transits, id));
	if (request == NULL)
		return OK; /* its client has gone */
	const enum err err = answer(relay, request, payload);
	if (err != OK)
		refuse(request, ERR_SERVER);
	return err;
}

static enum err begin(struct relay *relay, struct httpd_request *request, uint64_t id,
		      const struct ipc_http_begin *m)
{
	if (m->status < 200 || m->status > 599)
		return ERR_MALFORMED;
	TRY(fields_for_answer(m->headers, noted_secure(request), &relay->fields));
	return outlet_open(&relay->outlets, id, request, m->beat != 0);
}

static enum err take_begin(struct relay *relay, uint64_t id, struct bytes payload)
{
	struct httpd_request *request = map_del(&relay->pending, id);
	struct ipc_http_begin m;

	if (request == NULL)
		return OK;
	enum err err = ipc_http_begin_decode(payload, &m);
	if (err == OK)
		err = begin(relay, request, id, &m);
	if (err != OK) {
		refuse(request, ERR_SERVER);
		return err;
	}
	if (httpd_begin(request, m.status, relay->fields.rows, relay->fields.n,
			HTTPD_LENGTH_UNKNOWN) == OK)
		return OK;
	outlet_forget(&relay->outlets, outlet_find(&relay->outlets, id));
	return ERR_CONFLICT;
}

static enum err take_data(struct relay *relay, uint64_t id, struct bytes payload)
{
	struct outlet *outlet = outlet_find(&relay->outlets, id);
	const struct ipc_http_full full = {};
	struct ipc_http_data m;

	TRY(ipc_http_data_decode(payload, &m));
	if (outlet == NULL || !outlet_send(&relay->outlets, outlet, m.bytes))
		return OK;
	dynbuf_reset(&relay->frame);
	FRAME_PUT(&relay->frame, id, http_full, &full);
	return send_frame(relay);
}

static enum err take_end(struct relay *relay, uint64_t id, struct bytes payload)
{
	struct outlet *outlet = outlet_find(&relay->outlets, id);
	struct ipc_http_end m;

	TRY(ipc_http_end_decode(payload, &m));
	if (outlet != NULL)
		outlet_end(&relay->outlets, outlet, m.whole != 0);
	return OK;
}

static enum err take_stream(struct relay *relay, uint64_t id, struct bytes payload)
{
	struct httpd_request *request = map_find(&relay->pending, id);
	struct ipc_http_stream m;

	TRY(ipc_http_stream_decode(payload, &m));
	if (request == NULL)
		return OK; /* core hears of it: courier will not wait */
	const struct transit_new new = { id, m.stream, request, noted_secure(request) };
	const enum err err = transit_open(&relay->transits, &new);
	if (err == OK)
		return OK;
	/* Core hears that nobody waits, and calls courier back. */
	relay_gone(relay, request);
	refuse(request, ERR_OVERLOADED);
	return err;
}

static const struct {
	uint8_t type;
	enum err (*fn)(struct relay *relay, uint64_t id, struct bytes payload);
} takes[] = {
	{ IPC_TYPE_http_response, take_response }, { IPC_TYPE_http_begin, take_begin },
	{ IPC_TYPE_http_data, take_data },	   { IPC_TYPE_http_end, take_end },
	{ IPC_TYPE_http_stream, take_stream },
};

static enum err take_frame(struct relay *relay, struct bytes bytes)
{
	struct frame frame;

	TRY(frame_next(&bytes, &frame));
	for (size_t i = 0; i < ARRAY_LEN(takes); i++)
		if (takes[i].type == frame.type)
			return takes[i].fn(relay, frame.id, frame.payload);
	return ERR_UNSUPPORTED;
}

static void on_frame(void *ctx, struct bytes bytes)
{
	const enum err err = take_frame(ctx, bytes);

	if (err != OK)
		log_error("an answer of core cannot be sent: %s", err_row(err)->name);
}

static void core_lost(void *ctx)
{
	struct relay *relay = ctx;
	const size_t max = relay->pending.max;
	struct httpd_request *request;
	size_t at = 0;

	channel_free(&relay->core);
	if (relay->pending.n > 0)
		log_warn("core is away; %zu requests are answered 503", relay->pending.n);
	while ((request = map_next(&relay->pending, &at)) != NULL) {
		struct transit *transit = transit_find(&relay->transits, noted_id(request));
		if (transit != NULL)
			transit_drop(&relay->transits, transit);
		refuse(request, transit != NULL ? ERR_UNCERTAIN : ERR_OVERLOADED);
	}
	map_done(&relay->pending);
	map_init(&relay->pending, max);
	outlets_break(&relay->outlets);
}

enum err relay_core(struct relay *relay, int fd)
{
	core_lost(relay);
	return channel_new(relay->loop, fd, IPC_FRAME_MAX, QUEUE_MAX, on_frame, core_lost, relay,
			   &relay->core);
}

enum err relay_courier(struct relay *relay, int fd)
{
	return transits_courier(&relay->transits, fd);
}

void relay_flush(struct relay *relay)
{
	transits_flush(&relay->transits);
	if (relay->core != NULL)
		channel_flush(relay->core);
}
