/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* splice - writes a secret into its marked place in a JSON text. */

#include "base/bytes.h"

/* @body with @secret, escaped as the inside of a JSON string (RFC 8259 7), at @at. The caller wipes
 * and frees. ERR_MALFORMED (@at is past the end). */
must_check enum err splice_make(struct bytes body, size_t at, struct bytes secret,
				struct buf **ret);
