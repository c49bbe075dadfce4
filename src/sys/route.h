/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* route - whether there is a way out of this machine at all. */

#include "base/bytes.h"

/* A default route through a device other than the loopback, as the kernel's tables have it now. */
bool route_exists(void);
/* A line of /proc/net/route, or of /proc/net/ipv6_route, without its end. */
bool route_line_is_default(struct bytes line);
