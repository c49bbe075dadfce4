/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/context.h"

#include <stdlib.h>

#include "core/flow/ask.h"
#include "core/flow/refresh.h"
#include "core/tools/build.h"
#include "crypto/crypto.h"

enum {
	SLOTS = 1024,
	KNOWN_S = 60,
	UNKNOWN_S = 5, /* not asked again at once where it could not be found out */
	TIMEOUT_MS = 10 * 1000,
	ANSWER_MAX = 256 * 1024,
};

/* The slot of a resource is taken over by the next that falls into it. */
struct contexts {
	struct {
		struct id key;
		usec_t until; /* boot clock */
		enum policy_context context;
	} slots[SLOTS];
};

enum err contexts_new(struct contexts **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret == NULL ? FAULT_NOMEM : OK;
}

void contexts_free(struct contexts **contextsp)
{
	free(*contextsp);
	*contextsp = NULL;
}

/* Another account may see other things. */
static struct id key_of(const struct permit *permit, const struct policy_resource *resource)
{
	static const uint8_t end = 0;
	const struct bytes parts[] = {
		id_bytes(&permit->connection.id), resource->kind, { &end, 1 }, resource->id
	};
	uint8_t hash[SHA256_LEN];
	struct id key;

	sha256(parts, ARRAY_LEN(parts), hash);
	memcpy(key.b, hash, sizeof key.b);
	return key;
}

/* False: it is not remembered, not even as what could not be found out. */
static bool recall(const struct flow *flow, struct id key, enum policy_context *ret)
{
	const size_t i = get_u32(key.b) % SLOTS;

	if (!id_eq(flow->contexts->slots[i].key, key) ||
	    flow->contexts->slots[i].until <= flow->boot)
		return false;
	*ret = flow->contexts->slots[i].context;
	return true;
}

static void remember(struct flow *flow, struct id key, enum policy_context context)
{
	const size_t i = get_u32(key.b) % SLOTS;
	const usec_t life = context == POLICY_CONTEXT_UNKNOWN ? UNKNOWN_S : KNOWN_S;

	flow->contexts->slots[i].key = key;
	flow->contexts->slots[i].context = context;
	flow->contexts->slots[i].until = flow->boot + life * USEC_PER_S;
}

enum policy_context context_known(const struct flow *flow, const struct permit *permit,
				  const struct policy_use *use)
{
	enum policy_context all = POLICY_CONTEXT_UNKNOWN, one;

	for (size_t i = 0; i < use->resources_n; i++) {
		if (use->resources[i].id.n == 0 ||
		    !recall(flow, key_of(permit, &use->resources[i]), &one) ||
		    one == POLICY_CONTEXT_UNKNOWN || (i > 0 && one != all))
			return POLICY_CONTEXT_UNKNOWN;
		all = one;
	}
	return all;
}

/* All questions of one journey. */
struct asking {
	size_t waiting;
	context_again_fn again;
	void *ctx;
};

/* One of them; what is needed of the service file, which may be gone when the answer comes. */
struct question {
	struct asking *asking;
	struct permit permit;
	struct id key, intent;
	char service[SERVICE_MAX_BYTES + 1];
	struct buf *at, *words; /* words that mean private, each with a newline behind it */
};

static void question_free(struct question **questionp)
{
	struct question *question = *questionp;

	if (question == NULL)
		return;
	buf_free(&question->at);
	buf_free(&question->words);
	free(question);
	*questionp = NULL;
}

static enum err question_new(const struct permit *permit, const struct context_want *want,
			     const struct service_resource *resource, struct question **ret)
{
	scoped(question_free) struct question *question = calloc(1, sizeof *question);
	struct dynbuf words;

	if (question == NULL)
		return FAULT_NOMEM;
	question->permit = *permit;
	TRY(bytes_str(str(want->service->id), question->service, sizeof question->service));
	TRY(buf_dup(resource->at, &question->at));
	dynbuf_init(&words, SERVICE_WORDS_MAX * SERVICE_VALUE_MAX);
	for (size_t i = 0; i < resource->in.n; i++) {
		dynbuf_bytes(&words, resource->in.at[i]);
		dynbuf_u8(&words, '\n');
	}
	enum err err = dynbuf_err(&words);
	if (err == OK)
		err = buf_dup(dynbuf_view(&words), &question->words);
	dynbuf_done(&words);
	TRY(err);
	*ret = take(question);
	return OK;
}

