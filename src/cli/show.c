/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include <stdlib.h>
#include <unistd.h>

enum { CELL_MAX = 64 * 1024, GAP = 2 };

enum colour { PLAIN, GREEN, YELLOW, RED };

static const struct {
	const char *state, *words;
	enum colour colour;
} states[] = {
	{ "connected", "connected", GREEN },
	{ "paused", "paused", YELLOW },
	{ "reauth_required", "must be connected again", RED },
	{ "removed", "removed", PLAIN },
	{ "active", "active", GREEN },
	{ "deleted", "deleted", PLAIN },
	{ "expired", "expired", YELLOW },
	{ "disabled", "disabled", YELLOW },
	{ "unsealed", "unsealed", GREEN },
	{ "sealed", "sealed", YELLOW },
	{ "rollback_suspected", "rolled back, it seems", RED },
	{ "idle", "idle", PLAIN },
	{ "under_way", "under way", PLAIN },
	{ "stored", "stored", PLAIN },
	{ "intent", "begun", PLAIN },
	{ "ok", "ok", GREEN },
	{ "denied", "denied", YELLOW },
	{ "failed", "failed", RED },
	{ "unknown", "unknown", YELLOW },
	{ "yes", "yes", GREEN },
	{ "no", "no", RED },
	{ "dead", "dead", GREEN },
	{ "alive", "still alive", RED },
	{ "pending", "under way", YELLOW },
	{ "unsupported", "not offered by the provider", YELLOW },
	{ "warn", "warn", YELLOW },
	{ "fail", "fail", RED },
};

static const char *const colours[] = {
	[PLAIN] = "",
	[GREEN] = "\033[32m",
	[YELLOW] = "\033[33m",
	[RED] = "\033[31m",
};

void show_init(struct show *show, FILE *out)
{
	const char *term = getenv("TERM");
	const char *no_colour = getenv("NO_COLOR");

	show->out = out;
	show->colour = isatty(fileno(out)) == 1 && (no_colour == NULL || no_colour[0] == 0) &&
		       term != NULL && strcmp(term, "dumb") != 0;
}

/* One character of UTF-8 that the codec has checked; what is no UTF-8 counts as one byte. */
static size_t character(struct bytes text, uint32_t *ret)
{
	const uint8_t c = text.p[0];
	const size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (n == 1 || n > text.n) {
		*ret = c < 0x80 ? c : 0xfffd;
		return 1;
	}
	uint32_t v = c & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++)
		v = v << 6 | (text.p[i] & 0x3f);
	*ret = v;
	return n;
}

static bool obeyed(uint32_t c)
{
	static const uint32_t ranges[][2] = {
		{ 0x00, 0x1f },	    { 0x7f, 0x9f },	{ 0xad, 0xad },	      { 0x61c, 0x61c },
		{ 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e },   { 0x2060, 0x206f },
		{ 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xe0000, 0xe007f },
	};

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return false;
}

/* Answers how many places @text takes. */
static unsigned make_safe(struct bytes text, struct dynbuf *out)
{
	unsigned width = 0;

	while (text.n > 0) {
		uint32_t c;
		const size_t n = character(text, &c);
		if (obeyed(c)) {
			const size_t before = out->n;
			dynbuf_printf(out, "[U+%04X]", (unsigned)c);
			width += (unsigned)(out->n - before);
		} else {
			if (c == 0xfffd)
				dynbuf_str(out, "\xef\xbf\xbd");
			else
				dynbuf_put(out, text.p, n);
			width++;
		}
		text.p += n;
		text.n -= n;
	}
	return width;
}

void show_text(FILE *out, struct bytes text)
{
	scoped(dynbuf_done) struct dynbuf safe;

	dynbuf_init(&safe, CELL_MAX * 16);
	make_safe(text, &safe);
	if (safe.n > 0)
		fwrite(safe.p, 1, safe.n, out);
}

static void raw_text(const json_t *value, struct dynbuf *out)
{
	size_t i;
	const json_t *element;

	if (json_is_string(value)) {
		dynbuf_put(out, json_string_value(value), json_string_length(value));
	} else if (json_is_integer(value)) {
		dynbuf_printf(out, "%lld", (long long)json_integer_value(value));
	} else if (json_is_boolean(value)) {
		dynbuf_str(out, json_is_true(value) ? "yes" : "no");
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, element)
		{
			if (i > 0)
				dynbuf_u8(out, ' ');
			raw_text(element, out);
		}
	} else if (json_str(value, "name").n > 0) {
		dynbuf_bytes(out, json_str(value, "name"));
	} else if (value != NULL) {
		json_print(value, out);
	}
}

struct cell {
	struct dynbuf text;
	unsigned width;
	enum colour colour;
};

