/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * glob - patterns with * (anything but a slash), ** (anything) and ? (one
 * character but a slash). There is no way to write these three as themselves.
 * Matching walks the text once and keeps a set of places in the pattern, so no
 * pattern makes it slow.
 */

#include "base/bytes.h"

enum { GLOB_TOKENS_MAX = 120 };

/* Places in a pattern: bit i is behind the first i tokens. */
struct glob_places {
	unsigned __int128 bits;
};

struct glob {
	size_t n;
	uint32_t tokens[GLOB_TOKENS_MAX]; /* code points and the three signs; no two runs meet */
	struct glob_places runs;	  /* before each run */
};

/* @pattern is UTF-8. ERR_TOO_LARGE */
must_check enum err glob_read(struct bytes pattern, struct glob *ret);
void glob_begin(const struct glob *glob, struct glob_places *ret);
void glob_step(const struct glob *glob, struct glob_places *places, uint32_t letter);
bool glob_fits(const struct glob *glob, const struct glob_places *places);

/* The next code point of UTF-8; a byte that is none of it answers a number that no code point is.
 */
uint32_t glob_letter(struct bytes *rest);
