/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* openapi_read - what the parts of an import share: references, texts, names, schemas. */

#include "codec/json.h"
#include "codec/yaml.h"

enum { OPENAPI_LINE_MAX = 240 };

/* The document as JSON, whichever way it is written. ERR_MALFORMED, ERR_TOO_LARGE */
must_check enum err openapi_read_document(struct bytes text, const char *file,
					  struct complaint *complaint, json_t **ret);
/* Follows "$ref" inside the document, a few times. NULL: it leads nowhere. Borrowed. */
const json_t *openapi_read_ref(const json_t *document, const json_t *value);
/* The first line of @text, or of @otherwise where there is none, without what a terminal obeys and
 * without braces. */
json_t *openapi_read_line(const json_t *text, const char *otherwise);
/* "Pull requests/listReviews" as "pull_requests.list_reviews": words of a-z 0-9 _, joined by dots,
 * each with a letter first. */
void openapi_read_name(const char *from, char *to, size_t size);
/* A parameter's name as an argument's: A-Z a-z 0-9 _ - */
void openapi_read_argument(const char *from, char *to, size_t size);
/* The part of a schema that arguments keep: types, lists of words, bounds, what is inside down to
 * @depth. Never NULL but for want of memory. */
json_t *openapi_read_schema(const json_t *document, const json_t *schema, unsigned depth);
/* The schema with the members that allOf gives it, for a look at its properties. Borrowed or
 * *@ret_made, which the caller ends. NULL: there is none. */
const json_t *openapi_read_object(const json_t *document, const json_t *schema, json_t **ret_made);