static enum policy_context read_answer(const struct question *question, struct bytes body)
{
	struct bytes words = buf_bytes(question->words);
	enum policy_context context = POLICY_CONTEXT_UNKNOWN;
	struct doc doc = { 0 };

	if (doc_read(body, &doc) != OK)
		return POLICY_CONTEXT_UNKNOWN;
	const uint32_t node = doc_pointer(&doc, buf_bytes(question->at));
	const unsigned kind = doc_kind(&doc, node);
	if (words.n == 0 && (kind == DOC_TRUE || kind == DOC_FALSE))
		context = kind == DOC_TRUE ? POLICY_PRIVATE : POLICY_PUBLIC;
	if (words.n > 0 && kind == DOC_STRING)
		context = POLICY_PUBLIC;
	while (words.n > 0)
		if (doc_is(&doc, node, bytes_cut(&words, '\n')))
			context = POLICY_PRIVATE;
	doc_done(&doc);
	return context;
}

static void question_record(const struct flow *flow, const struct question *question,
			    uint8_t outcome, struct ipc_record *ret)
{
	permit_record(flow, NULL, &question->permit, EVENT_context, outcome, ret);
	ret->connection = question->permit.connection.id;
	ret->service = str(question->service);
}

/* Keeper wrote no intent where it refused: there is nothing to close then. */
static void note_outcome(struct flow *flow, const struct question *question,
			 const struct ask_answer *answer)
{
	const bool good = answer->outcome == ASK_ANSWERED && answer->reply.status / 100 == 2;
	struct ipc_record record;

	if (answer->outcome == ASK_NOT_SENT && answer->err == ERR_SEALED)
		return;
	question_record(flow, question,
			good				 ? OUTCOME_OK
			: answer->outcome == ASK_UNKNOWN ? OUTCOME_UNKNOWN
							 : OUTCOME_FAILED,
			&record);
	record.ref = question->intent;
	record.status = answer->reply.status;
	record.bytes = answer->reply.bytes;
	record.duration_us = answer->reply.duration_us;
	if (!good)
		record.reason = answer->err > OK ? (uint16_t)answer->err : ERR_PROVIDER_REFUSED;
	err_ignore(flow_note(flow, NULL, &record)); /* one without an end becomes unknown */
}

static void on_answer(struct flow *flow, void *journey, const struct ask_answer *answer)
{
	scoped(question_free) struct question *question = journey;
	struct asking *asking = question->asking;
	enum policy_context context = POLICY_CONTEXT_UNKNOWN;

	if (answer->outcome == ASK_ANSWERED && answer->reply.status / 100 == 2)
		context = read_answer(question, answer->reply.body);
	remember(flow, question->key, context);
	note_outcome(flow, question, answer);
	if (--asking->waiting > 0)
		return;
	const struct asking done = *asking;
	free(asking);
	done.again(flow, done.ctx);
}

static void pack_headers(const struct tools_request *request, struct dynbuf *out)
{
	for (size_t i = 0; i < request->headers_n; i++) {
		const struct ipc_header header = { request->headers[i].name,
						   request->headers[i].value };
		IPC_LIST_ADD(out, header, &header);
	}
}

static enum err send_question(struct flow *flow, struct question *question,
			      const struct service *service, const struct tools_request *request)
{
	const struct connection_row *connection = &question->permit.connection;
	const struct bytes header = service->api.header;
	const struct ipc_placement placement = { .how = header.n == 0 ? PLACEMENT_BEARER
								      : PLACEMENT_HEADER,
						 .name = header };
	const struct ask_item item = { .field = PLACE_ACCESS_TOKEN,
				       .tenant = connection->tenant,
				       .user = connection->user,
				       .object = connection->id,
				       .version = connection->version,
				       .blob = connection->access };
	scoped(dynbuf_done) struct dynbuf headers = { .max = IPC_HEADERS_MAX };
	scoped(dynbuf_done) struct dynbuf placements = { .max = 1024 };
	struct ipc_record record;

	pack_headers(request, &headers);
	IPC_LIST_ADD(&placements, placement, &placement);
	TRY(dynbuf_err(&headers));
	TRY(dynbuf_err(&placements));
	const struct ipc_courier_call call = {
		.method = HTTP_GET,
		.body_kind = BODY_NONE,
		.timeout_ms = TIMEOUT_MS,
		.answer_max = ANSWER_MAX,
		.url = dynbuf_view(&request->url),
		.headers = dynbuf_view(&headers),
		.placements = dynbuf_view(&placements),
	};
	question_record(flow, question, OUTCOME_INTENT, &record);
	question->intent = record.event;
	return ask_begin(flow, &call, &record, &item, 1, on_answer, question);
}

