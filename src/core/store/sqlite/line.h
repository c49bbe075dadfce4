/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * line - reads back what keeper has printed: one flat JSON object of strings
 * without escapes and of whole numbers, members in keeper's order, `seq`
 * first. Not a JSON parser: a line that keeper would not print is refused.
 */

#include "base/id.h"

enum { LINE_MAX_BYTES = 16 * 1024 };

struct line {
	uint64_t seq;
	usec_t time;
	struct id event, ref, tenant, user, connection, vault, agent, object;
	struct bytes service; /* borrowed from the text */
	uint8_t kind, outcome;
	uint64_t revision;
	bool has_digest;
	uint8_t digest[32];
};

/* @text without its newline. ERR_MALFORMED */
must_check enum err line_parse(struct bytes text, struct line *ret);
