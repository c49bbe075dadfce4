/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/fetch.h"

#include <stdlib.h>

#include "core/flow/ask.h"
#include "crypto/crypto.h"

enum { WAITING_MAX = 256, NO_WAY_OUT_S = 600 };

/* Each costs a connection to somewhere that a stranger has chosen, and two records. */
static const struct throttle_rate from_one = { .burst = 20, .every = 5 * USEC_PER_S };
static const struct throttle_rate from_all = { .burst = 100, .every = USEC_PER_S };

struct waiting {
	struct waiting *next;
	struct call *call;
	fetch_again_fn again;
};

struct fetch {
	uint64_t key;
	struct waiting *first;
	size_t waiting_n;
	fetch_store_fn store;
	struct id tenant, agent, intent;
	usec_t begun; /* boot clock */
	char url[FETCH_URL_MAX + 1];
};

static uint64_t key_of(struct bytes url)
{
	uint8_t hash[SHA256_LEN];

	sha256_one(url, hash);
	return get_u64(hash) | 1;
}

uint64_t fetch_life_s(struct bytes cache_control)
{
	uint64_t life = FETCH_LIFE_S, seconds;

	while (cache_control.n > 0) {
		struct bytes part = bytes_cut(&cache_control, ',');
		while (part.n > 0 && part.p[0] == ' ')
			part = (struct bytes){ part.p + 1, part.n - 1 };
		if (bytes_caseis(part, "no-store") || bytes_caseis(part, "no-cache"))
			return FETCH_LIFE_MIN_S;
		struct bytes value = part;
		const struct bytes name = bytes_cut(&value, '=');
		if (bytes_caseis(name, "max-age") &&
		    bytes_u64(value, UINT64_MAX / 2, &seconds) == OK)
			life = seconds;
	}
	if (life < FETCH_LIFE_MIN_S)
		return FETCH_LIFE_MIN_S;
	return life > FETCH_LIFE_MAX_S ? FETCH_LIFE_MAX_S : life;
}

/* application/json or a type that is JSON by its suffix (RFC 6839 3.1). */
static bool is_json(struct bytes type)
{
	struct bytes rest = type;
	struct bytes media = bytes_cut(&rest, ';');

	while (media.n > 0 && media.p[media.n - 1] == ' ')
		media.n--;
	return bytes_caseis(media, "application/json") ||
	       (media.n > 17 && bytes_caseis((struct bytes){ media.p, 12 }, "application/") &&
		bytes_caseis((struct bytes){ media.p + media.n - 5, 5 }, "+json"));
}

static struct fetched read_answer(const struct flow *flow, const struct ask_answer *answer)
{
	const struct ipc_courier_answer *reply = &answer->reply;
	struct fetched fetched = { .err = ERR_INVALID_CLIENT };

	if (answer->outcome == ASK_NOT_SENT &&
	    (answer->err == ERR_SEALED || answer->err == ERR_LOG_FULL ||
	     answer->err == ERR_OVERLOADED))
		fetched.err = answer->err;
	if (answer->outcome != ASK_ANSWERED || reply->status != 200 ||
	    !is_json(ipc_headers_find(reply->headers, "content-type")))
		return fetched;
	fetched.err = OK;
	fetched.body = reply->body;
	fetched.until =
		flow->now +
		fetch_life_s(ipc_headers_find(reply->headers, "cache-control")) * USEC_PER_S;
	return fetched;
}

static void fetch_record(const struct flow *flow, const struct fetch *fetch, uint8_t outcome,
			 struct ipc_record *ret)
{
	flow_record(flow, NULL, EVENT_client_fetch, outcome, ret);
	ret->tenant = fetch->tenant;
	ret->agent = fetch->agent;
}

static void note_outcome(struct flow *flow, const struct fetch *fetch,
			 const struct ask_answer *answer, enum err err)
{
	struct ipc_record record;

	if (answer->outcome == ASK_NOT_SENT && answer->err == ERR_SEALED)
		return; /* no intent was written that would need an end */
	fetch_record(flow, fetch, err == OK ? OUTCOME_OK : OUTCOME_FAILED, &record);
	record.ref = fetch->intent;
	record.status = answer->reply.status;
	record.bytes = answer->reply.bytes;
	record.duration_us = answer->reply.duration_us;
	if (err != OK)
		record.reason = answer->err > OK ? (uint16_t)answer->err
				: err > OK	 ? (uint16_t)err
						 : ERR_SERVER;
	err_ignore(flow_note(flow, NULL, &record)); /* one without an end becomes unknown */
}

