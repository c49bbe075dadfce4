/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* section - the parts of a service file, each read on its own. Inside catalog only. */

#include "core/catalog/reader.h"

/* Each reads its map into the service and fills what the file leaves to defaults. */
must_check enum err section_oauth(const struct reader *r, const struct yaml_node *node,
				  const struct reader_key *key, void *to);
must_check enum err section_account(const struct reader *r, const struct yaml_node *node,
				    const struct reader_key *key, void *to);
must_check enum err section_probe(const struct reader *r, const struct yaml_node *node,
				  const struct reader_key *key, void *to);
must_check enum err section_discover(const struct reader *r, const struct yaml_node *node,
				     const struct reader_key *key, void *to);
must_check enum err section_revoke(const struct reader *r, const struct yaml_node *node,
				   const struct reader_key *key, void *to);
must_check enum err section_variables(const struct reader *r, const struct yaml_node *node,
				      const struct reader_key *key, void *to);
must_check enum err section_api(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to);
/* After the other parts: names scopes, variables and hosts. */
must_check enum err section_tools(const struct reader *r, const struct yaml_node *node,
				  struct service *service);
/* The requests of a tool, and, once its arguments are known, their {places}. */
must_check enum err section_request(const struct reader *r, const struct yaml_node *node,
				    const struct reader_key *key, void *to);
must_check enum err section_request_check(const struct reader *r, const struct yaml_node *node,
					  const struct service *service,
					  const struct service_tool *tool);
must_check enum err section_summary_check(const struct reader *r, const struct yaml_node *node,
					  const struct service *service,
					  const struct service_tool *tool);
extern const struct reader_words section_methods;
/* NULL if the file declares no such variable. */
const struct service_variable *section_variable_find(const struct service_oauth *oauth,
						     struct bytes name);
