/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * upstream - a remote MCP server becomes a service: how it wants to be
 * authorised is found out (core/oauth/discovery.h), a client of ours is chosen
 * or registered at its authorization server, and both are stored as any other
 * service and client, so that consent, refresh and revocation know nothing of it.
 *
 *   ask without a token → its metadata → its authorization server's → client
 *   → (register → seal the secret) → service and client in one step
 *
 * Whoever adds a server trusts it with nothing but an address: each step is one
 * bounded call through courier's guard, without redirects, and all of them
 * together have one deadline. A registration's secret is cut out by courier and
 * sealed by keeper.
 */

#include "core/flow/flow.h"

enum { UPSTREAM_STEP_MS = 5000, UPSTREAM_DEADLINE_S = 25, UPSTREAM_URL_MAX = 600 };

struct upstream_new {
	struct bytes url;
	struct bytes id, name;	  /* of the service; empty: made from the host */
	struct bytes client_id;	  /* one that the operator has there; empty: ours to get */
	struct bytes client_auth; /* basic, post, none; empty: what fits */
	bool dynamic;		  /* registered, although our own document would do */
};

/* How the client came about. */
enum upstream_client {
	UPSTREAM_CLIENT_MISSING = 1, /* the operator registers one there and sets it */
	UPSTREAM_CLIENT_GIVEN,
	UPSTREAM_CLIENT_KEPT, /* it was there, of the same issuer */
	UPSTREAM_CLIENT_DOCUMENT,
	UPSTREAM_CLIENT_REGISTERED,
	UPSTREAM_CLIENT_NONE, /* the server asks for no authorization */
};

struct upstream_added {
	const char *service;
	enum upstream_client client;
};

/* Adds it, or finds out anew about one that is there under this id. Answers through call->done with
 * a struct upstream_added, or with what went wrong, call->detail saying more. ERR_MALFORMED (no
 * such address), ERR_EXISTS (the id belongs to another service), ERR_OVERLOADED */
must_check enum err upstream_add(struct flow *flow, struct call *call,
				 const struct upstream_new *new);

/* The address of the document that we are a client by (CIMD), and whether others can get at it. */
void upstream_document(const struct flow *flow, char to[static UPSTREAM_URL_MAX]);
bool upstream_has_document(const struct flow *flow);
