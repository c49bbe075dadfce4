/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * api - every HTTP operation of core: decode, call a flow, encode. The routes
 * are the rows of routes.def, which also print the OpenAPI document.
 */

#include "core/flow/flow.h"

/* Handles one request of the batch; it is answered now or later. */
void api_handle(struct flow *flow, struct call *call);
