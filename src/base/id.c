/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include <stdlib.h>
#include <sys/random.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct id id_new(void)
{
	const uint64_t ms = clock_wall() / USEC_PER_MS;
	struct id id;

	if (getrandom(id.b, sizeof id.b, 0) != (ssize_t)sizeof id.b)
		abort();
	for (int i = 0; i < 6; i++)
		id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
	id.b[6] = (uint8_t)((id.b[6] & 0x0f) | 0x70);
	id.b[8] = (uint8_t)((id.b[8] & 0x3f) | 0x80);
	return id;
}

/* 26 digits hold 130 bits: the first one carries only three. */
char *id_print(const char *kind, struct id id, char to[static ID_TEXT_MAX + 1])
{
	char *p = to;

	while (*kind != 0 && p < to + ID_TEXT_MAX - ID_DIGITS - 1)
		*p++ = *kind++;
	*p++ = '_';
	for (int i = 0; i < ID_DIGITS; i++) {
		unsigned v = 0;
		for (int bit = 5 * i - 2; bit < 5 * i + 3; bit++)
			v = v << 1 |
			    (bit < 0 ? 0u : ((unsigned)id.b[bit / 8] >> (7 - bit % 8)) & 1u);
		*p++ = digits[v];
	}
	*p = 0;
	return to;
}

enum err id_parse(const char *kind, struct bytes text, struct id *ret)
{
	const size_t kind_n = strlen(kind);
	struct id id = { { 0 } };

	if (text.n != kind_n + 1 + ID_DIGITS || !bytes_starts(text, kind) || text.p[kind_n] != '_')
		return ERR_MALFORMED;
	for (int i = 0; i < ID_DIGITS; i++) {
		uint8_t c = text.p[kind_n + 1 + (size_t)i];
		if (c >= 'a' && c <= 'z')
			c = (uint8_t)(c - 'a' + 'A');
		const char *at = c == 0 ? NULL : strchr(digits, c);
		if (at == NULL || (i == 0 && at - digits > 7))
			return ERR_MALFORMED;
		const unsigned v = (unsigned)(at - digits);
		for (int k = 0; k < 5; k++) {
			const int bit = 5 * i - 2 + k;
			if (bit >= 0 && (v >> (4 - k) & 1u) != 0)
				id.b[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
		}
	}
	*ret = id;
	return OK;
}
