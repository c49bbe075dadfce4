/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* schema - the migrations of state.db, in order. One that was ever released is never changed. */

#include "core/store/sqlite/db.h"

enum { SCHEMA_APPLICATION = 0x766b7331 }; /* "vks1" */

extern const struct db_settings schema_settings;
