/* SPDX-License-Identifier: Apache-2.0 */
#include "core/core.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "core/api/api.h"
#include "core/flow/chores.h"
#include "core/flow/flow.h"
#include "core/flow/refresh.h"
#include "core/flow/scrub.h"
#include "core/flow/toolcall.h"
#include "core/flow/undone.h"
#include "core/follower.h"
#include "core/mcp/mcp.h"
#include "core/timezones.h"
#include "crypto/crypto.h"
#include "sys/channel.h"
#include "sys/sandbox.h"

/*
 * States: WAITING for keys (keeper sealed, or not yet heard of): every request
 * is answered 503. SERVING: the store is open. A batch is what came with one
 * turn of the loop, in parts of BATCH_FRAMES; see flow.h.
 */
enum {
	QUEUE_MAX = 64 * 1024 * 1024,
	TICK_MS = 1000,
	BATCH_FRAMES = 16, /* then keeper and courier begin, while core reads on */
	EXIT_UNCERTAIN = 75,
};

struct core {
	struct loop *loop;
	struct loop_source *control_source;
	struct loop_timer *tick;
	int control;
	struct channel *channels[PEER_COUNT];
	struct flow flow;
	struct follower *follower;
	bool in_batch, serving, draining;
	unsigned batch_frames;
	int status;
};

static void core_stop(struct core *core, int status)
{
	core->status = status;
	loop_stop(core->loop);
}

static enum err batch_begin(struct core *core)
{
	if (core->in_batch)
		return OK;
	core->in_batch = true;
	core->batch_frames = 0;
	flow_batch_begin(&core->flow);
	return core->serving ? store_begin(core->flow.store) : OK;
}

/* The disk was full. What came with the batch is told so; what it had settled is settled again
 * after a restart, from what courier keeps until it is acknowledged. The calls to courier rest on
 * what was committed before, and go on. */
static void batch_refuse(struct core *core)
{
	struct flow *flow = &core->flow;
	const uint64_t batch = flow->count[COUNT_BATCHES];

	if (flow->batch_writes == 0) {
		undone_refuse(flow);
		flow_batch_begin(flow);
		if (store_begin(flow->store) == OK) {
			flow_unsent(flow, batch);
			if (store_commit(flow->store) == OK)
				return;
		}
	}
	log_error("the disk is full and an outcome could not be stored: starting again");
	undone_calls_alone(flow);
	core_stop(core, EXIT_UNCERTAIN);
}

static void send_staged(struct core *core)
{
	struct dynbuf *out;

	for (size_t i = 0; i < PEER_COUNT; i++) {
		struct dynbuf *staged = &core->flow.staged[i];
		if (staged->n == 0)
			continue;
		/* Courier is starting again: what is for it waits. Who asked a dead gate is gone
		 * too. */
		if (core->channels[i] == NULL && i == PEER_COURIER)
			continue;
		if (core->channels[i] == NULL && i == PEER_GATE) {
			dynbuf_reset(staged);
			continue;
		}
		if (core->channels[i] == NULL || channel_out(core->channels[i], &out) != OK) {
			log_warn("a peer does not take its messages: starting again");
			core_stop(core, EXIT_UNCERTAIN);
			return;
		}
		dynbuf_bytes(out, dynbuf_view(staged));
		dynbuf_reset(staged);
		channel_flush(core->channels[i]);
	}
}

static void batch_end(void *ctx)
{
	struct core *core = ctx;

	if (!core->in_batch)
		return;
	core->in_batch = false;
	enum err err = core->serving ? toolcall_go_on(&core->flow) : OK;
	if (err != OK)
		log_warn("approved calls could not be begun: %s", err_row(err)->name);
	err = core->serving ? store_commit(core->flow.store) : OK;
	if (err == ERR_LOG_FULL) {
		batch_refuse(core);
	} else if (err != OK) {
		/* Whether the batch is durable is unknown: only reading it anew can tell (I11). */
		log_error("the commit of a batch failed: starting again to read what holds");
		_exit(EXIT_UNCERTAIN);
	}
	send_staged(core);
	call_sweep(&core->flow);
	if (core->flow.suspected || core->flow.unstored)
		core_stop(core, EXIT_UNCERTAIN);
	if (core->follower != NULL)
		follower_size(core->follower, core->flow.keeper.log_size);
}