/* The question is a request of one step with the arguments of the tool. */
static enum err build(const struct flow *flow, const struct permit *permit,
		      const struct context_want *want, const struct service_resource *resource,
		      struct tools_request *ret)
{
	scoped(doc_done) struct doc variables = { 0 };
	struct tools_values values = { .args = want->use->args, .now = flow->now };
	struct service_tool tool = *want->tool;

	if (permit->connection.variables.n > 0) {
		TRY(doc_read(permit->connection.variables, &variables));
		values.variables = &variables;
	}
	tool.steps[0] = resource->ask;
	tool.steps_n = 1;
	return tools_build(want->service, &tool, 0, &values, ret);
}

static enum err ask_one(struct flow *flow, const struct permit *permit,
			const struct context_want *want, size_t i, struct asking *asking)
{
	const struct service_resource *resource = want->tool->touches[i].resource;
	scoped(tools_request_done) struct tools_request request = { 0 };
	scoped(question_free) struct question *question = NULL;

	TRY(build(flow, permit, want, resource, &request));
	TRY(question_new(permit, want, resource, &question));
	question->asking = asking;
	question->key = key_of(permit, &want->use->resources[i]);
	TRY(send_question(flow, question, want->service, &request));
	asking->waiting++;
	(void)take(question);
	return OK;
}

static enum err ask_all(struct flow *flow, const struct permit *permit,
			const struct context_want *want, struct asking *asking)
{
	enum policy_context known;
	enum err err = OK;

	for (size_t i = 0; i < want->use->resources_n; i++)
		if (want->use->resources[i].id.n == 0 ||
		    want->tool->touches[i].resource->ask.path.n == 0)
			return ERR_NOT_FOUND; /* the whole cannot be known */
	for (size_t i = 0; err == OK && i < want->use->resources_n; i++)
		if (!recall(flow, key_of(permit, &want->use->resources[i]), &known))
			err = ask_one(flow, permit, want, i, asking);
	if (asking->waiting > 0)
		return OK; /* what could not be asked is not known */
	return err == OK ? ERR_NOT_FOUND : err;
}

/* The token that asks has to be good; who asked comes back and asks again. */
struct fresh {
	context_again_fn again;
	void *ctx;
};

static void on_refreshed(struct flow *flow, void *ctx, enum err err)
{
	const struct fresh fresh = *(struct fresh *)ctx;

	(void)err; /* whatever came of it, the rows decide */
	free(ctx);
	fresh.again(flow, fresh.ctx);
}

static enum err refresh_first(struct flow *flow, struct permit *permit,
			      const struct context_want *want)
{
	struct fresh *fresh = malloc(sizeof *fresh);

	if (fresh == NULL)
		return FAULT_NOMEM;
	*fresh = (struct fresh){ want->again, want->ctx };
	const enum err err = refresh_join(flow, &permit->connection, on_refreshed, fresh);
	if (err != OK)
		free(fresh);
	permit->refreshed = true;
	return err;
}

enum err context_ask(struct flow *flow, struct permit *permit, const struct context_want *want,
		     bool *ret_asked)
{
	enum refresh_need need;

	*ret_asked = false;
	TRY(refresh_needed(flow, &permit->connection, &need));
	if (need == REFRESH_NOW && permit->refreshed)
		return ERR_PROVIDER_UNAVAILABLE;
	if (need == REFRESH_NOW)
		return refresh_first(flow, permit, want);
	*ret_asked = true;
	struct asking *asking = calloc(1, sizeof *asking);
	if (asking == NULL)
		return FAULT_NOMEM;
	*asking = (struct asking){ .again = want->again, .ctx = want->ctx };
	const enum err err = ask_all(flow, permit, want, asking);
	if (err != OK)
		free(asking);
	return err;
}
