/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * show - JSON from the daemon as aligned text. Nothing is cut; control,
 * direction and zero-width characters, which a terminal would obey, appear as
 * [U+XXXX].
 */

#include <stdio.h>

#include "codec/json.h"

enum show_kind {
	SHOW_TEXT,  /* strings and numbers; lists joined by a space, objects in them by name */
	SHOW_TIME,  /* to the second */
	SHOW_STATE, /* in plain words and colour */
	SHOW_YES,   /* yes or no */
	SHOW_COUNT, /* length of a list */
};

struct show_column {
	const char *title;
	const char *path; /* "account.name" */
	enum show_kind kind;
};

struct show {
	FILE *out;
	bool colour;
};

/* Colour only where a person looks: a terminal, without NO_COLOR. */
void show_init(struct show *show, FILE *out);
/* A line of titles and a line an item. */
void show_table(const struct show *show, const json_t *items, const struct show_column *columns,
		size_t count);
/* One item, without titles, to columns as wide as @widths. */
void show_row(const struct show *show, const json_t *item, const struct show_column *columns,
	      const unsigned *widths, size_t count);
/* A line a member; members that are not there are left out. */
void show_fields(const struct show *show, const json_t *object, const struct show_column *columns,
		 size_t count);
/* One line of JSON. */
void show_json(const struct show *show, const json_t *value);
/* Text that is not ours, safe for a terminal. */
void show_text(FILE *out, struct bytes text);
