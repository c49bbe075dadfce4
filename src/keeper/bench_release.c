/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many releases keeper makes durable in a second, alone on one core.
 * usage: bench_release DIRECTORY [BATCH [SECONDS]]
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "keeper/sealed.h"
#include "keeper/vault.h"

enum { TOKEN_BYTES = 200 };

static const uint8_t key[32] = { 1 };
static const struct ipc_place home = { PLACE_ACCESS_TOKEN, { { 1 } }, { { 2 } }, { { 3 } }, 4 };

static enum err vault_make(struct vault *vault, int dir)
{
	TRY(crypto_init());
	TRY(keyring_create(dir, UNSEAL_KEY_FILE, (struct bytes){ key, 32 }, &vault->ring));
	TRY(log_open(dir, -1, keyring_log_seed(vault->ring), &vault->log));
	return vault_init(vault, key, key);
}

/* One release as core sends it. */
static enum err request_make(struct vault *vault, struct dynbuf *out)
{
	static const uint8_t token[TOKEN_BYTES] = { 'x' };
	scoped(dynbuf_done) struct dynbuf blob, place, items, record;
	const struct ipc_record r = {
		.kind = EVENT_exchange,
		.outcome = OUTCOME_OK,
		.event = id_new(),
		.vault = id_new(),
		.agent = id_new(),
		.address = id_new(),
		.service = str("github"),
		.scopes = str("repo read:user"),
		.policy = 3,
	};

	dynbuf_init(&blob, IPC_BLOB_MAX);
	dynbuf_init(&place, 64);
	dynbuf_init(&items, IPC_CAPSULE_MAX);
	dynbuf_init(&record, IPC_RECORD_MAX);
	TRY(sealed_make(vault->ring, &home, str("https://api.github.com"),
			(struct bytes){ token, sizeof token }, &blob));
	ipc_place_encode(&home, &place);
	const struct ipc_item item = { dynbuf_view(&place), dynbuf_view(&blob) };
	IPC_LIST_ADD(&items, item, &item);
	ipc_record_encode(&r, &record);
	const struct ipc_release m = { .receiver = RECEIVER_GATE,
				       .record = dynbuf_view(&record),
				       .items = dynbuf_view(&items) };
	ipc_release_encode(&m, out);
	return dynbuf_err(out);
}

static enum err run(struct vault *vault, struct bytes payload, unsigned batch, unsigned seconds)
{
	const struct frame frame = { IPC_TYPE_release, 1, payload };
	const usec_t began = clock_boot(), until = began + seconds * USEC_PER_S;
	const clock_t cpu = clock();
	uint64_t n = 0, syncs = 0;

	while (clock_boot() < until) {
		for (unsigned i = 0; i < batch; i++)
			TRY(vault_handle(vault, &frame));
		TRY(vault_sync(vault));
		TRY(log_checkpoint(vault->log, false));
		dynbuf_reset(&vault->out);
		n += batch;
		syncs++;
	}
	const double took = (double)(clock_boot() - began) / (double)USEC_PER_S;
	const double busy = (double)(clock() - cpu) / CLOCKS_PER_SEC;
	printf("batch %u: %.0f releases/s, %.0f us a batch, %.2f us of processor a release\n",
	       batch, (double)n / took, took * 1e6 / (double)syncs, busy * 1e6 / (double)n);
	return OK;
}

int main(int argc, char **argv)
{
	struct vault vault = { 0 };
	struct dynbuf payload;

	const int dir = argc < 2 ? -1 : open(argv[1], O_RDONLY | O_DIRECTORY);
	dynbuf_init(&payload, IPC_FRAME_MAX);
	if (dir < 0 || vault_make(&vault, dir) != OK || request_make(&vault, &payload) != OK) {
		fprintf(stderr, "usage: bench_release EMPTY-DIRECTORY [BATCH [SECONDS]]\n");
		return 2;
	}
	const enum err err =
		run(&vault, dynbuf_view(&payload), argc > 2 ? (unsigned)atoi(argv[2]) : 64,
		    argc > 3 ? (unsigned)atoi(argv[3]) : 5);
	vault_done(&vault);
	dynbuf_done(&payload);
	return err == OK ? 0 : 1;
}
