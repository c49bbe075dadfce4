/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* openapi - the OpenAPI 3.1 document of the management API, printed from routes.def. */

#include "base/dynbuf.h"

void openapi_print(const char *issuer, struct dynbuf *out);
