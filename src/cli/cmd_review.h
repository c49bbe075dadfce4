/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* cmd_review - looks at the tools of a remote MCP server; also what 'service add-mcp --accept'
 * does. */

#include "cli/cmd.h"

/* @tool NULL: all of them. With --accept what is shown is accepted, by its pin. */
must_check enum cli_exit review_of(struct cli *cli, const char *service, const char *tool);
