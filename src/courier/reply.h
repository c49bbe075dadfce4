/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * reply - the one JSON-RPC response that is waited for in an event stream. What
 * comes before it is passed over, what comes after it is not waited for. Bytes
 * of one event and of the whole stream have ceilings, and what was kept is
 * wiped.
 */

#include "httpc/httpc.h"

struct reply;

/* @id: of the request. @max: of the response; twice that may come before its end. FAULT_NOMEM */
must_check enum err reply_new(uint64_t id, size_t max, struct reply **ret);
void reply_free(struct reply **replyp);
/* Whether the head is that of a 2xx with an event stream. */
bool reply_streams(const struct httpc_response *head);
/* Keeps the head's headers. FAULT_NOMEM */
must_check enum err reply_begin(struct reply *reply, const struct httpc_response *head);
/* False: nothing more is needed, or wanted. */
bool reply_feed(struct reply *reply, struct bytes piece);
/* Borrowed. */
bool reply_found(const struct reply *reply, struct bytes *ret);
const struct httpc_header *reply_headers(const struct reply *reply, size_t *ret_n);
/* Too much came, or what cannot be read. */
bool reply_ended(const struct reply *reply);
