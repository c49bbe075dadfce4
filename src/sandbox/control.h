/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * control - the sandbox's own endpoints: how it misbehaves, and what it has
 * seen.
 *
 *   POST /sandbox/control   {"reset":true}
 *                           {"service":S, "lifetime_s":N, "grace_s":N, "delay_ms":N,
 *                            "rotation":R, "iss":BOOL, "revoke_all":true}
 *                           {"service":S, "endpoint":E, "mode":M, "times":N, "skip":N,
 *                            "status":N, "retry_after":TEXT}
 *   GET  /sandbox/control   the modes there are, one sentence each
 *   GET  /sandbox/observed  counters, and every token issued with how often it was presented
 */

#include "sandbox/call.h"

void control_set(struct call *call);
void control_show(struct call *call);
void control_observed(struct call *call);
void control_home(struct call *call);
/* Each service as the table of brands has it, nothing armed. */
void control_reset(struct box *box);
