/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * unseal - the local socket through which an operator unseals and seals. Never
 * HTTP, never core. One request a connection, at most one connection at a time;
 * after a wrong secret the next try waits.
 *
 *   request = command(1) length(2) secret
 *   answer  = error(2: place in errors.def, 0: done) state(1: enum keeper_state)
 */

#include "base/bytes.h"
#include "sys/loop.h"

enum unseal_command {
	UNSEAL_STATUS = 1,
	UNSEAL_UNSEAL = 2, /* with the secret */
	UNSEAL_SEAL = 3,
	UNSEAL_ACCEPT_ROLLBACK = 4, /* raises the generation, on record */
	UNSEAL_ROTATE_ROOT = 5,
};

enum { UNSEAL_SECRET_MAX = 1024, UNSEAL_ANSWER_LEN = 3, UNSEAL_WAIT_MS = 1000 };

struct unseal;

/* Carries out a command; the secret is wiped after. */
typedef enum err (*unseal_fn)(void *ctx, enum unseal_command command, struct bytes secret,
			      uint8_t *ret_state);

/* Takes @listen_fd over. */
must_check enum err unseal_new(struct loop *loop, int listen_fd, unseal_fn fn, void *ctx,
			       struct unseal **ret);
void unseal_free(struct unseal **unsealp);
