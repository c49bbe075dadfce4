/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"
#include "base/clock.h"

/*
 * id - a UUIDv7 (RFC 9562 5.7): 16 bytes in rows and frames, shown to people
 * as its kind, an underscore and 26 characters of Crockford's base32.
 * All zero means "none".
 */
enum { ID_LEN = 16, ID_DIGITS = 26, ID_TEXT_MAX = 16 + ID_DIGITS };

struct id {
	uint8_t b[ID_LEN];
};

/* A fresh id. Aborts if the kernel gives no randomness: nothing may go on without it. */
struct id id_new(void);

/* When it was made: wall clock, to the millisecond. */
usec_t id_time(struct id id);

static inline bool id_eq(struct id a, struct id b)
{
	return memcmp(a.b, b.b, ID_LEN) == 0;
}

static inline bool id_none(struct id a)
{
	return id_eq(a, (struct id){ { 0 } });
}

static inline struct bytes id_bytes(const struct id *id)
{
	return (struct bytes){ id->b, ID_LEN };
}

/* Prints "vault_01J..." with an end mark; @kind is at most 15 characters. Answers @to. */
char *id_print(const char *kind, struct id id, char to[static ID_TEXT_MAX + 1]);
/* Only the kind asked for, only canonical digits in upper or lower case. ERR_MALFORMED. */
must_check enum err id_parse(const char *kind, struct bytes text, struct id *ret);
