/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/keeper.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "codec/base64.h"
#include "keeper/unseal.h"
#include "keeper/vault.h"
#include "sys/channel.h"
#include "sys/sandbox.h"

/*
 * States (enum keeper_state): SEALED: no key is in memory, every request is
 * refused. UNSEALED: requests are served. ROLLBACK: keys are open, but the log
 * is not what its last checkpoint says: nothing is served until an operator
 * accepts what is there.
 */
enum { QUEUE_MAX = 128 * 1024 * 1024, TICK_MS = 1000, KEY_FILE_MAX = 4096, EXIT_SYNC = 75 };

struct keeper {
	struct loop *loop;
	struct loop_source *control_source;
	struct loop_timer *tick;
	struct channel *core;
	struct unseal *unseal;
	int control, keys_dir, log_dir, witness_dir, key_file, unseal_fd;
	uint8_t state;
	struct secret *gate_key, *courier_key;
	struct vault vault;
	bool dirty; /* something of core's waits for the end of the batch */
	int status;
};

static void keeper_stop(struct keeper *keeper, int status)
{
	keeper->status = status;
	loop_stop(keeper->loop);
}

static enum err core_send(struct keeper *keeper, struct dynbuf **ret)
{
	return keeper->core == NULL ? ERR_OVERLOADED : channel_out(keeper->core, ret);
}

static void send_state(struct keeper *keeper, uint64_t id)
{
	struct ipc_keeper_state m = { .state = keeper->state };
	struct log_state log;
	struct dynbuf *out;

	if (core_send(keeper, &out) != OK)
		return;
	if (keeper->vault.log != NULL) {
		log_state(keeper->vault.log, &log);
		m.log_full = keeper->vault.log_full;
		m.log_size = log.size;
		m.log_bytes = log.segment_bytes;
		m.log_segment = log.segment;
		m.log_time = log.time;
		m.log_change = log.change;
		m.accepted = log.accepted;
		memcpy(m.log_root, log.root, HASH_LEN);
		memcpy(m.log_key, log.key, HASH_LEN);
		m.root_version = keyring_root_version(keeper->vault.ring);
		m.generation = keyring_generation(keeper->vault.ring);
	}
	FRAME_PUT(out, id, keeper_state, &m);
	channel_flush(keeper->core);
}

static void send_keys(struct keeper *keeper)
{
	const struct keyring *ring = keeper->vault.ring;
	struct ipc_keeper_keys m;
	struct dynbuf *out;

	if (keeper->state != KEEPER_UNSEALED || core_send(keeper, &out) != OK)
		return;
	m.version = keyring_working_version(ring);
	m.generation = keyring_generation(ring);
	memcpy(m.tokhash, keyring_working(ring, WORKING_TOKHASH), HASH_LEN);
	memcpy(m.rowmac, keyring_working(ring, WORKING_ROWMAC), HASH_LEN);
	memcpy(m.text, keyring_working(ring, WORKING_TEXT), HASH_LEN);
	memcpy(m.state, keyring_working(ring, WORKING_STATE), HASH_LEN);
	FRAME_PUT(out, 0, keeper_keys, &m);
	wipe(&m, sizeof m);
	channel_flush(keeper->core);
}

/* One of keeper's own records. */
static enum err note_down(struct keeper *keeper, uint8_t kind)
{
	const struct ipc_record record = { .kind = kind, .outcome = OUTCOME_OK, .event = id_new() };
	uint64_t seq;
	usec_t time;

	TRY(log_append(keeper->vault.log, &record, &seq, &time));
	return log_sync(keeper->vault.log);
}

static enum err open_with(struct keeper *keeper, struct bytes secret)
{
	struct vault *vault = &keeper->vault;

	if (keeper->state != KEEPER_SEALED)
		return OK;
	TRY(keyring_open(keeper->keys_dir, secret, &vault->ring));
	const enum err err = log_open(keeper->log_dir, keeper->witness_dir,
				      keyring_log_seed(vault->ring), &vault->log);
	if (err == ERR_ROLLBACK) {
		keeper->state = KEEPER_ROLLBACK;
		log_error("the log is not what its last checkpoint says: nothing is released until "
			  "'valetkey key accept-rollback'");
	} else if (err != OK) {
		keyring_free(&vault->ring);
		return err;
	} else {
		keeper->state = KEEPER_UNSEALED;
		TRY(note_down(keeper, EVENT_unseal));
	}
	send_state(keeper, 0);
	send_keys(keeper);
	return OK;
}

static enum err seal_again(struct keeper *keeper)
{
	if (keeper->state == KEEPER_UNSEALED) {
		TRY(note_down(keeper, EVENT_seal));
		TRY(log_checkpoint(keeper->vault.log, true));
	}
	keeper->state = KEEPER_SEALED;
	keyring_free(&keeper->vault.ring);
	log_close(&keeper->vault.log);
	send_state(keeper, 0);
	return OK;
}