static void fetch_end(struct flow *flow, struct fetch *fetch, enum err err)
{
	(void)map_del(&flow->fetching, fetch->key);
	while (fetch->first != NULL) {
		struct waiting *waiting = fetch->first;
		fetch->first = waiting->next;
		waiting->again(flow, waiting->call, err);
		free(waiting);
	}
	free(fetch);
}

static void note_way_out(struct flow *flow, const struct ask_answer *answer)
{
	if (answer->outcome == ASK_ANSWERED)
		flow->document_came = true;
	flow->documents_from = flow->document_came ? 0 : flow->documents_from;
	if (!flow->document_came && answer->outcome == ASK_NOT_SENT &&
	    answer->err == ERR_PROVIDER_UNAVAILABLE)
		flow->documents_from = flow->boot + NO_WAY_OUT_S * USEC_PER_S;
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	struct fetch *fetch = journey;
	const struct fetched fetched = read_answer(flow, answer);
	enum err err = fetched.err;

	note_way_out(flow, answer);
	if (err == OK)
		err = fetch->store(flow, str(fetch->url), fetch->agent, &fetched);
	note_outcome(flow, fetch, answer, err);
	fetch_end(flow, fetch, err);
}

static enum err fetch_send(struct flow *flow, struct fetch *fetch, size_t max)
{
	scoped(dynbuf_done) struct dynbuf headers = { .max = 256 };
	struct ipc_record record;

	ipc_headers_add(&headers, "accept", str("application/json"));
	TRY(dynbuf_err(&headers));
	const struct ipc_courier_call call = {
		.method = HTTP_GET,
		.body_kind = BODY_NONE,
		.timeout_ms = FETCH_DEADLINE_MS,
		.answer_max = (uint32_t)max,
		.url = str(fetch->url),
		.headers = dynbuf_view(&headers),
	};
	fetch_record(flow, fetch, OUTCOME_INTENT, &record);
	fetch->intent = record.event;
	return ask_begin(flow, &call, &record, NULL, 0, on_answer, fetch);
}

static enum err throttled(struct flow *flow, const struct call *call)
{
	static const struct id all = { "valetkey fetches" };
	struct id one = call->address;

	one.b[0] ^= 0x5a; /* another bucket than that of guesses */
	if (throttle_wait(&flow->throttle, one, from_one, flow->boot) > 0 ||
	    throttle_wait(&flow->throttle, all, from_all, flow->boot) > 0)
		return ERR_RATE_LIMITED;
	throttle_take(&flow->throttle, one, from_one, flow->boot);
	throttle_take(&flow->throttle, all, from_all, flow->boot);
	return OK;
}

static enum err fetch_new(struct flow *flow, struct call *call, const struct fetch_want *want,
			  struct fetch **ret)
{
	TRY(throttled(flow, call));
	struct fetch *fetch = calloc(1, sizeof *fetch);
	if (fetch == NULL)
		return FAULT_NOMEM;
	fetch->key = key_of(want->url);
	fetch->store = want->store;
	fetch->tenant = call->tenant;
	fetch->agent = want->agent;
	fetch->begun = flow->boot;
	enum err err = bytes_str(want->url, fetch->url, sizeof fetch->url);
	if (err == OK)
		err = map_put(&flow->fetching, fetch->key, fetch);
	if (err == OK) {
		err = fetch_send(flow, fetch, want->max);
		if (err != OK)
			(void)map_del(&flow->fetching, fetch->key);
	}
	if (err != OK) {
		free(fetch);
		return err == ERR_TOO_LARGE ? ERR_OVERLOADED : err;
	}
	*ret = fetch;
	return OK;
}

enum err fetch_join(struct flow *flow, struct call *call, const struct fetch_want *want,
		    fetch_again_fn again)
{
	struct fetch *fetch = map_find(&flow->fetching, key_of(want->url));

	TRY(call_keep(call));
	struct waiting *waiting = calloc(1, sizeof *waiting);
	if (waiting == NULL)
		return FAULT_NOMEM;
	enum err err = OK;
	if (fetch == NULL)
		err = fetch_new(flow, call, want, &fetch);
	else if (fetch->waiting_n >= WAITING_MAX || !bytes_eq(str(fetch->url), want->url))
		err = ERR_OVERLOADED;
	if (err != OK) {
		free(waiting);
		return err;
	}
	*waiting = (struct waiting){ fetch->first, call, again };
	fetch->first = waiting;
	fetch->waiting_n++;
	return OK;
}

void fetch_end_all(struct flow *flow)
{
	size_t at = 0;

	for (struct fetch *fetch; (fetch = map_next(&flow->fetching, &at)) != NULL;) {
		while (fetch->first != NULL) {
			struct waiting *waiting = fetch->first;
			fetch->first = waiting->next;
			free(waiting);
		}
		free(fetch);
	}
	map_done(&flow->fetching);
}
