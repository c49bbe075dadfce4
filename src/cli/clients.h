/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * clients - the lines that a person pastes so that an MCP client finds a vault:
 *
 *   claude_code  one command
 *   cursor       ~/.cursor/mcp.json
 *   vscode       .vscode/mcp.json
 *   mcp_json     what most others read
 *   sign_in      one command for Claude Code, whose user then signs in in the browser
 *   program      for clients that only start programs ('valetkey mcp')
 */

#include <stdio.h>

#include "codec/json.h"

#define CLIENTS_TOKEN_VARIABLE "VALETKEY_VAULT_TOKEN"

/* A new object of these members. @token.n = 0: in its place stands what makes each client take it
 * from the environment, or ask for it, so that the file may be shared. NULL: no memory. */
json_t *clients_lines(struct bytes url, struct bytes token);
/* The same for people; @lines as above. */
void clients_show(FILE *out, const json_t *lines);