static enum err accept_rollback(struct keeper *keeper)
{
	if (keeper->state != KEEPER_ROLLBACK)
		return ERR_CONFLICT;
	TRY(log_accept(keeper->vault.log));
	TRY(keyring_raise_generation(keeper->vault.ring));
	keeper->state = KEEPER_UNSEALED;
	TRY(note_down(keeper, EVENT_rollback_accept));
	send_state(keeper, 0);
	send_keys(keeper);
	return OK;
}

static enum err rotate_root(struct keeper *keeper)
{
	if (keeper->state != KEEPER_UNSEALED)
		return ERR_SEALED;
	TRY(keyring_rotate_root(keeper->vault.ring));
	return note_down(keeper, EVENT_key_rotate);
}

static enum err on_unseal(void *ctx, enum unseal_command command, struct bytes secret,
			  uint8_t *ret_state)
{
	struct keeper *keeper = ctx;
	enum err err = OK;

	switch (command) {
	case UNSEAL_STATUS:
		break;
	case UNSEAL_UNSEAL:
		err = open_with(keeper, secret);
		break;
	case UNSEAL_SEAL:
		err = seal_again(keeper);
		break;
	case UNSEAL_ACCEPT_ROLLBACK:
		err = accept_rollback(keeper);
		break;
	case UNSEAL_ROTATE_ROOT:
		err = rotate_root(keeper);
		break;
	default:
		err = ERR_UNSUPPORTED;
	}
	*ret_state = keeper->state;
	if (err == FAULT_SYNC)
		_exit(EXIT_SYNC);
	return err;
}

/* Durable first, then answered: nothing of the batch has left before this line. */
static void batch_end(void *ctx)
{
	struct keeper *keeper = ctx;
	struct dynbuf *out;

	if (keeper->dirty) {
		keeper->dirty = false;
		if (vault_sync(&keeper->vault) != OK) {
			log_error("the log could not be synced: starting again to read what holds");
			_exit(EXIT_SYNC);
		}
		if (core_send(keeper, &out) == OK) {
			dynbuf_bytes(out, dynbuf_view(&keeper->vault.out));
		} else if (keeper->core != NULL) {
			log_error("core does not take its answers: starting again");
			keeper_stop(keeper, EXIT_FAILURE);
		}
		dynbuf_reset(&keeper->vault.out);
	}
	if (keeper->core != NULL)
		channel_flush(keeper->core);
}

static void on_frame(void *ctx, struct bytes bytes)
{
	struct keeper *keeper = ctx;
	struct frame frame;
	struct dynbuf *out;

	if (frame_next(&bytes, &frame) != OK)
		return;
	if (frame.type == IPC_TYPE_keeper_status) {
		send_state(keeper, frame.id);
		return;
	}
	if (frame.type == IPC_TYPE_rollback_suspected && keeper->state == KEEPER_UNSEALED) {
		keeper->state = KEEPER_ROLLBACK;
		log_error("the database or the log was put back to an earlier state: nothing is "
			  "released until 'valetkey key accept-rollback'");
		send_state(keeper, 0);
		return;
	}
	if (keeper->state != KEEPER_UNSEALED) {
		const struct ipc_keeper_refused m = { .err = keeper->state == KEEPER_SEALED
								     ? ERR_SEALED
								     : ERR_ROLLBACK };
		if (core_send(keeper, &out) == OK)
			FRAME_PUT(out, frame.id, keeper_refused, &m);
		return;
	}
	keeper->dirty = true;
	const enum err err = vault_handle(&keeper->vault, &frame);
	if (err != OK) {
		log_error("a request could not be carried out: starting again");
		_exit(EXIT_SYNC);
	}
	if (vault_full(&keeper->vault))
		batch_end(keeper);
}

static void on_core_gone(void *ctx)
{
	struct keeper *keeper = ctx;

	/* Core and keeper start again together: parent sees to it. */
	channel_free(&keeper->core);
	keeper_stop(keeper, EXIT_SUCCESS);
}

static enum err take_hand(struct keeper *keeper, const struct ipc_hand *hand, int fd)
{
	switch ((enum handed)hand->what) {
	case HANDED_CORE:
		channel_free(&keeper->core);
		TRY(channel_new(keeper->loop, fd, IPC_FRAME_MAX + 4, QUEUE_MAX, on_frame,
				on_core_gone, keeper, &keeper->core));
		send_state(keeper, 0);
		send_keys(keeper);
		return OK;
	case HANDED_STATE:
		keeper->keys_dir = fd;
		return OK;
	case HANDED_LOG:
		keeper->log_dir = fd;
		return OK;
	case HANDED_WITNESS:
		keeper->witness_dir = fd;
		return OK;
	case HANDED_KEY_FILE:
		keeper->key_file = fd;
		return OK;
	case HANDED_UNSEAL:
		keeper->unseal_fd = fd;
		return OK;
	case HANDED_LISTEN:
	case HANDED_GATE:
	case HANDED_KEEPER:
	case HANDED_COURIER:
		break;
	}
	close(fd);
	return ERR_MALFORMED;
}

static enum err control_take(struct keeper *keeper)
{
	static uint8_t room[IPC_FRAME_MAX];
	size_t n = sizeof room;
	struct frame frame;
	struct ipc_boot boot;
	struct ipc_hand hand;
	int fd;

