/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* sample - a service with a tool for each form a request may have, for the tests of this folder. */

#include "codec/doc.h"
#include "core/catalog/service.h"

struct service *sample_service(void);
/* Fails the test if there is none. */
const struct service_tool *sample_tool(const struct service *service, const char *name);
void sample_read(const char *text, struct doc *ret);
