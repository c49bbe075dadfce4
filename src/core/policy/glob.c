/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy/glob.h"

/* Beyond all code points, and beyond what glob_letter() makes of bytes that are none. */
enum { ONE = 0x200000, RUN = 0x200001, RUN_DEEP = 0x200002, NO_LETTER = 0x110000 };

static bool continues(struct bytes text, size_t n)
{
	if (text.n < n)
		return false;
	for (size_t i = 1; i < n; i++)
		if ((text.p[i] & 0xc0) != 0x80)
			return false;
	return true;
}

uint32_t glob_letter(struct bytes *rest)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const uint8_t lead = rest->p[0];
	const size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	uint32_t letter = lead;

	if (n > 1) {
		letter = lead & (0x7fU >> n);
		for (size_t i = 1; i < n && i < rest->n; i++)
			letter = letter << 6 | (rest->p[i] & 0x3f);
	}
	const bool good = n == 1 || (lead >= 0xc2 && lead <= 0xf4 && continues(*rest, n) &&
				     letter >= least[n] && letter < NO_LETTER &&
				     (letter < 0xd800 || letter > 0xdfff));
	const size_t used = good ? n : 1;
	*rest = (struct bytes){ rest->p + used, rest->n - used };
	return good ? letter : (uint32_t)NO_LETTER + lead;
}

static bool is_run(uint32_t token)
{
	return token == RUN || token == RUN_DEEP;
}

/* Two runs beside each other are one: the deeper. */
static bool joins(struct glob *glob, uint32_t token)
{
	if (glob->n == 0 || !is_run(token) || !is_run(glob->tokens[glob->n - 1]))
		return false;
	glob->tokens[glob->n - 1] = RUN_DEEP;
	return true;
}

static const unsigned __int128 one = 1;

enum err glob_read(struct bytes pattern, struct glob *ret)
{
	*ret = (struct glob){ 0 };
	while (pattern.n > 0) {
		uint32_t token = glob_letter(&pattern);
		if (token == '?')
			token = ONE;
		if (token == '*')
			token = RUN;
		if (joins(ret, token))
			continue;
		if (ret->n == GLOB_TOKENS_MAX)
			return ERR_TOO_LARGE;
		if (is_run(token))
			ret->runs.bits |= one << ret->n;
		ret->tokens[ret->n++] = token;
	}
	return OK;
}

/* A run may be empty: behind it is reached with it. */
static unsigned __int128 spread(const struct glob *glob, unsigned __int128 places)
{
	return places | (places & glob->runs.bits) << 1;
}

void glob_begin(const struct glob *glob, struct glob_places *ret)
{
	ret->bits = spread(glob, one);
}

static size_t lowest(unsigned __int128 places)
{
	const uint64_t low = (uint64_t)places;

	return low != 0 ? (size_t)__builtin_ctzll(low)
			: 64 + (size_t)__builtin_ctzll((uint64_t)(places >> 64));
}

void glob_step(const struct glob *glob, struct glob_places *places, uint32_t letter)
{
	unsigned __int128 left = places->bits & ~(one << glob->n), next = 0;

	for (; left != 0; left &= left - 1) {
		const size_t i = lowest(left);
		const uint32_t token = glob->tokens[i];
		if (token == RUN_DEEP || (token == RUN && letter != '/'))
			next |= one << i;
		if (token == letter || (token == ONE && letter != '/'))
			next |= one << (i + 1);
	}
	places->bits = spread(glob, next);
}

bool glob_fits(const struct glob *glob, const struct glob_places *places)
{
	return (places->bits >> glob->n & 1) != 0;
}
