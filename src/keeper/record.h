/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * record - one line of the log: a JSON object with fixed members in a fixed
 * order, printed here from typed fields. Nothing in it needs escaping, because
 * what would is refused; so there is one text per record.
 */

#include "ipc/ipc.h"
#include "model/event.h"

enum { RECORD_LINE_MAX = 4096 };

/* Kind and outcome exist; service and tool are names, scopes are RFC 6749 3.3 scope tokens.
 * ERR_MALFORMED */
must_check enum err record_check(const struct ipc_record *record);
/* Appends the line and its newline. */
void record_print(const struct ipc_record *record, uint64_t seq, usec_t time, struct dynbuf *out);
