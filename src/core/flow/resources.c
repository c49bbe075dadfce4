/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/resources.h"

#include "core/tools/build.h"

_Static_assert((int)SERVICE_TOUCHES_MAX <= (int)POLICY_RESOURCES_MAX,
	       "a tool reaches no more than a decision looks at");

enum err resources_find(const struct service_tool *tool, struct dynbuf *ids, struct policy_use *use)
{
	size_t ends[POLICY_RESOURCES_MAX];
	size_t at = ids->n;

	use->resources_n = tool->touches_n;
	for (size_t i = 0; i < tool->touches_n; i++) {
		const size_t begin = ids->n;
		enum err err = ERR_NOT_FOUND;
		if (use->args != NULL)
			err = tools_text(tool, tool->touches[i].id, use->args, ids);
		if (err == ERR_NOT_FOUND || err == ERR_MALFORMED)
			ids->n = begin;
		else
			TRY(err);
		use->resources[i] =
			(struct policy_resource){ .kind = tool->touches[i].resource->kind };
		ends[i] = ids->n;
	}
	/* The texts stand still only now. */
	for (size_t i = 0; i < tool->touches_n; at = ends[i++])
		if (ends[i] > at)
			use->resources[i].id = (struct bytes){ ids->p + at, ends[i] - at };
	return OK;
}
