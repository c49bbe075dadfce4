/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * lock - an operator's word to a running keeper over its local socket
 * (keeper/unseal.h): unseal, seal, and what only somebody on the machine may
 * decide. It never passes through HTTP.
 */

#include "base/bytes.h"

enum lock_command {
	LOCK_STATUS,
	LOCK_UNSEAL,
	LOCK_SEAL,
	LOCK_ACCEPT_ROLLBACK,
	LOCK_ROTATE_ROOT,
};

/* Asks the daemon on @data; @secret is empty except to unseal. *@ret_state is then the keeper's
 * state: "unsealed", "sealed" or "rollback_suspected". Answers what keeper answered; beside that
 * ERR_PROVIDER_UNAVAILABLE (no daemon answers there), ERR_TOO_LARGE (no such secret). */
must_check enum err lock_ask(const char *data, enum lock_command command, struct bytes secret,
			     const char **ret_state);
