/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/sqlite/row.h"

enum { COUNTS = SPENT_PARTS + 1, COUNTS_LEN = COUNTS * 8 };

struct counter {
	struct counter_row row;
	bool fresh;
	uint64_t counts[COUNTS]; /* of the parts at, at - 1, … */
};

/* Refuses what we would not have written: sums of it must not overflow. */
static enum err counts_decode(struct counter *counter)
{
	uint64_t sum = 0;

	if (counter->row.counts.n != COUNTS_LEN)
		return ERR_FORGED;
	for (size_t i = 0; i < COUNTS; i++) {
		counter->counts[i] = get_u64(counter->row.counts.p + i * 8);
		if (counter->counts[i] > INT64_MAX - sum)
			return ERR_FORGED;
		sum += counter->counts[i];
	}
	return OK;
}

static enum err counter_load(struct store *store, struct id tenant, struct id limit, usec_t window,
			     struct counter *ret)
{
	const struct arg args[] = { arg_id(&tenant), arg_id(&limit), { ARG_END } };

	const enum err err =
		row_find(store, STATEMENT_counter_get, &table_counter, args, &ret->row, NULL);
	if (err == ERR_NOT_FOUND) {
		*ret = (struct counter){
			.row = { .id = limit, .tenant = tenant, .window = window },
			.fresh = true,
		};
		return OK;
	}
	TRY(err);
	ret->fresh = false;
	/* The window is part of the limit's identity. */
	return ret->row.window == window ? counts_decode(ret) : ERR_FORGED;
}

/* Moves the parts on to @now; a clock behind the newest part stands still. */
static void counter_slide(struct counter *counter, usec_t now)
{
	const usec_t part = counter->row.window / SPENT_PARTS;

	if (part == 0)
		return;
	const uint64_t at = now / part > counter->row.at ? now / part : counter->row.at;
	const uint64_t shift = at - counter->row.at;
	for (size_t i = COUNTS; i-- > 0;)
		counter->counts[i] = i >= shift ? counter->counts[i - shift] : 0;
	counter->row.at = at;
	counter->row.ends = (at + COUNTS) * part;
}

static uint64_t counter_sum(const struct counter *counter)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < COUNTS; i++)
		sum += counter->counts[i];
	return sum;
}

static bool fits(uint64_t spent, const struct store_spend *spend)
{
	return spent <= spend->max && spend->amount <= spend->max - spent;
}

/* When enough of the oldest parts are past. */
static usec_t fits_at(const struct counter *counter, const struct store_spend *spend)
{
	uint64_t spent = counter_sum(counter);

	if (spend->window == 0 || !fits(0, spend))
		return 0;
	for (size_t i = COUNTS; i-- > 0;) {
		spent -= counter->counts[i];
		if (fits(spent, spend))
			return (counter->row.at - i + COUNTS) * (spend->window / SPENT_PARTS);
	}
	return 0;
}

static enum err counter_store(struct store *store, struct counter *counter)
{
	uint8_t room[COUNTS_LEN];

	for (size_t i = 0; i < COUNTS; i++)
		put_u64(room + i * 8, counter->counts[i]);
	counter->row.counts = (struct bytes){ room, sizeof room };
	if (counter->fresh)
		return row_write(store, STATEMENT_counter_put, &table_counter, &counter->row, NULL);
	const enum err err =
		row_update(store, STATEMENT_counter_update, &table_counter, &counter->row, NULL);
	return err == ERR_CONFLICT ? FAULT_BUG : err;
}

enum err store_spend(struct store *store, const struct store_spends *spends,
		     struct store_overspent *ret)
{
	struct counter counters[STORE_SPENDS_MAX];
	struct store_overspent over = { 0 };
	bool good = true;

	if (spends->n > STORE_SPENDS_MAX)
		return FAULT_BUG;
	for (size_t i = 0; i < spends->n; i++) {
		const struct store_spend *spend = &spends->at[i];
		TRY(counter_load(store, spends->tenant, spend->id, spend->window, &counters[i]));
		counter_slide(&counters[i], spends->now);
		if (fits(counter_sum(&counters[i]), spend))
			continue;
		const usec_t again = fits_at(&counters[i], spend);
		if (good || again == 0 || again > over.again)
			over = (struct store_overspent){ i, again };
		good = false;
		if (again == 0)
			break;
	}
	if (!good) {
		*ret = over;
		return ERR_RATE_LIMITED;
	}
	for (size_t i = 0; i < spends->n; i++) {
		counters[i].counts[0] += spends->at[i].amount;
		TRY(counter_store(store, &counters[i]));
	}
	return OK;
}

enum err store_spent(struct store *store, struct id tenant, struct id limit, usec_t window,
		     usec_t now, uint64_t *ret)
{
	struct counter counter;

	TRY(counter_load(store, tenant, limit, window, &counter));
	counter_slide(&counter, now);
	*ret = counter_sum(&counter);
	return OK;
}

enum err store_spent_sweep(struct store *store, usec_t now)
{
	const struct arg args[] = { arg_number(now), { ARG_END } };

	return row_exec(store, STATEMENT_counter_sweep, args);
}
