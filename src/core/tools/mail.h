/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * mail - a message of RFC 5322 and MIME from the parts of a tool's `mail`:
 * plain text in UTF-8, and header lines that no argument can break out of.
 */

#include "core/tools/value.h"

/* Appends the message as base64url (RFC 4648 5, not padded). ERR_MALFORMED: a line break or a
 * control in a header line, an address that is not ASCII, no recipient; ERR_TOO_LARGE. */
must_check enum err mail_print(const struct value_scope *scope, const struct yaml_node *mail,
			       struct dynbuf *out);
