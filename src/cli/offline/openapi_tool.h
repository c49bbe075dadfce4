/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* openapi_tool - one operation of an OpenAPI document as a tool of a service file. */

#include "codec/json.h"

struct openapi_operation {
	const json_t *document, *item, *operation; /* item: what its path has in common */
	const char *path, *method;		   /* method in lower case */
	const json_t *scopes;			   /* those that the service file has */
	const char *source;			   /* what the tool is checked against */
};

/* The tool without its name. ERR_UNSUPPORTED: it has a parameter or a body that a tool cannot have.
 */
must_check enum err openapi_tool(const struct openapi_operation *operation, json_t **ret);
/* What the tool is to be called: at least two words with a dot between them. */
void openapi_tool_name(const struct openapi_operation *operation, char *to, size_t size);
