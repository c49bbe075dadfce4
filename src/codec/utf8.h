/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* utf8 - RFC 3629: shortest form, no surrogate, nothing above U+10FFFF. */

#include "base/bytes.h"

/* The length of the code point at the beginning of @text, which is *@ret; 0: none begins there. */
size_t utf8_read(struct bytes text, uint32_t *ret);
bool utf8_ok(struct bytes text);
