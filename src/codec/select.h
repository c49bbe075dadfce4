/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * select - which parts of a provider's JSON answer are passed on. Values are
 * copied as text, so numbers keep every digit.
 *
 * It crosses from the process that knows the catalogue to the one that meets
 * the answer as lines:
 *
 *   from PATH            where to begin; once, first; not there: the whole answer
 *   field NAME PATH      at least one
 *   beside NAME PATH     of the whole answer, beside what the fields make
 *
 * A path is words joined by dots; a number counts into an array from 0. The
 * result is an object of the fields, or an array of such objects where `from`
 * leads to an array; with `beside` it is the member "items" of an object that
 * has those too. What an answer does not have is left out; where `from` leads
 * nowhere there is null.
 */

#include "base/dynbuf.h"

enum { SELECT_FIELDS_MAX = 64, SELECT_TEXT_MAX = 16 * 1024 };

struct select_field {
	struct bytes name, path; /* borrow from the text */
};

struct select_fields {
	size_t n;
	struct select_field at[SELECT_FIELDS_MAX];
};

struct select {
	struct bytes from;
	struct select_fields fields, beside;
};

/* Borrows @text. ERR_MALFORMED, ERR_TOO_LARGE. */
must_check enum err select_parse(struct bytes text, struct select *ret);
/* Appends what is selected of @answer. ERR_MALFORMED (no JSON as doc_read() takes it),
 * ERR_TOO_LARGE (the answer, or the ceiling of @out); @out then holds part of it. */
must_check enum err select_run(const struct select *select, struct bytes answer,
			       struct dynbuf *out);
