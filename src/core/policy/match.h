/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * match - one comparison of a condition: eq, in, prefix, glob, lt, gt with the
 * values that the file gives. Values are typed as YAML 1.2 writes them; a number
 * is never a text. Numbers compare exactly, whatever their digits.
 */

#include "codec/doc.h"
#include "core/policy/glob.h"
#include "core/policy/reader.h"

enum match_op { MATCH_EQ = 1, MATCH_IN, MATCH_PREFIX, MATCH_GLOB, MATCH_LT, MATCH_GT };

struct value {
	enum doc_kind kind; /* NULL, TRUE, FALSE, NUMBER or STRING */
	struct bytes text;  /* of a number or string */
	struct glob *glob;  /* of GLOB */
};

struct match {
	enum match_op op;
	size_t values_n;
	struct value *values;
};

/* Longer texts are not compared with a pattern. */
enum { MATCH_GLOB_TEXT_MAX = 64 * 1024 };

/* Takes the one operator of the condition @node; @numbers: lt and gt too, and values of any kind.
 * ERR_MALFORMED */
must_check enum err match_read(const struct reader *r, const struct yaml_node *node, bool numbers,
			       struct match *ret);
void match_done(struct match *match);

/* Three answers; of several that all must hold, the smallest counts. */
enum truth { TRUTH_NO, TRUTH_UNKNOWN, TRUTH_YES };

/* A list holds if it has elements and each of them does. */
enum truth match_node(const struct match *match, const struct doc *doc, uint32_t node);
enum truth match_text(const struct match *match, struct bytes text);
