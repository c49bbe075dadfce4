/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * err - the one return type of everything that can fail.
 *
 *   0    OK
 *   < 0  FAULT_*  the machine failed us; never matched on, only passed up
 *   > 0  ERR_*    an answer; listed at the function, handled by the caller
 *
 * The answers are rows of errors.def, which also gives each its HTTP status,
 * OAuth error code, sentence and mend.
 */

#define must_check	__attribute__((warn_unused_result))
#define scoped(free_fn) __attribute__((cleanup(free_fn)))
#define ARRAY_LEN(a)	(sizeof(a) / sizeof(a)[0])

enum err {
	FAULT_BUG = -6,	   /* a promise between our own parts was broken */
	FAULT_STORE = -5,  /* the database failed in a way that is no answer */
	FAULT_SYSTEM = -4, /* a system call failed; errno says which way */
	FAULT_CRYPTO = -3,
	FAULT_SYNC = -2, /* outcome unknown: stop, reopen, re-read (I11) */
	FAULT_NOMEM = -1,
	OK = 0,
#define ERROR(name, status, oauth, says, mend) ERR_##name,
#include "base/errors.def"
#undef ERROR
	ERR_COUNT
};

struct err_row {
	const char *name; /* lower case, as printed in "code" */
	int status;	  /* HTTP */
	const char *oauth;
	const char *says;
	const char *mend;
};

/* The row of errors.def for @err; a FAULT_* answers the row of a server error. Never NULL. */
const struct err_row *err_row(enum err err);

/* The only macro in the tree that returns. Use it where the callee's ERR_* are a subset of yours.
 */
#define TRY(call)                                                                                  \
	do {                                                                                       \
		const enum err try_err_ = (call);                                                  \
		if (try_err_ != OK)                                                                \
			return try_err_;                                                           \
	} while (0)

/* For the few failures that change nothing; the caller says why. */
static inline void err_ignore(enum err err)
{
	(void)err;
}

/* The struct that @p points into, at its @member. */
#define container_of(p, type, member)                                                              \
	((type *)(void *)((char *)(p) - __builtin_offsetof(type, member)))

/* Moves an owned pointer out of a scoped variable. */
#define take(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) take_p_ = (p);                                                       \
		(p) = NULL;                                                                        \
		take_p_;                                                                           \
	})
