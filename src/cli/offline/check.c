/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/check.h"

#include <assert.h>
#include <stdio.h>

#include "core/catalog/service.h"

static_assert((int)SERVICE_ID_LEN < (int)CHECK_ID_MAX, "an id fits");

enum err check_service(struct bytes text, const char *file, struct complaint *complaint,
		       char ret_id[static CHECK_ID_MAX], size_t *ret_tools)
{
	scoped(service_free) struct service *service = NULL;

	TRY(service_compile(text, file, complaint, &service));
	snprintf(ret_id, CHECK_ID_MAX, "%s", service->id);
	*ret_tools = service->tools_n;
	return OK;
}
