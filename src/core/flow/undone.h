/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * undone - what becomes of the messages of a batch whose commit found no room on
 * the disk. The calls to courier rest on what was committed before, and go on.
 */

#include "core/flow/flow.h"

/* Nothing had settled in it: what it asks of keeper is dropped (flow_unsent() tells who waits), and
 * the calls that came with it, or were answered, are told 503. */
void undone_refuse(struct flow *flow);
/* Core starts again: nothing leaves but calls to courier, and no acknowledgement, so that what
 * courier has kept is found again. */
void undone_calls_alone(struct flow *flow);
