/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* builtin - the tables that tools/embed.py makes of catalog/. Inside catalog only. */

#include <stddef.h>

struct builtin {
	const char *id;
	size_t n;
	const char *text;
};

extern const struct builtin builtin_services[];
extern const size_t builtin_services_n;
extern const struct builtin builtin_sandbox[];
extern const size_t builtin_sandbox_n;
