/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/errand.h"

enum {
	TIMEOUT_MS = 12000,
	ANSWER_MAX = 1024 * 1024,
	FOUND_ACCESS = 1u << 0,
	FOUND_REFRESH = 1u << 1,
};

void errand_done(struct errand *errand)
{
	provider_call_done(&errand->call);
	dynbuf_done(&errand->headers);
	dynbuf_done(&errand->placements);
	dynbuf_done(&errand->cuts);
}

static enum err secret_item(const struct errand_secrets *secrets, enum provider_secret which,
			    struct ask_item *ret)
{
	const struct connection_row *row = secrets->connection;
	const struct client_row *client = secrets->client;

	if (which == PROVIDER_CLIENT_SECRET) {
		if (client == NULL || client->secret.n == 0)
			return ERR_CONFLICT;
		*ret = (struct ask_item){ .field = PLACE_CLIENT_SECRET,
					  .tenant = client->tenant,
					  .object = client->id,
					  .version = client->secret_version,
					  .blob = client->secret };
		return OK;
	}
	const bool access = which == PROVIDER_ACCESS;
	if (row == NULL || (access ? row->access : row->refresh).n == 0)
		return ERR_CONFLICT;
	*ret = (struct ask_item){ .field = access ? PLACE_ACCESS_TOKEN : PLACE_REFRESH_TOKEN,
				  .tenant = row->tenant,
				  .user = row->user,
				  .object = row->id,
				  .version = access ? row->version : row->refresh_version,
				  .blob = access ? row->access : row->refresh };
	return OK;
}

static enum err add_placement(const struct provider_placement *from, uint8_t item,
			      struct dynbuf *out)
{
	static const uint8_t hows[] = {
		[PROVIDER_BEARER] = PLACEMENT_BEARER,	      [PROVIDER_HEADER] = PLACEMENT_HEADER,
		[PROVIDER_BASIC] = PLACEMENT_BASIC,	      [PROVIDER_MEMBER] = PLACEMENT_MEMBER,
		[PROVIDER_BASIC_USER] = PLACEMENT_BASIC_USER, [PROVIDER_URL] = PLACEMENT_URL,
	};
	const struct ipc_placement to = {
		.item = item, .how = hows[from->how], .name = from->name, .user = from->user
	};

	IPC_LIST_ADD(out, placement, &to);
	return dynbuf_err(out);
}

static enum err pack_placements(struct errand *errand, const struct errand_secrets *secrets)
{
	for (size_t i = 0; i < errand->call.placements_n; i++) {
		const struct provider_placement *from = &errand->call.placements[i];
		TRY(secret_item(secrets, from->secret, &errand->items[i]));
		TRY(add_placement(from, (uint8_t)i, &errand->placements));
		errand->items_n++;
	}
	return OK;
}

enum err errand_api(struct flow *flow, const struct service *service,
		    const struct connection_row *row, struct dynbuf *url, struct errand_api *ret)
{
	struct provider_placement placements[PROVIDER_CREDENTIALS_MAX];
	struct client_row client;

	*ret = (struct errand_api){ 0 };
	dynbuf_init(&ret->placements, 1024);
	const size_t n = provider_credentials(service, url, placements);
	const bool client_too = n > 1;
	if (client_too) {
		const enum err err =
			store_client_find(flow->store, row->tenant, row->service, &client);
		TRY(err == ERR_NOT_FOUND ? ERR_NO_CLIENT : err);
	}
	const struct errand_secrets secrets = { client_too ? &client : NULL, row };
	for (size_t i = 0; i < n; i++) {
		TRY(secret_item(&secrets, placements[i].secret, &ret->items[i]));
		TRY(add_placement(&placements[i], (uint8_t)i, &ret->placements));
		ret->items_n++;
	}
	return dynbuf_err(url);
}

enum err errand_pack(struct errand *errand, const struct errand_secrets *secrets)
{
	const struct service_pairs *headers = &errand->call.headers;

	dynbuf_init(&errand->headers, IPC_HEADERS_MAX);
	dynbuf_init(&errand->placements, 4096);
	dynbuf_init(&errand->cuts, 4096);
	for (size_t i = 0; i < headers->n; i++) {
		const struct ipc_header header = { headers->at[i].name, headers->at[i].value };
		IPC_LIST_ADD(&errand->headers, header, &header);
	}
	for (size_t i = 0; i < errand->call.cuts_n; i++) {
		const struct ipc_cut cut = { .path = errand->call.cuts[i] };
		IPC_LIST_ADD(&errand->cuts, cut, &cut);
	}
	TRY(dynbuf_err(&errand->headers));
	TRY(dynbuf_err(&errand->cuts));
	return pack_placements(errand, secrets);
}