	TRY(handover_recv(keeper->control, room, &n, &fd));
	struct bytes message = { room, n };
	TRY(frame_next(&message, &frame));
	if (frame.type == IPC_TYPE_drain) {
		keeper_stop(keeper, EXIT_SUCCESS);
		return OK;
	}
	if (frame.type == IPC_TYPE_boot) {
		TRY(ipc_boot_decode(frame.payload, &boot));
		log_init("keeper", (enum log_level)boot.log_level);
		TRY(secret_dup((struct bytes){ boot.gate_key, HASH_LEN }, &keeper->gate_key));
		TRY(secret_dup((struct bytes){ boot.courier_key, HASH_LEN }, &keeper->courier_key));
		wipe(&boot, sizeof boot);
		wipe(room, n);
		return OK;
	}
	TRY(ipc_hand_decode(frame.payload, &hand));
	return fd < 0 ? ERR_MALFORMED : take_hand(keeper, &hand, fd);
}

static void on_control(void *ctx, uint32_t events)
{
	struct keeper *keeper = ctx;

	(void)events;
	if (control_take(keeper) != OK)
		keeper_stop(keeper, EXIT_FAILURE);
}

static void on_tick(void *ctx)
{
	struct keeper *keeper = ctx;

	loop_timer_set(keeper->tick, clock_boot() + TICK_MS * USEC_PER_MS);
	if (keeper->state != KEEPER_UNSEALED)
		return;
	if (log_checkpoint(keeper->vault.log, false) != OK) {
		log_error("a checkpoint could not be written: starting again");
		_exit(EXIT_SYNC);
	}
}

/* One line of 64 hex digits; the descriptor is of no use afterwards. */
static enum err unseal_by_file(struct keeper *keeper)
{
	uint8_t text[KEY_FILE_MAX], key[KEY_LEN];

	if (keeper->key_file < 0)
		return OK;
	const ssize_t n = pread(keeper->key_file, text, sizeof text, 0);
	close(keeper->key_file);
	keeper->key_file = -1;
	struct bytes rest = { text, n < 0 ? 0 : (size_t)n };
	enum err err = hex_parse(bytes_cut(&rest, '\n'), key, sizeof key);
	if (err == OK)
		err = open_with(keeper, (struct bytes){ key, sizeof key });
	wipe(text, sizeof text);
	wipe(key, sizeof key);
	if (err == FAULT_SYNC)
		return err;
	if (err != OK)
		log_error(
			"the key file does not open the keys: sealed, until 'valetkey key unseal'");
	return OK;
}

static enum err keeper_start(struct keeper *keeper)
{
	uint8_t room[64];
	struct dynbuf ready = { .p = room, .room = sizeof room, .max = sizeof room };
	const struct ipc_ready message = {};

	TRY(crypto_init());
	TRY(loop_new(&keeper->loop));
	while (keeper->core == NULL || keeper->keys_dir < 0 || keeper->log_dir < 0 ||
	       keeper->unseal_fd < 0)
		TRY(control_take(keeper));
	TRY(sandbox_enter(&sandbox_keeper, (struct sandbox_dirs){ keeper->keys_dir, keeper->log_dir,
								  keeper->witness_dir }));
	TRY(vault_init(&keeper->vault, secret_bytes(keeper->gate_key).p,
		       secret_bytes(keeper->courier_key).p));
	TRY(loop_add(keeper->loop, keeper->control, EPOLLIN, on_control, keeper,
		     &keeper->control_source));
	TRY(loop_timer_new(keeper->loop, on_tick, keeper, &keeper->tick));
	TRY(unseal_new(keeper->loop, keeper->unseal_fd, on_unseal, keeper, &keeper->unseal));
	loop_after(keeper->loop, batch_end, keeper);
	TRY(unseal_by_file(keeper));
	FRAME_PUT(&ready, 0, ready, &message);
	TRY(handover_send(keeper->control, dynbuf_view(&ready), -1));
	on_tick(keeper);
	return OK;
}

static void keeper_done(struct keeper *keeper)
{
	if (keeper->vault.log != NULL && keeper->state == KEEPER_UNSEALED)
		err_ignore(log_checkpoint(keeper->vault.log, true)); /* the next start reads more */
	unseal_free(&keeper->unseal);
	channel_free(&keeper->core);
	loop_timer_free(&keeper->tick);
	loop_del(&keeper->control_source);
	vault_done(&keeper->vault);
	secret_free(&keeper->gate_key);
	secret_free(&keeper->courier_key);
	loop_free(&keeper->loop);
}

int keeper_main(int control)
{
	static struct keeper keeper = {
		.keys_dir = -1, .log_dir = -1, .witness_dir = -1, .key_file = -1, .unseal_fd = -1
	};

	keeper.control = control;
	keeper.state = KEEPER_SEALED;
	enum err err = keeper_start(&keeper);
	if (err == OK)
		err = loop_run(keeper.loop);
	if (err != OK) {
		log_error("keeper stops: %s", err_row(err)->says);
		keeper.status = EXIT_FAILURE;
	}
	keeper_done(&keeper);
	return keeper.status;
}
