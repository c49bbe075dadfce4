/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* graph - raw requests to GraphQL endpoints: what they execute, and which tools that is near.
 * Inside tools only. */

#include "codec/graphql_request.h"
#include "core/tools/raw.h"

/* Whether the request goes to an endpoint that the service's file or one of its tools names, or to
 * one that is called like one. */
bool graph_is_endpoint(const struct service *service, const struct raw *raw);
/* Fills @facts, which the caller ends with graphql_facts_done(). FAULT_NOMEM. */
must_check enum err graph_read(const struct raw *raw, struct graphql_facts *facts);
/* Whether the tool's own document has a field at its root that the request has too. FAULT_NOMEM. */
must_check enum err graph_is_near(const struct service_tool *tool, struct graphql_facts *facts,
				  bool *ret);
