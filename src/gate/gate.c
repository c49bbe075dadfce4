/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/gate.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/crypto.h"
#include "gate/relay.h"
#include "sys/channel.h"
#include "sys/sandbox.h"

enum {
	MESSAGE_MAX = 400 * 1024, /* boot, with a certificate chain in it */
	IN_FLIGHT_MAX = 16384,
	PER_SOURCE_MAX = 4096,
	CONNECTIONS_MAX = 16384,
	KEEP_ALIVE_MAX = 2048, /* 32 KiB each */
	DESCRIPTORS_SPARE = 64,
	DRAIN_S = 30,
	NUMBER_MAX = 10 * 1000 * 1000,
};

/* boot, then descriptors in any order; ready once it can serve; drain ends it. */
struct gate {
	struct loop *loop;
	struct loop_source *control_source;
	struct loop_timer *drain_timer;
	struct httpd *httpd;
	struct relay *relay;
	int control;
	struct dynbuf certificate, key; /* PEM; wiped once the library has them */
	struct httpd_limits limits;
	bool has_core, ready, draining;
	int status;
};

static const struct httpd_limits default_limits = {
	.body_max = IPC_BODY_MAX,
	.header_max = 16 * 1024,
	.target_max = IPC_TARGET_MAX,
	.header_lines = 100,
	.connections = CONNECTIONS_MAX,
	.per_source = PER_SOURCE_MAX,
	.keep_alive = KEEP_ALIVE_MAX,
	.head_ms = 10 * 1000,
	.idle_ms = 60 * 1000,
};

static void forget_text(struct dynbuf *d)
{
	if (d->p != NULL)
		wipe(d->p, d->n);
	dynbuf_done(d);
}

static void end(struct gate *gate, int status)
{
	gate->status = status;
	loop_stop(gate->loop);
}

static enum err set_number(struct bytes value, unsigned *ret)
{
	uint64_t n;

	TRY(bytes_u64(value, NUMBER_MAX, &n));
	*ret = (unsigned)n;
	return OK;
}

