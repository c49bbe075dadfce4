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

usec_t id_time(struct id id)
{
	usec_t ms = 0;

	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id.b[i];
	return ms * USEC_PER_MS;
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

/* What a character is worth, plus one; 0: it is no digit. */
static const uint8_t values[128] = {
	['0'] = 1,  ['1'] = 2,	['2'] = 3,  ['3'] = 4,	['4'] = 5,  ['5'] = 6,	['6'] = 7,
	['7'] = 8,  ['8'] = 9,	['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14,
	['E'] = 15, ['F'] = 16, ['G'] = 17, ['H'] = 18, ['J'] = 19, ['K'] = 20, ['M'] = 21,
	['N'] = 22, ['P'] = 23, ['Q'] = 24, ['R'] = 25, ['S'] = 26, ['T'] = 27, ['V'] = 28,
	['W'] = 29, ['X'] = 30, ['Y'] = 31, ['Z'] = 32,
};

enum err id_parse(const char *kind, struct bytes text, struct id *ret)
{
	const size_t kind_n = strlen(kind);
	uint64_t high = 0, low = 0;
	struct id id;

	if (text.n != kind_n + 1 + ID_DIGITS || !bytes_starts(text, kind) || text.p[kind_n] != '_')
		return ERR_MALFORMED;
	const uint8_t *const p = text.p + kind_n + 1;
	for (size_t i = 0; i < ID_DIGITS; i++) {
		const uint8_t c = p[i] >= 'a' && p[i] <= 'z' ? (uint8_t)(p[i] ^ 0x20) : p[i];
		const uint8_t value = c < sizeof values ? values[c] : 0;
		if (value == 0 || (i == 0 && value > 8)) /* 26 digits hold 130 bits */
			return ERR_MALFORMED;
		high = high << 5 | low >> 59;
		low = low << 5 | (uint64_t)(value - 1);
	}
	put_u64(put_u64(id.b, high), low);
	*ret = id;
	return OK;
}
