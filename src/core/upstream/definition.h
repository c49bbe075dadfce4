/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * definition - what a remote MCP server says of one of its tools.
 *
 *  1. The pin is SHA-256 over the whole object in canonical form (RFC 8785), as it
 *     came: every change is another pin, also of what nobody sees.
 *  2. What is shown is made of name, title, description, inputSchema, outputSchema
 *     and annotations alone, without control, bidirectional and invisible
 *     characters, the description cut. It is JSON in ASCII, so that it stands in
 *     any file as it is.
 *  3. Schemas are carried, never followed: no reference in them is looked up.
 */

#include "codec/doc.h"

enum {
	DEFINITION_MAX = 32 * 1024, /* as it came, and as it is shown */
	DEFINITION_NAME_MAX = 64,
	DEFINITION_SAYS_MAX = 8192, /* of the description */
	DEFINITION_PIN_LEN = 64,
};

struct definition {
	char name[DEFINITION_NAME_MAX + 1];
	char pin[DEFINITION_PIN_LEN + 1]; /* hexadecimal */
	unsigned hidden;		  /* characters that are not shown */
	struct dynbuf text;		  /* what is shown */
};

/* ERR_MALFORMED: a member's name has a character that is not shown, or it is no definition of a
 * tool with a name that policies can have (words of A-Z a-z 0-9 _
 * - joined by dots), arguments that are an object, and headers that params.h takes. ERR_TOO_LARGE.
 * The caller ends *@ret in any case. */
must_check enum err definition_read(const struct doc *doc, uint32_t tool, struct definition *ret);
void definition_done(struct definition *definition);
/* Whether two names are one for clients, who know letters, digits and _ alone. */
bool definition_names_meet(const char *a, const char *b);
