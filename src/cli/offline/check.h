/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* check - whether a service file would be accepted, without a daemon. */

#include "codec/yaml.h"

enum { CHECK_ID_MAX = 64 };

/* @ret_id gets the service's id, @ret_tools how many tools it has. ERR_MALFORMED, ERR_TOO_LARGE;
 * @complaint then names file, line and reason. */
must_check enum err check_service(struct bytes text, const char *file, struct complaint *complaint,
				  char ret_id[static CHECK_ID_MAX], size_t *ret_tools);
