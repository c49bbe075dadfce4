/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * openapi - a service file out of an OpenAPI 3 document, JSON or YAML. What
 * the document does not say (how the account is asked for, how tokens are
 * refreshed) gets the careful default, or an address below "invalid" (RFC
 * 2606), to be filled in by a person. The result is what service_compile()
 * takes; whatever of the document would not be is left out and counted.
 */

#include "codec/json.h"
#include "codec/yaml.h"

enum {
	OPENAPI_TEXT_MAX = 32 * 1024 * 1024, /* of JSON; of YAML what codec/yaml reads */
	OPENAPI_MATCHES_MAX = 16,
	OPENAPI_TOOLS_MAX = 128,
};

struct openapi_wish {
	const char *const *matches; /* beginnings of paths or operation ids; none: all */
	size_t matches_n;
};

struct openapi_result {
	size_t tools;
	size_t no_room;	     /* operations beyond what a service file holds */
	size_t unspeakable;  /* such whose parameters or bodies a tool cannot have */
	bool oauth, account; /* whether the document says where to authorize, and who one is */
};

/* Appends the file. ERR_MALFORMED, ERR_TOO_LARGE; @complaint then says what is wrong with @file. */
must_check enum err openapi_import(struct bytes text, const char *file,
				   const struct openapi_wish *wish, struct complaint *complaint,
				   struct dynbuf *out, struct openapi_result *ret);
