/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * vault - what an unsealed keeper does with one request of core.
 *
 *  1. vault_handle() appends to the log's batch and puts the answer into `out`.
 *  2. vault_sync() makes the batch durable. Only if it answers OK may `out`
 *     leave the process (I1). ERR_LOG_FULL: every answer of the batch has been
 *     replaced by a refusal.
 *  3. Tenant, user, connection and version of a release's record are those of
 *     what is opened, whatever core wrote there.
 */

#include "ipc/capsule.h"
#include "keeper/keyring.h"
#include "keeper/log.h"

enum { VAULT_BATCH_MAX = 8000 };

struct vault {
	struct keyring *ring;
	struct log *log;
	struct capsule_sender to_gate, to_courier;
	struct capsule_receiver from_gate, from_courier;
	struct dynbuf out; /* frames for core */
	uint64_t *
		batch; /* ids answered in this batch, to be refused if it does not become durable */
	size_t batch_n;
	bool log_full;
};

must_check enum err vault_init(struct vault *vault, const uint8_t gate_key[static 32],
			       const uint8_t courier_key[static 32]);
void vault_done(struct vault *vault);
/* Whether the batch must end before the next request: its ids, lines and answers have ceilings. */
bool vault_full(const struct vault *vault);
/* FAULT_*: stop. Everything else is an answer in `out`. */
must_check enum err vault_handle(struct vault *vault, const struct frame *frame);
/* FAULT_SYNC: stop. */
must_check enum err vault_sync(struct vault *vault);
