/* SPDX-License-Identifier: Apache-2.0 */
#include "model/event.h"

struct event_row {
	const char *name, *says;
};

static const struct event_row kinds[] = {
#define EVENT(value, name, says) [value] = { #name, says },
#include "model/events.def"
#undef EVENT
};

static const char *const outcomes[] = {
	[OUTCOME_INTENT] = "intent", [OUTCOME_OK] = "ok",	    [OUTCOME_DENIED] = "denied",
	[OUTCOME_FAILED] = "failed", [OUTCOME_UNKNOWN] = "unknown",
};

const char *event_kind_name(uint8_t kind)
{
	return kind < ARRAY_LEN(kinds) ? kinds[kind].name : NULL;
}

const char *event_kind_says(uint8_t kind)
{
	return kind < ARRAY_LEN(kinds) ? kinds[kind].says : NULL;
}

const char *event_outcome_name(uint8_t outcome)
{
	return outcome < ARRAY_LEN(outcomes) ? outcomes[outcome] : NULL;
}

enum err event_kind_parse(struct bytes name, uint8_t *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].name != NULL && bytes_is(name, kinds[i].name)) {
			*ret = (uint8_t)i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}

enum err event_outcome_parse(struct bytes name, uint8_t *ret)
{
	for (size_t i = OUTCOME_INTENT; i < ARRAY_LEN(outcomes); i++) {
		if (bytes_is(name, outcomes[i])) {
			*ret = (uint8_t)i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}
