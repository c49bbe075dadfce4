/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* body - the body of a tool's request. Inside tools only. */

#include "core/tools/value.h"

/* Appends it; *@ret_type is its content type, NULL where there is none. Errors of value_render().
 */
must_check enum err body_print(const struct value_scope *scope, const struct service_step *step,
			       struct dynbuf *out, const char **ret_type);
