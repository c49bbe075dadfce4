/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* path - dotted paths into a provider's JSON: "authed_user.scope", "0.id". Inside oauth only. */

#include "codec/json.h"
#include "core/catalog/service.h"

/* NULL if it leads nowhere. Borrowed. */
const json_t *path_find(const json_t *from, struct bytes path);
/* The string that names an error, by the first path that leads to one; NULL if none does. */
const json_t *path_error(const struct service_errors *errors, const json_t *body);
/* A string, or an integer in decimal, with an end mark. False if it is neither, empty, does not fit
 * or holds control characters. */
bool path_text(const json_t *from, struct bytes path, char *to, size_t size);
