/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/zone.h"

#include <stdlib.h>

enum { HEADER_LEN = 44, TYPE_LEN = 6, HOUR = 3600, DAY = 86400, OFFSET_MAX = 26 * HOUR };

/* The counts of a TZif header. */
struct counts {
	uint32_t isut, isstd, leap, times, types, chars;
};

static enum err read_header(struct bytes *rest, uint8_t *ret_version, struct counts *ret)
{
	if (rest->n < HEADER_LEN || memcmp(rest->p, "TZif", 4) != 0)
		return ERR_MALFORMED;
	*ret_version = rest->p[4];
	*ret = (struct counts){
		.isut = get_u32(rest->p + 20),
		.isstd = get_u32(rest->p + 24),
		.leap = get_u32(rest->p + 28),
		.times = get_u32(rest->p + 32),
		.types = get_u32(rest->p + 36),
		.chars = get_u32(rest->p + 40),
	};
	*rest = (struct bytes){ rest->p + HEADER_LEN, rest->n - HEADER_LEN };
	return OK;
}

static enum err step_over(struct bytes *rest, size_t n)
{
	if (rest->n < n)
		return ERR_MALFORMED;
	*rest = (struct bytes){ rest->p + n, rest->n - n };
	return OK;
}

/* What follows the times, their types and the types themselves. */
static size_t tail_of(const struct counts *c, size_t time_size)
{
	return (size_t)c->chars + (size_t)c->leap * (time_size + 4) + c->isstd + c->isut;
}

static enum err counts_ok(const struct counts *c)
{
	const uint32_t max = ZONE_TEXT_MAX;

	if (c->times > max || c->types > 256 || c->chars > max || c->leap > max || c->isstd > 256 ||
	    c->isut > 256)
		return ERR_TOO_LARGE;
	return c->types == 0 ? ERR_MALFORMED : OK;
}

static enum err type_offset(struct bytes types, uint8_t index, int32_t *ret)
{
	if ((size_t)index * TYPE_LEN >= types.n)
		return ERR_MALFORMED;
	const int32_t offset = (int32_t)get_u32(types.p + (size_t)index * TYPE_LEN);
	if (offset < -OFFSET_MAX || offset > OFFSET_MAX)
		return ERR_MALFORMED;
	*ret = offset;
	return OK;
}

static enum err keep_changes(struct bytes times, struct bytes types, int64_t since,
			     struct zone *zone)
{
	const size_t n = times.n / 9;
	int64_t before = INT64_MIN;

	TRY(type_offset(types, 0, &zone->first));
	zone->changes = calloc(n == 0 ? 1 : n, sizeof *zone->changes);
	if (zone->changes == NULL)
		return FAULT_NOMEM;
	for (size_t i = 0; i < n; i++) {
		struct zone_change change = { .at = (int64_t)get_u64(times.p + i * 8) };
		TRY(type_offset(types, times.p[n * 8 + i], &change.offset));
		if (i > 0 && change.at <= before)
			return ERR_MALFORMED;
		before = change.at;
		if (change.at <= since)
			zone->first = change.offset;
		else
			zone->changes[zone->changes_n++] = change;
	}
	return zone->changes_n > ZONE_CHANGES_MAX ? ERR_TOO_LARGE : OK;
}

static bool step(struct bytes *rest, uint8_t c)
{
	if (rest->n == 0 || rest->p[0] != c)
		return false;
	*rest = (struct bytes){ rest->p + 1, rest->n - 1 };
	return true;
}

static enum err read_number(struct bytes *rest, int32_t max, int32_t *ret)
{
	int32_t value = 0;
	size_t n = 0;

	for (; n < rest->n && n < 4 && rest->p[n] >= '0' && rest->p[n] <= '9'; n++)
		value = value * 10 + (rest->p[n] - '0');
	if (n == 0 || value > max)
		return ERR_MALFORMED;
	*rest = (struct bytes){ rest->p + n, rest->n - n };
	*ret = value;
	return OK;
}

/* "<+0330>" or letters. */
static enum err skip_name(struct bytes *rest)
{
	size_t n = 0;