/* I4: a database with fewer changes than the log knows of was put back. An operator who accepts
 * that, or restores a backup, raises the generation; nothing else does. ERR_ROLLBACK: keeper has
 * been told, nothing may be served. */
static enum err check_rollback(struct core *core)
{
	struct flow *flow = &core->flow;
	const struct ipc_rollback_suspected message = {};
	uint64_t changes, generation, log_size, suspect;

	TRY(flow_meta(flow, "changes", &changes));
	TRY(flow_meta(flow, "log_size", &log_size));
	TRY(flow_meta(flow, "generation", &generation));
	TRY(flow_meta(flow, SCRUB_MARK, &suspect));
	/* A database of another generation is as suspect as one with fewer changes. */
	const bool log_older = log_size > flow->keeper.log_size;
	const bool suspected = suspect != 0 || changes < flow->keeper.log_change || log_older ||
			       (generation != 0 && generation != flow->generation);
	if (suspected && flow->keeper.accepted == 0) {
		FRAME_PUT(&flow->staged[PEER_KEEPER], 0, rollback_suspected, &message);
		return ERR_ROLLBACK;
	}
	if (suspect != 0)
		TRY(store_meta_put(flow->store, SCRUB_MARK, 0));
	if (log_older)
		TRY(store_meta_put(flow->store, "log_size", flow->keeper.log_size));
	if (changes < flow->keeper.log_change)
		TRY(store_meta_put(flow->store, "changes", flow->keeper.log_change));
	return generation == flow->generation
		       ? OK
		       : store_meta_put(flow->store, "generation", flow->generation);
}

static enum err serve_begin(struct core *core, const struct ipc_keeper_keys *keys)
{
	struct flow *flow = &core->flow;
	const struct store_keys store_keys = {
		.version = keys->version,
		.generation = keys->generation,
		.tokhash = keys->tokhash,
		.rowmac = keys->rowmac,
		.text = keys->text,
	};

	if (core->serving || flow->store != NULL) /* what is held is of another generation */
		return keys->generation == flow->generation ? OK : ERR_EXPIRED;
	TRY(store_open(flow->state_dir, &store_keys, &flow->store));
	flow->generation = keys->generation;
	memcpy(flow->text_key, keys->text, sizeof flow->text_key);
	TRY(events_open(flow->state_dir, flow->log_dir, false, &flow->events));
	TRY(store_begin(flow->store));
	const enum err err = check_rollback(core);
	if (err != OK) {
		store_rollback(flow->store);
		return err;
	}
	core->serving = core->in_batch = true;
	return chores_start(flow);
}

static void on_keys(struct core *core, const struct frame *frame)
{
	struct ipc_keeper_keys keys;

	enum err err = ipc_keeper_keys_decode(frame->payload, &keys);
	if (err == OK)
		err = serve_begin(core, &keys);
	wipe(&keys, sizeof keys);
	if (err == ERR_ROLLBACK) {
		log_error("the database and the log are not of one time: not serving");
		return;
	}
	if (err == OK) {
		if (core->channels[PEER_COURIER] != NULL)
			channel_pause(core->channels[PEER_COURIER], false);
		log_info("serving, generation %llu", (unsigned long long)core->flow.generation);
		return;
	}
	log_error("the store could not be opened: %s", err_row(err)->name);
	core_stop(core, EXIT_UNCERTAIN);
}

/* What is durable in the log: should less of it be there one day, it was put back. */
static enum err remember_log(struct core *core)
{
	struct flow *flow = &core->flow;
	uint64_t size;

	TRY(flow_meta(flow, "log_size", &size));
	return size >= flow->keeper.log_size
		       ? OK
		       : store_meta_put(flow->store, "log_size", flow->keeper.log_size);
}

