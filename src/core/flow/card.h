/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * card - what a person reads before deciding: plain text, one fact a line.
 * First what Valetkey knows by itself, then what the call would do in the words
 * of the service file, then its arguments, and last, so labelled, what the agent
 * says about it. Nothing is cut; characters that a reader would not see, or that
 * turn the direction of writing, are shown by their numbers.
 */

#include "core/flow/approval.h"

enum { CARD_MAX = 4 * 1024 * 1024 };

/* Appends it. ERR_FORGED, and what stays in @out. */
must_check enum err card_print(struct flow *flow, const struct approval_row *row,
			       struct dynbuf *out);
/* Appends @text as a person can read it, whole. */
void card_visible(struct bytes text, struct dynbuf *out);
