/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* places - how many requests of one vault courier has at a time, and how many bytes of bodies wait
 * for all of them: no vault takes all there is. */

#include "core/flow/flow.h"

enum { PLACES_OF_VAULT_MAX = 128, PLACES_BODIES_MAX = 24 * 1024 * 1024 };

struct place {
	uint64_t key; /* 0: none is taken */
	size_t bytes;
};

/* ERR_OVERLOADED */
must_check enum err place_take(struct flow *flow, struct id vault, size_t bytes,
			       struct place *place);
void place_leave(struct flow *flow, struct place *place);
