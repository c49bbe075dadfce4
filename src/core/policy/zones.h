/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * zones - the time zones that a policy may name, filled once by who may read
 * files and never changed afterwards. UTC is always there.
 */

#include "codec/zone.h"

enum { ZONES_MAX = 1500, ZONES_NAME_MAX = 48 };

struct zones;

must_check enum err zones_new(struct zones **ret);
void zones_free(struct zones **zonesp);
/* Takes a TZif file under its IANA name; @since as in zone_read(). ERR_MALFORMED (file or name),
 * ERR_TOO_LARGE, ERR_EXISTS */
must_check enum err zones_put(struct zones *zones, struct bytes name, struct bytes tzif,
			      int64_t since);
/* To be called after the last zones_put(). */
void zones_sort(struct zones *zones);
size_t zones_count(const struct zones *zones);
/* Names are compared byte for byte. @zones NULL: only "UTC". NULL if there is none. */
const struct zone *zones_find(const struct zones *zones, struct bytes name);
