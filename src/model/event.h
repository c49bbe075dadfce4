/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"

/*
 * event - what the log can say. The numbers are on the wire between core and
 * keeper only; the log's lines carry the names.
 */
enum event_kind {
#define EVENT(value, name, says) EVENT_##name = value,
#include "model/events.def"
#undef EVENT
};

enum event_outcome {
	OUTCOME_INTENT = 1, /* about to be done; another record says how it ended */
	OUTCOME_OK = 2,
	OUTCOME_DENIED = 3,
	OUTCOME_FAILED = 4,
	OUTCOME_UNKNOWN = 5, /* done or not: nobody can tell from here */
};

/* "vault_pause" …, lower case; NULL for a value that is none. */
const char *event_kind_name(uint8_t kind);
/* One human sentence. NULL for a value that is none. */
const char *event_kind_says(uint8_t kind);
const char *event_outcome_name(uint8_t outcome);
/* ERR_NOT_FOUND */
must_check enum err event_kind_parse(struct bytes name, uint8_t *ret);
must_check enum err event_outcome_parse(struct bytes name, uint8_t *ret);
