/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* network - "10.0.0.0/8", "2001:db8::/32", or one address. IPv4 is kept as ::ffff:a.b.c.d. */

#include "base/bytes.h"

struct network {
	uint8_t address[16];
	unsigned bits;
};

/* Answers NULL, or what is wrong in words. */
const char *network_read(struct bytes text, struct network *ret);
bool network_has(const struct network *network, const uint8_t address[static 16]);
