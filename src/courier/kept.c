/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/kept.h"

enum err kept_reserve(struct kept *kept, size_t bytes)
{
	if (kept->count + kept->reserved_count >= KEPT_COUNT_MAX ||
	    kept->bytes + kept->reserved_bytes + bytes > KEPT_BYTES_MAX)
		return ERR_OVERLOADED;
	kept->reserved_count++;
	kept->reserved_bytes += bytes;
	return OK;
}

void kept_unreserve(struct kept *kept, size_t bytes)
{
	kept->reserved_count--;
	kept->reserved_bytes -= bytes;
}

static size_t place_of(const struct kept *kept, const struct id *attempt)
{
	size_t i = 0;

	while (i < kept->count && !id_eq(kept->answers[i].attempt, *attempt))
		i++;
	return i;
}

enum err kept_put(struct kept *kept, const struct id *attempt, struct bytes frame)
{
	if (kept->count == KEPT_COUNT_MAX)
		return FAULT_BUG;
	struct kept_answer *answer = &kept->answers[kept->count];
	TRY(buf_dup(frame, &answer->frame));
	answer->attempt = *attempt;
	kept->bytes += frame.n;
	kept->count++;
	return OK;
}

const struct buf *kept_find(const struct kept *kept, const struct id *attempt)
{
	const size_t i = place_of(kept, attempt);

	return i < kept->count ? kept->answers[i].frame : NULL;
}

void kept_drop(struct kept *kept, const struct id *attempt)
{
	const size_t i = place_of(kept, attempt);

	if (i == kept->count)
		return;
	kept->bytes -= kept->answers[i].frame->n;
	buf_free(&kept->answers[i].frame);
	kept->answers[i] = kept->answers[--kept->count];
}

void kept_done(struct kept *kept)
{
	while (kept->count > 0)
		buf_free(&kept->answers[--kept->count].frame);
	kept->bytes = 0;
}
