/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/origins.h"

static struct bytes behind(struct bytes text, size_t n)
{
	return (struct bytes){ text.p + n, text.n - n };
}

/* The length of the scheme before a host that begins with "*.", or 0 where there is none. */
static size_t pattern_scheme(struct bytes line)
{
	if (bytes_starts(line, "https://*."))
		return 8;
	return bytes_starts(line, "http://*.") ? 7 : 0;
}

static bool allows(struct bytes allowed, struct bytes line)
{
	const size_t n = pattern_scheme(allowed);

	if (n == 0 || line.n <= n || memcmp(allowed.p, line.p, n) != 0)
		return bytes_eq(allowed, line);
	const struct bytes ending = behind(allowed, n + 1), name = behind(line, n);
	return name.n > ending.n && name.p[0] != '.' &&
	       memcmp(name.p + name.n - ending.n, ending.p, ending.n) == 0 &&
	       memchr(name.p, '/', name.n) == NULL;
}

bool origins_allow(struct bytes list, struct bytes line)
{
	while (list.n > 0)
		if (allows(bytes_cut(&list, '\n'), line))
			return line.n > 0;
	return false;
}

static void add_allowed(struct bytes lines, struct bytes by, size_t from, struct dynbuf *out)
{
	while (lines.n > 0) {
		const struct bytes line = bytes_cut(&lines, '\n');
		const struct bytes there = { out->p == NULL ? NULL : out->p + from, out->n - from };
		if (!origins_allow(by, line) || origins_allow(there, line))
			continue;
		if (out->n > from)
			dynbuf_u8(out, '\n');
		dynbuf_bytes(out, line);
	}
}

void origins_meet(struct bytes a, struct bytes b, struct dynbuf *out)
{
	const size_t from = out->n;

	add_allowed(a, b, from, out);
	add_allowed(b, a, from, out);
}
