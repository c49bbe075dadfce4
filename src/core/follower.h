/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * follower - the thread that writes the projection. It shares nothing with the
 * rest of core but the number of durable records, told to it once a second.
 */

#include <stdint.h>

#include "base/err.h"

struct follower;

must_check enum err follower_start(int state_dir, int log_dir, struct follower **ret);
/* Records below @size are durable and may be read. */
void follower_size(struct follower *follower, uint64_t size);
void follower_stop(struct follower **followerp);
