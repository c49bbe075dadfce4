/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/window.h"

enum { DAY = 86400, ALL_DAYS = 0x7f, AHEAD_DAYS = 10 };

static bool read_day(struct bytes text, unsigned *ret)
{
	static const char *const names[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (bytes_is(text, names[i])) {
			*ret = i;
			return true;
		}
	return false;
}

/* "Mon-Fri,Sun" */
static bool read_days(struct bytes text, uint8_t *ret)
{
	uint8_t days = 0;
	unsigned from, to;

	if (text.n == 0 || text.p[text.n - 1] == ',')
		return false;
	while (text.n > 0) {
		struct bytes range = bytes_cut(&text, ',');
		const bool one = memchr(range.p, '-', range.n) == NULL;
		const struct bytes first = bytes_cut(&range, '-');
		if (!read_day(first, &from) || !read_day(one ? first : range, &to))
			return false;
		for (unsigned day = from;; day = (day + 1) % 7) {
			days |= (uint8_t)(1U << day);
			if (day == to)
				break;
		}
	}
	*ret = days;
	return true;
}

/* "08:00", up to "24:00" */
static bool read_clock(struct bytes text, int32_t *ret)
{
	int32_t digits[4];

	if (text.n != 5 || text.p[2] != ':')
		return false;
	for (size_t i = 0, at = 0; i < 4; i++, at++) {
		at += at == 2;
		if (text.p[at] < '0' || text.p[at] > '9')
			return false;
		digits[i] = text.p[at] - '0';
	}
	const int32_t hour = digits[0] * 10 + digits[1], minute = digits[2] * 10 + digits[3];
	*ret = hour * 3600 + minute * 60;
	return minute < 60 && *ret <= DAY;
}

const char *window_read(struct bytes text, const struct zones *zones, struct window *ret)
{
	struct window window = { .days = ALL_DAYS };
	struct bytes rest = text;
	struct bytes word = bytes_cut(&rest, ' ');

	if (word.n > 0 && word.p[0] >= 'A') {
		if (!read_days(word, &window.days))
			return "days are written as Mon-Fri or Mon,Wed,Sat";
		word = bytes_cut(&rest, ' ');
	}
	const struct bytes begin = bytes_cut(&word, '-');
	if (!read_clock(begin, &window.begin) || !read_clock(word, &window.end))
		return "hours are written as 08:00-18:00";
	if (window.begin == window.end || window.begin == DAY)
		return "hours that begin where they end are no window";
	if (rest.n == 0)
		return "a time zone such as Europe/Berlin or UTC is missing";
	window.zone = zones_find(zones, rest);
	if (window.zone == NULL)
		return "there is no such time zone";
	*ret = window;
	return NULL;
}

static bool has_day(const struct window *window, int64_t day)
{
	return (window->days >> ((day + 4) % 7) & 1) != 0; /* 1970-01-01 was a Thursday */
}

static bool open_at(const struct window *window, int64_t at)
{
	const int64_t local = at + zone_offset(window->zone, at) + DAY; /* never negative */
	const int64_t day = local / DAY - 1, second = local % DAY;

	if (window->begin < window->end)
		return has_day(window, day) && second >= window->begin && second < window->end;
	return (has_day(window, day) && second >= window->begin) ||
	       (has_day(window, day + 6) && second < window->end); /* yesterday, modulo a week */
}

bool window_open(const struct window *window, usec_t now)
{
	return open_at(window, (int64_t)(now / USEC_PER_S));
}

usec_t window_next(const struct window *window, usec_t now)
{
	const int64_t at = (int64_t)(now / USEC_PER_S);
	const int64_t today = (at + zone_offset(window->zone, at)) / DAY;

	for (int64_t day = today; day < today + AHEAD_DAYS; day++) {
		const int64_t local = day * DAY + window->begin;
		const int64_t a = local - zone_offset(window->zone, local - DAY);
		const int64_t b = local - zone_offset(window->zone, local + DAY);
		const int64_t begins[] = { a < b ? a : b, a < b ? b : a };
		for (size_t i = 0; i < ARRAY_LEN(begins); i++)
			if (begins[i] > at && open_at(window, begins[i]))
				return (usec_t)begins[i] * USEC_PER_S;
	}
	return 0;
}
