/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * intents - what was about to be done when everything ended.
 *
 * An intent of before this start that has no outcome by the time that every
 * answer a courier could still hold has come, gets one: unknown. It may have
 * happened; nobody claims that it did not.
 */

#include "core/flow/flow.h"

/* Once, some time after the start; called each second. */
must_check enum err intents_close(struct flow *flow);