	if (step(rest, '<')) {
		while (n < rest->n && rest->p[n] != '>')
			n++;
		return step_over(rest, n + 1);
	}
	while (n < rest->n && ((rest->p[n] | 0x20) >= 'a' && (rest->p[n] | 0x20) <= 'z'))
		n++;
	return n < 3 ? ERR_MALFORMED : step_over(rest, n);
}

/* "-3:30", hours up to a week as RFC 9636 section 3.3.1 extends them. */
static enum err read_time(struct bytes *rest, int32_t *ret)
{
	const bool minus = step(rest, '-');
	int32_t hours, minutes = 0, seconds = 0;

	if (!minus)
		(void)step(rest, '+');
	TRY(read_number(rest, 167, &hours));
	if (step(rest, ':'))
		TRY(read_number(rest, 59, &minutes));
	if (step(rest, ':'))
		TRY(read_number(rest, 59, &seconds));
	const int32_t value = hours * HOUR + minutes * 60 + seconds;
	*ret = minus ? -value : value;
	return OK;
}

/* POSIX writes what is added to local time; we keep what is added to UTC. */
static enum err read_offset(struct bytes *rest, int32_t *ret)
{
	int32_t west;

	TRY(read_time(rest, &west));
	if (west < -OFFSET_MAX || west > OFFSET_MAX)
		return ERR_MALFORMED;
	*ret = -west;
	return OK;
}

static enum err read_when(struct bytes *rest, struct zone_when *ret)
{
	struct zone_when when = { .kind = ZONE_DAY_COUNTED, .time = 2 * HOUR };

	if (step(rest, 'M')) {
		when.kind = ZONE_DAY_OF_WEEK;
		TRY(read_number(rest, 12, &when.month));
		if (!step(rest, '.'))
			return ERR_MALFORMED;
		TRY(read_number(rest, 5, &when.week));
		if (!step(rest, '.') || when.month == 0 || when.week == 0)
			return ERR_MALFORMED;
		TRY(read_number(rest, 6, &when.day));
	} else if (step(rest, 'J')) {
		when.kind = ZONE_DAY_JULIAN;
		TRY(read_number(rest, 365, &when.day));
		if (when.day == 0)
			return ERR_MALFORMED;
	} else {
		TRY(read_number(rest, 365, &when.day));
	}
	if (step(rest, '/'))
		TRY(read_time(rest, &when.time));
	*ret = when;
	return OK;
}

static enum err read_rule(struct bytes rest, struct zone_rule *ret)
{
	struct zone_rule rule = { 0 };

	TRY(skip_name(&rest));
	TRY(read_offset(&rest, &rule.standard));
	if (rest.n > 0) {
		rule.has_summer = true;
		rule.summer = rule.standard + HOUR;
		TRY(skip_name(&rest));
		if (rest.n > 0 && rest.p[0] != ',')
			TRY(read_offset(&rest, &rule.summer));
		if (!step(&rest, ','))
			return ERR_MALFORMED;
		TRY(read_when(&rest, &rule.begin));
		if (!step(&rest, ','))
			return ERR_MALFORMED;
		TRY(read_when(&rest, &rule.end));
	}
	if (rest.n > 0)
		return ERR_MALFORMED;
	*ret = rule;
	return OK;
}

static enum err read_footer(struct bytes rest, struct zone *zone)
{
	if (!step(&rest, '\n') || rest.n == 0 || rest.p[rest.n - 1] != '\n')
		return ERR_MALFORMED;
	rest.n--;
	zone->has_rule = rest.n > 0;
	return zone->has_rule ? read_rule(rest, &zone->rule) : OK;
}

static bool leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 to the first of January of @year. */
static int64_t year_begins(int64_t year)
{
	const int64_t y = year - 1;

	return 365 * (year - 1970) + (y / 4 - 492) - (y / 100 - 19) + (y / 400 - 4);
}

static int64_t year_of(int64_t day)
{
	int64_t year = 1970 + day / 366;

	while (year_begins(year + 1) <= day)
		year++;
	return year;
}

static int64_t month_begins(int64_t year, int32_t month)
{
	static const uint16_t before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };

	return year_begins(year) + before[month - 1] + (month > 2 && leap(year));
}

