/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * zone - one time zone of the IANA database, compiled from its TZif file
 * (RFC 9636): how far the clock on the wall is from UTC at a moment.
 *
 * Layout read: the 64-bit block of version 2 and later; leap seconds and
 * abbreviations are stepped over. What the footer's rule (POSIX TZ) says anyway
 * is not kept, so most zones are the rule alone.
 */

#include "base/bytes.h"

enum { ZONE_CHANGES_MAX = 2000, ZONE_TEXT_MAX = 256 * 1024 };

struct zone_change {
	int64_t at;	/* seconds since 1970 UTC */
	int32_t offset; /* seconds east of UTC from then on */
};

/* A day of each year, as in "M10.5.0/3". */
enum zone_day { ZONE_DAY_JULIAN = 1, ZONE_DAY_COUNTED, ZONE_DAY_OF_WEEK };

struct zone_when {
	enum zone_day kind;
	int32_t month, week, day; /* JULIAN and COUNTED: day alone */
	int32_t time;		  /* seconds after the midnight of that day, may be negative */
};

struct zone_rule {
	int32_t standard, summer; /* seconds east of UTC */
	bool has_summer;
	struct zone_when begin, end; /* of summer time */
};

struct zone {
	int32_t first; /* before the first change */
	bool has_rule; /* after the last change; else its offset stays */
	struct zone_rule rule;
	size_t changes_n;
	struct zone_change *changes;
};

/* Changes before @since (seconds) are forgotten: what zone_offset() answers for an earlier moment
 * is then that of @since. ERR_MALFORMED, ERR_TOO_LARGE */
must_check enum err zone_read(struct bytes tzif, int64_t since, struct zone *ret);
/* Safe on a zeroed one. */
void zone_done(struct zone *zone);

/* Seconds to add to UTC. */
int32_t zone_offset(const struct zone *zone, int64_t at);