static void on_keeper_state(struct core *core, const struct frame *frame)
{
	struct ipc_keeper_state state;

	if (ipc_keeper_state_decode(frame->payload, &state) != OK)
		return;
	core->flow.keeper = state;
	if (core->follower != NULL)
		follower_size(core->follower, state.log_size);
	if (core->serving && core->in_batch && state.state == KEEPER_UNSEALED)
		err_ignore(remember_log(core)); /* the next second remembers it */
	if (core->serving && state.state != KEEPER_UNSEALED) {
		log_warn("the keeper was sealed");
		core_stop(core, EXIT_SEALED);
	}
}

static void refuse_sealed(struct core *core, uint64_t gate_id)
{
	static const char body[] = "{\"error\":\"temporarily_unavailable\",\"code\":\"sealed\","
				   "\"status\":503,\"title\":\"The keeper is sealed.\",\"mend\":"
				   "\"Run 'valetkey key unseal' on the server.\"}";
	uint8_t room[256];
	struct dynbuf headers = { .p = room, .room = sizeof room, .max = sizeof room };

	ipc_headers_add(&headers, "content-type", str("application/problem+json"));
	ipc_headers_add(&headers, "retry-after", str("5"));
	const struct ipc_http_response response = { .status = 503,
						    .headers = dynbuf_view(&headers),
						    .body = str(body) };
	FRAME_PUT(&core->flow.staged[PEER_GATE], gate_id, http_response, &response);
}

static void on_http_request(struct core *core, const struct frame *frame)
{
	struct ipc_http_request request;
	struct call *call;

	if (ipc_http_request_decode(frame->payload, &request) != OK)
		return;
	if (!core->serving) {
		refuse_sealed(core, frame->id);
		return;
	}
	flow_request_begin(&core->flow);
	if (call_new(&core->flow, frame->id, &request, &call) != OK) {
		const struct ipc_http_response busy = { .status = 503 };
		FRAME_PUT(&core->flow.staged[PEER_GATE], frame->id, http_response, &busy);
		return;
	}
	api_handle(&core->flow, call);
}

/* An answer that names a record says that all records up to it are durable. */
static void log_grown(struct core *core, const struct frame *frame)
{
	if ((frame->type == IPC_TYPE_appended || frame->type == IPC_TYPE_released) &&
	    frame->payload.n >= 8 && get_u64(frame->payload.p) >= core->flow.keeper.log_size)
		core->flow.keeper.log_size = get_u64(frame->payload.p) + 1;
}

static void on_frame(struct core *core, enum flow_peer peer, struct bytes bytes)
{
	struct frame frame;

	if (frame_next(&bytes, &frame) != OK)
		return;
	if (core->in_batch && core->batch_frames == BATCH_FRAMES)
		batch_end(core);
	if (core->status != EXIT_SUCCESS)
		return; /* what stays unanswered is seen to by who asked */
	const enum err err = batch_begin(core);
	core->batch_frames++;
	if (err != OK) {
		log_error("a batch could not begin: starting again");
		core_stop(core, EXIT_UNCERTAIN);
		return;
	}
	if (peer == PEER_GATE && frame.type == IPC_TYPE_http_request)
		on_http_request(core, &frame);
	else if (peer == PEER_GATE && frame.type == IPC_TYPE_http_gone)
		call_gone(&core->flow, frame.id);
	else if (peer == PEER_GATE && frame.type == IPC_TYPE_http_full)
		call_room(&core->flow, frame.id, false);
	else if (peer == PEER_GATE && frame.type == IPC_TYPE_http_room)
		call_room(&core->flow, frame.id, true);
	else if (peer == PEER_GATE && frame.type == IPC_TYPE_http_closing)
		mcp_closing(&core->flow, true);
	else if (peer == PEER_KEEPER && frame.type == IPC_TYPE_keeper_keys)
		on_keys(core, &frame);
	else if (peer == PEER_KEEPER && frame.type == IPC_TYPE_keeper_state)
		on_keeper_state(core, &frame);
	else if (peer != PEER_GATE && core->serving) {
		log_grown(core, &frame);
		flow_request_begin(&core->flow);
		if (!flow_reply(&core->flow, &frame) && frame.type == IPC_TYPE_courier_answer &&
		    !toolcall_found(&core->flow, &frame))
			refresh_found(&core->flow, &frame);
	}
}