enum err errand_begin(struct flow *flow, const struct errand *errand, struct id attempt,
		      const struct ipc_record *record, ask_done_fn done, void *journey)
{
	static const uint8_t methods[] = {
		[SERVICE_GET] = HTTP_GET,	[SERVICE_POST] = HTTP_POST,
		[SERVICE_PUT] = HTTP_PUT,	[SERVICE_PATCH] = HTTP_PATCH,
		[SERVICE_DELETE] = HTTP_DELETE,
	};
	static const uint8_t kinds[] = {
		[PROVIDER_BODY_NONE] = BODY_NONE,
		[PROVIDER_BODY_FORM] = BODY_FORM,
		[PROVIDER_BODY_JSON] = BODY_JSON,
	};
	const struct ipc_courier_call call = {
		.attempt = attempt,
		.method = methods[errand->call.method],
		.body_kind = kinds[errand->call.kind],
		.timeout_ms = TIMEOUT_MS,
		.answer_max = ANSWER_MAX,
		.url = dynbuf_view(&errand->call.url),
		.headers = dynbuf_view(&errand->headers),
		.body = dynbuf_view(&errand->call.body),
		.placements = dynbuf_view(&errand->placements),
		.cuts = dynbuf_view(&errand->cuts),
	};

	return ask_begin(flow, &call, record, errand->items, errand->items_n, done, journey);
}

void errand_reply(const struct service *service, const struct ask_answer *answer, bool refresh,
		  struct bytes asked, usec_t begun, struct reply *ret)
{
	const struct reply_input input = {
		.service = service,
		.refresh = refresh,
		.status = answer->reply.status,
		.retry_after = ipc_headers_find(answer->reply.headers, "retry-after"),
		.body = answer->reply.body,
		.found = answer->reply.found,
		.asked = asked,
		.now = begun,
	};

	reply_read(&input, ret);
	if (ret->class == REPLY_GRANTED && (answer->reply.found & FOUND_ACCESS) == 0)
		ret->class = REPLY_UNUSABLE;
}

static const char ends_name[] = "_refresh_ends";
static const char last_name[] = "_grant_ends"; /* however often it is refreshed */

void errand_ends_set(json_t *variables, usec_t ends)
{
	if (ends > 0)
		json_object_set_new(variables, ends_name, json_integer((json_int_t)ends));
}

static usec_t time_in(const json_t *variables, const char *name)
{
	int64_t at;

	return json_int(variables, name, &at) && at > 0 ? (usec_t)at : 0;
}

usec_t errand_ends(const json_t *variables)
{
	return time_in(variables, ends_name);
}

usec_t errand_ends_next(const json_t *variables, const struct service *service, usec_t said,
			usec_t now)
{
	const usec_t last = time_in(variables, last_name);
	usec_t ends = said;

	if (ends == 0 && service->oauth.idle_s > 0)
		ends = now + service->oauth.idle_s * USEC_PER_S;
	return last > 0 && (ends == 0 || ends > last) ? last : ends;
}

void errand_ends_begin(json_t *variables, const struct service *service, usec_t said, usec_t now)
{
	const usec_t lives = service->oauth.lives_s * USEC_PER_S;

	json_object_del(variables, last_name);
	if (lives > 0)
		json_object_set_new(variables, last_name, json_integer((json_int_t)(now + lives)));
	errand_ends_set(variables, errand_ends_next(variables, service, said, now));
}

json_t *errand_variables(const struct connection_row *row)
{
	json_t *variables = NULL;

	if (row->variables.n == 0 ||
	    json_parse(row->variables, &json_request_limits, &variables) != OK)
		return json_object();
	return variables;
}

enum err errand_adopt(struct flow *flow, const struct service *service, const json_t *variables,
		      const struct ask_answer *answer, const struct errand_home *home)
{
	const struct connection_row *row = home->row;
	const struct ask_item places[] = {
		{ .field = PLACE_ACCESS_TOKEN,
		  .tenant = row->tenant,
		  .user = row->user,
		  .object = row->id,
		  .version = home->version },
		{ .field = PLACE_REFRESH_TOKEN,
		  .tenant = row->tenant,
		  .user = row->user,
		  .object = row->id,
		  .version = home->version },
	};
	scoped(dynbuf_done) struct dynbuf hosts;

	dynbuf_init(&hosts, IPC_HOSTS_MAX);
	service_hosts(service, provider_value, variables, &hosts);
	TRY(dynbuf_err(&hosts));
	return ask_adopt(flow, RECEIVER_COURIER, answer->reply.capsule, places,
			 (answer->reply.found & FOUND_REFRESH) != 0 ? 2 : 1, dynbuf_view(&hosts),
			 home->done, home->journey);
}
