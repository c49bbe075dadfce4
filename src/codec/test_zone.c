/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/zone.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/dynbuf.h"

static const char root[] = "/usr/share/zoneinfo/";
static const int64_t since = 1704067200; /* 2024-01-01 */
static const int64_t until = 2303683200; /* 2043-01-01 */

static enum err read_file(const char *path, struct zone *ret)
{
	static uint8_t room[ZONE_TEXT_MAX];
	FILE *file = fopen(path, "rb");

	if (file == NULL)
		return ERR_NOT_FOUND;
	const size_t n = fread(room, 1, sizeof room, file);
	fclose(file);
	return zone_read((struct bytes){ room, n }, since, ret);
}

static void check_zone(const char *path, int64_t step)
{
	char name[256];
	struct zone zone;
	struct tm tm;

	if (read_file(path, &zone) != OK)
		return;
	snprintf(name, sizeof name, ":%s", path);
	setenv("TZ", name, 1);
	tzset();
	for (int64_t at = since; at < until; at += step) {
		const time_t t = (time_t)at;
		assert_non_null(localtime_r(&t, &tm));
		if (zone_offset(&zone, at) != tm.tm_gmtoff)
			fail_msg("%s at %lld: %d, and the C library says %ld", path, (long long)at,
				 zone_offset(&zone, at), tm.tm_gmtoff);
	}
	zone_done(&zone);
}

static unsigned zones;

static int each(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (type == FTW_F && strstr(path, "/right/") == NULL && strstr(path, "/posix/") == NULL) {
		check_zone(path, (int64_t)86400 * 9 + 3600 * 5 + 1);
		zones++;
	}
	return 0;
}

static void all_zones_agree_with_the_c_library(void **state)
{
	assert_int_equal(nftw(root, each, 16, FTW_PHYS), 0);
	assert_true(zones > 300);
}

static void some_zones_agree_at_every_quarter_of_an_hour(void **state)
{
	static const char *const names[] = {
		"Europe/Berlin", "Europe/Dublin",     "America/New_York", "Australia/Lord_Howe",
		"Asia/Kolkata",	 "Africa/Casablanca", "America/Nuuk",	  "Pacific/Chatham",
		"Asia/Gaza",	 "America/Sao_Paulo", "Antarctica/Troll", "Etc/UTC",
	};
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof path, "%s%s", root, names[i]);
		check_zone(path, 900);
	}
}

static void what_the_rule_says_anyway_is_not_kept(void **state)
{
	struct zone zone;

	assert_int_equal(read_file("/usr/share/zoneinfo/Europe/Berlin", &zone), OK);
	assert_int_equal(zone.changes_n, 0);
	assert_true(zone.has_rule && zone.rule.has_summer);
	zone_done(&zone);
}

/* A version 2 file with one type of offset zero, the changes given and a footer. */
static enum err make(const char *footer, const int64_t *times, size_t n, struct zone *ret)
{
	static const uint8_t types[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0x0e, 0x10, 1, 0 };
	uint8_t head[44] = { 'T', 'Z', 'i', 'f', '2' };
	struct dynbuf out;

	dynbuf_init(&out, 4096);
	head[39] = 1; /* types of the first block, which is stepped over */
	dynbuf_put(&out, head, sizeof head);
	dynbuf_put(&out, types, 6);
	head[39] = 2;
	head[35] = (uint8_t)n;
	dynbuf_put(&out, head, sizeof head);
	for (size_t i = 0; i < n; i++)
		dynbuf_u64(&out, (uint64_t)times[i]);
	for (size_t i = 0; i < n; i++)
		dynbuf_u8(&out, (i + 1) % 2);
	dynbuf_put(&out, types, sizeof types);
	dynbuf_str(&out, footer);
	assert_int_equal(dynbuf_err(&out), OK);
	const enum err err = zone_read(dynbuf_view(&out), 0, ret);
	dynbuf_done(&out);
	return err;
}