static void cell_done(struct cell *cell)
{
	dynbuf_done(&cell->text);
}

static void state_words(struct dynbuf *text, enum colour *ret_colour)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (!bytes_is(dynbuf_view(text), states[i].state))
			continue;
		dynbuf_reset(text);
		dynbuf_str(text, states[i].words);
		*ret_colour = states[i].colour;
		return;
	}
}

/* "2026-11-22T21:45:46.123456Z" as "2026-11-22 21:45:46 UTC". */
static void plain_time(struct dynbuf *text)
{
	if (text->n < 20 || text->p[10] != 'T' || text->p[text->n - 1] != 'Z')
		return;
	text->p[10] = ' ';
	text->n = 19;
	dynbuf_str(text, " UTC");
}

static void cell_make(const json_t *item, const struct show_column *column, struct cell *ret)
{
	scoped(dynbuf_done) struct dynbuf raw;
	const json_t *value = json_at(item, str(column->path));

	*ret = (struct cell){ .colour = PLAIN };
	dynbuf_init(&raw, CELL_MAX);
	dynbuf_init(&ret->text, CELL_MAX * 8);
	if (column->kind == SHOW_COUNT && json_is_array(value))
		dynbuf_printf(&raw, "%zu", json_array_size(value));
	else if (column->kind == SHOW_YES)
		dynbuf_str(&raw, json_is_true(value) ? "yes" : "no");
	else
		raw_text(value, &raw);
	if (column->kind == SHOW_STATE)
		state_words(&raw, &ret->colour);
	else if (column->kind == SHOW_TIME)
		plain_time(&raw);
	ret->width = make_safe(dynbuf_view(&raw), &ret->text);
}

/* Space is only printed before something: no line ends in it. */
static void print_cell(const struct show *show, const struct cell *cell, unsigned *space)
{
	const bool colour = show->colour && cell->colour != PLAIN;

	if (cell->text.n == 0)
		return;
	fprintf(show->out, "%*s", (int)*space, "");
	*space = 0;
	if (colour)
		fputs(colours[cell->colour], show->out);
	fwrite(cell->text.p, 1, cell->text.n, show->out);
	if (colour)
		fputs("\033[0m", show->out);
}

void show_row(const struct show *show, const json_t *item, const struct show_column *columns,
	      const unsigned *widths, size_t count)
{
	unsigned space = 0;

	for (size_t i = 0; i < count; i++) {
		scoped(cell_done) struct cell cell;
		cell_make(item, &columns[i], &cell);
		print_cell(show, &cell, &space);
		space += (cell.width < widths[i] ? widths[i] - cell.width : 0) + GAP;
	}
	putc('\n', show->out);
}

enum { COLUMNS_MAX = 16 };

static void print_titles(const struct show *show, const struct show_column *columns,
			 const unsigned *widths, size_t count)
{
	unsigned space = 0;

	for (size_t i = 0; i < count; i++) {
		const unsigned n = (unsigned)strlen(columns[i].title);
		if (n > 0)
			fprintf(show->out, "%*s%s", (int)space, "", columns[i].title);
		space = (n > 0 ? 0 : space) + widths[i] - n + GAP;
	}
	putc('\n', show->out);
}

void show_table(const struct show *show, const json_t *items, const struct show_column *columns,
		size_t count)
{
	unsigned widths[COLUMNS_MAX];
	const json_t *item;
	size_t at;

	for (size_t i = 0; i < count; i++) {
		widths[i] = (unsigned)strlen(columns[i].title);
		json_array_foreach(items, at, item)
		{
			scoped(cell_done) struct cell cell;
			cell_make(item, &columns[i], &cell);
			widths[i] = cell.width > widths[i] ? cell.width : widths[i];
		}
	}
	print_titles(show, columns, widths, count);
	json_array_foreach(items, at, item) show_row(show, item, columns, widths, count);
}

void show_fields(const struct show *show, const json_t *object, const struct show_column *columns,
		 size_t count)
{
	size_t width = 0;

	for (size_t i = 0; i < count; i++)
		if (strlen(columns[i].title) > width)
			width = strlen(columns[i].title);
	for (size_t i = 0; i < count; i++) {
		scoped(cell_done) struct cell cell = { 0 };
		unsigned space = (unsigned)(width - strlen(columns[i].title)) + GAP;
		if (json_at(object, str(columns[i].path)) == NULL)
			continue;
		cell_make(object, &columns[i], &cell);
		fputs(columns[i].title, show->out);
		print_cell(show, &cell, &space);
		putc('\n', show->out);
	}
}

void show_json(const struct show *show, const json_t *value)
{
	json_dumpf(value, show->out, JSON_COMPACT | JSON_ENCODE_ANY);
	putc('\n', show->out);
}
