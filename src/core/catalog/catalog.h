/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * catalog - the service files that were embedded when the binary was built.
 * A tenant's own files are rows of the store and come before these.
 */

#include "core/catalog/service.h"

/* The text of the built-in file of that service. False if there is none. Lives as long as the
 * process. */
bool catalog_find(struct bytes id, struct bytes *ret_yaml);
/* The id of the n-th built-in service in alphabetical order, or NULL. */
const char *catalog_at(size_t n);
/* A file of the sandbox provider with its {origin} still in it ("sandbox-github", …). False if
 * there is none. */
bool catalog_sandbox_find(struct bytes id, struct bytes *ret_template);
const char *catalog_sandbox_at(size_t n);
/* Writes the file with @origin ("http://localhost:7071") in its places. ERR_MALFORMED (@origin is
 * no origin), ERR_TOO_LARGE. */
must_check enum err catalog_sandbox_print(struct bytes template, struct bytes origin,
					  struct dynbuf *out);
