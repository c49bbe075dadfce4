/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * given - values that people give for the variables of a service: the operator
 * with the client, and whoever starts a connection. They stand in addresses
 * that tokens and secrets travel to, so each passes its variable's check
 * before it is kept, and is sealed in its row.
 */

#include "codec/json.h"
#include "core/catalog/service.h"
#include "core/flow/flow.h"

/* What was given for that client or consent; an empty object where nothing was. The caller's. */
must_check enum err given_load(struct flow *flow, struct id tenant, struct id of, json_t **ret);
/* Takes the place of what was given before. */
must_check enum err given_save(struct flow *flow, struct id tenant, struct id of,
			       const json_t *variables);
/* Checks @given against the variables that @service takes from there, and answers them as they are
 * kept. ERR_MALFORMED, ERR_VARIABLE: one is unknown, fails its check or is
 * missing; call->detail says which. */
must_check enum err given_check(struct call *call, const struct service *service,
				enum service_from from, json_t *given, json_t **ret);

/* Clients, consents and tokens of a remote MCP server belong to the authorization server that gave
 * them, and are used at no other, whatever the server names later (MCP, "authorization server
 * binding"). Beside its variables each therefore knows that issuer. For other services the first
 * does nothing and the second is true. */
must_check enum err given_issuer_set(const struct service *service, json_t *variables);
bool given_issuer_ok(const struct service *service, const json_t *variables);
/* ERR_NO_CLIENT: it is one of another authorization server than the service has now. */
must_check enum err given_client(struct flow *flow, const struct service *service,
				 const struct client_row *client);

/* What is known before the browser goes to the provider. The caller's. */
must_check enum err given_before(struct flow *flow, const struct consent_row *consent,
				 const struct client_row *client, json_t **ret);