static void from_gate(void *ctx, struct bytes frame)
{
	on_frame(ctx, PEER_GATE, frame);
}

static void from_keeper(void *ctx, struct bytes frame)
{
	on_frame(ctx, PEER_KEEPER, frame);
}

static void from_courier(void *ctx, struct bytes frame)
{
	on_frame(ctx, PEER_COURIER, frame);
}

/* A dead gate takes its requests along; a dead courier what it was doing. */
static void peer_gone(struct core *core, enum flow_peer peer)
{
	channel_free(&core->channels[peer]);
	dynbuf_reset(&core->flow.staged[peer]);
	if (peer == PEER_KEEPER) {
		core_stop(core, EXIT_FAILURE);
		return;
	}
	if (peer == PEER_GATE)
		mcp_closing(&core->flow, false);
	if (!core->serving || batch_begin(core) != OK)
		return;
	if (peer == PEER_GATE)
		calls_gone(&core->flow);
	else
		flow_peer_died(&core->flow, peer);
}

static void gone_gate(void *ctx)
{
	peer_gone(ctx, PEER_GATE);
}

static void gone_keeper(void *ctx)
{
	peer_gone(ctx, PEER_KEEPER);
}

static void gone_courier(void *ctx)
{
	peer_gone(ctx, PEER_COURIER);
}

static enum err take_stream(struct core *core, enum flow_peer peer, int fd)
{
	static const channel_frame_fn frames[] = { from_gate, from_keeper, from_courier };
	static const channel_gone_fn gones[] = { gone_gate, gone_keeper, gone_courier };

	if (core->channels[peer] != NULL)
		peer_gone(core, peer);
	TRY(channel_new(core->loop, fd, IPC_FRAME_MAX + 4, QUEUE_MAX, frames[peer], gones[peer],
			core, &core->channels[peer]));
	/* What courier has kept for us is taken when there is a store to put it in. */
	if (peer == PEER_COURIER)
		channel_pause(core->channels[peer], !core->serving);
	return OK;
}

static enum err take_hand(struct core *core, const struct ipc_hand *hand, int fd)
{
	switch ((enum handed)hand->what) {
	case HANDED_GATE:
		return take_stream(core, PEER_GATE, fd);
	case HANDED_KEEPER:
		return take_stream(core, PEER_KEEPER, fd);
	case HANDED_COURIER:
		return take_stream(core, PEER_COURIER, fd);
	case HANDED_STATE:
		core->flow.state_dir = fd;
		return OK;
	case HANDED_LOG:
		core->flow.log_dir = fd;
		return OK;
	case HANDED_LISTEN:
	case HANDED_CORE:
	case HANDED_KEY_FILE:
	case HANDED_UNSEAL:
	case HANDED_WITNESS:
		break;
	}
	close(fd);
	return ERR_MALFORMED;
}

static void take_settings(struct core *core, struct bytes settings)
{
	struct flow_settings *to = &core->flow.settings;

	if (bytes_str(ipc_headers_find(settings, "issuer"), to->issuer, sizeof to->issuer) != OK)
		to->issuer[0] = 0;
	if (bytes_str(ipc_headers_find(settings, "data"), to->data, sizeof to->data) != OK)
		to->data[0] = 0;
	to->https = bytes_starts(str(to->issuer), "https:");
	to->registration_open =
		bytes_is(ipc_settings_find(settings, "authserver.registration"), "true");
	to->client_documents = bytes_is(
		ipc_settings_find(settings, "authserver.client_metadata_documents"), "true");
	to->dpop_nonce = bytes_is(ipc_settings_find(settings, "authserver.dpop_nonce"), "true");
	to->seccomp = bytes_is(ipc_settings_find(settings, "sandbox.seccomp"), "true");
	to->memfd_secret = bytes_is(ipc_settings_find(settings, "sandbox.memfd_secret"), "true");
	if (bytes_u64(ipc_settings_find(settings, "sandbox.landlock"), 1000, &to->landlock) != OK)
		to->landlock = 0;
}

/* One message of the parent. ERR_NOT_FOUND: it has gone. */
static enum err control_take(struct core *core)
{
	static uint8_t room[IPC_FRAME_MAX];
	size_t n = sizeof room;
	struct frame frame;
	struct ipc_boot boot;
	struct ipc_hand hand;
	int fd;