static enum err take_setting(struct gate *gate, struct relay_settings *relay,
			     const struct ipc_setting *s)
{
	const struct {
		const char *name;
		unsigned *to;
	} numbers[] = {
		{ "limits.connections", &gate->limits.connections },
		{ "limits.per_source", &gate->limits.per_source },
		{ "limits.head_ms", &gate->limits.head_ms },
		{ "limits.idle_ms", &gate->limits.idle_ms },
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (bytes_is(s->name, numbers[i].name))
			return set_number(s->value, numbers[i].to);
	if (bytes_is(s->name, "behind_proxy"))
		return peer_trust_parse(s->value, &relay->trust);
	if (bytes_is(s->name, "tls.certificate"))
		dynbuf_bytes(&gate->certificate, s->value);
	if (bytes_is(s->name, "tls.key"))
		dynbuf_bytes(&gate->key, s->value);
	return OK; /* the rest is for other processes */
}

/* More connections than descriptors would end in EMFILE instead of an answer. */
static void fit_descriptors(struct httpd_limits *limits)
{
	struct rlimit have;

	if (getrlimit(RLIMIT_NOFILE, &have) != 0 || have.rlim_cur <= 2 * DESCRIPTORS_SPARE)
		return;
	const rlim_t most = have.rlim_cur - DESCRIPTORS_SPARE;
	if (limits->connections > most)
		limits->connections = (unsigned)most;
}

static enum err take_boot(struct gate *gate, struct bytes payload)
{
	struct relay_settings relay = { .in_flight_max = IN_FLIGHT_MAX };
	struct ipc_setting setting;
	struct ipc_boot boot;
	struct bytes item;
	enum err err;

	if (gate->relay != NULL)
		return ERR_MALFORMED;
	TRY(ipc_boot_decode(payload, &boot));
	if (boot.role != ROLE_GATE)
		return ERR_MALFORMED;
	log_init("gate", boot.log_level);
	while ((err = ipc_list_next(&boot.settings, &item)) == OK) {
		TRY(ipc_setting_decode(item, &setting));
		TRY(take_setting(gate, &relay, &setting));
	}
	if (err != ERR_NOT_FOUND)
		return err;
	/* Behind a proxy all have one address. */
	if (relay.trust.n > 0)
		gate->limits.per_source = 0;
	fit_descriptors(&gate->limits);
	dynbuf_u8(&gate->certificate, 0);
	dynbuf_u8(&gate->key, 0);
	TRY(dynbuf_err(&gate->certificate));
	TRY(dynbuf_err(&gate->key));
	relay.capsule_key = boot.gate_key;
	err = relay_new(gate->loop, &relay, &gate->relay);
	wipe(&boot, sizeof boot);
	return err;
}

static enum err take_listener(struct gate *gate, int fd)
{
	const bool tls = gate->certificate.n > 1;
	const struct httpd_tls pem = {
		.certificate_pem = tls ? (const char *)gate->certificate.p : NULL,
		.key_pem = tls ? (const char *)gate->key.p : NULL,
	};

	if (gate->httpd != NULL)
		return httpd_listen(gate->httpd, fd);
	TRY(httpd_new(gate->loop, fd, &gate->limits, &pem, relay_request, relay_gone, gate->relay,
		      &gate->httpd));
	httpd_streams(gate->httpd, &relay_streams);
	forget_text(&gate->certificate);
	forget_text(&gate->key);
	return OK;
}

static enum err take_hand(struct gate *gate, struct bytes payload, int fd)
{
	struct ipc_hand hand;

	TRY(ipc_hand_decode(payload, &hand));
	if (gate->relay == NULL || fd < 0)
		return ERR_MALFORMED;
	if (hand.what == HANDED_LISTEN)
		return take_listener(gate, fd);
	if (hand.what == HANDED_COURIER)
		return relay_courier(gate->relay, fd);
	if (hand.what != HANDED_CORE)
		return ERR_MALFORMED;
	gate->has_core = true;
	return relay_core(gate->relay, fd);
}

static void on_drain_over(void *ctx)
{
	end(ctx, EXIT_SUCCESS);
}

static enum err take_drain(struct gate *gate)
{
	gate->draining = true;
	if (gate->httpd != NULL)
		httpd_drain(gate->httpd);
	if (gate->relay != NULL)
		relay_closing(gate->relay);
	loop_timer_set(gate->drain_timer, clock_boot() + DRAIN_S * USEC_PER_S);
	return OK;
}

static enum err say_ready(struct gate *gate)
{
	const struct ipc_ready m = {};
	struct dynbuf out;
	enum err err;

	dynbuf_init(&out, 64);
	FRAME_PUT(&out, 0, ready, &m);
	err = dynbuf_err(&out);
	if (err == OK)
		err = handover_send(gate->control, dynbuf_view(&out), -1);
	dynbuf_done(&out);
	gate->ready = true;
	return err;
}

static enum err take_message(struct gate *gate, struct bytes message, int fd)
{
	struct frame frame;

	if (frame_next(&message, &frame) != OK || message.n > 0)
		return ERR_MALFORMED;
	if (frame.type == IPC_TYPE_boot)
		return take_boot(gate, frame.payload);
	if (frame.type == IPC_TYPE_drain)
		return take_drain(gate);
	if (frame.type != IPC_TYPE_hand)
		return ERR_MALFORMED;
	TRY(take_hand(gate, frame.payload, fd));
	if (gate->ready || gate->httpd == NULL || !gate->has_core)
		return OK;
	return say_ready(gate);
}

static void on_control(void *ctx, uint32_t events)
{
	struct gate *gate = ctx;
	scoped(buf_free) struct buf *room = NULL;
	size_t n = MESSAGE_MAX;
	int fd = -1;
	enum err err = buf_new(MESSAGE_MAX, &room);

	if (err == OK)
		err = handover_recv(gate->control, room->p, &n, &fd);
	if (err == ERR_NOT_FOUND) {
		end(gate, EXIT_SUCCESS); /* the parent has gone: nobody is left to serve for */
		return;
	}
	if (err == OK) {
		err = take_message(gate, (struct bytes){ room->p, n }, fd);
		wipe(room->p, n);
	}
	if (err != OK) {
		log_error("a message of the parent was refused: %s", err_row(err)->name);
		end(gate, EXIT_FAILURE);
	}
}

/* What the last batch answered may bring in the next requests; then all of them leave together. */
static void after(void *ctx)
{
	struct gate *gate = ctx;

	if (gate->httpd != NULL)
		httpd_flush(gate->httpd);
	if (gate->relay != NULL)
		relay_flush(gate->relay);
	if (gate->draining && (gate->httpd == NULL || httpd_connections(gate->httpd) == 0))
		end(gate, EXIT_SUCCESS);
}

static enum err run(struct gate *gate)
{
	gate->limits = default_limits;
	dynbuf_init(&gate->certificate, MESSAGE_MAX);
	dynbuf_init(&gate->key, MESSAGE_MAX);
	TRY(loop_new(&gate->loop));
	TRY(loop_timer_new(gate->loop, on_drain_over, gate, &gate->drain_timer));
	TRY(loop_add(gate->loop, gate->control, EPOLLIN, on_control, gate, &gate->control_source));
	loop_after(gate->loop, after, gate);
	return loop_run(gate->loop);
}

static void finish(struct gate *gate)
{
	httpd_free(&gate->httpd);
	relay_free(&gate->relay);
	forget_text(&gate->certificate);
	forget_text(&gate->key);
	loop_timer_free(&gate->drain_timer);
	if (gate->control_source != NULL)
		loop_del(&gate->control_source);
	loop_free(&gate->loop);
}

int gate_main(int control)
{
	struct gate gate = { .control = control };

	log_init("gate", LOG_INFO);
	if (crypto_init() != OK ||
	    sandbox_enter(&sandbox_gate, (struct sandbox_dirs){ -1, -1, -1 }) != OK) {
		log_error("the sandbox cannot be entered; nothing is served without it");
		return EXIT_FAILURE;
	}
	const enum err err = run(&gate);
	finish(&gate);
	if (err == OK)
		return gate.status;
	log_error("stopped: %s", err_row(err)->name);
	return EXIT_FAILURE;
}
