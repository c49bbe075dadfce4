/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * chores - what core does without being asked: recovery at start, the outbox
 * after a full disk, revocations that are due, keep-alive of idle grants, the
 * rotation of keys, backups.
 */

#include "core/flow/flow.h"

/* Once the store is open: refreshes that a crash has cut off, the outbox. */
must_check enum err chores_start(struct flow *flow);
/* Once a second. */
void chores_tick(struct flow *flow);

/* Makes the tenant's next key; sealing again goes on in the background.
 * Answers through call->done with a uint32_t, the new version. */
must_check enum err keys_rotate(struct flow *flow, struct call *call);

/* A consistent copy beneath the state directory; @name gets its path there, @ret_bytes its size. */
must_check enum err backup_make(struct flow *flow, struct call *call, char name[static 64],
				uint64_t *ret_bytes);
