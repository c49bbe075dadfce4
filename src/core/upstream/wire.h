/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * wire - JSON-RPC as we speak it to remote MCP servers, in both eras: 2026-07-28,
 * where each request says all about itself, and those before, with a handshake
 * and perhaps a session.
 */

#include "codec/doc.h"

#define WIRE_MODERN "2026-07-28"
#define WIRE_LEGACY "2025-11-25" /* what is offered in the handshake */

/* The parameters of that handshake. */
#define WIRE_INITIALIZE                                                                            \
	"\"protocolVersion\":\"" WIRE_LEGACY "\",\"capabilities\":{},\"clientInfo\":{\"name\":"    \
	"\"valetkey\",\"version\":\"" VALETKEY_VERSION "\"}"

enum { WIRE_VERSION_MAX = 15, WIRE_SESSION_MAX = 255, WIRE_WORDS_MAX = 1024 };

/* How a server is spoken to. */
struct wire_way {
	bool modern;
	char version[WIRE_VERSION_MAX + 1]; /* agreed upon; empty: not yet */
};

struct wire_message {
	uint64_t id; /* 0: a notification */
	const char *method;
	struct bytes params; /* members, without braces; may be empty */
};

void wire_print(const struct wire_way *way, const struct wire_message *message, struct dynbuf *out);

struct wire_answer {
	struct doc doc;
	uint32_t result; /* DOC_NONE: it is an error */
	int code;
	char words[WIRE_WORDS_MAX]; /* of an error, without what cannot be seen; may be empty */
};

/* Borrows @body. ERR_MALFORMED: no response to @id (0: to any number), ERR_TOO_LARGE. The caller
 * ends *@ret. */
must_check enum err wire_read(struct bytes body, uint64_t id, struct wire_answer *ret);
void wire_done(struct wire_answer *answer);
/* Whether the version is one of before 2026-07-28 that we speak. */
bool wire_legacy_version(struct bytes version);
