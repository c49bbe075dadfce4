/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * rewrap - after a tenant's key was rotated, every connection's tokens and
 * every client's secret are sealed again under the new one, one row at a time.
 * Old and new stay readable throughout; the mark in the store makes a restart
 * begin again.
 */

#include "core/flow/flow.h"

/* Marks the work; part of the rotation's transaction. */
must_check enum err rewrap_mark(struct flow *flow);
/* Goes on if there is work and none is under way. Called each second. */
void rewrap_tick(struct flow *flow);
/* How many were done since the mark; whether there is work left. */
void rewrap_progress(struct flow *flow, uint64_t *ret_done, bool *ret_left);
