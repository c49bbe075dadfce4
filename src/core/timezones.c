/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timezones.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* Decisions are about now; a replay looks back as far as this. */
enum { KEEP_DAYS = 400, DEPTH_MAX = 3 };

struct loading {
	struct zones *zones;
	int64_t since;
};

static size_t read_all(int fd, uint8_t *to, size_t max)
{
	size_t n = 0;
	ssize_t got;

	while (n < max && (got = read(fd, to + n, max - n)) > 0)
		n += (size_t)got;
	return n;
}

/* What is no zone (tables of countries, leap seconds) is not read as one. */
static void load_file(const struct loading *loading, int fd, const char *name)
{
	static uint8_t room[ZONE_TEXT_MAX];
	const struct bytes text = { room, read_all(fd, room, sizeof room) };

	if (!bytes_starts(text, "TZif"))
		return;
	if (zones_put(loading->zones, str(name), text, loading->since) != OK)
		log_warn("the time zone %s cannot be read: policies cannot name it", name);
}

/* The same zones once more, without and with leap seconds. */
static bool is_twin(const char *name)
{
	return strcmp(name, "posix") == 0 || strcmp(name, "right") == 0;
}

static void load_directory(const struct loading *loading, int fd, const char *prefix, int depth);

static void load_entry(const struct loading *loading, int dir, const char *prefix,
		       const struct dirent *entry, int depth)
{
	char name[ZONES_NAME_MAX + 1];
	struct stat st;
	const int n = snprintf(name, sizeof name, "%s%s", prefix, entry->d_name);

	if (entry->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof name || is_twin(name))
		return;
	const int fd = openat(dir, entry->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	const bool known = fstat(fd, &st) == 0;
	if (known && S_ISDIR(st.st_mode) && depth < DEPTH_MAX && (size_t)n + 1 < sizeof name) {
		name[n] = '/';
		name[n + 1] = 0;
		load_directory(loading, fd, name, depth + 1); /* closes it */
		return;
	}
	if (known && S_ISREG(st.st_mode))
		load_file(loading, fd, name);
	close(fd);
}

static void load_directory(const struct loading *loading, int fd, const char *prefix, int depth)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		load_entry(loading, dirfd(dir), prefix, entry, depth);
	closedir(dir);
}

enum err timezones_load(const char *root, struct zones **ret)
{
	scoped(zones_free) struct zones *zones = NULL;
	const int fd = open(root, O_RDONLY | O_CLOEXEC | O_DIRECTORY);

	TRY(zones_new(&zones));
	if (fd >= 0) {
		const int64_t now = (int64_t)(clock_wall() / USEC_PER_S);
		const struct loading loading = { zones, now - (int64_t)KEEP_DAYS * 86400 };
		load_directory(&loading, fd, "", 0);
	}
	zones_sort(zones);
	if (zones_count(zones) == 0)
		log_warn("there is no time zone database in %s: policies can name UTC alone", root);
	*ret = take(zones);
	return OK;
}
