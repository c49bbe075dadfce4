/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * params - arguments that a server of 2026-07-28 wants beside the body, as the
 * header Mcp-Param-NAME: properties of the input schema with "x-mcp-header".
 *
 * Only strings, whole numbers and truth values, reached by `properties` alone
 * from the root, each under a name of its own that a header can have: a tool
 * that asks for anything else is no tool.
 */

#include "codec/doc.h"

enum { PARAMS_MAX = 32, PARAM_NAME_MAX = 64, PARAM_VALUE_MAX = 4096 };

/* @schema of the document. ERR_MALFORMED */
must_check enum err params_check(const struct doc *doc, uint32_t schema);

/* The name is whole, "mcp-param-" included; the value is printable ASCII. */
typedef enum err (*param_fn)(void *ctx, const char *name, struct bytes value);
/* Each argument that is to be shown; what is null or absent is not. What is no printable ASCII, or
 * begins or ends with a space, is in base64. ERR_MALFORMED (not what its schema says),
 * ERR_TOO_LARGE, those of @fn. */
must_check enum err params_each(const struct doc *doc, uint32_t schema, const struct doc *args,
				param_fn fn, void *ctx);
