/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/scrub.h"

#include "base/log.h"

enum { AT_ONCE = 1000 };

struct scrub {
	struct flow *flow;
	unsigned n, older;
};

/* A row that is gone is refused wherever it is asked for; one that is newer is not logged yet. */
static enum err hold_against(void *ctx, const struct row_version *head)
{
	struct scrub *scrub = ctx;
	struct row_version row;

	scrub->n++;
	scrub->flow->scrubbed = head->id;
	const enum err err = store_version_get(scrub->flow->store, head->id, &row);
	if (err == ERR_NOT_FOUND)
		return OK;
	TRY(err);
	const bool same =
		row.rev == head->rev && memcmp(row.digest, head->digest, sizeof row.digest) == 0;
	if (row.rev < head->rev || (row.rev == head->rev && !same))
		scrub->older++;
	return OK;
}

enum err scrub_some(struct flow *flow)
{
	struct scrub scrub = { .flow = flow };

	/* An acceptance is in the log before it is in the projection. */
	if (flow->scrub_from == 0)
		flow->scrub_from = flow->keeper.log_size;
	if (flow->events == NULL || events_upto(flow->events) < flow->scrub_from)
		return OK;
	TRY(events_heads(flow->events, flow->scrubbed, AT_ONCE, hold_against, &scrub));
	if (scrub.n < AT_ONCE)
		flow->scrubbed = (struct id){ { 0 } };
	if (scrub.older == 0)
		return OK;
	log_error("%u rows of the database are older than the log says: they were put back",
		  scrub.older);
	flow->suspected = true;
	return store_meta_put(flow->store, SCRUB_MARK, 1);
}
