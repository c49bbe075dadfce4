/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/pushed.h"

#include <stdio.h>

#include "core/authserver/clientmeta.h"
#include "crypto/crypto.h"

/* A user's click, each, and each costs a row for some minutes. */
static const struct throttle_rate pushes = { .burst = 60, .every = USEC_PER_S };

/* What proves the client is of no use later, and a secret. */
static const char *const left_out[] = { "client_secret", "client_assertion",
					"client_assertion_type", "dpop_jkt" };

static bool is_left_out(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
		if (bytes_is(name, left_out[i]))
			return true;
	return false;
}

static enum err throttled(struct flow *flow, const struct call *call, const struct client *client)
{
	const struct id key =
		throttle_key("push", id_bytes(&client->agent.id), id_bytes(&call->address));

	if (throttle_wait(&flow->throttle, key, pushes, flow->boot) > 0)
		return ERR_RATE_LIMITED;
	throttle_take(&flow->throttle, key, pushes, flow->boot);
	return OK;
}

static enum err check_names(const struct form *form)
{
	for (size_t i = 0; i < form->n; i++)
		for (size_t j = 0; j < i; j++)
			if (bytes_eq(form->pairs[i].name, form->pairs[j].name))
				return ERR_MALFORMED;
	return form_count(form, "request_uri") + form_count(form, "request") == 0 ? OK
										  : ERR_MALFORMED;
}

static enum err check_request(const struct form *form, const struct client *client)
{
	const struct bytes id = form_find(form, "client_id");
	const struct bytes redirect = form_find(form, "redirect_uri");

	TRY(check_names(form));
	if (id.p != NULL && !bytes_eq(id, client->agent.client_id))
		return ERR_MALFORMED;
	return redirect.p == NULL || clientmeta_redirects(client->meta, redirect) ? OK
										  : ERR_MALFORMED;
}

/* The key that the code will be bound to: named, shown, or both and the same (9449 10.1). */
static enum err print_key(const struct form *form, const struct proof *proof, struct dynbuf *out)
{
	char shown[JWK_THUMBPRINT_TEXT + 1];
	struct bytes jkt = form_find(form, "dpop_jkt");

	if (proof->present) {
		jwk_thumbprint_print(proof->jkt, shown);
		if (jkt.p != NULL && !bytes_is(jkt, shown))
			return ERR_MALFORMED;
		jkt = str(shown);
	}
	if (jkt.p != NULL)
		form_add(out, "dpop_jkt", jkt);
	return OK;
}

static void print_pair(const struct form_pair *pair, struct dynbuf *out)
{
	if (is_left_out(pair->name))
		return;
	if (out->n > 0)
		dynbuf_u8(out, '&');
	form_encode(pair->name, out);
	dynbuf_u8(out, '=');
	form_encode(pair->value, out);
}

enum err pushed_keep(struct flow *flow, const struct call *call, const struct client *client,
		     const struct form *form, const struct proof *proof,
		     char ret_uri[static PUSHED_URI_MAX])
{
	scoped(dynbuf_done) struct dynbuf text = { .max = PUSHED_TEXT_MAX };
	struct token_text ticket;
	uint8_t random[TOKEN_RANDOM_LEN];

	TRY(throttled(flow, call, client));
	TRY(check_request(form, client));
	for (size_t i = 0; i < form->n; i++)
		print_pair(&form->pairs[i], &text);
	if (form_count(form, "client_id") == 0)
		form_add(&text, "client_id", client->agent.client_id);
	TRY(print_key(form, proof, &text));
	TRY(dynbuf_err(&text));
	rng_fill(random, sizeof random);
	token_print(TOKEN_TICKET, random, ticket.s);
	const struct pushed_row row = {
		.id = id_new(),
		.tenant = client->agent.tenant,
		.agent = client->agent.id,
		.text = dynbuf_view(&text),
		.expires = flow->now + PUSHED_LIFE_S * USEC_PER_S,
		.created = flow->now,
	};
	TRY(store_pushed_put(flow->store, &row, str(ticket.s)));
	snprintf(ret_uri, PUSHED_URI_MAX, PUSHED_PREFIX "%s", ticket.s);
	return OK;
}

static struct bytes ticket_of(struct bytes uri)
{
	const size_t n = strlen(PUSHED_PREFIX);

	if (!bytes_starts(uri, PUSHED_PREFIX))
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ uri.p + n, uri.n - n };
}

enum err pushed_find(struct flow *flow, struct bytes uri, struct id agent, struct bytes *ret)
{
	struct pushed_row row;

	const enum err err = store_pushed_find(flow->store, ticket_of(uri), flow->now, &row);
	if (err == ERR_USED || err == ERR_EXPIRED || (err == OK && !id_eq(row.agent, agent)))
		return ERR_NOT_FOUND;
	TRY(err);
	*ret = row.text;
	return OK;
}

enum err pushed_end(struct flow *flow, struct bytes uri)
{
	const enum err err = store_pushed_use(flow->store, ticket_of(uri), flow->now);

	return err == ERR_USED || err == ERR_EXPIRED ? ERR_NOT_FOUND : err;
}
