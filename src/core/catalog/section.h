/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* section - the parts of a service file, each read on its own. Inside catalog only. */

#include "core/catalog/reader.h"

/* Each reads its map into the service and fills what the file leaves to defaults. */
must_check enum err section_oauth(const struct reader *r, const struct yaml_node *node,
				  const struct reader_key *key, void *to);
must_check enum err section_error_member(const struct reader *r, const struct yaml_node *node,
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
must_check enum err section_mcp(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to);
/* The tools of an MCP server that are accepted and as they were then. */
must_check enum err section_mcp_tools(const struct reader *r, const struct yaml_node *node,
				      struct service *service);
/* After the other parts: names scopes, variables and hosts. */
must_check enum err section_tools(const struct reader *r, const struct yaml_node *node,
				  struct service *service);
/* Kinds of resources, and, per tool, those it reaches. */
must_check enum err section_resources(const struct reader *r, const struct yaml_node *node,
				      const struct reader_key *key, void *to);
must_check enum err section_touches(const struct reader *r, const struct yaml_node *node,
				    const struct service *service, struct service_tool *tool);
/* A single GET that is no tool's. */
must_check enum err section_ask(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to);
/* The schema of a tool's arguments. */
must_check enum err section_input(const struct reader *r, const struct yaml_node *node,
				  const struct reader_key *key, void *to);
/* The requests of a tool, and, once its arguments are known, their {places}. */
must_check enum err section_request(const struct reader *r, const struct yaml_node *node,
				    const struct reader_key *key, void *to);
must_check enum err section_request_check(const struct reader *r, const struct yaml_node *node,
					  const struct service *service,
					  const struct service_tool *tool);
/* A text for people, or an id, with arguments in it. */
must_check enum err section_text_check(const struct reader *r, const struct yaml_node *node,
				       const struct service *service,
				       const struct service_tool *tool, struct bytes text);
/* Whether the tool has the arguments that the request of section_ask() names. */
must_check enum err section_ask_check(const struct reader *r, const struct yaml_node *node,
				      const struct service *service,
				      const struct service_tool *tool,
				      const struct service_step *ask);
extern const struct reader_words section_methods;
/* NULL if the file declares no such variable. */
const struct service_variable *section_variable_find(const struct service_oauth *oauth,
						     struct bytes name);
