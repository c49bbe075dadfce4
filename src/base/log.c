/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_MAX_BYTES = 2048 };

static const char *log_role = "valetkey";
static enum log_level log_least = LOG_INFO;

void log_init(const char *role, enum log_level least)
{
	log_role = role;
	log_least = least;
}

static size_t quote(char *to, size_t room, const char *text)
{
	size_t n = 0;

	for (; *text != 0 && n + 7 < room; text++) {
		const unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			to[n++] = '\\', to[n++] = (char)c;
		else if (c < 0x20 || c == 0x7f)
			n += (size_t)snprintf(to + n, 7, "\\u%04x", c);
		else
			to[n++] = (char)c;
	}
	return n;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char text[LINE_MAX_BYTES / 2], line[LINE_MAX_BYTES], time[CLOCK_TEXT_LEN + 1];
	va_list ap;

	if (level < log_least)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	clock_print(clock_wall(), time);
	size_t n = (size_t)snprintf(
		line, sizeof line,
		"{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"message\":\"", time,
		names[level], log_role);
	n += quote(line + n, sizeof line - n - 4, text);
	n += (size_t)snprintf(line + n, sizeof line - n, "\"}\n");
	/* One write per line keeps lines of several processes whole. */
	(void)!write(STDERR_FILENO, line, n);
}
