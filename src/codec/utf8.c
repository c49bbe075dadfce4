/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/utf8.h"

size_t utf8_read(struct bytes text, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	if (text.n == 0)
		return 0;
	const uint8_t lead = text.p[0];
	if (lead < 0x80) {
		*ret = lead;
		return 1;
	}
	const size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (lead < 0xc2 || lead > 0xf4 || text.n < n)
		return 0;
	uint32_t point = lead & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((text.p[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (text.p[i] & 0x3f);
	}
	if (point < least[n] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret = point;
	return n;
}

bool utf8_ok(struct bytes text)
{
	uint32_t point;

	while (text.n > 0) {
		const size_t n = utf8_read(text, &point);
		if (n == 0)
			return false;
		text = (struct bytes){ text.p + n, text.n - n };
	}
	return true;
}
