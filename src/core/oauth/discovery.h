/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * discovery - how a remote MCP server says that it wants to be authorised at:
 * from its challenge over its own metadata (RFC 9728) and that of its
 * authorization server (RFC 8414, OpenID Connect Discovery 1.0 section 4) to a client
 * there (RFC 7591) and a service file. Nothing is fetched here: flow asks for
 * what *_url() names and hands in what came.
 *
 *  1. Every document is a stranger's. A member is used when it is of the right
 *     type, bounded, and an address that a service file may have (https, or
 *     http to this machine); what is needed and is not so refuses the whole.
 *  2. A document about another resource (RFC 9728 3.3) or of another issuer (RFC
 *     8414 3.3) is not used, and nothing takes its place.
 *  3. Without PKCE by S256 there is no authorization.
 */

#include "base/dynbuf.h"
#include "codec/json.h"
#include "core/catalog/service.h"
#include "model/scopes.h"

enum {
	DISCOVERY_URL_MAX = 500, /* what a parameter of a service file takes */
	DISCOVERY_DOCUMENT_MAX = 64 * 1024,
	DISCOVERY_FILE_MAX = 128 * 1024,
	DISCOVERY_CLIENT_MAX = 512,
};

typedef char discovery_url[DISCOVERY_URL_MAX + 1];

struct discovery {
	discovery_url url;	/* of the MCP server */
	discovery_url metadata; /* of its RFC 9728 document, by its challenge; empty: not named */
	discovery_url resource; /* RFC 8707; as the document has it */
	discovery_url issuer;
	discovery_url authorize, token, registration, revocation; /* the last two may be empty */
	char challenged[SCOPES_MAX_BYTES + 1];			  /* scopes, by its challenge */
	char supported[SCOPES_MAX_BYTES + 1];			  /* by its document */
	bool open;		/* it asks for no authorization: there is none */
	bool refused;		/* it answered 401: without a token nothing is to be had */
	bool legacy;		/* it has no RFC 9728 document: the MCP of March 2025 */
	bool offline;		/* there is a scope offline_access (MCP, refresh tokens) */
	bool iss;		/* answers carry iss (RFC 9207) */
	bool documents;		/* a client_id may be the address of a document */
	bool basic, post, none; /* how a client may prove itself */
	const char *why;	/* what was wrong, one sentence, where a function refused */
};

/* ERR_MALFORMED: no address of an MCP server that may be called. */
must_check enum err discovery_begin(struct bytes url, struct discovery *ret);

/* The answer to a request without a token; @challenge: one WWW-Authenticate header of it. Those
 * that cannot be read count as not sent. */
void discovery_challenge(struct discovery *d, struct bytes challenge);

/* The @n-th address, from 0, that a document may be at; false: there is none. */
bool discovery_resource_url(const struct discovery *d, unsigned n, struct dynbuf *out);
bool discovery_server_url(const struct discovery *d, unsigned n, struct dynbuf *out);

/* What was there. ERR_NOT_FOUND: no JSON object, so it counts as not there. ERR_PROVIDER_REFUSED:
 * it cannot be used (d->why). */
must_check enum err discovery_resource_read(struct discovery *d, struct bytes document);
must_check enum err discovery_server_read(struct discovery *d, struct bytes document);

/* None of the addresses has a document. ERR_UNSUPPORTED: it asked for no token either, so it is
 * open to all. */
must_check enum err discovery_no_resource(struct discovery *d);
/* ERR_PROVIDER_REFUSED, but for a server of March 2025, whose endpoints have fixed places. */
must_check enum err discovery_no_server(struct discovery *d);

/* How a client proves itself there: @asked by its name (basic, post, none), or empty for the best.
 * ERR_PROVIDER_REFUSED: none that both sides have. */
must_check enum err discovery_auth(struct discovery *d, struct bytes asked, enum service_auth *ret);
/* Whether the client_id may be the address of our own document. */
bool discovery_takes_document(const struct discovery *d);

/* What we say of ourselves, registered or published; @client_id empty: not registered yet. NULL: no
 * memory. The caller's. */
json_t *discovery_client(struct bytes client_id, struct bytes redirect_uri, enum service_auth auth);
/* The same with the scopes that will be asked for. */
json_t *discovery_registration(const struct discovery *d, struct bytes redirect_uri,
			       enum service_auth auth);

/* A registration's answer, without the secret that was cut out of it: @secret says whether there
 * was one. */
struct discovery_registered {
	char client_id[DISCOVERY_CLIENT_MAX + 1];
	enum service_auth auth;
};
/* @asked: what was asked for. ERR_PROVIDER_REFUSED (d->why) */
must_check enum err discovery_registered(struct discovery *d, struct bytes answer, bool secret,
					 enum service_auth asked, struct discovery_registered *ret);

struct discovery_naming {
	struct bytes id, name; /* empty: made from the host */
};
/* The service file, in JSON. ERR_TOO_LARGE, FAULT_NOMEM */
must_check enum err discovery_print(const struct discovery *d,
				    const struct discovery_naming *naming, enum service_auth auth,
				    struct dynbuf *out);
/* "mcp.acme.com" → "acme-com". */
void discovery_id(const struct discovery *d, char to[static SERVICE_ID_LEN + 1]);
