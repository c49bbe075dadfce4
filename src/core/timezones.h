/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* timezones - reads the system's tzdata once, before the sandbox closes the file system. */

#include "core/policy/zones.h"

/* All zones beneath @root that can be read, none if there is no such directory: a policy that names
 * another one is then refused. */
must_check enum err timezones_load(const char *root, struct zones **ret);
