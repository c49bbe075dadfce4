/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * calls - what core asks courier to do: open the capsule, put its secrets in
 * place, make the request, cut tokens out of the answer, tell core.
 *
 * A capsule serves the one call that it was made for (its binding), once (its
 * counter), and only towards an origin that its sealed record names; core's
 * word is not enough for any of the three. Nothing that fails is sent.
 */

#include "courier/guard.h"
#include "ipc/ipc.h"
#include "sys/loop.h"

enum {
	CALLS_PROMISED_MAX = 256 * 1024 * 1024, /* bytes of answers under way */
	CALLS_QUEUE_MAX = 1024 * 1024 * 1024,	/* never reached: promised and kept are half */
	CALLS_TIMEOUT_MAX_MS = 300 * 1000,
	CALLS_STREAM_MAX_MS = 6 * 3600 * 1000, /* as long as it moves */
	CALLS_FIRST_MS = 120 * 1000,	       /* until the answer of a stream begins */
	CALLS_IDLE_MS = 60 * 1000,
};

struct calls;

struct calls_options {
	const uint8_t *key; /* 32 bytes of the owner's; capsules from and to keeper */
	const struct guard *guard;
	const char *ca_file, *resolvers; /* as in httpc_options */
};

/* Reads files; everything later does not. FAULT_NOMEM, FAULT_SYSTEM. */
must_check enum err calls_new(struct loop *loop, const struct calls_options *options,
			      struct calls **ret);
void calls_free(struct calls **callsp);
/* Takes over the stream to core, in place of the last one; what is kept is sent again.
 * FAULT_NOMEM, FAULT_SYSTEM. */
must_check enum err calls_core(struct calls *calls, int fd);
/* Takes over the channel to gate, for bodies that come in pieces. FAULT_NOMEM, FAULT_SYSTEM. */
must_check enum err calls_gate(struct calls *calls, int fd);
/* Sends what the last turn has answered. */
void calls_flush(struct calls *calls);
/* Calls under way, and bytes that core has not taken yet. */
bool calls_idle(const struct calls *calls);
