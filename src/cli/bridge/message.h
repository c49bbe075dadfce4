/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* message - what the bridge has to know of a JSON-RPC message, and the one it makes itself. */

#include "codec/doc.h"

enum { MESSAGE_VERSION_MAX = 32, MESSAGE_NAME_MAX = 4096 };

/* Texts are as in the message (raw JSON for ids) and borrow from it; p = NULL where there is none.
 */
struct message {
	struct bytes id, method;
	bool request;		/* has both */
	bool answer;		/* has an id and a result or an error */
	struct bytes modern;	/* the version it claims in params._meta */
	struct bytes version;	/* result.protocolVersion: an answer to `initialize` */
	struct bytes cancelled; /* id that notifications/cancelled names */
	struct bytes error;	/* the member, as JSON */
	struct dynbuf name;	/* value for Mcp-Name; empty where the method has none */
};

/* ERR_MALFORMED: no JSON. Of what is no object nothing is known. */
must_check enum err message_read(struct bytes text, struct message *ret);
void message_done(struct message *message);
/* An answer to request @id: the error object @error, or one that says @why. One line without end.
 */
void message_refuse(struct bytes id, struct bytes error, const char *why, struct dynbuf *out);
/* @text on one line: JSON has line ends between its tokens only. */
void message_line(struct bytes text, struct dynbuf *out);
