/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All patterns are looked for at once (Wu and Manber 1994): a window as long as
 * the shortest of them moves over the text. The last three bytes of the window,
 * hashed, say how far it may move without passing the end of a pattern's window
 * where these bytes stand; 0 means that one may end here.
 */
#include "courier/scrub.h"

#include "base/wiped.h"
#include "codec/base64.h"
#include "codec/form.h"
#include "codec/token.h"

enum { PATTERN_TEXT_MAX = 24 * IPC_TOKEN_MAX, HELD_MAX = 4 * IPC_TOKEN_MAX, BLOCK = 3 };

static const char own_prefix[] = "vk_";

static bool is_known(const struct scrub *scrub, struct bytes pattern)
{
	for (size_t i = 0; i < scrub->count; i++) {
		const struct bytes have = { scrub->text.p + scrub->patterns[i].at,
					    scrub->patterns[i].n };
		if (bytes_eq(have, pattern))
			return true;
	}
	return false;
}

/* What stands behind @at in the text becomes a pattern, unless it is one or too short. */
static enum err pattern_end(struct scrub *scrub, size_t at)
{
	const size_t n = scrub->text.n - at;

	TRY(dynbuf_err(&scrub->text));
	if (n < SCRUB_SHORTEST || is_known(scrub, (struct bytes){ scrub->text.p + at, n })) {
		scrub->text.n = at;
		return OK;
	}
	if (scrub->count == SCRUB_PATTERNS_MAX)
		return ERR_TOO_LARGE;
	scrub->patterns[scrub->count].at = at;
	scrub->patterns[scrub->count++].n = n;
	scrub->longest = n > scrub->longest ? n : scrub->longest;
	scrub->shortest = n < scrub->shortest ? n : scrub->shortest;
	return OK;
}

static enum err add_plain(struct scrub *scrub, struct bytes value)
{
	const size_t at = scrub->text.n;

	dynbuf_bytes(&scrub->text, value);
	return pattern_end(scrub, at);
}

static enum err add_percent(struct scrub *scrub, struct bytes value)
{
	const size_t at = scrub->text.n;

	form_encode(value, &scrub->text);
	return pattern_end(scrub, at);
}

/* As some print JSON. */
static enum err add_slashes(struct scrub *scrub, struct bytes value)
{
	const size_t at = scrub->text.n;

	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '/')
			dynbuf_u8(&scrub->text, '\\');
		dynbuf_u8(&scrub->text, value.p[i]);
	}
	return pattern_end(scrub, at);
}

/* The digits that the value alone decides when it stands @offset bytes into the text that was
 * encoded, modulo three. */
static enum err add_base64(struct scrub *scrub, struct bytes value, size_t offset, bool url)
{
	const size_t skip = (3 - offset) % 3, at = scrub->text.n;

	if (value.n < skip)
		return OK;
	const struct bytes whole = { value.p + skip, (value.n - skip) / 3 * 3 };
	if (url)
		base64url_print(whole, &scrub->text);
	else
		base64_print(whole, &scrub->text);
	return pattern_end(scrub, at);
}

static enum err add_value(struct scrub *scrub, struct bytes value)
{
	wiped_reserve(&scrub->text, 18 * value.n + 64);
	TRY(add_plain(scrub, value));
	TRY(add_percent(scrub, value));
	TRY(add_slashes(scrub, value));
	for (size_t offset = 0; offset < 3; offset++) {
		TRY(add_base64(scrub, value, offset, false));
		TRY(add_base64(scrub, value, offset, true));
	}
	return OK;
}

static size_t block_hash(const uint8_t *p)
{
	const uint32_t block = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;

	return (uint32_t)(block * 2654435761u) / (UINT32_MAX / SCRUB_SHIFTS + 1);
}

static void fill_shifts(struct scrub *scrub)
{
	const size_t window = scrub->shortest < UINT8_MAX ? scrub->shortest : UINT8_MAX;

	scrub->shortest = window;
	memset(scrub->shifts, (int)(window - BLOCK + 1), sizeof scrub->shifts);
	for (size_t i = 0; i < scrub->count; i++) {
		const uint8_t *pattern = scrub->text.p + scrub->patterns[i].at;
		for (size_t end = BLOCK; end <= window; end++) {
			uint8_t *shift = &scrub->shifts[block_hash(pattern + end - BLOCK)];
			if (window - end < *shift)
				*shift = (uint8_t)(window - end);
		}
	}
}

enum err scrub_init(const struct capsule *capsule, struct scrub *ret)
{
	*ret = (struct scrub){ .longest = TOKEN_TEXT_MAX, .shortest = SIZE_MAX };
	dynbuf_init(&ret->text, PATTERN_TEXT_MAX);
	dynbuf_init(&ret->held, HELD_MAX);
	for (size_t i = 0; i < capsule->count; i++)
		TRY(add_value(ret, capsule->values[i]));
	fill_shifts(ret);
	wiped_reserve(&ret->held, ret->longest);
	return dynbuf_err(&ret->held);
}

