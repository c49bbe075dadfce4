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

enum err glob_read(struct bytes pattern, struct glob *ret)
{
	ret->n = 0;
	while (pattern.n > 0) {
		uint32_t token = glob_letter(&pattern);
		if (ret->n == GLOB_TOKENS_MAX)
			return ERR_TOO_LARGE;
		if (token == '?')
			token = ONE;
		if (token == '*')
			token = RUN;
		if (token == RUN && pattern.n > 0 && pattern.p[0] == '*') {
			(void)glob_letter(&pattern);
			token = RUN_DEEP;
		}
		ret->tokens[ret->n++] = token;
	}
	return OK;
}

/* A run may be empty: behind it is reached with it. */
static unsigned __int128 spread(const struct glob *glob, unsigned __int128 places)
{
	for (size_t i = 0; i < glob->n; i++)
		if ((places >> i & 1) != 0 &&
		    (glob->tokens[i] == RUN || glob->tokens[i] == RUN_DEEP))
			places |= (unsigned __int128)1 << (i + 1);
	return places;
}

void glob_begin(const struct glob *glob, struct glob_run *ret)
{
	ret->places = spread(glob, 1);
}

void glob_step(const struct glob *glob, struct glob_run *run, uint32_t letter)
{
	unsigned __int128 next = 0;

	if (run->places == 0)
		return;
	for (size_t i = 0; i < glob->n; i++) {
		const unsigned __int128 here = (unsigned __int128)1 << i;
		const uint32_t token = glob->tokens[i];
		if ((run->places & here) == 0)
			continue;
		if (token == RUN_DEEP || (token == RUN && letter != '/'))
			next |= here;
		if (token == letter || (token == ONE && letter != '/'))
			next |= here << 1;
	}
	run->places = spread(glob, next);
}

bool glob_fits(const struct glob *glob, const struct glob_run *run)
{
	return (run->places >> glob->n & 1) != 0;
}
