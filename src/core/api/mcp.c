/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mcp/mcp.h"

#include "core/api/reply.h"

enum err post_mcp(struct flow *flow, struct call *call, const struct api_in *in)
{
	mcp_handle(flow, call, in->vars[0], in->vars[1]);
	return OK;
}

enum err get_mcp(struct flow *flow, struct call *call, const struct api_in *in)
{
	mcp_handle(flow, call, in->vars[0], in->vars[1]);
	return OK;
}

enum err delete_mcp(struct flow *flow, struct call *call, const struct api_in *in)
{
	mcp_handle(flow, call, in->vars[0], in->vars[1]);
	return OK;
}
