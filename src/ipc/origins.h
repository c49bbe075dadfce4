/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * origins - where a sealed secret may travel to: "https://host[:port]", one a
 * line. A host "*.acme.com" stands for every name below acme.com. Only
 * compared here; who makes the connection reads them as addresses.
 */

#include "base/dynbuf.h"

/* Whether every origin that @line stands for is one that @list has or stands for. */
bool origins_allow(struct bytes list, struct bytes line);
/* Appends, each once and a newline between them, the lines of @a and of @b that the other allows:
 * where secrets of both may travel together. */
void origins_meet(struct bytes a, struct bytes b, struct dynbuf *out);