/* The n-th or, for 5, the last of such days of the month; 1970-01-01 was a Thursday. */
static int64_t day_of_week(int64_t year, const struct zone_when *when)
{
	const int64_t begin = month_begins(year, when->month);
	const int64_t end =
		when->month == 12 ? year_begins(year + 1) : month_begins(year, when->month + 1);
	const int64_t weekday = (begin + 4) % 7;
	int64_t day = begin + (when->day - weekday + 7) % 7 + 7 * (when->week - 1);

	while (day >= end)
		day -= 7;
	return day;
}

/* In local seconds. */
static int64_t when_in(int64_t year, const struct zone_when *when)
{
	int64_t day = year_begins(year) + when->day;

	switch (when->kind) {
	case ZONE_DAY_JULIAN: /* the 29th of February is never counted */
		day += when->day >= 60 && leap(year) ? 0 : -1;
		break;
	case ZONE_DAY_COUNTED:
		break;
	case ZONE_DAY_OF_WEEK:
		day = day_of_week(year, when);
		break;
	}
	return day * DAY + when->time;
}

static int32_t rule_offset(const struct zone_rule *rule, int64_t at)
{
	const int64_t local = at + rule->standard;

	if (!rule->has_summer || local < 0)
		return rule->standard;
	const int64_t year = year_of(local / DAY);
	const int64_t begin = when_in(year, &rule->begin) - rule->standard;
	const int64_t end = when_in(year, &rule->end) - rule->summer;
	const bool summer = begin < end ? at >= begin && at < end : at >= begin || at < end;
	return summer ? rule->summer : rule->standard;
}

/* Drops the changes that the rule makes by itself. Two of them that are less than a year apart have
 * no third one of the rule between them. */
static void forget_ruled(struct zone *zone, int64_t since)
{
	if (!zone->has_rule)
		return;
	for (; zone->changes_n > 0; zone->changes_n--) {
		const size_t n = zone->changes_n;
		const struct zone_change *last = &zone->changes[n - 1];
		const struct zone_change before =
			n > 1 ? last[-1] : (struct zone_change){ since, zone->first };
		if (last->at - before.at > (int64_t)366 * DAY ||
		    rule_offset(&zone->rule, last->at) != last->offset ||
		    rule_offset(&zone->rule, last->at - 1) != before.offset)
			return;
	}
}

static enum err read_body(struct bytes rest, int64_t since, struct zone *zone)
{
	struct counts c;
	uint8_t version;

	TRY(read_header(&rest, &version, &c));
	TRY(counts_ok(&c));
	TRY(step_over(&rest, (size_t)c.times * 5 + (size_t)c.types * TYPE_LEN + tail_of(&c, 4)));
	if (version < '2')
		return ERR_MALFORMED;
	TRY(read_header(&rest, &version, &c));
	TRY(counts_ok(&c));
	const struct bytes times = { rest.p, (size_t)c.times * 9 };
	TRY(step_over(&rest, times.n));
	const struct bytes types = { rest.p, (size_t)c.types * TYPE_LEN };
	TRY(step_over(&rest, types.n));
	TRY(step_over(&rest, tail_of(&c, 8)));
	TRY(keep_changes(times, types, since, zone));
	return read_footer(rest, zone);
}

enum err zone_read(struct bytes tzif, int64_t since, struct zone *ret)
{
	struct zone zone = { 0 };

	if (tzif.n > ZONE_TEXT_MAX)
		return ERR_TOO_LARGE;
	const enum err err = read_body(tzif, since, &zone);
	if (err != OK) {
		zone_done(&zone);
		return err;
	}
	forget_ruled(&zone, since);
	*ret = zone;
	return OK;
}

void zone_done(struct zone *zone)
{
	free(zone->changes);
	*zone = (struct zone){ 0 };
}

int32_t zone_offset(const struct zone *zone, int64_t at)
{
	size_t low = 0, high = zone->changes_n;

	while (low < high) {
		const size_t middle = (low + high) / 2;
		if (zone->changes[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->changes_n && zone->has_rule)
		return rule_offset(&zone->rule, at);
	return low == 0 ? zone->first : zone->changes[low - 1].offset;
}
