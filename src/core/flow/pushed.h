/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * pushed - authorization requests that a client sends us itself, before it
 * sends the user (RFC 9126): the browser then carries a name for it alone, and
 * nothing of it can be changed on the way.
 */

#include "codec/form.h"
#include "core/flow/clients.h"
#include "core/flow/objects.h"
#include "core/flow/proof.h"

#define PUSHED_PREFIX "urn:ietf:params:oauth:request_uri:"

enum { PUSHED_LIFE_S = 600, PUSHED_TEXT_MAX = 16 * 1024, PUSHED_URI_MAX = 128 };

/* Keeps what @client has sent, without what proved it and with the key of its proof as dpop_jkt
 * (9449 10.1). ERR_MALFORMED (it names a request_uri; a parameter twice; another client; another
 * key; an address that is not registered), ERR_RATE_LIMITED */
must_check enum err pushed_keep(struct flow *flow, const struct call *call,
				const struct client *client, const struct form *form,
				const struct proof *proof, char ret_uri[static PUSHED_URI_MAX]);
/* The request as a form's text, until it is used up or has expired; it lives until the batch ends.
 * ERR_NOT_FOUND: also another client's. */
must_check enum err pushed_find(struct flow *flow, struct bytes uri, struct id agent,
				struct bytes *ret);
/* The user has decided: it names nothing any more. ERR_NOT_FOUND */
must_check enum err pushed_end(struct flow *flow, struct bytes uri);
