/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* path - dotted paths into a provider's JSON: "authed_user.scope", "0.id". Inside oauth only. */

#include "codec/json.h"

/* NULL if it leads nowhere. Borrowed. */
const json_t *path_find(const json_t *from, struct bytes path);
/* A string, or an integer in decimal, with an end mark. False if it is neither, empty, does not fit
 * or holds control characters. */
bool path_text(const json_t *from, struct bytes path, char *to, size_t size);
