/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* resources - what a tool reaches with its arguments, in the policy's terms. */

#include "core/catalog/service.h"
#include "core/policy/policy.h"

enum { RESOURCES_TEXT_MAX = 16 * 1024 };

/* Fills @use->resources from @use->args. One whose id the arguments do not give is there without
 * an id, which is not known to fit any condition. @ids holds the texts and must not change while
 * @use is used. ERR_TOO_LARGE */
must_check enum err resources_find(const struct service_tool *tool, struct dynbuf *ids,
				   struct policy_use *use);