static void a_footer_is_read_in_each_form(void **state)
{
	static const struct {
		const char *footer;
		int64_t at;
		int32_t offset;
	} cases[] = {
		{ "\n\n", 1782864000, 0 },
		{ "\nABC-1\n", 1782864000, 3600 },
		{ "\n<+0330>-3:30\n", 1782864000, 12600 },
		{ "\nABC+3DEF,J60,J300\n", 1772330400 - 1, -10800 }, /* 2026-03-01 02:00 local */
		{ "\nABC+3DEF,J60,J300\n", 1772330400 + 10800, -7200 },
		{ "\nABC0DEF,J60/0,J300/0\n", 1835481600, 3600 }, /* 2028-03-01 of a leap year */
		{ "\nABC0DEF,J60/0,J300/0\n", 1835481600 - 1, 0 },
		{ "\nABC0DEF,59/0,299/0\n", 1835395200, 3600 }, /* 2028-02-29 */
		{ "\nABC0DEF,59/0,299/0\n", 1835395200 - 1, 0 },
		{ "\nABC0DEF2,M3.5.0/-1,M10.1.1/25\n", 1774738800, -7200 }, /* 2026-03-28 23:00 */
		{ "\nABC0DEF2,M3.5.0/-1,M10.1.1/25\n", 1774738800 - 1, 0 },
		{ "\nABC0DEF2,M3.5.0/-1,M10.1.1/25\n", 1791342000, -7200 + 7200 },
		{ "\nABC-10DEF,M10.1.0,M4.1.0/3\n", 1767225600, 39600 }, /* the south's summer */
		{ "\nABC-10DEF,M10.1.0,M4.1.0/3\n", 1782864000, 36000 },
	};
	struct zone zone;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(make(cases[i].footer, NULL, 0, &zone), OK);
		if (zone_offset(&zone, cases[i].at) != cases[i].offset)
			fail_msg("row %zu: %d", i, zone_offset(&zone, cases[i].at));
		zone_done(&zone);
	}
}

static void a_malformed_footer_or_time_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"ABC0\n",
		"\nABC0",
		"\nAB0\n",
		"\nABC\n",
		"\nABC99\n",
		"\nABC0DEF\n",
		"\nABC0DEF,M3.5.0\n",
		"\nABC0DEF,M0.5.0,M3.1.0\n",
		"\nABC0DEF,M3.0.0,M3.1.0\n",
		"\nABC0DEF,M3.6.0,M3.1.0\n",
		"\nABC0DEF,M3.1.7,M3.1.0\n",
		"\nABC0DEF,M13.1.1,M3.1.0\n",
		"\nABC0DEF,J0,J3\n",
		"\nABC0DEF,J366,J3\n",
		"\nABC0DEF,366,3\n",
		"\nABC0DEF,M3.1.0,M4.1.0x\n",
		"\nABC0DEF,M3.1.0/168,M4.1.0\n",
		"\n<ABC0\n",
		"\nABC1:60\n",
	};
	static const int64_t backwards[] = { 5, 5 };
	struct zone zone;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (make(bad[i], NULL, 0, &zone) != ERR_MALFORMED)
			fail_msg("row %zu", i);
	assert_int_equal(make("\nABC0\n", backwards, 2, &zone), ERR_MALFORMED);
	assert_int_equal(zone_read(str("TZif"), 0, &zone), ERR_MALFORMED);
	assert_int_equal(zone_read(str(""), 0, &zone), ERR_MALFORMED);
}

static void listed_changes_come_before_the_rule(void **state)
{
	static const int64_t times[] = { 1000, 2000, 3000 };
	struct zone zone;

	assert_int_equal(make("\nABC-2\n", times, 3, &zone), OK);
	assert_int_equal(zone_offset(&zone, 999), 0);
	assert_int_equal(zone_offset(&zone, 1000), 3600);
	assert_int_equal(zone_offset(&zone, 1999), 3600);
	assert_int_equal(zone_offset(&zone, 2000), 0);
	assert_int_equal(zone_offset(&zone, 3000), 7200);
	zone_done(&zone);
	assert_int_equal(make("\n\n", times, 3, &zone), OK);
	assert_int_equal(zone_offset(&zone, 3000), 3600);
	zone_done(&zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_zones_agree_with_the_c_library),
		cmocka_unit_test(some_zones_agree_at_every_quarter_of_an_hour),
		cmocka_unit_test(what_the_rule_says_anyway_is_not_kept),
		cmocka_unit_test(a_footer_is_read_in_each_form),
		cmocka_unit_test(a_malformed_footer_or_time_is_refused),
		cmocka_unit_test(listed_changes_come_before_the_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