	TRY(handover_recv(core->control, room, &n, &fd));
	struct bytes message = { room, n };
	TRY(frame_next(&message, &frame));
	if (frame.type == IPC_TYPE_boot) {
		TRY(ipc_boot_decode(frame.payload, &boot));
		log_init("core", (enum log_level)boot.log_level);
		take_settings(core, boot.settings);
		return OK;
	}
	if (frame.type == IPC_TYPE_drain) {
		core->draining = true;
		core_stop(core, EXIT_SUCCESS);
		return OK;
	}
	TRY(ipc_hand_decode(frame.payload, &hand));
	return fd < 0 ? ERR_MALFORMED : take_hand(core, &hand, fd);
}

static void on_control(void *ctx, uint32_t events)
{
	struct core *core = ctx;

	(void)events;
	if (control_take(core) != OK)
		core_stop(core, EXIT_FAILURE);
}

static void on_tick(void *ctx)
{
	struct core *core = ctx;
	struct dynbuf *out;

	loop_timer_set(core->tick, clock_boot() + TICK_MS * USEC_PER_MS);
	if (core->channels[PEER_KEEPER] != NULL &&
	    channel_out(core->channels[PEER_KEEPER], &out) == OK) {
		const struct ipc_keeper_status ask = {};
		FRAME_PUT(out, 0, keeper_status, &ask);
		channel_flush(core->channels[PEER_KEEPER]);
	}
	if (!core->serving || batch_begin(core) != OK)
		return;
	flow_request_begin(&core->flow);
	chores_tick(&core->flow);
	mcp_tick(&core->flow);
}

static bool core_complete(const struct core *core)
{
	return core->channels[PEER_GATE] != NULL && core->channels[PEER_KEEPER] != NULL &&
	       core->channels[PEER_COURIER] != NULL && core->flow.state_dir >= 0 &&
	       core->flow.log_dir >= 0;
}

static enum err core_start(struct core *core)
{
	struct dynbuf ready;
	uint8_t room[64];

	TRY(crypto_init());
	TRY(loop_new(&core->loop));
	TRY(flow_init(&core->flow));
	TRY(mcp_new(&core->flow.mcp));
	TRY(timezones_load("/usr/share/zoneinfo", &core->flow.zones));
	while (!core_complete(core))
		TRY(control_take(core));
	TRY(sandbox_enter(&sandbox_core,
			  (struct sandbox_dirs){ core->flow.state_dir, core->flow.log_dir, -1 }));
	TRY(follower_start(core->flow.state_dir, core->flow.log_dir, &core->follower));
	TRY(loop_add(core->loop, core->control, EPOLLIN, on_control, core, &core->control_source));
	TRY(loop_timer_new(core->loop, on_tick, core, &core->tick));
	loop_after(core->loop, batch_end, core);
	ready = (struct dynbuf){ .p = room, .room = sizeof room, .max = sizeof room };
	const struct ipc_ready message = {};
	FRAME_PUT(&ready, 0, ready, &message);
	TRY(handover_send(core->control, dynbuf_view(&ready), -1));
	on_tick(core);
	return OK;
}

static void core_done(struct core *core)
{
	follower_stop(&core->follower);
	events_close(&core->flow.events);
	store_close(&core->flow.store);
	for (size_t i = 0; i < PEER_COUNT; i++)
		channel_free(&core->channels[i]);
	loop_timer_free(&core->tick);
	loop_del(&core->control_source);
	flow_done(&core->flow);
	mcp_free(&core->flow.mcp);
	zones_free(&core->flow.zones);
	loop_free(&core->loop);
}

int core_main(int control)
{
	static struct core core = { .flow = { .state_dir = -1, .log_dir = -1 } };

	core.control = control;
	enum err err = core_start(&core);
	if (err == OK)
		err = loop_run(core.loop);
	if (err != OK) {
		log_error("core stops: %s", err_row(err)->says);
		core.status = EXIT_FAILURE;
	}
	core_done(&core);
	return core.status;
}
