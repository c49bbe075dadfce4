/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* base64 - RFC 4648, both alphabets, canonical form only: no white space, no stray bits. */

#include "base/dynbuf.h"

void base64_print(struct bytes from, struct dynbuf *out);    /* section 4, padded */
void base64url_print(struct bytes from, struct dynbuf *out); /* section 5, not padded */
/* ERR_MALFORMED; ERR_TOO_LARGE when more than @room bytes. *@ret_n bytes are written to @to. */
must_check enum err base64_parse(struct bytes text, uint8_t *to, size_t room, size_t *ret_n);
must_check enum err base64url_parse(struct bytes text, uint8_t *to, size_t room, size_t *ret_n);

void hex_print(struct bytes from, struct dynbuf *out);			 /* lower case */
must_check enum err hex_parse(struct bytes text, uint8_t *to, size_t n); /* exactly @n bytes */
/* The value of one digit of either case; -1: it is none. */
int hex_digit(uint8_t c);
