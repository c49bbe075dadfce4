/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * line - whether a line of the log has the one form that docs/PROTOCOL.log.md
 * describes. Written apart from what prints the lines, so that one mistake
 * does not excuse the other.
 */

#include "base/bytes.h"
#include "base/clock.h"

/* Checks @line (without its newline) as record @seq. @ret_time: as the line has it, with an end
 * mark; it sorts as text. ERR_MALFORMED (no such line), ERR_CONFLICT (another record's number) */
must_check enum err line_check(struct bytes line, uint64_t seq,
			       char ret_time[static CLOCK_TEXT_LEN + 1]);
