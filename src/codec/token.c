/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/token.h"

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum { RANDOM_DIGITS = 43, CHECK_DIGITS = 6 };

static const char *const names[] = {
	[TOKEN_ADMIN] = "admin",   [TOKEN_VAULT] = "vault", [TOKEN_CLIENT] = "client",
	[TOKEN_AT] = "at",	   [TOKEN_RT] = "rt",	    [TOKEN_CODE] = "code",
	[TOKEN_TICKET] = "ticket",
};

const char *token_kind_name(enum token_kind kind)
{
	return names[kind];
}

static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1u)));
	}
	return ~crc;
}

/* Big-endian bytes to base62, most significant digit first; destroys @number. */
static void print62(uint8_t *number, size_t n, char *to, size_t count)
{
	for (size_t i = count; i-- > 0;) {
		unsigned rest = 0;
		for (size_t k = 0; k < n; k++) {
			const unsigned v = rest << 8 | number[k];
			number[k] = (uint8_t)(v / 62);
			rest = v % 62;
		}
		to[i] = digits[rest];
	}
}

void token_print(enum token_kind kind, const uint8_t random[static TOKEN_RANDOM_LEN],
		 char to[static TOKEN_TEXT_MAX + 1])
{
	uint8_t number[TOKEN_RANDOM_LEN], check[4];
	const size_t name_n = strlen(names[kind]);
	uint8_t *p = put((uint8_t *)to, "vk_", 3);

	p = put(p, names[kind], name_n);
	*p++ = '_';
	memcpy(number, random, sizeof number);
	print62(number, sizeof number, (char *)p, RANDOM_DIGITS);
	wipe(number, sizeof number);
	p += RANDOM_DIGITS;
	put_u32(check, crc32((uint8_t *)to, (size_t)(p - (uint8_t *)to)));
	print62(check, sizeof check, (char *)p, CHECK_DIGITS);
	p[CHECK_DIGITS] = 0;
}

enum err token_parse(struct bytes text, enum token_kind *ret_kind)
{
	struct bytes rest = text;
	uint8_t check[4];
	char want[CHECK_DIGITS];

	if (!bytes_is(bytes_cut(&rest, '_'), "vk"))
		return ERR_MALFORMED;
	const struct bytes name = bytes_cut(&rest, '_');
	if (rest.n != RANDOM_DIGITS + CHECK_DIGITS)
		return ERR_MALFORMED;
	for (size_t i = 0; i < rest.n; i++)
		if (rest.p[i] == 0 || strchr(digits, rest.p[i]) == NULL)
			return ERR_MALFORMED;
	put_u32(check, crc32(text.p, text.n - CHECK_DIGITS));
	print62(check, sizeof check, want, CHECK_DIGITS);
	if (memcmp(want, text.p + text.n - CHECK_DIGITS, CHECK_DIGITS) != 0)
		return ERR_MALFORMED;
	for (enum token_kind kind = TOKEN_ADMIN; kind <= TOKEN_TICKET; kind++) {
		if (bytes_is(name, names[kind])) {
			*ret_kind = kind;
			return OK;
		}
	}
	return ERR_MALFORMED;
}
