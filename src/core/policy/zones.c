/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/zones.h"

#include <stdlib.h>

struct entry {
	char name[ZONES_NAME_MAX + 1];
	struct zone zone;
};

struct zones {
	size_t n;
	struct entry at[ZONES_MAX];
};

static const struct zone utc = { 0 };

enum err zones_new(struct zones **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret == NULL ? FAULT_NOMEM : OK;
}

void zones_free(struct zones **zonesp)
{
	struct zones *zones = *zonesp;

	if (zones == NULL)
		return;
	for (size_t i = 0; i < zones->n; i++)
		zone_done(&zones->at[i].zone);
	free(zones);
	*zonesp = NULL;
}

/* "America/Argentina/Buenos_Aires", "Etc/GMT+5". */
static bool name_ok(struct bytes name)
{
	if (name.n == 0 || name.n > ZONES_NAME_MAX || name.p[0] == '/')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		const uint8_t c = name.p[i];
		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') &&
		    memchr("_+-/", c, 4) == NULL)
			return false;
	}
	return true;
}

enum err zones_put(struct zones *zones, struct bytes name, struct bytes tzif, int64_t since)
{
	struct entry entry = { 0 };

	if (zones->n == ZONES_MAX)
		return ERR_TOO_LARGE;
	if (!name_ok(name) || bytes_str(name, entry.name, sizeof entry.name) != OK)
		return ERR_MALFORMED;
	for (size_t i = 0; i < zones->n; i++)
		if (bytes_is(name, zones->at[i].name))
			return ERR_EXISTS;
	TRY(zone_read(tzif, since, &entry.zone));
	zones->at[zones->n++] = entry;
	return OK;
}

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void zones_sort(struct zones *zones)
{
	qsort(zones->at, zones->n, sizeof zones->at[0], by_name);
}

size_t zones_count(const struct zones *zones)
{
	return zones->n;
}

const struct zone *zones_find(const struct zones *zones, struct bytes name)
{
	struct entry wanted;

	if (bytes_is(name, "UTC"))
		return &utc;
	if (zones == NULL || bytes_str(name, wanted.name, sizeof wanted.name) != OK)
		return NULL;
	const struct entry *found =
		bsearch(&wanted, zones->at, zones->n, sizeof zones->at[0], by_name);
	return found == NULL ? NULL : &found->zone;
}