void scrub_done(struct scrub *scrub)
{
	wiped_done(&scrub->text);
	wiped_done(&scrub->held);
}

static bool is_digit62(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Of what begins with the prefix: the characters that a token may have. */
static size_t token_run(struct bytes text)
{
	size_t n = sizeof own_prefix - 1;

	while (n < text.n && n < TOKEN_TEXT_MAX && (is_digit62(text.p[n]) || text.p[n] == '_'))
		n++;
	return n;
}

/* How many of the first bytes of @text are a token of ours; 0: none. */
static size_t token_here(struct bytes text)
{
	enum token_kind kind;
	const size_t run = token_run(text);

	for (size_t n = run; n + 7 > TOKEN_TEXT_MAX; n--)
		if (token_parse((struct bytes){ text.p, n }, &kind) == OK)
			return n;
	return 0;
}

static void blot(struct scrub *scrub, uint8_t *p, size_t n)
{
	memset(p, '*', n);
	scrub->masked++;
}

static void mask_tokens(struct scrub *scrub, uint8_t *p, size_t n)
{
	uint8_t *end = p + n, *found;

	while ((found = memchr(p, own_prefix[0], (size_t)(end - p))) != NULL) {
		size_t len = 0;
		if ((size_t)(end - found) > sizeof own_prefix &&
		    memcmp(found, own_prefix, sizeof own_prefix - 1) == 0)
			len = token_here((struct bytes){ found, (size_t)(end - found) });
		if (len > 0)
			blot(scrub, found, len);
		p = found + (len > 0 ? len : 1);
	}
}

/* How many bytes at @p are one of the patterns; 0: none. */
static size_t pattern_here(const struct scrub *scrub, const uint8_t *p, size_t n)
{
	size_t longest = 0;

	for (size_t i = 0; i < scrub->count; i++) {
		const size_t len = scrub->patterns[i].n;
		if (len <= n && len > longest &&
		    memcmp(p, scrub->text.p + scrub->patterns[i].at, len) == 0)
			longest = len;
	}
	return longest;
}

static void mask_patterns(struct scrub *scrub, uint8_t *p, size_t n)
{
	const size_t window = scrub->shortest;
	size_t at = window;

	while (at <= n) {
		const size_t shift = scrub->shifts[block_hash(p + at - BLOCK)];
		const size_t began = at - window;
		const size_t len = shift == 0 ? pattern_here(scrub, p + began, n - began) : 0;
		if (len > 0)
			blot(scrub, p + began, len);
		at += len > 0 ? len : shift == 0 ? 1 : shift;
	}
}

void scrub_mask(struct scrub *scrub, uint8_t *p, size_t n)
{
	if (scrub->count > 0)
		mask_patterns(scrub, p, n);
	mask_tokens(scrub, p, n);
}

/* Whether @tail is a beginning of one of the patterns, or of a token of ours. */
static bool begins(const struct scrub *scrub, struct bytes tail)
{
	for (size_t i = 0; i < scrub->count; i++) {
		const uint8_t *pattern = scrub->text.p + scrub->patterns[i].at;
		if (pattern[0] == tail.p[0] && scrub->patterns[i].n > tail.n &&
		    memcmp(pattern, tail.p, tail.n) == 0)
			return true;
	}
	if (tail.p[0] != own_prefix[0])
		return false;
	if (tail.n < sizeof own_prefix - 1)
		return memcmp(tail.p, own_prefix, tail.n) == 0;
	return tail.n < TOKEN_TEXT_MAX && memcmp(tail.p, own_prefix, sizeof own_prefix - 1) == 0 &&
	       token_run(tail) == tail.n;
}

/* How many bytes at the end could become one of those that are masked. */
static size_t undecided(const struct scrub *scrub, struct bytes text)
{
	size_t n = text.n < scrub->longest ? text.n : scrub->longest;

	for (; n > 0; n--)
		if (begins(scrub, (struct bytes){ text.p + text.n - n, n }))
			return n;
	return 0;
}

void scrub_piece(struct scrub *scrub, struct bytes piece, struct dynbuf *out)
{
	const size_t at = out->n;

	dynbuf_bytes(out, dynbuf_view(&scrub->held));
	dynbuf_bytes(out, piece);
	if (dynbuf_err(out) != OK)
		return;
	const size_t n = out->n - at;
	scrub_mask(scrub, out->p + at, n);
	const size_t keep = undecided(scrub, (struct bytes){ out->p + at, n });
	dynbuf_reset(&scrub->held);
	dynbuf_put(&scrub->held, out->p + out->n - keep, keep);
	out->n -= keep;
}

void scrub_rest(struct scrub *scrub, struct dynbuf *out)
{
	dynbuf_bytes(out, dynbuf_view(&scrub->held));
	dynbuf_reset(&scrub->held);
}
