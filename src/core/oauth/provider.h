/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * provider - what we say to a provider and what account it names, as the
 * service file describes it. Nothing is sent from here and no secret passes
 * through: a call names which secret goes where, and flow has keeper and
 * courier put it there.
 */

#include "base/dynbuf.h"
#include "codec/form.h"
#include "codec/json.h"
#include "core/catalog/service.h"
#include "model/scopes.h"

enum { PROVIDER_SECRETS_MAX = 3, PROVIDER_CUTS_MAX = 2, PROVIDER_URL_MAX = 8192 };

enum provider_secret { PROVIDER_CLIENT_SECRET = 1, PROVIDER_ACCESS, PROVIDER_REFRESH };

/* The ways of ipc's placement_how, by their names. */
enum provider_how {
	PROVIDER_BEARER = 1,
	PROVIDER_HEADER,
	PROVIDER_BASIC,
	PROVIDER_MEMBER,
	PROVIDER_BASIC_USER, /* the secret is the user */
	PROVIDER_URL,	     /* instead of `name` in the address */
};

struct provider_placement {
	enum provider_secret secret;
	enum provider_how how;
	struct bytes
		name; /* of the header, of the member of the body, or the text in the address */
	struct bytes user; /* of Basic; of a header: the text before the secret */
};

enum provider_body { PROVIDER_BODY_NONE, PROVIDER_BODY_FORM, PROVIDER_BODY_JSON };

/* Borrows from the service and from what it was made of; url and body are its own. */
struct provider_call {
	enum service_method method;
	enum provider_body kind;
	struct dynbuf url, body;
	struct service_pairs headers; /* beside Content-Type and the placements */
	size_t placements_n;
	struct provider_placement placements[PROVIDER_SECRETS_MAX];
	/* Token calls: access token first, refresh token second. Their strings go to keeper. */
	size_t cuts_n;
	struct bytes cuts[PROVIDER_CUTS_MAX];
};

void provider_call_done(struct provider_call *call);

/* Where the credentials of a call to the service's API go: placements, of which there are one or
 * two; and, where one of them goes into the query, what @url gains for it. */
enum { PROVIDER_CREDENTIALS_MAX = 2 };
size_t provider_credentials(const struct service *service, struct dynbuf *url,
			    struct provider_placement ret[static PROVIDER_CREDENTIALS_MAX]);

/* On whose behalf a provider is asked. */
struct provider_party {
	struct bytes client_id, redirect_uri;
	const json_t *variables; /* the connection's JSON object, or NULL */
};

struct provider_consent {
	struct bytes state;
	struct bytes challenge;	     /* ignored where the service has no PKCE */
	const struct scopes *scopes; /* as provider_scopes() answered */
};

/* What is asked for when @asked (spaces; empty: the file's default; where it has none, every scope
 * of risk low, or all if there is none) is wanted: that and the service's own constant ones.
 * ERR_INVALID_SCOPE: one the service does not have. */
must_check enum err provider_scopes(const struct service *service, struct bytes asked,
				    struct scopes *ret);
/* The address that the browser is sent to. ERR_TOO_LARGE, ERR_NOT_FOUND (as below). */
must_check enum err provider_authorize(const struct service *service,
				       const struct provider_party *party,
				       const struct provider_consent *consent, struct dynbuf *out);

/* The same without its parameters. */
must_check enum err provider_authorize_url(const struct service *service, const json_t *variables,
					   struct dynbuf *out);

/* Each makes *@ret, which the caller ends with provider_call_done(), also after a failure.
 * ERR_TOO_LARGE, ERR_NOT_FOUND: the connection lacks a variable that the address needs. */
must_check enum err provider_call_code(const struct service *service,
				       const struct provider_party *party, struct bytes code,
				       struct bytes verifier, struct provider_call *ret);
must_check enum err provider_call_refresh(const struct service *service,
					  const struct provider_party *party,
					  struct provider_call *ret);
/* ERR_UNSUPPORTED: the service has no revocation. */
must_check enum err provider_call_revoke(const struct service *service,
					 const struct provider_party *party, bool has_refresh,
					 struct provider_call *ret);
/* ERR_UNSUPPORTED: the file does not say that the end of a token is asked for. */
must_check enum err provider_call_introspect(const struct service *service,
					     const struct provider_party *party,
					     struct provider_call *ret);
/* RFC 7662 2.2: when the token ends by that answer; where it does not say, by the file. */
usec_t provider_introspect_read(const struct service *service, unsigned status, struct bytes body,
				usec_t now);
/* ERR_UNSUPPORTED: no second step is needed. */
must_check enum err provider_call_discover(const struct service *service, const json_t *variables,
					   struct provider_call *ret);
must_check enum err provider_call_account(const struct service *service, const json_t *variables,
					  struct provider_call *ret);
/* ERR_UNSUPPORTED: there is no way to tell. */
must_check enum err provider_call_probe(const struct service *service, const json_t *variables,
					struct provider_call *ret);

/* service_value_fn over a JSON object of variables. */
struct bytes provider_value(const void *variables, struct bytes name);
/* Adds @given (name to text; NULL: nothing), of which all must be variables of @service that are
 * given there, to the object @variables. @from: SERVICE_FROM_START or SERVICE_FROM_OPERATOR.
 * ERR_MALFORMED: one is unknown or fails its check; then none was added. */
must_check enum err provider_take_given(const struct service *service, enum service_from from,
					json_t *given, json_t *variables);
/* Whether a variable that is given there, and has no default, is missing in @variables; @ret is
 * then its name. */
bool provider_lacks(const struct service *service, enum service_from from, const json_t *variables,
		    struct bytes *ret);
/* Adds the variables that come from there to the object @variables. ERR_MALFORMED: one is not there
 * or fails its check; then none was added. The second one also as provider_account_read(). */
must_check enum err provider_take_redirect(const struct service *service, const struct form *query,
					   json_t *variables);
must_check enum err provider_take_discover(const struct service *service, unsigned status,
					   struct bytes body, json_t *variables);
must_check enum err provider_take_reply(const struct service *service, const json_t *reply,
					json_t *variables);

enum { PROVIDER_ACCOUNT_MAX = 256 };

struct provider_account {
	char id[PROVIDER_ACCOUNT_MAX + 1];
	char name[PROVIDER_ACCOUNT_MAX + 1]; /* the id where there is none */
};

/* ERR_MALFORMED (no usable answer), ERR_PROVIDER_REFUSED (4xx or an error in it),
 * ERR_PROVIDER_UNAVAILABLE (429, 5xx). */
must_check enum err provider_account_read(const struct service *service, unsigned status,
					  struct bytes body, struct provider_account *ret);

enum provider_life { PROVIDER_LIFE_UNKNOWN, PROVIDER_DEAD, PROVIDER_ALIVE };
enum provider_life provider_probe_read(const struct service *service, unsigned status,
				       struct bytes body);
/* Whether the provider accepted a revocation; a token it does not know is revoked.
 * ERR_PROVIDER_REFUSED, ERR_PROVIDER_UNAVAILABLE. */
must_check enum err provider_revoke_read(const struct service *service, unsigned status,
					 struct bytes body);
