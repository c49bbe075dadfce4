/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/sse.h"

void sse_init(struct sse *sse, size_t max)
{
	*sse = (struct sse){ 0 };
	dynbuf_init(&sse->line, max);
	dynbuf_init(&sse->data, max);
}

void sse_done(struct sse *sse)
{
	dynbuf_done(&sse->line);
	dynbuf_done(&sse->data);
}

static void take_field(struct sse *sse, struct bytes line)
{
	const struct bytes name = bytes_cut(&line, ':');

	if (!bytes_is(name, "data"))
		return;
	if (line.n > 0 && line.p[0] == ' ')
		line = (struct bytes){ line.p + 1, line.n - 1 };
	if (sse->has_data)
		dynbuf_u8(&sse->data, '\n');
	sse->has_data = true;
	dynbuf_bytes(&sse->data, line);
}

static struct bytes without_mark(struct sse *sse, struct bytes line)
{
	const bool first = !sse->begun;

	sse->begun = true;
	return first && bytes_starts(line, "\xef\xbb\xbf")
		       ? (struct bytes){ line.p + 3, line.n - 3 }
		       : line;
}

static enum err end_line(struct sse *sse, sse_event_fn fn, void *ctx)
{
	TRY(dynbuf_err(&sse->line));
	const struct bytes line = without_mark(sse, dynbuf_view(&sse->line));

	if (line.n > 0) {
		take_field(sse, line);
		dynbuf_reset(&sse->line);
		return dynbuf_err(&sse->data);
	}
	dynbuf_reset(&sse->line);
	if (sse->data.n > 0)
		fn(ctx, dynbuf_view(&sse->data));
	dynbuf_reset(&sse->data);
	sse->has_data = false;
	return OK;
}

enum err sse_feed(struct sse *sse, struct bytes piece, sse_event_fn fn, void *ctx)
{
	size_t began = 0;

	for (size_t i = 0; i < piece.n; i++) {
		const uint8_t c = piece.p[i];
		const bool second = c == '\n' && sse->after_cr;

		sse->after_cr = c == '\r';
		if (c != '\r' && c != '\n')
			continue;
		if (!second) {
			dynbuf_put(&sse->line, piece.p + began, i - began);
			TRY(end_line(sse, fn, ctx));
		}
		began = i + 1;
	}
	dynbuf_put(&sse->line, piece.p + began, piece.n - began);
	return dynbuf_err(&sse->line);
}
