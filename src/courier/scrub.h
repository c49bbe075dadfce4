/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * scrub - masks credentials in what a provider sends back: those of the call, as
 * they are, percent-encoded, with escaped slashes and in base64 at any alignment,
 * and tokens of our own, which are known by their checksum. Each byte of them
 * becomes '*': lengths stay, so that neither framing nor a declared length is
 * touched. A body may come in pieces; the beginning of what could become one is
 * kept back until the next piece decides.
 *
 * What an answer encodes in other ways (compressed, encrypted, split up) is not
 * found; compressed answers are refused where they come (httpc).
 */

#include "ipc/capsule.h"

enum { SCRUB_PATTERNS_MAX = 32, SCRUB_SHORTEST = 8, SCRUB_SHIFTS = 4096 };

struct scrub {
	struct dynbuf text; /* of all patterns, wiped */
	struct {
		size_t at, n;
	} patterns[SCRUB_PATTERNS_MAX];
	size_t count, longest, shortest;
	uint8_t shifts[SCRUB_SHIFTS]; /* see scrub.c */
	struct dynbuf held;	      /* could be the beginning of one, wiped */
	uint64_t masked;
};

/* For the values of @capsule. FAULT_NOMEM, ERR_TOO_LARGE; *@ret is to be ended in any case. */
must_check enum err scrub_init(const struct capsule *capsule, struct scrub *ret);
/* Masks what is whole in @n bytes at @p. */
void scrub_mask(struct scrub *scrub, uint8_t *p, size_t n);
/* Appends to @out what of @piece, and of what was kept back, may leave. */
void scrub_piece(struct scrub *scrub, struct bytes piece, struct dynbuf *out);
/* Appends what was kept back: nothing comes after it. */
void scrub_rest(struct scrub *scrub, struct dynbuf *out);
void scrub_done(struct scrub *scrub);
