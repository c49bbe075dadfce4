/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * jcs - canonical JSON (RFC 8785): no white space, members sorted by UTF-16
 * code units, one form for each string and number.
 */

#include "codec/doc.h"

enum jcs_numbers {
	JCS_ES = 1, /* 3.2.2.3: as ECMAScript prints the double */
	JCS_AS_IS,  /* every digit as it stands: one form for each text, not for each value */
};

/* Appends the value at @node; errors of @out are also kept there.
 * ERR_UNSUPPORTED (JCS_ES: a whole number that a double does not hold, an id perhaps, and another
 * party would sign another one; a number beyond all doubles), ERR_TOO_LARGE (@out). Fractions are
 * rounded to the nearest double, as the RFC has it. */
must_check enum err jcs_print(const struct doc *doc, uint32_t node, enum jcs_numbers numbers,
			      struct dynbuf *out);
/* Appends @text, valid UTF-8, as a string with its quotes: 3.2.2.2. */
void jcs_string(struct bytes text, struct dynbuf *out);
